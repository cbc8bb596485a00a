"""Held-out items: the last of each source and set of languages, with passages of their own."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import hub_files
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_texts import tiny_items

from hbt.corpus import CorpusError, ParallelItems
from hbt.sources.arrow_texts import ArrowTexts, open_column, write_column
from hbt.sources.joined import JoinedTexts, join_items
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
    with pytest.raises(CorpusError, match="all 4 held-out items share passages"):
        split_items(same, 4)


def alone(name: str, language: str, n_items: int) -> ParallelItems:
    texts = {language: [f"{name} {language} {row}" for row in range(n_items)]}
    zeros = np.zeros(n_items, dtype=np.int64)
    return ParallelItems(name, (language,), np.arange(n_items), zeros, (name,), texts, texts)


def test_every_source_and_set_of_languages_gives_its_share() -> None:
    """40 parallel items, 4 of them without Chinese, then 20 in German and 10 in Swahili."""
    mix = join_items("mix", [ITEMS, alone("one", "de", 20), alone("one", "sw", 10)])
    training, benchmark = split_items(mix, 14)
    assert benchmark is not None
    assert training.source_names == ("tiny", "one")
    assert np.bincount(training.source).tolist() == [32, 24]
    assert list(training.queries["en"]) == [*ITEMS.queries["en"][:32], *[None] * 24]
    kept = [f"one de {row}" for row in range(16)]
    assert list(training.passages["de"]) == [None] * 32 + kept + [None] * 8
    held = {text for text in benchmark.query_texts if text.startswith("one")}
    assert held == {f"one de {row}" for row in range(16, 20)} | {"one sw 8", "one sw 9"}
    assert len(benchmark.query_texts) == 8 * 4 - 1 + 6
    trained_on = {text for column in training.passages.values() for text in column if text}
    assert not set(benchmark.passage_texts) & trained_on


def test_texts_on_disk_and_negatives_are_cut_along(tmp_path: Path) -> None:
    hard = tiny_items(40, negatives=1)
    path = tmp_path / "texts.arrow"
    write_column(enumerate(hard.passages["en"]), path, "texts")
    row_of, column = open_column(path)
    on_disk = ArrowTexts(column, np.arange(40), row_of)
    items = dataclasses.replace(hard, passages={**hard.passages, "en": on_disk})
    training, _ = split_items(join_items("mix", [items, alone_with_negative("one", 20)]), 15)
    assert len(training) == 30 + 15
    assert isinstance(training.passages["en"], JoinedTexts)
    assert list(training.passages["en"]) == [*hard.passages["en"][:30], *[None] * 15]
    assert list(training.negatives[0]["en"])[:30] == hard.negatives[0]["en"][:30]
    assert training.negative_id[:30].tolist() == hard.negative_id[:30].tolist()
    _, plain = split_items(join_items("mix", [ITEMS, alone("one", "de", 20)]), 15)
    _, benchmark = split_items(join_items("mix", [items, alone_with_negative("one", 20)]), 15)
    assert benchmark.passage_texts == plain.passage_texts


def alone_with_negative(name: str, n_items: int) -> ParallelItems:
    items = alone(name, "de", n_items)
    others = {"de": [f"not {text}" for text in items.passages["de"]]}
    ids = np.arange(n_items, 2 * n_items)[:, None]
    return dataclasses.replace(items, negatives=(others,), negative_id=ids)


@given(
    sources=st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc")), min_size=2, max_size=40),
    data=st.data(),
)
def test_shares_are_in_proportion(sources: list[tuple[int, str]], data: st.DataObject) -> None:
    held_out = data.draw(st.integers(1, len(sources) - 1))
    rows = range(len(sources))
    texts = {
        code: [f"{row}" if sources[row][1] == code else None for row in rows] for code in "abc"
    }
    source = np.array([each for each, _ in sources])
    items = ParallelItems(
        "x", ("a", "b", "c"), np.arange(len(sources)), source, ("s0", "s1", "s2"), texts, texts
    )
    sizes = Counter(sources)
    try:
        training, benchmark = split_items(items, held_out)
    except CorpusError:  # of a source nothing would be left, as below
        return
    assert benchmark is not None
    held = sorted(int(text) for text in benchmark.query_texts)
    assert len(held) == held_out
    assert len(training) == len(sources) - held_out
    for group, size in sizes.items():
        own = [row for row in rows if sources[row] == group]
        number = sum(row in held for row in own)
        assert abs(number - size * held_out / len(sources)) < 1
        assert [row for row in own if row in held] == own[len(own) - number :]


def test_a_source_keeps_something_to_train_on() -> None:
    mix = join_items("mix", [alone("large", "de", 9), alone("small", "de", 1)])
    with pytest.raises(CorpusError, match="mix: of small no item would be left to train on"):
        split_items(mix, 5)


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
