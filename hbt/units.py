"""Scores gathered by unit: what intervals and tests draw from.

A unit is what is drawn as one, an item or a cluster of items (the questions on one paragraph). The
tables of all queries are large (157,080 rows on XQuAD-R for each seed) and slow to read; what is
gathered here is small (8 MB for all settings, five metrics and five seeds), so each table is read
once and every comparison is made from the gathered scores.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ("query", "setting", "query_language", "passage_language")


@dataclass(frozen=True)
class UnitValues:
    """Scores of one metric in one setting, gathered by unit and cell.

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

    def minus(self, other: UnitValues) -> UnitValues:
        """The paired difference: of the same units, cells and seeds.

        Raises:
            ValueError: the two do not have the same units, cells, counts or number of seeds.
        """
        for name in ("units", "cells"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(f"the two systems differ in their {name}")
        if not np.array_equal(self.counts, other.counts):
            raise ValueError("the two systems differ in their counts of queries")
        if self.values.shape != other.values.shape:
            raise ValueError(
                f"the two systems have shapes {self.values.shape} and {other.values.shape}"
            )
        return UnitValues(self.values - other.values, self.counts, self.units, self.cells)


@dataclass(frozen=True)
class UnitTable:
    """All scores of one system: every metric, setting and cell, gathered by unit.

    Attributes:
        values: float64 (n_metrics, n_seeds, n_units, n_cells), as in `UnitValues`.
        counts: int64 (n_units, n_cells).
        units: the items or clusters that are drawn as one.
        cells: (setting, query language, passage language) of each cell.
        metrics: names, in the order of `values`.
    """

    values: np.ndarray
    counts: np.ndarray
    units: tuple[int, ...]
    cells: tuple[tuple[str, str, str], ...]
    metrics: tuple[str, ...]

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that have a cell, in the order of the tables."""
        return tuple(dict.fromkeys(setting for setting, _, _ in self.cells))

    def select(
        self,
        metric: str,
        setting: str,
        languages: Collection[str] | None = None,
        passage_languages: Collection[str] | None = None,
    ) -> UnitValues:
        """The scores of one metric in one setting, of some languages only where these are given.

        Every unit stays, also one without a query in these cells.

        Raises:
            ValueError: no such metric, or no such cell.
        """
        if metric not in self.metrics:
            raise ValueError(f"no metric {metric!r} was gathered, only {', '.join(self.metrics)}")
        chosen = [
            index
            for index, (place, asked, found) in enumerate(self.cells)
            if place == setting
            and (languages is None or asked in languages)
            and (passage_languages is None or found in passage_languages)
        ]
        if not chosen:
            raise ValueError(f"no cell of setting {setting!r} is left with these languages")
        values = self.values[self.metrics.index(metric)][:, :, chosen]
        cells = tuple(self.cells[index][1:] for index in chosen)
        return UnitValues(values, self.counts[:, chosen], self.units, cells)


def gather(
    frames: Iterable[pd.DataFrame], metrics: Sequence[str], unit: str = "cluster"
) -> UnitTable:
    """Gathers all scores of one system from its `Evaluation.per_query` tables, one for each seed.

    Args:
        frames: tables with the columns query, cluster or item, query_language, setting,
            passage_language and the metrics; all with the same rows in the same order. A
            generator keeps one table at a time in memory.
        metrics: columns to read.
        unit: column whose values are drawn as one, "cluster" or "item".

    Raises:
        ValueError: no table, no row, no metric or no such column, tables that differ in their
            rows, or a query without a value.
    """
    metrics = tuple(metrics)
    if not metrics:
        raise ValueError("at least one metric is needed, none was given")
    keys = (*_KEYS, unit)
    first, means = None, []
    for seed, frame in enumerate(frames):
        missing = [column for column in (*keys, *metrics) if column not in frame]
        if missing:
            raise ValueError(f"table {seed} has no column {missing[0]!r}")
        if first is None:
            first = {key: frame[key].to_numpy() for key in keys}
            units, cells, place = _places(first, unit)
            counts = np.bincount(place, minlength=len(units) * len(cells))
        elif any(not np.array_equal(frame[key].to_numpy(), first[key]) for key in keys):
            raise ValueError(f"tables 0 and {seed} differ in their rows")
        means.append([_means(frame, metric, seed, place, counts) for metric in metrics])
    if first is None:
        raise ValueError("at least one table is needed, none was given")
    shape = (len(units), len(cells))
    values = np.stack(means, axis=1).reshape(len(metrics), len(means), *shape)
    return UnitTable(values, counts.reshape(shape), units, cells, metrics)


def _places(keys: dict[str, np.ndarray], unit: str) -> tuple[tuple, tuple, np.ndarray]:
    """Units, cells, and the place of each row in the table of units by cells, flattened."""
    import pandas as pd

    if not len(keys["query"]):
        raise ValueError("table 0 has no rows")
    units, unit_at = np.unique(keys[unit], return_inverse=True)
    rows = pd.MultiIndex.from_arrays([keys[name] for name in _KEYS[1:]])
    cell_at, cells = rows.factorize()
    settings = list(dict.fromkeys(setting for setting, _, _ in cells))
    order = sorted(range(len(cells)), key=lambda at: (settings.index(cells[at][0]), cells[at]))
    rank = np.empty(len(cells), dtype=int)
    rank[order] = np.arange(len(cells))
    place = unit_at * len(cells) + rank[cell_at]
    return tuple(units.tolist()), tuple(cells[at] for at in order), place


def _means(
    frame: pd.DataFrame, metric: str, seed: int, place: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Mean score at each place, 0 where nothing is: float64 (n_units * n_cells,)."""
    scores = frame[metric].to_numpy(dtype=float)
    if np.isnan(scores).any():
        query = frame["query"].to_numpy()[np.isnan(scores)][0]
        raise ValueError(f"table {seed} has no {metric} for query {query}")
    return np.bincount(place, scores, minlength=len(counts)) / np.maximum(counts, 1)


def from_per_query(
    frames: Sequence[pd.DataFrame], metric: str, setting: str, unit: str = "cluster"
) -> UnitValues:
    """Gathers one metric in one setting; to read tables once for many of them, use `gather`.

    Args:
        frames: as in `gather`. To ask about some languages only, give those rows of the tables.
        metric: column to read.
        setting: "monolingual", "cross-lingual" or "multilingual".
        unit: column whose values are drawn as one, "cluster" or "item".

    Raises:
        ValueError: as in `gather`, or no row of that setting.
    """
    parts = []
    for seed, frame in enumerate(frames):
        if "setting" not in frame:
            raise ValueError(f"table {seed} has no column 'setting'")
        parts.append(frame[frame["setting"] == setting])
        if parts[-1].empty:
            raise ValueError(f"table {seed} has no rows with setting {setting!r}")
    return gather(parts, [metric], unit).select(metric, setting)
