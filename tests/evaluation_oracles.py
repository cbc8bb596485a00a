"""Evaluations compared with pytrec_eval and scikit-learn, query by query and pool by pool."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from hbt.corpus import Benchmark
from hbt.counting import tie_ids
from hbt.evaluation import Evaluation

pytrec_eval = pytest.importorskip("pytrec_eval")

TREC_NAMES = {
    "mAP": "map",
    "R@1": "recall_1",
    "R@10": "recall_10",
    "nDCG@10": "ndcg_cut_10",
    "nDCG": "ndcg",
    "MRR": "recip_rank",
    "Success@5": "success_5",
}


def pool_rows(benchmark: Benchmark, language: str) -> np.ndarray:
    if language == "all":
        return np.arange(len(benchmark.passage_ids))
    return np.flatnonzero(benchmark.passage_language == benchmark.languages.index(language))


def assert_equal_to_trec_eval(
    benchmark: Benchmark, scores: np.ndarray, result: Evaluation, queries: np.ndarray
) -> None:
    """Every pool of the given queries, ranked by pytrec_eval under the hashed names."""
    names = tie_ids(benchmark.passage_ids)
    grades = dict(
        zip(
            zip(benchmark.relevant_query, benchmark.relevant_passage, strict=True),
            benchmark.grade,
            strict=True,
        )
    )
    table = result.per_query[result.per_query["query"].isin(queries)]
    metrics = [name for name in table.columns if name in TREC_NAMES]
    for language, part in table.groupby("passage_language"):
        pool = pool_rows(benchmark, language)
        judged, run = {}, {}
        for query in part["query"]:
            found = {names[p]: int(grades[query, p]) for p in pool if (query, p) in grades}
            judged[str(query)] = found
            run[str(query)] = {names[p]: float(scores[query, p]) for p in pool}
        evaluator = pytrec_eval.RelevanceEvaluator(
            judged, {"map", "recall.1,10", "ndcg_cut.10", "ndcg", "recip_rank", "success.5"}
        )
        theirs = evaluator.evaluate(run)
        for metric in metrics:
            expected = [theirs[str(query)][TREC_NAMES[metric]] for query in part["query"]]
            np.testing.assert_allclose(part[metric], expected, rtol=0, atol=1e-9, err_msg=metric)


def assert_equal_to_scikit_learn(
    benchmark: Benchmark, scores: np.ndarray, result: Evaluation, queries: np.ndarray
) -> None:
    """mAP of every pool of the given queries, in which equal scores share one precision."""
    relevant = np.zeros(scores.shape, dtype=bool)
    relevant[benchmark.relevant_query, benchmark.relevant_passage] = True
    table = result.per_query[result.per_query["query"].isin(queries)]
    assert len(table)
    for query, language, found in table[["query", "passage_language", "mAP"]].itertuples(
        index=False
    ):
        pool = pool_rows(benchmark, language)
        expected = average_precision_score(relevant[query, pool], scores[query, pool])
        assert found == pytest.approx(expected, abs=1e-9), (query, language)
