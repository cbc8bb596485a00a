"""Rank distance: how far apart do the parallel relevant passages of a query stand?

It does not see which language stands in front. It grows with the pool and falls when retrieval
gets better, bias or not: compare it only between systems on the same benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hbt.bias.ranks import multilingual_ranks, per_query_table
from hbt.corpus import Benchmark

if TYPE_CHECKING:
    import pandas as pd

    from hbt.retrieval import Counts

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def rank_distance(benchmark: Benchmark, counts: Counts, ties: str = "trec") -> np.ndarray:
    """Largest minus smallest rank of a query's relevant passages: float64 (n_queries,).

    Multilingual pool, so on XQuAD-R these are a question's 11 parallel answers. Lower is less
    biased. From n_relevant - 1 (nothing stands between them; less only under "average") to
    n_passages - 1. NaN where a query has fewer than two relevant passages.

    Source: KD-SPD (arXiv 2305.09025), as used in arXiv 2408.10536, section 4.1.
    """
    ranks = multilingual_ranks(counts, ties)
    n_queries = len(benchmark.query_texts)
    lowest, highest = np.full(n_queries, np.inf), np.full(n_queries, -np.inf)
    np.minimum.at(lowest, counts.relevant_query, ranks)
    np.maximum.at(highest, counts.relevant_query, ranks)
    n_relevant = np.bincount(counts.relevant_query, minlength=n_queries)
    distance = np.full(n_queries, np.nan)
    comparable = n_relevant >= 2
    distance[comparable] = highest[comparable] - lowest[comparable]
    return distance


def rank_distance_per_query(
    benchmark: Benchmark, counts: Counts, ties: str = "trec"
) -> pd.DataFrame:
    """Rank distances in the columns of `Evaluation.per_query`, for intervals.

    Columns query, item, cluster, query_language, setting, passage_language, rank_distance.
    Queries with fewer than two relevant passages are left out.
    """
    return per_query_table(benchmark, "rank_distance", rank_distance(benchmark, counts, ties))


def rank_distance_by_language(
    benchmark: Benchmark, counts: Counts, ties: str = "trec"
) -> pd.DataFrame:
    """Mean rank distance of each query language.

    Columns query_language (in the benchmark's order, languages without a query left out),
    rank_distance, n_queries, tied_share. The paper's figure for a benchmark is the mean of the
    column rank_distance, each language counting once (`mean_rank_distance`).
    tied_share is the share, 0 to 1, of the relevant passages whose score another passage has
    too: where it is above a few per cent, the tie rule makes the number and not the system.
    """
    import pandas as pd

    distance = rank_distance(benchmark, counts, ties)
    is_tied = counts.tied.sum(axis=1) > 0
    pair_language = benchmark.query_language[counts.relevant_query]
    rows = []
    for column, language in enumerate(benchmark.languages):
        here = distance[benchmark.query_language == column]
        here = here[~np.isnan(here)]
        if len(here):
            tied_share = float(is_tied[pair_language == column].mean())
            rows.append((language, float(here.mean()), len(here), tied_share))
    return pd.DataFrame(
        rows, columns=["query_language", "rank_distance", "n_queries", "tied_share"]
    )


def mean_rank_distance(benchmark: Benchmark, counts: Counts, ties: str = "trec") -> float:
    """Rank distance of a benchmark: mean over the queries of a language, then over languages."""
    return float(rank_distance_by_language(benchmark, counts, ties)["rank_distance"].mean())


def rank_distance_quantiles(
    benchmark: Benchmark,
    counts: Counts,
    ties: str = "trec",
    quantiles: Sequence[float] = QUANTILES,
) -> pd.DataFrame:
    """How rank distances spread over the queries of each language.

    A few queries without any right passage near the top make most of the mean, so the median says
    more about the usual query. Quantiles between two queries are interpolated.

    Returns:
        Columns query_language (languages without a comparable query left out), n_queries, mean,
        and each quantile as "q" and per cent, q50 the median.
    """
    import pandas as pd

    distance = rank_distance(benchmark, counts, ties)
    rows = []
    for column, language in enumerate(benchmark.languages):
        here = distance[(benchmark.query_language == column) & ~np.isnan(distance)]
        if len(here):
            spread = np.quantile(here, quantiles).tolist()
            rows.append((language, len(here), float(here.mean()), *spread))
    names = [f"q{100 * quantile:g}" for quantile in quantiles]
    return pd.DataFrame(rows, columns=["query_language", "n_queries", "mean", *names])
