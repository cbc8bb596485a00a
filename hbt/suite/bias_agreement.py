"""Do measures of language bias agree? Systems and languages put in order by each of them.

Measures have different directions and different ideals. A `Yardstick` says what "less biased" means
for one of them, and turns its scores into badness, of which less is better for every measure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbt.units import UnitTable, UnitValues, gather

if TYPE_CHECKING:
    import pandas as pd

    from hbt.suite.bias_study import Measured

SETTING = "multilingual"


@dataclass(frozen=True)
class Yardstick:
    """What less biased means for one measure.

    Attributes:
        key: of the measure, as in `hbt.bias.summary`.
        label: for tables and figures.
        better: "lower", "higher", or "near" (to `unbiased`).
        unbiased: the value without bias, for "near".
        of_worst_rank: does it hang on the worst rank, which the rule of ties makes where many tie?
    """

    key: str
    label: str
    better: str
    unbiased: float = 0.0
    of_worst_rank: bool = False

    def badness(self, value: float | np.ndarray) -> float | np.ndarray:
        """Values turned so that less is less biased."""
        if self.better == "near":
            return abs(value - self.unbiased)
        return value if self.better == "lower" else -value

    def badness_of(self, values: UnitValues, estimate: float) -> UnitValues:
        """Scores turned so that less is less biased, for paired differences.

        The distance of a mean from its ideal is not the mean of the distances: which side of the
        ideal the system is on is taken from its estimate, once.
        """
        sign, ideal = {"lower": (1.0, 0.0), "higher": (-1.0, 0.0)}.get(
            self.better, (1.0 if estimate >= self.unbiased else -1.0, self.unbiased)
        )
        turned = sign * (values.values - ideal)
        return UnitValues(turned, values.counts, values.units, values.cells)


YARDSTICKS = (
    Yardstick("rank_distance", "rank distance", "lower", of_worst_rank=True),
    Yardstick("max_rank_normalised", "Max@R, normalised", "higher", of_worst_rank=True),
    Yardstick("complete", "Complete@k", "higher"),
    Yardstick("target_language_recall", "TLR@k", "higher"),
    Yardstick("mean_rank_correlation", "MRC@k", "higher"),
    Yardstick("peer_not_relevant", "PEER of grade 0, @k", "higher"),
    Yardstick("removal_difference", "removal difference", "near"),
    Yardstick("own_language_surplus", "own-language surplus", "near"),
    Yardstick("same_language_pairs", "same-language pairs", "near", 0.5),
)
"""One of each family that is a mean over queries, those that see bad retrieval too first."""

Systems = Mapping[str, Sequence["Measured"]]


def gathered(systems: Systems, keys: Sequence[str]) -> dict[str, dict[str, UnitTable]]:
    """Scores by cluster: measure -> system -> table, with the same queries for all systems.

    A query for which a measure has no value in some system or seed is left out of that measure; a
    measure that some system has not at all is left out.
    """
    groups: dict[bytes, list[str]] = {}
    for key, mask in _known(systems, keys).items():
        if mask.any():
            groups.setdefault(mask.tobytes(), []).append(key)
    found: dict[str, dict[str, UnitTable]] = {}
    for mask, group in groups.items():
        kept = np.frombuffer(mask, dtype=bool)
        tables = {
            name: gather((each.queries[kept] for each in results), group)
            for name, results in systems.items()
        }
        found |= dict.fromkeys(group, tables)
    return {key: found[key] for key in keys if key in found}


def _known(systems: Systems, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Measure -> which queries have it in all systems and seeds: bool (n_queries,)."""
    known: dict[str, np.ndarray] = {}
    for frame in (each.queries for results in systems.values() for each in results):
        for key in keys:
            has = frame[key].notna().to_numpy() if key in frame else np.zeros(len(frame), bool)
            known[key] = known.get(key, True) & has
    return known


def interval_table(tables: Mapping[str, Mapping[str, UnitTable]], resamples: int) -> pd.DataFrame:
    """One row per system and measure; columns as `hbt.comparisons.interval_table`.

    Args:
        tables: what `gathered` returns.
        resamples: of the bootstrap.
    """
    import pandas as pd

    from hbt import comparisons

    groups = {id(systems): systems for systems in tables.values()}  # each resampled once
    parts = [comparisons.interval_table(each, resamples=resamples) for each in groups.values()]
    rows = pd.concat(parts).set_index("metric").loc[list(tables)].reset_index()
    return rows.rename(columns={"metric": "measure"}).drop(columns="setting")


def standings(intervals: pd.DataFrame, tied: Collection[str] = ()) -> pd.DataFrame:
    """Systems put in order by each measure.

    Args:
        intervals: what `interval_table` returns; measures without a yardstick are left out.
        tied: systems with too many ties; they are left out of measures of the worst rank.

    Returns:
        Its columns with label, badness, and place (1 is least biased; equals share the best).
    """
    sticks = {each.key: each for each in YARDSTICKS}
    of_worst_rank = [key for key, stick in sticks.items() if stick.of_worst_rank]
    left_out = intervals.system.isin(tied) & intervals.measure.isin(of_worst_rank)
    rows = intervals[intervals.measure.isin(sticks) & ~left_out].copy()
    rows["label"] = [sticks[key].label for key in rows.measure]
    rows["badness"] = [
        sticks[key].badness(value) for key, value in zip(rows.measure, rows.estimate, strict=True)
    ]
    rounded = rows.badness.round(9)  # equal but for rounding is equal
    rows["place"] = rounded.groupby(rows.measure).rank(method="min").astype(int)
    return rows.reset_index(drop=True)


