"""What the folder forms of a benchmark share: from records, one at a time, to a `Benchmark`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.files import member, members, read_json

HEADER_FILE = "benchmark.json"
"""Name and order of languages of a benchmark that this package wrote; other tools ignore it."""


@dataclass
class Column:
    """Records of one kind, queries or passages, in the order in which they come.

    Attributes:
        ids: id -> row.
        texts, languages, places: of each record; a place is what an error names.
        items, clusters: of each record, as found; None where it has none.
    """

    ids: dict[str, int] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    items: list[int | str | None] = field(default_factory=list)
    clusters: list[int | str | None] = field(default_factory=list)

    def add(
        self,
        place: str,
        name: str,
        text: str,
        language: str,
        item: int | str | None = None,
        cluster: int | str | None = None,
    ) -> None:
        """Add a record.

        Raises:
            CorpusError: the id is empty or was there before, or the language is empty.
        """
        if not name:
            raise CorpusError(f"{place} has an empty id")
        if name in self.ids:
            raise CorpusError(f"{place}: id {name!r} was there before, at {self._place_of(name)}")
        if not language.strip():
            raise CorpusError(f"{place}: record {name!r} has an empty language")
        self.ids[name] = len(self.ids)
        self.texts.append(text)
        self.languages.append(language)
        self.places.append(place)
        self.items.append(item)
        self.clusters.append(cluster)

    def _place_of(self, name: str) -> str:
        return self.places[self.ids[name]].rpartition(", ")[2]


class Judgments:
    """Relevance of passages to queries, one judgment at a time."""

    def __init__(self, queries: Column, passages: Column) -> None:
        self.queries, self.passages = queries, passages
        self.grades: dict[tuple[int, int], int] = {}

    def add(self, place: str, query: str, passage: str, grade: str) -> None:
        """Add a judgment; a grade below 1 says that the passage is not relevant.

        Raises:
            CorpusError: an id is unknown, the pair is doubled, or the grade is no whole number.
        """
        for name, column, what in (
            (query, self.queries, "query"),
            (passage, self.passages, "passage"),
        ):
            if name not in column.ids:
                raise CorpusError(f"{place}: there is no {what} with the id {name!r}")
        try:
            value = int(grade)
        except ValueError:
            raise CorpusError(f"{place}: grade {grade!r} is not a whole number") from None
        pair = (self.queries.ids[query], self.passages.ids[passage])
        if pair in self.grades:
            raise CorpusError(f"{place}: {query!r} and {passage!r} were judged before")
        self.grades[pair] = value


def make_benchmark(
    name: str,
    languages: Sequence[str] | None,
    queries: Column,
    passages: Column,
    judgments: Judgments,
    left_out: frozenset[str] = frozenset(),
    judged_by: str = "the judgments",
) -> Benchmark:
    """The benchmark of some records.

    Args:
        name: of the benchmark.
        languages: codes in the order that they are to have; by default that in which they come,
            passages first.
        queries: their records.
        passages: their records.
        judgments: which passages are relevant to which queries.
        left_out: ids of queries to leave out.
        judged_by: how an error names the judgments.

    Raises:
        CorpusError: a query that stays has no relevant passage, or `languages` are not those of
            the records.
    """
    keep = [row for query_id, row in queries.ids.items() if query_id not in left_out]
    found = tuple(dict.fromkeys([*passages.languages, *queries.languages]))
    if languages is None:
        kept = [queries.languages[row] for row in keep]
        languages = tuple(dict.fromkeys([*passages.languages, *kept]))
    elif unknown := [code for code in found if code not in languages]:
        raise CorpusError(f"{name}: language {unknown[0]!r} is not in {HEADER_FILE}")
    elif empty := [code for code in languages if code not in found]:
        raise CorpusError(f"{name}: language {empty[0]!r} has neither queries nor passages")
    new_row = {row: new for new, row in enumerate(keep)}
    pairs = sorted(
        (new_row[query], passage, grade)
        for (query, passage), grade in judgments.grades.items()
        if grade > 0 and query in new_row
    )
    query_ids = list(queries.ids)
    judged = {query for query, _, _ in pairs}
    for new, row in enumerate(keep):
        if new not in judged:
            raise CorpusError(
                f"{queries.places[row]}: query {query_ids[row]!r} has no relevant passage "
                f"in {judged_by}"
            )
    if not keep:
        raise CorpusError(f"{name}: {judged_by} has no query")
    index = {code: column for column, code in enumerate(languages)}
    item = _numbers([queries.items[row] for row in keep], "item", queries, keep)
    cluster = _numbers([queries.clusters[row] for row in keep], "cluster", queries, keep)
    item = np.arange(len(keep)) if item is None else item
    table = np.array(pairs, dtype=np.int64).reshape(-1, 3)
    return Benchmark(
        name=name,
        languages=tuple(languages),
        query_texts=[queries.texts[row] for row in keep],
        query_language=np.array([index[queries.languages[row]] for row in keep], dtype=np.int64),
        query_item=item,
        query_cluster=item if cluster is None else cluster,
        passage_texts=passages.texts,
        passage_language=np.array([index[code] for code in passages.languages], dtype=np.int64),
        relevant_query=table[:, 0].copy(),
        relevant_passage=table[:, 1].copy(),
        grade=table[:, 2].copy(),
        query_ids=[query_ids[row] for row in keep],
        passage_ids=list(passages.ids),
    )


def _numbers(
    values: list[int | str | None], name: str, queries: Column, rows: list[int]
) -> np.ndarray | None:
    """Whole numbers as they are, names numbered as they come; None where no record has one."""
    if all(value is None for value in values):
        return None
    kind = type(next(value for value in values if value is not None))
    for value, row in zip(values, rows, strict=True):
        if type(value) is not kind:
            found = "is missing" if value is None else f"is {value!r}"
            raise CorpusError(
                f"{queries.places[row]}: {name!r} {found}; give every query a {kind.__name__}"
            )
        if kind is int and not -(2**63) <= value < 2**63:
            raise CorpusError(f"{queries.places[row]}: {name!r} {value} does not fit into 64 bits")
    if kind is int:
        return np.array(values, dtype=np.int64)
    number: dict[int | str | None, int] = {}
    return np.array([number.setdefault(value, len(number)) for value in values], dtype=np.int64)


def check_writable(benchmark: Benchmark, separators: str | None, form: str) -> None:
    """Refuse what a form cannot hold.

    Args:
        benchmark: what is to be written.
        separators: characters that no id or language may hold; None for every blank.
        form: its name, for the message.

    Raises:
        CorpusError: an id or a language is empty or holds a separator, a query has no relevant
            passage, or a language has no record.
    """
    for name in (*benchmark.languages, *benchmark.query_ids, *benchmark.passage_ids):
        if separators is None:
            broken = name.split() != [name]
        else:
            broken = not name.strip() or any(separator in name for separator in separators)
        if broken:
            raise CorpusError(
                f"{benchmark.name}: {name!r} cannot be written as {form}; an id or a language "
                "that is empty or holds a separator would not be read back"
            )
    n_relevant = np.bincount(benchmark.relevant_query, minlength=len(benchmark.query_texts))
    for row in np.flatnonzero(n_relevant == 0):
        raise CorpusError(
            f"{benchmark.name}: query {benchmark.query_ids[row]!r} has no relevant passage"
        )
    used = {*benchmark.query_language.tolist(), *benchmark.passage_language.tolist()}
    for column, language in enumerate(benchmark.languages):
        if column not in used:
            raise CorpusError(
                f"{benchmark.name}: language {language!r} has neither queries nor passages"
            )


def write_header(folder: Path, benchmark: Benchmark) -> None:
    """Write the name of the benchmark and its languages in their order."""
    header = {"name": benchmark.name, "languages": list(benchmark.languages)}
    text = json.dumps(header, ensure_ascii=False) + "\n"
    (folder / HEADER_FILE).write_text(text, encoding="utf-8", newline="\n")


def read_header(folder: Path) -> tuple[str, tuple[str, ...] | None]:
    """Name and languages; the folder's name, and None, where there is no such file.

    Raises:
        CorpusError: the file is broken, or a language is doubled.
    """
    path = folder / HEADER_FILE
    if not path.is_file():
        return folder.resolve().name, None
    record = read_json(path)
    languages = []
    for place, code in members(record, "languages", str(path)):
        if not isinstance(code, str) or code in languages:
            raise CorpusError(f"{place}: {code!r} is no language code or comes a second time")
        languages.append(code)
    return member(record, "name", str, str(path)), tuple(languages)
