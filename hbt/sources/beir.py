"""Benchmarks in BEIR's layout, with a language for each record.

A folder holds `corpus.jsonl` (a passage a line: `_id`, `title`, `text`), `queries.jsonl` (`_id`,
`text`) and `qrels/SPLIT.tsv` (query-id, corpus-id, score; a whole number, 1 or more is relevant),
each of them plain or with the ending .gz. BEIR (Thakur et al. 2021, arXiv 2104.08663) knows no
languages, so each record has one more field, `language`, of its own or within `metadata`. Queries
may have `item` and `cluster` in the same way: the same whole number or the same name for a question
in all its languages, and for items that are not independent of each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.files import data_folder, member, needed_file
from hbt.sources.lines import json_lines, numbered_lines, write_json_lines, write_lines
from hbt.sources.records import (
    Column,
    Judgments,
    check_writable,
    make_benchmark,
    read_header,
    write_header,
)
from hbt.whole_files import new_folder

QRELS_HEADER = ("query-id", "corpus-id", "score")
DEFAULT_SPLIT = "test"


def read_beir(
    folder: str | Path, *, split: str = DEFAULT_SPLIT, language: str | None = None
) -> Benchmark:
    """A benchmark from a folder in BEIR's layout.

    Args:
        folder: the folder with the three parts.
        split: which judgments: `qrels/SPLIT.tsv`. Queries that only other splits judge are left
            out; a query that no split judges is an error.
        language: of the records that name none.

    Returns:
        The passage of a record with a title is title and text, with a blank between them, as BEIR
        has it. Languages are in the order of `benchmark.json`, if that is there (`write_beir`
        leaves one), else in that in which they come, passages first. A query without `item` is an
        item of its own, and without `cluster` a cluster of its item.

    Raises:
        CorpusError: a file is missing or broken, a record has no language, an id is doubled or
            unknown, or a query has no relevant passage.
    """
    folder = data_folder(folder, ())
    passages, queries = Column(), Column()
    corpus, questions, splits = beir_files(folder, split)
    for place, record in json_lines(corpus):
        title = _text(record, "title", place) if record.get("title") else ""
        text = _text(record, "text", place)
        passages.add(
            place,
            member(record, "_id", str, place),
            f"{title} {text}" if title else text,
            _language(record, place, language),
        )
    for place, record in json_lines(questions):
        text = _text(record, "text", place)
        if not text.strip():
            raise CorpusError(f"{place}: query {record.get('_id')!r} has an empty text")
        queries.add(
            place,
            member(record, "_id", str, place),
            text,
            _language(record, place, language),
            _extra(record, "item", place),
            _extra(record, "cluster", place),
        )
    judgments = _judgments(splits.pop(split), queries, passages)
    elsewhere: set[int] = set()
    for path in splits.values():
        others = _judgments(path, queries, None)
        elsewhere |= {query for query, _ in others.grades}
    here = {query for query, _ in judgments.grades}
    ids = list(queries.ids)
    left_out = frozenset(ids[row] for row in elsewhere - here)
    name, languages = read_header(folder)
    judged_by = f"qrels/{split}.tsv"
    return make_benchmark(name, languages, queries, passages, judgments, left_out, judged_by)


def write_beir(benchmark: Benchmark, folder: str | Path, *, split: str = DEFAULT_SPLIT) -> Path:
    """Write a benchmark as a new folder in BEIR's layout; `read_beir` gives it back unchanged.

    Raises:
        CorpusError: the folder is there and not empty or cannot be written, an id is empty or
            holds a tab or a line's end, a query has no relevant passage, or a language no record.
    """
    check_writable(benchmark, "\t\n\r", "BEIR")
    passage_language = [benchmark.languages[column] for column in benchmark.passage_language]
    query_language = [benchmark.languages[column] for column in benchmark.query_language]
    with new_folder(folder) as partial:
        write_header(partial, benchmark)
        write_json_lines(
            partial / "corpus.jsonl",
            (
                {"_id": name, "title": "", "text": text, "metadata": {"language": language}}
                for name, text, language in zip(
                    benchmark.passage_ids, benchmark.passage_texts, passage_language, strict=True
                )
            ),
        )
        write_json_lines(
            partial / "queries.jsonl",
            (
                {
                    "_id": name,
                    "text": benchmark.query_texts[row],
                    "metadata": {
                        "language": query_language[row],
                        "item": int(benchmark.query_item[row]),
                        "cluster": int(benchmark.query_cluster[row]),
                    },
                }
                for row, name in enumerate(benchmark.query_ids)
            ),
        )
        (partial / "qrels").mkdir()
        pairs = zip(
            benchmark.relevant_query, benchmark.relevant_passage, benchmark.grade, strict=True
        )
        lines = (
            f"{benchmark.query_ids[query]}\t{benchmark.passage_ids[passage]}\t{grade}"
            for query, passage, grade in pairs
        )
        write_lines(partial / "qrels" / f"{split}.tsv", ["\t".join(QRELS_HEADER), *lines])
    return Path(folder)


def beir_files(folder: Path, split: str) -> tuple[Path, Path, dict[str, Path]]:
    """Passages, queries, and split -> judgments, of which the plain file counts where both are.

    Raises:
        CorpusError: a file is missing, or there are no judgments of the split.
    """
    corpus = needed_file(folder, "corpus.jsonl", "BEIR")
    queries = needed_file(folder, "queries.jsonl", "BEIR")
    found: dict[str, Path] = {}
    for ending in (".tsv.gz", ".tsv"):
        for path in sorted((folder / "qrels").glob(f"*{ending}")):
            found[path.name.removesuffix(ending)] = path
    if split not in found:
        known = f", only {', '.join(sorted(found))}; name the split" if found else " and no other"
        raise CorpusError(f"{folder / 'qrels'} has no {split}.tsv{known}")
    return corpus, queries, found


def _judgments(path: Path, queries: Column, passages: Column | None) -> Judgments:
    """The judgments of a split; without passages, only which queries it judges."""
    judgments = Judgments(queries, passages or Column())
    for number, line in numbered_lines(path):
        fields = line.split("\t")
        place = f"{path}, line {number}"
        if number == 1 and tuple(fields) == QRELS_HEADER:
            continue
        if len(fields) != 3:
            raise CorpusError(f"{place} has {len(fields)} fields between tabs, not 3")
        if passages is not None:
            judgments.add(place, *fields)
        elif fields[0] in queries.ids:
            judgments.grades[queries.ids[fields[0]], 0] = 1
    return judgments


def _text(record: dict[str, Any], key: str, place: str) -> str:
    """A text, which must be one that UTF-8 can hold."""
    text = member(record, key, str, place)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise CorpusError(f"{place}: {key!r} holds half a character (a lone surrogate)")
    return text


def _metadata(record: dict[str, Any], key: str, place: str) -> Any:
    """The field of a record or of its metadata; None where it is in neither."""
    metadata = record.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise CorpusError(f"{place}: 'metadata' must be dict, not {type(metadata).__name__}")
    return record.get(key, (metadata or {}).get(key))


def _language(record: dict[str, Any], place: str, default: str | None) -> str:
    language = _metadata(record, "language", place)
    if language is None:
        language = default
    if language is None:
        raise CorpusError(
            f"{place}: record {record.get('_id')!r} has no language, neither 'language' nor "
            "'metadata.language', and none was given for all"
        )
    if not isinstance(language, str):
        raise CorpusError(f"{place}: 'language' must be str, not {type(language).__name__}")
    return language


def _extra(record: dict[str, Any], key: str, place: str) -> int | str | None:
    value = _metadata(record, key, place)
    if value is not None and type(value) not in (int, str):
        raise CorpusError(f"{place}: {key!r} must be int or str, not {type(value).__name__}")
    return value
