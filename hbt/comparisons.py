"""Tables of many systems, metrics and settings, with intervals and tests from the same draws.

tables = {name: gather(per_query_tables, metrics) for name, per_query_tables in ...}
difference_table(tables, [("hybrid", "X-Y")])
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from hbt.resamples import Interval
from hbt.significance import holm, minimum_detectable_effect, permutation_tests
from hbt.uncertainty import RESAMPLES, resample, verdict
from hbt.units import UnitTable, UnitValues

if TYPE_CHECKING:
    import pandas as pd


def interval_table(
    systems: Mapping[str, UnitTable],
    metrics: Sequence[str] | None = None,
    settings: Sequence[str] | None = None,
    *,
    languages: Collection[str] | None = None,
    passage_languages: Collection[str] | None = None,
    by_cell: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per system, metric and setting, or per cell of these.

    Args:
        systems: name -> what `hbt.units.gather` returns; numbers of seeds may differ.
        metrics: which; all that were gathered where not given.
        settings: which; all that were gathered where not given.
        languages: query languages to keep; all where not given.
        passage_languages: passage languages to keep; all where not given.
        by_cell: one row for each cell, with columns query_language and passage_language.
        resamples: number of resamples.
        seed: of the draws.

    Returns:
        Columns system, metric, setting, estimate, low, high, over, n_seeds, seed_sd (standard
        deviation of the seeds' own estimates; NaN of a single one).

    Raises:
        ValueError: as `UnitTable.select` and `hbt.uncertainty.interval`.
    """
    import pandas as pd

    rows = []
    for system, table in systems.items():
        keys, measures = [], []
        for metric, setting in _pairs(table, metrics, settings):
            values = table.select(metric, setting, languages, passage_languages)
            key = {"system": system, "metric": metric, "setting": setting}
            for cell, part in _cells(values) if by_cell else [({}, values)]:
                keys.append(key | cell)
                measures.append(part)
        found = resample(measures, resamples=resamples, seed=seed).intervals()
        rows += [key | _columns(each) for key, each in zip(keys, found, strict=True)]
    return pd.DataFrame(rows)


def difference_table(
    systems: Mapping[str, UnitTable],
    pairs: Sequence[tuple[str, str]],
    metrics: Sequence[str] | None = None,
    settings: Sequence[str] | None = None,
    *,
    languages: Collection[str] | None = None,
    passage_languages: Collection[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """First minus second for each pair of systems, metric and setting, paired by unit and seed.

    Arguments as for `interval_table`.

    Returns:
        Columns difference ("first minus second"), metric, setting, and those of `evidence`, with
        Holm's correction over all rows.
    """
    import pandas as pd

    keys, differences = [], []
    for first, second in pairs:
        for metric, setting in _pairs(systems[first], metrics, settings):
            one, other = (
                systems[name].select(metric, setting, languages, passage_languages)
                for name in (first, second)
            )
            differences.append(one.minus(other))
            key = {"difference": f"{first} minus {second}", "metric": metric, "setting": setting}
            keys.append(key)
    return evidence(pd.DataFrame(keys), differences, resamples=resamples, seed=seed)


def evidence(
    table: pd.DataFrame,
    differences: Sequence[UnitValues],
    *,
    power: float = 0.8,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """A table of differences with what each is evidence of.

    Args:
        table: one row for each difference; its columns are kept, those below replaced.
        differences: the paired differences of the rows (`UnitValues.minus`), in the same order.
        power: of the minimum detectable effect.
        resamples: number of resamples, and of flips.
        seed: of the draws.

    Returns:
        The table with the columns
        - estimate, low, high, over, n_seeds, seed_sd: the 95 % interval, and the standard deviation
          of the seeds' own estimates;
        - p_items: sign-flip test over units, of these very seeds;
        - p: of what the interval is over. With five or more seeds the interval turned around
          (`Resamples.p_values`), with fewer the same as p_items;
        - p_holm: p after Holm's correction over all rows of the table;
        - detectable: minimum detectable effect;
        - verdict: "higher", "lower" or "no evidence", by the interval alone.

    Raises:
        ValueError: another number of rows than of differences, no row, or as `resample` and
            `minimum_detectable_effect`.
    """
    if len(table) != len(differences):
        raise ValueError(f"the table has {len(table)} rows for {len(differences)} differences")
    if not differences:
        raise ValueError("at least one difference is needed, none was given")
    found, p = [None] * len(differences), [1.0] * len(differences)
    p_items = list(p)
    for places in _same_shape(differences):
        group = [differences[at] for at in places]
        drawn = resample(group, resamples=resamples, seed=seed)
        tests = permutation_tests(group, resamples=resamples, seed=seed)
        turned = [test.p for test in tests] if drawn.drawn_seeds is None else drawn.p_values()
        for at, each, test, p_value in zip(places, drawn.intervals(), tests, turned, strict=True):
            found[at], p_items[at], p[at] = each, test.p, float(p_value)
    columns = [_columns(each) for each in found]
    return table.assign(
        **{name: [row[name] for row in columns] for name in columns[0]},
        p_items=p_items,
        p=p,
        p_holm=holm(p),
        detectable=[minimum_detectable_effect(each, power=power) for each in differences],
        verdict=[verdict(each) for each in found],
    )


def _same_shape(differences: Sequence[UnitValues]) -> list[list[int]]:
    """Places of the differences that can share draws: same units, same number of seeds."""
    groups: dict[tuple, list[int]] = {}
    for at, each in enumerate(differences):
        groups.setdefault((each.units, len(each.values)), []).append(at)
    return list(groups.values())


def _pairs(
    table: UnitTable, metrics: Sequence[str] | None, settings: Sequence[str] | None
) -> list[tuple[str, str]]:
    chosen = table.settings if settings is None else settings
    return [(metric, setting) for metric in metrics or table.metrics for setting in chosen]


def _cells(values: UnitValues) -> list[tuple[dict[str, str], UnitValues]]:
    """Each cell as values of its own, with its languages."""
    parts = []
    for at, cell in enumerate(values.cells):
        alone = slice(at, at + 1)
        part = UnitValues(
            values.values[..., alone], values.counts[:, alone], values.units, values.cells[alone]
        )
        parts.append(({"query_language": cell[0], "passage_language": cell[1]}, part))
    return parts


def interval_columns(found: Interval) -> dict[str, object]:
    """What a row of a table says of an interval: estimate, low, high, over, n_seeds."""
    return {
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "over": found.over,
        "n_seeds": len(found.points),
    }


def _columns(found: Interval) -> dict[str, object]:
    spread = statistics.stdev(found.points) if len(found.points) > 1 else math.nan
    return interval_columns(found) | {"seed_sd": spread}
