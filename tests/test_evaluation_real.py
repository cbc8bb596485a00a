"""Scores on real text, by BM25 and by a trained encoder, against trec_eval and scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_oracles import (
    TREC_NAMES,
    assert_equal_to_scikit_learn,
    assert_equal_to_trec_eval,
)

from hbt.bm25 import bm25_scores
from hbt.corpus import Benchmark
from hbt.encoders import EncoderSettings, build, encode, train_tokenizer
from hbt.evaluation import evaluate
from hbt.retrieval import Counts, count, count_from_scores
from hbt.sampling import PlanSettings
from hbt.sources import mlqa_r_items, read_mlqa_r, read_xquad_r
from hbt.suite.bench.made_pool import only_queries
from hbt.training import TrainingSettings, finetune

LANGUAGES = ("en", "zh", "th")


def assert_equal_to_both(
    benchmark: Benchmark, scores: np.ndarray, counts: Counts, queries: np.ndarray
) -> None:
    result = evaluate(benchmark, counts, metrics=list(TREC_NAMES))
    assert_equal_to_trec_eval(benchmark, scores, result, queries)
    grouped = evaluate(benchmark, counts, metrics=["mAP"], ties="sklearn")
    assert_equal_to_scikit_learn(benchmark, scores, grouped, queries)


def sample(n: int, size: int) -> np.ndarray:
    return np.sort(np.random.default_rng(0).choice(n, size, replace=False))


@pytest.fixture(scope="module")
def xquad_r(shared_data: Path) -> Benchmark:
    return read_xquad_r(shared_data).restrict(LANGUAGES)


@pytest.fixture(scope="module")
def bm25_on_xquad_r(xquad_r: Benchmark) -> tuple[np.ndarray, Counts]:
    scores = bm25_scores(xquad_r)(range(len(xquad_r.query_texts)))
    return scores, count_from_scores(xquad_r, lambda rows: scores[rows])


def test_xquad_r_with_bm25(xquad_r: Benchmark, bm25_on_xquad_r) -> None:
    scores, counts = bm25_on_xquad_r
    assert (counts.tied > 0).any(axis=1).mean() > 0.3  # BM25 leaves many passages at zero
    assert_equal_to_both(xquad_r, scores, counts, sample(len(xquad_r.query_ids), 60))
    cells = evaluate(xquad_r, counts).scores.drop_duplicates(
        ["setting", "query_language", "passage_language"]
    )
    assert cells["setting"].value_counts().to_dict() == {
        "monolingual": 3,
        "cross-lingual": 6,
        "multilingual": 3,
    }
    assert (cells["n_queries"] == 1190).all()


def test_bm25_finds_thai_and_chinese_sentences(xquad_r: Benchmark, bm25_on_xquad_r) -> None:
    table = evaluate(xquad_r, bm25_on_xquad_r[1], metrics=["mAP"]).scores.set_index("setting")
    monolingual = table.loc["monolingual"].set_index("query_language")["value"]
    assert (monolingual > 0.5).all(), monolingual
    assert (table.loc["cross-lingual", "value"] < 0.3).all()


def test_mlqa_r_with_bm25(shared_data: Path) -> None:
    """Seven languages, of which each question has its answer in two to four."""
    whole = read_mlqa_r(shared_data)
    benchmark = only_queries(whole, sample(len(whole.query_ids), 40))
    assert len(benchmark.passage_ids) == 20_534
    languages = np.bincount(benchmark.relevant_query)
    assert set(languages) == {2, 3, 4}
    scores = bm25_scores(benchmark)(range(40))
    counts = count_from_scores(benchmark, lambda rows: scores[rows])
    assert_equal_to_both(benchmark, scores, counts, np.arange(40))
    table = evaluate(benchmark, counts).per_query
    assert len(table) == len(benchmark.relevant_query) + 40  # one language each, and all


def test_xquad_r_with_a_trained_encoder(
    shared_data: Path, xquad_r: Benchmark, tmp_path: Path
) -> None:
    items = mlqa_r_items(shared_data, ["en", "zh"])
    texts = [text for text in (*items.passages["en"], *items.passages["zh"]) if text]
    settings = EncoderSettings(vocabulary_size=4000)
    train_tokenizer(texts[::3], settings).save(str(tmp_path / "tokenizer.json"))
    model = build(settings, tmp_path, seed=0)
    benchmark = only_queries(xquad_r, sample(len(xquad_r.query_ids), 60))

    def embedded() -> tuple[np.ndarray, np.ndarray]:
        return (
            encode(model, benchmark.query_texts, "query"),
            encode(model, benchmark.passage_texts, "passage"),
        )

    before = evaluate(benchmark, count(benchmark, *embedded())).summary()
    plan = PlanSettings(sampling="hybrid", batch_size=64, seed=1)
    training = TrainingSettings(plan=plan, steps=200, learning_rate=0.02)
    finetune(model, items, training, tmp_path / "training", progress=False)
    counts = count(benchmark, *embedded(), top_k=len(benchmark.passage_ids))
    after = evaluate(benchmark, counts).summary()
    assert after.loc["multilingual", "mAP"] > 1.2 * before.loc["multilingual", "mAP"]
    # the scores to the last bit: those of the first k, where k is all
    scores = np.zeros(counts.top_k_score.shape, dtype=np.float32)
    np.put_along_axis(scores, counts.top_k_passage, counts.top_k_score, axis=1)
    assert_equal_to_both(benchmark, scores, counts, np.arange(60))
