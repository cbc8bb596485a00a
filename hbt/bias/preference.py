"""Same-language preference: of equally relevant passages, does the query's language come first?

Looks at nothing but the order of the relevant passages of a query. So neither the pool nor the
quality of retrieval moves it, and it does not see wrong passages in the query's language that stand
before right ones in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbt.bias.ranks import mean_of, multilingual_ranks, own_language, ranks_within
from hbt.corpus import Benchmark

if TYPE_CHECKING:
    from hbt.retrieval import Counts


@dataclass(frozen=True)
class Preference:
    """Same-language preference of each query: float64 arrays (n_queries,).

    A query is compared where passages of one grade are relevant in its own language and in
    another; the rest is NaN. Where it is for several grades, they count the same.

    Attributes:
        first: 1 where a passage in the query's language stands before all others of its grade,
            else 0; with the tie rule "average", the chance of it among those that tie in front.
        first_expected: the mean of `first` without bias: the share of passages of that grade
            that are in the query's language, 1/n for n parallel copies.
        pairs: share of the pairs (passage in the query's language, passage of the same grade in
            another) whose first stands before its second; ties count half under "average".
            1/2 without bias.
    """

    first: np.ndarray
    first_expected: np.ndarray
    pairs: np.ndarray


def same_language_preference(
    benchmark: Benchmark, counts: Counts, ties: str = "trec"
) -> Preference:
    """How often the version in the query's language stands before its parallel copies.

    Everything from 0, the own language always last, to 1, always first.

    Source: the question of MLAIRE's LPR (arXiv 2605.07249), whose formula was not available; the
    pairs are the Mann-Whitney statistic over n_own * n_other (Mann and Whitney 1947).
    """
    n_queries = len(benchmark.query_texts)
    own = own_language(benchmark, counts)
    _, group = np.unique(
        np.stack([counts.relevant_query, counts.grade], axis=1), axis=0, return_inverse=True
    )
    n_groups = int(group.max(initial=-1)) + 1
    n_own = np.bincount(group, weights=own, minlength=n_groups)
    n_other = np.bincount(group, weights=~own, minlength=n_groups)
    rank = multilingual_ranks(counts, ties)

    in_front = np.full(n_groups, np.inf)
    np.minimum.at(in_front, group, rank)
    leads = rank == in_front[group]
    own_leading = np.bincount(group, weights=leads & own, minlength=n_groups)
    first = own_leading / np.maximum(np.bincount(group, weights=leads, minlength=n_groups), 1)

    within = ranks_within(rank, group)
    own_ranks = np.bincount(group, weights=np.where(own, within, 0.0), minlength=n_groups)
    behind = own_ranks - n_own * (n_own + 1) / 2  # pairs in which the own language comes second
    compared = (n_own > 0) & (n_other > 0)
    pairs = 1 - behind[compared] / (n_own * n_other)[compared]

    query = np.zeros(n_groups, dtype=np.int64)
    query[group] = counts.relevant_query
    query = query[compared]
    return Preference(
        first=mean_of(first[compared], query, n_queries),
        first_expected=mean_of(
            (n_own / np.maximum(n_own + n_other, 1))[compared], query, n_queries
        ),
        pairs=mean_of(pairs, query, n_queries),
    )
