"""Inner products of embeddings as tiles of scores: float32, the same to the last bit in any tile.

The last bits of a float32 product depend on the shape of the blocks that the processor multiplies:
with torch 2.13 on a CPU, rows computed one, two, three or five at a time differ from the same rows
computed 64 at a time. So the product is always made in blocks of one height, which depends on the
size of the pool alone, the last one filled up with zeros. Passages with the same embedding get the
same column, copied, so that their scores tie exactly in whatever place of a block they stand.

Where whole rows would leave room for few queries in a block, the pool is cut into parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbt.counting import Layout

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BLOCK_SCORES = 2**21
"""Scores in one product on the CPU, about: 8 MiB of float32, and several threads have their own.

Blocks of 160 queries by the pool of XQuAD-R are multiplied as fast as larger ones.
"""

DEVICE_SCORES = 2**25
"""Scores in one product on another device, which wants large ones; also the most on the CPU."""

BLOCK_ROWS = 512
"""Queries in one product where the pool is not too large for it."""

LEAST_ROWS = 64
"""Queries in one product at least; a pool that leaves no room for them is cut into parts."""

PART_ROWS = 128
"""Queries in one product with a part of a pool: fewer are slower."""

COPY_BYTES = 2**28
"""Up to this size the passages are copied into the order of the columns, padding included.

