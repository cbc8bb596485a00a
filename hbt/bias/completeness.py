"""Is everything relevant found, in whatever language it is?

All of these are measures of quality that one language left behind is enough to spoil. They get
better when retrieval gets better, bias or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbt.bias.ranks import mean_of, multilingual_ranks, n_relevant, own_language
from hbt.corpus import Benchmark

if TYPE_CHECKING:
    from hbt.retrieval import Counts


def max_rank(benchmark: Benchmark, counts: Counts, ties: str = "trec") -> np.ndarray:
    """Max@R: rank of the worst relevant passage, float64 (n_queries,).

    From the number of relevant passages, all of them on top, to n_passages. NaN where a query has
    no relevant passage.

    Source: arXiv 2604.05684.
    """
    worst = np.full(len(benchmark.query_texts), -np.inf)
    np.maximum.at(worst, counts.relevant_query, multilingual_ranks(counts, ties))
    return np.where(np.isinf(worst), np.nan, worst)


def max_rank_normalised(benchmark: Benchmark, counts: Counts, ties: str = "trec") -> np.ndarray:
    """Max@R on a scale from 0 to 100, higher is better: float64 (n_queries,).

        100 * (log2 D - log2 Max@R) / (log2 D - log2 R)

    with D passages in the pool, R of them relevant to the query. 100 where all relevant passages
    stand on top, 0 where one stands last. NaN where a query has no relevant passage, or every
    passage is relevant. (Under the tie rule "average", more than 100 where relevant passages tie
    on top.)

    Source: arXiv 2604.05684.
    """
    pool = np.log2(max(len(benchmark.passage_texts), 1))
    relevant = n_relevant(benchmark, counts).astype(float)
    relevant[relevant == 0] = np.nan
    room = pool - np.log2(relevant)
    room[room == 0] = np.nan
    return 100 * (pool - np.log2(max_rank(benchmark, counts, ties))) / room


def complete(benchmark: Benchmark, counts: Counts, k: int, ties: str = "trec") -> np.ndarray:
    """Complete@k: 1 where all relevant passages stand in the top k, else 0: float64 (n_queries,).

    NaN where a query has no relevant passage.

    Source: arXiv 2604.05684, with k = 10.

    Raises:
        ValueError: a query has more than k relevant passages and could never be complete.
    """
    most = int(n_relevant(benchmark, counts).max(initial=0))
    if k < max(most, 1):
        raise ValueError(
            f"k is {k}; it must be at least {max(most, 1)}, a query has {most} relevant"
        )
    worst = max_rank(benchmark, counts, ties)
    return np.where(np.isnan(worst), np.nan, worst <= k)


def target_language_recall(
    benchmark: Benchmark, counts: Counts, k: int, ties: str = "trec"
) -> np.ndarray:
    """TLR@k: recall of the relevant passages that are not in the query's language: (n_queries,).

        |top k and R_target| / |R_target|

    with R_target the relevant passages in other languages. From 0 to min(1, k / |R_target|);
    NaN where there are none.

    Source: SHIFT (arXiv 2606.18801).

    Raises:
        ValueError: k is below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it begins at 1")
    other = ~own_language(benchmark, counts)
    found = multilingual_ranks(counts, ties)[other] <= k
    return mean_of(found, counts.relevant_query[other], len(benchmark.query_texts))
