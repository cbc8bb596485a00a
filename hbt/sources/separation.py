"""Is text of a benchmark in training data? Counted language by language, training text as a stream.

Compared are the benchmark's queries and its relevant passages; other passages of its pool may be in
training data without telling a model an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from hbt.corpus import Benchmark, ParallelItems
from hbt.sources.overlap import CHARACTER_RUNS, runs_of, unit_of, words

_SHORTEST = 3  # words; shorter texts are the same by chance ("when?")


@dataclass(frozen=True)
class SharedTexts:
    """What training data and a benchmark share in a language.

    Attributes:
        language: its code.
        training: number of training texts: queries, passages and hard negatives.
        queries, passages: number of queries and of relevant passages of the benchmark.
        same_queries, same_passages: how many of them are a training text, by their case-folded
            words; texts of fewer than three words (in languages written without spaces: 16 or 40
            characters) do not count.
        runs: number of training texts that share a run of words or characters with one of them;
            its length is that of `hbt.sources.overlap`.
        example: such a run, "" for none.
    """

    language: str
    training: int
    queries: int
    passages: int
    same_queries: int
    same_passages: int
    runs: int
    example: str


def shared_texts(training: ParallelItems, benchmark: Benchmark) -> list[SharedTexts]:
    """A row for each language that both have, in the order of the benchmark.

    Memory: words and runs of the benchmark's texts in one language.
    """
    both = [code for code in benchmark.languages if code in training.languages]
    return [_shared(training, benchmark, code) for code in both]


def _shared(training: ParallelItems, benchmark: Benchmark, code: str) -> SharedTexts:
    unit, length = unit_of(code)
    queries, passages = _tested(benchmark, code)
    join = "".join if unit == "character" else " ".join
    tested = {join(found) for found in chain(queries, passages) if _is_long(found, code)}
    runs = {run for found in chain(queries, passages) for run in runs_of(found, unit, length)}
    seen: set[str] = set()
    n_training = n_runs = 0
    example = ""
    sides = (training.queries, training.passages, *training.negatives)
    for text in chain.from_iterable(side[code] for side in sides):
        if text is None:
            continue
        n_training += 1
        found = words(text)
        seen.update({join(found)} & tested)
        shared = next((run for run in runs_of(found, unit, length) if run in runs), "")
        n_runs += bool(shared)
        example = example or shared
    return SharedTexts(
        language=code,
        training=n_training,
        queries=len(queries),
        passages=len(passages),
        same_queries=sum(join(found) in seen for found in queries),
        same_passages=sum(join(found) in seen for found in passages),
        runs=n_runs,
        example=example,
    )


def _tested(benchmark: Benchmark, code: str) -> tuple[list[list[str]], list[list[str]]]:
    """The words of each query and of each relevant passage in a language."""
    column = benchmark.languages.index(code)
    queries = np.flatnonzero(benchmark.query_language == column)
    relevant = np.unique(benchmark.relevant_passage)
    passages = relevant[benchmark.passage_language[relevant] == column]
    return (
        [words(benchmark.query_texts[row]) for row in queries],
        [words(benchmark.passage_texts[row]) for row in passages],
    )


def _is_long(found: list[str], code: str) -> bool:
    if code in CHARACTER_RUNS:
        return sum(map(len, found)) >= CHARACTER_RUNS[code]
    return len(found) >= _SHORTEST
