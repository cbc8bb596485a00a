"""The summary: plain JSON, nothing without a reason, degenerate cases, intervals, real data."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from bias_worlds import counts_of, make_benchmark, parallel_world, rank_by_hand, scorer

from hbt import bias, uncertainty
from hbt.corpus import Benchmark


def summary_of(benchmark: Benchmark, scores: np.ndarray, **options) -> dict:
    """The summary, through JSON that knows no NaN."""
    found = bias.summary(benchmark, counts_of(benchmark, scores), scorer(scores), **options)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for key, each in found["measures"].items():
        assert (each["value"] is None) == (each["reason"] is not None), key
        assert (each["value"] is None) == (each["by_query_language"] is None), key
        assert (each["value"] is None) == (each["n_queries"] == 0), key
    return found


def test_values_are_means_over_languages_of_means_over_queries() -> None:
    # two queries in a, one in b: distances 1 and 3, then 1
    benchmark = make_benchmark([0, 0, 1], [0, 1, 2, 2], [[0, 1], [0, 2], [1, 2]])
    counts = rank_by_hand(benchmark, [[0, 1, 2, 3], [0, 1, 3, 2], [0, 3, 1, 2]])
    found = bias.summary(benchmark, counts, k=2)["measures"]["rank_distance"]
    assert found["by_query_language"] == {"a": 2.0, "b": 1.0}
    assert found["value"] == 1.5
    assert found["median"] == 1.0
    assert found["interpret"] is True
    assert found["note"] is None


def test_every_key_says_its_reason() -> None:
    benchmark, scores = parallel_world(n_items=4)
    found = bias.summary(benchmark, counts_of(benchmark, scores))
    reasons = {
        key: each["reason"] for key, each in found["measures"].items() if each["reason"] is not None
    }
    assert reasons == {
        "peer": "no language has two relevant passages of one grade for a query: PEER is the same "
        "for every ranking",
        "mean_rank_correlation": "needs the scores",
    }
    assert found["measures"]["complete"]["k"] == 10
    short = bias.summary(benchmark, counts_of(benchmark, scores), k=2)["measures"]
    assert short["complete"]["k"] == 3
    assert short["target_language_recall"]["k"] == 2


def test_peer_tells_the_share_of_queries_in_which_it_says_nothing() -> None:
    benchmark = make_benchmark([0, 0], [0, 0, 1], [[0, 1, 2], [0, 2]])
    found = bias.summary(benchmark, rank_by_hand(benchmark, [[0, 1, 2], [0, 1, 2]]), k=2)
    assert found["measures"]["peer"]["share_constant"] == 1 / 2


def test_many_ties_forbid_to_interpret_the_rank_distance() -> None:
    benchmark, scores = parallel_world(n_items=20)
    few = summary_of(benchmark, scores)
    assert few["ties"]["share"] == 0
    assert few["measures"]["rank_distance"]["by_ties"]["trec"] == pytest.approx(
        few["measures"]["rank_distance"]["by_ties"]["average"]
    )
    many = summary_of(benchmark, np.round(scores / 3))
    distance = many["measures"]["rank_distance"]
    assert many["ties"]["above_limit"] is True
    assert many["ties"]["share"] > bias.MOST_TIES
    assert distance["interpret"] is False
    assert "of the relevant passages are tied" in distance["note"]
    assert distance["by_ties"]["average"] < distance["by_ties"]["trec"]
    # the limit itself is not above the limit
    edge = make_benchmark([0] * 10, [0, 1, 1], [[0, 1]] * 10)
    scores = np.tile([3.0, 2.0, 1.0], (10, 1))
    scores[0] = [3, 2, 2]
    assert summary_of(edge, scores, k=2)["ties"]["share"] == bias.MOST_TIES
    assert summary_of(edge, scores, k=2)["measures"]["rank_distance"]["interpret"] is True


def test_one_relevant_passage_leaves_no_measure_of_distance() -> None:
    benchmark = make_benchmark([0, 1], [0, 1, 2], [[0], [0]])
    found = summary_of(benchmark, np.array([[3.0, 2, 1], [3, 1, 2]]), k=2)["measures"]
    assert found["rank_distance"]["reason"] == "no query has two relevant passages"
    assert found["same_language_first"]["reason"].startswith("no query has relevant passages both")
    assert found["removal_same"]["value"] is None
    assert found["removal_other"]["reason"].startswith("no query has a relevant passage in another")
    assert found["mean_rank_correlation"]["reason"] == "no item has queries in two languages"
    assert found["max_rank"]["value"] == 1
    # the query in b has one in another language, the query in a has not
    assert found["target_language_recall"]["by_query_language"] == {"b": 1.0}


def test_empty_languages_and_queries_without_relevant_passages_are_left_out() -> None:
    """c has no query, d no passage, e neither; the last query has no relevant passage."""
    benchmark = make_benchmark(
        [0, 1, 3, 3], [0, 1, 2, 2], [[0, 1], [0, 1, 2], [1, 2], []], n_languages=5
    )
    scores = np.array([[4.0, 3, 2, 1], [4, 3, 2, 1], [1, 2, 3, 4], [1, 2, 3, 4]])
    found = summary_of(benchmark, scores, k=2)
    measures = found["measures"]
    assert measures["rank_distance"]["by_query_language"] == {"a": 1.0, "b": 2.0, "d": 1.0}
    assert measures["rank_distance"]["n_queries"] == 3
    assert measures["same_language_first"]["by_query_language"] == {"a": 1.0, "b": 0.0}
    assert set(measures["bias_index"]["by_query_language"]) == {"a", "b", "d"}
    assert measures["own_language_surplus"]["by_query_language"]["d"] == 0
    counts = counts_of(benchmark, scores)
    for values in (
        bias.max_rank(benchmark, counts),
        bias.peer(benchmark, counts),
        bias.complete(benchmark, counts, 3),
        bias.target_language_recall(benchmark, counts, 2),
    ):
        assert np.isnan(values[3])


def test_a_benchmark_without_queries_has_reasons_alone() -> None:
    benchmark = make_benchmark([], [0, 1], [])
    found = bias.summary(benchmark, counts_of(benchmark, np.zeros((0, 2))), k=1)
    json.dumps(found, allow_nan=False)
    assert all(each["value"] is None and each["reason"] for each in found["measures"].values())
    assert found["language_mix"] is None
    assert found["ties"]["share"] is None


class Lists:
    """A run of the first places of each ranking, as `hbt.cut_runs.Listed` tells of it."""

    def __init__(self, ranks: np.ndarray, depth: int) -> None:
        self.pair = self.above_last = ranks <= depth
        self.depth = depth

    def all_relevant(self, benchmark: Benchmark) -> np.ndarray:
        missing = np.bincount(
            benchmark.relevant_query, ~self.pair, minlength=len(benchmark.query_texts)
        )
        return missing == 0

    def top(self, k: int) -> np.ndarray:
        return np.full(2, self.depth >= k)


def test_a_run_that_is_cut_gives_what_it_knows() -> None:
    benchmark = make_benchmark([0, 1], [0, 0, 1, 1, 2, 2], [[0, 2, 4], [0, 2, 4]])
    counts = rank_by_hand(benchmark, [[0, 1, 2, 3, 4, 5], [0, 2, 4, 5, 3, 1]])
    whole = bias.summary(benchmark, counts, k=2)["measures"]
    ranks = bias.multilingual_ranks(counts)
    cut = bias.summary(benchmark, counts, k=2, listed=Lists(ranks, 3))
    known = {key for key, each in cut["measures"].items() if each["value"] is not None}
    assert known == {
        "complete",
        "target_language_recall",
        "peer_not_relevant",
        "own_language_surplus",
        "bias_index",
    }
    assert all(cut["measures"][key] == whole[key] for key in known)
    reason = cut["measures"]["rank_distance"]["reason"]
    assert reason == "the run lists too little for 1 of 2 queries"
    assert cut["ties"]["share"] is None
    assert cut["removal"] is None
    shorter = bias.summary(benchmark, counts, k=2, listed=Lists(ranks, 1))
    assert shorter["language_mix"] is None
    assert shorter["measures"]["bias_index"]["reason"].startswith("the run lists too little")
    full = bias.summary(benchmark, counts, k=2, listed=Lists(ranks, 6))["measures"]
    assert full == whole


def test_top_lists_that_are_too_short_are_named() -> None:
    benchmark, scores = parallel_world(n_items=4)
    with pytest.raises(ValueError, match="k is 5, the top lists have 2 places"):
        bias.summary(benchmark, counts_of(benchmark, scores, top_k=2), k=5)
    counts = counts_of(benchmark, scores)
    for arguments, message in (
        ({"weights": {1: 0.5}}, "add up to 0.5"),
        ({"weights": {1: 1.5, 0: -0.5}}, "one is negative"),
        ({"k": 0}, "k is 0"),
        ({"ranks": "raw"}, "ranks must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            bias.peer(benchmark, counts, **arguments)
    with pytest.raises(
        ValueError, match=r"scores of 12 queries and 12 passages came as \(12, 11\)"
    ):
        bias.mean_rank_correlation(benchmark, counts, lambda rows: scores[rows.start :, :11], 3)
    with pytest.raises(ValueError, match=r"came as \(12, 4\)"):
        bias.mean_rank_correlation(benchmark, counts, (np.ones((12, 2)), np.ones((4, 2))), 3)
    with pytest.raises(ValueError, match=r"these counts .* are not of"):
        bias.summary(benchmark.restrict(benchmark.languages[:2]), counts)


def test_tables_of_queries_have_intervals() -> None:
    benchmark, scores = parallel_world(n_items=30, own_language=1.0)
    counts = counts_of(benchmark, scores)
    frame = bias.per_query(benchmark, counts, scorer(scores), k=3)
    summary = bias.summary(benchmark, counts, scorer(scores), k=3)["measures"]
    assert len(frame) == 90
    assert "peer" not in frame  # a constant is no measure
    for key in set(summary) - {"peer", "bias_index"}:
        values = uncertainty.from_per_query([frame.dropna(subset=key)], key, "multilingual")
        found = uncertainty.interval(values, resamples=200)
        assert found.estimate == pytest.approx(summary[key]["value"]), key
        assert found.low <= found.estimate <= found.high
    table = bias.per_query_table(benchmark, "pairs", frame["same_language_pairs"].to_numpy())
    distances = bias.rank_distance_per_query(benchmark, counts)
    assert list(table.columns[:-1]) == list(distances.columns[:-1]) == list(frame.columns[:6])


def test_summary_of_xquad_r(shared_data: Path) -> None:
    """Parallel answers in random order on top: 11 relevant each, PEER is degenerate."""
    from hbt.sources import read_xquad_r

    benchmark = read_xquad_r(shared_data).restrict(("ar", "el", "en"))
    random = np.random.default_rng(0)
    relevant = np.zeros((len(benchmark.query_texts), len(benchmark.passage_texts)), np.float32)
    relevant[benchmark.relevant_query, benchmark.relevant_passage] = 2
    scores = relevant + random.random(relevant.shape, dtype=np.float32)
    found = summary_of(benchmark, scores, k=3)["measures"]
    assert found["peer"]["value"] is None
    assert found["rank_distance"]["value"] == 2
    assert found["complete"]["value"] == 1
    assert found["bias_index"]["value"] == pytest.approx(0, abs=1e-9)
    assert found["same_language_first"]["value"] == pytest.approx(1 / 3, abs=0.03)
    assert found["mean_rank_correlation"]["value"] == pytest.approx(0, abs=4)


def test_counts_without_scores_are_enough() -> None:
    """`summary` reads the counts alone: whatever made them, a top list of k is all it asks for."""
    benchmark, scores = parallel_world(n_items=5)
    long, short = (counts_of(benchmark, scores, top_k=k) for k in (15, 4))
    short = dataclasses.replace(short, top_k_score=np.zeros((0, 0)))
    assert bias.summary(benchmark, long, k=4) == bias.summary(benchmark, short, k=4)
