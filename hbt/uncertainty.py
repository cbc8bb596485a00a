"""Intervals for mean scores: how far would another set of questions, or other seeds, move them?

Every seed is scored on the same questions, so seeds and questions are crossed, not nested, and a
resample draws both anew, each once. Questions on one paragraph are no independent evidence: they
are drawn together, as one unit.

The two draws are added up: what other units do to the mean over all seeds, and what other seeds do
to the mean over all units. So the noise that is peculiar to a seed and a question is counted twice
(three times by the pigeonhole bootstrap of Owen 2007, Annals of Applied Statistics 1, which takes
the drawn seeds on the drawn units), and intervals are narrowed by what it adds the second time
(`hbt.variances`). How often they hold the truth is measured in docs/uncertainty.md.

Tests are in `hbt.significance`, tables of many systems in `hbt.comparisons`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hbt.resamples import Interval, Resamples, check_level, checked, draw
from hbt.units import UnitTable, UnitValues, from_per_query, gather
from hbt.variances import MINIMUM_SEEDS

__all__ = [
    "MINIMUM_SEEDS",
    "Interval",
    "Resamples",
    "UnitTable",
    "UnitValues",
    "difference",
    "from_per_query",
    "gather",
    "interval",
    "paired_difference",
    "resample",
    "resample_cells",
    "verdict",
]

RESAMPLES = 10_000


def verdict(found: Interval) -> str:
    """What an interval of a difference is evidence of: "higher", "lower" or "no evidence"."""
    if found.low > 0:
        return "higher"
    if found.high < 0:
        return "lower"
    return "no evidence"


def resample(
    measures: Sequence[UnitValues | np.ndarray],
    counts: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Resamples:
    """Draws units and seeds once, for the macro means of many measures.

    A measure is the score of a system by a metric in a setting, or a difference of two. All of
    them see the same draws, which also are those of `interval` with the same seed.

    Args:
        measures: each float (n_seeds, n_units, n_cells) or `UnitValues`; n_cells may differ.
        counts: int (n_units, n_cells), queries behind each value of every measure that is an
            array; 1 where not given.
        resamples: number of resamples.
        seed: of the draws; equal seeds draw equal units, for any values of the same shape.

    Raises:
        ValueError: as `interval`, or measures with other numbers of seeds or units.
    """
    if not measures:
        raise ValueError("at least one measure is needed, none was given")
    parts = [checked(each, counts) for each in measures]
    shapes = {values.shape[:2] for values, _ in parts}
    if len(shapes) > 1:
        raise ValueError(f"the measures have other (seeds, units): {sorted(shapes)}")
    sizes = [values.shape[2] for values, _ in parts]
    return draw(
        np.concatenate([values for values, _ in parts], axis=2),
        np.concatenate([counts for _, counts in parts], axis=1),
        np.repeat(np.arange(len(parts)), sizes),
        resamples,
        seed,
    )


def resample_cells(
    values: UnitValues | np.ndarray,
    counts: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Resamples:
    """As `resample`, with each cell as a measure of its own."""
    values, counts = checked(values, counts)
    return draw(values, counts, np.arange(values.shape[2]), resamples, seed)


def interval(
    values: UnitValues | np.ndarray,
    counts: np.ndarray | None = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
    widen: bool = True,
) -> Interval:
    """Interval of the macro mean: over the queries of a cell, then over cells, then over seeds.

    Args:
        values: float (n_seeds, n_units, n_cells), or what `from_per_query` returns.
        counts: int (n_units, n_cells), number of queries behind each value; 1 where not given.
            A cell that no drawn unit has is left out of the macro mean of that resample.
        level: level of the interval.
        resamples: number of resamples.
        seed: of the draws; equal seeds draw equal units, for any values of the same shape.
        widen: few seeds or units vary less when drawn anew than they do in truth, and a normal
            quantile is too short for them: widen by sqrt(n / (n - 1)) * t_(n - 1) / z, each of
            the two on its own part (Hesterberg 2015, "What teachers should know about the
            bootstrap", section 4.1.2); and narrow by the noise that the sum of the two counts
            twice. False gives the plain percentile interval.

    Returns:
        The percentile interval over seeds and units, or over units alone with few seeds.

    Raises:
        ValueError: shapes that do not fit, fewer than two units, a cell without any query, a
            value that is not a number, a level outside 0 to 1, or no resample.
    """
    check_level(level)
    drawn = resample([values], counts, resamples=resamples, seed=seed)
    return drawn.intervals(level, widen)[0]


def paired_difference(
    first: UnitValues | np.ndarray,
    second: UnitValues | np.ndarray,
    counts: np.ndarray | None = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
    widen: bool = True,
) -> Interval:
    """Interval of first minus second, two systems on the same questions and seeds.

    Both are drawn together: seed s of one belongs to seed s of the other. Arguments, result and
    errors as for `interval`; the two must also agree in shape, units, cells and counts.
    """
    values, counts = difference(first, second, counts)
    return interval(values, counts, level=level, resamples=resamples, seed=seed, widen=widen)


def difference(
    first: UnitValues | np.ndarray,
    second: UnitValues | np.ndarray,
    counts: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """First minus second, and their counts, as float64; errors as for `paired_difference`."""
    if isinstance(first, UnitValues) and isinstance(second, UnitValues):
        return checked(first.minus(second), None)
    first, counts_of_first = checked(first, counts)
    second, _ = checked(second, counts)
    if first.shape != second.shape:
        raise ValueError(f"the two systems have shapes {first.shape} and {second.shape}")
    return first - second, counts_of_first
