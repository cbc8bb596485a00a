"""MLDR (Chen et al. 2024, with BGE-M3): long documents in 13 languages, one relevant to a query.

Monolingual; the questions were written by a language model. English and Chinese have 200,000
documents of thousands of tokens each: take those as a stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.files import member, members
from hbt.sources.hub import locate
from hbt.sources.lines import json_lines
from hbt.sources.origins import MLDR_ORIGIN
from hbt.sources.streamed import (
    StreamedTask,
    check_number,
    collect_queries,
    counted,
    load_benchmark,
)


class _Sizes(NamedTuple):
    documents: int
    train: int  # queries
    dev: int
    test: int


# The card of the data set.
_SIZES = {
    "ar": _Sizes(7_607, 1_817, 200, 200),
    "de": _Sizes(10_000, 1_847, 200, 200),
    "en": _Sizes(200_000, 10_000, 200, 800),
    "es": _Sizes(9_551, 2_254, 200, 200),
    "fr": _Sizes(10_000, 1_608, 200, 200),
    "hi": _Sizes(3_806, 1_618, 200, 200),
    "it": _Sizes(10_000, 2_151, 200, 200),
    "ja": _Sizes(10_000, 2_262, 200, 200),
    "ko": _Sizes(6_176, 2_198, 200, 200),
    "pt": _Sizes(6_569, 1_845, 200, 200),
    "ru": _Sizes(10_000, 1_864, 200, 200),
    "th": _Sizes(10_000, 1_970, 200, 200),
    "zh": _Sizes(200_000, 10_000, 200, 800),
}
MLDR_LANGUAGES = tuple(_SIZES)


@dataclass(frozen=True)
class MldrQuestion:
    """A question with the documents that answer it, and some of those that do not.

    Attributes:
        place: to name in an error.
        name: id of the question.
        text: the question.
        positive, negative: (id, text) of documents; no negative ones in dev and test.
    """

    place: str
    name: str
    text: str
    positive: Sequence[tuple[str, str]]
    negative: Sequence[tuple[str, str]]


def mldr_paths(language: str, split: str) -> list[str]:
    """Paths of the documents and of a split's queries."""
    if language not in _SIZES:
        raise CorpusError(f"MLDR has no language {language!r}, only {MLDR_LANGUAGES}")
    if split not in ("train", "dev", "test"):
        raise CorpusError(f"MLDR has no split {split!r}, only train, dev and test")
    return [f"mldr-v1.0-{language}/{name}.jsonl.gz" for name in ("corpus", split)]


def mldr_passages(
    language: str, folder: str | Path | None = None, *, check_count: bool = True
) -> Iterator[tuple[str, str]]:
    """The stream of (id, text) of all documents of a language.

    Args:
        language: one of `MLDR_LANGUAGES`.
        folder: as for `hbt.sources.hub.locate`.
        check_count: at the end, compare the number of documents with the published one.

    Raises:
        CorpusError: an unknown language, a missing or broken file, or another number of documents.
    """
    (path,) = locate(MLDR_ORIGIN, mldr_paths(language, "dev")[:1], folder)
    documents = (_document(*row) for row in json_lines(path))
    published = _SIZES[language].documents if check_count else None
    return counted(documents, published, f"MLDR {language}: documents")


def mldr_questions(path: Path) -> Iterator[MldrQuestion]:
    """The stream of the questions of a split, from its file.

    Raises:
        CorpusError: the file is missing or broken.
    """
    for place, record in json_lines(path):
        name, text = (member(record, key, str, place) for key in ("query_id", "query"))
        positive, negative = (
            [_document(*each) for each in members(record, f"{kind}_passages", place)]
            for kind in ("positive", "negative")
        )
        yield MldrQuestion(place, name, text, positive, negative)


def mldr_task(
    language: str,
    split: str = "test",
    folder: str | Path | None = None,
    *,
    check_count: bool = True,
) -> StreamedTask:
    """A language of MLDR, its documents as a stream.

    The judgments are the positive passages of the queries' own records, which the qrels files of
    the same repository repeat.

    Args:
        language: one of `MLDR_LANGUAGES`.
        split: "dev" or "test" (the one that is reported).
        folder: as for `hbt.sources.hub.locate`.
        check_count: compare the numbers of queries and documents with the published ones.

    Raises:
        CorpusError: an unknown language or split, a missing or broken file, or another count.
    """
    if split == "train":
        raise CorpusError("MLDR is evaluated on dev or test, not on 'train'")
    (path,) = locate(MLDR_ORIGIN, mldr_paths(language, split)[1:], folder)
    questions = list(mldr_questions(path))
    queries = collect_queries((each.place, each.name, each.text) for each in questions)
    judgments = {each.name: {document: 1 for document, _ in each.positive} for each in questions}
    if check_count:
        check_mldr_count(language, split, len(queries))
    passages = partial(mldr_passages, language, folder, check_count=check_count)
    return StreamedTask(f"MLDR {language} {split}", language, queries, judgments, passages)


def check_mldr_count(language: str, split: str, found: int) -> None:
    """Compare the number of a split's questions with the published one.

    Raises:
        CorpusError: they differ.
    """
    check_number(found, getattr(_SIZES[language], split), f"MLDR {language}: {split} queries")


def read_mldr(
    languages: Sequence[str],
    split: str = "test",
    folder: str | Path | None = None,
    *,
    check_count: bool = True,
) -> Benchmark:
    """Languages of MLDR in memory (not en or zh on a small machine); see `mldr_task`."""
    tasks = [mldr_task(code, split, folder, check_count=check_count) for code in languages]
    return load_benchmark(tasks, f"MLDR {split}")


def _document(place: str, record: Any) -> tuple[str, str]:
    return member(record, "docid", str, place), member(record, "text", str, place)
