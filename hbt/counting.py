"""What the forms of the counting step share: tiles, their columns, the pairs to count for.

A tile is a block of queries by all passages. Its columns are sorted by language, so that counts per
language are sums over neighbouring columns. Each form of the step is a module with a function
`count_tile`; all give the same result:

- `hbt.counting_numba`: a compiled loop, for the CPU, where numba is installed (the extra `fast`);
- `hbt.counting_numpy`: for the CPU without numba;
- `hbt.counting_torch`: for any other device.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

WORD = 8
"""Languages begin at multiples of so many columns: the numpy form adds bytes eight at a time."""

KERNELS = ("auto", "numba", "numpy")

WORTH_NUMBA = 5e8
"""Comparisons (scores times relevant passages of a query) from which on numba is worth its start.

To import it and load the compiled loop takes about as long as numpy takes for these.
"""


def tie_ids(passage_ids: Sequence[str]) -> list[str]:
    """The names that decide ties: 16 hexadecimal digits of each id's sha256.

    trec_eval orders equal scores by document id, descending. Given these names it orders them as
    this package does. Being hashes they carry no language: with names such as "en-17" the tie rule
    itself would prefer one language to another.
    """
    return [hashlib.sha256(name.encode()).hexdigest()[:16] for name in passage_ids]


def tie_places(passage_ids: Sequence[str]) -> np.ndarray:
    """The place of each passage among equal scores, 0 first: int32 array (n_passages,)."""
    digests = b"".join([hashlib.sha256(name.encode()).digest()[:8] for name in passage_ids])
    order = np.argsort(~np.frombuffer(digests, dtype=">u8").astype(np.uint64), kind="stable")
    places = np.empty(len(order), dtype=np.int32)
    places[order] = np.arange(len(order))
    return places


@dataclass(frozen=True)
class Layout:
    """Which passage stands in which column of a tile.

    Passages are sorted by language. Each language begins at a multiple of eight columns and is
    filled up with padding columns, whose score must be minus infinity.

    Attributes:
        column: int64 array (n_passages,), the column of each passage.
        passage: int64 array (width,), the passage of each column, -1 for padding.
        begin, end: int64 arrays (n_languages,), the columns of each language without its padding.
        tie_place: int32 array (width,), the place of each column among equal scores, 0 first.
    """

    column: np.ndarray
    passage: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    tie_place: np.ndarray

    @property
    def width(self) -> int:
        """Number of columns, padding included."""
        return len(self.passage)


def make_layout(passage_language: np.ndarray, tie_place: np.ndarray, n_languages: int) -> Layout:
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
    place = np.full(width, np.iinfo(np.int32).max, dtype=np.int32)
    place[column] = tie_place
    return Layout(column, passage, begin, begin + size, place)


@dataclass(frozen=True)
class TilePairs:
    """The relevant passages of the queries of one tile, sorted by query.

    Attributes:
        row: int64 array (n_pairs,), row of the query in the tile.
        score: float32 array (n_pairs,), from a product of the same shape.
        own: int64 array (n_pairs,), language of the relevant passage; -1 if it is not in the tile.
        tie_place: int32 array (n_pairs,), of the relevant passage.
    """

    row: np.ndarray
    score: np.ndarray
    own: np.ndarray
    tie_place: np.ndarray

    @property
    def slot(self) -> np.ndarray:
        """Number of each pair among those of its row: int64 array (n_pairs,)."""
        return np.arange(len(self.row)) - np.searchsorted(self.row, self.row)

    def offsets(self, n_rows: int) -> np.ndarray:
        """Where the pairs of each row begin and the last ones end: int64 array (n_rows + 1,)."""
        return np.searchsorted(self.row, np.arange(n_rows + 1))


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

    @staticmethod
    def zeros(n_pairs: int, n_languages: int) -> TileCounts:
        """Nothing counted yet."""
        return TileCounts(*(np.zeros((n_pairs, n_languages), dtype=np.int64) for _ in range(3)))

    def of(self, here: slice) -> TileCounts:
        """The counts of the pairs `here`, in the same memory."""
        return TileCounts(self.higher[here], self.tied[here], self.earlier[here])


def form_of(kernel: str, device: torch.device, comparisons: float) -> ModuleType:
    """The module that counts.

    Args:
        kernel: "auto", "numba" or "numpy"; for the CPU, other devices have one form.
        device: where the scores are.
        comparisons: number of scores times relevant passages of a query.

    Raises:
        ValueError: there is no such kernel, or it is not installed.
    """
    if kernel not in KERNELS:
        raise ValueError(f"kernel is {kernel!r}, not one of {', '.join(KERNELS)}")
    if device.type != "cpu":
        return import_module("hbt.counting_torch")
    there = find_spec("numba") is not None
    if kernel == "numba" and not there:
        raise ValueError('kernel "numba" needs the package numba: pip install "hbt[fast]"')
    worth = comparisons >= WORTH_NUMBA or "hbt.counting_numba" in sys.modules
    fast = kernel == "numba" or (kernel == "auto" and there and worth)
    return import_module("hbt.counting_numba" if fast else "hbt.counting_numpy")
