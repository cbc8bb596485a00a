"""Products in blocks and in parts: any pool, the same bits, bounded memory."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
from counting_examples import KERNELS, assert_equal, by_definition, random_benchmark, real_valued
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hbt import products
from hbt.corpus import Benchmark
from hbt.counting import make_layout
from hbt.products import Pool, first_equal
from hbt.retrieval import count


@pytest.fixture(scope="module", name="real_valued")
def made_real_valued() -> tuple[Benchmark, np.ndarray, np.ndarray]:
    return real_valued()


def test_large_pools_are_multiplied_in_lower_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = random_benchmark(13, 50, 60)
    generator = np.random.default_rng(13)
    queries, passages = (generator.integers(-3, 4, (n, 5)) for n in (50, 60))
    expected = by_definition(benchmark, (queries @ passages.T).astype(np.float32), 10)
    monkeypatch.setattr(products, "BLOCK_SCORES", 1000)
    monkeypatch.setattr(products, "LEAST_ROWS", 6)
    assert_equal(count(benchmark, queries, passages), expected)
    assert_equal(count(benchmark, queries, passages, tile=9), expected)


def test_pools_too_large_to_copy_are_multiplied_by_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    benchmark = random_benchmark(17, 30, 60)
    languages = np.sort(benchmark.passage_language)
    benchmark = dataclasses.replace(benchmark, passage_language=languages)
    generator = np.random.default_rng(17)
    queries, passages = (generator.integers(-3, 4, (n, 5)) for n in (30, 60))
    expected = by_definition(benchmark, (queries @ passages.T).astype(np.float32), 10)
    monkeypatch.setattr(products, "COPY_BYTES", 0)
    assert_equal(count(benchmark, queries, passages), expected)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits so low that a pool of some hundred passages is cut into parts."""
    monkeypatch.setattr(products, "BLOCK_SCORES", 2**12)
    monkeypatch.setattr(products, "DEVICE_SCORES", 2**12)
    monkeypatch.setattr(products, "PART_ROWS", 32)
    monkeypatch.setattr(products, "BLOCK_ROWS", 32)
    monkeypatch.setattr(products, "LEAST_ROWS", 16)


@pytest.mark.usefixtures("narrow")
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6), levels=st.integers(1, 5), tile=st.sampled_from([None, 1, 50]))
def test_a_pool_in_parts_is_equal_to_the_definition(
    seed: int, levels: int, tile: int | None
) -> None:
    benchmark = random_benchmark(seed, 40, 400, share=0.01)
    generator = np.random.default_rng(seed)
    queries = generator.integers(0, levels, (40, 6)).astype(np.float32)
    passages = generator.integers(0, levels, (400, 6)).astype(np.float32)
    layout = make_layout(benchmark.passage_language, np.arange(400, dtype=np.int32), 3)
    parts = Pool.of(passages).parts(layout)
    assert levels == 1 or len(parts) > 2  # one passage, 400 times, cannot be cut
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(400))
    expected = by_definition(benchmark, queries @ passages.T, 10)
    for kernel in KERNELS:
        found = count(benchmark, queries, passages, tile=tile, kernel=kernel)
        assert_equal(found, expected)


@pytest.mark.usefixtures("narrow")
def test_parts_of_real_numbers_have_ties_where_embeddings_are_equal(real_valued) -> None:
    """Both passes compute the same bits, and copies of a passage tie across languages."""
    benchmark, queries, passages = real_valued
    reference = count(benchmark, queries, passages)
    doubled = (benchmark.relevant_passage >= 650) | (benchmark.relevant_passage < 50)
    np.testing.assert_array_equal(reference.tied.sum(axis=1), doubled)
    for tile in (5, 100):
        assert_equal(count(benchmark, queries, passages, tile=tile), reference)


def test_parts_agree_with_the_whole_but_for_rounding(
    real_valued, request: pytest.FixtureRequest
) -> None:
    whole = count(*real_valued)
    request.getfixturevalue("narrow")
    parts = count(*real_valued)
    np.testing.assert_allclose(parts.top_k_score, whole.top_k_score, rtol=1e-5)
    # another shape of product moves the last bits: at most a neighbour changes its place
    assert np.abs(parts.before - whole.before).max() <= 1


def test_mixed_languages_in_a_pool_too_large_to_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = random_benchmark(19, 30, 300)
    generator = np.random.default_rng(19)
    queries, passages = (generator.integers(-3, 4, (n, 5)) for n in (30, 300))
    expected = by_definition(benchmark, (queries @ passages.T).astype(np.float32), 10)
    monkeypatch.setattr(products, "COPY_BYTES", 4 * 5 * 100)  # a third of the pool
    assert_equal(count(benchmark, queries, passages), expected)


@pytest.mark.usefixtures("narrow")
def test_memory_does_not_grow_with_the_pool() -> None:
    """Of what numpy and Python hold; torch holds the tiles, whose size is set."""
    peaks = []
    for n_passages in (4000, 16000):
        benchmark = random_benchmark(23, 8, n_passages, share=1 / n_passages)
        embeddings = np.random.default_rng(0).standard_normal((n_passages, 256), dtype=np.float32)
        tracemalloc.start()
        count(benchmark, embeddings[:8], embeddings, kernel="numpy")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    more = 12000 * 256 * 4  # bytes that the larger pool's embeddings have more
    assert peaks[1] - peaks[0] < more / 4, peaks


def test_equal_rows_are_found() -> None:
    rows = np.array([[1, 2], [3, 4], [1, 2], [1, 4], [3, 4], [1, 2]], dtype=np.float32)
    np.testing.assert_array_equal(first_equal(rows), [0, 1, 0, 3, 1, 0])
    many = np.random.default_rng(0).integers(0, 2, (500, 6)).astype(np.float32)
    _, first, group = np.unique(many, axis=0, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(first_equal(many), first[group.ravel()])
