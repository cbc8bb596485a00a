"""Every measure on rankings of six passages, as worked out in docs/language-bias.md."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bias_worlds import counts_of, make_benchmark, rank_by_hand, scorer, scores_of

from hbt import bias

PASSAGES = [0, 0, 1, 1, 2, 2]  # two in each of the languages a, b and c
BIASED = [[0, 1, 2, 3, 4, 5], [2, 3, 0, 1, 4, 5]]
FAIR = [[2, 0, 4, 1, 5, 3], [0, 2, 4, 5, 3, 1]]


@pytest.fixture
def benchmark():
    """One question in a and in b; its answers are the passages 0 (a), 2 (b) and 4 (c)."""
    return make_benchmark([0, 1], PASSAGES, [[0, 2, 4], [0, 2, 4]], query_item=[0, 0])


EXPECTED = {
    "rank_distance": (4.0, 2.0),
    "max_rank": (5.0, 3.0),
    "max_rank_normalised": (100 * math.log2(6 / 5), 100.0),
    "complete": (0.0, 1.0),
    "target_language_recall": (1 / 2, 1.0),
    "peer": (None, None),
    "peer_not_relevant": (1.0, 1.0),
    "mean_rank_correlation": (-60.0, 50.0),
    "removal_same": (34 / 45 - 1 / 2, 0.0),
    "removal_other": (34 / 45 - (3 / 4 + 5 / 6) / 2, 0.0),
    "removal_difference": ((3 / 4 + 5 / 6) / 2 - 1 / 2, 0.0),
    "own_language_surplus": (1 / 3, 0.0),
    "bias_index": (1 / 3, 0.0),
    "same_language_first": (1.0, 0.0),
    "same_language_pairs": (1.0, 1 / 2),
}


@pytest.mark.parametrize(("rankings", "column"), [(BIASED, 0), (FAIR, 1)], ids=["biased", "fair"])
def test_all_measures(benchmark, rankings: list[list[int]], column: int) -> None:
    scores = scores_of(rankings, 6)
    counts = counts_of(benchmark, scores)
    found = bias.summary(benchmark, counts, scorer(scores), k=3)["measures"]
    assert set(found) == set(EXPECTED)
    for key, expected in EXPECTED.items():
        value = expected[column]
        assert found[key]["value"] == (value if value is None else pytest.approx(value)), key
    # the constant of three languages: H = 2 with 2 degrees of freedom
    np.testing.assert_allclose(bias.peer(benchmark, counts), math.exp(-1))


def test_the_language_that_is_in_front_can_be_another() -> None:
    """English first for every query: MRC and rank distance see no difference, preference does."""
    benchmark = make_benchmark([0, 1], PASSAGES, [[0, 2, 4], [0, 2, 4]], query_item=[0, 0])
    scores = scores_of([BIASED[0], BIASED[0]], 6)
    found = bias.summary(benchmark, counts_of(benchmark, scores), scorer(scores), k=3)["measures"]
    assert found["mean_rank_correlation"]["value"] == 100
    assert found["rank_distance"]["value"] == EXPECTED["rank_distance"][0]
    assert found["same_language_pairs"]["by_query_language"] == {"a": 1.0, "b": 0.5}
    assert found["own_language_surplus"]["by_query_language"]["b"] == pytest.approx(0)
    assert found["bias_index"]["by_query_language"]["b"] == pytest.approx(1 / 3)


def test_complete_and_recall_step_at_the_rank(benchmark) -> None:
    counts = rank_by_hand(benchmark, BIASED)
    assert [bias.complete(benchmark, counts, k)[0] for k in (3, 4, 5)] == [0, 0, 1]
    recalls = [bias.target_language_recall(benchmark, counts, k)[0] for k in (1, 2, 3, 4, 5)]
    assert recalls == [0, 0, 0.5, 0.5, 1]
    with pytest.raises(ValueError, match="k is 2; it must be at least 3"):
        bias.complete(benchmark, counts, 2)
    with pytest.raises(ValueError, match="k is 0"):
        bias.target_language_recall(benchmark, counts, 0)


def test_a_relevant_passage_in_last_place_is_0_and_a_pool_of_relevant_ones_has_no_scale() -> None:
    benchmark = make_benchmark([0], [0, 1, 2], [[0, 1]])
    last = rank_by_hand(benchmark, [[0, 2, 1]])
    assert bias.max_rank(benchmark, last).tolist() == [3]
    assert bias.max_rank_normalised(benchmark, last).tolist() == [0]
    everything = make_benchmark([0], [0, 1], [[0, 1]])
    assert np.isnan(bias.max_rank_normalised(everything, rank_by_hand(everything, [[0, 1]]))).all()


def test_preference_among_several_passages_and_grades() -> None:
    # query in a: grade 1 has 0, 1 (a) and 2 (b); grade 2 has 3 (a), 4 (b), 5 (c)
    benchmark = make_benchmark(
        [0], [0, 0, 1, 0, 1, 2], [[0, 1, 2, 3, 4, 5]], grades=[[1, 1, 1, 2, 2, 2]]
    )
    found = bias.same_language_preference(benchmark, rank_by_hand(benchmark, [[4, 0, 2, 3, 1, 5]]))
    # grade 1 in order 0 2 1: a first, 1 of 2 pairs; grade 2 in order 4 3 5: b first, 1 of 2 pairs
    assert found.first.tolist() == [1 / 2]
    assert found.first_expected.tolist() == pytest.approx([(2 / 3 + 1 / 3) / 2])
    assert found.pairs.tolist() == [1 / 2]


def test_ties_in_preference_are_shared_out_on_average() -> None:
    benchmark = make_benchmark([0], [0, 1, 2], [[0, 1, 2]])
    counts = counts_of(benchmark, np.array([[2.0, 2.0, 1.0]]))
    found = bias.same_language_preference(benchmark, counts, "average")
    assert found.first.tolist() == [1 / 2]
    assert found.pairs.tolist() == [3 / 4]


def test_bias_index_reaches_its_ends() -> None:
    # the answers are in a and b; both wrong passages of the top are in c, then none of them
    benchmark = make_benchmark([0], [0, 1, 2, 2, 0, 1], [[0, 1]])
    mix = bias.language_mix(benchmark, rank_by_hand(benchmark, [[0, 1, 2, 3, 4, 5]]), k=2)
    assert bias.bias_index(mix)["bias_index"].tolist() == pytest.approx([0])
    most = make_benchmark([0], [0, *[1] * 99], [[1]])
    mix = bias.language_mix(most, rank_by_hand(most, [list(range(100))]), k=1)
    # one wrong passage of 99 is in a, and it is the one in front
    assert bias.bias_index(mix)["bias_index"].tolist() == pytest.approx([1 - 1 / 99])


def test_quantiles_by_hand() -> None:
    benchmark = make_benchmark([0] * 3 + [1], [0, 1, 2, 2, 2], [[0, 1]] * 3 + [[0]])
    rankings = [[0, 1, 2, 3, 4], [0, 2, 1, 3, 4], [0, 2, 3, 4, 1], [0, 1, 2, 3, 4]]
    table = bias.rank_distance_quantiles(
        benchmark, rank_by_hand(benchmark, rankings), quantiles=(0, 0.5, 0.75)
    )
    # distances 1, 2 and 4; the query in b has one relevant passage
    assert table.to_dict("records") == [
        {"query_language": "a", "n_queries": 3, "mean": 7 / 3, "q0": 1, "q50": 2, "q75": 3}
    ]
