"""TREC runs: what a system found, as six fields a line: query, Q0, passage, rank, score, name."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.lines import numbered_lines, write_lines
from hbt.whole_files import new_file

LARGEST_SCORE = float(np.finfo(np.float32).max) / 2
"""Scores are compared as float32; what is not listed gets a lower one than any that is."""


@dataclass(frozen=True)
class Run:
    """The lists of a run, sorted by query; within a query as they came.

    Attributes:
        offset: int64 array (n_queries + 1,); query q has the places offset[q] to offset[q + 1].
        passage: int64 array (n_places,), row of the passage in the benchmark.
        score: float32 array (n_places,).
    """

    offset: np.ndarray
    passage: np.ndarray
    score: np.ndarray

    @property
    def query(self) -> np.ndarray:
        """int64 array (n_places,), row of the query of each place."""
        return np.repeat(np.arange(len(self.offset) - 1), np.diff(self.offset))


def read_run(path: str | Path, benchmark: Benchmark, *, progress: str | None = None) -> Run:
    """Read a run on a benchmark, plain or gzip.

    As in trec_eval the order is that of the scores, which are read as float32; ranks are ignored.

    Args:
        path: the file.
        benchmark: whose ids the file has.
        progress: names a progress line on stderr.

    Raises:
        CorpusError: the file is missing, broken or empty, a line has not six fields, an id is
            unknown, a passage comes twice for a query, or a score is no finite number of float32.
    """
    from tqdm import tqdm

    path = Path(path)
    query_row = {name: row for row, name in enumerate(benchmark.query_ids)}
    passage_row = {name: row for row, name in enumerate(benchmark.passage_ids)}
    queries, passages, scores, lines = array("q"), array("q"), array("f"), array("q")
    bar = tqdm(numbered_lines(path), progress, unit=" lines", disable=progress is None)
    with bar as shown:
        for number, line in shown:
            fields = line.split()
            if len(fields) != 6:
                raise CorpusError(
                    f"{path}, line {number} has {len(fields)} fields; "
                    "query Q0 passage rank score name are needed"
                )
            query, passage = query_row.get(fields[0]), passage_row.get(fields[2])
            if query is None or passage is None:
                what, name = ("query", fields[0]) if query is None else ("passage", fields[2])
                raise CorpusError(
                    f"{path}, line {number}: {benchmark.name} has no {what} with the id {name!r}"
                )
            try:
                score = float(fields[4])
            except ValueError:
                raise CorpusError(
                    f"{path}, line {number}: score {fields[4]!r} is no number"
                ) from None
            if not -LARGEST_SCORE < score < LARGEST_SCORE:
                raise CorpusError(
                    f"{path}, line {number}: score {fields[4]!r} is no finite number of float32"
                )
            queries.append(query)
            passages.append(passage)
            scores.append(score)
            lines.append(number)
    if not queries:
        raise CorpusError(f"{path} is empty")
    return _sorted(path, benchmark, *map(np.array, (queries, passages, scores, lines)))


def _sorted(
    path: Path,
    benchmark: Benchmark,
    queries: np.ndarray,
    passages: np.ndarray,
    scores: np.ndarray,
    lines: np.ndarray,
) -> Run:
    order = np.lexsort((passages, queries))
    doubled = (np.diff(queries[order]) == 0) & (np.diff(passages[order]) == 0)
    if doubled.any():
        place = order[1:][doubled][np.argmin(lines[order[1:][doubled]])]
        raise CorpusError(
            f"{path}, line {lines[place]}: query {benchmark.query_ids[queries[place]]!r} has "
            f"passage {benchmark.passage_ids[passages[place]]!r} a second time"
        )
    order = np.argsort(queries, kind="stable")
    n_queries = len(benchmark.query_ids)
    offset = np.searchsorted(queries[order], np.arange(n_queries + 1))
    return Run(offset, passages[order], scores[order].astype(np.float32))


def write_run(
    path: str | Path,
    benchmark: Benchmark,
    top_k_passage: np.ndarray,
    top_k_score: np.ndarray,
    name: str = "hbt",
) -> Path:
    """Write top lists, such as those of `hbt.retrieval.Counts`, as a run.

    Args:
        path: the file; gzip if it ends with .gz.
        benchmark: whose ids are written.
        top_k_passage: integer array (n_queries, k), rows of passages, best first.
        top_k_score: float array (n_queries, k), their scores; written so that float32 is read
            back to the last bit.
        name: of the run.

    Raises:
        CorpusError: the file cannot be written.
    """
    with new_file(path) as partial:
        write_lines(
            partial,
            (
                f"{benchmark.query_ids[query]} Q0 {benchmark.passage_ids[passage]} {rank} "
                f"{float(score):.9g} {name}"
                for query, row in enumerate(zip(top_k_passage, top_k_score, strict=True))
                for rank, (passage, score) in enumerate(zip(*row, strict=True), start=1)
            ),
            packed=Path(path).suffix == ".gz",
        )
    return Path(path)
