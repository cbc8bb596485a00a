"""`hbt results --profile paper`: tiny checkpoints with the published ones' classes and files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from test_real_models import lareqa_file
from tiny_checkpoints import tiny_labse, tiny_xlm_r
from tiny_texts import all_texts

from hbt import sources
from hbt.sources.lareqa import MLQA_R, XQUAD_R, LareqaSet
from hbt.suite import cli, profiles, requirements, results_page
from hbt.suite.paper_profile import ENCODER_VARIABLE
from hbt.suite.profiles import Profile, profile_settings

QUESTIONS = {"xquad-r": range(14), "mlqa-r": range(70, 140)}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Both sets in their real layout and with real counts of languages, but few questions."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        for each in (XQUAD_R, MLQA_R):
            write_set(folder, each, patch)
        patch.setattr(sources, "MLQA_R_OVERLAPS", ())
        relevant = MLQA_R.relevant
        object.__setattr__(MLQA_R, "relevant", (3, 3))
        yield folder
        object.__setattr__(MLQA_R, "relevant", relevant)


def write_set(folder: Path, lareqa_set: LareqaSet, patch: pytest.MonkeyPatch) -> None:
    (folder / lareqa_set.folder).mkdir()
    for column, language in enumerate(lareqa_set.counts):
        rows = [*QUESTIONS[lareqa_set.folder]]
        if lareqa_set is MLQA_R:  # three languages of each question, each pair of languages once
            rows = [row for row in rows if (row - column) % 7 in (0, 1, 3)]
        patch.setitem(lareqa_set.counts, language, (len(rows), len(rows)))
        path = folder / lareqa_set.folder / f"{language}.json"
        path.write_bytes(lareqa_file(language, rows))


@pytest.fixture
def ready(data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As on a machine with a card of which torch only sees the processor; short trainings."""
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(requirements, "_no_device", lambda: None)
    monkeypatch.setitem(profiles.SWEEPS, "paper", (1, (0.0, 0.5, 1.0), ()))

    def short(*arguments: object) -> Profile:
        profile = profile_settings(*arguments)
        small = {"batch_size": 8, "steps": 4, "precision": "float32", "learning_rate": 1e-3}
        base = profile.base.replace(**small)
        return dataclasses.replace(profile, base=base, resamples=50)

    monkeypatch.setattr(profiles, "profile_settings", short)
    return data_dir


@pytest.mark.parametrize(("name", "make"), [("xlm-r", tiny_xlm_r), ("labse", tiny_labse)])
def test_the_tables_of_a_published_encoder(
    name: str,
    make: Callable,
    ready: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setenv(ENCODER_VARIABLE, str(make(tmp_path / name, all_texts())))
    monkeypatch.chdir(tmp_path)
    out = Path("out")
    words = ["results", "--profile", "paper", "--data", "real", "--data-dir", str(ready)]
    assert cli.main([*words, "--out", "out"]) == 0
    kept = [each for each in (tmp_path / "cache" / "finetuning").glob("*/") if each.is_dir()]
    assert f"({len(kept) + 1} models: 0.0 GB in " in capsys.readouterr().err
    assert cli.main([*words, "--out", "out"]) == 0
    assert "models: " not in capsys.readouterr().err
    tables = {"bm25", "samplings", "differences", "alpha"}
    assert {path.stem for path in out.glob("*.csv")} == tables
    assert {path.stem for path in out.glob("*.png")} == {"samplings", "alpha"}
    assert not list(out.glob("*.partial"))
    samplings = pd.read_csv(out / "samplings.csv")
    assert set(samplings.n_seeds) == {1}
    assert set(samplings.system) >= {"X-X-mono", "X-Y", "hybrid", "X-X"}
    means = samplings[samplings.metric.eq("mAP") & samplings.setting.eq("multilingual")].estimate
    assert means.between(0.01, 1).all()
    assert means.nunique() == len(means)

    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert run["profile"]["base"]["encoder"]["kind"] == f"path:FOLDER/{name}"
    assert set(run["digests"]) == {"training", "test", "encoder"}
    page = (out / "README.md").read_text(encoding="utf-8")
    assert page == results_page.page_of(out, run)
    assert page.startswith(f"# real, `FOLDER/{name}`, profile paper\n\nReal text: MLQA-R for fine-")
    assert "| training.learning_rate | 0.001 | paper: " in page
    assert "Low-resource" not in page
    for text in (page, (out / "run.json").read_text(encoding="utf-8")):
        assert str(tmp_path) not in text
        assert str(ready) not in text

    paper = {"xlm-r": "XLM-R", "labse": "LaBSE"}[name]
    assert cli.main(["report", f"{paper}={out}", "--out", str(tmp_path / "report")]) in (0, 1)
    report = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert f"(real, FOLDER/{name}, paper): real text; a replication of {paper} on" in report
    assert "Fine-tuned on mlqa-r alone; the paper trains on other sets, too." in report


def test_a_folder_with_tables_of_another_profile_is_left_as_it_is(
    ready: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv(ENCODER_VARIABLE, str(tiny_xlm_r(tmp_path / "xlm-r", all_texts())))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "low_resource.csv").write_text("K\n")
    words = ["results", "--profile", "paper", "--data", "real", "--data-dir", str(ready)]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "holds low_resource.csv, which the profile paper does not make: name another" in told
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["low_resource.csv"]


def test_what_is_missing_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv(ENCODER_VARIABLE, "nowhere")
    out = tmp_path / "out"
    assert cli.main(["results", "--profile", "paper", "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (told,) = printed.err.splitlines()
    assert told.startswith("hbt: the profile paper does not run here: a GPU: torch finds no CUDA")
    assert "; a model: 'nowhere' is no short name, no owner/name and no folder (" in told
    assert "; real text: data is 'village' (" in told
    assert not out.exists()
    assert not (tmp_path / "cache").exists()
    words = ["results", "--profile", "paper", "--encoder", "static", "--out", str(out)]
    assert cli.main(words) == 2
    assert "--encoder static is of the other profiles" in capsys.readouterr().err
