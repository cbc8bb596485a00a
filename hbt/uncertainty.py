"""Intervals for mean scores: how far would another set of questions, or other seeds, move them?

Every seed is scored on the same questions, so seeds and questions are crossed, not nested, and a
resample draws both anew, each once. Questions on one paragraph are no independent evidence: they
are drawn together, as one unit.

The two draws are added up: what other units do to the mean over all seeds, and what other seeds do
to the mean over all units. The pigeonhole bootstrap (Owen 2007, Annals of Applied Statistics 1)
takes the drawn seeds on the drawn units instead; that counts the noise that is peculiar to a seed
and a question three times, here it is counted twice, so that intervals err to the safe side where
that noise is all there is, but by less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MINIMUM_SEEDS = 5
"""With fewer seeds no interval over seeds is given: it would be mostly made up."""

_BLOCK = 500  # resamples in one matrix product; keeps memory small


@dataclass(frozen=True)
class UnitValues:
    """Scores gathered by unit and cell, for `interval` and `paired_difference`.

    Attributes:
        values: float64 (n_seeds, n_units, n_cells); mean score of the unit's queries in the cell,
            0 where it has none.
        counts: int64 (n_units, n_cells); number of these queries, the same for all seeds.
        units: the items or clusters that are drawn as one.
        cells: (query language, passage language) of each cell.
    """

    values: np.ndarray
    counts: np.ndarray
    units: tuple[int, ...]
    cells: tuple[tuple[str, str], ...]


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
        n_units: number of units that were drawn.
    """

    estimate: float
    low: float
    high: float
    level: float
    over: str
    points: tuple[float, ...]
    n_units: int


def from_per_query(
    frames: Sequence[pd.DataFrame], metric: str, setting: str, unit: str = "cluster"
) -> UnitValues:
    """Gathers scores from `Evaluation.per_query` tables of one system, one table for each seed.

    Args:
        frames: tables with the columns query, item, cluster, query_language, setting,
            passage_language and the metric; all with the same rows in the same order. To ask
            about some languages only, give those rows of the tables.
        metric: column to read.
        setting: "monolingual", "cross-lingual" or "multilingual".
        unit: column whose values are drawn as one, "cluster" or "item".

    Raises:
        ValueError: no table, no row or no such column, tables that differ in their rows, or a
            query without a value.
    """
    if not frames:
        raise ValueError("at least one table is needed, none was given")
    keys = ["query", "query_language", "passage_language", unit]
    parts = []
    for seed, frame in enumerate(frames):
        missing = [column for column in ("setting", *keys, metric) if column not in frame]
        if missing:
            raise ValueError(f"table {seed} has no column {missing[0]!r}")
        parts.append(frame[frame["setting"] == setting])
    first = parts[0]
    if first.empty:
        raise ValueError(f"table 0 has no rows with setting {setting!r}")
    scores = []
    for seed, part in enumerate(parts):
        if len(part) != len(first) or not all(
            np.array_equal(part[key].to_numpy(), first[key].to_numpy()) for key in keys
        ):
            raise ValueError(f"tables 0 and {seed} differ in the rows of {setting!r}")
        scores.append(part[metric].to_numpy(dtype=float))
        if np.isnan(scores[-1]).any():
            query = part["query"].to_numpy()[np.isnan(scores[-1])][0]
            raise ValueError(f"table {seed} has no {metric} for query {query}")
    units, unit_at = np.unique(first[unit].to_numpy(), return_inverse=True)
    pairs = list(zip(first["query_language"], first["passage_language"], strict=True))
    cells = sorted(set(pairs))
    cell_at = {cell: index for index, cell in enumerate(cells)}
    place = unit_at * len(cells) + np.array([cell_at[pair] for pair in pairs])
    shape = (len(units), len(cells))
    counts = np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.stack(
        [np.bincount(place, score, minlength=counts.size).reshape(shape) for score in scores]
    )
    return UnitValues(sums / np.maximum(counts, 1), counts, tuple(units.tolist()), tuple(cells))


