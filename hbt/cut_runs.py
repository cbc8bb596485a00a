"""Evaluating runs that list only the first passages of each query: what is known, and what is not.

A run is read as the top of the pool of all languages: a passage that it does not list ranks below
all that it lists. So the listed passages of one language are the top of that language's pool, too,
to a depth of their number. Then, for a query and a pool of which the run lists d passages,

| metric | is known where |
|---|---|
| mAP, nDCG | every relevant passage of the pool is listed |
| nDCG@k | the same, or d >= k |
| R@k | the same, or d >= k, or the pool has at most k passages |
| Success@k | as R@k, or a relevant passage of the pool is listed |
| MRR | a relevant passage of the pool is listed |
| rank distance | every relevant passage of the query is listed |
| language mix of the top k | d >= k in the pool of all languages, or all of it is listed |

Ties (mAP under the rule `sklearn`, the share of relevant passages in ties) need more: a passage
with the lowest listed score might tie with one that is not listed. A mean is known where it is
known for every query in it; nothing is left out and nothing is taken to be zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hbt.corpus import MULTILINGUAL_POOL, Benchmark
from hbt.evaluation import Evaluation, Metric
from hbt.retrieval import Counts, count_from_scores
from hbt.sources.runs import Run

NOT_LISTED = np.finfo(np.float32).min
CELL = ("setting", "query_language", "passage_language")


def run_scores(benchmark: Benchmark, run: Run) -> Callable[[range], np.ndarray]:
    """From query rows to float32 scores (n_rows, n_passages); what is not listed has the lowest."""
    n_passages = len(benchmark.passage_texts)

    def scores(rows: range) -> np.ndarray:
        block = np.full((len(rows), n_passages), NOT_LISTED, dtype=np.float32)
        places = slice(run.offset[rows.start], run.offset[rows.stop])
        n_listed = np.diff(run.offset[rows.start : rows.stop + 1])
        block[np.repeat(np.arange(len(rows)), n_listed), run.passage[places]] = run.score[places]
        return block

    return scores


def count_run(benchmark: Benchmark, run: Run, *, top_k: int = 10) -> Counts:
    """Count over the scores of a run; `Listed` says what of the counts is known."""
    return count_from_scores(benchmark, run_scores(benchmark, run), top_k=top_k)


@dataclass(frozen=True)
class Listed:
    """What a run lists.

    Attributes:
        depth: int64 array (n_queries, n_languages + 1), listed passages of each language and, in
            the last column, of all.
        pool: int64 array (n_languages + 1,), passages that there are.
        pair: bool array (n_pairs,), is the relevant passage listed?
        above_last: bool array (n_pairs,), is it listed with a higher score than the last one, or
            the whole pool listed? Then all that tie with it are known.
    """

    depth: np.ndarray
    pool: np.ndarray
    pair: np.ndarray
    above_last: np.ndarray

    @staticmethod
    def of(benchmark: Benchmark, run: Run) -> Listed:
        """What the run lists of the benchmark."""
        n_queries, n_passages = len(benchmark.query_texts), len(benchmark.passage_texts)
        n_languages, query = len(benchmark.languages), run.query
        depth = np.zeros((n_queries, n_languages + 1), dtype=np.int64)
        np.add.at(depth, (query, benchmark.passage_language[run.passage]), 1)
        depth[:, -1] = np.diff(run.offset)
        pool = np.bincount(benchmark.passage_language, minlength=n_languages)
        lowest = np.full(n_queries, np.inf, dtype=np.float32)
        np.minimum.at(lowest, query, run.score)

        key = query * n_passages + run.passage
        order = np.argsort(key)
        wanted = benchmark.relevant_query.astype(np.int64) * n_passages + benchmark.relevant_passage
        place = order[np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)]
        pair = key[place] == wanted
        whole = depth[benchmark.relevant_query, -1] == n_passages
        above = run.score[place] > lowest[benchmark.relevant_query]
        return Listed(depth, np.append(pool, n_passages), pair, pair & (above | whole))

    @property
    def complete(self) -> bool:
        """Does every list hold every passage?"""
        return bool((self.depth[:, -1] == self.pool[-1]).all())

    def all_relevant(self, benchmark: Benchmark) -> np.ndarray:
        """Bool (n_queries,): is every relevant passage of the query listed?"""
        return ~_any(~self.pair, benchmark, len(self.depth))[:, -1]

    def top(self, k: int) -> np.ndarray:
        """Bool (n_queries,): are the first k passages of the pool of all languages known?"""
        return self.depth[:, -1] >= min(k, self.pool[-1])


def known_part(benchmark: Benchmark, evaluation: Evaluation, listed: Listed) -> Evaluation:
    """The evaluation of `count_run`'s counts with NaN for what the run does not decide.

    Returns:
        The evaluation; `scores` has one more column, n_unknown: queries of the cell for which the
        metric is not known. `multilingual_ranks` are 0 where the passage is not listed.
    """
    per_query, scores = evaluation.per_query.copy(), evaluation.scores.copy()
    metrics = list(dict.fromkeys(scores["metric"]))
    n_queries = len(benchmark.query_texts)
    code = {name: column for column, name in enumerate((*benchmark.languages, MULTILINGUAL_POOL))}
    at = (per_query["query"].to_numpy(), per_query["passage_language"].map(code).to_numpy())
    all_listed = ~_any(~listed.pair, benchmark, n_queries)[at]
    ties_known = ~_any(~listed.above_last, benchmark, n_queries)[at]
    any_listed = _any(listed.pair, benchmark, n_queries)[at]
    depth, pool = listed.depth[at], listed.pool[at[1]]
    for name in metrics:
        metric, value = Metric.parse(name), per_query[name].to_numpy(copy=True)
        if name == "mAP" and evaluation.ties == "sklearn":
            known = ties_known
        elif name == "MRR":
            known = any_listed
        elif metric.k is None:
            known = all_listed
        else:
            known = all_listed | (depth >= metric.k)
            if metric.name != "nDCG":
                known |= pool <= metric.k
            if metric.name == "Success":
                known |= any_listed
        value[~known] = np.nan
        per_query[name] = value
    unknown = per_query[list(metrics)].isna().groupby([per_query[key] for key in CELL]).sum()
    rows = unknown.stack().reindex(zip(*(scores[key] for key in (*CELL, "metric")), strict=True))
    scores["n_unknown"] = rows.to_numpy()
    scores["value"] = scores["value"].where(scores["n_unknown"] == 0)
    ranks = np.where(listed.pair, evaluation.multilingual_ranks, 0)
    return dataclasses.replace(
        evaluation, per_query=per_query, scores=scores, multilingual_ranks=ranks
    )


def _any(pair: np.ndarray, benchmark: Benchmark, n_queries: int) -> np.ndarray:
    """Bool (n_queries, n_languages + 1): is it true of any relevant passage of the pool?"""
    found = np.zeros((n_queries, len(benchmark.languages) + 1), dtype=bool)
    language = benchmark.passage_language[benchmark.relevant_passage[pair]]
    found[benchmark.relevant_query[pair], language] = True
    found[:, -1] = found[:, :-1].any(axis=1)
    return found
