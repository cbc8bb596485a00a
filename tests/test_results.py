"""The committed results: what the pages say is what the tables hold."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from hbt.suite import results_page
from hbt.suite.language_groups import GROUPS
from hbt.suite.profiles import profile_settings
from hbt.suite.worlds import load_world

REPOSITORY = Path(__file__).parents[1]
FOLDERS = [REPOSITORY / "results" / name for name in ("village", "real")]
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


def test_the_readme_shows_the_committed_tables() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for folder in FOLDERS:
        assert results_page.samplings_of(folder) in readme


def test_the_village_is_the_one_that_was_measured() -> None:
    run = json.loads((FOLDERS[0] / "run.json").read_text(encoding="utf-8"))
    world = load_world(profile_settings("full").base.world)
    assert run["digests"]["training"] == world.training.digest()
    assert run["digests"]["test"] == world.benchmark("test").digest()
