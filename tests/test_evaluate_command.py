"""`hbt evaluate`: one benchmark, four kinds of system, and every kind of bad input."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_benchmarks import benchmarks, tiny_benchmark
from tiny_checkpoints import tiny_xlm_r
from tiny_texts import all_texts

from hbt.bm25 import bm25_scores
from hbt.corpus import Benchmark, CorpusError
from hbt.encoders import encode
from hbt.models import MODELS, load_model
from hbt.retrieval import count_from_scores
from hbt.sources import write_beir, write_run
from hbt.suite import cli
from hbt.suite.evaluate import System, evaluate_system
from hbt.suite.evaluation_report import report_text, report_values

REPOSITORY = Path(__file__).resolve().parent.parent
SETTINGS = ["monolingual", "cross-lingual", "multilingual"]


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    return tiny_benchmark()


@pytest.fixture(scope="module")
def place(benchmark: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the benchmark, embeddings of it and runs of BM25, whole and cut."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_beir(benchmark, folder / "tiny")
    np.savez(folder / "e.npz", **embeddings(benchmark))
    whole = len(benchmark.passage_texts)
    counts = count_from_scores(benchmark, bm25_scores(benchmark), top_k=whole)
    for name, k in (("whole", whole), ("cut", 12)):
        top = counts.top_k_passage[:, :k], counts.top_k_score[:, :k]
        write_run(folder / f"{name}.trec", benchmark, *top)
    return folder


def embeddings(benchmark: Benchmark, dimension: int = 8) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    queries = random.normal(size=(len(benchmark.query_texts), dimension)).astype(np.float32)
    passages = random.normal(size=(len(benchmark.passage_texts), dimension)).astype(np.float32)
    return {"query_embeddings": queries, "passage_embeddings": passages}


def evaluated(place: Path, *system: str) -> dict:
    target = place / "result.json"
    words = ["evaluate", "--benchmark", str(place / "tiny"), *system, "--json", str(target)]
    assert cli.main(words) == 0
    return json.loads(target.read_text())


def test_bm25_gives_every_key_and_means_of_every_query(
    place: Path, benchmark: Benchmark, capsys: pytest.CaptureFixture
) -> None:
    table = place / "per_query.parquet"
    result = evaluated(place, "--bm25", "--per-query", str(table))
    printed = capsys.readouterr().out
    assert printed.startswith("tiny: 94 queries, 90 passages, 4 languages; bm25\n")
    assert result["benchmark_sha256"] == benchmark.digest()
    sizes = [result[key] for key in ("benchmark", "n_queries", "n_passages", "ties")]
    assert sizes == ["tiny", 94, 90, "trec"]
    assert list(result["settings"]) == SETTINGS
    per_query = pd.read_parquet(table)
    for setting, values in result["settings"].items():
        rows = per_query[per_query["setting"] == setting]
        cells = rows.groupby(["query_language", "passage_language"])
        for metric, value in values.items():
            assert value == pytest.approx(cells[metric].mean().mean(), abs=1e-12)
            assert f"{value:.4f}" in printed
    distances = per_query.groupby("query_language")["rank_distance"].mean()
    for row in result["by_language"]:
        assert row["rank_distance"] == pytest.approx(distances[row["query_language"]])
    assert result["rank_distance"]["value"] == pytest.approx(distances.mean())
    assert per_query["query_id"].iloc[0] == benchmark.query_ids[0]
    assert len(result["by_pair"]) == 4 + 12 + 4
    assert result["bias"]
    assert result["reasons"] == {}
    assert result["seconds"] > 0
    assert [path.name for path in place.iterdir() if "partial" in path.name] == []


def test_a_whole_run_is_the_system_that_wrote_it(place: Path) -> None:
    for ties in ("trec", "sklearn"):
        own = evaluated(place, "--bm25", "--ties", ties)
        run = evaluated(place, "--run", str(place / "whole.trec"), "--ties", ties)
        assert run["ties"] == ties
        for key in ("settings", "rank_distance", "bias", "by_language", "by_pair", "reasons"):
            assert run[key] == own[key]


def test_a_cut_run_tells_what_it_does_not_decide(
    place: Path, capsys: pytest.CaptureFixture
) -> None:
    own = evaluated(place, "--bm25")
    run = evaluated(place, "--run", str(place / "cut.trec"))
    printed = capsys.readouterr().out
    for metric in ("R@1", "R@10", "nDCG@10", "MRR", "Success@10"):
        assert run["settings"]["multilingual"][metric] == own["settings"]["multilingual"][metric]
    multilingual = run["reasons"]["multilingual"]
    assert list(multilingual) == ["mAP"]  # the pool has 90 passages, so R@100 is 1
    pattern = r"needs the ranks of all relevant passages of the pool; the run lists less for \d+ of"
    assert re.match(pattern, multilingual["mAP"])
    assert run["settings"]["multilingual"]["mAP"] is None
    assert run["settings"]["multilingual"]["R@100"] == 1
    assert run["rank_distance"]["value"] is None
    assert "the run lists too little for" in run["rank_distance"]["reason"]
    assert {row["rank_distance"] for row in run["by_language"]} == {None}
    assert run["bias"]["language_mix"] == own["bias"]["language_mix"]
    assert run["settings"]["cross-lingual"]["nDCG@10"] is None
    assert "nDCG@10" in run["reasons"]["cross-lingual"]
    assert multilingual["mAP"] in printed
    known = [row for row in run["by_pair"] if row["mAP"] is not None]
    expected = {
        (r["setting"], r["query_language"], r["passage_language"]): r for r in own["by_pair"]
    }
    for row in known:
        key = (row["setting"], row["query_language"], row["passage_language"])
        assert row["mAP"] == expected[key]["mAP"]


def test_embeddings_and_a_model_give_the_same(place: Path, benchmark: Benchmark) -> None:
    from hbt.encoders import EncoderSettings, build, save, train_tokenizer

    small = EncoderSettings(dimension=16, vocabulary_size=400)
    train_tokenizer(all_texts(), small).save(str(place / "tokenizer.json"))
    model = build(small, place, seed=0)
    save(model, place / "model")
    np.savez(
        place / "m.npz",
        query_embeddings=encode(model, benchmark.query_texts, "query"),
        passage_embeddings=encode(model, benchmark.passage_texts, "passage"),
    )
    loaded = evaluated(place, "--model", str(place / "model"))
    embedded = evaluated(place, "--embeddings", str(place / "m.npz"))
    assert loaded["settings"] == embedded["settings"]
    assert loaded["rank_distance"] == embedded["rank_distance"]
    assert 0.1 < loaded["settings"]["monolingual"]["mAP"] < 1
    other = evaluated(place, "--embeddings", str(place / "e.npz"))
    assert other["settings"] != embedded["settings"]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformers checkpoint of XLM-R's classes and files, without modules or prompts."""
    return tiny_xlm_r(tmp_path_factory.mktemp("bare") / "xlm-r", all_texts())


