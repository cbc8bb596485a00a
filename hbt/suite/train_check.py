"""Is what a training's config names there? As far as a moment and the machine's own files tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hbt.suite.benchmarks import VILLAGE, check_benchmark
from hbt.suite.train_config import DataSection, TrainConfig
from hbt.suite.train_data import HELD_OUT, development_split, read_items


def check_names(config: TrainConfig) -> list[str]:
    """Check the names, languages, splits and folders of training data, selection and evaluation.

    Nothing is downloaded, no model is loaded, and no file of texts is read.

    Returns:
        What was not checked, in words.

    Raises:
        ValueError: something is not there, or does not fit; one sentence with file and section.
    """
    unchecked = [f"the model, {config.model.name}"]
    with _place(config, "data"):
        _check_training_data(config.data)
    if config.data.training != VILLAGE:
        unchecked.append(f"the texts of {config.data.training}")
    chosen, evaluation = config.selection, config.evaluation
    folder = evaluation.folder or ""
    wanted = {}
    if chosen.benchmark == HELD_OUT:
        unchecked.append(f"whether {config.data.held_out} items can be held out")
    elif chosen.benchmark is not None:
        wanted[chosen.benchmark, development_split(chosen)] = "selection.benchmark"
    for name in evaluation.benchmarks:
        wanted.setdefault((name, "test"), "evaluation.benchmarks")
    for (name, split), place in wanted.items():
        with _place(config, place):
            check_benchmark(name, data_dir=folder, split=split)
    named = dict.fromkeys(name for name, _ in wanted)
    if named:
        unchecked.append(f"the contents of {', '.join(named)}")
    return unchecked


def _check_training_data(data: DataSection) -> None:
    from hbt.sources.files import data_folder
    from hbt.sources.training_data import chosen_sets
    from hbt.suite.profiles import profile_settings

    profile_settings(data.profile)  # benchmarks may be of the village, too
    if data.training == VILLAGE:
        read_items(data)  # made, not read, within a second
        return
    if data.folder is not None:
        data_folder(data.folder, ())
    chosen_sets(data.training, data.languages, data.negatives)


@contextmanager
def _place(config: TrainConfig, place: str) -> Iterator[None]:
    """Say in an error where in the config it comes from."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{config.source}: {place}: {error}") from error
