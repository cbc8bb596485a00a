"""Metrics of rankings that end at k: by hand, and equal to trec_eval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hbt.cut_ranking import scores_at_k
from hbt.search import top_k

DISCOUNT = [1 / math.log2(rank + 1) for rank in range(1, 101)]


def test_by_hand() -> None:
    rankings = [["a", "b", "c"], ["d", "a", "e"]]
    grades = [{"a": 1, "x": 2, "b": 0}, {"e": 3, "d": -1}]
    scores = scores_at_k(rankings, grades, ("nDCG@3", "R@1", "R@3", "Success@1"))
    assert list(scores) == ["nDCG@3", "R@1", "R@3", "Success@1"]
    best = 2 * DISCOUNT[0] + DISCOUNT[1]
    assert np.allclose(scores["nDCG@3"], [1 / best, 3 * DISCOUNT[2] / 3])
    assert scores["R@1"].tolist() == [0.5, 0]
    assert scores["R@3"].tolist() == [0.5, 1]
    assert scores["Success@1"].tolist() == [1, 0]


def test_equal_to_trec_eval_on_a_pool_with_ties() -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    generator = np.random.default_rng(5)
    passages = generator.integers(-2, 3, (400, 6)).astype(float)  # whole numbers: many ties
    queries = generator.integers(-2, 3, (30, 6)).astype(float)
    ids = [f"p{row}" for row in range(400)]
    found = top_k(queries, np.split(passages, [150]), 100, ids=ids, block_rows=60)
    assert (np.diff(found.score, axis=1) == 0).any()
    grades = [
        {ids[row]: int(generator.integers(0, 4)) for row in generator.choice(400, 30, False)}
        for _ in queries
    ]
    scores = scores_at_k(found.ids, grades, ("nDCG@10", "R@100", "R@5", "Success@5"))
    qrels = {f"q{query}": judged for query, judged in enumerate(grades)}
    run = {
        # falling scores in the order of the ranking: its ties are decided
        f"q{query}": {name: float(-rank) for rank, name in enumerate(line)}
        for query, line in enumerate(found.ids)
    }
    measures = {"ndcg_cut.10", "recall.5,100", "success.5"}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    for ours, name in [
        ("nDCG@10", "ndcg_cut_10"),
        ("R@100", "recall_100"),
        ("R@5", "recall_5"),
        ("Success@5", "success_5"),
    ]:
        wanted = [theirs[f"q{query}"][name] for query in range(len(queries))]
        assert np.abs(scores[ours] - wanted).max() < 1e-9
        assert 0 < np.mean(wanted) <= 1


def test_what_needs_more_is_refused() -> None:
    one = ([["a", "b"]], [{"a": 1}])
    for name in ("mAP", "MRR", "nDCG"):
        with pytest.raises(ValueError, match=f"{name} needs the ranks of all relevant passages"):
            scores_at_k(*one, (name,))
    with pytest.raises(ValueError, match="nDCG@3 needs 3 passages; these rankings end after 2"):
        scores_at_k(*one, ("nDCG@3",))
    with pytest.raises(ValueError, match="no metric 'mAP@10'"):
        scores_at_k(*one, ("mAP@10",))
    with pytest.raises(ValueError, match="query 0 has no relevant passage"):
        scores_at_k([["a"]], [{"a": 0}], ("R@1",))
    with pytest.raises(ValueError, match="has a passage twice"):
        scores_at_k([["a", "a"]], [{"a": 1}], ("R@1",))
    with pytest.raises(ValueError, match="1 rankings and grades of 2 queries"):
        scores_at_k([["a"]], [{"a": 1}] * 2, ("R@1",))
