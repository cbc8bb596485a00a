"""Systems measured, put in order and compared: on numbers made by hand and on a tiny village."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from counting_examples import make_benchmark
from scipy import stats
from test_experiment import BASE

from hbt import bias, village
from hbt.bias.ranks import query_columns
from hbt.remedies import LSAR, Centring
from hbt.retrieval import count_from_scores
from hbt.suite import bias_agreement as agreement
from hbt.suite import bias_plots, bias_study, embedding_study
from hbt.suite.bias_agreement import YARDSTICKS, Yardstick
from hbt.suite.bias_by_hand import summary_of_rankings
from hbt.suite.experiment import embeddings, run
from hbt.suite.worlds import load_world
from hbt.units import UnitValues

LANGUAGES = ("a", "b", "c")
STICKS = {stick.key: stick for stick in YARDSTICKS}


def measured(**columns: list[float]) -> SimpleNamespace:
    """What `Measured.queries` holds: two clusters, each with a query in a, b and c."""
    n_queries = 6
    benchmark = make_benchmark(
        np.tile(np.arange(3), 2),
        np.zeros(1, dtype=int),
        np.ones((n_queries, 1), dtype=bool),
        LANGUAGES,
    )
    frame = query_columns(benchmark, np.arange(n_queries))
    frame = frame.assign(item=np.repeat([0, 1], 3), cluster=np.repeat([0, 1], 3))
    return SimpleNamespace(queries=frame.assign(**columns))


GOOD = measured(rank_distance=[2, 2, 3, 2, 2, 2], same_language_pairs=[0.3] * 6)
BAD = measured(rank_distance=[5, 6, 7, 5, 6, 7], same_language_pairs=[0.9, 0.8, 0.7] * 2)
SYSTEMS = {"bad": [BAD], "good": [GOOD]}
KEYS = ("rank_distance", "same_language_pairs")


def test_the_yardsticks_follow_the_table_of_measures() -> None:
    better = {key: each.better for each in bias.MEASURES for key in each.keys}
    for stick in YARDSTICKS:
        assert better[stick.key].startswith(stick.better)
    assert len(STICKS) == len({stick.label for stick in YARDSTICKS}) == len(YARDSTICKS)


def test_less_badness_is_less_bias() -> None:
    assert Yardstick("x", "x", "lower").badness(3.0) == 3
    assert Yardstick("x", "x", "higher").badness(3.0) == -3
    near = Yardstick("x", "x", "near", 0.5)
    assert near.badness(0.75) == near.badness(0.25) == 0.25


@pytest.mark.parametrize("value", [0.2, 0.9])
@pytest.mark.parametrize("stick", YARDSTICKS, ids=[stick.key for stick in YARDSTICKS])
def test_badness_of_scores_has_the_badness_of_their_mean(stick: Yardstick, value: float) -> None:
    scores = np.array([[[value - 0.1], [value + 0.1]]])
    values = UnitValues(scores, np.ones((2, 1), dtype=int), (0, 1), (("a", "all"),))
    turned = stick.badness_of(values, value).values.mean()
    assert turned == pytest.approx(stick.badness(value))


def test_systems_are_put_in_order() -> None:
    tables = agreement.gathered(SYSTEMS, KEYS)
    intervals = agreement.interval_table(tables, 50)
    ranked = agreement.standings(intervals).set_index(["measure", "system"])
    assert ranked.estimate["rank_distance", "good"] == pytest.approx((2 + 2 + 2.5) / 3)
    assert ranked.badness["same_language_pairs", "good"] == pytest.approx(0.2)
    assert ranked.place.to_dict() == {
        (key, name): 1 + (name == "bad") for key in KEYS for name in SYSTEMS
    }
    assert list(intervals.measure.unique()) == list(KEYS)


def test_equal_systems_share_a_place() -> None:
    tables = agreement.gathered({"one": [GOOD], "two": [GOOD], "bad": [BAD]}, KEYS)
    ranked = agreement.standings(agreement.interval_table(tables, 50))
    assert ranked[ranked.measure.eq("rank_distance")].place.tolist() == [1, 1, 3]


def test_ties_forbid_a_place_by_rank_distance_alone() -> None:
    intervals = agreement.interval_table(agreement.gathered(SYSTEMS, KEYS), 50)
    ranked = agreement.standings(intervals, tied=["bad"])
    assert ranked[ranked.measure.eq("rank_distance")].system.tolist() == ["good"]
    assert ranked[ranked.measure.eq("same_language_pairs")].system.tolist() == ["bad", "good"]


def test_a_query_without_a_value_is_left_out_for_all_systems() -> None:
    gap = measured(rank_distance=[1.0] * 6, same_language_pairs=[np.nan, *[0.5] * 5])
    tables = agreement.gathered({"good": [GOOD], "gap": [gap]}, (*KEYS, "peer"))
    assert list(tables) == list(KEYS)  # no system has PEER
    assert tables["rank_distance"]["good"].counts.sum() == 6
    assert tables["same_language_pairs"]["good"].counts.sum() == 5
    nothing = measured(rank_distance=[1.0] * 6, same_language_pairs=[np.nan] * 6)
    assert list(agreement.gathered({"good": [GOOD], "nothing": [nothing]}, KEYS)) == [
        "rank_distance"
    ]


def random_systems(gap: float) -> dict[str, list[SimpleNamespace]]:
    """Forty clusters; the second system has `gap` more rank distance, with a little noise."""
    generator = np.random.default_rng(0)
    hard = generator.normal(50, 10, 40)
    found = {}
    for name, shift in (("one", 0.0), ("two", gap)):
        frame = query_columns(
            make_benchmark(np.zeros(40, int), np.zeros(1, int), np.ones((40, 1), bool), LANGUAGES),
            np.arange(40),
        )
        distance = hard + shift + generator.normal(0, 1, 40)
        found[name] = [SimpleNamespace(queries=frame.assign(rank_distance=distance))]
    return found


@pytest.mark.parametrize(("gap", "told"), [(3.0, "no other"), (0.0, "")])
def test_a_winner_is_named_with_those_that_are_not_told_apart(gap: float, told: str) -> None:
    systems = random_systems(gap)
    tables = agreement.gathered(systems, ["rank_distance"])
    ranked = agreement.standings(agreement.interval_table(tables, 200))
    differences = agreement.differences_to_best(tables, ranked, list(systems), 500)
    assert (differences.estimate >= 0).all()
    (row,) = agreement.winners(differences).to_dict("records")
    other = ({"one", "two"} - {row["best"]}).pop()
    assert row["not_told_apart"] == (told or other)
    assert not gap or row["best"] == "one"


def test_differences_keep_the_direction_of_the_measure() -> None:
    tables = agreement.gathered(SYSTEMS, KEYS)
    labels = {key: STICKS[key].label for key in KEYS}
    found = agreement.differences_to(tables, "bad", ["good"], labels, 50)
    expected = [(2 + 2 + 2.5) / 3 - 6, 0.3 - 0.8]
    assert found.estimate.tolist() == pytest.approx(expected)
    assert found[["measure", "label", "system"]].values.tolist() == [
        [key, labels[key], "good"] for key in KEYS
    ]


def test_languages_and_their_correlations() -> None:
    table = agreement.badness_of_languages([BAD])
    assert table["rank distance"].tolist() == [5, 6, 7]
    assert table["same-language pairs"].tolist() == pytest.approx([0.4, 0.3, 0.2])
    found = agreement.rank_correlations(table.assign(constant=1.0))
    assert found.loc["rank distance", "same-language pairs"] == pytest.approx(-1)
    assert found["constant"].isna().all()
    median, sentence = agreement.in_words(found, 11)
    assert median == pytest.approx(-1)
    assert sentence.startswith(
        "of 1 pairs of measures 0 agree (correlation above 0.60) and 1 contra"
    )


def test_the_smallest_correlation_has_the_p_value_it_promises() -> None:
    limit = agreement.smallest_correlation(11)
    t = limit * np.sqrt(9 / (1 - limit**2))
    assert 2 * stats.t.sf(t, 9) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="n is 2"):
        agreement.smallest_correlation(2)


def test_rankings_by_hand() -> None:
    passages = {f"{what}-{code}": code for what in ("dog", "cat") for code in LANGUAGES}
    dogs = ("dog-a", "dog-b", "dog-c")
    order = ["dog-a", "cat-a", "dog-b", "cat-b", "dog-c", "cat-c"]
    found = summary_of_rankings(passages, dogs, {"a": order}, k=3)["measures"]
    assert found["rank_distance"]["value"] == 4
    assert found["same_language_pairs"]["value"] == 1
    assert found["own_language_surplus"]["value"] == pytest.approx(2 / 3 - 1 / 3)
    assert "PEER is the same" in found["peer"]["reason"]
    with pytest.raises(ValueError, match="'a' is not an order"):
        summary_of_rankings(passages, dogs, {"a": order[:5]})


def test_variance_shares_of_pure_language_and_pure_meaning() -> None:
    codes = np.array([[[1.0, 0.0], [-1.0, 0.0]]] * 3)  # (meanings, languages, dimension)
    assert embedding_study.variance_shares(codes) == pytest.approx((1, 0))
    assert embedding_study.variance_shares(codes.transpose(1, 0, 2)) == pytest.approx((0, 1))


def test_parallel_copies_are_sorted_by_language() -> None:
    relevant = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [1, 0, 1, 0]], dtype=bool)
    benchmark = make_benchmark(np.zeros(3, int), np.array([1, 0, 0, 1]), relevant, ("a", "b"))
    assert embedding_study.parallel_copies(benchmark).tolist() == [[1, 3], [2, 0]]
    for wrong, fault in ((np.array([1, 1, 0, 1]), "two relevant"), (None, "not one relevant")):
        rows = relevant if wrong is not None else np.eye(3, 4, dtype=bool)
        languages = np.array([1, 0, 0, 1]) if wrong is None else wrong
        bad = make_benchmark(np.zeros(3, int), languages, rows, ("a", "b"))
        with pytest.raises(ValueError, match=fault):
            embedding_study.parallel_copies(bad)


def test_facts_tell_the_share_of_ties_and_both_rank_distances() -> None:
    benchmark = make_benchmark(np.zeros(1, int), np.array([0, 1, 2]), np.array([[1, 1, 0]], bool))
    counts = count_from_scores(benchmark, lambda rows: np.zeros((len(rows), 3)), top_k=2)
    facts = bias_study.facts_of(benchmark, counts, bias.language_mix(benchmark, counts, 2))
    assert facts["tied_share"] == 1
    assert facts["rank_distance_average"] == 0
    assert facts["rank_distance_trec"] in (1, 2)


def letters(axis: object) -> list[str]:
    return [text.get_text() for text in axis.texts]


def test_the_map_of_places_writes_place_and_value_and_leaves_out_what_is_tied() -> None:
    intervals = agreement.interval_table(agreement.gathered(SYSTEMS, KEYS), 50)
    ranked = agreement.standings(intervals, tied=["bad"])
    figure = bias_plots.places_map(ranked, list(SYSTEMS))
    assert letters(figure.axes[0]) == ["1\n2.17", "2\n0.8", "1\n0.3"]


def test_the_maps_of_surplus_write_signed_points() -> None:
    pairs = {"query_language": list("aabb"), "passage_language": list("abab")}
    mix = pd.DataFrame(pairs | {"surplus": [0.2, -0.2, -0.004, 0.004]})
    figure = bias_plots.surplus_maps({"X-Y": mix})
    assert letters(figure.axes[0]) == ["+20", "-20", "+0", "+0"]
    bars = bias_plots.first_places({"X-Y": mix.assign(share=0.5, expected=0.3)}, "a").axes[0]
    assert [bar.get_height() for bar in bars.patches] == [0.5, 0.5]
    assert [bool(bar.get_hatch()) for bar in bars.patches] == [True, False]


def test_distributions_mark_the_median_and_differ_in_grey() -> None:
    tables = {"X-Y": np.array([30.0, 10.0, 20.0, np.nan]), "hybrid": np.array([5.0, 5.0, 5.0])}
    axis = bias_plots.rank_distance_distributions(tables, 2).axes[0]
    curve, median = axis.lines[:2]
    assert curve.get_xdata().tolist() == [10, 20, 30]
    assert curve.get_ydata().tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert (median.get_xdata(), median.get_ydata()) == ([20], [0.5])
    looks = [bias_plots.look_of_system(name) for name in (*tables, "none", *bias_plots.REPAIR_LOOK)]
    assert len({look.marker for look in looks}) == len(looks)


def test_a_grid_of_intervals_has_a_panel_for_each_measure() -> None:
    intervals = agreement.interval_table(agreement.gathered(SYSTEMS, KEYS), 50)
    ranked = agreement.standings(intervals)
    figure = bias_plots.interval_grid(
        ranked, systems=["bad", "good"], unbiased={"same-language pairs": 0.5}
    )
    titles = [axis.get_title() for axis in figure.axes if axis.get_visible()]
    assert titles == ["rank distance", "same-language pairs"]
    assert [len(axis.lines) for axis in figure.axes[:2]] == [4, 5]  # one line without bias


def test_correlations_without_a_value_stay_empty() -> None:
    table = agreement.rank_correlations(agreement.badness_of_languages([BAD]).assign(same=1.0))
    assert letters(bias_plots.correlation_maps({"it": table}).axes[0]) == [
        "+1.0",
        "-1.0",
        "-1.0",
        "+1.0",
    ]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stages")


@pytest.fixture
def small(cache: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("HBT_CACHE_DIR", str(cache))
    return BASE


def test_what_is_measured_is_what_the_scores_say(small: object) -> None:
    found, scores = bias_study.measure(small), run(small)
    table = bias_study.quality_table({"it": [found]}).iloc[0]
    for setting, value in scores.macro().items():
        assert table[f"{setting} mAP"] == pytest.approx(value)
    assert found.queries.rank_distance.tolist() == scores.rank_distance.rank_distance.tolist()
    assert found.facts["rank_distance_trec"] == pytest.approx(scores.mean_rank_distance())
    pd.testing.assert_series_equal(found.mix.share, scores.language_mix.share)
    mix = bias_study.mean_mix([found, found])
    assert mix.share.tolist() == pytest.approx(found.mix.share.tolist())
    assert mix.surplus.tolist() == pytest.approx((mix.share - mix.expected).tolist())
    benchmark = load_world(small.world).benchmark()
    assert found.ranks.shape == benchmark.relevant_query.shape


def test_a_remedy_is_applied_and_has_a_stage_of_its_own(small: object) -> None:
    plain, centred = bias_study.measure(small), bias_study.measure(small, "centring")
    assert plain.folder != centred.folder
    assert plain.ranks.tolist() != centred.ranks.tolist()
    assert bias_study.measure(small, "centring").folder == centred.folder
    with pytest.raises(ValueError, match="remedy 'none' is not one of centring, LIR, LSAR"):
        bias_study.measure(small, "none")


def test_remedies_are_fitted_on_pretraining_text(small: object) -> None:
    benchmark = load_world(small.world).benchmark()
    fitted = bias_study.fitted(small, "LSAR", benchmark, r=2)
    assert isinstance(fitted, LSAR)
    assert len(fitted.directions) == 2
    centring = bias_study.fitted(small, "centring", benchmark)
    passages = embeddings(small, benchmark)[1]
    of_the_test = Centring.fit(passages, benchmark.passage_language)
    assert centring.mean.shape == of_the_test.mean.shape
    assert not np.allclose(centring.mean, of_the_test.mean)


def test_bm25_is_measured_like_any_system(small: object) -> None:
    found = bias_study.measure_bm25(small.world)
    assert set(bias_study.QUALITY) <= set(found.queries)
    assert found.facts["tied_share"] > bias.MOST_TIES
    assert (found.queries.own_language_surplus > 0).mean() > 0.5


def test_points_of_a_map(small: object) -> None:
    benchmark = load_world(small.world).benchmark()
    points, kept = embedding_study.map_points(small, benchmark, np.arange(6))
    assert points.shape == (6, 2)
    assert 0 < kept <= 1


def test_without_word_order_twins_tie_where_words_have_spaces(small: object) -> None:
    probe = village.make(small.world.village).benchmark("swap_probe")
    found = embedding_study.swap_scores(small, probe)
    assert sum(map(len, found.values())) == len(probe.query_texts)
    assert found["with"].tied.mean() > 0.9
    assert found["with"].right.mean() == pytest.approx(0.5, abs=0.05)
    assert set(found["without"].right) <= {0.0, 0.5, 1.0}


def test_a_remedy_needs_text_of_every_language(small: object) -> None:
    benchmark = make_benchmark(np.zeros(1, int), np.zeros(1, int), np.ones((1, 1), bool), ("xx",))
    with pytest.raises(ValueError, match="no pre-training text in 'xx' to fit LIR on"):
        bias_study.fitted(small, "LIR", benchmark)
