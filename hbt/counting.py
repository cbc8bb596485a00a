"""The counting step: one tile of scores in, the numbers of passages that score higher or tie out.

A tile is a block of queries by all passages. Its columns are sorted by language, so that counts per
language are sums over neighbouring columns. There are two forms with the same result: numpy for the
CPU (comparisons are cheaper there than torch's, and threads can share them) and torch for any
device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

WORD = 8
"""Truth values are bytes; eight of them are added at once as one 64-bit word."""

LANE = 255
"""So many words can be added before one of their eight bytes could overflow."""

COMPARISONS = 2**20
"""Truth values held at a time by one thread; about what a processor keeps in its cache."""


def tie_ids(passage_ids: Sequence[str]) -> list[str]:
    """The names that decide ties: 16 hexadecimal digits of each id's sha256.

    trec_eval orders equal scores by document id, descending. Given these names it orders them as
    this package does. Being hashes they carry no language: with names such as "en-17" the tie rule
    itself would prefer one language to another.
    """
    return [hashlib.sha256(name.encode()).hexdigest()[:16] for name in passage_ids]


@dataclass(frozen=True)
class Layout:
    """Which passage stands in which column of a tile.

    Passages are sorted by language. Each language begins at a multiple of eight columns and is
    filled up with padding columns, whose score must be minus infinity.

    Attributes:
        column: int64 array (n_passages,), the column of each passage.
        passage: int64 array (width,), the passage of each column, -1 for padding.
        begin, end: int64 arrays (n_languages,), the columns of each language without its padding.
        tie_position: int32 array (width,), the place of each column among equal scores, 0 first.
        word_starts: int64 array; where runs of at most 255 words of one language begin.
        run_starts: int64 array; the first run of each language that has passages.
        present: int64 array; the languages that have passages.
    """

    column: np.ndarray
    passage: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    tie_position: np.ndarray
    word_starts: np.ndarray
    run_starts: np.ndarray
    present: np.ndarray

    @property
    def width(self) -> int:
        """Number of columns, padding included."""
        return len(self.passage)


def make_layout(
    passage_language: np.ndarray, passage_ids: Sequence[str], n_languages: int
) -> Layout:
    """Columns for passages of the given languages, in their order within each language."""
    size = np.bincount(passage_language, minlength=n_languages)
    padded = -(-size // WORD) * WORD
    begin = np.cumsum(padded) - padded
    # rows of whole cache lines (16 float32): the matrix product is a quarter faster on them
    width = -(-int(padded.sum()) // 16) * 16
    order = np.argsort(passage_language, kind="stable")
    columns = np.arange(len(order)) + np.repeat(begin - (np.cumsum(size) - size), size)
    column = np.empty(len(order), dtype=np.int64)
    column[order] = columns
    passage = np.full(width, -1, dtype=np.int64)
    passage[column] = np.arange(len(order))

    keys = np.array([int(name, 16) for name in tie_ids(passage_ids)], dtype=np.uint64)
    tie_position = np.full(width, len(order), dtype=np.int32)
    tie_position[column[np.argsort(~keys, kind="stable")]] = np.arange(len(order))

    word_starts: list[int] = []
    run_starts: list[int] = []
    present = np.flatnonzero(size)
    for language in present:
        run_starts.append(len(word_starts))
        first = int(begin[language]) // WORD
        word_starts.extend(range(first, first + int(padded[language]) // WORD, LANE))
    return Layout(
        column=column,
        passage=passage,
        begin=begin,
        end=begin + size,
        tie_position=tie_position,
        word_starts=np.array(word_starts, dtype=np.int64),
        run_starts=np.array(run_starts, dtype=np.int64),
        present=present,
    )


@dataclass(frozen=True)
class TilePairs:
    """The relevant passages of the queries of one tile, sorted by query.

    Attributes:
        row: int64 array (n_pairs,), row of the query in the tile.
        slot: int64 array (n_pairs,), number of the pair among those of its row.
        score: float32 array (n_pairs,), taken from the tile itself.
        language: int64 array (n_pairs,), of the relevant passage.
        tie_position: int32 array (n_pairs,), of the relevant passage.
    """

    row: np.ndarray
    slot: np.ndarray
    score: np.ndarray
    language: np.ndarray
    tie_position: np.ndarray


@dataclass(frozen=True)
class TileCounts:
    """What is counted for each relevant passage: int64 arrays (n_pairs, n_languages).

    Attributes:
        higher: passages with a higher score.
        tied: other passages with the same score.
        earlier: those of them that stand earlier in the tie order.
    """

    higher: np.ndarray
    tied: np.ndarray
    earlier: np.ndarray


def count_in_numpy(
    scores: np.ndarray, pairs: TilePairs, layout: Layout, workers: Executor | None, n_shares: int
) -> TileCounts:
    """Counts of one tile on the CPU.

    Args:
        scores: float32 array (n_rows, width), finite, minus infinity in padding columns.
        pairs: the relevant passages.
        layout: what the columns are.
        workers: threads that share the rows; None counts in the calling thread.
        n_shares: number of shares to cut the rows into.
    """
    shape = (len(pairs.row), len(layout.begin))
    counts = TileCounts(*(np.zeros(shape, dtype=np.int64) for _ in range(3)))
    offsets = np.searchsorted(pairs.row, np.arange(len(scores) + 1))  # pairs of each row

    def share(first: int, last: int) -> None:
        """Count for rows first to last, so many at a time as fit into the cache."""
        most = int(np.diff(offsets[first : last + 1]).max(initial=1))
        rows = max(1, COMPARISONS // (layout.width * most))
        slots = min(most, max(1, COMPARISONS // (layout.width * rows)))
        truth = np.empty(rows * slots * layout.width, dtype=bool)
        for row in range(first, last, rows):
            stop = min(row + rows, last)
            here = np.arange(offsets[row], offsets[stop])
            for slot in range(0, most, slots):
                among = pairs.slot[here] - slot
                chosen = here[(among >= 0) & (among < slots)]
                if len(chosen):
                    at = (pairs.row[chosen] - row, pairs.slot[chosen] - slot)
                    _compare(scores[row:stop], pairs, chosen, at, layout, truth, counts)

    if workers is None:
        share(0, len(scores))
    else:
        cuts = np.linspace(0, len(scores), n_shares + 1).astype(int)
        list(workers.map(share, cuts[:-1], cuts[1:]))
    return counts


def _compare(
    rows: np.ndarray,
    pairs: TilePairs,
    chosen: np.ndarray,
    at: tuple[np.ndarray, np.ndarray],
    layout: Layout,
    buffer: np.ndarray,
    counts: TileCounts,
) -> None:
    """Fill in the counts of the chosen pairs, which belong to the given rows.

    `at` is the place of each chosen pair in a matrix (rows, slots).
    """
    shape = (len(rows), int(at[1].max()) + 1)
    wanted = np.full(shape, np.inf, dtype=np.float32)  # no pair here: nothing reaches infinity
    wanted[at] = pairs.score[chosen]
    truth = buffer[: shape[0] * shape[1] * layout.width].reshape(*shape, layout.width)
    np.greater(rows[:, None, :], wanted[:, :, None], out=truth)  # (rows, slots, width)
    counts.higher[chosen] = _by_language(truth, layout)[at]
    np.equal(rows[:, None, :], wanted[:, :, None], out=truth)
    if np.count_nonzero(truth) == len(chosen):
        return  # each passage equals itself alone: no ties
    counts.tied[chosen] = _by_language(truth, layout)[at]
    counts.tied[chosen, pairs.language[chosen]] -= 1
    position = np.zeros(shape, dtype=np.int32)
    position[at] = pairs.tie_position[chosen]
    truth &= layout.tie_position < position[:, :, None]
    counts.earlier[chosen] = _by_language(truth, layout)[at]


def _by_language(truth: np.ndarray, layout: Layout) -> np.ndarray:
    """Number of true columns per language: (rows, slots, width) -> (rows, slots, n_languages)."""
    rows, slots, width = truth.shape
    words = truth.reshape(rows * slots, width).view(np.int64)  # eight columns in a word
    sums = np.add.reduceat(words, layout.word_starts, axis=1)  # eight byte sums in a word
    runs = sums.view(np.uint8).reshape(rows * slots, -1, WORD).sum(axis=2, dtype=np.int64)
    totals = np.zeros((rows * slots, len(layout.begin)), dtype=np.int64)
    totals[:, layout.present] = np.add.reduceat(runs, layout.run_starts, axis=1)
    return totals.reshape(rows, slots, -1)


def count_in_torch(scores: Tensor, pairs: TilePairs, layout: Layout) -> TileCounts:
    """Counts of one tile on the device that has it; arguments as in `count_in_numpy`."""
    import torch

    device, n_slots = scores.device, int(pairs.slot.max(initial=-1)) + 1
    row = torch.from_numpy(pairs.row).to(device)
    slot = torch.from_numpy(pairs.slot).to(device)
    wanted = torch.full((len(scores), n_slots), torch.inf, device=device)
    wanted[row, slot] = torch.from_numpy(pairs.score).to(device)
    position = torch.zeros((len(scores), n_slots), dtype=torch.int32, device=device)
    position[row, slot] = torch.from_numpy(pairs.tie_position).to(device)
    tie_position = torch.from_numpy(layout.tie_position).to(device)
    shape = (3, len(scores), n_slots, len(layout.begin))
    totals = torch.zeros(shape, dtype=torch.int64, device=device)
    for language in layout.present:
        columns = slice(int(layout.begin[language]), int(layout.end[language]))
        part, order = scores[:, columns], tie_position[columns]
        for number in range(n_slots):
            score = wanted[:, number, None]
            equal = part == score
            totals[0, :, number, language] = (part > score).sum(dim=1)
            totals[1, :, number, language] = equal.sum(dim=1)
            totals[2, :, number, language] = (equal & (order < position[:, number, None])).sum(1)
    higher, tied, earlier = totals[:, row, slot].cpu().numpy()
    tied[np.arange(len(tied)), pairs.language] -= 1
    return TileCounts(higher, tied, earlier)
