"""Benchmarks and runs from dictionaries: the same as from files, and the same as pytrec_eval's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytrec_eval
from random_benchmarks import assert_same, tiny_benchmark

from hbt import bias, cut_runs, evaluation
from hbt.corpus import Benchmark, CorpusError
from hbt.sources import benchmark_from_dictionaries, read_run, run_from_dictionary, write_run

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "evaluate-command.md"


def parts() -> dict[str, Any]:
    return {
        "name": "mine",
        "queries": {"q1": "who", "q2": "wer"},
        "passages": {"p1": "A here.", "p2": "A hier.", "p3": "B."},
        "relevant": {"q1": {"p1": 2, "p2": 1, "p3": 0}, "q2": {"p1", "p2"}},
        "query_languages": {"q1": "en", "q2": "de"},
        "passage_languages": {"p1": "en", "p2": "de", "p3": "en"},
    }


def test_by_hand() -> None:
    benchmark = benchmark_from_dictionaries(**parts(), items={"q1": "a", "q2": "a"})
    assert benchmark.languages == ("en", "de")
    assert benchmark.query_ids == ["q1", "q2"]
    assert benchmark.query_language.tolist() == [0, 1]
    assert benchmark.query_item.tolist() == benchmark.query_cluster.tolist() == [0, 0]
    pairs = zip(benchmark.relevant_query, benchmark.relevant_passage, benchmark.grade, strict=True)
    assert [tuple(map(int, pair)) for pair in pairs] == [
        (0, 0, 2),
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 1),
    ]


def test_a_benchmark_comes_out_as_it_was() -> None:
    given = tiny_benchmark()
    assert_same(benchmark_from_dictionaries(given.name, **dictionaries(given)), given)


def dictionaries(given: Benchmark) -> dict[str, Any]:
    relevant: dict[str, dict[str, int]] = {}
    pairs = zip(given.relevant_query, given.relevant_passage, given.grade, strict=True)
    for query, passage, grade in pairs:
        found = relevant.setdefault(given.query_ids[query], {})
        found[given.passage_ids[passage]] = int(grade)
    query_codes = [given.languages[column] for column in given.query_language]
    passage_codes = [given.languages[column] for column in given.passage_language]
    return {
        "queries": dict(zip(given.query_ids, given.query_texts, strict=True)),
        "passages": dict(zip(given.passage_ids, given.passage_texts, strict=True)),
        "relevant": relevant,
        "query_languages": dict(zip(given.query_ids, query_codes, strict=True)),
        "passage_languages": dict(zip(given.passage_ids, passage_codes, strict=True)),
        "items": dict(zip(given.query_ids, given.query_item, strict=True)),
        "clusters": dict(zip(given.query_ids, given.query_cluster, strict=True)),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": {"q1": "who", "q2": " "}}, "mine, query 'q2' has the text ' '"),
        ({"passages": {"p1": None}}, "mine, passage 'p1' has the text None"),
        ({"query_languages": {"q1": "en"}}, "mine, query 'q2' has no language"),
        ({"passage_languages": {}}, "mine, passage 'p1' has no language"),
        ({"passage_languages": {"p1": " "}}, "record 'p1' has an empty language"),
        ({"items": {"q1": 1}}, "mine, query 'q2' has no item"),
        ({"relevant": {"q9": {"p1"}}}, "there is no query with the id 'q9'"),
        ({"relevant": {"q1": {"p9"}}}, "there is no passage with the id 'p9'"),
        ({"relevant": {"q1": "p1"}}, "'q1' has 'p1', where passage ids are needed"),
        ({"relevant": {"q1": {"p1": 0.5}}}, "grade '0.5' is not a whole number"),
        ({"relevant": {"q1": {"p1"}}}, "query 'q2' has no relevant passage"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CorpusError, match=re.escape(message)):
        benchmark_from_dictionaries(**parts() | change)


def random_run(benchmark: Benchmark) -> dict[str, dict[str, float]]:
    generator = np.random.default_rng(0)
    return {
        query: {key: float(np.float32(generator.normal())) for key in benchmark.passage_ids}
        for query in benchmark.query_ids
    }


def test_scores_are_those_of_trec_eval() -> None:
    given = parts()
    benchmark = benchmark_from_dictionaries(**given)
    run = random_run(benchmark)
    counts = cut_runs.count_run(benchmark, run_from_dictionary(benchmark, run), top_k=3)
    table = evaluation.evaluate(benchmark, counts, metrics=("mAP", "nDCG")).per_query
    found = table[table.setting.eq("multilingual")].set_index("query")
    judged = {"q1": given["relevant"]["q1"], "q2": {"p1": 1, "p2": 1}}
    expected = pytrec_eval.RelevanceEvaluator(judged, {"map", "ndcg"}).evaluate(run)
    for row, query in enumerate(benchmark.query_ids):
        assert found.loc[row, "mAP"] == pytest.approx(expected[query]["map"])
        assert found.loc[row, "nDCG"] == pytest.approx(expected[query]["ndcg"])


def test_a_run_is_the_same_as_from_a_file(tmp_path: Path) -> None:
    benchmark = benchmark_from_dictionaries(**parts())
    run = random_run(benchmark)
    del run["q1"]["p2"]
    ordered = run_from_dictionary(benchmark, run)
    scores = cut_runs.run_scores(benchmark, ordered)(range(2))
    top = np.argsort(-scores, axis=1)[:, :2]
    path = write_run(tmp_path / "run", benchmark, top, np.take_along_axis(scores, top, axis=1))
    again = read_run(path, benchmark)
    assert cut_runs.run_scores(benchmark, again)(range(2))[0].tolist() == scores[0].tolist()
    assert not cut_runs.Listed.of(benchmark, ordered).complete


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({}, "mine: the run is empty"),
        ({"q9": {"p1": 1.0}}, "mine has no query with the id 'q9'"),
        ({"q1": {"p9": 1.0}}, "mine has no passage with the id 'p9'"),
        ({"q1": {"p1": float("nan")}}, "query 'q1', passage 'p1': score nan is no finite number"),
    ],
)
def test_a_bad_run_is_named(run: dict[str, dict[str, float]], message: str) -> None:
    with pytest.raises(CorpusError, match=re.escape(message)):
        run_from_dictionary(benchmark_from_dictionaries(**parts()), run)


def test_what_the_page_shows_works() -> None:
    """The blocks of docs/evaluate-command.md that begin with dictionaries, one after the other."""
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    start = next(n for n, block in enumerate(blocks) if "benchmark_from_dictionaries" in block)
    encoder = type("Encoder", (), {"encode": staticmethod(lambda texts: np.eye(len(texts), 4))})
    names: dict[str, Any] = {"model": encoder}
    for block in blocks[start : start + 2]:
        exec(block, names)
    assert names["scores"].loc["multilingual", "mAP"] == pytest.approx(1.0)
    assert set(names["measures"]["measures"]) >= {"rank_distance", "max_rank"}
    assert names["known"].per_query.shape[0] > 0
    assert bias.summary(names["benchmark"], names["counts"])["n_queries"] == 2
