"""Retrieval tasks whose passages may be too many for memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.records import Column, Judgments, make_benchmark
from hbt.sources.trec import qrels_lines


@dataclass(frozen=True)
class StreamedTask:
    """Queries of one language, what was judged relevant to them, and a stream of passages.

    Attributes:
        name: name of the data, for messages.
        language: code of the language.
        queries: query id -> text.
        judgments: query id -> passage id -> grade; 0 says that it was judged not relevant.
        passages: a call starts the stream of (passage id, text) from its beginning.

    Raises:
        CorpusError: a judged query has no text.
    """

    name: str
    language: str
    queries: Mapping[str, str]
    judgments: Mapping[str, Mapping[str, int]]
    passages: Callable[[], Iterator[tuple[str, str]]]

    def __post_init__(self) -> None:
        for query in self.judgments:
            if query not in self.queries:
                raise CorpusError(f"{self.name}: judged query {query!r} has no text")


def read_judgments(path: Path) -> dict[str, dict[str, int]]:
    """Query id -> passage id -> grade, of a qrels file.

    Raises:
        CorpusError: the file is broken, a grade is no whole number, or a pair is judged twice.
    """
    return collect_judgments(qrels_lines(path))


def collect_judgments(
    rows: Iterable[tuple[str, str, str, str | int]],
) -> dict[str, dict[str, int]]:
    """Query id -> passage id -> grade, of rows (place to name in an error, query, passage, grade).

    Raises:
        CorpusError: as `read_judgments`.
    """
    judgments: dict[str, dict[str, int]] = {}
    for place, query, passage, grade in rows:
        try:
            value = int(grade)
        except ValueError:
            raise CorpusError(f"{place}: grade {grade!r} is not a whole number") from None
        if passage in judgments.setdefault(query, {}):
            raise CorpusError(f"{place}: {query!r} and {passage!r} were judged before")
        judgments[query][passage] = value
    return judgments


def collect_queries(rows: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Query id -> text, of rows (place to name in an error, query, text).

    Raises:
        CorpusError: a query comes twice.
    """
    queries: dict[str, str] = {}
    for place, query, text in rows:
        if query in queries:
            raise CorpusError(f"{place}: query {query!r} comes a second time")
        queries[query] = text
    return queries


def check_number(found: int, published: int, what: str) -> None:
    """Compare a number with the published one.

    Args:
        found: what was counted.
        published: what it should be.
        what: names the data and what was counted, as "MIRACL sw: dev queries".

    Raises:
        CorpusError: they differ.
    """
    if found != published:
        raise CorpusError(f"{what}: there are {found:,}, published are {published:,}")


def counted(
    passages: Iterable[tuple[str, str]], published: int | None, what: str
) -> Iterator[tuple[str, str]]:
    """The same stream, its length compared with the published one at the end; None for none.

    Raises:
        CorpusError: as `check_number`.
    """
    found = 0
    for passage in passages:
        yield passage
        found += 1
    if published is not None:
        check_number(found, published, what)


def load_benchmark(tasks: Sequence[StreamedTask], name: str) -> Benchmark:
    """All passages of the tasks in memory, as a benchmark.

    Queries without a relevant passage are left out. Ids stay as they are where there is one
    task; with several, the language and a hyphen come before each.

    Args:
        tasks: one for each language.
        name: name of the benchmark.

    Raises:
        CorpusError: a language or an id comes twice, or a relevant passage is not in the stream.
    """
    languages = tuple(task.language for task in tasks)
    if len(set(languages)) != len(languages):
        raise CorpusError(f"{name}: a language comes twice in {languages}")
    queries, passages = Column(), Column()
    judgments = Judgments(queries, passages)
    for task in tasks:
        prefix = f"{task.language}-" if len(tasks) > 1 else ""
        for passage, text in task.passages():
            passages.add(task.name, prefix + passage, text, task.language)
        for query, text in task.queries.items():
            judged = task.judgments.get(query, {})
            relevant = {passage: grade for passage, grade in judged.items() if grade > 0}
            if relevant:
                queries.add(task.name, prefix + query, text, task.language)
            for passage, grade in relevant.items():
                judgments.add(task.name, prefix + query, prefix + passage, str(grade))
    return make_benchmark(name, languages, queries, passages, judgments)
