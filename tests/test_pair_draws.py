"""Draws with a language pair: uniform, and those of a running sum over all groups."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from hbt.layout import ItemLayout
from hbt.pair_draws import PairDraws
from hbt.random_streams import Purpose, bounded, random_words


def test_draws_are_uniform_among_the_items_that_have_the_pair() -> None:
    available = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1], [1, 0, 0]])
    layout = ItemLayout.from_arrays(available, np.array([1, 0, 1, 0, 0, 1]))
    words = random_words(0, Purpose.DRAW, 3000)
    pairs = np.tile([[1, 2], [2, 0], [1, 0]], (1000, 1))
    items = layout.items(PairDraws(layout, 0)(pairs[:, 0], pairs[:, 1], words))
    assert set(items[1::3].tolist()) == set(items[2::3].tolist()) == {4}
    assert chisquare(np.bincount(items[0::3], minlength=5)[3:]).pvalue > 1e-3


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(1, 15)), max_size=60),
    st.integers(0, 2**64 - 1),
)
def test_blocks_find_what_a_running_sum_finds(drawn: list[tuple[int, int, int]], seed: int) -> None:
    drawn = [*drawn, (0, 5, 15)]  # a group that has every pair
    source, sizes, bits = (np.array(column) for column in zip(*drawn, strict=True))
    has = (bits[:, None] >> np.arange(4) & 1).astype(bool)
    layout = ItemLayout.from_groups(sizes, source, has)
    words = random_words(seed, Purpose.DRAW, 48)
    query, passage = np.arange(48) // 4 % 4, np.arange(48) % 4
    found = PairDraws(layout, 0)(query, passage, words)
    for row in range(48):
        group = np.flatnonzero((source == 0) & has[:, query[row]] & has[:, passage[row]])
        slots = np.concatenate(
            [np.arange(layout.group_ends[g] - sizes[g], layout.group_ends[g]) for g in group]
        )
        assert found[row] == slots[bounded(words[row : row + 1], len(slots))[0]]
