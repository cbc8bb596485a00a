"""`hbt data export`: every benchmark in every form, and back by `hbt evaluate --benchmark`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from random_benchmarks import assert_same

from hbt import sources
from hbt.suite import cli
from hbt.suite.benchmarks import VILLAGE_SPLITS, load_benchmark
from hbt.suite.profiles import profile_settings

SMOKE = profile_settings("smoke")


def export(*words: object) -> int:
    return cli.main(["data", "export", *map(os.fspath, words)])


@pytest.mark.parametrize("form", ["beir", "trec"])
@pytest.mark.parametrize("split", VILLAGE_SPLITS)
def test_the_village_comes_back_unchanged(form: str, split: str, tmp_path: Path) -> None:
    target = tmp_path / "out"
    village = ("--benchmark", "village", "--profile", "smoke", "--split", split)
    assert export(*village, "--format", form, "--out", target) == 0
    benchmark = load_benchmark("village", profile="smoke", split=split)
    assert_same(load_benchmark(str(target)), benchmark)
    again = tmp_path / "again"
    other = "trec" if form == "beir" else "beir"
    assert export("--benchmark", target, "--format", other, "--out", again) == 0
    assert_same(load_benchmark(str(again)), benchmark)


def test_a_profile_is_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    small = load_benchmark("village", profile="smoke")
    assert (len(small.query_texts), len(small.passage_texts)) == (825, 660)
    named = []
    monkeypatch.setattr(
        "hbt.suite.profiles.profile_settings", lambda name: named.append(name) or SMOKE
    )
    assert load_benchmark("village").digest() == small.digest()
    assert named == ["classroom"]


def test_a_real_benchmark_comes_back_unchanged(shared_data: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    real = ("--benchmark", "mlqa-r", "--data-dir", shared_data)
    assert export(*real, "--format", "trec", "--out", target) == 0
    assert_same(load_benchmark(str(target)), load_benchmark("mlqa-r", data_dir=shared_data))


def test_ids_are_printed_or_written(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    village = ("--benchmark", "village", "--profile", "smoke", "--format", "ids")
    assert export(*village) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    benchmark = load_benchmark("village", profile="smoke")
    assert lines == list(sources.id_lines(benchmark))
    assert len(lines) == 1 + 825 + 660
    assert lines[0].startswith("kind\trow\tid")
    assert export(*village, "--out", tmp_path / "new/ids.tsv") == 0
    assert (tmp_path / "new/ids.tsv").read_text(encoding="utf-8") == printed


def test_bad_input_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("full").mkdir()
    Path("full/mine").write_text("x")
    Path("file").write_text("x")
    village = ["--benchmark", "village", "--profile", "smoke"]
    for words, message in (
        ([*village, "--format", "beir"], "--format beir writes a folder: name it with --out"),
        ([*village, "--format", "beir", "--out", "full"], "full is already there; name a new"),
        ([*village, "--format", "trec", "--out", "file"], "file is already there; name a new"),
        ([*village, "--format", "trec", "--out", "file/x"], "file/x cannot be written"),
        ([*village, "--format", "ids", "--out", "full"], "full cannot be written (Is a directory"),
        (["--benchmark", "nothing", "--format", "ids"], "benchmark 'nothing' is none of"),
    ):
        assert export(*words) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith(f"hbt: {message}")
        assert captured.err.count("\n") == 1
        assert captured.out == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "mine"]