def differences_to_best(
    tables: Mapping[str, Mapping[str, UnitTable]],
    ranked: pd.DataFrame,
    systems: Sequence[str],
    resamples: int,
) -> pd.DataFrame:
    """For each measure, how much more biased every other system is than the least biased one.

    Args:
        tables: what `gathered` returns.
        ranked: what `standings` returns.
        systems: those to compare, with the same seeds.
        resamples: of the bootstrap and of the tests.

    Returns:
        Columns measure, label, best, other, and those of `hbt.comparisons.evidence`; Holm's
        correction is over all rows.
    """
    import pandas as pd

    from hbt.comparisons import evidence

    keys, differences = [], []
    for stick in YARDSTICKS:
        rows = ranked[ranked.measure.eq(stick.key) & ranked.system.isin(systems)]
        if rows.empty:
            continue
        estimate = rows.set_index("system").estimate
        turned = {
            name: stick.badness_of(tables[stick.key][name].select(stick.key, SETTING), value)
            for name, value in estimate.items()
        }
        best = rows.sort_values("badness", kind="stable").system.iloc[0]
        for name in estimate.index.drop(best):
            keys.append({"measure": stick.key, "label": stick.label, "best": best, "other": name})
            differences.append(turned[name].minus(turned[best]))
    return evidence(pd.DataFrame(keys), differences, resamples=resamples)


def differences_to(
    tables: Mapping[str, Mapping[str, UnitTable]],
    system: str,
    others: Sequence[str],
    labels: Mapping[str, str],
    resamples: int,
) -> pd.DataFrame:
    """Each of the others minus one system, in the measures' own units and directions.

    Args:
        tables: what `gathered` returns.
        system: the one that is subtracted.
        others: with the same seeds.
        labels: measure -> label, of the measures to compare.
        resamples: of the bootstrap and of the tests.

    Returns:
        Columns measure, label, system (the other), and those of `hbt.comparisons.evidence`.
    """
    import pandas as pd

    from hbt.comparisons import evidence

    keys, differences = [], []
    for key, label in labels.items():
        base = tables[key][system].select(key, SETTING)
        for name in others:
            keys.append({"measure": key, "label": label, "system": name})
            differences.append(tables[key][name].select(key, SETTING).minus(base))
    return evidence(pd.DataFrame(keys), differences, resamples=resamples)


def winners(differences: pd.DataFrame) -> pd.DataFrame:
    """Which system each measure calls least biased, and which it cannot tell from that one.

    Args:
        differences: what `differences_to_best` returns.

    Returns:
        One row per measure: measure, label, best, not_told_apart (systems whose difference has a
        p of more than 5 % after Holm's correction, as a text; "no other" where it wins).
    """
    import pandas as pd

    rows = []
    for (key, label, best), part in differences.groupby(["measure", "label", "best"], sort=False):
        open_ = part[part.p_holm > 0.05].other
        row = {"measure": key, "label": label, "best": best}
        rows.append(row | {"not_told_apart": ", ".join(open_) or "no other"})
    return pd.DataFrame(rows)


def badness_of_languages(results: Sequence[Measured]) -> pd.DataFrame:
    """How biased a system is for the queries of each language, by each measure.

    Returns:
        A row for each query language and a column for each of YARDSTICKS (its label) that has
        values: mean over queries, then seeds, turned so that less is less biased.
    """
    import pandas as pd

    frames = [each.queries for each in results]
    sticks = [stick for stick in YARDSTICKS if all(stick.key in frame for frame in frames)]
    keys = [stick.key for stick in sticks]
    means = [frame.groupby("query_language", sort=False)[keys].mean() for frame in frames]
    mean = sum(means) / len(means)
    return pd.DataFrame({stick.label: stick.badness(mean[stick.key]) for stick in sticks})


def rank_correlations(languages: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rank correlation of every two measures over languages, -1 to 1.

    NaN where a measure is the same for all languages. Argument as `badness_of_languages` returns.
    """
    return languages.round(9).corr(method="spearman")


def smallest_correlation(n: int, alpha: float = 0.05) -> float:
    """From which size on a rank correlation of n pairs is told from none, by Student's t.

    Raises:
        ValueError: fewer than three pairs.
    """
    from scipy import stats

    if n < 3:
        raise ValueError(f"n is {n}; a correlation needs three pairs")
    t = stats.t.ppf(1 - alpha / 2, n - 2)
    return float(t / np.sqrt(n - 2 + t**2))


def in_words(correlations: pd.DataFrame, n_languages: int) -> tuple[float, str]:
    """How far the measures agree: the median correlation of two of them, and a sentence.

    Args:
        correlations: what `rank_correlations` returns, with two measures or more that vary.
        n_languages: over which they were taken.
    """
    values = correlations.to_numpy()[np.triu_indices(len(correlations), 1)]
    values = values[~np.isnan(values)]
    limit, median = smallest_correlation(n_languages), float(np.median(values))
    agree, contradict = int((values > limit).sum()), int((values < -limit).sum())
    return median, (
        f"of {len(values)} pairs of measures {agree} agree (correlation above {limit:.2f}) and "
        f"{contradict} contradict each other (below -{limit:.2f}); median {median:+.2f}"
    )