def interval(
    values: UnitValues | np.ndarray,
    counts: np.ndarray | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
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
            bootstrap", section 4.1.2). False gives the plain percentile interval.

    Returns:
        The percentile interval over seeds and units, or over units alone with few seeds.

    Raises:
        ValueError: shapes that do not fit, fewer than two units, a cell without any query, a
            value that is not a number, a level outside 0 to 1, or no resample.
    """
    values, counts = _checked(values, counts)
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")
    n_seeds, n_units, _ = values.shape
    points = _seed_means(values, counts, np.ones((1, n_units)))[0]
    estimate = float(points.mean())
    random = np.random.default_rng(seed)
    by_units = _resampled_means(values, counts, resamples, random) - estimate
    drawn = estimate + _widening(n_units, level, widen) * by_units
    seeds_too = n_seeds >= MINIMUM_SEEDS
    if seeds_too:
        by_seeds = _draws(random, resamples, n_seeds) @ points / n_seeds - estimate
        drawn = drawn + _widening(n_seeds, level, widen) * by_seeds
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    over = "seeds and items" if seeds_too else "items"
    return Interval(estimate, float(low), float(high), level, over, tuple(points.tolist()), n_units)


def paired_difference(
    first: UnitValues | np.ndarray,
    second: UnitValues | np.ndarray,
    counts: np.ndarray | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    widen: bool = True,
) -> Interval:
    """Interval of first minus second, two systems on the same questions and seeds.

    Both are drawn together: seed s of one belongs to seed s of the other. Arguments, result and
    errors as for `interval`; the two must also agree in shape, units, cells and counts.
    """
    if isinstance(first, UnitValues) and isinstance(second, UnitValues):
        for name in ("units", "cells"):
            if getattr(first, name) != getattr(second, name):
                raise ValueError(f"the two systems differ in their {name}")
        if not np.array_equal(first.counts, second.counts):
            raise ValueError("the two systems differ in their counts of queries")
    first, counts_of_first = _checked(first, counts)
    second, _ = _checked(second, counts)
    if first.shape != second.shape:
        raise ValueError(f"the two systems have shapes {first.shape} and {second.shape}")
    return interval(
        first - second,
        counts_of_first,
        level=level,
        resamples=resamples,
        seed=seed,
        widen=widen,
    )


def _checked(
    values: UnitValues | np.ndarray, counts: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Values with zeros where nothing is counted, and counts, as float64."""
    if isinstance(values, UnitValues):
        values, counts = values.values, values.counts
    values = np.asarray(values, dtype=float)
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(f"values must be seeds x units x cells, not of shape {values.shape}")
    counts = np.ones(values.shape[1:]) if counts is None else np.asarray(counts, dtype=float)
    if counts.shape != values.shape[1:]:
        raise ValueError(f"counts of shape {counts.shape} do not fit values {values.shape}")
    if values.shape[1] < 2:
        raise ValueError("one unit cannot be resampled: at least two items or clusters are needed")
    if not (counts.sum(axis=0) > 0).all():
        raise ValueError(f"cell {int(np.argmin(counts.sum(axis=0)))} has no query")
    values = np.where(counts > 0, values, 0.0)
    if not np.isfinite(values).all():
        raise ValueError("values must be finite where queries are counted")
    return values, counts


def _resampled_means(
    values: np.ndarray, counts: np.ndarray, resamples: int, random: np.random.Generator
) -> np.ndarray:
    """The macro mean over all seeds for each draw of units: float64 (resamples,)."""
    over_seeds = values.mean(axis=0, keepdims=True)
    blocks = [min(_BLOCK, resamples - start) for start in range(0, resamples, _BLOCK)]
    draws = (_draws(random, block, values.shape[1]) for block in blocks)
    return np.concatenate([_seed_means(over_seeds, counts, drawn)[:, 0] for drawn in draws])


def _draws(random: np.random.Generator, rows: int, n: int) -> np.ndarray:
    """How often each of n things comes in n draws with replacement: float64 (rows, n)."""
    drawn = random.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(float)


def _seed_means(values: np.ndarray, counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Macro mean over cells for unit weights (n_rows, n_units): float64 (n_rows, n_seeds)."""
    n_seeds, n_units, n_cells = values.shape
    sums = (values * counts).transpose(1, 0, 2).reshape(n_units, n_seeds * n_cells)
    numerator = (weights @ sums).reshape(-1, n_seeds, n_cells)
    denominator = weights @ counts  # (n_rows, n_cells)
    filled = denominator > 0
    means = numerator / np.where(filled, denominator, 1)[:, None, :]  # zero where not filled
    return means.sum(axis=2) / filled.sum(axis=1)[:, None]


def _widening(n: int, level: float, widen: bool) -> float:
    if not widen:
        return 1.0
    from scipy import stats

    upper = (1 + level) / 2
    return float(np.sqrt(n / (n - 1)) * stats.t.ppf(upper, n - 1) / stats.norm.ppf(upper))
