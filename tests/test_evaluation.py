"""Scores of all settings, by hand and against trec_eval and scikit-learn, pool by pool."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from counting_examples import random_benchmark
from evaluation_oracles import (
    TREC_NAMES,
    assert_equal_to_scikit_learn,
    assert_equal_to_trec_eval,
)

from hbt.corpus import Benchmark, ParallelItems, benchmark_from_items
from hbt.evaluation import SETTINGS, Metric, evaluate
from hbt.retrieval import count, count_from_scores


def made_benchmark(n_items: int = 12, missing: float = 0.2, seed: int = 0) -> Benchmark:
    """Items in three languages, some missing, every third passage shared by two items."""
    generator = np.random.default_rng(seed)
    languages = ("en", "th", "zh")
    there = generator.random((n_items, 3)) > missing
    there[:, 0] |= ~there.any(axis=1)
    texts = {
        language: [f"{language} {item}" if there[item, column] else None for item in range(n_items)]
        for column, language in enumerate(languages)
    }
    items = ParallelItems(
        name="made",
        languages=languages,
        passage_id=np.array([item - (item % 3 == 2) for item in range(n_items)]),
        source=np.zeros(n_items, dtype=np.int64),
        source_names=("made",),
        queries=texts,
        passages=texts,
    )
    benchmark = benchmark_from_items(items, "made", cluster=np.arange(n_items) // 4)
    grade = generator.integers(1, 4, len(benchmark.grade))
    return dataclasses.replace(benchmark, grade=grade)


def test_by_hand() -> None:
    texts = {"en": ["a", "b"], "th": ["c", None]}
    items = ParallelItems(
        "two", ("en", "th"), np.arange(2), np.zeros(2, int), ("two",), texts, texts
    )
    benchmark = benchmark_from_items(items, "two")  # queries and passages: en 0, en 1, th 0
    scores = np.array([[0.1, 0.9, 0.5], [0.2, 0.3, 0.4], [0.7, 0.8, 0.9]], dtype=np.float32)
    result = evaluate(benchmark, count_from_scores(benchmark, lambda rows: scores[rows]))
    cells = result.scores.pivot_table(
        values="value", index=["setting", "query_language", "passage_language"], columns="metric"
    )
    # English queries: item 0 second of two, item 1 first
    assert cells.loc[("monolingual", "en", "en"), "mAP"] == pytest.approx((1 / 2 + 1) / 2)
    assert cells.loc[("monolingual", "en", "en"), "R@1"] == 0.5
    assert cells.loc[("monolingual", "th", "th"), "mAP"] == 1.0
    # Thai has no item 1, so only the first English query has something to find there
    assert cells.loc[("cross-lingual", "en", "th"), "MRR"] == 1.0
    assert cells.loc[("cross-lingual", "th", "en"), "MRR"] == 0.5
    # all three passages: item 0 at 2 and 3; item 1 at 2; the Thai query's at 1 and 3
    of_english = (((1 / 2 + 2 / 3) / 2) + 1 / 2) / 2
    assert cells.loc[("multilingual", "en", "all"), "mAP"] == pytest.approx(of_english)
    of_thai = (1 + 2 / 3) / 2
    assert cells.loc[("multilingual", "th", "all"), "mAP"] == pytest.approx(of_thai)
    n_queries = result.scores.drop_duplicates(["setting", "query_language", "passage_language"])
    np.testing.assert_array_equal(n_queries["n_queries"], [2, 1, 1, 1, 2, 1])
    np.testing.assert_array_equal(result.multilingual_ranks, [3, 2, 2, 3, 1])
    summary = result.summary()
    assert list(summary.index) == list(SETTINGS)
    assert list(summary.columns) == ["mAP", "R@1", "R@10", "nDCG@10", "MRR"]
    assert summary.loc["cross-lingual", "MRR"] == 0.75
    assert summary.loc["multilingual", "mAP"] == pytest.approx((of_english + of_thai) / 2)


def test_table_per_query() -> None:
    benchmark = made_benchmark()
    scores = np.random.default_rng(1).random((len(benchmark.query_ids), 40))
    scores = scores[:, : len(benchmark.passage_ids)]
    result = evaluate(benchmark, count_from_scores(benchmark, lambda rows: scores[rows]))
    table = result.per_query
    head = ["query", "item", "cluster", "query_language", "setting", "passage_language"]
    assert list(table.columns) == [*head, "mAP", "R@1", "R@10", "nDCG@10", "MRR"]
    multilingual = table[table["setting"] == "multilingual"]
    np.testing.assert_array_equal(multilingual["query"], np.arange(len(benchmark.query_ids)))
    assert set(multilingual["passage_language"]) == {"all"}
    rows = table["query"].to_numpy()
    np.testing.assert_array_equal(table["item"], benchmark.query_item[rows])
    np.testing.assert_array_equal(table["cluster"], benchmark.query_cluster[rows])
    codes = np.array(benchmark.languages)[benchmark.query_language[rows]]
    np.testing.assert_array_equal(table["query_language"].to_numpy(), codes)
    monolingual = table[table["setting"] == "monolingual"]
    assert (monolingual["query_language"] == monolingual["passage_language"]).all()
    # the cells are the means of the rows
    keys = ["setting", "query_language", "passage_language"]
    means = table.groupby(keys)["nDCG@10"].agg(["mean", "size"])
    cells = result.scores[result.scores["metric"] == "nDCG@10"].set_index(keys)
    np.testing.assert_allclose(cells["value"].to_numpy(), means.loc[cells.index, "mean"])
    np.testing.assert_array_equal(cells["n_queries"], means.loc[cells.index, "size"])


@pytest.mark.parametrize("levels", [1, 3, 20, 10**6])
def test_equal_to_trec_eval_in_every_pool(levels: int) -> None:
    benchmark = made_benchmark(n_items=40, seed=levels)
    generator = np.random.default_rng(levels)
    shape = (len(benchmark.query_ids), len(benchmark.passage_ids))
    scores = generator.integers(0, levels, shape).astype(np.float32)  # 1: constant; 3: many ties
    counts = count_from_scores(benchmark, lambda rows: scores[rows])
    result = evaluate(benchmark, counts, metrics=list(TREC_NAMES))
    assert_equal_to_trec_eval(benchmark, scores, result, np.arange(shape[0]))


@pytest.mark.parametrize("levels", [1, 3, 10**6])
def test_equal_to_scikit_learn_in_every_pool(levels: int) -> None:
    benchmark = made_benchmark(n_items=20, seed=levels)
    generator = np.random.default_rng(levels)
    shape = (len(benchmark.query_ids), len(benchmark.passage_ids))
    scores = generator.integers(0, levels, shape).astype(np.float32)
    counts = count_from_scores(benchmark, lambda rows: scores[rows])
    result = evaluate(benchmark, counts, metrics=["mAP", "MRR"], ties="sklearn")
    assert_equal_to_scikit_learn(benchmark, scores, result, np.arange(shape[0]))
    # the other metrics keep the order of trec_eval
    trec = evaluate(benchmark, counts, metrics=["MRR"]).per_query
    np.testing.assert_array_equal(result.per_query["MRR"], trec["MRR"])


def test_equal_in_a_pool_without_parallel_structure() -> None:
    """As in MIRACL and MLDR: queries of one language, several graded passages, all in it."""
    generator = np.random.default_rng(4)
    languages = generator.integers(0, 3, 90)
    benchmark = random_benchmark(4, 30, 90, share=0.05)
    query, passage = benchmark.relevant_query, benchmark.relevant_passage
    own = benchmark.query_language[query] == languages[passage]
    benchmark = dataclasses.replace(
        benchmark,
        passage_language=languages,
        relevant_query=query[own],
        relevant_passage=passage[own],
        grade=generator.integers(1, 4, own.sum()),
    )
    n_relevant = np.bincount(benchmark.relevant_query, minlength=30)
    assert n_relevant.max() > 2
    assert (n_relevant == 0).any()  # such a query is in no cell
    scores = generator.integers(0, 40, (30, 90)).astype(np.float32)
    counts = count_from_scores(benchmark, lambda rows: scores[rows])
    result = evaluate(benchmark, counts, metrics=list(TREC_NAMES))
    assert set(result.per_query["setting"]) == {"monolingual", "multilingual"}
    assert set(result.per_query["query"]) == set(np.flatnonzero(n_relevant))
    assert_equal_to_trec_eval(benchmark, scores, result, np.arange(30))
    grouped = evaluate(benchmark, counts, metrics=["mAP"], ties="sklearn")
    assert_equal_to_scikit_learn(benchmark, scores, grouped, np.arange(30))


def test_one_language_is_monolingual_and_multilingual_alike() -> None:
    benchmark = made_benchmark(missing=0).restrict(["th"])
    embeddings = np.random.default_rng(2).standard_normal((len(benchmark.passage_ids), 8))
    queries = np.random.default_rng(3).standard_normal((len(benchmark.query_ids), 8))
    summary = evaluate(benchmark, count(benchmark, queries, embeddings)).summary()
    assert list(summary.index) == ["monolingual", "multilingual"]
    np.testing.assert_array_equal(summary.loc["monolingual"], summary.loc["multilingual"])


def test_metric_names() -> None:
    for name in ("mAP", "MRR", "R@10", "Success@1", "nDCG@10", "nDCG"):
        assert str(Metric.parse(name)) == name
    for name in ("map", "mAP@20", "R", "R@0", "nDCG@", "P@10"):
        with pytest.raises(ValueError, match="no metric"):
            Metric.parse(name)


def test_bad_arguments_are_named() -> None:
    benchmark = made_benchmark()
    scores = np.zeros((len(benchmark.query_ids), len(benchmark.passage_ids)))
    counts = count_from_scores(benchmark, lambda rows: scores[rows])
    with pytest.raises(ValueError, match="ties is 'random'"):
        evaluate(benchmark, counts, ties="random")
    with pytest.raises(ValueError, match="are not of made"):
        evaluate(benchmark.restrict(["en"]), counts)
    for metrics in ((), "mAP"):
        with pytest.raises(ValueError, match="a list of names is needed"):
            evaluate(benchmark, counts, metrics=metrics)
