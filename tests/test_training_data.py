"""Training data by name: mMARCO on disk, one's own translations, MLQA-R."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hub_files
import numpy as np
import pytest

from hbt.corpus import CorpusError
from hbt.sources import mmarco
from hbt.sources.arrow_texts import ArrowTexts, open_column, write_column
from hbt.sources.training_data import training_items


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_mmarco_is_parallel_by_id(tmp_path: Path, cache: Path) -> None:
    folder = hub_files.write(tmp_path / "data" / "mmarco", hub_files.mmarco())
    items = mmarco.mmarco_items(["en", "de"], tmp_path / "data")
    assert list(items.queries["de"]) == ["german query 20", "german query 5", "german query 5"]
    assert list(items.passages["en"]) == [f"english passage {i}" for i in (1, 0, 3)]
    assert items.passage_id.tolist() == [1, 0, 3]
    assert items.available.all()
    assert items.negatives == ()
    one = mmarco.mmarco_items(["en", "de"], folder, negatives=1)
    assert list(one.negatives[0]["en"]) == [f"english passage {i}" for i in (3, 1, 1)]
    assert list(one.negatives[0]["de"]) == [f"german passage {i}" for i in (3, 1, 1)]
    assert one.negative_id.tolist() == [[3], [1], [1]]
    assert list(one.queries["de"]) == list(items.queries["de"])
    two = mmarco.mmarco_items(["en"], folder, negatives=2)  # one pair has as many
    assert two.passage_id.tolist() == [1]
    assert two.negative_id.tolist() == [[3, 2]]
    assert [list(side["en"]) for side in two.negatives] == [
        ["english passage 3"],
        ["english passage 2"],
    ]

    triples = mmarco.mmarco_items(["en", "de"], folder, each_triple=True)
    assert triples.passage_id.tolist() == [1, 0, 1, 3]
    triples = mmarco.mmarco_items(["en"], folder, each_triple=True, negatives=1)
    assert triples.negative_id.tolist() == [[3], [1], [2], [1]]
    with pytest.raises(CorpusError, match="1 of 4 items lack a text"):  # German passage 2
        mmarco.mmarco_items(["en", "de"], folder, each_triple=True, negatives=1)
    with pytest.raises(CorpusError, match="negatives is 2; a triple has 1"):
        mmarco.mmarco_items(["en"], folder, each_triple=True, negatives=2)
    assert list(mmarco.mmarco_passages("en", folder))[3] == ("3", "english passage 3")
    kept = sorted(path.name for path in (cache / "data" / "arrow").iterdir())
    made = [name for name in kept if not name.endswith(".lock")]
    assert len(made) == 5, "each table was made once"
    assert not any("partial" in name for name in kept)


READ = """
import sys
from hbt.sources import arrow_texts, mmarco

def counted(write):
    def write_and_note(*arguments):
        with open("made", "a") as log:
            log.write(write.__name__ + "\\n")
        return write(*arguments)
    return write_and_note

