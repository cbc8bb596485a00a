"""What all measures begin with: ranks in the multilingual pool, ties, and means by language."""

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


def tied_share(counts: Counts) -> float:
    """Share, 0 to 1, of the relevant passages whose score another passage of the pool has too."""
    return float((counts.tied.sum(axis=1) > 0).mean())


def ties_of_queries(benchmark: Benchmark, counts: Counts) -> np.ndarray:
    """The same for each query: float64 (n_queries,), NaN without a relevant passage."""
    tied = counts.tied.sum(axis=1) > 0
    return mean_of(tied, counts.relevant_query, len(benchmark.query_texts))


def own_language(benchmark: Benchmark, counts: Counts) -> np.ndarray:
    """Is the relevant passage in the language of its query? bool (n_relevant,)."""
    passage_language = benchmark.passage_language[counts.relevant_passage]
    return passage_language == benchmark.query_language[counts.relevant_query]


def n_relevant(benchmark: Benchmark, counts: Counts) -> np.ndarray:
    """Number of relevant passages of each query: int64 (n_queries,)."""
    return np.bincount(counts.relevant_query, minlength=len(benchmark.query_texts))


def ranks_within(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Rank of each value among those of its group, from 1; equal ones share the mean: (n,)."""
    if not len(values):
        return np.zeros(0)
    order = np.lexsort((values, group))
    sorted_values, sorted_group = values[order], group[order]
    place = np.arange(len(order))
    new_group = np.r_[True, sorted_group[1:] != sorted_group[:-1]]
    new_value = new_group | np.r_[True, sorted_values[1:] != sorted_values[:-1]]
    run = np.cumsum(new_value) - 1
    begin = np.flatnonzero(new_value)
    end = np.r_[begin[1:], len(order)]  # first place behind each run of equal values
    start = np.flatnonzero(new_group)[np.cumsum(new_group) - 1]
    shared = (begin + end - 1)[run] / 2 - start[place] + 1
    result = np.empty(len(order))
    result[order] = shared
    return result


def mean_of(values: np.ndarray, query: np.ndarray, n_queries: int) -> np.ndarray:
    """Mean of the values of each query: float64 (n_queries,), NaN where it has none."""
    number = np.bincount(query, minlength=n_queries)
    total = np.bincount(query, weights=values, minlength=n_queries)
    return np.divide(total, number, out=np.full(n_queries, np.nan), where=number > 0)


def by_query_language(benchmark: Benchmark, values: np.ndarray) -> dict[str, float]:
    """Mean over the queries of each language, in the benchmark's order of languages.

    Args:
        benchmark: whose queries the values are of.
        values: float array (n_queries,); NaN is left out, and so are languages with nothing else.
    """
    kept = ~np.isnan(values)
    language = benchmark.query_language[kept]
    means = mean_of(values[kept], language, len(benchmark.languages))
    pairs = zip(benchmark.languages, means.tolist(), strict=True)
    return {name: value for name, value in pairs if not np.isnan(value)}


def macro_mean(benchmark: Benchmark, values: np.ndarray) -> float:
    """Mean over the queries of a language, then over languages; NaN where there is no value."""
    means = list(by_query_language(benchmark, values).values())
    return float(np.mean(means)) if means else float("nan")


def per_query_table(benchmark: Benchmark, name: str, values: np.ndarray) -> pd.DataFrame:
    """Values of queries in the columns of `Evaluation.per_query`, for `hbt.uncertainty`.

    Args:
        benchmark: whose queries the values are of.
        name: the column of the values.
        values: float array (n_queries,); queries with NaN are left out.

    Returns:
        Columns query, item, cluster, query_language, setting, passage_language, and the named one.
    """
    query = np.flatnonzero(~np.isnan(values))
    return query_columns(benchmark, query).assign(**{name: values[query]})


def query_columns(benchmark: Benchmark, query: np.ndarray) -> pd.DataFrame:
    """The columns of `Evaluation.per_query` that say which query it is, for the given rows."""
    import pandas as pd

    names = np.array(benchmark.languages, dtype=object)
    return pd.DataFrame(
        {
            "query": query,
            "item": benchmark.query_item[query],
            "cluster": benchmark.query_cluster[query],
            "query_language": names[benchmark.query_language[query]],
            "setting": "multilingual",
            "passage_language": MULTILINGUAL_POOL,
        }
    )
