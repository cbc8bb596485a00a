"""Scores language by language, for studies in which a group's languages change with the seed.

Which low-resource languages are in pre-training is drawn by the seed, so "the languages in
pre-training" are others for every seed. Here the scores of a run are kept by question and language;
groups are picked from them, each seed its own languages (`hbt.suite.low_resource_tables`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hbt.suite.experiment import Experiment, run
from hbt.suite.language_groups import directions
from hbt.suite.worlds import load_world
from hbt.uncertainty import UnitValues

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
