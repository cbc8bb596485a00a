"""Tables of the study of low-resource languages: levels, paired changes, in minus out.

A change is measured on the very languages, questions and seeds of which it is told, whichever
languages a seed drew (see `hbt.suite.by_language`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hbt.comparisons import interval_columns
from hbt.suite.by_language import DIRECTIONS, RunScores, pick
from hbt.suite.language_groups import GROUPS, language_groups
from hbt.suite.tables import RESAMPLES
from hbt.suite.worlds import World
from hbt.uncertainty import Interval, interval, paired_difference, verdict

if TYPE_CHECKING:
    import pandas as pd


def groups_at(
    world: World, count: int, seeds: Sequence[int]
) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Each group that has languages at this K, with its languages for each seed."""
    every = [language_groups(world, count, seed) for seed in seeds]
    for group in GROUPS:
        if every[0][group]:
            yield group, [each[group] for each in every]


def group_table(
    runs: Mapping[int, Sequence[RunScores]],
    world: World,
    seeds: Sequence[int],
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Mean scores of each group at each K.

    Args:
        runs: K -> one run for each seed.
        world: whose languages they are.
        seeds: of the runs.
        resamples: of the bootstrap.

    Returns:
        Columns K, group, direction, estimate, low, high, over, n_seeds, points (the mean of
        each seed).
    """
    import pandas as pd

    rows = []
    for count, of_seeds in runs.items():
        for group, languages in groups_at(world, count, seeds):
            for direction in DIRECTIONS:
                found = interval(pick(of_seeds, languages, direction), resamples=resamples)
                names = {"K": count, "group": group, "direction": direction}
                rows.append(names | interval_columns(found) | {"points": found.points})
    return pd.DataFrame(rows)


def change_table(
    changes: Mapping[str, tuple[Sequence[RunScores], Sequence[RunScores], int]],
    world: World,
    seeds: Sequence[int],
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """How scores differ between two systems, on the languages of each group.

    Paired by language, question and seed.

    Args:
        changes: what is told of the change -> (runs after, runs before, K that makes the groups).
        world: whose languages they are.
        seeds: of the runs.
        resamples: of the bootstrap.

    Returns:
        Columns change, group, direction, then what `hbt.suite.tables.sentences` reads: difference,
        setting, metric, estimate, low, high, over, n_seeds, verdict.
    """
    import pandas as pd

    rows = []
    for change, (after, before, count) in changes.items():
        for group, languages in groups_at(world, count, seeds):
            for direction in DIRECTIONS:
                both = (pick(runs, languages, direction) for runs in (after, before))
                found = paired_difference(*both, resamples=resamples)
                names = {"change": change, "group": group, "direction": direction}
                told = {"difference": f"{group}: {change}", "setting": direction, "metric": "mAP"}
                rows.append(names | told | interval_columns(found) | {"verdict": verdict(found)})
    return pd.DataFrame(rows)


def gap_of_gains(
    after: Sequence[RunScores],
    before: Sequence[RunScores],
    world: World,
    seeds: Sequence[int],
    count: int,
    direction: str = DIRECTIONS[0],
    resamples: int = RESAMPLES,
) -> Interval:
    """Do related languages gain more? Their change minus that of unrelated ones, both in.

    Paired by question and seed; the languages of the two groups are not the same ones.
    """
    gains = {}
    for group, languages in groups_at(world, count, seeds):
        ends = [pick(runs, languages, direction) for runs in (after, before)]
        change = (ends[0].values - ends[1].values).mean(axis=2, keepdims=True)
        gains[group] = (change, ends[0].counts[:, :1])
    (related, counts), (unrelated, _) = (gains[f"in, {name}"] for name in ("related", "unrelated"))
    return paired_difference(related, unrelated, counts, resamples=resamples)


def language_changes(
    after: Sequence[RunScores],
    before: Sequence[RunScores],
    world: World,
    seeds: Sequence[int],
    count: int,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """What each language gained that is among the first `count` low-resource ones.

    Over the seeds with which it is among them; paired by question. Columns language, kinship
    ("related" or "unrelated"), direction, estimate, low, high, over, n_seeds.
    """
    import pandas as pd

    rows = []
    for language in world.low_resource_languages:
        inside = [i for i, seed in enumerate(seeds) if _is_in(world, language, seed, count)]
        for direction in DIRECTIONS if inside else ():
            codes = [(language,)] * len(inside)
            both = (pick([runs[i] for i in inside], codes, direction) for runs in (after, before))
            found = paired_difference(*both, resamples=resamples)
            names = {"language": language, "kinship": _kinship(world, language)}
            rows.append(names | {"direction": direction} | interval_columns(found))
    return pd.DataFrame(rows)


def effects_of_place(
    after: Sequence[RunScores],
    before: Sequence[RunScores],
    world: World,
    seeds: Sequence[int],
    count: int,
    direction: str = DIRECTIONS[0],
) -> pd.DataFrame:
    """In minus out at one K, for languages that are in with some seeds and out with others.

    A language's mean change (`after` minus `before`) over the seeds with which it is among the
    first `count`, minus that over the other seeds. What K does to all languages alike falls out.

    Returns:
        Columns language, kinship, seeds_in, seeds_out, change_in, change_out, effect; without
        rows where no language is both.
    """
    import pandas as pd

    rows = []
    for language in world.low_resource_languages:
        changes: dict[bool, list[float]] = {True: [], False: []}
        for number, seed in enumerate(seeds):
            both = (pick([runs[number]], [(language,)], direction) for runs in (after, before))
            change = paired_difference(*both, resamples=1).estimate
            changes[_is_in(world, language, seed, count)].append(change)
        if changes[True] and changes[False]:
            numbers = (len(changes[True]), len(changes[False]))
            means = (float(np.mean(changes[True])), float(np.mean(changes[False])))
            kinship = _kinship(world, language)
            rows.append((language, kinship, *numbers, *means, means[0] - means[1]))
    columns = ["language", "kinship", "seeds_in", "seeds_out", "change_in", "change_out", "effect"]
    return pd.DataFrame(rows, columns=columns)


def language_means(runs: Sequence[RunScores], direction: str) -> dict[str, float]:
    """Language -> mean score over its questions and over the seeds."""
    languages = [language for language, _ in runs[0][direction].cells]
    return {
        language: interval(pick(runs, [(language,)] * len(runs), direction), resamples=1).estimate
        for language in languages
    }


def rank_correlation(
    x: np.ndarray, y: np.ndarray, resamples: int = 2_000, level: float = 0.95
) -> tuple[float, float, float]:
    """Spearman's correlation with its bootstrap interval over the points."""
    from scipy.stats import rankdata

    def spearman(rows: np.ndarray) -> float:
        first, second = rankdata(x[rows]), rankdata(y[rows])
        if first.std() == 0 or second.std() == 0:
            return 0.0
        return float(np.corrcoef(first, second)[0, 1])

    random = np.random.default_rng(0)
    drawn = [spearman(random.integers(0, len(x), len(x))) for _ in range(resamples)]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return spearman(np.arange(len(x))), float(low), float(high)


def _is_in(world: World, language: str, seed: int, count: int) -> bool:
    return language in world.low_resource_order(seed)[:count]


def _kinship(world: World, language: str) -> str:
    return "related" if world.is_related(language) else "unrelated"
