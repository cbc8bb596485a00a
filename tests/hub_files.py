"""Tiny files in the real layouts of the data sets: path -> bytes."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet


def jsonl(records: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records).encode()


def jsonl_gz(records: Sequence[Mapping[str, Any]]) -> bytes:
    return gzip.compress(jsonl(records))


def tsv(*rows: Sequence[object]) -> bytes:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()


def as_parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pyarrow.table(dict(columns)), sink)
    return sink.getvalue()


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def miracl() -> dict[str, bytes]:
    """Swahili: one query with one relevant passage and one that was judged not relevant."""
    return {
        "miracl-v1.0-sw/topics/topics.miracl-v1.0-sw-dev.tsv": tsv(
            ("007", "Nani?"), ("8", "Wapi?")
        ),
        "miracl-v1.0-sw/qrels/qrels.miracl-v1.0-sw-dev.tsv": tsv(
            ("007", "Q0", "2#0", 1), ("007", "Q0", "2#1", 0), ("8", "Q0", "2#1", 0)
        ),
    }


def miracl_corpus() -> dict[str, bytes]:
    return {
        "miracl-corpus-v1.0-sw/docs-0.jsonl.gz": jsonl_gz(
            [
                {"docid": "2#0", "title": "Mji", "text": "Ni mji."},
                {"docid": "2#1", "title": "Mji", "text": "Ni kubwa."},
            ]
        )
    }


def hard_negatives() -> dict[str, bytes]:
    """Yoruba and Swahili, the passages in two files, as large ones are."""
    files = {}
    for code in ("sw", "yo"):
        rows = [
            ("1#0", "A", f"{code} one"),
            ("1#1", "", f"{code} two"),
            ("1#2", "C", f"{code} three"),
        ]
        for part, some in enumerate((rows[:2], rows[2:])):
            ids, titles, texts = zip(*some, strict=True)
            files[f"{code}-corpus/dev-{part:05}-of-00002.parquet"] = as_parquet(
                {"_id": ids, "title": titles, "text": texts}
            )
        files[f"{code}-queries/dev-00000-of-00001.parquet"] = as_parquet(
            {"_id": ["0#0", "1#0"], "text": ["first?", "second?"]}
        )
        files[f"{code}-qrels/dev-00000-of-00001.parquet"] = as_parquet(
            {
                "query-id": ["0#0", "0#0", "1#0"],
                "corpus-id": ["1#2", "1#0", "1#1"],
                "score": [1, 0, 1],
            }
        )
    return files


def mldr() -> dict[str, bytes]:
    place = "mldr-v1.0-hi"
    record = {
        "query_id": "q-hi-0",
        "query": "कौन?",
        "positive_passages": [{"docid": "doc-hi-1", "text": "यह वह है"}],
        "negative_passages": [],
    }
    documents = [
        {"docid": "doc-hi-0", "text": "पहला"},
        {"docid": "doc-hi-1", "text": "यह वह है"},
    ]
    return {
        f"{place}/corpus.jsonl.gz": jsonl_gz(documents),
        f"{place}/test.jsonl.gz": jsonl_gz([record]),
        f"{place}/dev.jsonl.gz": jsonl_gz([record | {"query_id": "q-hi-9"}]),
        f"{place}/train.jsonl.gz": jsonl_gz([record | {"query_id": "q-hi-5"}]),
        "qrels/qrels.mldr-v1.0-hi-test.tsv": tsv(("q-hi-0", 0, "doc-hi-1", 1)),
        "MLDR.py": b"raise SystemExit('a script of a data set must never run')\n",
    }


def miracl_training(language: str, n: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Train questions and a corpus: question i finds passage i, and question 0 also passage 1.

    Each was shown passage n, which is not relevant; the last question has none that is. Passages
    n and n + 1 are for no one.
    """
    name = f"miracl-v1.0-{language}"
    topics = [(f"{language}{i}", f"{language} question {i}?") for i in range(n + 1)]
    judged = [(f"{language}{i}", "Q0", f"{i}#0", 1) for i in range(n)]
    judged += [(f"{language}0", "Q0", "1#0", 1)]
    judged += [(f"{language}{i}", "Q0", f"{n}#0", 0) for i in range(n + 1)]
    documents = [
        {"docid": f"{i}#0", "title": f"Title {i}", "text": f"{language} passage {i}."}
        for i in range(n + 2)
    ]
    return {
        f"{name}/topics/topics.{name}-train.tsv": tsv(*topics),
        f"{name}/qrels/qrels.{name}-train.tsv": tsv(*judged),
    }, {f"miracl-corpus-v1.0-{language}/docs-0.jsonl.gz": jsonl_gz(documents)}


