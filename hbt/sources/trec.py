"""Benchmarks as TREC's tools take them, and the list of ids that says which row is what.

A folder holds `qrels.txt` (query, 0, passage, grade: what trec_eval reads), `topics.jsonl` and
`collection.jsonl` (`id`, `contents`: what Anserini reads; unlike TREC's own markup and tables with
tabs it holds every text as it is) and `ids.tsv` with the language, item and cluster of every id.

`ids.tsv` has a header line and then a line for each query and each passage: kind ("query" or
"passage"), row (from 0, its place in the embeddings of its kind), id, language, item, cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.files import data_folder, member, needed_file, plain_or_gzip
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

IDS_HEADER = ("kind", "row", "id", "language", "item", "cluster")


def id_lines(benchmark: Benchmark) -> Iterator[str]:
    """The lines of `ids.tsv`: in which order the rows of embeddings are expected.

    Raises:
        CorpusError: an id is empty or holds a tab or a line's end, a query has no relevant
            passage, or a language no record.
    """
    check_writable(benchmark, "\t\n\r", "ids")
    yield "\t".join(IDS_HEADER)
    for row, name in enumerate(benchmark.query_ids):
        language = benchmark.languages[benchmark.query_language[row]]
        item, cluster = benchmark.query_item[row], benchmark.query_cluster[row]
        yield f"query\t{row}\t{name}\t{language}\t{item}\t{cluster}"
    for row, name in enumerate(benchmark.passage_ids):
        yield f"passage\t{row}\t{name}\t{benchmark.languages[benchmark.passage_language[row]]}\t\t"


def write_trec(benchmark: Benchmark, folder: str | Path) -> Path:
    """Write a benchmark as a new folder of TREC files; `read_trec` gives it back unchanged.

    Raises:
        CorpusError: the folder is there and not empty or cannot be written, an id is empty or
            holds a blank, a query has no relevant passage, or a language no record.
    """
    check_writable(benchmark, None, "TREC")
    pairs = zip(benchmark.relevant_query, benchmark.relevant_passage, benchmark.grade, strict=True)
    with new_folder(folder) as partial:
        write_header(partial, benchmark)
        write_lines(partial / "ids.tsv", id_lines(benchmark))
        for name, ids, texts in (
            ("topics.jsonl", benchmark.query_ids, benchmark.query_texts),
            ("collection.jsonl", benchmark.passage_ids, benchmark.passage_texts),
        ):
            records = zip(ids, texts, strict=True)
            write_json_lines(
                partial / name, ({"id": each, "contents": text} for each, text in records)
            )
        write_lines(
            partial / "qrels.txt",
            (
                f"{benchmark.query_ids[query]} 0 {benchmark.passage_ids[passage]} {grade}"
                for query, passage, grade in pairs
            ),
        )
    return Path(folder)


def read_trec(folder: str | Path) -> Benchmark:
    """A benchmark from a folder that `write_trec` wrote.

    Raises:
        CorpusError: a file is missing or broken, an id is doubled or unknown, or a query has no
            relevant passage.
    """
    folder = data_folder(folder, ())
    topics, collection, ids, qrels = trec_files(folder)
    texts = {"query": _texts(topics), "passage": _texts(collection)}
    columns = {"query": Column(), "passage": Column()}
    for number, line in numbered_lines(ids):
        place = f"{folder / 'ids.tsv'}, line {number}"
        fields = line.split("\t")
        if number == 1 and tuple(fields) == IDS_HEADER:
            continue
        if len(fields) != len(IDS_HEADER) or fields[0] not in columns:
            raise CorpusError(f"{place} is not made of {', '.join(IDS_HEADER)} with tabs between")
        kind, row, name, language, item, cluster = fields
        column = columns[kind]
        if row != str(len(column.ids)):
            raise CorpusError(f"{place}: row {row!r} of kind {kind}, {len(column.ids)} expected")
        if name not in texts[kind]:
            raise CorpusError(f"{place}: {kind} {name!r} has no text")
        numbers = (_whole(item, place), _whole(cluster, place)) if kind == "query" else ()
        column.add(place, name, texts[kind][name], language, *numbers)
    judgments = Judgments(columns["query"], columns["passage"])
    for place, query, passage, grade in qrels_lines(qrels):
        judgments.add(place, query, passage, grade)
    name, languages = read_header(folder)
    return make_benchmark(
        name, languages, columns["query"], columns["passage"], judgments, judged_by=qrels.name
    )


def is_trec(folder: Path) -> bool:
    """Is this a folder that `write_trec` wrote? Only those have the order of the rows."""
    return plain_or_gzip(folder / "ids.tsv") is not None


def trec_files(folder: Path) -> tuple[Path, Path, Path, Path]:
    """Queries, passages, the order of the rows, and judgments.

    Raises:
        CorpusError: a file is missing.
    """
    names = ("topics.jsonl", "collection.jsonl", "ids.tsv", "qrels.txt")
    topics, collection, ids, qrels = (needed_file(folder, name, "TREC") for name in names)
    return topics, collection, ids, qrels


def qrels_lines(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Place, query id, passage id and grade of each line of a qrels file.

    Raises:
        CorpusError: the file cannot be read or a line has not four fields.
    """
    for number, line in numbered_lines(path):
        fields = line.split()
        place = f"{path}, line {number}"
        if len(fields) != 4:
            raise CorpusError(f"{place} has {len(fields)} fields; query 0 passage grade are needed")
        yield place, fields[0], fields[2], fields[3]


def _texts(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for place, record in json_lines(path):
        name = member(record, "id", str, place)
        if name in texts:
            raise CorpusError(f"{place}: id {name!r} was there before")
        texts[name] = member(record, "contents", str, place)
    return texts


def _whole(text: str, place: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise CorpusError(f"{place}: {text!r} is not a whole number") from None
