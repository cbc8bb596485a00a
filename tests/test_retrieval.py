"""Counts against a plain count by definition, whatever the tile, the form or the order."""

from __future__ import annotations

import dataclasses
import sys
import tracemalloc
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hbt import counting, counting_numpy, counting_torch, products
from hbt.corpus import Benchmark
from hbt.counting import Threads, TilePairs, make_layout, tie_ids, tie_places
from hbt.counting_numpy import LANE
from hbt.products import Pool, first_equal
from hbt.retrieval import Counts, count, count_from_scores

FORMS = (
    "counting_torch",
    pytest.param(
        "counting_numba",
        marks=pytest.mark.skipif(not find_spec("numba"), reason="numba is not installed"),
    ),
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    ),
)
KERNELS = ("numpy", "numba") if find_spec("numba") else ("numpy",)
COUNTED = ("before", "higher", "tied", "top_k_passage", "top_k_score")


def make_benchmark(
    query_language: np.ndarray,
    passage_language: np.ndarray,
    relevant: np.ndarray,
    languages: tuple[str, ...] = ("en", "th", "zh"),
) -> Benchmark:
    """A benchmark with empty texts; relevant is a bool array (n_queries, n_passages)."""
    n_queries, n_passages = relevant.shape
    query, passage = np.nonzero(relevant)
    return Benchmark(
        name="made",
        languages=languages,
        query_texts=[""] * n_queries,
        query_language=query_language,
        query_item=np.arange(n_queries),
        query_cluster=np.arange(n_queries),
        passage_texts=[""] * n_passages,
        passage_language=passage_language,
        relevant_query=query,
        relevant_passage=passage,
        grade=np.ones(len(query), dtype=np.int64),
        query_ids=[f"q{row}" for row in range(n_queries)],
        passage_ids=[f"p{row}" for row in range(n_passages)],
    )


def random_benchmark(
    seed: int, n_queries: int, n_passages: int, share: float = 0.02, n_languages: int = 3
) -> Benchmark:
    generator = np.random.default_rng(seed)
    return make_benchmark(
        generator.integers(0, n_languages, n_queries),
        generator.integers(0, n_languages, n_passages),
        generator.random((n_queries, n_passages)) < share,
        tuple(f"l{number}" for number in range(n_languages)),
    )


