"""Small benchmarks to count on, and the counts as their definition says."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from hbt.corpus import Benchmark
from hbt.counting import tie_ids
from hbt.retrieval import Counts

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


def assert_equal(counts: Counts, expected: Counts | dict[str, np.ndarray]) -> None:
    for name in COUNTED:
        other = expected[name] if isinstance(expected, dict) else getattr(expected, name)
        np.testing.assert_array_equal(getattr(counts, name), other, err_msg=name)


def real_valued() -> tuple[Benchmark, np.ndarray, np.ndarray]:
    """1,100 queries (two blocks and a part of one) on 700 passages, some of them twice."""
    generator = np.random.default_rng(5)
    benchmark = random_benchmark(5, 1100, 700)
    queries = generator.standard_normal((1100, 48), dtype=np.float32)
    passages = generator.standard_normal((700, 48), dtype=np.float32)
    passages[650:] = passages[:50]
    return benchmark, queries, passages
