"""The counting step as compiled loops, for the CPU: a small part of the time of the product.

A query's scores in one language are a few kilobytes. They stay in the processor's innermost cache
while the loop compares them with each of the query's relevant scores, eight or more at a time. The
loops run without Python's lock, so that threads count a tile each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numba
import numpy as np

from hbt.counting import Layout, TileCounts, TilePairs
from hbt.counting_torch import top_k

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


def count_tile(
    scores: Tensor, pairs: TilePairs, layout: Layout, k: int, counts: TileCounts
) -> tuple[np.ndarray, np.ndarray]:
    """Count one tile; as in `hbt.counting_numpy`."""
    tile, fast = scores.numpy(), k <= LANES
    columns = np.empty((len(tile), k if fast else 0), dtype=np.int64)
    values = np.empty(columns.shape, dtype=np.float32)
    offsets = pairs.offsets(len(tile))
    given = (pairs.score, pairs.own, pairs.tie_place, layout.begin, layout.end, layout.tie_place)
    found = (counts.higher, counts.tied, counts.earlier, columns, values)
    _count_rows(tile, offsets, *given, *found)
    return (columns, values) if fast else top_k(scores, k, layout)


@compiled()
def _count_rows(
    scores,
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
    columns,
    values,
):
    k = columns.shape[1]
    peaks, highest = np.empty(LANES, dtype=np.float32), np.empty(k, dtype=np.float32)
    for row in range(len(scores)):
        line = scores[row]
        for language in range(len(begin)):
            part = line[begin[language] : end[language]]
            place = tie_place[begin[language] : end[language]]
            for pair in range(offsets[row], offsets[row + 1]):
                above, reached = _compare(part, pair_score[pair])
                # the relevant passage itself is no tie
                equal = reached - above - (pair_own[pair] == language)
                higher[pair, language] += above
                if equal:
                    tied[pair, language] += equal
                    earlier[pair, language] += _earlier(
                        part, pair_score[pair], place, pair_place[pair]
                    )
        if k:  # now, while the row is in the cache
            _first_k(line, tie_place, peaks, highest, columns[row], values[row])


@compiled()
def _compare(part, score):
    """How many scores are higher than one, and how many reach it."""
    # 32 bits all along, as wide as a score: else half as many fit into a register
    above, reached = np.int32(0), np.int32(0)
    for column in range(len(part)):
        above = np.int32(above + np.int32(part[column] > score))
        reached = np.int32(reached + np.int32(part[column] >= score))
    return above, reached


@compiled()
def _earlier(part, score, place, own_place):
    """How many scores are equal to one, in an earlier place."""
    before = np.int32(0)
    for column in range(len(part)):
        ahead = (part[column] == score) & (place[column] < own_place)
        before = np.int32(before + np.int32(ahead))
    return before


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
def _first_k(line, tie_place, peaks, highest, found, best):
    """The first k columns of a row in trec order and their scores, into `found` and `best`."""
    k, n = len(found), 0
    _peaks(line, peaks)
    bound = _kth_highest(peaks, highest)  # reached by k lanes, so by the k-th score too
    for lane in range(LANES):
        if peaks[lane] < bound:
            continue
        for column in range(lane, len(line), LANES):
            score, place = line[column], tie_place[column]
            if score < bound:
                continue
            at = n if n < k else k - 1
            if n == k and not _before(score, place, best[at], tie_place[found[at]]):
                continue
            while at > 0 and _before(score, place, best[at - 1], tie_place[found[at - 1]]):
                best[at], found[at] = best[at - 1], found[at - 1]
                at -= 1
            best[at], found[at] = score, column
            n = min(n + 1, k)


@compiled()
def _before(score, place, other_score, other_place):
    """Whether a passage stands before another one."""
    return score > other_score or (score == other_score and place < other_place)
