"""Tables of results with intervals, and sentences that say what they are evidence of.

A system is a name with its results, one for each seed; systems that are compared have the same
seeds in the same order. Intervals are those of `hbt.uncertainty`: over seeds and items from five
seeds on, over items alone with fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hbt import comparisons
from hbt.units import UnitTable, gather

if TYPE_CHECKING:
    import pandas as pd

    from hbt.suite.experiment import Result

SETTINGS = ("monolingual", "cross-lingual", "multilingual")
RANK_DISTANCE = "rank_distance"
RESAMPLES = 2_000
"""Enough for a figure; the committed tables take 10,000."""


def unit_table(
    results: Sequence[Result], metrics: Sequence[str], settings: Sequence[str] = SETTINGS
) -> UnitTable:
    """All scores of one system, gathered from its results, one for each seed.

    Args:
        results: one for each seed.
        metrics: columns of `Result.per_query`, or "rank_distance" alone.
        settings: to read; rank distance has "multilingual" only.
    """
    if list(metrics) == [RANK_DISTANCE]:
        return gather((result.rank_distance for result in results), metrics)
    return gather((result.rows(settings, metrics) for result in results), metrics)


def interval_table(
    systems: Mapping[str, Sequence[Result]],
    metric: str = "mAP",
    settings: Sequence[str] = SETTINGS,
    languages: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """One row per system and setting, with the columns of `hbt.comparisons.interval_table`.

    Args:
        systems: name -> results, one for each seed.
        metric: a column of `Result.per_query`, or "rank_distance" (setting "multilingual").
        settings: some of SETTINGS.
        languages: query languages to keep; all where not given.
        resamples: of the bootstrap.
    """
    gathered = {name: unit_table(results, [metric], settings) for name, results in systems.items()}
    return comparisons.interval_table(
        gathered, settings=settings, languages=languages, resamples=resamples
    )


def difference_table(
    systems: Mapping[str, Sequence[Result]],
    pairs: Sequence[tuple[str, str]],
    metric: str = "mAP",
    settings: Sequence[str] = SETTINGS,
    languages: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    passage_languages: Sequence[str] | None = None,
) -> pd.DataFrame:
    """First minus second for each pair of systems and each setting, paired by item and seed.

    Columns as in `hbt.comparisons.difference_table`: difference ("first minus second"), metric,
    setting, estimate, low, high, over, n_seeds, p_items, p, p_holm, detectable, verdict. Arguments
    as for `interval_table`; `passage_languages` are those to keep.
    """
    names = dict.fromkeys(name for pair in pairs for name in pair)
    gathered = {name: unit_table(systems[name], [metric], settings) for name in names}
    return comparisons.difference_table(
        gathered,
        pairs,
        settings=settings,
        languages=languages,
        passage_languages=passage_languages,
        resamples=resamples,
    )


def sentences(table: pd.DataFrame, digits: int = 3) -> list[str]:
    """Each row of a `difference_table` as a sentence for the reader."""
    texts = []
    for row in table.itertuples():
        finding = {
            "higher": "the interval is above zero",
            "lower": "the interval is below zero",
            "no evidence": "the interval holds zero: no evidence either way",
        }[row.verdict]
        texts.append(
            f"{row.difference}, {row.setting} {row.metric.replace('_', ' ')}: "
            f"{row.estimate:+.{digits}f} [{row.low:+.{digits}f}, {row.high:+.{digits}f}] "
            f"over {row.over}, {row.n_seeds} seed{'s' * (row.n_seeds > 1)}; {finding}"
        )
    return texts
