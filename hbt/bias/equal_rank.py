"""PEER: are passages of one grade ranked alike in all languages? A Kruskal-Wallis test per query.

The test asks whether the passages of some language stand further in front than those of another,
whichever language that is. It needs several passages of a language: where every language has one
(the parallel passages of XQuAD-R), the statistic is the same for every ranking, see `peer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hbt.bias.mix import is_relevant, top_places
from hbt.bias.ranks import multilingual_ranks, ranks_within
from hbt.corpus import Benchmark

if TYPE_CHECKING:
    from hbt.retrieval import Counts

RANKS = ("list", "grade")
NOT_RELEVANT = 0


def peer(
    benchmark: Benchmark,
    counts: Counts,
    k: int | None = None,
    *,
    weights: Mapping[int, float] | None = None,
    ranks: str = "list",
) -> np.ndarray:
    """Probability of equal expected rank: float64 (n_queries,), 0 to 1, higher is fairer.

    For each grade, the passages of that grade are grouped by language, and

        H = (N - 1) * SS_between / SS_total        of their ranks, N passages
        p = P(chi-squared with K - 1 degrees of freedom >= H)      K languages that have any

    PEER of a query is the weighted sum of p over grades. A relevant passage outside the top k is
    not retrieved; all of those share the mean of the ranks that follow the list. Passages that are
    not relevant (grade 0) are those of the top k. p is 1 where nothing of the grade is retrieved,
    where one language alone has any, or where all have one rank. NaN where a query has no relevant
    passage.

    A constant: where each of K languages has exactly one passage of the grade, SS_between is
    SS_total, so H is K - 1 whatever the order (p = 0.4405 for 11 languages). Then only grade 0
    says something, and the mean over queries rises when retrieval fails.

    Without bias p is uniform in large samples, so its mean is near 1/2, not 1.

    Source: Yang et al. (SIGIR 2024, arXiv 2405.00978). Their code puts passages that are not
    retrieved behind N and not behind the list, where they can come before retrieved ones; here
    they never do.

    Args:
        benchmark: the benchmark that was counted.
        counts: the counting pass, with top lists of at least k where grade 0 has a weight.
        k: the cut-off; None takes every relevant passage as retrieved.
        weights: grade -> weight, adding up to 1; by default the same for each grade of the
            benchmark, and none for grade 0.
        ranks: "list" takes the places in the list, as the source does; "grade" the ranks among
            the passages of the grade (1 to N, ties shared), which is the Kruskal-Wallis test
            proper and does not see what stands between them.

    Raises:
        ValueError: k is below 1, the top lists are too short, the weights do not add up to 1 or
            are negative, or `ranks` is unknown.
    """
    if ranks not in RANKS:
        raise ValueError(f"ranks must be one of {RANKS}, not {ranks!r}")
    if k is not None and k < 1:
        raise ValueError(f"k is {k}; it begins at 1")
    if weights is None:
        grades = np.unique(counts.grade).tolist()
        weights = {grade: 1 / len(grades) for grade in grades}
    total = sum(weights.values())
    if weights and (min(weights.values()) < 0 or abs(total - 1) > 1e-9):
        raise ValueError(f"weights of PEER add up to {total:g}, or one is negative; 1 is needed")
    n_queries = len(benchmark.query_texts)
    value = np.zeros(n_queries)
    for grade, weight in weights.items():
        if weight:
            query, language, rank = _of_grade(benchmark, counts, grade, k)
            retrieved = np.bincount(query[~np.isnan(rank)], minlength=n_queries) > 0
            rank = _behind_the_list(rank, query, min(k or np.inf, len(benchmark.passage_texts)))
            if ranks == "grade":
                rank = ranks_within(rank, query)
            _, p = kruskal_wallis(rank, language, query, n_queries)
            value += weight * np.where(retrieved, p, 1.0)
    value[np.bincount(counts.relevant_query, minlength=n_queries) == 0] = np.nan
    return value


def kruskal_wallis(
    ranks: np.ndarray, language: np.ndarray, query: np.ndarray, n_queries: int
) -> tuple[np.ndarray, np.ndarray]:
    """The Kruskal-Wallis test of each query: H and p, two float64 arrays (n_queries,).

    With ranks 1 to N, ties sharing their mean, H is that of `scipy.stats.kruskal`, correction for
    ties included. H is 0 and p is 1 where fewer than two languages or ranks differ.

    Source: Kruskal and Wallis, JASA 47 (1952).

    Args:
        ranks: float array (n,), rank of each passage.
        language: int array (n,), its language.
        query: int array (n,), its query.
        n_queries: number of queries.
    """
    from scipy.special import chdtrc

    n_languages = int(language.max(initial=0)) + 1
    cell = query * n_languages + language
    shape = (n_queries, n_languages)

    def sums(values: np.ndarray | None) -> np.ndarray:
        return np.bincount(cell, weights=values, minlength=n_queries * n_languages).reshape(shape)

    number = sums(None)
    n = number.sum(axis=1)
    mean = sums(ranks).sum(axis=1) / np.maximum(n, 1)
    deviation = ranks - mean[query]
    within_sum = sums(deviation)
    between = (within_sum**2 / np.maximum(number, 1)).sum(axis=1)
    total = sums(deviation**2).sum(axis=1)
    groups = (number > 0).sum(axis=1)
    tested = (groups >= 2) & (total > 0)
    h = np.zeros(n_queries)
    h[tested] = (n[tested] - 1) * between[tested] / total[tested]
    p = np.ones(n_queries)
    p[tested] = chdtrc(groups[tested] - 1, h[tested])
    return h, p


def peer_is_constant(benchmark: Benchmark, counts: Counts) -> np.ndarray:
    """Is PEER of the relevant grades the same for every ranking? bool (n_queries,).

    It is where a query has no two relevant passages of one grade in one language, or relevant
    passages of a single language only.
    """
    n_queries, n_languages = len(benchmark.query_texts), len(benchmark.languages)
    language = benchmark.passage_language[counts.relevant_passage]
    _, grade, n_grades = np.unique(counts.grade, return_inverse=True, return_counts=True)
    level = counts.relevant_query * len(n_grades) + grade
    shape = (n_queries * len(n_grades), n_languages)
    number = np.bincount(level * n_languages + language, minlength=shape[0] * shape[1])
    number = number.reshape(shape)
    says_something = (number.max(axis=1, initial=0) > 1) & ((number > 0).sum(axis=1) > 1)
    return ~says_something.reshape(n_queries, len(n_grades)).any(axis=1)


def _of_grade(
    benchmark: Benchmark, counts: Counts, grade: int, k: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Query, language and rank of the passages of a grade; NaN where one is not retrieved."""
    if grade == NOT_RELEVANT:
        top = top_places(benchmark, counts, k or len(benchmark.passage_texts))
        query, place = np.nonzero(~is_relevant(top, counts, len(benchmark.passage_texts)))
        return query, benchmark.passage_language[top[query, place]], place + 1.0
    here = counts.grade == grade
    rank = multilingual_ranks(counts)[here]
    if k is not None:
        rank = np.where(rank <= k, rank, np.nan)
    language = benchmark.passage_language[counts.relevant_passage[here]]
    return counts.relevant_query[here], language, rank


def _behind_the_list(rank: np.ndarray, query: np.ndarray, length: float) -> np.ndarray:
    """Ranks with the mean rank of what was not retrieved in place of NaN."""
    missing = np.isnan(rank)
    number = np.bincount(query, weights=missing, minlength=int(query.max(initial=0)) + 1)
    return np.where(missing, length + (number[query] + 1) / 2, rank)
