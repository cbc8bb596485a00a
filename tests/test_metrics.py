"""Metrics against hand-worked values, trec_eval, scikit-learn and trec_eval's own vectors."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import average_precision_score

from hbt.metrics import (
    average_precision,
    average_precision_of_ties,
    ndcg,
    recall,
    reciprocal_rank,
    success,
)

VECTORS = "trec-eval-vectors"


def test_average_precision_by_hand() -> None:
    assert average_precision([1]) == 1.0
    assert average_precision([4, 1]) == pytest.approx((1 / 1 + 2 / 4) / 2)
    assert average_precision([2], n_relevant=4) == pytest.approx(1 / 2 / 4)
    assert average_precision([], n_relevant=3) == 0.0


def test_average_precision_of_ties_by_hand() -> None:
    # two relevant passages share the highest score with one other; a third comes fifth
    found = average_precision_of_ties(higher=[0, 0, 4], tied=[2, 2, 0])
    assert found == pytest.approx((2 / 3 + 2 / 3 + 3 / 5) / 3)
    assert average_precision_of_ties([0], [9]) == pytest.approx(1 / 10)


def test_recall_success_and_reciprocal_rank_by_hand() -> None:
    assert recall([1, 3, 11], 10) == pytest.approx(2 / 3)
    assert recall([1, 2], 1) == 0.5
    assert success([3, 11], 2) == 0.0
    assert success([3, 11], 3) == 1.0
    assert reciprocal_rank([7, 4]) == 0.25
    assert reciprocal_rank([], n_relevant=1) == 0.0


def test_ndcg_by_hand() -> None:
    assert ndcg([1], [1], 10) == 1.0
    assert ndcg([3], [1], 10) == pytest.approx(1 / math.log2(4))
    assert ndcg([11], [1], 10) == 0.0
    # grade 1 first and grade 2 second, the other way round would be perfect
    best = 2 + 1 / math.log2(3)
    assert ndcg([1, 2], [1, 2]) == pytest.approx((1 + 2 / math.log2(3)) / best)
    # a passage of grade 2 that was not retrieved still counts in the ideal
    assert ndcg([1], [1], 10, all_grades=[1, 2]) == pytest.approx(1 / best)


def test_many_queries_at_once_equal_one_by_one() -> None:
    generator = np.random.default_rng(1)
    group = np.sort(generator.integers(0, 50, 300))
    group[:50] = np.arange(50)
    ranks = np.concatenate([generator.permutation(30)[: (group == g).sum()] + 1 for g in range(50)])
    group = np.sort(group)
    grades = generator.integers(1, 4, 300)
    shuffle = generator.permutation(300)
    for metric in (
        lambda chosen, **more: average_precision(ranks[chosen], **more),
        lambda chosen, **more: recall(ranks[chosen], 5, **more),
        lambda chosen, **more: success(ranks[chosen], 2, **more),
        lambda chosen, **more: reciprocal_rank(ranks[chosen], **more),
        lambda chosen, **more: ndcg(ranks[chosen], grades[chosen], 10, **more),
        lambda chosen, **more: average_precision_of_ties(ranks[chosen], grades[chosen], **more),
    ):
        together = metric(shuffle, group=group[shuffle])
        single = [metric(np.flatnonzero(group == query)) for query in range(50)]
        np.testing.assert_allclose(together, single, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: average_precision([0]), "rank 0 is below 1"),
        (lambda: average_precision([]), "query 0 has no relevant passage"),
        (lambda: average_precision([1, 2], n_relevant=1), "smaller than the number of ranks"),
        (lambda: average_precision([1], n_relevant=[1, 0], group=[0]), "query 1 has no relevant"),
        (lambda: average_precision([1, 2], group=[0]), "group has shape"),
        (lambda: recall([1], 0), "k is 0"),
        (lambda: ndcg([1], [0]), "grades of relevant passages are at least 1"),
        (lambda: ndcg([1], [1], all_grades=[1], group=[0]), "group and all_group"),
    ],
)
def test_bad_arguments_are_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# independent implementations

SCORES = arrays.arrays(np.int64, 40, elements=st.integers(-3, 3))
GRADES = arrays.arrays(np.int64, 40, elements=st.integers(-1, 3)).filter(lambda g: (g > 0).any())


@settings(deadline=None, max_examples=100)
@given(scores=SCORES, grades=GRADES, retrieved=st.integers(0, 40))
def test_equal_to_trec_eval(scores: np.ndarray, grades: np.ndarray, retrieved: int) -> None:
    names = [f"d{index:02d}" for index in range(40)]
    judged = {"q": dict(zip(names, map(int, grades), strict=True))}
    run = {"q": {names[i]: float(scores[i]) for i in range(retrieved)}}
    wanted = {"map", "ndcg", "ndcg_cut.10", "recall.5,10", "recip_rank", "success.1,5"}
    theirs = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(run)["q"] if retrieved else {}
    relevant = np.flatnonzero(grades > 0)
    place = trec_order(run["q"])
    found = np.array([index for index in relevant if index < retrieved], dtype=int)
    ranks = [place[names[index]] for index in found]
    ours = {
        "map": average_precision(ranks, len(relevant)),
        "ndcg": ndcg(ranks, grades[found], None, grades[relevant]),
        "ndcg_cut_10": ndcg(ranks, grades[found], 10, grades[relevant]),
        "recall_5": recall(ranks, 5, len(relevant)),
        "recall_10": recall(ranks, 10, len(relevant)),
        "recip_rank": reciprocal_rank(ranks, len(relevant)),
        "success_1": success(ranks, 1, len(relevant)),
        "success_5": success(ranks, 5, len(relevant)),
    }
    for name, value in ours.items():
        assert value == pytest.approx(theirs.get(name, 0.0), abs=1e-9), name


@settings(deadline=None, max_examples=100)
@given(scores=SCORES, grades=GRADES)
def test_equal_to_scikit_learn(scores: np.ndarray, grades: np.ndarray) -> None:
    relevant = np.flatnonzero(grades > 0)
    higher = (scores[None] > scores[relevant, None]).sum(axis=1)
    tied = (scores[None] == scores[relevant, None]).sum(axis=1) - 1
    theirs = average_precision_score(grades > 0, scores)
    assert average_precision_of_ties(higher, tied) == pytest.approx(theirs, abs=1e-9)


def test_constant_scores() -> None:
    grades = np.array([0, 1, 0, 1])
    ours = average_precision_of_ties([0, 0], [3, 3])
    assert ours == pytest.approx(average_precision_score(grades, np.zeros(4))) == 0.5


def trec_order(run: dict[str, float]) -> dict[str, int]:
    """Rank of each document: score descending, ties by name descending."""
    order = sorted(run, key=lambda name: (run[name], name), reverse=True)
    return {name: rank for rank, name in enumerate(order, start=1)}


# trec_eval's own vectors


def read_run(path: Path, depth: int | None = None) -> dict[str, dict[str, int]]:
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for line in path.read_text().splitlines():
        topic, _, document, _, score = line.split()[:5]
        scores[topic][document] = float(score)
    ranks = {topic: trec_order(run) for topic, run in scores.items()}
    return {
        topic: {name: rank for name, rank in run.items() if depth is None or rank <= depth}
        for topic, run in ranks.items()
    }


def read_judgments(path: Path) -> dict[str, dict[str, int]]:
    judgments: dict[str, dict[str, int]] = defaultdict(dict)
    for line in path.read_text().splitlines():
        topic, _, document, grade = line.split()
        judgments[topic][document] = int(grade)
    return judgments


def read_expected(path: Path) -> dict[tuple[str, str], float]:
    rows = (line.split() for line in path.read_text().splitlines())
    names = ("map", "recip_rank", "recall_", "success_", "ndcg")
    return {(row[1], row[0]): float(row[2]) for row in rows if row[0].startswith(names)}


@pytest.mark.parametrize(
    ("qrels", "run", "expected", "depth", "complete"),
    [
        ("qrels.test", "results.test", "out.test.aq", None, False),
        ("qrels.test", "results.trunc", "out.test.aqc", None, True),
        ("qrels.test", "results.trunc", "out.test.aqcM", 100, True),
        ("qrels.test", "results.test", "computed/out.test.aqM10", 10, False),
        ("qrels.rel_level", "results.test", "out.test.aql", None, False),
    ],
)
def test_vectors_of_trec_eval(
    shared_data: Path, qrels: str, run: str, expected: str, depth: int | None, complete: bool
) -> None:
    folder = shared_data / VECTORS
    ranks = read_run(folder / run, depth)
    judgments = read_judgments(folder / qrels)
    published = read_expected(folder / expected)
    level = 2 if qrels == "qrels.rel_level" else 1  # from this grade on relevant (-l2)
    topics = [topic for topic in sorted(judgments) if complete or topic in ranks]
    ours: dict[tuple[str, str], float] = {}
    for topic in topics:
        ours |= {(topic, name): value for name, value in scores(topic, ranks, judgments, level)}
    for name in {name for _, name in ours}:
        ours["all", name] = np.mean([ours[topic, name] for topic in topics])
    compared = [key for key in ours if key in published]
    assert len(compared) >= 24
    for key in compared:
        assert ours[key] == pytest.approx(published[key], abs=5.1e-5), key
    if expected == "out.test.aq":
        headlines = [("map", 0.1785), ("recip_rank", 0.4064), ("ndcg_cut_10", 0.3016)]
        for name, value in [*headlines, ("ndcg", 0.4021), ("recall_100", 0.4980)]:
            assert round(ours["all", name], 4) == value


def scores(topic: str, ranks: dict, judgments: dict, level: int) -> list[tuple[str, float]]:
    run, judged = ranks.get(topic, {}), judgments[topic]
    relevant = [name for name, grade in judged.items() if grade >= level]
    found = [run[name] for name in relevant if name in run]
    n = len(relevant)
    rows = [("map", average_precision(found, n)), ("recip_rank", reciprocal_rank(found, n))]
    for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000):
        rows.append((f"recall_{k}", recall(found, k, n)))
    rows += [(f"success_{k}", success(found, k, n)) for k in (1, 5, 10)]
    # gains are the grades themselves, whatever the level of relevance
    graded = [name for name, grade in judged.items() if grade > 0]
    kept = [name for name in graded if name in run]
    gains, ideal = [judged[name] for name in kept], [judged[name] for name in graded]
    places = [run[name] for name in kept]
    rows.append(("ndcg", ndcg(places, gains, None, ideal)))
    return rows + [
        (f"ndcg_cut_{k}", ndcg(places, gains, k, ideal)) for k in (5, 10, 15, 20, 30, 100, 500)
    ]
