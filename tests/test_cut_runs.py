"""Runs that are cut off: what is said to be known is the same for every way in which they go on."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from random_benchmarks import tiny_benchmark

from hbt import metrics as formulas
from hbt.corpus import Benchmark
from hbt.counting import tie_ids
from hbt.cut_runs import Listed, count_run, known_part
from hbt.evaluation import Evaluation, Metric, evaluate
from hbt.retrieval import count, count_from_scores
from hbt.sources import Run, read_run, write_run

NAMES = ("mAP", "nDCG", "MRR", "R@1", "R@2", "R@3", "nDCG@2", "Success@1", "Success@3")


def small_benchmark(random: np.random.Generator, n_queries: int, n_passages: int) -> Benchmark:
    """Three languages, one to three relevant passages, grades 1 to 3."""
    relevant = [
        np.sort(random.choice(n_passages, random.integers(1, 4), replace=False))
        for _ in range(n_queries)
    ]
    n_pairs = sum(map(len, relevant))
    return Benchmark(
        name="small",
        languages=("a", "b", "c"),
        query_texts=["q"] * n_queries,
        query_language=random.integers(0, 3, n_queries),
        query_item=np.arange(n_queries),
        query_cluster=np.arange(n_queries),
        passage_texts=["p"] * n_passages,
        passage_language=random.permutation(np.arange(n_passages) % 3),
        relevant_query=np.repeat(np.arange(n_queries), [len(rows) for rows in relevant]),
        relevant_passage=np.concatenate(relevant),
        grade=random.integers(1, 4, n_pairs),
        query_ids=[f"q{row}" for row in range(n_queries)],
        passage_ids=[f"p{row}" for row in range(n_passages)],
    )


def make_run(lists: list[list[tuple[int, float]]]) -> Run:
    offset = np.cumsum([0, *map(len, lists)])
    places = [place for each in lists for place in each]
    passage = np.array([passage for passage, _ in places], dtype=np.int64)
    return Run(offset, passage, np.array([score for _, score in places], dtype=np.float32))


def evaluated(benchmark: Benchmark, run: Run, ties: str = "trec") -> tuple[Evaluation, Listed]:
    listed = Listed.of(benchmark, run)
    whole = evaluate(benchmark, count_run(benchmark, run), metrics=NAMES, ties=ties)
    return known_part(benchmark, whole, listed), listed


def by_formula(name: str, ranks: list[int], grades: list[int]) -> float:
    metric = Metric.parse(name)
    match metric.name:
        case "mAP":
            return formulas.average_precision(ranks)
        case "MRR":
            return formulas.reciprocal_rank(ranks)
        case "R":
            return formulas.recall(ranks, metric.k)
        case "Success":
            return formulas.success(ranks, metric.k)
        case _:
            return formulas.ndcg(ranks, grades, metric.k)


def every_value(benchmark: Benchmark, listed: list[int], row: object, name: str) -> set[float]:
    """The values of a metric over all orders of the passages that are not listed."""
    query = row.query
    mine = benchmark.relevant_query == query
    grade = dict(zip(benchmark.relevant_passage[mine], benchmark.grade[mine], strict=True))
    in_pool = [
        passage
        for passage in range(len(benchmark.passage_ids))
        if row.passage_language in ("all", benchmark.languages[benchmark.passage_language[passage]])
    ]
    begin = [passage for passage in listed if passage in in_pool]
    values = set()
    for rest in itertools.permutations([each for each in in_pool if each not in listed]):
        ranking = [*begin, *rest]
        found = [(ranking.index(each) + 1, grade[each]) for each in ranking if each in grade]
        ranks, grades = zip(*found, strict=True)
        values.add(round(by_formula(name, list(ranks), list(grades)), 12))
    return values


@pytest.mark.parametrize("seed", range(6))
def test_known_is_what_no_continuation_changes(seed: int) -> None:
    random = np.random.default_rng(seed)
    benchmark = small_benchmark(random, 6, 8)
    lists = [random.permutation(8)[: random.integers(3, 9)].tolist() for _ in range(6)]
    lists[seed % 6] = lists[seed % 6][:3]
    run = make_run([[(each, 9.0 - place) for place, each in enumerate(rows)] for rows in lists])
    found, _ = evaluated(benchmark, run)
    n_known = n_unknown = 0
    for row in found.per_query.itertuples():
        for column, name in enumerate(NAMES):
            value = row[-len(NAMES) + column]
            possible = every_value(benchmark, lists[row.query], row, name)
            if np.isnan(value):
                n_unknown += 1
                # every open place is relevant: known in truth, and too rare to be looked for
                assert len(possible) > 1 or all_open_are_relevant(benchmark, lists, row)
            else:
                n_known += 1
                assert possible == {round(value, 12)}
    assert n_known > 50
    assert n_unknown > 10


def all_open_are_relevant(benchmark: Benchmark, lists: list[list[int]], row: object) -> bool:
    mine = benchmark.relevant_passage[benchmark.relevant_query == row.query]
    for passage, language in enumerate(benchmark.passage_language):
        inside = row.passage_language in ("all", benchmark.languages[language])
        if inside and passage not in lists[row.query] and passage not in mine:
            return False
    return True


def test_means_are_unknown_where_one_query_is() -> None:
    random = np.random.default_rng(0)
    benchmark = small_benchmark(random, 12, 9)
    lists = [[(each, 9.0 - each) for each in range(9)] for _ in range(12)]
    query = int(benchmark.relevant_query[-1])
    last = int(benchmark.relevant_passage[-1])
    lists[query] = [place for place in lists[query] if place[0] < last]
    found, listed = evaluated(benchmark, make_run(lists))
    code = benchmark.languages[benchmark.query_language[query]]
    unknown = found.scores[found.scores["n_unknown"] > 0]
    assert set(unknown["query_language"]) == {code}
    assert set(unknown["passage_language"]) <= {
        "all",
        benchmark.languages[benchmark.passage_language[last]],
    }
    assert (unknown["n_unknown"] == 1).all()
    np.testing.assert_array_equal(found.scores["value"].isna(), found.scores["n_unknown"] > 0)
    assert listed.all_relevant(benchmark).tolist() == [row != query for row in range(12)]
    assert not listed.complete
    assert found.multilingual_ranks[-1] == 0


def test_a_query_without_a_list_is_unknown_and_not_zero() -> None:
    benchmark = small_benchmark(np.random.default_rng(1), 3, 6)
    lists = [[(each, 9.0 - each) for each in range(6)] for _ in range(3)]
    lists[1] = []
    found, listed = evaluated(benchmark, make_run(lists))
    of_query = found.per_query[found.per_query["query"] == 1]
    multilingual = of_query[of_query["setting"] == "multilingual"]
    assert multilingual[list(NAMES)].isna().all(axis=None)
    assert listed.top(3).tolist() == [True, False, True]
    assert listed.top(100).tolist() == [True, False, True]


def test_a_complete_run_gives_what_its_scores_give() -> None:
    random = np.random.default_rng(2)
    benchmark = small_benchmark(random, 10, 12)
    scores = random.integers(0, 5, (10, 12)).astype(np.float32)
    run = make_run([list(enumerate(row)) for row in scores.tolist()])
    for ties in ("trec", "sklearn"):
        found, listed = evaluated(benchmark, run, ties)
        counts = count_from_scores(benchmark, lambda rows: scores[rows.start : rows.stop])
        expected = evaluate(benchmark, counts, metrics=NAMES, ties=ties)
        assert listed.complete
        np.testing.assert_array_equal(found.scores["value"], expected.scores["value"])
        np.testing.assert_array_equal(found.multilingual_ranks, expected.multilingual_ranks)


def test_ties_at_the_end_of_a_list_are_open() -> None:
    benchmark = small_benchmark(np.random.default_rng(3), 1, 6)
    wanted = benchmark.relevant_passage.tolist()
    others = [row for row in range(6) if row not in wanted]
    low_end = make_run([[*((row, 2.0) for row in wanted), (others[0], 1.0)]])
    tied_end = make_run([[(row, 2.0) for row in wanted]])
    for run, known in ((low_end, True), (tied_end, False)):
        found, listed = evaluated(benchmark, run, "sklearn")
        assert listed.above_last.tolist() == [known] * len(wanted)
        assert found.per_query["mAP"].notna().all() == known
        assert found.per_query["nDCG"].notna().all()


def test_equal_to_trec_eval_where_known(tmp_path: Path) -> None:
    """On the written file, with the names that decide ties in place of the ids."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    benchmark = tiny_benchmark()
    random = np.random.default_rng(4)
    queries, passages = (
        random.integers(-2, 3, (len(texts), 4)).astype(np.float32)
        for texts in (benchmark.query_texts, benchmark.passage_texts)
    )
    counts = count(benchmark, queries, passages, top_k=30)
    path = write_run(tmp_path / "r.trec", benchmark, counts.top_k_passage, counts.top_k_score)
    names = dict(zip(benchmark.passage_ids, tie_ids(benchmark.passage_ids), strict=True))
    run: dict[str, dict[str, float]] = {}
    for line in path.read_text().splitlines():
        query, _, passage, _, score, _ = line.split()
        run.setdefault(query, {})[names[passage]] = float(score)
    qrels: dict[str, dict[str, int]] = {}
    for query, passage in zip(benchmark.relevant_query, benchmark.relevant_passage, strict=True):
        qrels.setdefault(benchmark.query_ids[query], {})[names[benchmark.passage_ids[passage]]] = 1
    measured = pytrec_eval.RelevanceEvaluator(
        qrels, {"map", "recip_rank", "recall_10", "ndcg_cut_10", "success_1"}
    ).evaluate(run)
    read = read_run(path, benchmark)
    listed = Listed.of(benchmark, read)
    ours = {"map": "mAP", "recip_rank": "MRR", "recall_10": "R@10", "ndcg_cut_10": "nDCG@10"}
    ours["success_1"] = "Success@1"
    whole = evaluate(benchmark, count_run(benchmark, read), metrics=list(ours.values()))
    table = known_part(benchmark, whole, listed).per_query
    table = table[table["setting"] == "multilingual"]
    assert table["mAP"].isna().any()
    assert table["mAP"].notna().any()
    assert table["R@10"].notna().all()
    for row in table.to_dict("records"):
        for theirs, name in ours.items():
            if not np.isnan(row[name]):
                expected = measured[benchmark.query_ids[row["query"]]][theirs]
                assert row[name] == pytest.approx(expected, abs=1e-9)
