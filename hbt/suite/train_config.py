"""The configuration of a training on real models: one YAML file, every value checked.

A file has the sections of `TrainConfig`. With `base: NAME` it is a change of another file, which
is a shipped config or lies beside it. `provenance` says of values where they come from, as "paper:
..." or "ours: ..."; of a shipped config it says so of every value.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hbt.plan_settings import PlanSettings
from hbt.suite.config_files import apply_change, read_sections, typed
from hbt.training_settings import TrainingSettings

_IN_PLAN = ("plan", "seed")  # fields of TrainingSettings that other sections give


@dataclass(frozen=True)
class ModelSection:
    """Which encoder; see `hbt.models.load_model`.

    Attributes:
        name: a short name, a name on the hub, a folder, or a kind that is built from scratch
            (static, mini-mlm), with a tokenizer of the training data.
        folder: where the checkpoint of that name lies; none: from the hub.
        revision: commit of the hub.
        query_prefix, passage_prefix, pooling, max_length: none for the model's own.
        dimension, layers, vocabulary_size: of a model built from scratch.
    """

    name: str
    folder: str | None = None
    revision: str | None = None
    query_prefix: str | None = None
    passage_prefix: str | None = None
    pooling: str | None = None
    max_length: int | None = None
    dimension: int = 64
    layers: int = 2
    vocabulary_size: int = 8000


@dataclass(frozen=True)
class DataSection:
    """What is trained on.

    Attributes:
        training: mmarco, mlqa-r, miracl, mldr, each perhaps with its languages (miracl:sw,te),
            parallel:FOLDER, pairs:FILE, several of these with a plus between (mmarco+miracl), or
            village.
        folder: around the data; none: from the cache or by download.
        languages: codes to keep, of several sets each gives those that it has; none for all, and
            for the paper's seven of mmarco.
        negatives: hard negatives of each item, beside the negatives of the batch; mmarco, miracl
            and mldr have them, and parallel:FOLDER may. In a mix, a set that has none is taken so.
        held_out: how many items are not trained on, for the selection: the last ones of each
            source and set of languages, in proportion to their numbers.
        profile: the size of the village.
    """

    training: str
    folder: str | None = None
    languages: list[str] | None = None
    negatives: int = 0
    held_out: int = 0
    profile: str = "classroom"


@dataclass(frozen=True)
class SelectionSection:
    """By what a checkpoint is chosen; see `hbt.selection`.

    Attributes:
        benchmark: held-out, or what `hbt evaluate` takes; none: no selection, the last step counts.
        split: of the benchmark; the village's is development, unless named.
        setting, metric, every: see `hbt.selection.SelectionSettings`.
    """

    benchmark: str | None = None
    split: str | None = None
    setting: str = "multilingual"
    metric: str = "mAP"
    every: int = 500


@dataclass(frozen=True)
class EvaluationSection:
    """What the chosen model is evaluated on afterwards.

    Attributes:
        benchmarks: names or folders, as `hbt evaluate` takes them.
        folder: around the real data.
        run_depth: passages of each query in the TREC run; 0 for no run.
    """

    benchmarks: list[str] = field(default_factory=list)
    folder: str | None = None
    run_depth: int = 1000


@dataclass(frozen=True)
class TrainConfig:
    """All that `hbt train` depends on.

    Attributes:
        model, data, selection, evaluation: see their classes.
        sampling: what goes into a batch, see `hbt.sampling.PlanSettings`.
        training: the rest, see `hbt.training.TrainingSettings`; its seed is that of the sampling.
        out: folder of the outputs.
        provenance: "section.field" -> where its value comes from.
        source: the file that was read.
    """

    model: ModelSection
    data: DataSection
    sampling: PlanSettings
    training: TrainingSettings
    selection: SelectionSection
    evaluation: EvaluationSection
    out: str
    provenance: dict[str, str]
    source: str

    def values(self) -> dict[str, dict[str, Any]]:
        """Section -> field -> value, plain, without source and provenance."""
        sections = {name: dataclasses.asdict(getattr(self, name)) for name in SECTIONS}
        for name in _IN_PLAN:
            del sections["training"][name]
        return {**sections, "out": self.out}


SECTIONS = {
    "model": ModelSection,
    "data": DataSection,
    "sampling": PlanSettings,
    "training": TrainingSettings,
    "selection": SelectionSection,
    "evaluation": EvaluationSection,
}


def read_config(name: str, changes: Sequence[str] = (), out: str | None = None) -> TrainConfig:
    """A config from a file, or a shipped one by its name.

    Args:
        name: path of a YAML file, or one of `hbt.suite.config_files.shipped_configs()`.
        changes: "section.field=value", values as YAML writes them.
        out: replaces the folder of the outputs.

    Raises:
        ValueError: the file is missing or no YAML, a key is unknown, a value has the wrong type or
            is not allowed; one sentence that names the file, the field and the value.
    """
    content = read_sections(name)
    for change in changes:
        apply_change(content, change, SECTIONS)
    described = content.pop("provenance", {})
    named = content.pop("out", None)
    folder = named if out is None else out
    unknown = sorted(set(content) - set(SECTIONS))
    if unknown:
        raise ValueError(f"{name}: {unknown[0]} is none of {', '.join(SECTIONS)}, out, provenance")
    if folder is not None and not isinstance(folder, str):
        raise ValueError(f"{name}: out is {folder!r}, text is needed")
    sections: dict[str, Any] = {}
    for section, kind in SECTIONS.items():
        values = content.get(section, {})
        if not isinstance(values, dict):
            raise ValueError(f"{name}: {section} is {values!r}, fields with values are needed")
        extra: dict[str, Any] = {}
        if section == "training":
            plan = sections["sampling"]
            extra = {"plan": plan, "seed": plan.seed % 2**32}  # which is what torch's seeds hold
        sections[section] = _build(kind, values, extra, f"{name}: {section}")
    provenance = _provenance(described, name)
    config = TrainConfig(
        **sections, out=folder or f"runs/{Path(name).stem}", provenance=provenance, source=name
    )
    _check(config)
    return config


def _check(config: TrainConfig) -> None:
    from hbt.evaluation import Metric
    from hbt.selection import SelectionSettings

    chosen, data = config.selection, config.data
    if chosen.benchmark == "held-out" and data.held_out < 1:
        raise ValueError(
            f"{config.source}: selection.benchmark is held-out, and data.held_out is 0: name a "
            "number of items"
        )
    if chosen.benchmark is not None:
        try:
            Metric.parse(chosen.metric)
        except ValueError as error:
            raise ValueError(f"{config.source}: selection.metric: {error}") from error
        try:
            SelectionSettings(chosen.setting, chosen.metric, chosen.every)
        except ValueError as error:
            raise ValueError(f"{config.source}: selection.{error}") from error
        if chosen.every % config.training.accumulation:
            raise ValueError(
                f"{config.source}: selection.every is {chosen.every}, no multiple of "
                f"training.accumulation, {config.training.accumulation}"
            )
    for place, number in (
        ("data.held_out", data.held_out),
        ("data.negatives", data.negatives),
        ("evaluation.run_depth", config.evaluation.run_depth),
    ):
        if number < 0:
            raise ValueError(f"{config.source}: {place} is {number}, at least 0 is needed")


def _provenance(found: Any, name: str) -> dict[str, str]:
    words = ("paper: ", "ours: ")
    if not isinstance(found, dict):
        raise ValueError(f"{name}: provenance is {found!r}, fields with texts are needed")
    known = {f"{section}.{each}" for section, kind in SECTIONS.items() for each in _names(kind)}
    for place, source in found.items():
        if place not in known:
            raise ValueError(f"{name}: provenance is of {place!r}, and there is no such field")
        if not isinstance(source, str) or not source.startswith(words):
            raise ValueError(
                f"{name}: provenance of {place} is {source!r}, not 'paper: ...' or ours"
            )
    return found


def _names(kind: type) -> list[str]:
    hidden = _IN_PLAN if kind is TrainingSettings else ()
    return [each.name for each in dataclasses.fields(kind) if each.name not in hidden]


def _build(kind: type, values: dict[str, Any], extra: dict[str, Any], place: str) -> Any:
    """A section from its values, with their types checked."""
    hints, names = typing.get_type_hints(kind), _names(kind)
    for name in values:
        if name not in names:
            raise ValueError(f"{place}.{name} is unknown; fields are {', '.join(names)}")
    given = {name: typed(value, hints[name], f"{place}.{name}") for name, value in values.items()}
    missing = [
        each.name
        for each in dataclasses.fields(kind)
        if each.default is dataclasses.MISSING
        and each.default_factory is dataclasses.MISSING
        and each.name not in given
    ]
    if missing:
        raise ValueError(f"{place}.{missing[0]} is missing")
    try:
        return kind(**given, **extra)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
