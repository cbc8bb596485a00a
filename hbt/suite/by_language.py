"""Scores language by language, for studies in which a group's languages change with the seed.

Which low-resource languages are in pre-training is drawn by the seed, so "the languages in
pre-training" are others for every seed. Here the scores of a run are kept by question and language;
groups are picked from them, each seed its own languages, and a change is measured on the very
languages, questions and seeds of which it is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hbt.suite.experiment import Experiment, run
from hbt.suite.results import GROUPS, directions, language_groups
from hbt.suite.tables import RESAMPLES, verdict
from hbt.suite.worlds import World, load_world
from hbt.uncertainty import Interval, UnitValues, interval, paired_difference

if TYPE_CHECKING:
    import pandas as pd

DIRECTIONS = ("to high-resource", "from high-resource", "monolingual")
BLOCK = 8
"""Low-resource languages evaluated at a time: memory grows with the cube of the languages."""

RunScores = Mapping[str, UnitValues]
"""Direction -> scores of one run, as `by_language` returns them."""


def by_language(experiment: Experiment, metric: str = "mAP") -> dict[str, UnitValues]:
    """Scores of one run for each question and language of the low-resource benchmark.

    The high-resource languages are evaluated beside at most `BLOCK` of the low-resource ones.

    Returns:
        Direction -> values (1, n_clusters, n_languages); a cell is (language, direction). The
        language is that of the queries, in the direction `from high-resource` that of the
        passages; the other side of a pair is the mean over the high-resource languages.
    """
    world = load_world(experiment.world)
    high, low = world.evaluated_languages, world.low_resource_languages
    parts: dict[str, list[UnitValues]] = {name: [] for name in DIRECTIONS}
    for number, block in enumerate(np.array_split(low, -(-len(low) // BLOCK))):
        codes = tuple(block.tolist())
        frame = run(experiment, "low-resource", (*high, *codes)).per_query
        wanted = codes if number else (*high, *codes)
        found = directions(frame, wanted, world)
        for name in DIRECTIONS:
            parts[name].append(_gathered(found[name], name, wanted, metric))
    return {name: _side_by_side(several) for name, several in parts.items()}


def _gathered(
    rows: pd.DataFrame, direction: str, languages: Sequence[str], metric: str
) -> UnitValues:
    """Rows of one direction as values by cluster and language."""
    side = "passage_language" if direction == "from high-resource" else "query_language"
    units, unit_at = np.unique(rows["cluster"].to_numpy(), return_inverse=True)
    column_of = {language: column for column, language in enumerate(languages)}
    shape = (len(units), len(languages))
    place = unit_at * len(languages) + rows[side].map(column_of).to_numpy()
    counts = np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(place, rows[metric].to_numpy(dtype=float), minlength=counts.size)
    values = sums.reshape(1, *shape) / np.maximum(counts, 1)
    cells = tuple((language, direction) for language in languages)
    return UnitValues(values, counts, tuple(units.tolist()), cells)


def _side_by_side(parts: Sequence[UnitValues]) -> UnitValues:
    if any(part.units != parts[0].units for part in parts):
        raise ValueError("the low-resource languages do not have the same questions")
    return UnitValues(
        values=np.concatenate([part.values for part in parts], axis=2),
        counts=np.concatenate([part.counts for part in parts], axis=1),
        units=parts[0].units,
        cells=tuple(cell for part in parts for cell in part.cells),
    )


def pick(
    runs: Sequence[RunScores], languages: Sequence[Sequence[str]], direction: str
) -> UnitValues:
    """One run for each seed, and for each of them its own languages, as many for every seed.

    Returns:
        Values (n_seeds, n_clusters, n_languages); cell i is the i-th language of each seed.

    Raises:
        ValueError: the seeds have different numbers of languages, or other questions.
    """
    kept, counts = [], []
    for run_scores, codes in zip(runs, languages, strict=True):
        values = run_scores[direction]
        known = [language for language, _ in values.cells]
        columns = [known.index(code) for code in codes]
        kept.append(values.values[:, :, columns])
        counts.append(values.counts[:, columns])
    if any(not np.array_equal(each, counts[0]) for each in counts):
        raise ValueError("the languages of the seeds differ in number, or in their questions")
    units = runs[0][direction].units
    cells = tuple((f"language {number}", direction) for number in range(len(languages[0])))
    return UnitValues(np.concatenate(kept), counts[0], units, cells)


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
                rows.append(names | _columns(found) | {"points": found.points})
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
                rows.append(names | told | _columns(found) | {"verdict": verdict(found)})
    return pd.DataFrame(rows)


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
            rows.append(names | {"direction": direction} | _columns(found))
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


def _columns(found: Interval) -> dict[str, object]:
    return {
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "over": found.over,
        "n_seeds": len(found.points),
    }
