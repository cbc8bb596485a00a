"""Which languages fill the top k, right or wrong, and which would without bias?

Sees nothing below the k-th place, nor the order within the top k.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import Benchmark

if TYPE_CHECKING:
    import pandas as pd

    from hbt.retrieval import Counts


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

    n_languages = len(benchmark.languages)
    share, expected = _shares_of_queries(benchmark, counts, k)
    with_queries = [
        column for column in range(n_languages) if (benchmark.query_language == column).any()
    ]
    names = np.array(benchmark.languages, dtype=object)
    query_count = np.bincount(benchmark.query_language, minlength=n_languages)[with_queries]
    frame = pd.DataFrame(
        {
            "query_language": np.repeat(names[with_queries], n_languages),
            "passage_language": np.tile(names, len(with_queries)),
            "share": _mean_by_query_language(share, benchmark, with_queries),
            "expected": _mean_by_query_language(expected, benchmark, with_queries),
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


def bias_index(mix: pd.DataFrame) -> pd.DataFrame:
    """How far the language mix of the top k is from the one expected, by query language.

    The total variation distance between the two mixes,

        index = 1/2 * sum over passage languages m of |share_m - expected_m|

    the share of places that would have to change their language. From 0, the expected mix, up to
    1. Not the Kullback-Leibler divergence, which has no upper bound and is infinite where a
    language is found that is not expected (relevant passages in two languages alone, and all of
    the top relevant).

    It is taken of mean mixes, not query by query: the top 3 of one query can never hold 11
    languages in equal parts. Of few queries it is above 0 by chance.

    Args:
        mix: what `language_mix` returns.

    Returns:
        Columns query_language (in the order of `mix`), bias_index, n_queries.
    """
    gap = (mix["share"] - mix["expected"]).abs() / 2
    frame = mix.assign(bias_index=gap).groupby("query_language", sort=False)
    return frame.agg(
        bias_index=("bias_index", "sum"), n_queries=("n_queries", "first")
    ).reset_index()


def own_language_surplus(benchmark: Benchmark, counts: Counts, k: int = 10) -> np.ndarray:
    """Share of the top k in the query's own language, less what is expected: (n_queries,).

    What `bias_index` sees of the own language, with its sign and query by query, so that it has
    intervals. 0 without preference, above 0 where the own language is favoured; from -1 to 1,
    exclusive where anything of the language is expected.

    Arguments and errors as for `language_mix`.
    """
    share, expected = _shares_of_queries(benchmark, counts, k)
    row = np.arange(len(share))
    return (share - expected)[row, benchmark.query_language]


def _shares_of_queries(
    benchmark: Benchmark, counts: Counts, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Found and expected share of each language in each top k: two (n_queries, n_languages)."""
    n_languages, n_passages = len(benchmark.languages), len(benchmark.passage_texts)
    top = top_places(benchmark, counts, k)
    places = top.shape[1]
    found = _count_languages(benchmark.passage_language[top], n_languages)
    relevant = np.zeros((len(top), n_languages))
    relevant_language = benchmark.passage_language[counts.relevant_passage]
    np.add.at(relevant, (counts.relevant_query, relevant_language), 1)
    hits = is_relevant(top, counts, n_passages).sum(axis=1, keepdims=True)

    pool = np.bincount(benchmark.passage_language, minlength=n_languages)
    expected = hits * _shares(relevant) + (places - hits) * _shares(pool - relevant)
    return found / places, expected / places


def _count_languages(languages: np.ndarray, n_languages: int) -> np.ndarray:
    """How often each language comes in each row: float64 (n_rows, n_languages)."""
    return np.stack([(languages == column).sum(axis=1) for column in range(n_languages)], axis=1)


def top_places(benchmark: Benchmark, counts: Counts, k: int) -> np.ndarray:
    """The first k passages of each query, all where the pool has fewer: int64 (n_queries, k).

    Raises:
        ValueError: k is below 1 or the top lists of `counts` are shorter.
    """
    places = min(k, len(benchmark.passage_texts))
    if k < 1 or places > counts.top_k_passage.shape[1]:
        raise ValueError(f"k is {k}, the top lists have {counts.top_k_passage.shape[1]} places")
    return counts.top_k_passage[:, :places]


def _mean_by_query_language(
    values: np.ndarray, benchmark: Benchmark, columns: list[int]
) -> np.ndarray:
    """Mean rows of the queries of each language, one after the other."""
    means = [values[benchmark.query_language == column].mean(axis=0) for column in columns]
    return np.concatenate(means)


def is_relevant(top: np.ndarray, counts: Counts, n_passages: int) -> np.ndarray:
    """Bool (n_queries, k): is the passage in this place relevant to the query?"""
    pairs = counts.relevant_query.astype(np.int64) * n_passages + counts.relevant_passage
    return np.isin(np.arange(len(top))[:, None] * n_passages + top, pairs)


def _shares(numbers: np.ndarray) -> np.ndarray:
    """Each row divided by its sum; zeros where the sum is zero."""
    total = numbers.sum(axis=1, keepdims=True)
    return np.divide(numbers, total, out=np.zeros(numbers.shape), where=total > 0)
