"""Files of `hbt evaluate` as runs: the systems of one model on one benchmark, a file for each seed.

Beside FILE.json may lie FILE.parquet, the scores of every query that `--per-query` wrote. With
them a difference has an interval over items, and over seeds too from five seeds on. Without them
there is an interval over seeds alone, from five seeds on, and none with fewer.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hbt.suite.paper import tables
from hbt.suite.paper.claims import Contrast
from hbt.suite.paper.evaluation_files import EvaluationFile, empty_cells, frame, read_file
from hbt.suite.paper.runs import LABELLED, Measured, Run
from hbt.suite.paper.trained_on import (
    TRAIN_FILE,
    Trained,
    of_evaluation,
    read_train_file,
    train_folder,
)
from hbt.suite.tables import RANK_DISTANCE
from hbt.uncertainty import MINIMUM_SEEDS, Interval, from_per_query, interval, paired_difference

if TYPE_CHECKING:
    from hbt.uncertainty import UnitValues

_TOLERANCE = 1e-6  # between the means of a JSON file and those of the scores beside it


@dataclass(frozen=True)
class EvaluationRun(Run):
    """A run of files.

    Attributes beside those of `Run`:
        languages: query languages that the means are over.
        systems: sampling -> its files, one for each seed.
    """

    languages: tuple[str, ...]
    systems: dict[str, tuple[EvaluationFile, ...]]

    def difference(self, contrast: Contrast) -> Measured | None:
        """First minus second, paired by seed and item; None where one was not measured."""
        languages = contrast.languages or self.languages
        cell = (contrast.setting, contrast.metric, languages)
        means = [self._means(name, *cell) for name in (contrast.first, contrast.second)]
        if means[0] is None or means[1] is None:
            return None
        if len(means[0]) != len(means[1]):
            raise ValueError(
                f"{self.name}: {contrast.first} has {len(means[0])} files and {contrast.second} "
                f"{len(means[1])}; systems are compared seed by seed"
            )
        points = means[0] - means[1]
        units = [self._units(name, *cell) for name in (contrast.first, contrast.second)]
        if units[0] is None or units[1] is None:
            return over_seeds(points)
        what = f"{contrast.first} minus {contrast.second}"
        try:
            found = paired_difference(*units)
        except ValueError as error:
            raise ValueError(f"{self.name}: {what}, {contrast.setting}: {error}") from error
        return self._checked(found, points, what, *cell[:2])

    def score(self, sampling: str, setting: str, metric: str) -> Measured | None:
        """Mean over the languages of the run; None where it was not measured."""
        points = self._means(sampling, setting, metric, self.languages)
        if points is None:
            return None
        units = self._units(sampling, setting, metric, self.languages)
        if units is None:
            return over_seeds(points)
        return self._checked(interval(units), points, sampling, setting, metric)

    def _means(
        self, sampling: str, setting: str, metric: str, languages: Sequence[str]
    ) -> np.ndarray | None:
        """The mean of each seed: float64 (n_seeds,)."""
        means = [each.mean(setting, metric, languages) for each in self.systems.get(sampling, ())]
        return None if not means or None in means else np.array(means)

    def _units(
        self, sampling: str, setting: str, metric: str, languages: Sequence[str]
    ) -> UnitValues | None:
        files = self.systems[sampling]
        if not all(each.per_query.is_file() for each in files):
            return None
        frames = [frame(each.per_query, setting) for each in files]
        if not all(metric in each for each in frames):
            return None
        kept = [each[each["query_language"].isin(languages)] for each in frames]
        if metric == RANK_DISTANCE:  # there is none where a query has one relevant passage
            kept = [each.dropna(subset=[metric]) for each in kept]
        try:
            return from_per_query(kept, metric, setting)
        except ValueError as error:
            raise ValueError(f"{files[0].per_query}: {error}") from error

    def _checked(self, found: Interval, points: np.ndarray, *what: str) -> Measured:
        """The interval, if the scores of the queries have the means of the JSON files."""
        if not np.allclose(found.points, points, rtol=0, atol=_TOLERANCE):
            raise ValueError(
                f"{self.name}: {' '.join(what)} is {np.mean(points):.6f} by the JSON files and "
                f"{found.estimate:.6f} by the Parquet files beside them; they are of other runs"
            )
        return Measured(
            found.estimate, found.low, found.high, found.over, len(points), _spread(points)
        )


def over_seeds(points: np.ndarray) -> Measured:
    """A mean over seeds with Student's t interval; without one for fewer than five seeds."""
    from hbt.suite.low_resource_results import mean_interval

    mean, low, high = mean_interval(points)
    if math.isnan(low):
        return Measured(mean, None, None, "", len(points), _spread(points))
    return Measured(mean, low, high, "seeds", len(points), _spread(points))


