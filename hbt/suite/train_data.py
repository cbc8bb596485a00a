"""The data that a training's config names: items, and what a checkpoint is selected on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import Benchmark, CorpusError, ParallelItems, benchmark_from_items
from hbt.layout import ItemLayout
from hbt.sources.joined import cut_items
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
            f"{VILLAGE} has no hard negatives, and data.negatives is {data.negatives}: take 0"
        )
    from hbt.suite.profiles import profile_settings
    from hbt.suite.worlds import load_world

    items = load_world(profile_settings(data.profile).base.world).training
    return items if data.languages is None else restrict_items(items, data.languages)


def split_items(items: ParallelItems, held_out: int) -> tuple[ParallelItems, Benchmark | None]:
    """Items without some that are held out, and a benchmark of these.

    Held out are the last items of each source and set of languages, in proportion to their
    numbers. Those of them that share a passage with an item that is trained on are left out of
    both sides. Hard negatives do not count here, so that the benchmark is the same without them.

    Args:
        items: all items.
        held_out: how many; 0 for none.

    Raises:
        CorpusError: nothing remains on one of the sides, or of a source to train on.
    """
    if not held_out:
        return items, None
    held = _last_of_each(items, held_out)
    rows = np.flatnonzero(held)
    own = rows[~np.isin(items.passage_id[rows], items.passage_id[~held])]
    if not len(own):
        raise CorpusError(f"{items.name}: all {held_out} held-out items share passages with others")
    edges = np.flatnonzero(np.diff(held, prepend=True, append=True)).reshape(-1, 2)
    training = cut_items(items, [slice(*map(int, edge)) for edge in edges])
    return training, benchmark_from_items(items.part(own), f"{items.name} held out")


def _last_of_each(items: ParallelItems, number: int) -> np.ndarray:
    """Bool (n_items,): so many in all, the last ones of each source and set of languages."""
    layout, n_items = ItemLayout.from_items(items), len(items)
    if number >= n_items:
        raise CorpusError(f"{items.name} has {n_items} items, too few to hold out {number}")
    # Shares are rounded along the groups, in the order in which they end, so that they add up
    order = np.argsort(layout.items(layout.group_ends - 1))
    share = np.empty(len(order), dtype=np.int64)
    ends = np.cumsum(layout.group_size[order]) * number // n_items
    share[order] = np.diff(ends, prepend=0)
    position = np.arange(n_items) - np.repeat(layout.group_ends, layout.group_size)
    held = np.zeros(n_items, dtype=bool)
    held[layout.items(np.flatnonzero(-position <= np.repeat(share, layout.group_size)))] = True
    for source, name in enumerate(items.source_names):
        if (items.source == source).any() and not (~held & (items.source == source)).any():
            raise CorpusError(
                f"{items.name}: of {name} no item would be left to train on with "
                f"{number} items held out"
            )
    return held


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
    split = development_split(selection)
    folder = evaluation.folder or ""
    return load_benchmark(selection.benchmark, data_dir=folder, split=split, profile=profile)


def development_split(selection: SelectionSection) -> str:
    """The split of the benchmark that a checkpoint is selected on."""
    return selection.split or ("development" if selection.benchmark == VILLAGE else "test")
