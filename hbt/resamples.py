"""Many means under the same draws of units and seeds: the engine of `hbt.uncertainty`.

What takes time in a bootstrap is to draw and to add up. Here both are done once for all means: a
draw is how often each unit comes, so all resampled sums are one product of matrices, and the cells
of a mean that have equal counts of queries are added up before, since they share their divisor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hbt.units import UnitValues
from hbt.variances import MINIMUM_SEEDS, variances

_BLOCK = 500  # resamples in one matrix product; keeps memory small


@dataclass(frozen=True)
class Interval:
    """A mean with its interval.

    Attributes:
        estimate: mean over seeds of `points`.
        low, high: ends of the interval.
        level: its level, such as 0.95.
        over: "seeds and items", or "items" where there are fewer than `MINIMUM_SEEDS` seeds; then
            it speaks of these very seeds, and `points` show how far they lie apart.
        points: the mean of each seed.
        n_units: number of units with a query, of those that were drawn.
    """

    estimate: float
    low: float
    high: float
    level: float
    over: str
    points: tuple[float, ...]
    n_units: int


@dataclass(frozen=True)
class Resamples:
    """Many means under the same draws; takes 8 bytes for each mean and resample.

    Attributes:
        points: float64 (n_seeds, n); each mean on each seed.
        by_units: float64 (n, n_resamples); the mean over all seeds on drawn units. NaN where no
            drawn unit has a query for this mean.
        drawn_seeds: float64 (n_resamples, n_seeds), how often each seed is drawn, or None with
            fewer than `MINIMUM_SEEDS` seeds.
        n_units: int64 (n,); the units that have a query for this mean.
        once: float64 (n,); `hbt.variances.Variances.once`.
    """

    points: np.ndarray
    by_units: np.ndarray
    drawn_seeds: np.ndarray | None
    n_units: np.ndarray
    once: np.ndarray

    @property
    def over(self) -> str:
        """What was drawn: "seeds and items" or "items"."""
        return "items" if self.drawn_seeds is None else "seeds and items"

    def drawn(self, level: float | np.ndarray, widen: bool = True) -> np.ndarray:
        """The resampled means, widened for intervals of that level: float64 (n, n_resamples)."""
        estimate = self.points.mean(axis=0)[:, None]
        means = _widening(self.n_units, level, widen) * (self.by_units - estimate)
        if self.drawn_seeds is not None:
            n_seeds = len(self.points)
            by_seeds = (self.points.T - estimate) @ self.drawn_seeds.T / n_seeds
            means += _widening(n_seeds, level, widen) * by_seeds
        return estimate + (self.once[:, None] if widen else 1) * means

    def intervals(self, level: float = 0.95, widen: bool = True) -> list[Interval]:
        """The percentile interval of each mean; see `interval`.

        Raises:
            ValueError: a level outside 0 to 1.
        """
        check_level(level)
        means = self.drawn(level, widen)
        quantile = np.nanquantile if np.isnan(means).any() else np.quantile
        ends = quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=1).T
        estimates = self.points.mean(axis=0)
        return [
            Interval(float(estimate), float(low), float(high), level, self.over, points, int(units))
            for estimate, (low, high), points, units in zip(
                estimates, ends, map(tuple, self.points.T.tolist()), self.n_units, strict=True
            )
        ]

    def p_values(self) -> np.ndarray:
        """Two-sided p that a mean is zero, by turning the interval around: float64 (n,).

        The p is the smallest alpha whose interval of level 1 - alpha leaves zero out, so that
        p < 0.05 and the 95 % interval say the same. Not below 2 / (n_resamples + 1): what was
        drawn counts as one of the draws (Davison and Hinkley 1997, "Bootstrap methods and their
        application", section 4.2.5).
        """
        low, high = np.zeros(len(self.by_units)), np.ones(len(self.by_units))
        for _ in range(20):  # a millionth is finer than any number of resamples can tell
            alpha = (low + high) / 2
            excluded = self._beyond_zero(alpha) <= alpha
            low, high = np.where(excluded, low, alpha), np.where(excluded, alpha, high)
        return np.maximum(high, 2 / (1 + self.by_units.shape[1]))

    def _beyond_zero(self, alpha: np.ndarray) -> np.ndarray:
        """Twice the share of the draws, widened for 1 - alpha, on the far side of zero."""
        means = self.drawn(1 - alpha)
        valid = (~np.isnan(means)).sum(axis=1)
        fewer = np.minimum((means <= 0).sum(axis=1), (means >= 0).sum(axis=1))
        return 2 * (1 + fewer) / (1 + valid)


def checked(
    values: UnitValues | np.ndarray, counts: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Values with zeros where nothing is counted, and counts, as float64; errors: `interval`."""
    if isinstance(values, UnitValues):
        values, counts = values.values, values.counts
    values = np.asarray(values, dtype=float)
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(f"values must be seeds x units x cells, not of shape {values.shape}")
    counts = np.ones(values.shape[1:]) if counts is None else np.asarray(counts, dtype=float)
    if counts.shape != values.shape[1:]:
        raise ValueError(f"counts of shape {counts.shape} do not fit values {values.shape}")
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError("counts must be numbers from 0 up")
    if (counts > 0).any(axis=1).sum() < 2:
        raise ValueError("one unit cannot be resampled: at least two items or clusters are needed")
    if not (counts.sum(axis=0) > 0).all():
        raise ValueError(f"cell {int(np.argmin(counts.sum(axis=0)))} has no query")
    values = np.where(counts > 0, values, 0.0)
    if not np.isfinite(values).all():
        raise ValueError("values must be finite where queries are counted")
    return values, counts


def draw(
    values: np.ndarray, counts: np.ndarray, measure: np.ndarray, n_resamples: int, seed: int
) -> Resamples:
    """Resamples the macro mean of each measure.

    Args:
        values: float64 (n_seeds, n_units, n_cells), as `checked` returns them.
        counts: float64 (n_units, n_cells).
        measure: int64 (n_cells,), the measure of each cell: 0, 1, ... in rising order.
        n_resamples: number of resamples.
        seed: of the draws.

    Raises:
        ValueError: no resample, or a measure with queries in fewer than two units.
    """
    if n_resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {n_resamples}")
    spread = variances(values, counts, measure)
    if spread.n_units.min() < 2:
        raise ValueError(
            f"measure {int(np.argmin(spread.n_units))} has queries in one unit only, and one unit "
            "cannot be resampled: at least two items or clusters are needed"
        )
    cell_means = (values * counts).sum(axis=1) / counts.sum(axis=0)
    starts = np.flatnonzero(np.diff(measure, prepend=-1))
    points = np.add.reduceat(cell_means, starts, axis=1) / np.bincount(measure)
    random = np.random.default_rng(seed)
    by_units = _by_units(values.mean(axis=0) * counts, counts, measure, n_resamples, random)
    seeds_too = len(values) >= MINIMUM_SEEDS
    drawn_seeds = _draw_counts(random, n_resamples, len(values)) if seeds_too else None
    return Resamples(points, by_units, drawn_seeds, spread.n_units, spread.once)


def _by_units(
    sums: np.ndarray,
    counts: np.ndarray,
    measure: np.ndarray,
    n_resamples: int,
    random: np.random.Generator,
) -> np.ndarray:
    """Macro means of drawn units from sums and counts (n_units, n_cells): (n, n_resamples)."""
    patterns, pattern = np.unique(counts.T, axis=0, return_inverse=True)
    groups, group = np.unique(measure * len(patterns) + pattern.ravel(), return_inverse=True)
    order = np.argsort(group, kind="stable")
    firsts = np.searchsorted(group[order], np.arange(len(groups)))
    sums = np.add.reduceat(sums[:, order], firsts, axis=1)  # (n_units, n_groups)
    n_cells = np.bincount(group)
    of_measure, of_pattern = groups // len(patterns), groups % len(patterns)
    starts = np.flatnonzero(np.diff(of_measure, prepend=-1))
    means = np.empty((len(starts), n_resamples))
    for start in range(0, n_resamples, _BLOCK):
        drawn = _draw_counts(random, min(_BLOCK, n_resamples - start), len(sums))
        divisors = (drawn @ patterns.T)[:, of_pattern]  # (n_drawn, n_groups)
        filled = divisors > 0
        parts = drawn @ sums / np.where(filled, divisors, 1)  # zero where not filled
        n_filled = np.add.reduceat(filled * n_cells, starts, axis=1)
        totals = np.add.reduceat(parts, starts, axis=1)
        totals[n_filled == 0] = np.nan
        means[:, start : start + len(drawn)] = (totals / np.maximum(n_filled, 1)).T
    return means


def _draw_counts(random: np.random.Generator, rows: int, n: int) -> np.ndarray:
    """How often each of n things comes in n draws with replacement: float64 (rows, n)."""
    drawn = random.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(float)


def check_level(level: float) -> None:
    """Raises ValueError for a level of confidence outside 0 to 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")


def _widening(n: int | np.ndarray, level: float | np.ndarray, widen: bool) -> np.ndarray:
    """What n draws with replacement spread too little: float64 (1 or n, 1)."""
    if not widen:
        return np.ones((1, 1))
    from scipy import stats

    upper = (1 + np.asarray(level)) / 2
    factor = np.sqrt(n / (n - 1)) * stats.t.ppf(upper, n - 1) / stats.norm.ppf(upper)
    return np.atleast_1d(factor)[:, None]