def _spread(points: np.ndarray) -> float | None:
    return float(np.std(points, ddof=1)) if len(points) > 1 else None


def read_evaluations(files: Sequence[tuple[str, Path]]) -> list[EvaluationRun]:
    """The runs of labelled files, one for each model and benchmark.

    Args:
        files: (label, path); a label is MODEL:SAMPLING.

    Raises:
        ValueError: a label is missing or wrong, a file is broken, or files of one run are of
            other data or another rule of ties.
    """
    from hbt.sampling import SAMPLINGS

    grouped: dict[tuple[str, str], dict[str, list[EvaluationFile]]] = {}
    for label, path in files:
        model, colon, sampling = label.rpartition(":")
        if not (colon and model and sampling in SAMPLINGS):
            raise ValueError(
                f"{path}: say which system it is of, as in {LABELLED}{path.name}; samplings "
                f"are {', '.join(SAMPLINGS)}"
            )
        found = read_file(path)
        if (found.content.get("system") or {}).get("kind") == "bm25":
            raise ValueError(f"{path} is of BM25, which is fine-tuned by no sampling: not {label}")
        _check_sampling(found, label, sampling)
        key = (model, paper_name(found.content["benchmark"]))
        grouped.setdefault(key, defaultdict(list))[sampling].append(found)
    return [_run(*key, systems) for key, systems in grouped.items()]


def _run(model: str, benchmark: str, systems: dict[str, list[EvaluationFile]]) -> EvaluationRun:
    files = [each for found in systems.values() for each in found]
    first = files[0]
    for each in files[1:]:
        for field in ("benchmark_sha256", "ties", "n_passages"):
            if each.content.get(field) != first.content.get(field):
                raise ValueError(f"{first.path} and {each.path} differ in {field}")
    printed = tables.languages_of(benchmark)
    same = _same_pool(benchmark, first.content)
    chosen = printed if printed and set(printed) <= set(first.languages) else first.languages
    n_seeds = min(map(len, systems.values()))
    notes = empty_cells(first, chosen)
    if printed and not same:
        notes.append(
            f"{first.content['n_queries']:,} queries and {first.content['n_passages']:,} passages "
            f"are not those of {benchmark} in print: only directions are compared."
        )
    if n_seeds < MINIMUM_SEEDS:
        notes.append("Fewer than five seeds: its intervals are over items only, where it has any.")
    return EvaluationRun(
        name=f"{model} on {benchmark}, {n_seeds} seed{'s' * (n_seeds > 1)}",
        model=model,
        benchmark=benchmark,
        synthetic=benchmark == "village",
        judges=True,
        comparable=same,
        notes=tuple(notes),
        trained=_trained(files),
        languages=chosen,
        systems={name: tuple(found) for name, found in systems.items()},
    )


def _check_sampling(file: EvaluationFile, label: str, sampling: str) -> None:
    """A label that contradicts the training's own file is a mistake."""
    if folder := _train_folder(file):
        known = read_train_file(folder)["config"]["sampling"]["sampling"]
        if known != sampling:
            raise ValueError(
                f"{file.path} is of a training with {known}, says {folder / TRAIN_FILE}: "
                f"not {label}"
            )


def _train_folder(file: EvaluationFile) -> Path | None:
    return train_folder(file.path, (file.content.get("system") or {}).get("source") or "")


def _trained(files: Sequence[EvaluationFile]) -> tuple[Trained, ...]:
    """The trainings behind the files; those on the same text once."""
    found = [of_evaluation(each.path, each.content, _train_folder(each)) for each in files]
    distinct = {(each.training, each.test, each.digests): each for each in reversed(found)}
    return tuple(reversed(distinct.values()))


def _same_pool(benchmark: str, content: dict[str, Any]) -> bool:
    """Are there as many queries and passages as in print? MIRACL's passages are not printed."""
    languages = tables.languages_of(benchmark)
    if not languages:
        return False
    n_queries = sum(
        row["n_queries"] for row in content["by_language"] if row["query_language"] in languages
    )
    n_passages = tables.count(benchmark, "passages")
    same_passages = not n_passages or content["n_passages"] == n_passages
    return same_passages and n_queries == tables.count(benchmark, "queries", languages)


def paper_name(benchmark: str) -> str:
    """The name of a benchmark as the paper writes it; "village" for the village's."""
    plain = benchmark.lower()
    for name in tables.BENCHMARKS:
        if plain == name.lower() or (name == "MIRACL" and plain.startswith("miracl")):
            return name
    return "village" if plain.startswith("village") else benchmark
