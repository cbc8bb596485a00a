"""The measured coverage: what is simulated, and that the page shows what was measured."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from hbt.suite.bench import coverage, coverage_report, resampling
from hbt.suite.cli import main

REPOSITORY = Path(__file__).resolve().parent.parent
MEASURED = REPOSITORY / "results" / "bench" / "coverage.json"


def test_simulated_scores_have_the_variance_that_is_asked_for() -> None:
    random = np.random.default_rng(0)
    for items in ("normal", "skewed"):
        values, of_seeds = coverage.simulated(1, 0.8, items, 4_000, random)
        assert values.shape == (1, coverage.UNITS, 4_000)
        means = values.mean(axis=(0, 1))
        assert means.mean() == pytest.approx(0, abs=0.02)
        assert of_seeds.var() / means.var() == pytest.approx(0.8, abs=0.03)


def test_command_writes_result_and_figure(tmp_path: Path) -> None:
    result, figure = tmp_path / "coverage.json", tmp_path / "coverage.png"
    arguments = ["--trials", "4", "--resamples", "20", "--json", str(result)]
    assert main(["bench", "coverage", *arguments, "--figure", str(figure)]) == 0
    found = json.loads(result.read_text())
    assert len(found["coverage"]) == 2 * len(coverage.SHARES) * len(coverage.SEEDS)
    assert all(0 <= row["population"] <= 1 for row in found["coverage"])
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert main(["bench", "coverage", "--trials", "1"]) == 2
    assert main(["bench", "resampling", "--seeds", "0"]) == 2


def test_made_up_scores_have_the_shape_of_xquad_r() -> None:
    frame = resampling.made_up(np.random.default_rng(0))
    assert len(frame) == 11 * 1190 * 12
    sizes = frame.groupby(["setting", "query_language", "passage_language"]).size()
    assert sizes.groupby("setting").size().to_dict() == {
        "monolingual": 11,
        "cross-lingual": 110,
        "multilingual": 11,
    }
    assert frame.cluster.nunique() == 240
    assert frame.groupby("item").cluster.nunique().max() == 1


def test_page_shows_what_was_measured() -> None:
    result = json.loads(MEASURED.read_text(encoding="utf-8"))
    page = (REPOSITORY / "docs" / "uncertainty.md").read_text(encoding="utf-8")
    for table in coverage_report.text(result).split("\n\n"):
        assert table in page
    assert f"hbt {shlex.join(shlex.split(result['command'])[1:])}" in page
    assert result["trials"] == 2000


def test_measured_intervals_are_right_from_five_seeds_on() -> None:
    rows = json.loads(MEASURED.read_text(encoding="utf-8"))["coverage"]
    low, high = coverage_report.ACCEPTED
    for row in rows:
        if row["n_seeds"] >= 5:
            assert low <= row["population"] <= high, row
        elif row["items"] == "normal":
            assert low <= row["these_seeds"] <= high, row
