"""Intervals: by hand, against scipy, and by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hbt.uncertainty import (
    MINIMUM_SEEDS,
    UnitValues,
    from_per_query,
    interval,
    paired_difference,
    resample,
    resample_cells,
)
from hbt.units import gather
from hbt.variances import variances


def noisy(
    random: np.random.Generator,
    shape: tuple[int, int, int],
    seed_sd: float,
    unit_sd: float,
    noise_sd: float,
) -> np.ndarray:
    """Crossed effects of known size around zero: (n_seeds, n_units, n_cells)."""
    n_seeds, n_units, _ = shape
    return (
        seed_sd * random.normal(size=(n_seeds, 1, 1))
        + unit_sd * random.normal(size=(1, n_units, 1))
        + noise_sd * random.normal(size=shape)
    )


def test_macro_mean_by_hand() -> None:
    # Cell 0: (3 * 1 + 1 * 0) / 4 = 3/4; cell 1: unit 0 has no query there, so 1/2.
    values = np.array([[[1.0, np.nan], [0.0, 0.5]]])
    counts = np.array([[3, 0], [1, 2]])
    found = interval(values, counts)
    assert found.estimate == (3 / 4 + 1 / 2) / 2
    assert found.points == (found.estimate,)
    assert (found.over, found.n_units, found.level) == ("items", 2, 0.95)


def test_two_units_are_drawn_in_four_ways() -> None:
    # Two units of 0 and 1: a resample has mean 0, 1/2 or 1 with chances 1/4, 1/2 and 1/4.
    values = np.array([[[0.0], [1.0]]])
    wide = interval(values, level=0.9, widen=False)
    assert (wide.low, wide.estimate, wide.high) == (0, 0.5, 1)
    narrow = interval(values, level=0.4, widen=False)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_a_cell_without_drawn_units_is_left_out() -> None:
    # All four draws of two units: both give 1/2, unit 0 twice has cell 0 only, unit 1 cell 1.
    values = np.array([[[0.2, 0.0], [0.0, 0.8]]])
    found = interval(values, np.array([[1, 0], [0, 1]]), level=0.9, widen=False)
    assert (found.low, found.high) == pytest.approx((0.2, 0.8))


def test_one_way_case_agrees_with_scipy() -> None:
    sample = np.random.default_rng(1).exponential(size=150)
    ours = interval(sample[None, :, None], widen=False, resamples=20_000)
    theirs = stats.bootstrap(
        (sample,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(2)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.estimate == pytest.approx(sample.mean())
    assert abs(ours.low - theirs.low) < 0.03 * width
    assert abs(ours.high - theirs.high) < 0.03 * width


def test_weighted_units_agree_with_a_plain_loop() -> None:
    random = np.random.default_rng(3)
    values, counts = random.random((2, 9, 3)), random.integers(0, 4, (9, 3))
    loop = []
    for drawn in random.integers(0, 9, (4_000, 9)):
        weights, chosen = counts[drawn], values[:, drawn].mean(axis=0)
        filled = weights.sum(axis=0) > 0
        loop.append(((weights * chosen).sum(axis=0)[filled] / weights.sum(axis=0)[filled]).mean())
    found = interval(values, counts, widen=False)
    low, high = np.quantile(loop, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)


def test_seeds_count_from_five_on() -> None:
    values = noisy(np.random.default_rng(4), (MINIMUM_SEEDS, 50, 2), 1, 1e-3, 0)
    with_seeds, without = interval(values), interval(values[: MINIMUM_SEEDS - 1])
    assert (with_seeds.over, without.over) == ("seeds and items", "items")
    assert len(without.points) == MINIMUM_SEEDS - 1
    assert with_seeds.high - with_seeds.low > 100 * (without.high - without.low)


def test_widening_is_that_of_the_t_distribution() -> None:
    seeds_only = np.random.default_rng(5).normal(size=(5, 1, 1)) * np.ones((5, 2, 1))
    plain, wide = interval(seeds_only, widen=False), interval(seeds_only)
    factor = np.sqrt(5 / 4) * stats.t.ppf(0.975, 4) / stats.norm.ppf(0.975)
    assert (wide.high - wide.low) / (plain.high - plain.low) == pytest.approx(factor)


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(6).random((6, 40, 3))
    assert interval(values, seed=1) == interval(values, seed=1) != interval(values, seed=2)


def test_pairing_takes_out_what_both_share() -> None:
    random = np.random.default_rng(7)
    shared = noisy(random, (5, 80, 2), 0.1, 1, 0)
    first = shared + 0.05 + 0.01 * random.normal(size=shared.shape)
    second = shared + 0.01 * random.normal(size=shared.shape)
    difference = paired_difference(first, second)
    assert difference.estimate == pytest.approx((first - second).mean())
    assert 0.04 < difference.low < difference.high < 0.06
    assert difference.points == pytest.approx((first - second).mean(axis=(1, 2)))
    reverse = paired_difference(second, first)
    assert (reverse.low, reverse.high) == pytest.approx(
        (-difference.high, -difference.low), abs=1e-4
    )
    alone = interval(first)
    assert alone.high - alone.low > 10 * (difference.high - difference.low)


@pytest.mark.parametrize("n_seeds", [5, 10])
@pytest.mark.parametrize(
    ("seed_sd", "unit_sd", "noise_sd"),
    [(0.0, 1, 0), (0.1, 1, 0.5), (0.3, 1, 0.5), (1, 0.1, 0), (0, 0.5, 1), (0, 0, 1)],
)
def test_interval_covers_the_truth(
    n_seeds: int, seed_sd: float, unit_sd: float, noise_sd: float
) -> None:
    """From items alone to seeds alone: of 2,000 intervals, 92 to 98.5 % hold the true mean."""
    random = np.random.default_rng(8)
    trials = np.concatenate(
        [noisy(random, (n_seeds, 40, 1), seed_sd, unit_sd, noise_sd) for _ in range(2_000)], axis=2
    )
    found = resample_cells(trials, resamples=1_000).intervals()
    assert 0.92 <= np.mean([each.low <= 0 <= each.high for each in found]) <= 0.985


def test_few_seeds_cover_these_seeds_and_not_others() -> None:
    """Why the interval over items says "items": it misses the truth of other seeds, as it says."""
    random = np.random.default_rng(9)
    of_seeds = 0.3 * random.normal(size=(2, 1, 1_000))
    trials = of_seeds + random.normal(size=(1, 40, 1_000))
    found = resample_cells(trials, resamples=500).intervals()
    low, high = (np.array([getattr(each, end) for each in found]) for end in ("low", "high"))
    these = of_seeds.mean(axis=(0, 1))
    assert 0.92 <= np.mean((low <= these) & (these <= high)) <= 0.985
    assert np.mean((low <= 0) & (high >= 0)) < 0.8


def test_variances_are_those_of_two_way_analysis() -> None:
    """By the mean squares of a table of seeds by units with one cell (scipy has no two-way one)."""
    table = np.random.default_rng(10).normal(size=(6, 15))
    of_units, of_seeds = table.mean(axis=0), table.mean(axis=1)
    left = table - of_units - of_seeds[:, None] + table.mean()
    noise = (left**2).sum() / (5 * 14) / table.size
    found = variances(table[..., None], np.ones((15, 1)), np.array([0]))
    by_units, by_seeds = of_units.var(ddof=1) / 15, of_seeds.var(ddof=1) / 6
    assert found.units[0] == pytest.approx(by_units)
    assert found.seeds[0] == pytest.approx(by_seeds)
    both = max(by_units + by_seeds - noise, by_units, by_seeds)
    assert found.joint[0] == pytest.approx(both)
    assert found.once[0] == pytest.approx(np.sqrt(both / (by_units + by_seeds)))


def test_many_measures_share_the_draws_of_one() -> None:
    random = np.random.default_rng(11)
    values, counts = random.random((5, 30, 9)), random.integers(0, 4, (30, 9))
    parts = [slice(0, 2), slice(2, 3), slice(3, 9)]
    cells = tuple((str(cell), "all") for cell in range(9))
    measures = [
        UnitValues(values[..., part], counts[:, part], tuple(range(30)), cells[part])
        for part in parts
    ]
    together = resample(measures, resamples=700).intervals()
    alone = [interval(each, resamples=700) for each in measures]
    for ours, theirs in zip(together, alone, strict=True):
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
        assert (ours.points, ours.n_units) == (pytest.approx(theirs.points), theirs.n_units)
    by_cell = resample_cells(values, counts, resamples=700).intervals()
    assert (by_cell[2].low, by_cell[2].high) == pytest.approx((alone[1].low, alone[1].high))


def test_units_without_a_query_stay_in_the_draw() -> None:
    """What a language's few units say is not changed by the other units around them."""
    random = np.random.default_rng(12)
    values, counts = random.random((1, 60, 1)), np.zeros((60, 1), dtype=int)
    counts[:20] = 1
    among, alone = interval(values, counts), interval(values[:, :20])
    assert among.n_units == alone.n_units == 20
    assert among.high - among.low == pytest.approx(alone.high - alone.low, rel=0.1)


