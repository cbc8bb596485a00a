"""An experiment as a value, and the names of its stages.

An experiment is frozen and plain; what a stage depends on follows from it and from the digests of
its world's data. Two experiments that agree in what a stage depends on share that stage.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from hbt.encoders import EncoderSettings
from hbt.pretraining import PretrainingSettings
from hbt.suite import checkpoints
from hbt.suite.stages import Stage
from hbt.suite.worlds import World, WorldSettings
from hbt.training import TrainingSettings

# Raised when the code behind a stage changes meaning, so that older folders are not reused.
VERSIONS = {"tokenizer": 1, "pretraining": 1, "finetuning": 1, "embeddings": 1, "scores": 1}


@dataclass(frozen=True)
class Experiment:
    """One model: a world, an encoder, its pre-training, its fine-tuning, and a seed for all.

    Attributes:
        world: what is read.
        encoder: what is built (or loaded, for `path:` encoders).
        pretraining: None for an encoder that starts fine-tuning from scratch.
        training: None for an encoder that is evaluated as it was pre-trained.
        seed: the seed of initialisation, pre-training, plan and fine-tuning.
    """

    world: WorldSettings = field(default_factory=WorldSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    pretraining: PretrainingSettings | None = None
    training: TrainingSettings | None = field(default_factory=TrainingSettings)
    seed: int = 0

    def replace(self, **changes: object) -> Experiment:
        """A copy with some fields changed; names of fine-tuning and plan settings work too.

        `experiment.replace(alpha=0.3, steps=500, seed=2)` changes the plan's alpha, the steps of
        fine-tuning and the experiment's seed.

        Raises:
            TypeError: a name belongs to none of them.
        """
        own, rest = _split(changes, type(self))
        copy = dataclasses.replace(self, **own)
        if not rest:
            return copy
        if copy.training is None:
            raise TypeError(f"an experiment without fine-tuning has no {next(iter(rest))!r}")
        training, plan = _split(rest, TrainingSettings)
        tuned = dataclasses.replace(copy.training, **training)
        tuned = dataclasses.replace(tuned, plan=dataclasses.replace(tuned.plan, **plan))
        return dataclasses.replace(copy, training=tuned)


def _split(changes: dict[str, object], kind: type) -> tuple[dict[str, object], dict[str, object]]:
    """Those of the changes that name a field of a dataclass, and the others."""
    names = {item.name for item in dataclasses.fields(kind)}
    fitting = {name: value for name, value in changes.items() if name in names}
    return fitting, {name: value for name, value in changes.items() if name not in names}


def tokenizer_stage(experiment: Experiment, world: World) -> Stage:
    """The tokenizer: of the texts of all languages and the vocabulary's settings."""
    encoder = experiment.encoder
    fields = {
        "pretraining_text": world.pretraining.digest(),
        "training": world.training_digest,
        "tokenizer": encoder.tokenizer,
        "vocabulary_size": encoder.vocabulary_size,
        "max_length": encoder.max_length,
    }
    return Stage("tokenizer", VERSIONS["tokenizer"], fields)


def is_published(experiment: Experiment) -> bool:
    """Is the encoder a checkpoint that is fine-tuned as it is?"""
    kind = experiment.encoder.kind
    return kind.startswith(checkpoints.PATH) and experiment.pretraining is None


def pretraining_stage(experiment: Experiment, world: World) -> Stage:
    """The encoder before fine-tuning; a published one is the same for all seeds and worlds."""
    if is_published(experiment):
        name = experiment.encoder.kind.removeprefix(checkpoints.PATH)
        fields = {"encoder": experiment.encoder, "checkpoint": checkpoints.version(name)}
        return Stage("pretraining", VERSIONS["pretraining"], fields)
    fields = {
        "tokenizer": tokenizer_stage(experiment, world).key,
        "encoder": experiment.encoder,
        "pretraining": experiment.pretraining,
        "seed": experiment.seed,
    }
    return Stage("pretraining", VERSIONS["pretraining"], fields)


def model_stage(experiment: Experiment, world: World) -> Stage:
    """The trained model; the pre-trained one for an experiment without fine-tuning."""
    parent = pretraining_stage(experiment, world)
    if experiment.training is None:
        return parent
    fields = {
        "parent": parent.key,
        "training": canonical(experiment.training),
        "items": world.training_digest,
        "seed": experiment.seed,
    }
    return Stage("finetuning", VERSIONS["finetuning"], fields)


def canonical(training: TrainingSettings) -> TrainingSettings:
    """Samplings that draw the very same batches share their stage: alpha 1 and 0 are baselines.

    What a stage holds must be made with these settings, so that one name can resume another's work.
    """
    alpha = {"X-X-mono": 1.0, "X-Y": 0.0}.get(training.plan.sampling)
    if alpha is None:
        return training
    plan = dataclasses.replace(training.plan, sampling="hybrid", alpha=alpha)
    return dataclasses.replace(training, plan=plan)
