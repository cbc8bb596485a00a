"""BEIR folders: what others write is read, what is written is read back, faults are named."""

from __future__ import annotations

import dataclasses
import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from random_benchmarks import assert_same, benchmarks, tiny_benchmark

from hbt.corpus import Benchmark, CorpusError
from hbt.sources import read_beir, read_mlqa_r, read_xquad_r, write_beir

CORPUS = [
    {"_id": "d1", "title": "Dogs", "text": "A dog runs.", "language": "en"},
    {"_id": "d2", "title": "", "text": "Ein Hund rennt.", "metadata": {"language": "de"}},
    {"_id": "d3", "text": "Nothing.", "language": "en", "metadata": {"url": "x"}},
]
QUERIES = [
    {"_id": "q1", "text": "Who runs?", "language": "en", "item": "run"},
    {"_id": "q2", "text": "Wer rennt?", "metadata": {"language": "de", "item": "run"}},
    {"_id": "q3", "text": "What?", "language": "en", "item": "what"},
]
HEADER = "query-id\tcorpus-id\tscore\n"
TEST = f"{HEADER}q2\td1\t1\nq1\td2\t1\nq1\td1\t2\nq1\td3\t0\n"
TRAIN = f"{HEADER}q3\td3\t1\n"


def write(
    folder: Path, corpus: list = CORPUS, queries: list = QUERIES, packed: bool = False, **qrels: str
) -> Path:
    (folder / "qrels").mkdir(parents=True)
    parts = {
        "corpus.jsonl": "".join(json.dumps(record) + "\n" for record in corpus),
        "queries.jsonl": "".join(json.dumps(record) + "\n" for record in queries),
        **{
            f"qrels/{split}.tsv": text
            for split, text in (qrels or {"test": TEST, "train": TRAIN}).items()
        },
    }
    for name, text in parts.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / name).write_bytes(text.encode())
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_others_is_read(packed: bool, tmp_path: Path) -> None:
    benchmark = read_beir(write(tmp_path / "pets", packed=packed))
    assert (benchmark.name, benchmark.languages) == ("pets", ("en", "de"))
    assert benchmark.passage_texts == ["Dogs A dog runs.", "Ein Hund rennt.", "Nothing."]
    assert benchmark.passage_language.tolist() == [0, 1, 0]
    assert benchmark.query_ids == ["q1", "q2"]  # q3 is judged by another split
    assert benchmark.query_language.tolist() == [0, 1]
    assert benchmark.query_item.tolist() == benchmark.query_cluster.tolist() == [0, 0]
    assert benchmark.relevant_query.tolist() == [0, 0, 1]
    assert benchmark.relevant_passage.tolist() == [0, 1, 0]
    assert benchmark.grade.tolist() == [2, 1, 1]


def test_the_split_and_the_language_can_be_named(tmp_path: Path) -> None:
    bare = [{key: value for key, value in record.items() if key == "_id"} for record in CORPUS]
    corpus = [record | {"text": "x"} for record in bare]
    folder = write(tmp_path / "pets", corpus)
    with pytest.raises(CorpusError, match=r"corpus.jsonl, line 1: record 'd1' has no language"):
        read_beir(folder)
    benchmark = read_beir(folder, split="train", language="fr")
    assert benchmark.languages == ("fr", "en")
    assert benchmark.query_ids == ["q3"]
    assert benchmark.query_item.tolist() == [0]


def test_queries_without_items_are_items_of_their_own(tmp_path: Path) -> None:
    queries = [{"_id": q["_id"], "text": q["text"], "language": "en"} for q in QUERIES]
    benchmark = read_beir(write(tmp_path / "pets", queries=queries))
    assert benchmark.query_item.tolist() == benchmark.query_cluster.tolist() == [0, 1]


@given(benchmarks())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(benchmark: Benchmark) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "there"
        assert write_beir(benchmark, target) == target
        assert_same(read_beir(target), benchmark)
        assert [path.name for path in Path(folder).iterdir()] == ["there"]


@pytest.mark.parametrize("read", [read_xquad_r, read_mlqa_r])
def test_real_benchmarks_are_read_back(
    read: Callable[[Path], Benchmark], shared_data: Path, tmp_path: Path
) -> None:
    benchmark = read(shared_data)
    assert_same(read_beir(write_beir(benchmark, tmp_path / "out")), benchmark)


