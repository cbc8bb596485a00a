"""How much of a mean's variance comes from units and from seeds, without resampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MINIMUM_SEEDS = 5
"""With fewer seeds no interval over seeds is given: it would be mostly made up."""


@dataclass(frozen=True)
class Variances:
    """Squared standard errors of macro means, each by one of the two ways to draw it anew.

    With item effects of variance b^2, seed effects a^2 and noise e^2 peculiar to a seed and an
    item, n seeds and m units, the mean has variance a^2 / n + b^2 / m + e^2 / (n m). Other units
    alone give b^2 / m + e^2 / (n m), other seeds alone a^2 / n + e^2 / (n m): their sum holds the
    noise twice, and `joint` is the sum without its second time, but no less than either (the
    estimators of the two-way analysis of variance: Searle, Casella and McCulloch 1992, "Variance
    components", section 4.3).

    Attributes:
        units: float64 (n,); by other units.
        seeds: float64 (n,); by other seeds, 0 with fewer than `MINIMUM_SEEDS` seeds.
        joint: float64 (n,); by both.
        n_units: int64 (n,); units with a query for this mean.
        n_seeds: number of seeds.
    """

    units: np.ndarray
    seeds: np.ndarray
    joint: np.ndarray
    n_units: np.ndarray
    n_seeds: int

    @property
    def once(self) -> np.ndarray:
        """Factor that makes a spread with the noise counted twice one that has it once: (n,)."""
        twice = self.units + self.seeds
        return np.sqrt(np.divide(self.joint, twice, out=np.ones_like(twice), where=twice > 0))


def variances(values: np.ndarray, counts: np.ndarray, measure: np.ndarray) -> Variances:
    """Variances of the macro mean of each measure.

    A macro mean is a mean of ratios, sums over counts of queries; what a unit adds to it is taken
    from the linearised ratio (Cochran 1977, "Sampling techniques", section 6.3).

    Args:
        values: float64 (n_seeds, n_units, n_cells), 0 where nothing is counted.
        counts: float64 (n_units, n_cells).
        measure: int64 (n_cells,), the measure of each cell: 0, 1, ... in rising order.
    """
    n_seeds = len(values)
    starts = np.flatnonzero(np.diff(measure, prepend=-1))
    n_cells = np.bincount(measure)
    n_units = (np.add.reduceat(counts, starts, axis=1) > 0).sum(axis=0)
    means = (values * counts).sum(axis=1) / counts.sum(axis=0)  # (n_seeds, n_cells)
    adds = (values - means[:, None]) * (counts / counts.sum(axis=0))
    adds = np.add.reduceat(adds, starts, axis=2) / n_cells  # (n_seeds, n_units, n)
    over_seeds = adds.mean(axis=0)
    small_sample = n_units / np.maximum(n_units - 1, 1)
    units = (over_seeds**2).sum(axis=0) * small_sample
    if n_seeds < MINIMUM_SEEDS:
        return Variances(units, np.zeros_like(units), units, n_units, n_seeds)
    points = np.add.reduceat(means, starts, axis=1) / n_cells
    seeds = points.var(axis=0, ddof=1) / n_seeds
    noise = ((adds - over_seeds) ** 2).sum(axis=(0, 1)) * small_sample / (n_seeds * (n_seeds - 1))
    joint = np.maximum(units + seeds - noise, np.maximum(units, seeds))
    return Variances(units, seeds, joint, n_units, n_seeds)
