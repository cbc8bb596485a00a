"""Tables of results with intervals, and sentences that say what they are evidence of.

A system is a name with its results, one for each seed; systems that are compared have the same
seeds in the same order. Intervals are those of `hbt.uncertainty`: over seeds and items from five
seeds on, over items alone with fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hbt.uncertainty import Interval, UnitValues, from_per_query, interval, paired_difference

if TYPE_CHECKING:
    import pandas as pd

    from hbt.suite.experiment import Result

SETTINGS = ("monolingual", "cross-lingual", "multilingual")
RANK_DISTANCE = "rank_distance"
RESAMPLES = 2_000
"""Enough for a figure; the committed tables take 10,000."""


def unit_values(
    results: Sequence[Result],
    metric: str,
    setting: str,
    languages: Sequence[str] | None = None,
    passage_languages: Sequence[str] | None = None,
) -> UnitValues:
    """Scores of one system by cluster and cell, or its rank distances.

    Args:
        results: one for each seed.
        metric: a column of `Result.per_query`, or "rank_distance" (setting "multilingual").
        setting: one of SETTINGS.
        languages: query languages to keep; all where not given.
        passage_languages: passage languages to keep; all where not given.
    """
    frames = []
    for result in results:
        frame = result.rank_distance if metric == RANK_DISTANCE else _rows(result, metric, setting)
        if languages is not None:
            frame = frame[frame.query_language.isin(languages)]
        if passage_languages is not None:
            frame = frame[frame.passage_language.isin(passage_languages)]
        frames.append(frame)
    return from_per_query(frames, metric, setting)


def _rows(result: Result, metric: str, setting: str) -> pd.DataFrame:
    """What `from_per_query` needs of `Result.per_query`, which is too large to keep for each seed.

    On XQuAD-R a whole table takes 16 MB, and a notebook compares a dozen of them.
    """
    import pandas as pd

    columns = ["query", "cluster", "query_language", "setting", "passage_language", metric]
    file = result.folder / "per_query.parquet"
    return pd.read_parquet(file, columns=columns, filters=[("setting", "==", setting)])


def interval_table(
    systems: Mapping[str, Sequence[Result]],
    metric: str = "mAP",
    settings: Sequence[str] = SETTINGS,
    languages: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """One row per system and setting: system, setting, estimate, low, high, over, n_seeds."""
    import pandas as pd

    rows = []
    for name, results in systems.items():
        for setting in settings:
            values = unit_values(results, metric, setting, languages)
            rows.append(
                {"system": name, "setting": setting, "metric": metric}
                | _row(interval(values, resamples=resamples))
            )
    return pd.DataFrame(rows)


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

    Columns: difference ("first minus second"), setting, metric, estimate, low, high, over,
    n_seeds, verdict. `languages` and `passage_languages` are as in `unit_values`.
    """
    import pandas as pd

    rows = []
    for first, second in pairs:
        for setting in settings:
            both = (
                unit_values(systems[name], metric, setting, languages, passage_languages)
                for name in (first, second)
            )
            found = paired_difference(*both, resamples=resamples)
            rows.append(
                {"difference": f"{first} minus {second}", "setting": setting, "metric": metric}
                | _row(found)
                | {"verdict": verdict(found)}
            )
    return pd.DataFrame(rows)


def _row(found: Interval) -> dict[str, object]:
    return {
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "over": found.over,
        "n_seeds": len(found.points),
    }


def verdict(found: Interval) -> str:
    """What an interval of a difference is evidence of: "higher", "lower" or "no evidence"."""
    if found.low > 0:
        return "higher"
    if found.high < 0:
        return "lower"
    return "no evidence"


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
