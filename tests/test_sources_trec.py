"""TREC forms: benchmarks and runs, there and back, and what is refused."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from random_benchmarks import assert_same, benchmarks, tiny_benchmark

from hbt.corpus import Benchmark, CorpusError
from hbt.sources import (
    id_lines,
    read_mlqa_r,
    read_run,
    read_trec,
    read_xquad_r,
    write_run,
    write_trec,
)


@given(benchmarks())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(benchmark: Benchmark) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "there"
        assert write_trec(benchmark, target) == target
        assert_same(read_trec(target), benchmark)


@pytest.mark.parametrize("read", [read_xquad_r, read_mlqa_r])
def test_real_benchmarks_are_read_back(
    read: Callable[[Path], Benchmark], shared_data: Path, tmp_path: Path
) -> None:
    benchmark = read(shared_data)
    assert_same(read_trec(write_trec(benchmark, tmp_path / "out")), benchmark)


def test_ids_say_which_row_is_what() -> None:
    benchmark = tiny_benchmark()
    header, *lines = [line.split("\t") for line in id_lines(benchmark)]
    assert header == ["kind", "row", "id", "language", "item", "cluster"]
    n_queries = len(benchmark.query_ids)
    assert lines[1] == ["query", "1", benchmark.query_ids[1], "en", "1", "0"]
    assert [line[0] for line in lines[n_queries - 1 : n_queries + 1]] == ["query", "passage"]
    assert [line[2] for line in lines] == [*benchmark.query_ids, *benchmark.passage_ids]
    rows = [int(line[1]) for line in lines]
    assert rows == [*range(n_queries), *range(len(benchmark.passage_ids))]


def test_qrels_are_those_of_trec_eval(tmp_path: Path) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    benchmark = tiny_benchmark()
    with (write_trec(benchmark, tmp_path / "x") / "qrels.txt").open() as file:
        qrels = pytrec_eval.parse_qrel(file)
    pairs = zip(benchmark.relevant_query, benchmark.relevant_passage, strict=True)
    expected = {(benchmark.query_ids[query], benchmark.passage_ids[row]) for query, row in pairs}
    assert {(query, row) for query, found in qrels.items() for row in found} == expected


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("ids.tsv", lambda text: text.replace("query\t1\t", "query\t2\t"), "line 3: row '2' of"),
        ("ids.tsv", lambda text: text.replace("\ten\t", "\t\t", 1), "line 2: record 'q0-en' has"),
        ("ids.tsv", lambda text: text.replace("q1-en", "q0-en"), "line 3: id 'q0-en' was there"),
        ("ids.tsv", lambda text: text.replace("q1-en", "qq"), "line 3: query 'qq' has no text"),
        ("ids.tsv", lambda text: text.replace("query", "question", 1), "line 2 is not made of"),
        ("qrels.txt", lambda text: "q0-en 0 nothing 1\n" + text, "line 1: there is no passage"),
        ("qrels.txt", lambda text: "q0-en 0 1\n" + text, "line 1 has 3 fields"),
        ("qrels.txt", lambda text: text + text, "'q0-en' and 'p100-en' were judged before"),
        ("topics.jsonl", lambda text: text.partition("\n")[0], "query 'q1-en' has no text"),
        ("topics.jsonl", lambda text: text + text, "id 'q0-en' was there before"),
    ],
)
def test_faults_are_named(
    name: str, change: Callable[[str], str], message: str, tmp_path: Path
) -> None:
    path = write_trec(tiny_benchmark(), tmp_path / "x") / name
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(CorpusError) as error:
        read_trec(tmp_path / "x")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_is_read_by_its_scores(tmp_path: Path) -> None:
    benchmark = tiny_benchmark()
    (q0, q1), (p0, p1, p2) = benchmark.query_ids[:2], benchmark.passage_ids[:3]
    text = f"{q1} Q0 {p2} 1 0.5 x\n\n{q0} 0 {p1} 9 -1e-3 x\n{q1}\tQ0\t{p0} 2 7 x\n"
    for name, raw in (("a.trec", text.encode()), ("a.trec.gz", gzip.compress(text.encode()))):
        (tmp_path / name).write_bytes(raw)
        run = read_run(tmp_path / name, benchmark)
        assert run.offset[:3].tolist() == [0, 1, 3]
        assert (run.offset[3:] == 3).all()
        assert run.query.tolist() == [0, 1, 1]
        assert run.passage.tolist() == [1, 2, 0]
        assert run.score.tolist() == [np.float32(-1e-3), 0.5, 7]


def test_a_written_run_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    benchmark = tiny_benchmark()
    random = np.random.default_rng(0)
    shape = (len(benchmark.query_ids), 7)
    rows = np.tile(np.arange(len(benchmark.passage_ids)), (shape[0], 1))
    passages = random.permuted(rows, axis=1)
    scores = -np.sort(-(random.normal(size=shape).astype(np.float32) ** 9))
    for name in ("run.trec", "run.trec.gz"):
        path = write_run(tmp_path / "new" / name, benchmark, passages[:, :7], scores)
        run = read_run(path, benchmark)
        np.testing.assert_array_equal(run.passage.reshape(shape), passages[:, :7])
        np.testing.assert_array_equal(run.score.reshape(shape), scores)
    assert sorted(each.name for each in path.parent.iterdir()) == ["run.trec", "run.trec.gz"]
    assert gzip.decompress(path.read_bytes()) == path.with_suffix("").read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q0-en Q0 nothing 1 1 x", "line 2: tiny has no passage with the id 'nothing'"),
        ("nobody Q0 p100-en 1 1 x", "line 2: tiny has no query with the id 'nobody'"),
        ("q0-en Q0 p100-en 1 1", "line 2 has 5 fields; query Q0 passage rank score name"),
        ("q0-en Q0 p101-en 1 high x", "line 2: score 'high' is no number"),
        ("q0-en Q0 p101-en 1 nan x", "line 2: score 'nan' is no finite number of float32"),
        ("q0-en Q0 p101-en 1 -inf x", "line 2: score '-inf' is no finite number of float32"),
        ("q0-en Q0 p101-en 1 1e39 x", "line 2: score '1e39' is no finite number of float32"),
        ("q0-en Q0 p100-en 2 1 x", "line 2: query 'q0-en' has passage 'p100-en' a second time"),
    ],
)
def test_bad_lines_are_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text(f"q0-en Q0 p100-en 1 2 x\n{line}\nq0-en Q0 p102-en 1 1 x\n")
    with pytest.raises(CorpusError) as error:
        read_run(path, tiny_benchmark())
    assert str(error.value).startswith(f"{path}, {message}")


def test_files_that_are_no_runs(tmp_path: Path) -> None:
    path = tmp_path / "run.trec.gz"
    with pytest.raises(CorpusError, match=r"run.trec.gz cannot be read \(No such file"):
        read_run(path, tiny_benchmark())
    path.write_bytes(gzip.compress(b"q0-en Q0 p100-en 1 2 x\n" * 3)[:-4])
    with pytest.raises(CorpusError, match="is cut off"):
        read_run(path, tiny_benchmark())
    path.write_bytes(gzip.compress(b"\n"))
    with pytest.raises(CorpusError, match="is empty"):
        read_run(path, tiny_benchmark())
