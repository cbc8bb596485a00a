"""The committed tables of the low-resource study: the curve over K, and paired changes along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbt.suite.experiment import run_all
from hbt.suite.language_groups import directions, language_groups
from hbt.suite.profiles import Profile
from hbt.suite.worlds import load_world
from hbt.uncertainty import MINIMUM_SEEDS

if TYPE_CHECKING:
    import pandas as pd


def low_resource_scores(profile: Profile, metric: str = "mAP") -> pd.DataFrame:
    """Scores by number of low-resource languages in pre-training, seed, group and direction.

    Columns K, seed, group, direction, metric, value: the macro mean over the group's cells.
    Directions: `monolingual`; `to high-resource` (queries of the group, passages of the
    high-resource languages); `from high-resource` (the reverse); `multilingual` (the pool of all
    languages).
    """
    import pandas as pd

    world = load_world(profile.base.world)
    rows = []
    for count in profile.low_resource_counts:
        runs = [profile.scaled(count, seed) for seed in profile.seeds]
        results = run_all(runs, "low-resource", f"K = {count}")
        for seed, result in zip(profile.seeds, results, strict=True):
            scores = result.scores[result.scores.metric.eq(metric)]
            for name, codes in language_groups(world, count, seed).items():
                for direction, cells in directions(scores, codes, world).items():
                    if len(cells):
                        rows.append((count, seed, name, direction, metric, cells.value.mean()))
    columns = ["K", "seed", "group", "direction", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def low_resource_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of `low_resource_scores`, with a t interval over seeds.

    Which languages are in a group differs from seed to seed, so seeds are the unit, and the
    interval holds the choice of languages. Without at least five seeds there is no interval.
    """
    import pandas as pd

    rows = []
    keys = ["K", "group", "direction", "metric"]
    for key, values in scores.groupby(keys, sort=False).value:
        rows.append((*key, *mean_interval(values.to_numpy()), len(values)))
    return pd.DataFrame(rows, columns=[*keys, "estimate", "low", "high", "n_seeds"])


def low_resource_changes(profile: Profile) -> pd.DataFrame:
    """What each K changes against K = 0, on the very languages, questions and seeds.

    The curve's intervals hold the choice of languages, which is wide where few are in; here a
    language is compared with itself. Columns as in `hbt.suite.low_resource_tables.change_table`,
    without the column `setting`, which repeats the direction.
    """
    from tqdm import tqdm

    from hbt.suite.by_language import by_language
    from hbt.suite.low_resource_tables import change_table

    pairs = [(count, seed) for count in profile.low_resource_counts for seed in profile.seeds]
    found = {
        pair: by_language(profile.scaled(*pair)) for pair in tqdm(pairs, "by language", unit="run")
    }
    runs = {
        count: [found[count, seed] for seed in profile.seeds]
        for count in profile.low_resource_counts
    }
    first, *others = profile.low_resource_counts
    changes = {
        f"K = {count} minus K = {first}": (runs[count], runs[first], count) for count in others
    }
    world = load_world(profile.base.world)
    table = change_table(changes, world, profile.seeds, profile.resamples)
    return table.drop(columns=["difference", "setting"])


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Mean and Student's t interval of independent values; NaN ends with fewer than five."""
    from scipy import stats

    mean = float(np.mean(values))
    if len(values) < MINIMUM_SEEDS:
        return mean, float("nan"), float("nan")
    half = stats.sem(values) * stats.t.ppf((1 + level) / 2, len(values) - 1)
    return mean, float(mean - half), float(mean + half)
