"""What `hbt bench sampling` measures: the clashes counted by hand, and every contender's turn."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from hbt.suite.bench import false_negatives, samplers, sampling
from hbt.suite.cli import main


def test_false_negatives_by_hand() -> None:
    # passage 1 answers three queries: each of them meets two others
    assert false_negatives._extra(np.array([1, 1, 1, 2])) == pytest.approx(6 / 4)
    assert false_negatives._extra(np.arange(4)) == 0
    batches = np.array([[1, 2], [2, 3], [4, 5], [6, 7], [8, 9]])
    met = false_negatives.gathered(batches, 2)
    assert met.tolist() == [[1, 2, 2, 3], [4, 5, 6, 7]]
    assert [false_negatives._extra(batch) for batch in met] == [0.5, 0]


def test_texts_do_not_tell_translations_apart() -> None:
    found = {(row["sampler"], row["devices"]): row for row in false_negatives.false_negatives()}
    for devices in false_negatives.DEVICES:
        assert found["hbt, hybrid", devices]["per_query"] == 0
        assert found["hbt, hybrid", devices]["batch_size"] == 64 * devices
        # two items and four languages: of the 8,000 rows 7 are copies of a query's passage
        expected = (64 * devices - 1) * 7 / 7999
        default = found["sentence-transformers, default", devices]["per_query"]
        assert default == pytest.approx(expected, rel=0.3)
        texts = found["sentence-transformers, NO_DUPLICATES", devices]["per_query"]
        assert 0 < texts < 1.3 * expected


def test_the_layout_has_nine_sources_two_without_parallel_languages() -> None:
    layout = samplers.nine_sources(4_000_000)
    assert len(layout.source_names) == 9
    assert len(layout.languages) == 110
    assert (layout.items_with(2) == 0).sum() == 2
    assert abs(len(layout) - 4_000_000) < 20_000
    assert len(layout.group_size) > 600


def test_every_sampler_has_its_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"sampler": "one", "devices": 2, "batch_size": 4, "per_query": 0.25}
    monkeypatch.setattr(false_negatives, "false_negatives", lambda: [row])  # tested above
    target = tmp_path / "sampling.json"
    options = ["--items", "20000", "--texts", "2000", "--batch-size", "20", "--batches", "30"]
    assert main(["bench", "sampling", *options, "--json", str(target)]) == 0
    found = json.loads(target.read_text())
    assert [row["sampler"] for row in found["samplers"]] == list(samplers.CONTENDERS)
    assert all(row["setup_seconds"] >= 0 for row in found["samplers"])
    assert all(row["microseconds_per_batch"] > 0 for row in found["samplers"])
    assert {row["items"] for row in found["samplers"]} == {20_000, 2_000}
    printed = capsys.readouterr().out
    assert "hbt, passes" in printed
    assert "2 device(s)    0.250" in printed


def test_bad_numbers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    sampling.add(parser.add_subparsers())
    with pytest.raises(SystemExit):
        parser.parse_args(["sampling", "--items", "0"])
    assert "not a whole number above 0" in capsys.readouterr().err