def embedded(
    place: Path, benchmark: Benchmark, folder: Path, name: str, pooling: str, *prefixes: str
) -> dict:
    """The evaluation of the embeddings of a folder that is told everything."""
    given = {"query_prefix": prefixes[0], "passage_prefix": prefixes[1], "pooling": pooling}
    model = load_model(str(folder), **given, max_length=512)
    np.savez(
        place / f"{name}.npz",
        query_embeddings=encode(model, benchmark.query_texts, "query"),
        passage_embeddings=encode(model, benchmark.passage_texts, "passage"),
    )
    return evaluated(place, "--embeddings", str(place / f"{name}.npz"))


def assert_same_scores(one: dict, other: dict) -> None:
    for setting, values in one["settings"].items():
        assert values == pytest.approx(other["settings"][setting], abs=1e-9), setting


@pytest.mark.parametrize(
    ("name", "options", "pooling", "prefixes"),
    [
        ("{}", "", "mean", ("", "")),
        ("xlm-r-base={}", "", "mean", ("", "")),
        ("me5-small={}", "", "mean", ("query: ", "passage: ")),
        (
            "{}",
            "--query-prefix Query: --passage-prefix Passage: --pooling cls",
            "cls",
            ("Query:", "Passage:"),
        ),
    ],
)
def test_a_bare_checkpoint_is_read_as_in_training(
    name: str,
    options: str,
    pooling: str,
    prefixes: tuple[str, str],
    place: Path,
    benchmark: Benchmark,
    bare: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    expected = embedded(place, benchmark, bare, "bare", pooling, *prefixes)
    capsys.readouterr()
    found = evaluated(place, "--model", name.format(bare), *options.split())
    assert_same_scores(found, expected)
    assert 0.1 < found["settings"]["monolingual"]["mAP"] < 1
    assert found["system"]["encoder"] == {
        "query_prefix": prefixes[0],
        "passage_prefix": prefixes[1],
        "pooling": pooling,
        "max_length": 512,
    }
    assert f"read with query prefix {prefixes[0]!r}" in capsys.readouterr().out
    assert "encoder" not in expected["system"]


def test_a_short_name_is_the_checkpoint_of_the_hub(
    place: Path, benchmark: Benchmark, bare: Path, tmp_path: Path
) -> None:
    """In the hub's cache, as `hf download intfloat/multilingual-e5-base` leaves it."""
    cached = tmp_path / "hub" / "models--intfloat--multilingual-e5-base"
    shutil.copytree(bare, cached / "snapshots" / "c0ffee")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("c0ffee")
    target = tmp_path / "result.json"
    words = ["evaluate", "--benchmark", str(place / "tiny"), "--model", "me5-base"]
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_HUB_CACHE", None)
    done = subprocess.run(
        [sys.executable, "-m", "hbt", *words, "--json", str(target)],
        env=environment | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(target.read_text())
    expected = embedded(place, benchmark, bare, "hub", "mean", "query: ", "passage: ")
    assert_same_scores(found, expected)
    assert found["system"]["source"] == "me5-base"


@given(benchmarks(), st.integers(0, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_any_benchmark_and_any_run_have_a_report(benchmark: Benchmark, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    n_queries, n_passages = len(benchmark.query_ids), len(benchmark.passage_ids)
    scores = random.integers(0, 4, (n_queries, n_passages)).astype(np.float32)
    k = min(k, n_passages)
    passages = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.trec"
        first = np.take_along_axis(scores, passages, axis=1)
        write_run(path, benchmark, passages, first)
        if k == 0:
            with pytest.raises(CorpusError, match="is empty"):
                evaluate_system(benchmark, System("run", str(path)))
            return
        values = report_values(evaluate_system(benchmark, System("run", str(path))))
    assert (k == n_passages) <= all("needs" not in why for why in reasons_of(values))
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert report_text(values).startswith(f"{benchmark.name}: {n_queries} queries")


def reasons_of(values: dict) -> list[str]:
    return [why for found in values["reasons"].values() for why in found.values()]


def test_from_python_in_three_lines(place: Path, benchmark: Benchmark) -> None:
    query_embeddings, passage_embeddings = embeddings(benchmark).values()
    from hbt import evaluation, retrieval, sources

    benchmark = sources.read_beir(place / "tiny")
    counts = retrieval.count(benchmark, query_embeddings, passage_embeddings)
    summary = evaluation.evaluate(benchmark, counts).summary()
    of_command = evaluated(place, "--embeddings", str(place / "e.npz"))["settings"]
    for setting in SETTINGS:
        for metric in summary.columns:
            assert summary.loc[setting, metric] == pytest.approx(of_command[setting][metric])


def test_the_page_shows_these_three_lines() -> None:
    page = (REPOSITORY / "docs/evaluate-command.md").read_text(encoding="utf-8")
    for line in (
        "counts = retrieval.count(benchmark, query_embeddings, passage_embeddings)",
        "evaluation.evaluate(benchmark, counts).summary()",
    ):
        assert line in page
    missing = [o for o in ("--model", "--embeddings", "--bm25", "--run", "--ties") if o not in page]
    assert not missing


def test_the_page_has_the_numbers_of_the_committed_results() -> None:
    text = (REPOSITORY / "docs/evaluate-command.md").read_text(encoding="utf-8")
    page = text.partition("## BM25 on XQuAD-R")[2]
    for name in ("xquad-r", "mlqa-r"):
        result = json.loads((REPOSITORY / f"results/bm25/{name}.json").read_text())
        for setting, values in result["settings"].items():
            cells = [result["benchmark"], setting, *(f"{value:.4f}" for value in values.values())]
            assert f"| {' | '.join(cells)} |\n" in page
        average = result["rank_distance"]["by_ties"]["average"]
        assert f"{average:.1f}" in page
        assert f"{result['bias']['ties']['share']:.0%}".replace("%", " %") in page
        measures = {"rank_distance": result["rank_distance"], **result["bias"]["measures"]}
        for key, found in measures.items():
            (row,) = (line for line in page.splitlines() if line.startswith(f"| `{key}` |"))
            value = found["value"]
            digits = 1 if value is not None and abs(value) >= 100 else 3
            assert ("–" if value is None else f"{value:.{digits}f}") in row.split(" | ")


def bad_npz(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[Path, Benchmark], list]:
    def make(folder: Path, benchmark: Benchmark) -> list[str]:
        arrays = embeddings(benchmark)
        change(arrays)
        np.savez(folder / "e.npz", **arrays)
        return ["--embeddings", str(folder / "e.npz")]

    return make


def put(name: str, value: object) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name][5, 2] = value

    return change


def cut_npz(folder: Path, benchmark: Benchmark) -> list[str]:
    np.savez(folder / "e.npz", **embeddings(benchmark))
    whole = (folder / "e.npz").read_bytes()
    (folder / "e.npz").write_bytes(whole[: len(whole) // 2])
    return ["--embeddings", str(folder / "e.npz")]


def damaged_npz(folder: Path, benchmark: Benchmark) -> list[str]:
    np.savez_compressed(folder / "e.npz", **embeddings(benchmark))
    whole = bytearray((folder / "e.npz").read_bytes())
    whole[300:320] = bytes(20)
    (folder / "e.npz").write_bytes(whole)
    return ["--embeddings", str(folder / "e.npz")]


def run_of(text: str) -> Callable[[Path, Benchmark], list[str]]:
    def make(folder: Path, benchmark: Benchmark) -> list[str]:
        (folder / "r.trec").write_text(text)
        return ["--run", str(folder / "r.trec")]

    return make


def file_of(option: str, name: str, raw: bytes) -> Callable[[Path, Benchmark], list[str]]:
    def make(folder: Path, benchmark: Benchmark) -> list[str]:
        (folder / name).write_bytes(raw)
        return [option, str(folder / name)]

    return make


def broken_model(folder: Path, benchmark: Benchmark) -> list[str]:
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{")
    return ["--model", str(folder / "broken")]


def typed(*words: str) -> Callable[[Path, Benchmark], list[str]]:
    return lambda folder, benchmark: list(words)


BAD = {
    "NaN": (
        bad_npz(put("query_embeddings", np.nan)),
        "has the value nan in row 5",
    ),
    "infinite": (bad_npz(put("passage_embeddings", np.inf)), "has the value inf in row 5"),
    "huge": (bad_npz(put("passage_embeddings", 1e30)), "passage_embeddings have the value 1e+30"),
    "rows": (
        bad_npz(lambda a: a.update(query_embeddings=a["query_embeddings"][1:])),
        "query_embeddings has 93 rows; the benchmark has 94",
    ),
    "dimension": (
        bad_npz(lambda a: a.update(query_embeddings=a["query_embeddings"][:, 1:])),
        "query_embeddings have dimension 7, passage_embeddings 8",
    ),
    "shape": (
        bad_npz(lambda a: a.update(query_embeddings=a["query_embeddings"][:, 0])),
        "query_embeddings has shape (94,); (94, dimension) is needed",
    ),
    "names": (
        bad_npz(lambda a: a.update(q=a.pop("query_embeddings"))),
        "e.npz has no query_embeddings, only passage_embeddings, q",
    ),
    "texts": (
        bad_npz(lambda a: a.update(query_embeddings=a["query_embeddings"].astype(str))),
        "query_embeddings holds <U",
    ),
    "objects": (
        bad_npz(lambda a: a.update(query_embeddings=a["query_embeddings"].astype(object))),
        "e.npz is cut off or no .npz file of numbers",
    ),
    "cut npz": (cut_npz, "e.npz is cut off or no .npz file"),
    "damaged npz": (damaged_npz, "e.npz is cut off or no .npz file"),
    "empty npz": (file_of("--embeddings", "e.npz", b""), "e.npz is cut off or no .npz file"),
    "no npz": (file_of("--embeddings", "e.npz", b"hello"), "e.npz is cut off or no .npz file"),
    "no file": (typed("--embeddings", "nowhere.npz"), "nowhere.npz cannot be read (No such file"),
    "no run": (typed("--run", "nowhere.trec"), "nowhere.trec cannot be read (No such file"),
    "run, unknown id": (
        run_of("q0-en Q0 what 1 2 x\n"),
        "line 1: tiny has no passage with",
    ),
    "run, doubled": (run_of("q0-en Q0 p100-en 1 2 x\n" * 2), "r.trec, line 2: query 'q0-en' has"),
    "run, bad line": (run_of("q0-en p100-en 1 2 x\n"), "r.trec, line 1 has 5 fields"),
    "run, empty": (run_of(""), "r.trec is empty"),
    "run, corrupt gzip": (
        file_of("--run", "r.trec.gz", gzip.compress(b"q0-en Q0 p100-en 1 2 x\n" * 9)[:-6]),
        "r.trec.gz is cut off",
    ),
    "no model": (typed("--model", "./nowhere"), "model ./nowhere: there is no such folder"),
    "unknown model": (
        typed("--model", "xlmr"),
        "model 'xlmr' is no folder, no owner/name on the hub, and none of the short names "
        f"{', '.join(MODELS)}",
    ),
    "no such folder of a name": (
        typed("--model", "labse=nowhere"),
        "model nowhere: there is no such folder",
    ),
    "pooling": (typed("--model", "labse", "--pooling", "last"), "'last' is none of mean, cls, max"),
    "length": (typed("--model", "labse", "--max-length", "0"), "--max-length is 0; at least 1"),
    "prefix": (
        typed("--bm25", "--query-prefix", ""),
        "--query-prefix is for --model, not for --bm25",
    ),
    "no model name": (typed("--model", ""), "the model has no name"),
    "broken model": (
        broken_model,
        "broken cannot be loaded: ",
    ),
    "run is a folder": (typed("--run", "."), ". cannot be read (Is a directory)"),
    "npz is a folder": (typed("--embeddings", "."), ". cannot be read (Is a directory)"),
    "no system": (typed(), "exactly one of --model, --embeddings, --bm25 and --run is needed"),
    "two systems": (typed("--bm25", "--run", "x"), "needed, not --bm25 and --run"),
    "split": (typed("--bm25", "--split", "dev"), "qrels has no dev.tsv, only test; name the split"),
    "json is a folder": (typed("--bm25", "--per-query", "."), ". is a folder; name a file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_leaves_files_alone(
    case: str,
    place: Path,
    benchmark: Benchmark,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    make, message = BAD[case]
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "kept.json"
    target.write_text("as it was")
    system = make(tmp_path, benchmark)
    before = sorted(tmp_path.iterdir())
    words = ["evaluate", "--benchmark", str(place / "tiny"), *system, "--json", str(target)]
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1].startswith("hbt: ")
    assert message in captured.err.splitlines()[-1]
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert target.read_text() == "as it was"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--benchmark xquad",
            "benchmark 'xquad' is none of xquad-r, mlqa-r, village,",
        ),
        ("--benchmark xquad-r --split dev", "xquad-r has no split 'dev', only test"),
        ("--benchmark xquad-r --data-dir nowhere", "nowhere is not a folder"),
        ("--benchmark xquad-r --data-dir . --split dev", "xquad-r has no split 'dev', only test"),
        (
            "--benchmark village --profile huge",
            "profile 'huge' is not one of smoke",
        ),
        ("--benchmark village --split x", "village has no split 'x', only test, development"),
        ("--benchmark village --language en", "--language is for a folder"),
        ("--benchmark .", ". has no corpus.jsonl or corpus.jsonl.gz; a BEIR folder is expected"),
    ],
)
def test_bad_benchmarks_are_named(
    words: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["evaluate", *words.split(), "--bm25"]) == 2
    assert capsys.readouterr().err.startswith(f"hbt: {message}")


def test_a_query_without_a_relevant_passage_is_named(
    benchmark: Benchmark, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = write_beir(benchmark, tmp_path / "tiny")
    qrels = folder / "qrels/test.tsv"
    lines = [line for line in qrels.read_text().splitlines() if not line.startswith("q3-ru\t")]
    qrels.write_text("\n".join(lines) + "\n")
    assert cli.main(["evaluate", "--benchmark", str(folder), "--bm25"]) == 2
    assert "query 'q3-ru' has no relevant passage in qrels/test.tsv" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["xquad-r", "mlqa-r"])
def test_the_committed_tables_of_bm25_come_out_again(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    target = tmp_path / "x.json"
    given = (
        f"evaluate --benchmark {name} --data-dir {os.fspath(shared_data)} --bm25 --json {target}"
    )
    assert cli.main(given.split()) == 0
    found = json.loads(target.read_text())
    committed = json.loads((REPOSITORY / f"results/bm25/{name}.json").read_text())
    assert committed["command"].startswith(f"hbt evaluate --benchmark {name} --data-dir DATA_DIR")
    assert "shared" not in json.dumps(committed)
    for key in set(committed) - {"command", "seconds"}:
        assert_close(found[key], committed[key], key)


def assert_close(found: object, expected: object, place: str) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), place
        for key in expected:
            assert_close(found[key], expected[key], f"{place}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), place
        for row, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_close(one, other, f"{place}[{row}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-9, rel=1e-9), place
    else:
        assert found == expected, place