def changed(records: list, row: int, **fields: object) -> list:
    return [
        {key: value for key, value in (record | fields).items() if value is not None}
        if index == row
        else record
        for index, record in enumerate(records)
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"corpus": changed(CORPUS, 1, _id="d1")}, "corpus.jsonl, line 2: id 'd1' was there"),
        ({"corpus": changed(CORPUS, 0, _id=7)}, "corpus.jsonl, line 1: '_id' must be str, not int"),
        ({"corpus": changed(CORPUS, 0, _id="")}, "corpus.jsonl, line 1 has an empty id"),
        ({"corpus": changed(CORPUS, 0, text=None)}, "corpus.jsonl, line 1 has no 'text'"),
        ({"corpus": changed(CORPUS, 2, language="")}, "line 3: record 'd3' has an empty language"),
        ({"corpus": changed(CORPUS, 2, language=None)}, "line 3: record 'd3' has no language"),
        ({"corpus": changed(CORPUS, 0, language=4)}, "line 1: 'language' must be str, not int"),
        ({"corpus": changed(CORPUS, 0, metadata=[])}, "line 1: 'metadata' must be dict, not list"),
        ({"corpus": changed(CORPUS, 0, text="\ud800")}, "line 1: 'text' holds half a character"),
        ({"queries": changed(QUERIES, 1, text=" ")}, "line 2: query 'q2' has an empty text"),
        ({"queries": changed(QUERIES, 0, item=3)}, "line 2: 'item' is 'run'; give every query a"),
        ({"queries": changed(QUERIES, 1, item=1.5)}, "line 2: 'item' must be int or str"),
        (
            {"queries": changed(QUERIES, 1, metadata={"language": "de"})},
            "line 2: 'item' is missing",
        ),
        ({"test": TEST + "q1\td9\t1\n"}, "test.tsv, line 6: there is no passage with the id 'd9'"),
        ({"test": TEST + "q9\td1\t1\n"}, "test.tsv, line 6: there is no query with the id 'q9'"),
        ({"test": TEST + "q1\td1\t1\n"}, "test.tsv, line 6: 'q1' and 'd1' were judged before"),
        ({"test": TEST + "q2\td2\tx\n"}, "test.tsv, line 6: grade 'x' is not a whole number"),
        ({"test": TEST + "q2 d2 1\n"}, "test.tsv, line 6 has 1 fields between tabs, not 3"),
        ({"test": TEST}, "line 3: query 'q3' has no relevant passage in qrels/test.tsv"),
        ({"test": HEADER + "q1\td1\t0\n", "dev": HEADER}, "query 'q1' has no relevant passage"),
        ({"dev": TEST}, "qrels has no test.tsv, only dev; name the split"),
    ],
)
def test_faults_are_named(given: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as error:
        read_beir(write(tmp_path / "pets", **given))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere is not a folder"):
        read_beir(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match=r"has no corpus.jsonl or corpus.jsonl.gz"):
        read_beir(tmp_path)
    (write(tmp_path / "unjudged") / "qrels" / "test.tsv").unlink()
    (tmp_path / "unjudged" / "qrels" / "train.tsv").unlink()
    with pytest.raises(CorpusError, match=r"qrels has no test\.tsv and no other$"):
        read_beir(tmp_path / "unjudged")
    folder = write(tmp_path / "pets", packed=True)
    corpus = folder / "corpus.jsonl.gz"
    whole = corpus.read_bytes()
    for content, message in (
        (whole[:-9], "is cut off"),
        (b"no gzip", "is not a sound gzip file"),
        (whole[:20] + bytes([whole[20] ^ 255]) + whole[21:], "corpus.jsonl.gz"),
        (gzip.compress(b'{"_id": "d1"'), "line 1 is not JSON"),
        (gzip.compress(b"[]"), "line 1: an object was expected, not list"),
        (gzip.compress(b'\n\n{"text": "\xff"}'), "line 3 is not UTF-8 text"),
    ):
        corpus.write_bytes(content)
        with pytest.raises(CorpusError, match=message):
            read_beir(folder)


def test_languages_of_the_header_are_those_of_the_records(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets")
    for header, message in (
        ({"name": "x", "languages": ["de"]}, "language 'en' is not in benchmark.json"),
        ({"name": "x", "languages": ["de", "en", "fr"]}, "'fr' has neither queries nor passages"),
        ({"name": "x", "languages": ["de", "de"]}, "'de' is no language code or comes a second"),
        ({"languages": ["de", "en"]}, "benchmark.json has no 'name'"),
    ):
        (folder / "benchmark.json").write_text(json.dumps(header))
        with pytest.raises(CorpusError, match=message):
            read_beir(folder)


def test_what_a_folder_cannot_hold_is_not_written(tmp_path: Path) -> None:
    benchmark = tiny_benchmark()
    ids = list(benchmark.query_ids)
    for change, message in (
        ({"query_ids": ["a\tb", *ids[1:]]}, "cannot be written as BEIR"),
        ({"query_ids": ["", *ids[1:]]}, "cannot be written as BEIR"),
        ({"languages": (*benchmark.languages, "fr")}, "'fr' has neither queries nor passages"),
        (
            {
                name: getattr(benchmark, name)[benchmark.relevant_query != 3]
                for name in ("relevant_query", "relevant_passage", "grade")
            },
            f"query '{ids[3]}' has no relevant passage",
        ),
    ):
        with pytest.raises(CorpusError, match=message):
            write_beir(dataclasses.replace(benchmark, **change), tmp_path / "out")
        assert not list(tmp_path.iterdir())
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("mine")
    with pytest.raises(CorpusError, match="kept is already there; name a new folder"):
        write_beir(benchmark, tmp_path / "kept")
    assert (tmp_path / "kept/file").read_text() == "mine"


def test_a_write_that_breaks_off_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hbt.sources import beir

    def full(path: Path, lines: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(beir, "write_lines", full)
    with pytest.raises(CorpusError, match=r"out cannot be written \(No space left on device\)"):
        write_beir(tiny_benchmark(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_grades_survive(tmp_path: Path) -> None:
    benchmark = tiny_benchmark()
    graded = dataclasses.replace(benchmark, grade=1 + np.arange(len(benchmark.grade)) % 3)
    np.testing.assert_array_equal(read_beir(write_beir(graded, tmp_path / "x")).grade, graded.grade)
