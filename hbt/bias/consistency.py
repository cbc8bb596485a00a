"""MRC@k: do the parallel queries of an item rank the passages in the same order?

Sees the query's language only: a ranking that puts English first for every query is perfectly
consistent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hbt.bias.mix import top_places
from hbt.bias.ranks import mean_of, ranks_within
from hbt.corpus import Benchmark

if TYPE_CHECKING:
    from hbt.retrieval import Counts

Scores = Callable[[range], np.ndarray] | tuple[np.ndarray, np.ndarray]
"""Scores of query rows as in `count_from_scores`, or (query embeddings, passage embeddings)."""

BLOCK_ROWS = 256
"""Queries scored at a time."""

BLOCK_VALUES = 2**22
"""Numbers of passage embeddings gathered at a time."""


def mean_rank_correlation(
    benchmark: Benchmark, counts: Counts, scores: Scores, k: int = 10
) -> np.ndarray:
    """MRC@k of each query: float64 (n_queries,), -100 to 100, higher is more consistent.

    For two queries of one item in different languages, Spearman's correlation between their scores
    of the passages in the union of their top k (equal scores share their mean rank), times 100. The
    value of a query is the mean over its parallel queries. A pair is left out where the union has
    fewer than two passages or one of the two scores them all alike; NaN where nothing is left.

    100 where all parallel queries rank alike. The oracle is not among them: relevant passages on
    top in random order give 0 in the mean, where k is their number.

    Source: LaKDA (arXiv 2509.06195).

    Args:
        benchmark: parallel queries are those with the same `query_item`.
        counts: the counting pass, with at least k places in its top lists.
        scores: what was counted, see `Scores`.
        k: length of the top lists.

    Raises:
        ValueError: k is below 1, the top lists are too short, or scores have another shape.
    """
    top = top_places(benchmark, counts, k)
    groups = _parallel_queries(benchmark)
    wanted = [top[group].reshape(len(group), -1) for group in groups]  # (n_items, size * k)
    first: list[np.ndarray] = []
    correlation: list[np.ndarray] = []
    for group, values in zip(groups, _gather(benchmark, scores, groups, wanted), strict=True):
        values = values.reshape(*group.shape, group.shape[1], -1)  # (item, query, whose top, k)
        language = benchmark.query_language[group]
        for a, b in zip(*np.triu_indices(group.shape[1], 1), strict=True):
            rows = np.flatnonzero(language[:, a] != language[:, b])
            union = np.concatenate([top[group[rows, a]], top[group[rows, b]]], axis=1)
            of_a, of_b = (
                np.concatenate([values[rows, each, a], values[rows, each, b]], axis=1)
                for each in (a, b)
            )
            found = 100 * spearman(of_a, of_b, _first_time(union))
            first += [group[rows, a], group[rows, b]]
            correlation += [found, found]
    n_queries = len(benchmark.query_texts)
    if not first:
        return np.full(n_queries, np.nan)
    query, value = np.concatenate(first), np.concatenate(correlation)
    kept = ~np.isnan(value)
    return mean_of(value[kept], query[kept], n_queries)


def spearman(first: np.ndarray, second: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each row: float64 (n_rows,), -1 to 1.

    NaN with fewer than two chosen values, or where all of them are equal on one side.

    Args:
        first: array (n_rows, n) of scores.
        second: array (n_rows, n), other scores of the same.
        chosen: bool array (n_rows, n), which of them count.
    """
    a, b = (_centred_ranks(each, chosen) for each in (first, second))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.full(len(a), np.nan), where=size > 0)


def _centred_ranks(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Ranks among the chosen values of a row, less their mean; 0 for those not chosen."""
    ranks = np.zeros(values.shape)
    ranks[chosen] = ranks_within(values[chosen], np.nonzero(chosen)[0])
    return np.where(chosen, ranks - (chosen.sum(axis=1, keepdims=True) + 1) / 2, 0.0)


def _first_time(passages: np.ndarray) -> np.ndarray:
    """Is it the first time that the passage stands in its row? bool, same shape."""
    order = np.argsort(passages, axis=1, kind="stable")
    ordered = np.take_along_axis(passages, order, axis=1)
    new = np.ones(passages.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    result = np.empty_like(new)
    np.put_along_axis(result, order, new, axis=1)
    return result


def _parallel_queries(benchmark: Benchmark) -> list[np.ndarray]:
    """Queries of one item, items with the same number of them together: int64 (n_items, size)."""
    order = np.argsort(benchmark.query_item, kind="stable")
    _, begin, size = np.unique(benchmark.query_item[order], return_index=True, return_counts=True)
    return [
        order[begin[size == each][:, None] + np.arange(each)] for each in np.unique(size[size > 1])
    ]


def _gather(
    benchmark: Benchmark, scores: Scores, groups: list[np.ndarray], wanted: list[np.ndarray]
) -> list[np.ndarray]:
    """Scores of the queries of each item for the item's wanted passages.

    Args:
        benchmark: gives the shape of the scores.
        scores: see `Scores`.
        groups: int64 (n_items, size), the queries of each item; one for each size.
        wanted: int64 (n_items, n), the passages of each item.

    Returns:
        float32 (n_items, size, n) for each group.
    """
    shapes = [(*group.shape, each.shape[1]) for group, each in zip(groups, wanted, strict=True)]
    results = [np.empty(shape, dtype=np.float32) for shape in shapes]
    if not callable(scores):
        queries, passages = (np.asarray(each, dtype=np.float32) for each in scores)
        _check_shape(benchmark, (len(queries), len(passages)), len(benchmark.query_texts))
        for group, each, result in zip(groups, wanted, results, strict=True):
            step = max(1, BLOCK_VALUES // max(each.shape[1] * passages.shape[1], 1))
            for start in range(0, len(group), step):
                here = slice(start, start + step)
                # (items, size, dimension) @ (items, dimension, n)
                result[here] = queries[group[here]] @ passages[each[here]].transpose(0, 2, 1)
        return results
    n_queries = len(benchmark.query_texts)
    for start in range(0, n_queries, BLOCK_ROWS):
        block = range(start, min(start + BLOCK_ROWS, n_queries))
        lines = np.asarray(scores(block), dtype=np.float32)
        _check_shape(benchmark, lines.shape, len(block))
        for group, each, result in zip(groups, wanted, results, strict=True):
            item, place = np.nonzero((group >= block.start) & (group < block.stop))
            rows = lines[group[item, place] - block.start]
            result[item, place] = np.take_along_axis(rows, each[item], axis=1)
    return results


def _check_shape(benchmark: Benchmark, shape: tuple[int, ...], n_rows: int) -> None:
    if shape != (n_rows, len(benchmark.passage_texts)):
        raise ValueError(
            f"{benchmark.name}: scores of {n_rows} queries and "
            f"{len(benchmark.passage_texts)} passages came as {shape}"
        )
