"""Candidates for the k best of a block of passages: float32 products with a bound on their error.

Both finders give, for a block, every pair whose score can reach the k-th score that its query has
so far, and few others. With dimension d and u = 2^-24, a float32 inner product, in any order of
addition, fused or not, is at most d u / (1 - d u) |q| |p| away from the true one (Higham, "Accuracy
and Stability of Numerical Algorithms", 2002, section 3.1, with the inequality of Cauchy and
Schwarz); the margin here is that bound, with room for the rounding of the score and for numbers so
small that processors take them for zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

BACKENDS = ("torch", "faiss")

Pairs = tuple[np.ndarray, np.ndarray]
"""Queries and columns of the block, int64 arrays (n_pairs,)."""

QUERIES = 1024  # multiplied at a time
_GROUP = 256  # columns whose largest score is taken first
_HITS = 2**13  # groups looked at in detail at a time
_SPARE = 32  # results of faiss beyond k, so that its list seldom ends within the margin
_UNIT = 2.0**-24
_TINY = 2.0**-126  # below it are float32's subnormal numbers


class NotFiniteError(ValueError):
    """A row of a block holds a value that is not finite, or is too large."""

    def __init__(self, row: int) -> None:
        super().__init__("a value is not finite, or too large for inner products in float32")
        self.row = row


class Finder(Protocol):
    """Finds candidates among the passages of one block after another."""

    def near(self, block: np.ndarray, kth: np.ndarray) -> Iterator[Pairs]:
        """Pairs whose score may be at least the k-th of their query, each once.

        Args:
            block: float16 or float32 array (n_passages, dimension).
            kth: float32 array (n_queries,), the k-th score so far; minus infinity where there are
                fewer, then at least the first k of the block are found.

        Raises:
            NotFiniteError: a row of the block is not finite.
        """


def finder(backend: str, queries: np.ndarray, k: int, device: str | None) -> Finder:
    """The finder of that name for float32 queries (n_queries, dimension).

    Raises:
        ValueError: there is none, or it does not work on the device.
    """
    if backend == "torch":
        return TorchFinder(queries, k, device or "cpu")
    if backend != "faiss":
        raise ValueError(f"backend is {backend!r}, not one of {', '.join(BACKENDS)}")
    if device not in (None, "cpu"):
        raise ValueError(f"the backend faiss works on the CPU, not on {device!r}; take torch")
    return FaissFinder(queries, k)


class TorchFinder:
    """One product per block, compared with the k-th scores; on any device."""

    def __init__(self, queries: np.ndarray, k: int, device: str) -> None:
        import torch

        self.norms, self.k = _norms(queries), k
        self.queries = torch.from_numpy(queries).to(device)
        self.tile = torch.empty(0, device=device)
        self.block = torch.empty(0, queries.shape[1], device=device)

    def near(self, block: np.ndarray, kth: np.ndarray) -> Iterator[Pairs]:
        """See `Finder`."""
        import torch

        passages = self._on_device(torch.from_numpy(block))
        margin = _margin(self.norms, torch.linalg.vector_norm(passages, dim=1).cpu().numpy(), block)
        width = -(-len(block) // _GROUP) * _GROUP
        size = min(QUERIES, len(self.queries)) * width
        if len(self.tile) < size:
            self.tile = torch.empty(size, device=passages.device)
        for first in range(0, len(self.queries), QUERIES):
            queries = self.queries[first : first + QUERIES]
            scores = self.tile[: len(queries) * width].view(len(queries), width)
            torch.mm(queries, passages.T, out=scores[:, : len(block)])
            scores[:, len(block) :] = -torch.inf
            here = slice(first, first + QUERIES)
            own = np.full(len(queries), -np.inf)
            if np.isneginf(kth[here]).any() and len(block) >= self.k:
                own = torch.topk(scores, self.k, dim=1).values[:, -1].cpu().numpy()
            floor = torch.from_numpy(_floor(kth[here], own, margin[here])).to(scores.device)
            for query, column in _at_least(scores, floor):
                true = column < len(block)  # the rest is padding
                yield query[true] + first, column[true]

    def _on_device(self, block: Any) -> Any:
        """The block as float32; memory is used again, as getting it takes longer than filling."""
        import torch

        if block.dtype == torch.float32 and self.block.device.type == "cpu":
            return block
        if len(self.block) < len(block):
            self.block = torch.empty(block.shape, device=self.block.device)
        return self.block[: len(block)].copy_(block)


def _at_least(scores: Any, floor: Any) -> Iterator[Pairs]:
    """Row and column of the scores that reach their row's floor, some at a time."""
    groups = scores.unflatten(1, (-1, _GROUP))
    rows, numbers = (groups.amax(dim=2) >= floor[:, None]).nonzero(as_tuple=True)
    for start in range(0, len(rows), _HITS):
        row, number = rows[start : start + _HITS], numbers[start : start + _HITS]
        hit, column = (groups[row, number] >= floor[row, None]).nonzero(as_tuple=True)
        yield row[hit].cpu().numpy(), (number[hit] * _GROUP + column).cpu().numpy()


