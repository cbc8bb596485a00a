"""Measures of language bias: does a query's language decide which passages it finds?

All of them look at the multilingual pool, the passages of all languages together.

Rank distance sees how far apart the parallel relevant passages stand, not which language stands
in front. The language mix of the top k sees which languages fill the top, right or wrong, and
nothing below it.

Rank distance grows with the pool and falls when retrieval gets better, bias or not: compare it
only between systems on the same benchmark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import MULTILINGUAL_POOL, Benchmark

if TYPE_CHECKING:
    import pandas as pd

    from hbt.retrieval import Counts

TIE_RULES = ("trec", "average")


def multilingual_ranks(counts: Counts, ties: str = "trec") -> np.ndarray:
    """Rank, from 1, of each relevant passage in the multilingual pool: float64 (n_relevant,).

    Args:
        counts: the counting pass over the benchmark.
        ties: "trec" counts tied passages by the tie key, so ranks are whole numbers; "average"
            gives tied passages the mean of the ranks they share.
    """
    if ties == "trec":
        return 1.0 + counts.before.sum(axis=1)
    if ties == "average":
        return 1.0 + counts.higher.sum(axis=1) + counts.tied.sum(axis=1) / 2
    raise ValueError(f"ties must be one of {TIE_RULES}, not {ties!r}")


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
    import pandas as pd

    frame = pd.DataFrame(
        {
            "query": np.arange(len(benchmark.query_texts)),
            "item": benchmark.query_item,
            "cluster": benchmark.query_cluster,
            "query_language": np.array(benchmark.languages, dtype=object)[benchmark.query_language],
            "setting": "multilingual",
            "passage_language": MULTILINGUAL_POOL,
            "rank_distance": rank_distance(benchmark, counts, ties),
        }
    )
    return frame.dropna(subset="rank_distance").reset_index(drop=True)


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


def tied_share(counts: Counts) -> float:
    """Share, 0 to 1, of the relevant passages whose score another passage of the pool has too."""
    return float((counts.tied.sum(axis=1) > 0).mean())


def language_mix(benchmark: Benchmark, counts: Counts, k: int = 10) -> pd.DataFrame:
    """Which languages fill the top k of the multilingual pool, by query language.

    Expected is the mix of a ranking that is as good but blind to language: where a query has h
    relevant passages in its top k, each of its relevant passages is equally likely to be one of
    the h, and each other passage of the pool equally likely to hold one of the other places,

        expected_m = (h * R_m / R + (k - h) * (N_m - R_m) / (N - R)) / k

    with R of N passages relevant, R_m of N_m in language m. So parallel relevant passages are
    expected in equal numbers, and mistakes by the size of each language's pool.

    Args:
        benchmark: the benchmark that was counted.
        counts: the counting pass, with at least k places in its top lists.
        k: places to look at; all passages where the pool has fewer.

    Returns:
        One row for each (query language, passage language): columns query_language,
        passage_language, share and expected (both 0 to 1, each adding up to 1 over the passage
        languages; means over queries), ratio (share / expected, 1 is unbiased, from 0 up; NaN
        where nothing is expected), n_queries.

    Raises:
        ValueError: k is below 1 or the top lists of `counts` are shorter.
    """
    import pandas as pd

    n_languages, n_passages = len(benchmark.languages), len(benchmark.passage_texts)
    places = min(k, n_passages)
    if k < 1 or places > counts.top_k_passage.shape[1]:
        raise ValueError(f"k is {k}, the top lists have {counts.top_k_passage.shape[1]} places")
    top = counts.top_k_passage[:, :places]  # (n_queries, places)
    found = _count_languages(benchmark.passage_language[top], n_languages)
    relevant = np.zeros((len(top), n_languages))
    relevant_language = benchmark.passage_language[counts.relevant_passage]
    np.add.at(relevant, (counts.relevant_query, relevant_language), 1)
    hits = _is_relevant(top, counts, n_passages).sum(axis=1, keepdims=True)

    pool = np.bincount(benchmark.passage_language, minlength=n_languages)
    expected = hits * _shares(relevant) + (places - hits) * _shares(pool - relevant)
    with_queries = [
        column for column in range(n_languages) if (benchmark.query_language == column).any()
    ]
    names = np.array(benchmark.languages, dtype=object)
    query_count = np.bincount(benchmark.query_language, minlength=n_languages)[with_queries]
    frame = pd.DataFrame(
        {
            "query_language": np.repeat(names[with_queries], n_languages),
            "passage_language": np.tile(names, len(with_queries)),
            "share": _mean_by_query_language(found / places, benchmark, with_queries),
            "expected": _mean_by_query_language(expected / places, benchmark, with_queries),
        }
    )
    frame["ratio"] = frame["share"] / frame["expected"].where(frame["expected"] > 0)
    frame["n_queries"] = np.repeat(query_count, n_languages)
    return frame


def same_language(mix: pd.DataFrame) -> pd.DataFrame:
    """How much more often the top k is in the query's own language than a blind ranking's.

    Args:
        mix: what `language_mix` returns.

    Returns:
        The rows of `mix` whose passage language is the query language, without that column.
        ratio is 1 without preference, above 1 where the own language is favoured, and at most
        1 / expected.
    """
    own = mix[mix["query_language"] == mix["passage_language"]]
    return own.drop(columns="passage_language").reset_index(drop=True)


def _count_languages(languages: np.ndarray, n_languages: int) -> np.ndarray:
    """How often each language comes in each row: float64 (n_rows, n_languages)."""
    return np.stack([(languages == column).sum(axis=1) for column in range(n_languages)], axis=1)


def _mean_by_query_language(
    values: np.ndarray, benchmark: Benchmark, columns: list[int]
) -> np.ndarray:
    """Mean rows of the queries of each language, one after the other."""
    means = [values[benchmark.query_language == column].mean(axis=0) for column in columns]
    return np.concatenate(means)


def _is_relevant(top: np.ndarray, counts: Counts, n_passages: int) -> np.ndarray:
    """Bool (n_queries, k): is the passage in this place relevant to the query?"""
    pairs = counts.relevant_query.astype(np.int64) * n_passages + counts.relevant_passage
    return np.isin(np.arange(len(top))[:, None] * n_passages + top, pairs)


def _shares(numbers: np.ndarray) -> np.ndarray:
    """Each row divided by its sum; zeros where the sum is zero."""
    total = numbers.sum(axis=1, keepdims=True)
    return np.divide(numbers, total, out=np.zeros(numbers.shape), where=total > 0)
