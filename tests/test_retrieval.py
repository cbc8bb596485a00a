"""Counts against a plain count by definition, whatever the tile, the kernel or the order."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from threading import Lock

import numpy as np
import pytest
import torch
from counting_examples import (
    KERNELS,
    assert_equal,
    by_definition,
    make_benchmark,
    random_benchmark,
    real_valued,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from hbt import counting_numpy, products
from hbt.corpus import Benchmark
from hbt.counting import tie_ids
from hbt.retrieval import count, count_from_scores


@pytest.fixture(scope="module", name="real_valued")
def made_real_valued() -> tuple[Benchmark, np.ndarray, np.ndarray]:
    return real_valued()


def test_by_hand() -> None:
    benchmark = make_benchmark(
        np.array([0]), np.array([0, 0, 1, 1, 2]), np.array([[0, 1, 0, 1, 0]], dtype=bool)
    )
    scores = np.array([[0.9, 0.5, 0.5, 0.1, 0.7]], dtype=np.float32)
    counts = count_from_scores(benchmark, lambda rows: scores[rows], top_k=3)
    np.testing.assert_array_equal(counts.relevant_passage, [1, 3])
    # passage 1 (0.5): one English and one Chinese passage higher, one Thai passage tied
    np.testing.assert_array_equal(counts.higher, [[1, 0, 1], [2, 1, 1]])
    np.testing.assert_array_equal(counts.tied, [[0, 1, 0], [0, 0, 0]])
    first, second = tie_ids(["p1", "p2"])
    np.testing.assert_array_equal(counts.before, [[1, int(second > first), 1], [2, 1, 1]])
    np.testing.assert_array_equal(counts.top_k_passage[0, :2], [0, 4])
    assert counts.top_k_passage[0, 2] == (2 if second > first else 1)
    np.testing.assert_array_equal(counts.top_k_score, scores[:, [0, 4, 1]])


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    n_queries=st.integers(1, 8),
    n_passages=st.integers(1, 40),
    levels=st.integers(1, 6),
    k=st.integers(1, 50),
)
def test_equal_to_the_definition(
    seed: int, n_queries: int, n_passages: int, levels: int, k: int
) -> None:
    benchmark = random_benchmark(seed, n_queries, n_passages, share=0.3)
    generator = np.random.default_rng(seed)
    # few different values: many ties, exact in float32
    queries = generator.integers(0, levels, (n_queries, 2)).astype(np.float32)
    passages = generator.integers(0, levels, (n_passages, 2)).astype(np.float32)
    scores = queries @ passages.T
    expected = by_definition(benchmark, scores, k)
    for kernel in KERNELS:
        found = count(benchmark, queries, passages, top_k=k, kernel=kernel)
        assert_equal(found, expected)
        found = count_from_scores(benchmark, lambda rows: scores[rows], top_k=k, kernel=kernel)
        assert_equal(found, expected)


def test_tile_size_changes_nothing(real_valued) -> None:
    reference = count(*real_valued)
    assert reference.tied.sum() > 0
    for tile in (1, 7, 64, 1000):
        assert_equal(count(*real_valued, tile=tile), reference)


@pytest.fixture(name="threads")
def set_threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of torch's threads, and sets it back after the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("kernel", KERNELS)
def test_threads_change_nothing(real_valued, kernel: str, threads: Callable[[int], None]) -> None:
    threads(1)
    alone = count(*real_valued, kernel=kernel)
    for number in (2, 3, 7):  # fewer than, as many as and more than the three blocks
        threads(number)
        assert_equal(count(*real_valued, kernel=kernel), alone)
        assert torch.get_num_threads() == number


def test_scores_are_asked_for_by_one_thread_at_a_time(
    real_valued, threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "BLOCK_ROWS", 50)
    benchmark, queries, passages = real_valued
    scores, asking, asked = queries @ passages.T, Lock(), []

    def of(rows: range) -> np.ndarray:
        assert asking.acquire(blocking=False)
        time.sleep(0.01)
        asked.append(rows)
        asking.release()
        return scores[rows]

    threads(1)
    alone = count_from_scores(benchmark, lambda rows: scores[rows])
    threads(4)
    assert_equal(count_from_scores(benchmark, of), alone)
    assert sorted(row for rows in asked for row in rows) == list(range(1100))


def test_an_error_in_one_thread_ends_all(
    real_valued, threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "BLOCK_ROWS", 50)  # 22 blocks
    benchmark, queries, passages = real_valued
    scores, asked = queries @ passages.T, []

    def failing(rows: range) -> np.ndarray:
        asked.append(rows)
        time.sleep(0.01)
        if rows.start == 100:
            raise OSError("the disk is gone")
        return scores[rows]

    threads(2)
    with pytest.raises(OSError, match="the disk is gone"):
        count_from_scores(benchmark, failing)
    assert torch.get_num_threads() == 2
    assert len(asked) <= 5  # the fifth may have been asked for before the third failed


def test_order_of_passages_changes_no_count(real_valued) -> None:
    benchmark, queries, passages = real_valued
    order = np.argsort(benchmark.passage_language, kind="stable")
    relevant = np.zeros((1100, 700), dtype=bool)
    relevant[benchmark.relevant_query, benchmark.relevant_passage] = True
    in_order = make_benchmark(
        benchmark.query_language,
        benchmark.passage_language[order],
        relevant[:, order],
        benchmark.languages,
    )
    names = [benchmark.passage_ids[row] for row in order]
    in_order = dataclasses.replace(in_order, passage_ids=names)
    one, other = count(*real_valued), count(in_order, queries, passages[order])
    place = np.lexsort((order[other.relevant_passage], other.relevant_query))
    np.testing.assert_array_equal(order[other.relevant_passage][place], one.relevant_passage)
    for name in ("before", "higher", "tied"):
        np.testing.assert_array_equal(getattr(other, name)[place], getattr(one, name))
    np.testing.assert_array_equal(order[other.top_k_passage], one.top_k_passage)


def test_same_embedding_is_an_exact_tie(real_valued) -> None:
    benchmark, queries, passages = real_valued
    counts = count(benchmark, queries, passages)
    doubled = (benchmark.relevant_passage >= 650) | (benchmark.relevant_passage < 50)
    np.testing.assert_array_equal(counts.tied.sum(axis=1), doubled)


def test_constant_embeddings_tie_everywhere() -> None:
    benchmark = random_benchmark(7, 20, 90)
    counts = count(benchmark, np.ones((20, 3)), np.full((90, 3), 1 / 3))
    assert (counts.higher == 0).all()
    assert (counts.tied.sum(axis=1) == 89).all()
    order = np.argsort(tie_ids(benchmark.passage_ids))[::-1]
    np.testing.assert_array_equal(counts.top_k_passage, np.tile(order[:10], (20, 1)))
    rank = np.argsort(order)[counts.relevant_passage]
    np.testing.assert_array_equal(counts.before.sum(axis=1), rank)


def test_kernels_change_nothing(real_valued) -> None:
    pytest.importorskip("numba")
    reference = count(*real_valued, kernel="numpy")
    assert reference.tied.sum() > 0
    assert_equal(count(*real_valued, kernel="numba"), reference)
    assert_equal(count(*real_valued, kernel="numba", tile=7), reference)


def test_many_relevant_passages_of_one_query(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = random_benchmark(11, 6, 100, share=0.5)
    generator = np.random.default_rng(11)
    scores = generator.integers(0, 9, (6, 100)).astype(np.float32)
    monkeypatch.setattr(counting_numpy, "COMPARISONS", 500)  # fewer than one query has
    counts = count_from_scores(benchmark, lambda rows: scores[rows])
    assert_equal(counts, by_definition(benchmark, scores, 10))


def test_float32_whatever_torch_was_told(real_valued) -> None:
    before = torch.get_float32_matmul_precision()
    reference = count(*real_valued)
    try:
        torch.set_float32_matmul_precision("medium")
        assert_equal(count(*real_valued), reference)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_embeddings_that_may_not_be_written_to(real_valued) -> None:
    benchmark, queries, passages = real_valued
    frozen = passages.copy()
    frozen.flags.writeable = False
    assert_equal(count(benchmark, queries, frozen), count(benchmark, queries, passages))


def test_tensors_of_any_kind_are_embeddings(real_valued) -> None:
    """As sentence-transformers gives them; also half precision, and from within a training."""
    benchmark, queries, passages = real_valued
    tensors = [torch.tensor(each) for each in (queries, passages)]
    assert_equal(count(benchmark, *tensors), count(benchmark, queries, passages))
    half = [each.bfloat16().requires_grad_() for each in tensors]
    rounded = [each.detach().float().numpy() for each in half]
    assert_equal(count(benchmark, *half), count(benchmark, *rounded))


def test_scores_may_be_an_array(real_valued) -> None:
    benchmark, queries, passages = real_valued
    scores = queries @ passages.T
    assert_equal(
        count_from_scores(benchmark, scores),
        count_from_scores(benchmark, lambda rows: scores[rows]),
    )
    with pytest.raises(ValueError, match=r"scores have shape \(700, 1100\); \(1100, 700\) is"):
        count_from_scores(benchmark, scores.T)


def spoilt(array: np.ndarray, value: float) -> np.ndarray:
    copy = array.astype(np.float64)
    copy[3, 1] = value
    return copy


@pytest.mark.parametrize(
    ("change_queries", "change_passages", "message"),
    [
        (lambda q: spoilt(q, np.nan), None, "query_embeddings have the value nan in row 3"),
        (None, lambda p: spoilt(p, np.inf), "passage_embeddings have the value inf in row 3"),
        (None, lambda p: spoilt(p, -1e30), "have the value -1e.30 in row 3; numbers below"),
        (None, lambda p: p[:, :5], "dimension 48, passage_embeddings 5"),
        (lambda q: q[:-1], None, "query_embeddings have 1099 rows; the benchmark has 1100"),
        (lambda q: q[0], None, r"query_embeddings have shape \(48,\)"),
    ],
)
def test_bad_embeddings_are_named(real_valued, change_queries, change_passages, message) -> None:
    benchmark, queries, passages = real_valued
    queries = change_queries(queries) if change_queries else queries
    passages = change_passages(passages) if change_passages else passages
    with pytest.raises(ValueError, match=message):
        count(benchmark, queries, passages)


def test_bad_arguments_are_named(real_valued) -> None:
    benchmark, queries, passages = real_valued
    with pytest.raises(ValueError, match="top_k is 0"):
        count(benchmark, queries, passages, top_k=0)
    with pytest.raises(ValueError, match="tile 0"):
        count(benchmark, queries, passages, tile=0)
    with pytest.raises(ValueError, match="came as"):
        count_from_scores(benchmark, lambda rows: np.zeros((len(rows), 3)))
    scores = np.zeros((1100, 700))
    scores[600, 2] = np.nan
    with pytest.raises(ValueError, match="query 'q600' are not all finite"):
        count_from_scores(benchmark, lambda rows: scores[rows])
    empty = dataclasses.replace(
        make_benchmark(np.array([0]), np.array([], int), np.zeros((1, 0), dtype=bool)), name="void"
    )
    with pytest.raises(ValueError, match="void has no passages"):
        count(empty, np.ones((1, 2)), np.ones((0, 2)))


def test_a_query_without_relevant_passages_has_no_row() -> None:
    relevant = np.zeros((2, 3), dtype=bool)
    relevant[1, 0] = True
    benchmark = make_benchmark(np.array([0, 0]), np.array([0, 1, 2]), relevant)
    counts = count(benchmark, np.eye(2), np.array([[0.0, 1], [1, 0], [0.5, 0.5]]))
    np.testing.assert_array_equal(counts.relevant_query, [1])
    assert counts.before.sum() == 0
    np.testing.assert_array_equal(counts.top_k_passage, [[1, 2, 0], [0, 2, 1]])
