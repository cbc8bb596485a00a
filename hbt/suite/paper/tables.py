"""The published tables as tidy data: one row a number, as printed, and the errata beside them.

The numbers are those of arXiv 2408.10536, Tables 1 to 13. `tables/table_NN.csv` holds each as it
is printed; `tables/errata.csv` says which printed numbers and labels are known to be wrong, and
`published()` applies it. The tables' label "X-X" is written X-X-mono, the sampling it means.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

FOLDER = Path(__file__).with_name("tables")
NUMBERS = tuple(range(1, 14))
MEAN, MEDIAN = "mean", "median"  # what a row over all languages has as its language
BY_LANGUAGE = (3, 4, 5, 6, 7, 8, 12, 13)
"""The tables of results by language; 1 and 2 are the means of 3 to 8, rounded."""

MODELS = ("XLM-R", "LaBSE")
SAMPLINGS = ("X-X-mono", "X-Y", "hybrid")
BENCHMARKS = ("XQuAD-R", "MLQA-R", "MIRACL")


@dataclass(frozen=True)
class Published:
    """One printed number.

    Attributes:
        table: number of the table.
        model: "XLM-R" or "LaBSE"; empty where the table is not about a model.
        sampling: "X-X-mono", "X-Y" or "hybrid"; empty as above.
        benchmark: "XQuAD-R", "MLQA-R" or "MIRACL"; in Table 9 a training data set.
        setting: "monolingual", "cross-lingual" or "multilingual"; "training" in Table 9.
        language: code of the query language, `MEAN`, `MEDIAN`, or empty for a whole data set.
        metric: "mAP", "R@1", "R@10", "nDCG@10", "R@100" or "rank_distance"; a count elsewhere.
        value: scores from 0 to 1; ranks and counts as they are.
        decimals: how many were printed.
    """

    table: int
    model: str
    sampling: str
    benchmark: str
    setting: str
    language: str
    metric: str
    value: float
    decimals: int


KEYS = tuple(field.name for field in fields(Published))[:-2]


@dataclass(frozen=True)
class Erratum:
    """Something printed that is known to be wrong.

    Attributes:
        keys: the fields of `Published` that find the number; empty texts for a label.
        printed, corrected: as texts.
        note: why.
    """

    keys: tuple[int | str, ...]
    printed: str
    corrected: str
    note: str

    @property
    def table(self) -> int:
        """Number of the table."""
        return int(self.keys[0])

    @property
    def where(self) -> str:
        """The place in words: "Table 5, LaBSE, hybrid, XQuAD-R, monolingual, el, mAP"."""
        return ", ".join([f"Table {self.table}", *(str(key) for key in self.keys[1:] if key)])


def _records(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _keys(record: dict[str, str]) -> tuple[int | str, ...]:
    return (int(record["table"]), *(record[name] for name in KEYS[1:]))


@functools.cache
def published(corrected: bool = True) -> tuple[Published, ...]:
    """Every number of the thirteen tables, with the errata applied or as printed."""
    rows = []
    for number in NUMBERS:
        for record in _records(FOLDER / f"table_{number:02d}.csv"):
            rows.append(_number(_keys(record), record["value"]))
    if not corrected:
        return tuple(rows)
    right = {each.keys: each for each in errata()}
    return tuple(
        replace(row, value=float(right[_of(row)].corrected)) if _of(row) in right else row
        for row in rows
    )


def _number(keys: tuple[int | str, ...], text: str) -> Published:
    return Published(*keys, value=float(text), decimals=len(text.partition(".")[2]))


def _of(row: Published) -> tuple[int | str, ...]:
    return tuple(getattr(row, name) for name in KEYS)


@functools.cache
def errata() -> tuple[Erratum, ...]:
    """What is known to be wrong in print."""
    return tuple(
        Erratum(_keys(each), each["printed"], each["corrected"], each["note"])
        for each in _records(FOLDER / "errata.csv")
    )


@functools.cache
def _by_language() -> dict[tuple[str, ...], Published]:
    rows = (row for row in published() if row.table in BY_LANGUAGE)
    return {tuple(map(str, _of(row)[1:])): row for row in rows}


def score(
    model: str,
    sampling: str,
    benchmark: str,
    setting: str,
    metric: str,
    languages: Sequence[str] = (),
) -> float | None:
    """The published score of a system, from the tables by language; None where none is printed.

    Args:
        model: as in `Published`.
        sampling: the same.
        benchmark: the same.
        setting: the same.
        metric: the same.
        languages: query languages to average over; the printed mean where not given.
    """
    rows = [
        _by_language().get((model, sampling, benchmark, setting, language, metric))
        for language in (languages or (MEAN,))
    ]
    if any(row is None for row in rows):
        return None
    return sum(row.value for row in rows) / len(rows)


def count(benchmark: str, what: str, languages: Sequence[str] = ()) -> int:
    """Number of "queries" or "passages" of a benchmark in Tables 10 and 11.

    Args:
        benchmark: "XQuAD-R", "MLQA-R" or "MIRACL" (queries only).
        what: "queries" or "passages".
        languages: those to count; all where not given.
    """
    rows = [
        row
        for row in published()
        if row.table in (10, 11) and row.benchmark == benchmark and row.metric == what
    ]
    return int(sum(row.value for row in rows if not languages or row.language in languages))


def languages_of(benchmark: str) -> tuple[str, ...]:
    """The query languages for which the paper prints results on a benchmark."""
    found = (
        row.language
        for row in published()
        if row.table in BY_LANGUAGE and row.benchmark == benchmark
    )
    return tuple(code for code in dict.fromkeys(found) if code not in (MEAN, MEDIAN))
