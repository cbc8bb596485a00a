"""A made benchmark of any size with embeddings, shaped like XQuAD-R, and how memory is watched."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hbt.corpus import Benchmark

QUERY_NOISE, LANGUAGE_WEIGHT = 2.75, 0.5
"""Lengths of the vectors that are added to an item's own, which has length 1. With these, retrieval
is good but far from perfect: relevant passages stand everywhere from the first rank to the last."""


@dataclass(frozen=True)
class Made:
    """A benchmark with embeddings.

    Attributes:
        benchmark: each query has one relevant passage in every language.
        queries: float32 array (n_queries, dimension), rows of length 1.
        passages: float32 array (n_passages, dimension), rows of length 1.
    """

    benchmark: Benchmark
    queries: np.ndarray
    passages: np.ndarray


def make(n_queries: int, n_passages: int, dimension: int, n_languages: int, seed: int = 0) -> Made:
    """A made benchmark; languages have equal shares of queries and passages, up to one.

    Raises:
        ValueError: there are fewer passages or queries than languages.
    """
    if min(n_queries, n_passages) < n_languages:
        raise ValueError(
            f"{n_queries} queries and {n_passages} passages cannot be in {n_languages} languages"
        )
    query_language, query_place = _dealt(n_queries, n_languages)
    passage_language, passage_place = _dealt(n_passages, n_languages)
    n_items = n_passages // n_languages  # passages that exist in every language
    item = query_place % n_items
    first = np.searchsorted(passage_language, np.arange(n_languages))
    benchmark = Benchmark(
        name="made",
        languages=tuple(f"l{number}" for number in range(n_languages)),
        query_texts=[""] * n_queries,
        query_language=query_language,
        query_item=query_place,
        query_cluster=item,
        passage_texts=[""] * n_passages,
        passage_language=passage_language,
        relevant_query=np.repeat(np.arange(n_queries), n_languages),
        relevant_passage=(first + item[:, None]).ravel(),
        grade=np.ones(n_queries * n_languages, dtype=np.int64),
        query_ids=[f"q{number}" for number in range(n_queries)],
        passage_ids=[f"p{number}" for number in range(n_passages)],
    )
    generator = np.random.Generator(np.random.PCG64(seed))
    items = _vectors(generator, n_items + 1, dimension)
    languages = _vectors(generator, n_languages, dimension) * np.float32(LANGUAGE_WEIGHT)

    def embed(place: np.ndarray, language: np.ndarray) -> np.ndarray:
        noise = _vectors(generator, len(place), dimension) * np.float32(QUERY_NOISE)
        rows = items[np.minimum(place, n_items)] + languages[language] + noise
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return Made(benchmark, embed(item, query_language), embed(passage_place, passage_language))


def only_queries(benchmark: Benchmark, chosen: np.ndarray) -> Benchmark:
    """The benchmark with some of its queries (rows, rising) and with all its passages."""
    kept = np.isin(benchmark.relevant_query, chosen)
    return replace(
        benchmark,
        query_texts=[benchmark.query_texts[row] for row in chosen],
        query_language=benchmark.query_language[chosen],
        query_item=benchmark.query_item[chosen],
        query_cluster=benchmark.query_cluster[chosen],
        relevant_query=np.searchsorted(chosen, benchmark.relevant_query[kept]),
        relevant_passage=benchmark.relevant_passage[kept],
        grade=benchmark.grade[kept],
        query_ids=[benchmark.query_ids[row] for row in chosen],
    )


def _dealt(n: int, n_languages: int) -> tuple[np.ndarray, np.ndarray]:
    """The language of each of n rows, sorted, and its place within the language."""
    language = np.sort(np.arange(n) % n_languages)
    return language, np.arange(n) - np.searchsorted(language, language)


def _vectors(generator: np.random.Generator, n: int, dimension: int) -> np.ndarray:
    """Random vectors of length 1 or so: float32 array (n, dimension)."""
    return generator.standard_normal((n, dimension), dtype=np.float32) / np.float32(dimension**0.5)


def memory_increase(work: Callable[[], object], every: float = 0.002) -> float:
    """MB (2**20 bytes) by which the process's resident memory rises at most while work is done."""
    import psutil

    process, running = psutil.Process(), threading.Event()
    gc.collect()
    before = peak = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not running.is_set():
            peak = max(peak, process.memory_info().rss)
            time.sleep(every)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        work()
    finally:
        running.set()
        watcher.join()
    return (max(peak, process.memory_info().rss) - before) / 2**20
