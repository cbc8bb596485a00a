"""The data that a training's config names: items, and what a checkpoint is selected on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbt.corpus import Benchmark, CorpusError, ParallelItems, benchmark_from_items
from hbt.suite.benchmarks import load_benchmark

if TYPE_CHECKING:
    from hbt.suite.train_config import DataSection, EvaluationSection, SelectionSection

VILLAGE = "village"
HELD_OUT = "held-out"


def read_items(data: DataSection) -> ParallelItems:
    """All items that the section names, the held-out ones too.

    Raises:
        CorpusError: the data is missing or broken, or a language is unknown.
    """
    from hbt.sources.parallel_folder import restrict_items
    from hbt.sources.training_data import training_items

    if data.training != VILLAGE:
        return training_items(data.training, data.folder, data.languages, data.negatives)
    if data.negatives:
        raise CorpusError(
            f"{VILLAGE} has no hard negatives, and data.negatives is {data.negatives}"
        )
    from hbt.suite.profiles import profile_settings
    from hbt.suite.worlds import load_world

    items = load_world(profile_settings(data.profile).base.world).training
    return items if data.languages is None else restrict_items(items, data.languages)


def split_items(items: ParallelItems, held_out: int) -> tuple[ParallelItems, Benchmark | None]:
    """Items without the last ones, and a benchmark of these.

    Of the last ones, those that share a passage with an item before are left out of both.

    Raises:
        CorpusError: nothing remains on one of the sides.
    """
    if not held_out:
        return items, None
    first = len(items) - held_out
    if first < 1:
        raise CorpusError(f"{items.name} has {len(items)} items, too few to hold out {held_out}")
    trained_on = set(items.passage_id[:first].tolist())
    own = [row for row in range(first, len(items)) if items.passage_id[row] not in trained_on]
    if not own:
        raise CorpusError(f"{items.name}: all of the last {held_out} share passages with others")
    held = benchmark_from_items(items.part(own), f"{items.name} held out")
    return items.part(slice(0, first)), held


def development_set(
    selection: SelectionSection,
    evaluation: EvaluationSection,
    held_out: Benchmark | None,
    profile: str,
) -> Benchmark | None:
    """What a checkpoint is selected on; None for nothing.

    Raises:
        CorpusError: the data is missing or broken.
        ValueError: there is no such benchmark or split.
    """
    if selection.benchmark is None:
        return None
    if selection.benchmark == HELD_OUT:
        return held_out
    split = selection.split or ("development" if selection.benchmark == VILLAGE else "test")
    folder = evaluation.folder or ""
    return load_benchmark(selection.benchmark, data_dir=folder, split=split, profile=profile)
