"""The counting step in numpy: its comparisons are faster than torch's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbt.counting import WORD, Layout, TileCounts, TilePairs
from hbt.counting_torch import top_k

if TYPE_CHECKING:
    from torch import Tensor

LANE = 255
"""So many words can be added before one of their eight bytes could overflow."""

COMPARISONS = 2**20
"""Truth values held at a time by one thread; about what a processor keeps in its cache."""


@dataclass(frozen=True)
class _Runs:
    """Runs of at most 255 words of one language: their byte sums cannot overflow.

    Attributes:
        word: int64 array; the word at which each run begins.
        first: int64 array; the first run of each language that has passages.
        present: int64 array; the languages that have passages.
    """

    word: np.ndarray
    first: np.ndarray
    present: np.ndarray


def _runs(layout: Layout) -> _Runs:
    words: list[int] = []
    first: list[int] = []
    present = np.flatnonzero(layout.end > layout.begin)
    for language in present:
        first.append(len(words))
        begin, end = int(layout.begin[language]), int(layout.end[language])
        words.extend(range(begin // WORD, -(-end // WORD), LANE))
    return _Runs(np.array(words, dtype=np.int64), np.array(first, dtype=np.int64), present)


def count_tile(
    scores: Tensor, pairs: TilePairs, layout: Layout, k: int, counts: TileCounts
) -> tuple[np.ndarray, np.ndarray]:
    """Count one tile, and find the first k columns of each row.

    Args:
        scores: float32 tensor (n_rows, width) on the CPU, finite, minus infinity in padding.
        pairs: the relevant passages.
        layout: what the columns are.
        k: how many columns to find, at most as many as have a passage.
        counts: what is found for the pairs is added here.

    Returns:
        The columns of each row in trec order, and their scores: two arrays (n_rows, k).
    """
    tile, slots_of, runs = scores.numpy(), pairs.slot, _runs(layout)
    offsets = pairs.offsets(len(tile))

    most = int(np.diff(offsets).max(initial=1))
    rows = max(1, COMPARISONS // (layout.width * most))  # so many as fit into the cache
    slots = min(most, max(1, COMPARISONS // (layout.width * rows)))
    truth = np.empty(rows * slots * layout.width, dtype=bool)
    for row in range(0, len(tile), rows):
        stop = min(row + rows, len(tile))
        here = np.arange(offsets[row], offsets[stop])
        for slot in range(0, most, slots):
            among = slots_of[here] - slot
            chosen = here[(among >= 0) & (among < slots)]
            if len(chosen):
                at = (pairs.row[chosen] - row, slots_of[chosen] - slot)
                _compare(tile[row:stop], pairs, chosen, at, layout, runs, truth, counts)
    return top_k(scores, k, layout)


def _compare(
    rows: np.ndarray,
    pairs: TilePairs,
    chosen: np.ndarray,
    at: tuple[np.ndarray, np.ndarray],
    layout: Layout,
    runs: _Runs,
    buffer: np.ndarray,
    counts: TileCounts,
) -> None:
    """Add to the counts of the chosen pairs, which belong to the given rows.

    `at` is the place of each chosen pair in a matrix (rows, slots).
    """
    shape = (len(rows), int(at[1].max()) + 1)
    n_languages = len(layout.begin)
    own = pairs.own[chosen]
    inside = np.flatnonzero(own >= 0)
    wanted = np.full(shape, np.inf, dtype=np.float32)  # no pair here: nothing reaches infinity
    wanted[at] = pairs.score[chosen]
    truth = buffer[: shape[0] * shape[1] * layout.width].reshape(*shape, layout.width)
    np.greater(rows[:, None, :], wanted[:, :, None], out=truth)  # (rows, slots, width)
    counts.higher[chosen] += _by_language(truth, runs, n_languages)[at]
    np.equal(rows[:, None, :], wanted[:, :, None], out=truth)
    if np.count_nonzero(truth) == len(inside):
        return  # each passage equals itself alone: no ties
    counts.tied[chosen] += _by_language(truth, runs, n_languages)[at]
    counts.tied[chosen[inside], own[inside]] -= 1
    place = np.zeros(shape, dtype=np.int32)
    place[at] = pairs.tie_place[chosen]
    truth &= layout.tie_place < place[:, :, None]
    counts.earlier[chosen] += _by_language(truth, runs, n_languages)[at]


def _by_language(truth: np.ndarray, runs: _Runs, n_languages: int) -> np.ndarray:
    """Number of true columns per language: (rows, slots, width) -> (rows, slots, n_languages)."""
    rows, slots, width = truth.shape
    words = truth.reshape(rows * slots, width).view(np.int64)  # eight columns in a word
    sums = np.add.reduceat(words, runs.word, axis=1)  # eight byte sums in a word
    parts = sums.view(np.uint8).reshape(rows * slots, -1, WORD).sum(axis=2, dtype=np.int64)
    totals = np.zeros((rows * slots, n_languages), dtype=np.int64)
    totals[:, runs.present] = np.add.reduceat(parts, runs.first, axis=1)
    return totals.reshape(rows, slots, -1)
