"""`hbt bench evaluation` on a pool of a second, and the made benchmark that it measures on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hbt.suite import machine
from hbt.suite.bench.evaluation import table
from hbt.suite.bench.made_pool import make, memory_increase, only_queries
from hbt.suite.cli import main

REPOSITORY = Path(__file__).resolve().parent.parent
SIZES = {"--queries": 40, "--passages": 90, "--dim": 16, "--languages": 3, "--sample": 7}


def test_ours_and_the_peers_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = machine.installed_version  # ranx compiles for a minute: here it is not installed
    monkeypatch.setattr(machine, "installed_version", lambda name: name != "ranx" and there(name))
    options = [str(part) for option in SIZES.items() for part in option]
    file = tmp_path / "new" / "result.json"
    assert main(["bench", "evaluation", *options, "--repeats", "1", "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["ratio_to_matmul"] == result["ours_s"] / result["matmul_s"]
    assert result["ratio_without_kernel"] == result["ours_without_kernel_s"] / result["matmul_s"]
    assert result["peak_rss_mb"] >= 0
    assert 0 < result["mAP"] < 1
    assert result["versions"]["numpy"] == np.__version__
    assert result["peers"]["ranx"] is None
    assert result["left_out"] == {"ranx": 'ranx is not installed: pip install "hbt[bench]"'}
    for peer in ("pytrec_eval", "scikit-learn", "sentence-transformers"):
        row = result["peers"][peer]
        assert (row["sampled_queries"], row["extrapolated"]) == (7, True)
        for pools in ("", "_all_pools"):
            assert row[f"max_abs_difference{pools}"] < 1e-9, peer
            assert row[f"times_ours{pools}"] == row[f"seconds{pools}"] / result["ours_s"]
    printed = capsys.readouterr().out
    assert printed == table(result) + "\n"
    assert "| ranx | left out: ranx is not installed" in printed
    assert "extrapolated from 7 queries" in printed


def test_the_made_benchmark_is_parallel() -> None:
    made = make(25, 41, 12, 4)
    benchmark = made.benchmark
    relevant = benchmark.relevant_passage.reshape(25, 4)
    languages = benchmark.passage_language[relevant]
    np.testing.assert_array_equal(languages, np.tile(np.arange(4), (25, 1)))
    np.testing.assert_allclose(np.linalg.norm(made.passages, axis=1), 1, rtol=1e-5)
    near = (made.queries[:, None] * made.passages[relevant]).sum(axis=2).mean()
    assert near > (made.queries @ made.passages.T).mean() + 0.03
    with pytest.raises(ValueError, match="25 queries and 3 passages cannot be in 4 languages"):
        make(25, 3, 12, 4)


def test_some_queries_keep_their_passages() -> None:
    benchmark = make(25, 41, 12, 4).benchmark
    few = only_queries(benchmark, np.array([3, 20]))
    assert few.query_ids == ["q3", "q20"]
    assert len(few.passage_ids) == 41
    np.testing.assert_array_equal(few.relevant_query, np.repeat([0, 1], 4))
    expected = benchmark.relevant_passage.reshape(25, 4)[[3, 20]].ravel()
    np.testing.assert_array_equal(few.relevant_passage, expected)


def test_the_rise_of_memory_is_seen() -> None:
    def hold() -> None:
        held = np.ones(2**24, dtype=np.float32)  # 64 MB for a moment
        held += 1

    assert 60 < memory_increase(hold) < 100


def test_bad_options(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "evaluation", "--dim", "0"])
    assert "'0' is not a whole number above 0" in capsys.readouterr().err
    assert main(["bench", "evaluation", "--queries", "3", "--passages", "20"]) == 2
    assert "3 queries and 20 passages cannot be in 11 languages" in capsys.readouterr().err


def test_page_shows_what_was_measured() -> None:
    file = REPOSITORY / "results" / "bench" / "evaluation.json"
    result = json.loads(file.read_text(encoding="utf-8"))
    page = (REPOSITORY / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert table(result) in page
    assert result["command"] in page
    assert result["peers"].keys() == {
        "pytrec_eval",
        "scikit-learn",
        "ranx",
        "sentence-transformers",
    }
