"""Tests of differences: by hand, against scipy and closed testing, and by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from hbt.comparisons import difference_table, evidence, interval_table
from hbt.significance import (
    holm,
    minimum_detectable_effect,
    permutation_test,
    permutation_tests,
)
from hbt.suite import tables
from hbt.uncertainty import Interval, interval, paired_difference, resample_cells, verdict
from hbt.units import UnitTable, gather


def zeros_like(values: np.ndarray) -> np.ndarray:
    return np.zeros_like(values)


def test_three_units_flip_in_eight_ways() -> None:
    # Sums of +-1 +-2 +-4 are all odd numbers from -7 to 7: only the two outer ones are as large.
    values = np.array([[[1.0], [2.0], [4.0]]])
    found = permutation_test(values, zeros_like(values))
    assert (found.p, found.n_flips, found.exact, found.n_units) == (2 / 8, 8, True, 3)
    assert found.estimate == pytest.approx(7 / 3)
    # +-1 +-1 -+1: six of the eight sums are as large as 1 in size, as are the two of size 3.
    tied = np.array([[[1.0], [1.0], [-1.0]]])
    assert permutation_test(tied, zeros_like(tied)).p == 1


def test_macro_mean_of_the_flips_by_hand() -> None:
    # Cell 0: (3 * 1 + 1 * 0) / 4; cell 1: only unit 1. Shares of the mean: 3/8 and 1/4.
    values = np.array([[[1.0, 0.0], [0.0, 0.5]]])
    counts = np.array([[3, 0], [1, 2]])
    found = permutation_test(values, zeros_like(values), counts)
    assert found.estimate == pytest.approx(3 / 8 + 1 / 4)
    assert found.p == 2 / 4


@pytest.mark.parametrize("n_units", [5, 11])
def test_exact_test_agrees_with_scipy(n_units: int) -> None:
    random = np.random.default_rng(n_units)
    first, second = random.normal(0.4, 1, n_units), random.normal(0, 1, n_units)
    theirs = stats.permutation_test(
        (first, second),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    ours = permutation_test(first[None, :, None], second[None, :, None])
    assert ours.exact
    assert ours.p == pytest.approx(theirs.pvalue)


def test_drawn_flips_agree_with_all_flips() -> None:
    random = np.random.default_rng(12)
    values = random.normal(0.4, 1, (3, 12, 2))
    every = permutation_test(values, zeros_like(values))
    drawn = permutation_test(values, zeros_like(values), resamples=4_000)
    assert every.exact
    assert not drawn.exact
    assert drawn.p == pytest.approx(every.p, abs=4 * np.sqrt(every.p / 4_000))


def test_drawn_p_is_never_zero_and_counts_the_observed() -> None:
    values = np.ones((1, 100, 1))
    assert permutation_test(values, zeros_like(values), resamples=999).p == 1 / 1000
    assert permutation_test(zeros_like(values), zeros_like(values), resamples=999).p == 1


def test_seeds_are_held_fixed() -> None:
    random = np.random.default_rng(13)
    seeds = random.normal(0, 5, (4, 1, 1)) + random.normal(0.5, 1, (4, 30, 2))
    mean = seeds.mean(axis=0, keepdims=True)
    of_seeds = permutation_test(seeds, zeros_like(seeds))
    assert of_seeds.p == permutation_test(mean, zeros_like(mean)).p


def test_p_values_are_uniform_when_nothing_differs() -> None:
    """Under the null at most a share p of the p-values is p or less; here close to it."""
    random = np.random.default_rng(14)
    skewed = random.exponential(size=(400, 1, 20, 1)) * random.choice([-1, 1], (400, 1, 20, 1))
    p = np.array([test.p for test in permutation_tests(list(skewed), resamples=999)])
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=3.5 * np.sqrt(level / 400))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.6]).tolist() == [1, 1]
    assert holm([0.02]).tolist() == [0.02]
    assert holm([]).tolist() == []


@given(some.lists(some.floats(0, 1), min_size=1, max_size=7))
def test_holm_is_closed_testing_with_bonferroni(p: list[float]) -> None:
    """A hypothesis falls when each set that holds it falls by Bonferroni."""
    corrected = holm(p)
    for place in range(len(p)):
        sets = itertools.chain.from_iterable(
            itertools.combinations(range(len(p)), size) for size in range(1, len(p) + 1)
        )
        worst = max(
            min(1.0, len(chosen) * min(p[at] for at in chosen))
            for chosen in sets
            if place in chosen
        )
        assert corrected[place] == pytest.approx(worst)


@pytest.mark.parametrize("wrong", [[0.1, 1.1], [-0.1], [float("nan")], [5.0]])
def test_holm_refuses_what_is_no_p(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="p-values lie between 0 and 1, not"):
        holm(wrong)
    with pytest.raises(ValueError, match="must be a list"):
        holm(np.zeros((2, 2)))


def test_detectable_effect_of_units_alone_by_hand() -> None:
    sample = np.random.default_rng(15).normal(size=30)
    error = stats.sem(sample)
    expected = (stats.t.ppf(0.975, 29) + stats.t.ppf(0.8, 29)) * error
    assert minimum_detectable_effect(sample[None, :, None]) == pytest.approx(expected)
    assert minimum_detectable_effect(np.ones((1, 3, 1))) == 0
    wider = minimum_detectable_effect(sample[None, :, None], power=0.9, level=0.99)
    assert wider > expected


def test_detectable_effect_of_seeds_alone_by_hand() -> None:
    points = np.random.default_rng(16).normal(size=6)
    expected = (stats.t.ppf(0.975, 5) + stats.t.ppf(0.8, 5)) * stats.sem(points)
    values = points[:, None, None] * np.ones((6, 4, 2))
    assert minimum_detectable_effect(values) == pytest.approx(expected)
    assert minimum_detectable_effect(values[:4]) == 0  # these seeds, and no unit differs


@pytest.mark.parametrize(
    ("n_seeds", "seed_sd", "noise_sd"), [(1, 0, 0), (5, 0, 1), (5, 0.3, 0.5), (8, 0.3, 1)]
)
def test_detectable_effect_is_found_four_times_in_five(
    n_seeds: int, seed_sd: float, noise_sd: float
) -> None:
    random = np.random.default_rng(17)

    def trials(n: int) -> np.ndarray:
        return (
            seed_sd * random.normal(size=(n_seeds, 1, n))
            + random.normal(size=(1, 40, n))
            + noise_sd * random.normal(size=(n_seeds, 40, n))
        )

    unmoved = trials(200)
    effect = np.mean([minimum_detectable_effect(unmoved[..., [at]]) for at in range(200)])
    moved = resample_cells(trials(1_000) + effect, resamples=1_000).intervals()
    found = np.mean([verdict(each) == "higher" for each in moved])
    assert found == pytest.approx(0.8, abs=0.05)


def test_turned_interval_agrees_with_the_interval() -> None:
    random = np.random.default_rng(18)
    values = random.normal(size=(6, 1, 60)) * 0.3 + random.normal(0.3, 1, (6, 30, 60))
    drawn = resample_cells(values, resamples=4_000)
    p = drawn.p_values()
    for level in (0.5, 0.8, 0.95, 0.99):
        leaves_out = np.array([verdict(each) != "no evidence" for each in drawn.intervals(level)])
        clear = np.abs(p - (1 - level)) > 2 / 4_000
        assert (leaves_out == (p < 1 - level))[clear].all()
        assert 0 < leaves_out.sum() < 60


def test_turned_interval_of_one_sample_is_the_t_test() -> None:
    random = np.random.default_rng(19)
    values = random.normal(0.2, 1, (1, 80, 12))
    ours = resample_cells(values, resamples=20_000).p_values()
    theirs = stats.ttest_1samp(values[0], 0).pvalue
    assert ours == pytest.approx(theirs, abs=0.03)


def test_extreme_p_values() -> None:
    values = np.stack([np.zeros((5, 9)), np.ones((5, 9))], axis=2)
    assert resample_cells(values, resamples=999).p_values() == pytest.approx(
        [1, 2 / 1000], abs=2e-6
    )


def per_query(seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Two languages, 40 clusters of two questions, all settings, two metrics."""
    random = np.random.default_rng(seed)
    rows = []
    for query, pool in itertools.product(range(160), ("a", "b", "all")):
        language = "ab"[query % 2]
        setting = {"all": "multilingual", language: "monolingual"}.get(pool, "cross-lingual")
        rows.append((query, query // 2, query // 4, language, setting, pool))
    columns = ["query", "item", "cluster", "query_language", "setting", "passage_language"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(mAP=random.random(len(rows)) + shift, MRR=random.random(len(rows)))


def systems(n_seeds: int) -> dict[str, UnitTable]:
    return {
        name: gather((per_query(10 * at + seed, shift) for seed in range(n_seeds)), ["mAP", "MRR"])
        for at, (name, shift) in enumerate([("good", 0.3), ("base", 0.0), ("twin", 0.0)])
    }


@pytest.mark.parametrize("n_seeds", [2, 5])
def test_tables_hold_what_single_calls_give(n_seeds: int) -> None:
    gathered = systems(n_seeds)
    means = interval_table(gathered, resamples=500)
    assert len(means) == 3 * 2 * 3
    for row in means.itertuples():
        alone = interval(gathered[row.system].select(row.metric, row.setting), resamples=500)
        assert (row.low, row.high) == pytest.approx((alone.low, alone.high))
        assert (row.over, row.n_seeds) == (alone.over, n_seeds)
    pairs = [("good", "base"), ("twin", "base")]
    found = difference_table(gathered, pairs, resamples=500)
    for row in found.itertuples():
        first, second = row.difference.split(" minus ")
        both = [gathered[name].select(row.metric, row.setting) for name in (first, second)]
        alone = paired_difference(*both, resamples=500)
        assert (row.estimate, row.low) == pytest.approx((alone.estimate, alone.low))
        assert row.verdict == verdict(alone)
        assert row.p_items == permutation_test(*both, resamples=500).p
        assert row.detectable == pytest.approx(minimum_detectable_effect(both[0].minus(both[1])))
    assert found.p_holm.tolist() == holm(found.p).tolist()
    moved = found.difference.eq("good minus base") & found.metric.eq("mAP")
    assert (found.verdict[moved] == "higher").all()
    assert (found.estimate[moved] > found.detectable[moved]).all()
    same_question = found.p.eq(found.p_items)
    assert same_question.all() == (n_seeds == 2)


def test_table_by_cell() -> None:
    gathered = systems(5)
    found = interval_table(gathered, ["mAP"], ["cross-lingual"], by_cell=True, resamples=500)
    assert list(zip(found.query_language, found.passage_language, strict=True))[:2] == [
        ("a", "b"),
        ("b", "a"),
    ]
    alone = gathered["good"].select("mAP", "cross-lingual", languages=["b"])
    assert found.low[1] == pytest.approx(interval(alone, resamples=500).low)


def test_columns_are_those_of_the_suite() -> None:
    found = difference_table(systems(2), [("good", "base")], ["mAP"], resamples=200)
    shared = ["difference", "setting", "metric", "estimate", "low", "high", "over", "n_seeds"]
    assert set(shared) < set(found.columns)
    assert tables.sentences(found)[0].startswith("good minus base, monolingual mAP: +0.")


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ((-1, -0.5), "lower"),
        ((-1, 0), "no evidence"),
        ((-1, 1), "no evidence"),
        ((0, 1), "no evidence"),
        ((0.5, 1), "higher"),
    ],
)
def test_verdict_follows_the_ends(ends: tuple[float, float], told: str) -> None:
    assert verdict(Interval(0.0, *ends, 0.95, "items", (0.0,), 2)) == told


def test_bad_comparisons_are_refused() -> None:
    gathered = systems(2)
    one = gathered["good"].select("mAP", "monolingual")
    with pytest.raises(ValueError, match="the table has 2 rows for 1 differences"):
        evidence(pd.DataFrame({"metric": ["mAP", "MRR"]}), [one])
    with pytest.raises(ValueError, match="at least one difference"):
        difference_table(gathered, [])
    with pytest.raises(ValueError, match="no metric 'R@1' was gathered, only mAP, MRR"):
        interval_table(gathered, ["R@1"])
    with pytest.raises(ValueError, match="shapes"):
        difference_table(gathered | {"base": systems(3)["base"]}, [("good", "base")])
    with pytest.raises(ValueError, match="power must lie between 0 and 1, not 80"):
        minimum_detectable_effect(np.zeros((1, 3, 1)), power=80)
    with pytest.raises(ValueError, match="must be finite"):
        minimum_detectable_effect(np.full((1, 3, 1), np.nan))
    with pytest.raises(ValueError, match="must be finite"):
        permutation_test(np.full((1, 3, 1), np.nan), np.zeros((1, 3, 1)))
    with pytest.raises(ValueError, match="have shapes"):
        permutation_test(np.zeros((1, 3, 1)), np.zeros((1, 4, 1)))
    with pytest.raises(ValueError, match="one unit cannot be resampled"):
        permutation_test(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))
    with pytest.raises(ValueError, match="resamples must be at least 1"):
        permutation_test(np.zeros((1, 3, 1)), np.zeros((1, 3, 1)), resamples=0)
    with pytest.raises(ValueError, match=r"differences of \[3, 4\] units"):
        permutation_tests([np.zeros((1, 3, 1)), np.zeros((1, 4, 1))])
