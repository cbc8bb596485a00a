"""The counting step as compiled loops, for the CPU: a tenth of the time of the matrix product.

A query's scores in one language are a few kilobytes. They stay in the processor's innermost cache
while the loop compares them with each of the query's relevant scores, eight or more at a time. The
loops run without Python's lock, so that threads share the rows of a tile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numba
import numpy as np

from hbt import counting_torch
from hbt.counting import Layout, Threads, TileCounts, TilePairs

if TYPE_CHECKING:
    from torch import Tensor

LANES = 256
"""Columns are dealt to so many groups when the first k are looked for."""


def compiled(**flags: object) -> Callable[[Callable], Callable]:
    """Compile a function at its first call and keep the machine code for the next process."""

    def wrap(function: Callable) -> Callable:
        try:
            return numba.njit(nogil=True, cache=True, **flags)(function)
        except RuntimeError:  # there is no folder that could be written to
            return numba.njit(nogil=True, **flags)(function)

    return wrap


def count_tile(scores: Tensor, pairs: TilePairs, layout: Layout, threads: Threads) -> TileCounts:
    """Counts of one tile; arguments as in `hbt.counting_numpy`."""
    tile = scores.numpy()
    counts = TileCounts.zeros(len(pairs.row), len(layout.begin))
    offsets = pairs.offsets(len(tile))
    given = (pairs.score, pairs.own, pairs.tie_place, layout.begin, layout.end, layout.tie_place)
    found = (counts.higher, counts.tied, counts.earlier)
    threads.share(
        lambda first, last: _count_rows(tile, first, last, offsets, *given, *found), len(tile)
    )
    return counts


@compiled()
def _count_rows(
    scores,
    first,
    last,
    offsets,
    pair_score,
    pair_own,
    pair_place,
    begin,
    end,
    tie_place,
    higher,
    tied,
    earlier,
):
    for row in range(first, last):
        for language in range(len(begin)):
            part = scores[row, begin[language] : end[language]]
            place = tie_place[begin[language] : end[language]]
            for pair in range(offsets[row], offsets[row + 1]):
                score = pair_score[pair]
                # 32 bits all along, as wide as a score: else half as many fit into a register
                above, reached = np.int32(0), np.int32(0)
                for column in range(len(part)):
                    above = np.int32(above + np.int32(part[column] > score))
                    reached = np.int32(reached + np.int32(part[column] >= score))
                equal = reached - above - (pair_own[pair] == language)
                higher[pair, language] = above
                tied[pair, language] = equal
                if equal:
                    before, limit = np.int32(0), pair_place[pair]
                    for column in range(len(part)):
                        ahead = (part[column] == score) & (place[column] < limit)
                        before = np.int32(before + np.int32(ahead))
                    earlier[pair, language] = before


def top_k(
    scores: Tensor, k: int, layout: Layout, threads: Threads
) -> tuple[np.ndarray, np.ndarray]:
    """First k columns of each row in trec order, with their scores: two arrays (n_rows, k)."""
    if k > LANES:
        return counting_torch.top_k(scores, k, layout, threads)
    tile = scores.numpy()
    columns = np.zeros((len(tile), k), dtype=np.int64)
    values = np.zeros((len(tile), k), dtype=np.float32)
    threads.share(
        lambda first, last: _top_rows(tile, first, last, layout.tie_place, columns, values),
        len(tile),
    )
    return columns, values


@compiled(fastmath={"nnan", "nsz"})  # a maximum becomes one instruction; no score is NaN
def _peaks(row, peaks):
    """The highest score among the columns of each residue modulo LANES."""
    peaks[:] = -np.inf
    whole = len(row) // LANES * LANES
    for start in range(0, whole, LANES):
        for lane in range(LANES):
            score = row[start + lane]
            peaks[lane] = score if score > peaks[lane] else peaks[lane]
    for lane in range(len(row) - whole):
        score = row[whole + lane]
        peaks[lane] = score if score > peaks[lane] else peaks[lane]


@compiled()
def _kth_highest(values, highest):
    """The k-th highest of some values; `highest` (k,) is room to work in."""
    highest[:] = -np.inf
    for value in values:
        at = len(highest) - 1
        if value <= highest[at]:
            continue
        while at > 0 and highest[at - 1] < value:
            highest[at] = highest[at - 1]
            at -= 1
        highest[at] = value
    return highest[-1]


@compiled()
def _top_rows(scores, first, last, tie_place, columns, values):
    k = columns.shape[1]
    peaks, highest = np.empty(LANES, dtype=np.float32), np.empty(k, dtype=np.float32)
    for row in range(first, last):
        line, best, found = scores[row], values[row], columns[row]
        _peaks(line, peaks)
        bound = _kth_highest(peaks, highest)  # reached by k lanes, so by the k-th score too
        n = 0
        for lane in range(LANES):
            if peaks[lane] < bound:
                continue
            for column in range(lane, len(line), LANES):
                score = line[column]
                if score < bound:
                    continue
                at = n if n < k else k - 1
                if n == k and not _before(score, tie_place[column], best[at], tie_place[found[at]]):
                    continue
                while at > 0 and _before(
                    score, tie_place[column], best[at - 1], tie_place[found[at - 1]]
                ):
                    best[at], found[at] = best[at - 1], found[at - 1]
                    at -= 1
                best[at], found[at] = score, column
                n = min(n + 1, k)


@compiled()
def _before(score, place, other_score, other_place):
    """Whether a passage stands before another one."""
    return score > other_score or (score == other_score and place < other_place)