mmarco.write_column = counted(mmarco.write_column)
arrow_texts._write_ints = counted(arrow_texts._write_ints)
print(mmarco.mmarco_items(["en", "de"], "data").digest())
"""


def test_one_of_several_processes_converts_mmarco(tmp_path: Path) -> None:
    hub_files.write(tmp_path / "data" / "mmarco", hub_files.mmarco())
    running = [
        subprocess.Popen(
            [sys.executable, "-c", READ], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    digests = {process.communicate(timeout=60)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(digests) == 1
    made = (tmp_path / "made").read_text().split()
    assert sorted(made) == ["_write_ints", *["write_column"] * 4]


def test_mmarco_leaves_out_few_and_refuses_many_without_a_text(tmp_path: Path) -> None:
    files = hub_files.mmarco()
    path = "data/google/collections/german_collection.tsv"
    files[path] = files[path].replace(b"german passage 0", b" ")
    folder = hub_files.write(tmp_path / "mmarco", files)
    with pytest.raises(CorpusError, match="1 of 3 items lack a text"):
        mmarco.mmarco_items(["en", "de"], folder)
    rows = [(20, 1, 3)] * 120 + [(5, 0, 1)]
    (folder / "data/triples.train.ids.small.tsv").write_bytes(hub_files.tsv(*rows))
    items = mmarco.mmarco_items(["en", "de"], folder, each_triple=True)
    assert len(items) == 120
    (folder / path).write_bytes(hub_files.tsv((2, "b"), (1, "a")))
    with pytest.raises(CorpusError, match=r"german_collection\.tsv: id 1 comes after 2"):
        mmarco.mmarco_items(["de"], folder)
    (folder / "data/triples.train.ids.small.tsv").write_bytes(b"1\tx\t2\n")
    with pytest.raises(CorpusError, match="is no table of 3 whole numbers"):
        mmarco.mmarco_items(["en"], folder)
    with pytest.raises(CorpusError, match="mMARCO has no language 'sw'"):
        mmarco.mmarco_items(["sw"], folder)


def test_texts_on_disk_behave_like_a_list(tmp_path: Path) -> None:
    path = tmp_path / "texts.arrow"
    words = {number: f"text {number}" for number in range(0, 200_000, 3)}
    write_column(((number, text) for number, text in words.items()), path, "words")
    row_of, column = open_column(path)
    assert column.num_chunks > 1
    keys = np.random.default_rng(0).integers(0, len(row_of), 500)
    texts = ArrowTexts(column, keys, row_of)
    expected = [words.get(int(key)) for key in keys]
    assert list(texts) == expected
    assert texts.presence().tolist() == [text is not None for text in expected]
    assert list(texts[10:20]) == expected[10:20]
    assert texts[-1] == expected[-1]
    with pytest.raises(IndexError):
        texts[500]


def test_a_folder_of_translations(tmp_path: Path) -> None:
    folder = hub_files.write(
        tmp_path / "mine",
        {
            "en.jsonl": hub_files.jsonl(
                [
                    {"id": "01", "query": "one?", "passage": "One."},
                    {"id": 2, "query": "two?", "passage": "Two."},
                    {"id": "3", "query": "three?", "passage": "One."},
                ]
            ),
            "zh-CN.tsv": hub_files.tsv(("passage", "id", "query"), ("二。", "2", "二？")),
            "notes.txt": b"not data\n",
        },
    )
    items = training_items(f"parallel:{folder}")
    assert items.languages == ("en", "zh-CN")
    assert items.queries["zh-CN"] == [None, "二？", None]
    assert items.passage_id.tolist() == [0, 1, 0]
    assert len(training_items(f"parallel:{folder}", languages=["zh-CN"])) == 1
    with pytest.raises(CorpusError, match="mine has no language 'de', only en, zh-CN"):
        training_items(f"parallel:{folder}", languages=["de"])
    for broken, message in (
        (b"id\tquery\tpassage\n1\tq\n", r"de\.tsv, line 2 has 2 columns"),
        (b"id\tquery\tpassage\n1\tq\t \n", r"de\.tsv, line 2: 'passage' is no text"),
        (b"id\tquery\tpassage\n1\tq\tp\n1\tq\tp\n", "id '1' comes a second time"),
    ):
        (folder / "de.tsv").write_bytes(broken)
        with pytest.raises(CorpusError, match=message):
            training_items(f"parallel:{folder}")
    (folder / "de.tsv").unlink()
    (folder / "en.tsv").write_bytes(b"id\tquery\tpassage\n")
    with pytest.raises(CorpusError, match=r"en\.jsonl and en\.tsv"):
        training_items(f"parallel:{folder}")


def test_items_with_one_passage_id_share_it(tmp_path: Path) -> None:
    records = [
        {"id": str(i), "query": f"q{i}", "passage": f"p{i}", "passage_id": i // 2} for i in range(4)
    ]
    hub_files.write(tmp_path, {"en.jsonl.gz": hub_files.jsonl_gz(records)})
    assert training_items(f"parallel:{tmp_path}").passage_id.tolist() == [0, 0, 1, 1]


def test_names_of_training_data(shared_data: Path) -> None:
    items = training_items("mlqa-r", shared_data, ["en", "de"])
    assert items.languages == ("en", "de")
    for name in ("squad", "parallel:", "mmarco:", "squad:en"):
        with pytest.raises(
            CorpusError, match="is none of mlqa-r, mmarco, miracl, mldr, parallel:FOLDER"
        ):
            training_items(name)
