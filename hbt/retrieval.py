"""Exact ranks by counting: scores in, and out how many passages of each language rank before.

The rank of a passage is one more than the number of passages before it. So ranks need no sort: one
pass over the score matrix, a tile (a block of queries by all passages) at a time, counts for every
relevant passage how many passages of each language score higher or tie. The counts give its rank in
the pool of its own language, in the pool of all languages and in any pool between.

Scores are float32 and the same to the last bit whatever the tile size (see `hbt.products`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import Benchmark
from hbt.counting import (
    Layout,
    TileCounts,
    TilePairs,
    count_in_numpy,
    count_in_torch,
    make_layout,
)
from hbt.products import Products, block_rows, checked, full_precision

if TYPE_CHECKING:
    import torch
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


def count(
    benchmark: Benchmark,
    query_embeddings: np.ndarray,
    passage_embeddings: np.ndarray,
    *,
    top_k: int = 10,
    tile: int | None = None,
    device: str | None = None,
) -> Counts:
    """Count over the inner products of the embeddings.

    Args:
        benchmark: gives order, languages and relevance of queries and passages.
        query_embeddings: array (n_queries, dimension); used as float32.
        passage_embeddings: array (n_passages, dimension).
        top_k: length of the kept lists, at most n_passages.
        tile: queries counted at a time; by default as many as one product has, at most 512 and
            at most 128 MiB of scores. Memory and speed depend on it, no rank does.
        device: "cpu" (the default) or a torch device such as "cuda".

    Raises:
        ValueError: embeddings are not finite, or their shape does not fit.
    """
    import torch

    queries = checked(query_embeddings, len(benchmark.query_texts), "query_embeddings")
    passages = checked(passage_embeddings, len(benchmark.passage_texts), "passage_embeddings")
    if queries.shape[1] != passages.shape[1]:
        raise ValueError(
            f"{benchmark.name}: query_embeddings have dimension {queries.shape[1]}, "
            f"passage_embeddings {passages.shape[1]}"
        )
    layout, target = _layout_of(benchmark), torch.device(device or "cpu")
    products = Products(queries, passages, layout, target)
    with full_precision():
        return _count_tiles(benchmark, layout, products, top_k, tile, target)


def count_from_scores(
    benchmark: Benchmark,
    scores: Callable[[range], np.ndarray],
    *,
    top_k: int = 10,
    tile: int | None = None,
) -> Counts:
    """Count over scores of any origin, BM25's for one.

    Args:
        benchmark: gives order, languages and relevance of queries and passages.
        scores: from a range of query rows to a finite array (len(range), n_passages), which is
            compared as float32.
        top_k: as in `count`.
        tile: as in `count`.

    Raises:
        ValueError: a block of scores is not finite or has another shape.
    """
    import torch

    layout = _layout_of(benchmark)

    def fill(rows: range, tile_scores: Tensor) -> None:
        block = np.asarray(scores(rows), dtype=np.float32)
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

    return _count_tiles(benchmark, layout, fill, top_k, tile, torch.device("cpu"))


def _count_tiles(
    benchmark: Benchmark,
    layout: Layout,
    fill: Callable[[range, Tensor], None],
    top_k: int,
    tile: int | None,
    device: torch.device,
) -> Counts:
    """The pass itself: `fill` writes the scores of a range of queries into the rows of a tile."""
    import torch

    n_queries, n_passages = len(benchmark.query_texts), len(benchmark.passage_texts)
    n_pairs, k = len(benchmark.relevant_query), min(top_k, n_passages)
    if k < 1 or (tile is not None and tile < 1):
        raise ValueError(f"{benchmark.name}: top_k is {top_k}, tile {tile}; both begin at 1")
    higher, tied, earlier = (
        np.zeros((n_pairs, len(benchmark.languages)), dtype=np.int64) for _ in range(3)
    )
    top_passage = np.zeros((n_queries, k), dtype=np.int64)
    top_score = np.zeros((n_queries, k), dtype=np.float32)
    height = block_rows(layout)
    tile = tile or height
    held = -(-tile // height) * height  # whole blocks
    scores = torch.full((held, layout.width), -torch.inf, device=device)
    threads = torch.get_num_threads()
    workers = ThreadPoolExecutor(threads) if threads > 1 and device.type == "cpu" else None
    try:
        for start in range(0, n_queries, held):
            stop = min(start + held, n_queries)
            for row in range(start, stop, height):
                fill(range(row, min(row + height, stop)), scores[row - start :][:height])
            for row in range(start, stop, tile):
                rows = range(row, min(row + tile, stop))
                part = scores[row - start : rows.stop - start]
                top_passage[row : rows.stop], top_score[row : rows.stop] = _top_k(part, k, layout)
                here = slice(*np.searchsorted(benchmark.relevant_query, (row, rows.stop)))
                pairs = _pairs_of(benchmark, layout, here, row, part)
                counts = _count_tile(part, pairs, layout, workers, threads)
                higher[here], tied[here], earlier[here] = counts.higher, counts.tied, counts.earlier
    finally:
        if workers:
            workers.shutdown()
    return Counts(
        relevant_query=benchmark.relevant_query,
        relevant_passage=benchmark.relevant_passage,
        grade=benchmark.grade,
        before=higher + earlier,
        higher=higher,
        tied=tied,
        top_k_passage=top_passage,
        top_k_score=top_score,
    )


def _count_tile(
    scores: Tensor, pairs: TilePairs, layout: Layout, workers: Executor | None, threads: int
) -> TileCounts:
    if scores.device.type == "cpu":
        return count_in_numpy(scores.numpy(), pairs, layout, workers, threads)
    return count_in_torch(scores, pairs, layout)


def _pairs_of(
    benchmark: Benchmark, layout: Layout, here: slice, first_query: int, scores: Tensor
) -> TilePairs:
    """The relevance pairs `here`, whose queries are the rows of the tile."""
    import torch

    row = np.asarray(benchmark.relevant_query[here], dtype=np.int64) - first_query
    passage = benchmark.relevant_passage[here]
    column = layout.column[passage]
    device = scores.device
    score = scores[torch.from_numpy(row).to(device), torch.from_numpy(column).to(device)]
    return TilePairs(
        row=row,
        slot=np.arange(len(row)) - np.searchsorted(row, row),
        score=score.cpu().numpy(),
        language=benchmark.passage_language[passage],
        tie_position=layout.tie_position[column],
    )


def _top_k(scores: Tensor, k: int, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """First k passages of each row in trec order, with their scores: two arrays (n_rows, k)."""
    import torch

    more = min(k + 1, layout.width)  # one more, to see a tie at the edge
    values, columns = (part.cpu().numpy() for part in torch.topk(scores, more, dim=1))
    chosen = columns[:, :k].copy()
    for row in np.flatnonzero((values[:, 1:] == values[:, :-1]).any(axis=1)):
        line, edge = scores[row].cpu().numpy(), values[row, k - 1]
        above, at_edge = np.flatnonzero(line > edge), np.flatnonzero(line == edge)
        open_places = k - len(above)
        if open_places < len(at_edge):
            positions = layout.tie_position[at_edge]
            at_edge = at_edge[np.argpartition(positions, open_places - 1)[:open_places]]
        found = np.concatenate([above, at_edge])
        chosen[row] = found[np.lexsort((layout.tie_position[found], -line[found]))]
    return layout.passage[chosen], values[:, :k]


def _layout_of(benchmark: Benchmark) -> Layout:
    if not len(benchmark.passage_texts):
        raise ValueError(f"{benchmark.name} has no passages")
    return make_layout(benchmark.passage_language, benchmark.passage_ids, len(benchmark.languages))
