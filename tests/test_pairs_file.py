"""Training data of any repository, named by a YAML file, up to `hbt train`."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import hub_files
import pytest

from hbt.corpus import CorpusError
from hbt.sources.pairs_file import read_pairs_file
from hbt.sources.training_data import training_items
from hbt.suite.cli import main

MINE = """
repository: someone/mine
files: {en: en/*.parquet, de: de.jsonl}
query: question
passage: context
id: uid
folder: copy
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A YAML file, with 24 questions in English and German beside it."""
    rows = [(f"u{i}", f"question {i}", f"passage {i}") for i in range(24)]
    columns = dict(zip(("uid", "question", "context"), zip(*rows, strict=True), strict=True))
    german = [{"uid": u, "question": f"{q} de", "context": f"{p} de"} for u, q, p in rows]
    hub_files.write(
        tmp_path / "copy",
        {"en/a.parquet": hub_files.as_parquet(columns), "de.jsonl": hub_files.jsonl(german)},
    )
    (tmp_path / "mine.yaml").write_text(MINE, encoding="utf-8")
    return tmp_path / "mine.yaml"


def test_items_are_matched_by_id(mine: Path) -> None:
    items = training_items(f"pairs:{mine}")
    assert items.languages == ("en", "de")
    assert len(items) == 24
    assert items.available.all()
    assert items.queries["de"][3] == "question 3 de"
    assert training_items(f"pairs:{mine}", languages=["de"]).languages == ("de",)
    with pytest.raises(CorpusError, match="has no language 'fr', only en, de"):
        training_items(f"pairs:{mine}", languages=["fr"])


def test_training_on_it_from_the_command_line(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "model: {name: static, dimension: 16, vocabulary_size: 300}\n"
        f"data: {{training: 'pairs:{mine}'}}\n"
        "sampling: {sampling: hybrid, batch_size: 8}\n"
        "training: {steps: 20}\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    assert main(["train", str(tmp_path / "config.yaml"), "--out", str(out)]) == 0
    settings = json.loads((out / "training" / "settings.json").read_text(encoding="utf-8"))
    assert settings["data"] == training_items(f"pairs:{mine}").digest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("repository: x", r"repository is 'x', not owner/name"),
        ("repository: a/b", "has no files"),
        ("files: {de: x}", "has no repository"),
        ("repository: a/b\nfiles: [x]", "files is .'x'., not a text for each language"),
        ("repository: a/b\nfiles: {no: x}", "files is {False: 'x'}, not a text for each"),
        ("repository: a/b\nfiles: {de: x}\nquery: 1", "query is 1, not a text"),
        ("repository: a/b\nfiles: {de: x}\nrevision: main", "'main', not the full hash"),
        ("repository: a/b\nfiles: {de: x}\nname: x", "name is none of repository, files, query"),
        ("- x", "has no fields"),
        ("a: [", "cannot be read: while parsing"),
    ],
)
def test_a_broken_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=rf"mine\.yaml.* {message}"):
        training_items(f"pairs:{path}")
    with pytest.raises(CorpusError, match=r"other\.yaml cannot be read"):
        training_items(f"pairs:{tmp_path / 'other.yaml'}")


def test_the_documented_file_can_be_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[1].joinpath("docs", "data.md").read_text(encoding="utf-8")
    block = page.partition("```yaml\n")[2].partition("```")[0]
    text = textwrap.dedent(block).replace("0123...", "a" * 40)
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    found = read_pairs_file(tmp_path / "mine.yaml")
    assert found.repository == "owner/name"
    assert list(found.files) == ["de", "sw"]
    assert (found.query, found.passage, found.id) == ("question", "context", "uid")
    assert found.folder == str(tmp_path / "copy")