def mldr_training(language: str, n: int) -> dict[str, bytes]:
    """Train questions; the last two are about one document."""
    records = [
        {
            "query_id": f"q-{language}-{i}",
            "query": f"{language} question {i}?",
            "positive_passages": [
                {"docid": f"d{min(i, n - 2)}", "text": f"{language} document {min(i, n - 2)}"}
            ],
            "negative_passages": [{"docid": f"x{i}", "text": f"{language} other document {i}"}],
        }
        for i in range(n)
    ]
    return {f"mldr-v1.0-{language}/train.jsonl.gz": jsonl_gz(records)}


def mmarco() -> dict[str, bytes]:
    """Three passages, two queries; German lacks the text of passage 2, which is nobody's."""
    files = {}
    for name in ("english", "german"):
        place = "data/google"
        last = "" if name == "german" else f"{name} passage 2"
        files[f"{place}/collections/{name}_collection.tsv"] = tsv(
            *((i, f"{name} passage {i}") for i in range(2)), (2, last), (3, f"{name} passage 3")
        )
        files[f"{place}/queries/train/{name}_queries.train.tsv"] = tsv(
            (20, f"{name} query 20"),
            (5, f"{name} query 5"),  # not in order, as upstream
        )
    files["data/triples.train.ids.small.tsv"] = tsv((20, 1, 3), (5, 0, 1), (20, 1, 2), (5, 3, 1))
    return files


def mmarco_training(n: int) -> dict[str, bytes]:
    """English and German: query i finds passage i, of n."""
    files = {}
    for name in ("english", "german"):
        for part, kind in (("collections", "collection"), ("queries/train", "queries.train")):
            rows = [(i, f"{name} {kind} {i}") for i in range(n)]
            files[f"data/google/{part}/{name}_{kind}.tsv"] = tsv(*rows)
    triples = [(i, i, (i + 1) % n) for i in range(n)]
    return files | {"data/triples.train.ids.small.tsv": tsv(*triples)}


def belebele() -> dict[str, bytes]:
    def record(code: str, link: str, number: int) -> dict[str, Any]:
        return {
            "link": link,
            "question_number": number,
            "flores_passage": f"{code} passage {link}",
            "question": f"{code} {link} {number}?",
            "mc_answer1": "a",
            "mc_answer2": "b",
            "mc_answer3": "c",
            "mc_answer4": "d",
            "correct_answer_num": "2",
            "dialect": code,
            "ds": "2023-05-03",
        }

    order = [("x", 1), ("x", 2), ("y", 1)]
    return {
        "data/eng_Latn.jsonl": jsonl([record("eng_Latn", *each) for each in order]),
        "data/fur_Latn.jsonl": jsonl([record("fur_Latn", *each) for each in order[::-1]]),
    }


def mkqa() -> dict[str, bytes]:
    def record(number: int, kind: str, text: str | None) -> dict[str, Any]:
        answer: dict[str, Any] = {"type": kind, "entity": "Q1", "text": text}
        return {
            "example_id": number,
            "query": f"question {number}",
            "queries": {"en": f"question {number}", "de": f"Frage {number}"},
            "answers": {
                "en": [answer | {"aliases": ["The  Answer", "answer"]}],
                "de": [{key: answer[key] for key in ("type", "text")}],  # aliases may be missing
            },
        }

    return {
        "mkqa.jsonl.gz": jsonl_gz(
            [
                record(-5, "entity", "Answer"),
                record(6, "unanswerable", None),
                record(7, "date", "1999"),
            ]
        )
    }