def by_definition(benchmark: Benchmark, scores: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """The counts as their definition says, one passage at a time."""
    names = tie_ids(benchmark.passage_ids)
    shape = (len(benchmark.relevant_query), len(benchmark.languages))
    before, higher, tied = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    pairs = zip(benchmark.relevant_query, benchmark.relevant_passage, strict=True)
    for pair, (query, relevant) in enumerate(pairs):
        for passage, language in enumerate(benchmark.passage_language):
            difference = scores[query, passage] - scores[query, relevant]
            higher[pair, language] += difference > 0
            tied[pair, language] += difference == 0 and passage != relevant
            before[pair, language] += difference > 0 or (
                difference == 0 and names[passage] > names[relevant]
            )
    top = np.array(
        [
            sorted(range(len(row)), key=lambda p, row=row: (row[p], names[p]), reverse=True)[:k]
            for row in scores
        ]
    )
    found = {"before": before, "higher": higher, "tied": tied, "top_k_passage": top}
    return found | {"top_k_score": np.take_along_axis(scores, top, axis=1).astype(np.float32)}


def load_form(name: str) -> tuple[ModuleType, str]:
    """A module that counts, and the device it is to count on."""
    module = import_module(f"hbt.{'counting_torch' if name == 'cuda' else name}")
    return module, "cuda" if name == "cuda" else "cpu"


def assert_equal(counts: Counts, expected: Counts | dict[str, np.ndarray]) -> None:
    for name in COUNTED:
        other = expected[name] if isinstance(expected, dict) else getattr(expected, name)
        np.testing.assert_array_equal(getattr(counts, name), other, err_msg=name)


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


def test_tie_ids_are_hashes() -> None:
    assert tie_ids(["en-17"]) == ["933bfced22f52afb"]
    assert len(set(tie_ids([f"p{number}" for number in range(1000)]))) == 1000


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


@pytest.fixture(scope="module")
def real_valued() -> tuple[Benchmark, np.ndarray, np.ndarray]:
    """1,100 queries (two blocks and a part of one) on 700 passages, some of them twice."""
    generator = np.random.default_rng(5)
    benchmark = random_benchmark(5, 1100, 700)
    queries = generator.standard_normal((1100, 48), dtype=np.float32)
    passages = generator.standard_normal((700, 48), dtype=np.float32)
    passages[650:] = passages[:50]
    return benchmark, queries, passages


def test_tile_size_changes_nothing(real_valued) -> None:
    reference = count(*real_valued)
    assert reference.tied.sum() > 0
    for tile in (1, 7, 64, 1000):
        assert_equal(count(*real_valued, tile=tile), reference)


def test_threads_change_nothing(real_valued, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark, queries, passages = real_valued
    scores = queries @ passages.T
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    alone = count_from_scores(benchmark, lambda rows: scores[rows])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert_equal(count_from_scores(benchmark, lambda rows: scores[rows]), alone)


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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("levels", [1, 50, 10**6])
def test_the_forms_agree(form: str, levels: int) -> None:
    """numpy on the CPU is the measure; numba, torch and CUDA find the same."""
    generator = np.random.default_rng(levels)
    language = np.r_[np.zeros(10, int), np.full(LANE * 8 * 2 + 100, 2)]  # none of language 1
    names = [f"p{row}" for row in range(len(language))]
    layout = make_layout(language, tie_places(names), 3)
    scores = np.full((9, layout.width), -np.inf, dtype=np.float32)
    scores[:, layout.column] = generator.integers(0, levels, (9, len(language)))
    scores[0, layout.column] = 7
    row = np.sort(generator.integers(0, 9, 60))
    passage = generator.integers(0, len(language), 60)
    column = layout.column[passage]
    own = language[passage]
    own[::7] = -1  # the relevant passage is in another part of the pool
    pairs = TilePairs(row, scores[row, column], own, layout.tie_place[column])
    tile, threads = torch.from_numpy(scores), Threads(1)
    expected = counting_numpy.count_tile(tile, pairs, layout, threads)
    module, device = load_form(form)
    found = module.count_tile(tile.to(device), pairs, layout, threads)
    for name in ("higher", "tied", "earlier"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for k in (1, 10, 300):
        columns, values = module.top_k(tile.to(device), k, layout, threads)
        order = np.lexsort((np.broadcast_to(layout.tie_place, scores.shape), -scores), axis=1)
        np.testing.assert_array_equal(columns, order[:, :k])
        np.testing.assert_array_equal(values, np.take_along_axis(scores, columns, axis=1))
    real = scores[:, layout.column]
    above = (real[row] > real[row, passage][:, None]) & (language == 2)
    np.testing.assert_array_equal(expected.higher[:, 2], above.sum(axis=1))
    if levels == 10**6:
        assert expected.higher[:, 2].max() > LANE * 8
        assert not found.tied[row > 0].any() or (own < 0).any()


def test_kernels_change_nothing(real_valued) -> None:
    pytest.importorskip("numba")
    reference = count(*real_valued, kernel="numpy")
    assert reference.tied.sum() > 0
    assert_equal(count(*real_valued, kernel="numba"), reference)
    assert_equal(count(*real_valued, kernel="numba", tile=7), reference)


def test_the_kernel_is_chosen_by_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert counting.form_of("numpy", cpu, 1e12) is counting_numpy
    assert counting.form_of("auto", cuda, 1e12) is counting_torch
    with pytest.raises(ValueError, match="kernel is 'c', not one of auto, numba, numpy"):
        counting.form_of("c", cpu, 1e12)
    monkeypatch.setattr(counting, "find_spec", lambda name: None)
    assert counting.form_of("auto", cpu, 1e12) is counting_numpy
    with pytest.raises(ValueError, match=r'"numba" needs the package numba: pip install'):
        counting.form_of("numba", cpu, 1e12)
    monkeypatch.undo()
    pytest.importorskip("numba")
    assert counting.form_of("auto", cpu, 1e12).__name__ == "hbt.counting_numba"
    monkeypatch.delitem(sys.modules, "hbt.counting_numba", raising=False)
    assert counting.form_of("auto", cpu, 1e3) is counting_numpy  # not worth the start


def test_many_relevant_passages_of_one_query(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = random_benchmark(11, 6, 100, share=0.5)
    generator = np.random.default_rng(11)
    scores = generator.integers(0, 9, (6, 100)).astype(np.float32)
    monkeypatch.setattr(counting_numpy, "COMPARISONS", 500)  # fewer than one query has
    counts = count_from_scores(benchmark, lambda rows: scores[rows])
    assert_equal(counts, by_definition(benchmark, scores, 10))


def test_large_pools_are_multiplied_in_lower_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = random_benchmark(13, 50, 60)
    generator = np.random.default_rng(13)
    queries, passages = (generator.integers(-3, 4, (n, 5)) for n in (50, 60))
    expected = by_definition(benchmark, (queries @ passages.T).astype(np.float32), 10)
    monkeypatch.setattr(products, "BLOCK_SCORES", 1000)
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
