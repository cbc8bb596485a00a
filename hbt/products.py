"""Inner products of embeddings as tiles of scores: float32, the same to the last bit in any tile.

The last bits of a float32 product depend on the shape of the blocks that the processor multiplies:
with torch 2.13 on a CPU, rows computed one, two, three or five at a time differ from the same rows
computed 64 at a time. So the product is always made in blocks of one height, which depends on the
size of the pool alone, the last one filled up with zeros. Passages with the same embedding get the
same column, copied, so that their scores tie exactly in whatever place of a block they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from hbt.counting import Layout

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BLOCK_SCORES = 2**25
"""Scores in one product: 128 MiB of float32 at most (one row at least)."""

BLOCK_ROWS = 512
"""Queries in one product where the pool is not too large for it."""

COPY_BYTES = 2**28
"""Up to this size the passages are copied into the order of the columns, padding included.

Larger pools are multiplied where they are, language by language, unless their languages mix.
"""


def block_rows(layout: Layout) -> int:
    """Queries in one product: depends on the size of the pool alone."""
    return max(1, min(BLOCK_ROWS, BLOCK_SCORES // layout.width))


class Products:
    """Fills tiles with the inner products of queries and passages.

    Args:
        queries: float32 array (n_queries, dimension).
        passages: float32 array (n_passages, dimension).
        layout: which passage stands in which column.
        device: where passages and tiles are.
    """

    def __init__(
        self, queries: np.ndarray, passages: np.ndarray, layout: Layout, device: torch.device
    ) -> None:
        import torch

        column = layout.column
        repeated, first = repeated_rows(passages)
        self.repeated = torch.from_numpy(column[repeated]).to(device)
        self.first = torch.from_numpy(column[first]).to(device)
        self.padding = torch.from_numpy(np.flatnonzero(layout.passage < 0)).to(device)
        self.runs = neighbours(column)
        if passages.nbytes <= COPY_BYTES or len(self.runs) > 2 * len(layout.begin):
            # one product of whole rows is a good deal faster than one per language
            pool = np.zeros((layout.width, passages.shape[1]), dtype=np.float32)
            pool[column] = passages
            passages, self.runs = pool, [(0, layout.width, 0)]
        self.queries = queries
        self.passages = torch.from_numpy(passages).to(device)
        self.block = torch.zeros((block_rows(layout), queries.shape[1]))

    def __call__(self, rows: range, scores: Tensor) -> None:
        """Write the scores of at most one block of queries into the first rows of `scores`."""
        import torch

        self.block[: len(rows)] = torch.from_numpy(self.queries[rows.start : rows.stop])
        self.block[len(rows) :] = 0
        block = self.block.to(self.passages.device)
        for begin, end, start in self.runs:
            columns = scores[:, start : start + end - begin]
            torch.mm(block, self.passages[begin:end].T, out=columns)
        scores[:, self.padding] = -torch.inf
        if len(self.repeated):
            scores[:, self.repeated] = scores[:, self.first]


def neighbours(column: np.ndarray) -> list[tuple[int, int, int]]:
    """Passages begin to end that stand in neighbouring columns from start: (begin, end, start)."""
    cuts = np.flatnonzero(np.diff(column) != 1) + 1
    begins, ends = np.r_[0, cuts], np.r_[cuts, len(column)]
    return [(int(b), int(e), int(column[b])) for b, e in zip(begins, ends, strict=True)]


def repeated_rows(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows equal to an earlier row, and the first row that each is equal to."""
    # only rows whose first value occurs twice need to be compared as a whole
    _, group, size = np.unique(embeddings[:, 0], return_inverse=True, return_counts=True)
    first: dict[bytes, int] = {}
    repeated = []
    for row in np.flatnonzero(size[group] > 1):
        earlier = first.setdefault(embeddings[row].tobytes(), int(row))
        if earlier != row:
            repeated.append((int(row), earlier))
    pairs = np.array(repeated, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def checked(embeddings: np.ndarray, n_rows: int, name: str) -> np.ndarray:
    """The embeddings as float32 rows in memory.

    Raises:
        ValueError: they are no matrix of n_rows rows, or a value is not finite (or so large that
            float32 could not hold an inner product).
    """
    array = np.asarray(embeddings)
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(f"{name} have shape {array.shape}; ({n_rows}, dimension) is needed")
    if len(array) != n_rows:
        raise ValueError(f"{name} have {len(array)} rows; the benchmark has {n_rows}")
    array = np.require(array, dtype=np.float32, requirements=("C", "W"))  # torch wants to write
    limit = np.sqrt(np.finfo(np.float32).max / array.shape[1])
    if len(array) and not max(abs(float(array.max())), abs(float(array.min()))) < limit:
        fits = np.abs(array) < limit
        row = int(np.argmin(fits.all(axis=1)))
        value = array[row, int(np.argmin(fits[row]))]
        raise ValueError(
            f"{name} have the value {value:g} in row {row}; numbers below {limit:.0e} are needed"
        )
    return array


@contextmanager
def full_precision() -> Iterator[None]:
    """Products in float32 proper, also where torch was told that less will do."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
