"""The committed results: what the pages say is what the tables hold."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from hbt.suite import cli, results, results_page
from hbt.suite.language_groups import GROUPS
from hbt.suite.profiles import Profile, profile_settings
from hbt.suite.worlds import load_world

REPOSITORY = Path(__file__).parents[1]
FOLDERS = [REPOSITORY / "results" / name for name in ("village", "real", "village-transformer")]
TABLES = ("bm25", "samplings", "differences", "alpha", "low_resource", "low_resource_changes")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_page_is_made_of_the_tables(folder: Path) -> None:
    assert {file.stem for file in folder.glob("*.csv")} == set(TABLES)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert results_page.page_of(folder, run) == (folder / "README.md").read_text(encoding="utf-8")
    for name in ("samplings", "alpha", "low_resource"):
        assert (folder / f"{name}.png").stat().st_size > 1000


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_claim_over_seeds_has_five_of_them(folder: Path) -> None:
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert run["profile"]["name"] == "full"
    assert len(run["profile"]["seeds"]) >= 5
    for name in ("samplings", "differences", "alpha", "low_resource_changes"):
        table = pd.read_csv(folder / f"{name}.csv")
        assert table.n_seeds.ge(5).all()
        assert table.over.eq("seeds and items").all()
        assert (table.low.le(table.estimate) & table.estimate.le(table.high)).all()
    groups = pd.read_csv(folder / "low_resource.csv")
    assert set(groups.group) == set(GROUPS)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--profile", "huge"], "profile 'huge' is not one of smoke, classroom, full, paper"),
        (["--data", "moon"], "data 'moon' is not one of village, real"),
        (["--seed", "-1"], "seed must be a whole number from 0, not -1"),
        (
            ["--profile", "smoke", "--encoder", "transformer"],
            "the profile smoke has no transformer",
        ),
        (["--profile", "smoke", "--out", "file"], "file cannot be made (File exists)"),
        (["--profile", "smoke", "--out", "file/x"], "file/x cannot be made (Not a directory)"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_is_made(
    words: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "file").touch()
    assert cli.main(["results", "--out", "out", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("hbt: ")
    assert told.endswith(f"{sentence}\n")
    assert told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failure_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fail(profile: Profile) -> None:
        assert (tmp_path / "out").is_dir()
        raise ValueError("the disk is full")

    monkeypatch.setattr(results, "_tables", fail)
    assert cli.main(["results", "--profile", "smoke", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "hbt: the disk is full\n"
    assert not (tmp_path / "out").exists()


def test_a_page_of_the_smoke_profile_says_that_it_means_nothing() -> None:
    run = json.loads((FOLDERS[0] / "run.json").read_text(encoding="utf-8"))
    run["profile"] |= {"name": "smoke", "seeds": [0]}
    page = results_page.page_of(FOLDERS[0], run)
    assert results_page.SMOKE in page
    assert "; 1 seed. " in page


def test_the_readme_shows_the_committed_tables() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for folder in FOLDERS:
        assert results_page.samplings_of(folder) in readme


def test_the_village_is_the_one_that_was_measured() -> None:
    run = json.loads((FOLDERS[0] / "run.json").read_text(encoding="utf-8"))
    world = load_world(profile_settings("full").base.world)
    assert run["digests"]["training"] == world.training.digest()
    assert run["digests"]["test"] == world.benchmark("test").digest()
