"""The tables of the notebook on hybrid batches, on numbers made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hbt.suite import alpha_study
from hbt.suite.alpha_study import MEASURES, Values
from hbt.uncertainty import UnitValues


def scores(*seeds: list[float]) -> Values:
    """The same scores in all measures: one list of questions for each seed, one cell."""
    values = np.array(seeds)[:, :, None]
    counts, units = np.ones(values.shape[1:], dtype=int), tuple(range(values.shape[1]))
    return {panel: UnitValues(values, counts, units, (("en", "en"),)) for panel in MEASURES}


LOW, HIGH = scores([0.1, 0.3], [0.3, 0.5]), scores([0.4, 0.6], [0.6, 0.8])


def test_intervals_keep_the_mean_of_each_seed() -> None:
    table = alpha_study.intervals({0.0: LOW, 0.5: HIGH}, 100, name="alpha")
    assert table.groupby("alpha").estimate.first().tolist() == pytest.approx([0.3, 0.6])
    assert table.panel.tolist() == 2 * list(MEASURES)
    assert table.over.eq("items").all()
    assert table.n_seeds.eq(2).all()
    points = alpha_study.seed_points(table, (7, 8))
    found = points[points.panel.eq("rank distance")].set_index(["alpha", "seed"]).value
    assert found.to_dict() == pytest.approx(
        {(0.0, 7): 0.2, (0.0, 8): 0.4, (0.5, 7): 0.5, (0.5, 8): 0.7}
    )


def test_differences_are_paired_by_question_and_seed() -> None:
    table = alpha_study.differences({"hybrid": HIGH, "X-Y": LOW}, [("hybrid", "X-Y")], 100)
    # every question of every seed gains .3, so no draw of questions moves the mean
    assert table[["estimate", "low", "high"]].to_numpy() == pytest.approx(0.3 * np.ones((4, 3)))
    assert set(table.verdict) == {"higher"}
    told = alpha_study.short(table).iloc[0]
    assert told.tolist() == [
        "hybrid minus X-Y",
        "monolingual mAP",
        "+0.300 [+0.300, +0.300]",
        "higher",
    ]


PUBLISHED = pd.DataFrame(
    {
        "system": ["one", "two"] * 3,
        "setting": np.repeat(["monolingual", "cross-lingual", "multilingual"], 2),
        "X-X-mono": [0.5, 0.6, 0.1, 0.2, 0.3, 0.4],
        "X-Y": [0.4, 0.5, 0.3, 0.3, 0.5, 0.5],
        "hybrid": [0.5, 0.7, 0.4, 0.2, 0.4, 0.4],
    }
)


def test_an_answer_needs_an_interval_and_one_published_sign() -> None:
    higher = alpha_study.differences({"hybrid": HIGH, "X-Y": LOW}, [("hybrid", "X-Y")], 100)
    answers = alpha_study.agreement(higher, PUBLISHED).set_index("setting").answer
    # published hybrid - X-Y: +.1 and +.2; +.1 and -.1; -.1 and -.1
    assert answers.to_dict() == {
        "monolingual": "agrees",
        "cross-lingual": "published: both signs",
        "multilingual": "disagrees",
    }
    same = alpha_study.differences({"hybrid": LOW, "X-Y": LOW}, [("hybrid", "X-Y")], 100)
    assert set(alpha_study.agreement(same, PUBLISHED).answer) == {"within noise"}


def test_published_values_and_ours_stand_in_one_table() -> None:
    runs = {0.0: LOW, 0.25: LOW, 0.5: HIGH, 1.0: LOW}
    curve = alpha_study.intervals(runs, 100, name="alpha")
    table = alpha_study.beside(PUBLISHED, curve, "ours")
    ours = table[table.system.eq("ours")].set_index("setting")
    assert list(ours.index) == ["monolingual", "cross-lingual", "multilingual"]
    assert ours[["X-X-mono", "X-Y", "hybrid"]].to_numpy() == pytest.approx(
        np.tile([0.3, 0.3, 0.6], (3, 1))
    )
    assert set(ours["hybrid − X-Y"]) == {"+0.3000"}


def test_seeds_and_published_gaps_are_rows_of_one_figure() -> None:
    gaps = pd.DataFrame({"seed": [0], "setting": ["multilingual"], "value": [0.25]})
    higher = alpha_study.differences({"hybrid": HIGH, "X-Y": LOW}, [("hybrid", "X-Y")], 100)
    table = alpha_study.seeds_and_published(gaps, higher, PUBLISHED)
    found = table[table.setting.eq("multilingual")].set_index("row").estimate.to_dict()
    assert found == pytest.approx({"seed 0": 0.25, "our mean": 0.3, "one": -0.1, "two": -0.1})
