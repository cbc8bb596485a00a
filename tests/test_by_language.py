"""Scores by language, and the tables of the low-resource study, on numbers made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_experiment import BASE

from hbt.suite import by_language as by_language_module
from hbt.suite import language_plots
from hbt.suite import low_resource_tables as study
from hbt.suite.by_language import DIRECTIONS, by_language, pick
from hbt.suite.experiment import run
from hbt.suite.language_groups import directions
from hbt.suite.worlds import World, load_world
from hbt.uncertainty import UnitValues

LANGUAGES = ("en", "scn", "tn")


def scores(table: list[list[float]]) -> dict[str, UnitValues]:
    """Rows are questions, columns the languages of LANGUAGES; the same in all directions."""
    values = np.array([table])
    counts, units = np.ones(values.shape[1:], dtype=int), tuple(range(values.shape[1]))
    return {
        name: UnitValues(values, counts, units, tuple((code, name) for code in LANGUAGES))
        for name in DIRECTIONS
    }


BEFORE = scores([[0.5, 0.1, 0.1], [0.7, 0.3, 0.1]])
IN_SCN = scores([[0.4, 0.3, 0.1], [0.6, 0.5, 0.1]])  # high-resource -.1, scn +.2, tn 0
IN_TN = scores([[0.5, 0.2, 0.5], [0.7, 0.4, 0.5]])  # 0, +.1, +.4


@pytest.fixture
def two_seeds() -> World:
    """Seed 0 lets Sicilian in first, seed 1 Tswana."""

    class Small:
        evaluated_languages = ("en",)
        low_resource_languages = ("scn", "tn")

        def is_related(self, language: str) -> bool:
            return language == "scn"

        def low_resource_order(self, seed: int) -> tuple[str, ...]:
            return ("scn", "tn") if seed == 0 else ("tn", "scn")

    return Small()


def test_each_seed_has_its_own_languages() -> None:
    picked = pick([BEFORE, IN_TN], [("scn",), ("tn",)], "monolingual")
    assert picked.values.tolist() == [[[0.1], [0.3]], [[0.5], [0.5]]]
    assert picked.cells == (("language 0", "monolingual"),)


def test_seeds_with_different_numbers_of_languages_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in number"):
        pick([BEFORE, IN_TN], [("scn",), ("en", "tn")], "monolingual")


def test_levels_are_means_over_languages_and_questions(two_seeds: World) -> None:
    table = study.group_table({0: [BEFORE], 1: [IN_SCN]}, two_seeds, [0], 50)
    found = table[table.direction.eq("monolingual")].set_index(["K", "group"]).estimate
    assert found[0, "high-resource"] == pytest.approx(0.6)
    assert found[0, "out, related"] == pytest.approx(0.2)
    assert found[1, "in, related"] == pytest.approx(0.4)
    assert found[1, "out, unrelated"] == pytest.approx(0.1)
    assert (1, "out, related") not in found


def test_changes_are_measured_on_the_same_languages(two_seeds: World) -> None:
    changes = {"K = 1 minus K = 0": ([IN_SCN], [BEFORE], 1)}
    table = study.change_table(changes, two_seeds, [0], 50)
    found = table[table.direction.eq("to high-resource")].set_index("group")
    assert found.estimate.round(6).to_dict() == {
        "high-resource": -0.1,
        "in, related": 0.2,
        "out, unrelated": 0.0,
    }
    assert found.verdict.to_dict()["high-resource"] == "lower"


def test_changes_of_one_language_take_the_seeds_with_which_it_is_in(two_seeds: World) -> None:
    ends = ([IN_SCN, IN_TN], [BEFORE, BEFORE])
    table = study.language_changes(*ends, two_seeds, [0, 1], 1, 50)
    found = table[table.direction.eq("monolingual")].set_index("language")
    assert found.estimate.round(6).to_dict() == {"scn": 0.2, "tn": 0.4}
    assert found.n_seeds.to_dict() == {"scn": 1, "tn": 1}


def test_in_minus_out_compares_a_language_with_itself(two_seeds: World) -> None:
    ends = ([IN_SCN, IN_TN], [BEFORE, BEFORE])
    table = study.effects_of_place(*ends, two_seeds, [0, 1], 1).set_index("language")
    assert table.effect.round(6).to_dict() == {"scn": 0.1, "tn": 0.4}
    assert table.change_out.round(6).to_dict() == {"scn": 0.1, "tn": 0.0}
    assert study.effects_of_place(*ends, two_seeds, [0, 1], 2).empty  # all are in


def test_the_gap_of_gains_is_related_minus_unrelated(two_seeds: World) -> None:
    gap = study.gap_of_gains([IN_TN], [BEFORE], two_seeds, [0], 2, resamples=50)
    assert gap.estimate == pytest.approx(0.1 - 0.4)


def test_rank_correlation_of_a_monotone_relation_is_one() -> None:
    x = np.arange(8.0)
    assert study.rank_correlation(x, np.exp(x), 100)[0] == pytest.approx(1.0)
    rho, low, high = study.rank_correlation(x, np.array([3, 1, 4, 1, 5, 9, 2, 6.0]), 500)
    assert low < rho < high


def test_blocks_give_the_scores_of_one_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path))
    experiment = BASE.replace(pretraining=None, training=None)
    world = load_world(experiment.world)
    found = by_language(experiment)
    whole = run(experiment, "low-resource").scores
    whole = whole[whole.metric.eq("mAP")]
    for language in ("de", "scn", "to"):
        for name in DIRECTIONS:
            mean = directions(whole, (language,), world)[name].value.mean()
            assert study.language_means([found], name)[language] == pytest.approx(mean)
    monkeypatch.setattr(by_language_module, "BLOCK", 5)
    again = by_language(experiment)
    for name in DIRECTIONS:
        np.testing.assert_array_equal(again[name].values, found[name].values)


def test_figures_have_a_panel_for_each_value(two_seeds: World) -> None:
    import matplotlib.pyplot as plt

    levels = study.group_table({0: [BEFORE], 1: [IN_SCN]}, two_seeds, [0], 50)
    axes = {"x_label": "K", "value_label": "mAP"}
    figure = language_plots.panels(levels, x="K", column="direction", **axes)
    assert [axis.get_title() for axis in figure.axes] == list(DIRECTIONS)
    single = study.language_changes([IN_SCN], [BEFORE], two_seeds, [0], 2, 50)
    single["label"] = single.language
    assert len(language_plots.dots(single, value_label="mAP").axes) == len(DIRECTIONS)
    points = single.assign(share=0.2)  # one above the other: the labels must make room
    drawn = language_plots.labelled_points(points, x="share", column="direction", **axes)
    assert len(drawn.axes) == len(DIRECTIONS)
    plt.close("all")