def per_query(seed: int, queries: int = 6) -> pd.DataFrame:
    """Two languages, two items to a cluster, cross-lingual and multilingual rows."""
    rows = []
    for query, pool in itertools.product(range(queries), ("a", "b", "all")):
        language = "ab"[query % 2]
        setting = {"all": "multilingual", language: "monolingual"}.get(pool, "cross-lingual")
        score = (query + 1) * (10 if pool == "b" else 1) + 100 * seed
        rows.append((query, query // 2, query // 4, language, setting, pool, score))
    columns = ["query", "item", "cluster", "query_language", "setting", "passage_language", "mAP"]
    return pd.DataFrame(rows, columns=columns)


def test_tables_are_gathered_by_unit_and_cell() -> None:
    found = from_per_query([per_query(0), per_query(1)], "mAP", "cross-lingual")
    assert found.cells == (("a", "b"), ("b", "a"))
    assert found.units == (0, 1)
    assert found.counts.tolist() == [[2, 2], [1, 1]]
    # Query language a are queries 0, 2 and 4; the first two are cluster 0.
    assert found.values[0].tolist() == [[(10 + 30) / 2, (2 + 4) / 2], [50, 6]]
    assert found.values[1].tolist() == [[120, 103], [150, 106]]
    by_item = from_per_query([per_query(0)], "mAP", "multilingual", unit="item")
    assert by_item.cells == (("a", "all"), ("b", "all"))
    assert by_item.values[0].tolist() == [[1, 2], [3, 4], [5, 6]]


def test_interval_of_tables_is_the_macro_mean() -> None:
    frames = [per_query(seed) for seed in range(5)]
    found = interval(from_per_query(frames, "mAP", "cross-lingual"))
    rows = pd.concat(frames).query("setting == 'cross-lingual'")
    cells = rows.groupby(["query_language", "passage_language"])["mAP"].mean()
    assert found.estimate == pytest.approx(cells.mean())
    assert found.over == "seeds and items"
    difference = paired_difference(
        from_per_query(frames, "mAP", "cross-lingual"),
        from_per_query(
            [frame.assign(mAP=frame["mAP"] - 2) for frame in frames], "mAP", "cross-lingual"
        ),
    )
    assert (difference.low, difference.estimate, difference.high) == pytest.approx((2, 2, 2))


def test_a_table_read_once_gives_all_metrics_and_settings() -> None:
    frames = [per_query(seed).assign(MRR=lambda frame: frame["mAP"] ** 2) for seed in range(2)]
    table = gather(iter(frames), ["MRR", "mAP"])
    assert table.settings == ("monolingual", "cross-lingual", "multilingual")
    assert table.values.shape == (2, 2, 2, 6)
    for metric, setting in itertools.product(table.metrics, table.settings):
        found, expected = table.select(metric, setting), from_per_query(frames, metric, setting)
        assert found.values.tolist() == expected.values.tolist()
        assert (found.counts == expected.counts).all()
        assert (found.units, found.cells) == (expected.units, expected.cells)
    to_b = table.select("mAP", "cross-lingual", passage_languages=["b"])
    assert to_b.cells == (("a", "b"),)
    assert table.select("mAP", "multilingual", languages=["b"]).cells == (("b", "all"),)
    with pytest.raises(ValueError, match="no cell of setting 'multilingual'"):
        table.select("mAP", "multilingual", languages=["c"])
    with pytest.raises(ValueError, match="no metric 'R@1'"):
        table.select("R@1", "multilingual")
    with pytest.raises(ValueError, match="at least one metric"):
        gather(frames, [])
    with pytest.raises(ValueError, match="table 0 has no rows"):
        gather([frames[0].iloc[:0]], ["mAP"])


def test_tables_that_do_not_fit_are_refused() -> None:
    frame = per_query(0)
    with pytest.raises(ValueError, match="at least one table"):
        from_per_query([], "mAP", "multilingual")
    with pytest.raises(ValueError, match="table 0 has no column 'R@1'"):
        from_per_query([frame], "R@1", "multilingual")
    with pytest.raises(ValueError, match="no rows with setting 'mixed'"):
        from_per_query([frame], "mAP", "mixed")
    with pytest.raises(ValueError, match="tables 0 and 1 differ"):
        from_per_query([frame, frame.iloc[:-1]], "mAP", "multilingual")
    with pytest.raises(ValueError, match="tables 0 and 1 differ"):
        from_per_query([frame, frame.iloc[::-1]], "mAP", "multilingual")
    hole = frame.assign(mAP=frame["mAP"].where(frame["query"] != 3))
    with pytest.raises(ValueError, match="table 0 has no mAP for query 3"):
        from_per_query([hole], "mAP", "multilingual")


def test_bad_values_are_refused() -> None:
    values = np.zeros((5, 4, 2))
    with pytest.raises(ValueError, match=r"seeds x units x cells, not of shape \(5, 4\)"):
        interval(values[..., 0])
    with pytest.raises(ValueError, match="counts of shape"):
        interval(values, np.ones((2, 4)))
    with pytest.raises(ValueError, match="one unit cannot be resampled"):
        interval(values[:, :1])
    with pytest.raises(ValueError, match="cell 1 has no query"):
        interval(values, np.array([[1, 0]] * 4))
    with pytest.raises(ValueError, match="must be finite"):
        interval(np.full((5, 4, 2), np.inf))
    with pytest.raises(ValueError, match="level must lie between 0 and 1, not 95"):
        interval(values, level=95)
    with pytest.raises(ValueError, match="resamples must be at least 1"):
        interval(values, resamples=0)
    with pytest.raises(ValueError, match="have shapes"):
        paired_difference(values, values[:4])
    with pytest.raises(ValueError, match="counts must be numbers from 0 up"):
        interval(values, np.full((4, 2), -1))
    with pytest.raises(ValueError, match="measure 1 has queries in one unit only"):
        resample_cells(values, np.array([[1, 1], [1, 0], [1, 0], [1, 0]]))
    with pytest.raises(ValueError, match="at least one measure"):
        resample([])
    with pytest.raises(ValueError, match=r"other \(seeds, units\): \[\(4, 4\), \(5, 4\)\]"):
        resample([values, values[:4]])
    one = UnitValues(values, np.ones((4, 2)), (0, 1, 2, 3), (("a", "a"), ("b", "b")))
    other = UnitValues(values, np.ones((4, 2)), (0, 1, 2, 4), (("a", "a"), ("b", "b")))
    with pytest.raises(ValueError, match="differ in their units"):
        paired_difference(one, other)
