"""Passes: every item once and no passage twice in a batch, whatever is shared."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import hbt.passes
from hbt.layout import ItemLayout
from hbt.passes import Passes, deal, pass_lengths
from hbt.plan_settings import MONOLINGUAL, PlanSettings
from hbt.random_streams import Purpose, random_words
from hbt.streams import StreamTable, streams_of_kind


def one_stream(passage_id: list[int] | np.ndarray | None, size: int | None = None) -> ItemLayout:
    ids = None if passage_id is None else np.asarray(passage_id, dtype=np.int64)
    size = len(ids) if size is None else size
    return ItemLayout.from_groups([size], [0], np.array([[True]]), ids, ["en"], ["a"])


def table_of(layout: ItemLayout) -> StreamTable:
    return streams_of_kind(layout, PlanSettings(), MONOLINGUAL)


def a_pass(layout: ItemLayout, batch_size: int, number: int, seed: int = 0) -> np.ndarray:
    """Slots (n_batches, batch_size) of one pass."""
    made = Passes(layout, table_of(layout), batch_size, seed)
    n_batches = int(made.n_batches[0])
    first = number * n_batches
    return np.stack([made(0, first + batch).astype(np.int64) for batch in range(n_batches)])


def most_batches(ids: list[int], batch_size: int) -> int:
    """The longest pass by trial: always take the passages of which most items are left."""
    left = sorted(np.unique(ids, return_counts=True)[1].tolist(), reverse=True)
    batches = 0
    while len(left) >= batch_size:
        left = [count - 1 for count in left[:batch_size]] + left[batch_size:]
        left = sorted((count for count in left if count), reverse=True)
        batches += 1
    return batches


SHARED = st.lists(st.integers(0, 12), min_size=1, max_size=120)


@given(SHARED, st.integers(1, 9))
def test_a_pass_is_as_long_as_it_can_be(ids: list[int], batch_size: int) -> None:
    layout = one_stream(ids)
    longest = most_batches(ids, batch_size)
    if longest == 0:
        with pytest.raises(ValueError, match=f"has {len(set(ids))} items with different passages"):
            pass_lengths(layout, table_of(layout), batch_size)
    else:
        n_batches, _ = pass_lengths(layout, table_of(layout), batch_size)
        assert n_batches.tolist() == [longest]


@settings(deadline=None)
@given(SHARED, st.integers(1, 9), st.integers(0, 2**64 - 1), st.integers(1, 4))
def test_no_passage_twice_in_a_batch_and_no_item_twice_in_a_pass(
    ids: list[int], batch_size: int, seed: int, least_chunk: int
) -> None:
    if len(set(ids)) < batch_size:
        return
    layout = one_stream(ids)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hbt.passes, "_LEAST_CHUNK", least_chunk)
        slots = a_pass(layout, batch_size, 3, seed)
    assert len(np.unique(slots)) == slots.size
    passages = np.sort(layout.passages(slots), axis=1)
    assert (passages[:, 1:] != passages[:, :-1]).all()


@pytest.mark.parametrize("shared", [1, 2, 7, 40])
@pytest.mark.parametrize("size", [640, 5003])
def test_a_pass_has_every_item_but_the_remainder(size: int, shared: int) -> None:
    layout = one_stream(np.arange(size) // shared)
    left_out = []
    for number in range(4):
        slots = a_pass(layout, 10, number)
        assert len(np.unique(slots)) == slots.size == size - size % 10
        left_out.append(tuple(np.setdiff1d(np.arange(size), slots).tolist()))
    assert len(set(left_out)) == (4 if size % 10 else 1)


def test_a_pass_leaves_out_of_an_oversized_passage_other_items_each_time() -> None:
    ids = np.concatenate((np.zeros(50), np.arange(1, 41))).astype(int)  # 90 items, 41 passages
    layout = one_stream(ids)
    used = [a_pass(layout, 5, number) for number in range(30)]
    assert {len(slots) for slots in used} == {10}
    of_oversized = np.concatenate([slots[slots < 50] for slots in used])
    assert set(of_oversized.tolist()) == set(range(50))
    assert all(np.count_nonzero(slots < 50) == 10 for slots in used)


def test_passes_and_batches_differ() -> None:
    layout = one_stream(np.arange(300) // 3)
    batches = {
        tuple(sorted(row)) for number in range(3) for row in a_pass(layout, 4, number).tolist()
    }
    assert len(batches) == 3 * 75


def test_any_two_items_meet_and_any_row_takes_any_item() -> None:
    layout = one_stream([0, 0, 1, 1, 2, 2, 3, 3])
    met, at_row = set(), set()
    for number in range(60):
        for row in a_pass(layout, 4, number).tolist():
            met |= set(itertools.combinations(sorted(row), 2))
            at_row |= set(enumerate(row))
    assert len(met) == 28 - 4  # all pairs but those that share a passage
    assert len(at_row) == 4 * 8


def test_nothing_of_the_dealing_shows() -> None:
    # passage 0 has ten items; dealt in a row they would come at the front of ten batches in a row
    layout = one_stream(np.maximum(np.arange(100) - 9, 0))
    rows, distances = [], []
    for number in range(300):
        batch, row = np.nonzero(a_pass(layout, 5, number) < 10)
        rows += row.tolist()
        distances += np.diff(batch).tolist()
    assert chisquare(np.bincount(rows)).pvalue > 1e-3
    # ten of twenty batches at random: the next one is the neighbour with probability one half
    assert 0.46 < np.mean(np.array(distances) == 1) < 0.54


def test_what_is_kept_for_later_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    layout = one_stream(np.arange(3000) // 2)
    straight = [a_pass(layout, 10, number) for number in range(2)]
    monkeypatch.setattr(hbt.passes, "_CACHE_BYTES", 0)
    made = Passes(layout, table_of(layout), 10, 0)
    for number in (599, 0, 300, 299, 17, 450, 16, 0):
        assert (made(0, number) == straight[number // 300][number % 300]).all()


def test_kept_chunks_stay_within_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    layout = ItemLayout.from_groups([640] * 20, [0] * 20, np.eye(20, dtype=bool))
    monkeypatch.setattr(hbt.passes, "_CACHE_BYTES", 5 * 640 * 4)
    made = Passes(layout, table_of(layout), 10, 0)
    for stream in [*range(20), 3, 4]:
        made(stream, 0)
    assert made._cached_bytes == sum(rows.nbytes for _, rows in made._chunks.values()) > 0
    assert made._cached_bytes <= 5 * 640 * 4
    assert [*made._chunks][-2:] == [3, 4]


def test_dealing_by_hand() -> None:
    # Passages 5 5 7 5 8 7 in this order: side by side 5 5 5 7 7 8, dealt in turn to three batches.
    ids = np.array([5, 5, 7, 5, 8, 7])
    in_order = np.zeros(9, dtype=np.uint64)  # sorting equal words shuffles nothing
    assert deal(ids, 3, 2, in_order).tolist() == [[0, 2], [1, 5], [3, 4]]
    words = random_words(0, Purpose.DEAL, 9)
    shuffled = deal(ids, 3, 2, words)
    assert sorted(sorted(row) for row in shuffled.tolist()) == [[0, 2], [1, 5], [3, 4]]
    # Two batches of two: the third 5 is not kept, and of the rest the last is dropped.
    assert deal(ids, 2, 2, np.zeros(6, dtype=np.uint64)).tolist() == [[0, 2], [1, 4]]


def test_a_bound_on_sharing_serves_for_very_many_items(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.repeat(np.arange(1000), 5)
    layout = one_stream(ids)
    exact = pass_lengths(layout, table_of(layout), 10)
    assert [part.tolist() for part in exact] == [[500], [5]]
    monkeypatch.setattr(hbt.passes, "_COUNT_BITS", 8)
    n_batches, shared = pass_lengths(layout, table_of(layout), 10)
    assert n_batches.tolist() == [500]
    assert 5 <= shared[0] <= 60
    slots = a_pass(layout, 10, 0)
    assert len(np.unique(slots)) == 5000
    passages = np.sort(layout.passages(slots), axis=1)
    assert (passages[:, 1:] != passages[:, :-1]).all()


def test_sharing_is_counted_within_a_source() -> None:
    # groups of the two sources alternate, and passage 0 has items in both
    layout = ItemLayout.from_groups(
        [3, 2, 3], [0, 1, 0], np.ones((3, 1), dtype=bool), np.array([0, 0, 1, 0, 0, 0, 2, 3])
    )
    assert pass_lengths(layout, table_of(layout), 1)[1].tolist() == [3, 2]
