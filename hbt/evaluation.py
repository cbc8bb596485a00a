"""From counts to scores: three settings, every cell, every query.

The three settings are three kinds of pool. monolingual: the passages of the query's language;
cross-lingual: the passages of one other language; multilingual: all passages. XQuAD-R has
11 + 110 + 11 combinations of a query language and a pool, called cells here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbt import metrics as formulas
from hbt.corpus import MULTILINGUAL_POOL, Benchmark
from hbt.retrieval import Counts, check_counts

if TYPE_CHECKING:
    from pandas import DataFrame

MONOLINGUAL, CROSS_LINGUAL, MULTILINGUAL = "monolingual", "cross-lingual", "multilingual"
SETTINGS = (MONOLINGUAL, CROSS_LINGUAL, MULTILINGUAL)
METRICS = ("mAP", "R@1", "R@10", "nDCG@10", "MRR")
TIES = ("trec", "sklearn")


@dataclass(frozen=True)
class Metric:
    """A metric that prints as the field writes it: mAP, MRR, R@10, Success@1, nDCG@10, nDCG.

    Attributes:
        name: "mAP", "MRR", "R", "Success" or "nDCG".
        k: the cut-off, None for full depth.
    """

    name: str
    k: int | None = None

    def __str__(self) -> str:
        return self.name if self.k is None else f"{self.name}@{self.k}"

    @staticmethod
    def parse(text: str) -> Metric:
        """The metric of that name.

        Raises:
            ValueError: there is none. mAP and MRR are at full depth only, as "mAP@k" has several
                meanings; R and Success need a cut-off.
        """
        match = re.fullmatch(r"(mAP|MRR|nDCG)|(R|Success|nDCG)@([1-9]\d*)", text)
        if not match:
            raise ValueError(
                f"no metric {text!r}; mAP, MRR, R@k, Success@k, nDCG@k, nDCG exist (mAP and MRR at "
                "full depth only)"
            )
        return Metric(match[1] or match[2], int(match[3]) if match[3] else None)

    def score(self, pools: Pools, ties: str) -> np.ndarray:
        """The score of each (query, pool): float64 array (n_pools,)."""
        ranks, group = pools.rank, pools.group
        match self.name:
            case "mAP" if ties == "sklearn":
                return formulas.average_precision_of_ties(pools.higher, pools.tied, group=group)
            case "mAP":
                return formulas.average_precision(ranks, group=group)
            case "MRR":
                return formulas.reciprocal_rank(ranks, group=group)
            case "R":
                return formulas.recall(ranks, self.k, group=group)
            case "Success":
                return formulas.success(ranks, self.k, group=group)
            case _:
                return formulas.ndcg(ranks, pools.grade, self.k, group=group)


@dataclass(frozen=True)
class Pools:
    """Relevant passages grouped by (query, pool).

    Attributes:
        query: int64 array (n_pools,), the query of each group.
        language: int64 array (n_pools,), language of the pool; n_languages for all of them.
        group: int64 array (n,), the (query, pool) of each relevant passage.
        rank, grade: int64 arrays (n,), of each relevant passage in that pool.
        higher, tied: the same; None where nothing shares a precision.
    """

    query: np.ndarray
    language: np.ndarray
    group: np.ndarray
    rank: np.ndarray
    grade: np.ndarray
    higher: np.ndarray | None
    tied: np.ndarray | None


@dataclass(frozen=True)
class Evaluation:
    """The scores of one encoder on one benchmark.

    Attributes:
        per_query: one row per (query, pool) in which the query has a relevant passage: query (its
            row in the benchmark), item, cluster, query_language, setting, passage_language ("all"
            for the multilingual pool), and a column per metric.
        scores: one row per (cell, metric): setting, query_language, passage_language, metric,
            value (mean over the cell's queries), n_queries (queries with a relevant passage in
            the pool; others are left out).
        multilingual_ranks: int64 array (n_pairs,), rank of each relevant passage in the pool of
            all languages, in the order of the benchmark's pairs.
        ties: the rule of ties under which mAP was computed.
    """

    per_query: DataFrame
    scores: DataFrame
    multilingual_ranks: np.ndarray
    ties: str

    def summary(self) -> DataFrame:
        """Settings by metrics: the mean over the cells of a setting, each with the same weight."""
        return self.scores.pivot_table(
            values="value", index="setting", columns="metric", aggfunc="mean", sort=False
        )


def evaluate(
    benchmark: Benchmark,
    counts: Counts,
    *,
    metrics: Sequence[str] = METRICS,
    ties: str = "trec",
) -> Evaluation:
    """Scores of every query in every pool, and their means over cells.

    Args:
        benchmark: what was counted on.
        counts: from `hbt.retrieval.count` or `count_from_scores` on the same benchmark.
        metrics: names that `Metric.parse` knows.
        ties: "trec" (equal scores in the order of trec_eval) or "sklearn" (for mAP, passages with
            equal scores share one precision; the other metrics need an order and keep trec's).

    Raises:
        ValueError: unknown metric or rule of ties, or counts of another benchmark.
    """
    if ties not in TIES:
        raise ValueError(f"ties is {ties!r}, not one of {', '.join(TIES)}")
    if isinstance(metrics, str) or not metrics:
        raise ValueError(f"metrics is {metrics!r}, a list of names is needed")
    parsed = [Metric.parse(name) for name in metrics]
    check_counts(benchmark, counts)
    pools = _pools(benchmark, counts, ties)
    values = {str(metric): metric.score(pools, ties) for metric in parsed}
    per_query, scores = _tables(benchmark, pools, values)
    return Evaluation(per_query, scores, pools.rank[len(counts.grade) :].copy(), ties)


def _pools(benchmark: Benchmark, counts: Counts, ties: str) -> Pools:
    """Every relevant passage in the pool of its language, and again, after these, in that of all.

    There are few possible pools, so that one array of all of them does what sorting would do.
    """
    n_languages = len(benchmark.languages)
    pair = np.arange(len(counts.relevant_query))
    own = benchmark.passage_language[counts.relevant_passage]
    width = n_languages + 1
    key = np.concatenate(
        [counts.relevant_query * width + own, counts.relevant_query * width + n_languages]
    )
    there = np.zeros(len(benchmark.query_language) * width, dtype=bool)
    there[key] = True
    pool = np.flatnonzero(there)

    def both(table: np.ndarray) -> np.ndarray:
        return np.concatenate([table[pair, own], table.sum(axis=1)])

    return Pools(
        query=pool // width,
        language=pool % width,
        group=(np.cumsum(there) - 1)[key],
        rank=1 + both(counts.before),
        grade=np.concatenate([counts.grade, counts.grade]),
        higher=both(counts.higher) if ties == "sklearn" else None,
        tied=both(counts.tied) if ties == "sklearn" else None,
    )


def _tables(
    benchmark: Benchmark, pools: Pools, values: dict[str, np.ndarray]
) -> tuple[DataFrame, DataFrame]:
    """The table per query and the table per cell, settings one after the other."""
    import pandas as pd

    n_languages = len(benchmark.languages)
    # taken by number from a few strings: made from an array of strings they would cost more time
    # than all metrics together
    names = pd.array([*benchmark.languages, MULTILINGUAL_POOL], dtype="str")
    settings = pd.array(SETTINGS, dtype="str")
    query_language = benchmark.query_language[pools.query]
    setting = np.where(
        pools.language == n_languages, 2, np.where(pools.language == query_language, 0, 1)
    )
    order = np.argsort(setting.astype(np.int8), kind="stable")  # sorted by query and language
    query = pools.query[order]
    per_query = pd.DataFrame(
        {
            "query": query,
            "item": benchmark.query_item[query],
            "cluster": benchmark.query_cluster[query],
            "query_language": names.take(query_language[order]),
            "setting": settings.take(setting[order]),
            "passage_language": names.take(pools.language[order]),
            **{name: score[order] for name, score in values.items()},
        }
    )
    width = n_languages + 1
    cell = (setting * width + query_language) * width + pools.language
    n_queries = np.bincount(cell)
    key = np.flatnonzero(n_queries)
    n_queries = n_queries[key]
    scores = pd.DataFrame(
        {
            "setting": np.repeat(np.array(SETTINGS, dtype=object)[key // width**2], len(values)),
            "query_language": np.repeat(names[key // width % width], len(values)),
            "passage_language": np.repeat(names[key % width], len(values)),
            "metric": np.tile(np.array(list(values), dtype=object), len(key)),
            "value": np.stack(
                [np.bincount(cell, weights=score)[key] / n_queries for score in values.values()],
                axis=1,
            ).ravel(),
            "n_queries": np.repeat(n_queries, len(values)),
        }
    )
    return per_query, scores
