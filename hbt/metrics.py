"""Retrieval metrics from the ranks of the relevant passages; numpy only.

Ranks begin at 1. Every function scores one query, or many at once: then `group` says which query
each rank belongs to, and the result is an array. For one query:

>>> average_precision([1, 4])  # relevant passages at ranks 1 and 4: (1/1 + 2/4) / 2
0.75

and for two, the second of which has two relevant passages of which one was not retrieved:

>>> average_precision([1, 4, 2], n_relevant=[2, 2], group=[0, 0, 1])
array([0.75, 0.25])

The definitions are trec_eval's (https://github.com/usnistgov/trec_eval). Means over queries are
the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Integers = Sequence[int] | np.ndarray
Score = float | np.ndarray


def average_precision(
    ranks: Integers, n_relevant: int | Integers | None = None, *, group: Integers | None = None
) -> Score:
    """Mean over all relevant passages of the precision at their ranks, at full depth.

    AP = 1/n_relevant * sum over relevant ranks r of (relevant passages up to r) / r. A relevant
    passage without a rank adds nothing. Its mean over queries is mAP (trec_eval: map).

    Source: Buckley and Voorhees, "Retrieval System Evaluation", in TREC (MIT Press, 2005).

    Args:
        ranks: (n_ranks,), ranks of the relevant passages that were retrieved, in any order.
        n_relevant: number of relevant passages of each query; by default the number of its ranks.
        group: (n_ranks,), the query of each rank, 0 to n_queries - 1; by default all one query.

    Returns:
        A float for one query, else float64 array (n_queries,); 0 to 1.

    Raises:
        ValueError: a rank is below 1, or a query has no relevant passage.
    """
    queries = _Queries.read(ranks, n_relevant, group)
    order, position = queries.sorted_by(queries.ranks)
    precision = position / queries.ranks[order]
    return queries.result(queries.sum(precision, order) / queries.n_relevant)


def average_precision_of_ties(
    higher: Integers,
    tied: Integers,
    n_relevant: int | Integers | None = None,
    *,
    group: Integers | None = None,
) -> Score:
    """Average precision in which passages with the same score share one precision.

    AP = 1/n_relevant * sum over relevant passages of (relevant passages with its score or a higher
    one) / (passages with its score or a higher one). No order among equal scores is assumed. This
    is scikit-learn's `average_precision_score`.

    Args:
        higher: (n_ranks,), number of passages with a higher score than each relevant passage.
        tied: (n_ranks,), number of other passages with the same score.
        n_relevant: as in `average_precision`.
        group: as in `average_precision`.

    Returns:
        As `average_precision`.
    """
    above = np.asarray(higher, dtype=np.int64)
    queries = _Queries.read(above + np.asarray(tied, dtype=np.int64) + 1, n_relevant, group)
    order, position = queries.sorted_by(above)
    # of relevant passages with one score, each counts all of them: take the last one's position
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(above[order]) != 0) | (np.diff(queries.group[order]) != 0)
    which = np.cumsum(last) - last
    precision = position[last][which] / queries.ranks[order]
    return queries.result(queries.sum(precision, order) / queries.n_relevant)


def recall(
    ranks: Integers,
    k: int,
    n_relevant: int | Integers | None = None,
    *,
    group: Integers | None = None,
) -> Score:
    """Share of the relevant passages that stand among the first k (trec_eval: recall_k).

    With more than k relevant passages it stays below 1. With one relevant passage, R@1 is accuracy.

    Args and result as in `average_precision`; k is at least 1.
    """
    queries = _Queries.read(ranks, n_relevant, group)
    return queries.result(queries.sum(queries.ranks <= _cutoff(k)) / queries.n_relevant)


def success(
    ranks: Integers,
    k: int,
    n_relevant: int | Integers | None = None,
    *,
    group: Integers | None = None,
) -> Score:
    """1 if any relevant passage stands among the first k, else 0 (trec_eval: success_k).

    Args and result as in `average_precision`; n_relevant says only how many queries there are.
    """
    queries = _Queries.read(ranks, n_relevant, group)
    return queries.result((queries.sum(queries.ranks <= _cutoff(k)) > 0).astype(float))


def reciprocal_rank(
    ranks: Integers, n_relevant: int | Integers | None = None, *, group: Integers | None = None
) -> Score:
    """1 / rank of the first relevant passage, 0 if none was retrieved (trec_eval: recip_rank).

    Its mean over queries is MRR. Source: Voorhees, "The TREC-8 Question Answering Track Report"
    (1999).

    Args and result as in `average_precision`; n_relevant says only how many queries there are.
    """
    queries = _Queries.read(ranks, n_relevant, group)
    best = np.zeros(len(queries.n_relevant))
    np.maximum.at(best, queries.group, 1.0 / queries.ranks)
    return queries.result(best)


def ndcg(
    ranks: Integers,
    grades: Integers,
    k: int | None = None,
    all_grades: Integers | None = None,
    *,
    group: Integers | None = None,
    all_group: Integers | None = None,
) -> Score:
    """Normalised discounted cumulative gain of the first k (trec_eval: ndcg_cut_k, ndcg).

    DCG = sum over relevant ranks r <= k of grade / log2(r + 1); nDCG = DCG / the DCG of all
    relevant passages in the order of their grades.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS
    20(4), 2002, with the gain and discount of trec_eval.

    Args:
        ranks: (n_ranks,), ranks of the relevant passages that were retrieved, in any order.
        grades: (n_ranks,), their grades, at least 1.
        k: the cut-off; None for full depth.
        all_grades: grades of all relevant passages, retrieved or not; by default `grades`.
        group: as in `average_precision`.
        all_group: the query of each of `all_grades`; needed if and only if `all_grades` and
            `group` are given.

    Returns:
        As `average_precision`.
    """
    if all_grades is None:
        all_grades, all_group = grades, group
    elif (group is None) != (all_group is None):
        raise ValueError("give both group and all_group, or neither")
    ideal = np.asarray(all_grades, dtype=np.int64)
    perfect = _Queries.read(np.ones(len(ideal), dtype=np.int64), None, all_group)
    queries = _Queries.read(ranks, perfect.n_relevant, group)
    gain = np.asarray(grades, dtype=np.int64)
    if min(gain.min(initial=1), ideal.min(initial=1)) < 1:
        raise ValueError("grades of relevant passages are at least 1")
    order, position = perfect.sorted_by(-ideal)
    best = perfect.sum(_discounted(ideal[order], position, k), order)
    found = queries.sum(_discounted(gain, queries.ranks, k))
    result = found / best
    return float(result[0]) if group is None else result


def _discounted(grades: np.ndarray, ranks: np.ndarray, k: int | None) -> np.ndarray:
    gain = grades / np.log2(ranks + 1.0)
    return gain if k is None else np.where(ranks <= _cutoff(k), gain, 0.0)


def _cutoff(k: int) -> int:
    if k < 1:
        raise ValueError(f"the cut-off k is {k}; it begins at 1")
    return k


@dataclass(frozen=True)
class _Queries:
    """Checked arguments: ranks (n_ranks,), group (n_ranks,), n_relevant (n_queries,)."""

    ranks: np.ndarray
    group: np.ndarray
    n_relevant: np.ndarray
    single: bool

    @staticmethod
    def read(
        ranks: Integers, n_relevant: int | Integers | None, group: Integers | None
    ) -> _Queries:
        single = group is None
        ranks = np.asarray(ranks, dtype=np.int64)
        group = np.zeros(len(ranks), int) if group is None else np.asarray(group, dtype=np.int64)
        if group.shape != ranks.shape:
            raise ValueError(f"group has shape {group.shape}, ranks have {ranks.shape}")
        n_ranks = np.bincount(group, minlength=int(single))
        total = n_ranks if n_relevant is None else np.atleast_1d(np.asarray(n_relevant))
        if ranks.min(initial=1) < 1:
            raise ValueError(f"rank {ranks.min()} is below 1")
        if len(total) < len(n_ranks) or (total[: len(n_ranks)] < n_ranks).any():
            raise ValueError("n_relevant is smaller than the number of ranks of a query")
        if total.min(initial=1) < 1:
            raise ValueError(f"query {int(total.argmin())} has no relevant passage")
        return _Queries(ranks, group, total, single)

    def sorted_by(self, key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Order by query and key, and the position of each, from 1, within its query."""
        key = key - key.min(initial=0)
        # one number for both: a third of the time of a sort by two
        order = np.argsort(self.group * (key.max(initial=0) + 1) + key)
        size = np.bincount(self.group, minlength=len(self.n_relevant))
        begin = np.repeat(np.cumsum(size) - size, size)
        return order, np.arange(1, len(order) + 1) - begin

    def sum(self, values: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
        """Sum of the values of each query; `order` says in which order they come."""
        group = self.group if order is None else self.group[order]
        return np.bincount(group, weights=values, minlength=len(self.n_relevant))

    def result(self, values: np.ndarray) -> Score:
        return float(values[0]) if self.single else values