class FaissFinder:
    """faiss's exact search in each block, and a product for queries whose list ends too early."""

    def __init__(self, queries: np.ndarray, k: int) -> None:
        self.norms, self.k, self.queries = _norms(queries), k, queries
        self.block = np.empty((0, queries.shape[1]), dtype=np.float32)

    def near(self, block: np.ndarray, kth: np.ndarray) -> Iterator[Pairs]:
        """See `Finder`."""
        import faiss

        if len(self.block) < len(block):
            self.block = np.empty(block.shape, dtype=np.float32)
        passages = self.block[: len(block)]
        np.copyto(passages, block)
        with np.errstate(over="ignore"):
            squares = np.einsum("ij,ij->i", passages, passages)
        margin = _margin(self.norms, np.sqrt(squares), block)
        asked = min(self.k + _SPARE, len(block))
        for first in range(0, len(self.queries), QUERIES):
            queries, here = self.queries[first : first + QUERIES], slice(first, first + QUERIES)
            scores, columns = faiss.knn(queries, passages, asked, faiss.METRIC_INNER_PRODUCT)
            own = scores[:, self.k - 1] if asked >= self.k else np.full(len(queries), -np.inf)
            floor = _floor(kth[here], own, margin[here])
            ends_early = (scores[:, -1] >= floor) & (asked < len(block))
            row, slot = np.nonzero((scores >= floor[:, None]) & ~ends_early[:, None])
            yield row + first, columns[row, slot]
            for row in np.flatnonzero(ends_early):
                column = np.flatnonzero(passages @ queries[row] >= floor[row])
                yield np.full(len(column), row + first), column


def _norms(queries: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))


def _margin(query_norms: np.ndarray, passage_norms: np.ndarray, block: np.ndarray) -> np.ndarray:
    """How far a float32 product can be from the score: float64 array (n_queries,)."""
    if not np.isfinite(passage_norms).all():
        raise NotFiniteError(int(np.argmin(np.isfinite(passage_norms))))
    d = block.shape[1]
    # float32 norms: squares of values below the root of _TINY may be lost
    largest = passage_norms.max(initial=0) * (1 + 2 * d * _UNIT) + np.sqrt(d * _TINY)
    bound = d * _UNIT / (1 - d * _UNIT) + 4 * _UNIT
    return bound * query_norms * largest + 4 * d * _TINY


def _floor(kth: np.ndarray, own: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """The smallest product of a candidate: float32 array (n_queries,).

    `kth` are scores; `own`, the k-th products of the block, are themselves within the margin.
    """
    floor = np.maximum(kth - margin, own - 2 * margin)
    return np.nextafter(floor.astype(np.float32), np.float32(-np.inf))