Larger pools are multiplied where they are, language by language; if their languages mix, they are
cut into parts of at most this size.
"""


def block_rows(layout: Layout, device: torch.device) -> int:
    """Queries in one product: depends on the size of the pool and the kind of device alone."""
    fitting = (BLOCK_SCORES if device.type == "cpu" else DEVICE_SCORES) // layout.width
    if fitting < BLOCK_ROWS:
        fitting = fitting // 32 * 32  # whole vector registers
    return min(BLOCK_ROWS, max(LEAST_ROWS, fitting))


@dataclass(frozen=True)
class Pool:
    """Passages, of which some have the same embedding.

    Attributes:
        passages: float32 array (n_passages, dimension).
        copy_of: int64 array (n_passages,), the first passage with the same embedding.
    """

    passages: np.ndarray
    copy_of: np.ndarray

    @staticmethod
    def of(passages: np.ndarray) -> Pool:
        """The pool of these embeddings."""
        return Pool(passages, first_equal(passages))

    def parts(self, whole: Layout) -> list[np.ndarray]:
        """Rows of the passages that are multiplied together, rising; copies stay together.

        Args:
            whole: the columns that all passages would have.
        """
        dimension, n_languages = self.passages.shape[1], len(whole.begin)
        fits = LEAST_ROWS * whole.width <= DEVICE_SCORES
        if fits and (self.passages.nbytes <= COPY_BYTES or not _languages_mix(whole)):
            return [np.arange(len(self.passages))]
        # room for the padding of each language and of the row
        columns = BLOCK_SCORES // PART_ROWS - 8 * n_languages - 16
        size = max(1, min(columns, COPY_BYTES // (4 * dimension)))
        order = np.argsort(self.copy_of, kind="stable")
        starts = np.flatnonzero(np.diff(self.copy_of[order], prepend=-1))  # of distinct passages
        cuts = [0]
        while len(order) - cuts[-1] > size:
            fitting = starts[np.searchsorted(starts, cuts[-1] + size, side="right") - 1]
            if fitting == cuts[-1]:  # more copies of one passage than fit: the next distinct one
                following = np.searchsorted(starts, fitting, side="right")
                if following == len(starts):
                    break
                fitting = starts[following]
            cuts.append(int(fitting))
        return [np.sort(part) for part in np.split(order, cuts[1:])]


class Products:
    """Fills tiles with the inner products of queries and some of the passages.

    Args:
        queries: float32 array (n_queries, dimension).
        pool: the passages.
        rows: int64 array, rising; the passages that are multiplied.
        layout: which of these passages stands in which column.
        device: where passages and tiles are.
    """

    def __init__(
        self,
        queries: np.ndarray,
        pool: Pool,
        rows: np.ndarray,
        layout: Layout,
        device: torch.device,
    ) -> None:
        import torch

        first = np.searchsorted(rows, pool.copy_of[rows])
        copies = np.flatnonzero(first != np.arange(len(rows)))
        self.copies = torch.from_numpy(layout.column[copies]).to(device)
        self.first = torch.from_numpy(layout.column[first[copies]]).to(device)
        padding = np.flatnonzero(layout.passage < 0)
        self.padding = torch.from_numpy(padding).to(device)
        self.runs = neighbours(layout.column)
        passages = pool.passages
        if len(rows) < len(passages) or passages.nbytes <= COPY_BYTES:
            # one product of whole rows is a good deal faster than one per language
            passages = _in_columns(passages, rows, layout, self.runs)
            self.runs = [(0, layout.width, 0)]
        self.queries = queries
        self.passages = torch.from_numpy(passages).to(device)
        self.height = block_rows(layout, device)

    def __call__(self, rows: range, scores: Tensor) -> None:
        """Write the scores of at most one block of queries into the first rows of `scores`."""
        import torch

        block = torch.from_numpy(self.queries[rows.start : rows.stop])
        if len(rows) < self.height:
            block = torch.cat([block, block.new_zeros((self.height - len(rows), block.shape[1]))])
        block = block.to(self.passages.device)
        for begin, end, start in self.runs:
            columns = scores[:, start : start + end - begin]
            torch.mm(block, self.passages[begin:end].T, out=columns)
        scores[:, self.padding] = -torch.inf
        if len(self.copies):
            scores[:, self.copies] = scores[:, self.first]


def _in_columns(
    passages: np.ndarray, rows: np.ndarray, layout: Layout, runs: list[tuple[int, int, int]]
) -> np.ndarray:
    """The passages of these rows in the order of the columns, zeros for padding."""
    if len(rows) < len(passages) or len(runs) > 2 * len(layout.begin):
        found = passages.take(rows[layout.passage], axis=0)
        found[layout.passage < 0] = 0
        return found
    found = np.zeros((layout.width, passages.shape[1]), dtype=np.float32)
    for begin, end, start in runs:  # whole runs are copied several times as fast
        found[start : start + end - begin] = passages[begin:end]
    return found


def neighbours(column: np.ndarray) -> list[tuple[int, int, int]]:
    """Passages begin to end that stand in neighbouring columns from start: (begin, end, start)."""
    cuts = np.flatnonzero(np.diff(column) != 1) + 1
    begins, ends = np.r_[0, cuts], np.r_[cuts, len(column)]
    return [(int(b), int(e), int(column[b])) for b, e in zip(begins, ends, strict=True)]


def _languages_mix(layout: Layout) -> bool:
    return int(np.count_nonzero(np.diff(layout.column) != 1)) >= 2 * len(layout.begin)


def first_equal(embeddings: np.ndarray) -> np.ndarray:
    """For each row the first row that is equal to it: int64 array (n_rows,)."""
    # only rows that agree in a few numbers need to be compared as a whole
    n_rows, dimension = embeddings.shape
    bits = embeddings.view(np.uint32)
    sketch = np.zeros(n_rows, dtype=np.uint64)
    for column in np.unique(np.linspace(0, dimension - 1, 8).astype(int)):
        sketch = sketch * np.uint64(0x9E3779B97F4A7C15) + bits[:, column]
    _, group, size = np.unique(sketch, return_inverse=True, return_counts=True)
    first: dict[bytes, int] = {}
    found = np.arange(n_rows)
    for row in np.flatnonzero(size[group] > 1):
        key = hashlib.sha256(embeddings[row].tobytes()).digest()
        found[row] = first.setdefault(key, int(row))
    return found


def checked(embeddings: np.ndarray | Tensor, n_rows: int, name: str) -> np.ndarray:
    """The embeddings, an array or a tensor on any device, as float32 rows in memory.

    Raises:
        ValueError: they are no matrix of n_rows rows, or a value is not finite (or so large that
            float32 could not hold an inner product).
    """
    import torch

    if isinstance(embeddings, torch.Tensor):  # bfloat16 and other devices are not numpy's
        embeddings = embeddings.detach().float().cpu().numpy()
    array = np.asarray(embeddings)
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(f"{name} have shape {array.shape}; ({n_rows}, dimension) is needed")
    if len(array) != n_rows:
        raise ValueError(f"{name} have {len(array)} rows; the benchmark has {n_rows}")
    array = np.require(array, dtype=np.float32, requirements=("C", "W"))  # torch wants to write
    limit = np.sqrt(np.finfo(np.float32).max / array.shape[1])
    low, high = torch.aminmax(torch.from_numpy(array)) if len(array) else (0, 0)  # NaN if any is
    if not max(abs(float(low)), abs(float(high))) < limit:
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
