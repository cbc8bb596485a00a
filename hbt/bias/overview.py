"""Every measure of one evaluation at a time: as a table of queries, and as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hbt.bias.consistency import Scores
from hbt.bias.measures import MOST_TIES, Found, measures_of_queries
from hbt.bias.mix import bias_index, language_mix
from hbt.bias.ranks import (
    by_query_language,
    macro_mean,
    query_columns,
    tied_share,
    ties_of_queries,
)
from hbt.bias.removal import removal_by_language
from hbt.corpus import Benchmark

if TYPE_CHECKING:
    import pandas as pd

    from hbt.cut_runs import Listed
    from hbt.retrieval import Counts


def per_query(
    benchmark: Benchmark,
    counts: Counts,
    scores: Scores | None = None,
    k: int = 10,
    *,
    listed: Listed | None = None,
) -> pd.DataFrame:
    """All measures that are means over queries, in the columns of `Evaluation.per_query`.

    One row for each query, one column for each measure that could be computed, under the keys of
    `summary`; NaN where it is not defined for the query. For intervals of one of them, drop its
    NaN: `frame.dropna(subset=key)`. Arguments as for `summary`.
    """
    found = measures_of_queries(benchmark, counts, scores, k, listed)
    frame = query_columns(benchmark, np.arange(len(benchmark.query_texts)))
    columns = {key: each.values for key, each in found.items() if each.values is not None}
    return frame.assign(**columns)


def summary(
    benchmark: Benchmark,
    counts: Counts,
    scores: Scores | None = None,
    k: int = 10,
    *,
    listed: Listed | None = None,
) -> dict[str, Any]:
    """Every measure of language bias as plain JSON values; what each means is in `MEASURES`.

    Args:
        benchmark: the benchmark that was counted.
        counts: the counting pass, with at least k places in its top lists.
        scores: for MRC@k, what was counted: see `hbt.bias.consistency.Scores`.
        k: length of the top lists. Complete@k takes the largest number of relevant passages of a
            query where that is more.
        listed: what a run lists that is cut off, see `hbt.cut_runs`. A measure is given if it is
            known for every query.

    Returns:
        benchmark, n_queries, n_passages, languages, k; ties: share of the relevant passages whose
        score another passage has (None where a run does not tell), by_query_language, limit,
        above_limit; measures: key -> value (mean over the queries of a language, then over
        languages), by_query_language, n_queries, reason (None, or why value is None), and what is
        peculiar to the measure; language_mix and removal: rows of the tables by language pair.

        rank_distance has by_ties, its value under both rules of ties, and interpret: False where
        ties are above the limit, with a note.

    Raises:
        ValueError: k is below 1 or the top lists of `counts` are shorter, or they are counts of
            another benchmark.
    """
    found = measures_of_queries(benchmark, counts, scores, k, listed)
    mix = _mix(benchmark, counts, k, listed)
    measures = {key: _entry(benchmark, each) for key, each in found.items()}
    measures["bias_index"] = _bias_index(benchmark, mix, found["own_language_surplus"].reason)
    return {
        "benchmark": benchmark.name,
        "n_queries": len(benchmark.query_texts),
        "n_passages": len(benchmark.passage_texts),
        "languages": list(benchmark.languages),
        "k": k,
        "ties": _ties(benchmark, counts, listed),
        "measures": measures,
        "language_mix": None if mix is None else _rows(mix),
        "removal": None
        if found["removal_difference"].values is None
        else _rows(removal_by_language(benchmark, counts)),
    }


def _ties(benchmark: Benchmark, counts: Counts, listed: Listed | None) -> dict[str, Any]:
    if not len(counts.tied) or (listed is not None and not listed.above_last.all()):
        return dict.fromkeys(("share", "by_query_language"), None) | {
            "limit": MOST_TIES,
            "above_limit": None,
        }
    share = tied_share(counts)
    return {
        "share": share,
        "by_query_language": by_query_language(benchmark, ties_of_queries(benchmark, counts)),
        "limit": MOST_TIES,
        "above_limit": share > MOST_TIES,
    }


def _mix(
    benchmark: Benchmark, counts: Counts, k: int, listed: Listed | None
) -> pd.DataFrame | None:
    if not len(benchmark.query_texts) or (listed is not None and not listed.top(k).all()):
        return None
    return language_mix(benchmark, counts, k)


def _bias_index(
    benchmark: Benchmark, mix: pd.DataFrame | None, reason: str | None
) -> dict[str, Any]:
    if mix is None:
        return {"value": None, "by_query_language": None, "n_queries": 0, "reason": reason}
    index = bias_index(mix)
    return {
        "value": float(index["bias_index"].mean()),
        "by_query_language": dict(
            zip(index["query_language"], index["bias_index"].tolist(), strict=True)
        ),
        "n_queries": int(index["n_queries"].sum()),
        "reason": None,
    }


def _entry(benchmark: Benchmark, found: Found) -> dict[str, Any]:
    if found.values is None:
        return {"value": None, "by_query_language": None, "n_queries": 0, "reason": found.reason}
    return {
        "value": macro_mean(benchmark, found.values),
        "by_query_language": by_query_language(benchmark, found.values),
        "n_queries": int((~np.isnan(found.values)).sum()),
        "reason": None,
        **found.more,
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as dictionaries, NaN as None."""
    return [
        {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in row}
        for row in (record.items() for record in frame.to_dict("records"))
    ]
