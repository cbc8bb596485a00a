"""Held-out items: the last ones, without passages that are trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import hub_files
import numpy as np
import pytest
from tiny_texts import tiny_items

from hbt.corpus import CorpusError
from hbt.suite.benchmarks import load_benchmark
from hbt.suite.train_data import split_items

ITEMS = tiny_items(40)


def test_the_last_items_are_held_out() -> None:
    training, benchmark = split_items(ITEMS, 8)
    assert len(training) == 32
    assert training.passage_id.tolist() == ITEMS.passage_id[:32].tolist()
    assert training.queries["ru"] == ITEMS.queries["ru"][:32]
    assert benchmark is not None
    assert set(benchmark.query_texts) == {
        text for column in ITEMS.queries.values() for text in column[32:] if text
    }
    assert not set(benchmark.passage_texts) & {
        text for column in training.passages.values() for text in column if text
    }
    assert len(benchmark.query_texts) == 8 * 4 - 1  # item 39 lacks Chinese


def test_a_passage_on_both_sides_is_not_held_out() -> None:
    passage_id = ITEMS.passage_id.copy()
    passage_id[35] = passage_id[3]
    shared = dataclasses.replace(ITEMS, passage_id=passage_id)
    training, benchmark = split_items(shared, 8)
    assert len(training) == 32
    assert benchmark is not None
    assert ITEMS.queries["en"][35] not in benchmark.query_texts
    assert ITEMS.queries["en"][36] in benchmark.query_texts


def test_nothing_held_out_and_too_much() -> None:
    assert split_items(ITEMS, 0) == (ITEMS, None)
    with pytest.raises(CorpusError, match="40 items, too few to hold out 40"):
        split_items(ITEMS, 40)
    same = dataclasses.replace(ITEMS, passage_id=np.zeros(40, dtype=np.int64))
    with pytest.raises(CorpusError, match="all of the last 4 share passages"):
        split_items(same, 4)


def test_benchmarks_within_languages_are_read_by_name(tmp_path: Path) -> None:
    hub_files.write(tmp_path / "mldr", hub_files.mldr())
    with pytest.raises(CorpusError, match="there are 1, published are 200"):
        load_benchmark("mldr:hi", data_dir=tmp_path)
    with pytest.raises(CorpusError, match="'xx'"):
        load_benchmark("mldr:xx", data_dir=tmp_path)
    with pytest.raises(ValueError, match="miracl has no split 'train', only dev"):
        load_benchmark("miracl:sw", data_dir=tmp_path, split="train")
    with pytest.raises(ValueError, match="is none of xquad-r, mlqa-r, village, miracl, "):
        load_benchmark("squad")
