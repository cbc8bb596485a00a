"""One sweep over tiles of scores: what becomes known of each query while they go by."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import Benchmark
from hbt.counting import (
    Layout,
    TileCounts,
    TilePairs,
    form_of,
    make_layout,
    tie_places,
)
from hbt.products import block_rows

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Fill = Callable[[range, "Tensor"], None]
"""Writes the scores of a range of queries into the first rows of a tile."""


HELD_SCORES = 2**25
"""Scores that all threads hold together: 128 MiB of float32 (one tile at least)."""


@dataclass(frozen=True)
class Sweep:
    """What is known of each query and each relevant passage while the tiles go by.

    Attributes:
        benchmark, tile, device: as given.
        form: the module that counts (see `hbt.counting`).
        tie_place: int32 array (n_passages,), places among equal scores.
        relevant_score: float32 array (n_pairs,); NaN where not known yet.
        found: the counts so far.
        top_score, top_place, top_passage: arrays (n_queries, k), the first passages so far.
    """

    benchmark: Benchmark
    tile: int | None
    device: torch.device
    form: ModuleType
    tie_place: np.ndarray
    relevant_score: np.ndarray
    found: TileCounts
    top_score: np.ndarray
    top_place: np.ndarray
    top_passage: np.ndarray

    @staticmethod
    def of(
        benchmark: Benchmark, top_k: int, tile: int | None, device: torch.device, kernel: str
    ) -> Sweep:
        """Nothing counted yet; arguments are checked."""
        n_queries, n_passages = len(benchmark.query_texts), len(benchmark.passage_texts)
        if not n_passages:
            raise ValueError(f"{benchmark.name} has no passages")
        if top_k < 1 or (tile is not None and tile < 1):
            raise ValueError(f"{benchmark.name}: top_k is {top_k}, tile {tile}; both begin at 1")
        n_pairs, shape = len(benchmark.relevant_query), (n_queries, min(top_k, n_passages))
        return Sweep(
            benchmark,
            tile,
            device,
            form_of(kernel, device, float(n_pairs) * n_passages),
            tie_places(benchmark.passage_ids),
            np.full(n_pairs, np.nan, dtype=np.float32),
            TileCounts.zeros(n_pairs, len(benchmark.languages)),
            np.full(shape, -np.inf, dtype=np.float32),
            np.full(shape, np.iinfo(np.int32).max, dtype=np.int32),
            np.full(shape, -1, dtype=np.int64),
        )

    def layout(self, rows: np.ndarray | slice = slice(None)) -> Layout:
        """Columns for these passages."""
        languages = self.benchmark.passage_language[rows]
        return make_layout(languages, self.tie_place[rows], len(self.benchmark.languages))

    def gather(self, rows: np.ndarray, layout: Layout, fill: Fill) -> None:
        """First pass: take down the relevant scores among these passages."""
        inside = np.isin(self.benchmark.relevant_passage, rows)
        needed = np.zeros(len(self.benchmark.query_texts), dtype=bool)
        needed[self.benchmark.relevant_query[inside]] = True

        def take_down(queries: range, scores: Tensor) -> None:
            self._take_down(queries, scores, rows, layout)

        self._for_tiles(layout, fill, take_down, needed)

    def count(self, rows: np.ndarray, layout: Layout, fill: Fill) -> None:
        """Second pass, or the only one: count these passages."""
        alone, k = len(rows) == len(self.tie_place), min(self.top_score.shape[1], len(rows))

        def count(queries: range, scores: Tensor) -> None:
            pairs = self._take_down(queries, scores, rows, layout)
            counts = self.found.of(self._pairs_of(queries))
            columns, values = self.form.count_tile(scores, pairs, layout, k, counts)
            self._keep_first(queries, rows[layout.passage[columns]], values, alone)

        self._for_tiles(layout, fill, count)

    def _for_tiles(
        self,
        layout: Layout,
        fill: Fill,
        use: Callable[[range, Tensor], None],
        needed: np.ndarray | None = None,
    ) -> None:
        """Fill tiles and use them, several at a time; without `needed` for all queries.

        Each thread has a tile of its own, from the product to the counts: nothing waits for
        threads to meet. Threads that share one product spin for a while after it, in the way of
        those that count, which then take twice as long.
        """
        import torch

        n_queries, height = len(self.benchmark.query_texts), block_rows(layout, self.device)
        tile = self.tile or height
        held = -(-tile // height) * height  # whole blocks

        def work(starts: deque[int]) -> None:
            scores = torch.full((held, layout.width), -torch.inf, device=self.device)
            for start in _taken(starts):
                stop = min(start + held, n_queries)
                for row in range(start, stop, height):
                    fill(range(row, min(row + height, stop)), scores[row - start :][:height])
                for row in range(start, stop, tile):
                    end = min(row + tile, stop)
                    use(range(row, end), scores[row - start : end - start])

        starts = range(0, n_queries, held)
        if needed is not None:
            starts = [start for start in starts if needed[start : start + held].any()]
        at_once = 1 if self.device.type != "cpu" else max(1, HELD_SCORES // (held * layout.width))
        _share(work, deque(starts), at_once)

    def _pairs_of(self, queries: range) -> slice:
        ends = np.searchsorted(self.benchmark.relevant_query, (queries.start, queries.stop))
        return slice(*map(int, ends))

    def _take_down(
        self, queries: range, scores: Tensor, rows: np.ndarray, layout: Layout
    ) -> TilePairs:
        """The pairs of these queries; the scores that the tile has are taken from it."""
        import torch

        here = self._pairs_of(queries)
        row = np.asarray(self.benchmark.relevant_query[here], dtype=np.int64) - queries.start
        passage = self.benchmark.relevant_passage[here]
        if len(rows) == len(self.tie_place):
            at = passage
        else:
            at = np.minimum(np.searchsorted(rows, passage), len(rows) - 1)
        inside = np.flatnonzero(rows[at] == passage)
        columns = torch.from_numpy(layout.column[at[inside]]).to(scores.device)
        taken = scores[torch.from_numpy(row[inside]).to(scores.device), columns]
        self.relevant_score[here][inside] = taken.cpu().numpy()
        own = np.full(len(row), -1, dtype=np.int64)
        own[inside] = self.benchmark.passage_language[passage[inside]]
        return TilePairs(row, self.relevant_score[here], own, self.tie_place[passage])

    def _keep_first(
        self, queries: range, passage: np.ndarray, score: np.ndarray, alone: bool
    ) -> None:
        """Merge the first passages of a tile, arrays (n_queries, k or fewer), into the lists."""
        here, k = slice(queries.start, queries.stop), self.top_score.shape[1]
        place = self.tie_place[passage]
        if not alone:
            passage = np.concatenate([self.top_passage[here], passage], axis=1)
            score = np.concatenate([self.top_score[here], score], axis=1)
            place = np.concatenate([self.top_place[here], place], axis=1)
            order = np.lexsort((place, -score), axis=1)[:, :k]
            passage, score, place = (
                np.take_along_axis(part, order, axis=1) for part in (passage, score, place)
            )
        self.top_passage[here], self.top_score[here], self.top_place[here] = passage, score, place


def _taken(tasks: deque[int]) -> Iterator[int]:
    """Tasks, taken away one by one until none is left; several threads may take at a time."""
    while True:
        try:
            yield tasks.popleft()
        except IndexError:
            return


def _share(work: Callable[[deque[int]], None], tasks: deque[int], at_once: int) -> None:
    """Call `work(tasks)` in several threads, this one among them, until all tasks are taken.

    As many threads as torch has on the CPU, at most `at_once`; those left over go to the products.
    """
    import torch

    def run() -> None:
        try:
            work(tasks)
        finally:
            tasks.clear()  # after an error, or Ctrl-C, the others stop as well

    n_threads = torch.get_num_threads()
    n_workers = max(1, min(n_threads, at_once, len(tasks)))
    torch.set_num_threads(n_threads // n_workers)
    try:
        with ThreadPoolExecutor(n_workers) as pool:
            others = [pool.submit(run) for _ in range(n_workers - 1)]
            run()
            for other in others:
                other.result()
    finally:
        torch.set_num_threads(n_threads)
