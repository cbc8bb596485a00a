"""Exact ranks by counting: scores in, and out how many passages of each language rank before.

The rank of a passage is one more than the number of passages before it. So ranks need no sort: one
pass over the score matrix, a tile (a block of queries by all passages) at a time, counts for every
relevant passage how many passages of each language score higher or tie. The counts give its rank in
the pool of its own language, in the pool of all languages and in any pool between.

Scores are float32 and the same to the last bit whatever the tile size (see `hbt.products`). A pool
too large for tiles of whole rows is cut into parts, and two passes are made over them: the first
takes down the relevant passages' scores, the second counts. Memory beyond the embeddings and the
result stays below 500 MB, but for 40 bytes or so for each passage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import Benchmark
from hbt.counting import Layout
from hbt.products import Pool, Products, checked, full_precision
from hbt.sweep import Fill, Sweep

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Counts:
    """What one pass over all scores finds; one row per (query, relevant passage) pair.

    Attributes:
        relevant_query, relevant_passage, grade: int64 arrays (n_pairs,), the benchmark's pairs.
        before: int64 array (n_pairs, n_languages), passages of each language that rank before the
            relevant one: with a higher score, or the same score and earlier in the tie order of
            trec_eval (names descending; the names are `hbt.counting.tie_ids`).
        higher: int64 array (n_pairs, n_languages), passages with a higher score.
        tied: int64 array (n_pairs, n_languages), other passages with the same score.
        top_k_passage: int64 array (n_queries, k), the first k passages of the pool of all
            languages, in trec order.
        top_k_score: float32 array (n_queries, k), their scores.
    """

    relevant_query: np.ndarray
    relevant_passage: np.ndarray
    grade: np.ndarray
    before: np.ndarray
    higher: np.ndarray
    tied: np.ndarray
    top_k_passage: np.ndarray
    top_k_score: np.ndarray


def check_counts(benchmark: Benchmark, counts: Counts) -> None:
    """Refuse counts of another benchmark.

    Raises:
        ValueError: they have not its pairs or its number of languages.
    """
    shape = (len(benchmark.relevant_query), len(benchmark.languages))
    if (
        counts.before.shape != shape
        or (counts.relevant_query != benchmark.relevant_query).any()
        or (counts.relevant_passage != benchmark.relevant_passage).any()
    ):
        raise ValueError(f"these counts {counts.before.shape} are not of {benchmark.name} {shape}")


def count(
    benchmark: Benchmark,
    query_embeddings: np.ndarray | Tensor,
    passage_embeddings: np.ndarray | Tensor,
    *,
    top_k: int = 10,
    tile: int | None = None,
    device: str | None = None,
    kernel: str = "auto",
) -> Counts:
    """Count over the inner products of the embeddings.

    Args:
        benchmark: gives order, languages and relevance of queries and passages.
        query_embeddings: array or tensor (n_queries, dimension); used as float32, copied from
            another device.
        passage_embeddings: array or tensor (n_passages, dimension).
        top_k: length of the kept lists, at most n_passages.
        tile: queries counted at a time by a thread; by default as many as one product has (see
            `hbt.products.block_rows`). Memory and speed depend on it, no rank does.
        device: "cpu" (the default) or a torch device such as "cuda".
        kernel: how to count on the CPU: "numba", "numpy", or "auto" for numba where it is
            installed and there is enough to count. No rank depends on it.

    Raises:
        ValueError: embeddings are not finite, their shape does not fit, or the kernel is unknown
            or not installed.
    """
    import torch

    queries = checked(query_embeddings, len(benchmark.query_texts), "query_embeddings")
    passages = checked(passage_embeddings, len(benchmark.passage_texts), "passage_embeddings")
    if queries.shape[1] != passages.shape[1]:
        raise ValueError(
            f"{benchmark.name}: query_embeddings have dimension {queries.shape[1]}, "
            f"passage_embeddings {passages.shape[1]}"
        )
    sweep = Sweep.of(benchmark, top_k, tile, torch.device(device or "cpu"), kernel)
    pool, whole = Pool.of(passages), sweep.layout()
    parts = pool.parts(whole)

    def opened(rows: np.ndarray) -> tuple[Layout, Fill]:
        layout = whole if len(parts) == 1 else sweep.layout(rows)
        return layout, Products(queries, pool, rows, layout, sweep.device)

    with full_precision():
        if len(parts) > 1:
            for rows in parts:
                sweep.gather(rows, *opened(rows))
        for rows in parts:
            sweep.count(rows, *opened(rows))
    return _counts(sweep)


def count_from_scores(
    benchmark: Benchmark,
    scores: np.ndarray | Callable[[range], np.ndarray],
    *,
    top_k: int = 10,
    tile: int | None = None,
    kernel: str = "auto",
) -> Counts:
    """Count over scores of any origin, BM25's for one.

    Args:
        benchmark: gives order, languages and relevance of queries and passages.
        scores: array (n_queries, n_passages), or a function from a range of query rows to their
            rows of it; finite, compared as float32. A function is called by one thread at a time,
            not always the same one.
        top_k: as in `count`.
        tile: as in `count`.
        kernel: as in `count`.

    Raises:
        ValueError: the scores, or a block of them, are not finite or have another shape.
    """
    import torch

    read = scores if callable(scores) else _rows_of(benchmark, scores)
    sweep = Sweep.of(benchmark, top_k, tile, torch.device("cpu"), kernel)
    layout, one_at_a_time = sweep.layout(), Lock()

    def fill(rows: range, tile_scores: Tensor) -> None:
        with one_at_a_time:
            block = np.asarray(read(rows), dtype=np.float32)
        if block.shape != (len(rows), len(layout.column)):
            raise ValueError(
                f"{benchmark.name}: scores of {len(rows)} queries and {len(layout.column)} "
                f"passages came as {block.shape}"
            )
        if not np.isfinite(block).all():
            row = int(np.argmin(np.isfinite(block).all(axis=1)))
            query = benchmark.query_ids[rows[row]]
            raise ValueError(f"{benchmark.name}: the scores of query {query!r} are not all finite")
        tile_scores.numpy()[: len(rows), layout.column] = block

    sweep.count(np.arange(len(layout.column)), layout, fill)
    return _counts(sweep)


def _rows_of(benchmark: Benchmark, scores: np.ndarray) -> Callable[[range], np.ndarray]:
    whole = np.asarray(scores)
    shape = (len(benchmark.query_texts), len(benchmark.passage_texts))
    if whole.shape != shape:
        raise ValueError(f"{benchmark.name}: scores have shape {whole.shape}; {shape} is needed")
    return lambda rows: whole[rows.start : rows.stop]


def _counts(sweep: Sweep) -> Counts:
    benchmark, found = sweep.benchmark, sweep.found
    return Counts(
        relevant_query=benchmark.relevant_query,
        relevant_passage=benchmark.relevant_passage,
        grade=benchmark.grade,
        before=np.add(found.higher, found.earlier, out=found.earlier),  # no longer needed
        higher=found.higher,
        tied=found.tied,
        top_k_passage=sweep.top_passage,
        top_k_score=sweep.top_score,
    )
