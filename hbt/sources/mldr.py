"""MLDR (Chen et al. 2024, with BGE-M3): long documents in 13 languages, one relevant to a query.

Monolingual; the questions were written by a language model. English and Chinese have 200,000
documents of thousands of tokens each: take those as a stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.files import member, members
from hbt.sources.hub import locate
from hbt.sources.lines import json_lines
from hbt.sources.origins import MLDR_ORIGIN
from hbt.sources.streamed import StreamedTask, load_benchmark

# Documents, queries of dev, queries of test: the card of the data set.
_SIZES = {
    "ar": (7_607, 200, 200),
    "de": (10_000, 200, 200),
    "en": (200_000, 200, 800),
    "es": (9_551, 200, 200),
    "fr": (10_000, 200, 200),
    "hi": (3_806, 200, 200),
    "it": (10_000, 200, 200),
    "ja": (10_000, 200, 200),
    "ko": (6_176, 200, 200),
    "pt": (6_569, 200, 200),
    "ru": (10_000, 200, 200),
    "th": (10_000, 200, 200),
    "zh": (200_000, 200, 800),
}
MLDR_LANGUAGES = tuple(_SIZES)
_SPLITS = ("dev", "test")


def mldr_paths(language: str, split: str) -> list[str]:
    """Paths of the documents and of a split's queries."""
    if language not in _SIZES:
        raise CorpusError(f"MLDR has no language {language!r}, only {MLDR_LANGUAGES}")
    if split not in _SPLITS:
        raise CorpusError(f"MLDR is evaluated on {' or '.join(_SPLITS)}, not on {split!r}")
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
    found = 0
    for place, record in json_lines(path):
        yield member(record, "docid", str, place), member(record, "text", str, place)
        found += 1
    if check_count and found != _SIZES[language][0]:
        raise CorpusError(f"{path} has {found:,} documents, MLDR has {_SIZES[language][0]:,}")


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
    (path,) = locate(MLDR_ORIGIN, mldr_paths(language, split)[1:], folder)
    queries: dict[str, str] = {}
    judgments: dict[str, dict[str, int]] = {}
    for place, record in json_lines(path):
        query = member(record, "query_id", str, place)
        if query in queries:
            raise CorpusError(f"{place}: query {query!r} comes a second time")
        queries[query] = member(record, "query", str, place)
        positive = members(record, "positive_passages", place)
        judgments[query] = {member(entry, "docid", str, at): 1 for at, entry in positive}
    expected = _SIZES[language][1 + _SPLITS.index(split)]
    if check_count and len(queries) != expected:
        raise CorpusError(f"{path} has {len(queries)} queries, MLDR has {expected}")
    passages = partial(mldr_passages, language, folder, check_count=check_count)
    return StreamedTask(f"MLDR {language} {split}", language, queries, judgments, passages)


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
