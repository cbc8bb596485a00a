"""The profile `paper`: a published encoder on real text, the paper's settings where it has any.

Which encoder is one choice for a whole run: `HBT_PAPER_ENCODER`, a short name of
`hbt.models.MODELS`, a name on the hub or a folder; XLM-R base where it is not set. Fine-tuned is
on mMARCO where the data folder has a folder `mmarco`, else on MLQA-R; tested is on XQuAD-R. The
values are those of the shipped configs of `hbt train`, which say of each whose it is.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hbt.encoders import EncoderSettings
from hbt.models import MODELS
from hbt.suite.checkpoints import PATH, full_name, local_folder, version
from hbt.suite.recipe import Experiment
from hbt.suite.worlds import WorldSettings

if TYPE_CHECKING:
    from hbt.suite.profiles import Profile
    from hbt.suite.train_config import TrainConfig

ENCODERS = ("xlm-r-base", "labse")
"""The paper's; the first is taken where none is named."""
ENCODER_VARIABLE = "HBT_PAPER_ENCODER"
SMALL_STEPS = 300
"""On MLQA-R, a thousand items; the steps of the config are for mMARCO. It was not tuned."""
RESULTS = "hbt results"
_CONFIGS = {MODELS["labse"].hub_id: "paper-labse-hybrid"}
_OTHER_CONFIG = "paper-xlm-r-hybrid"
_SHOWN = (
    "model.query_prefix",
    "model.passage_prefix",
    "model.max_length",
    "sampling.alpha",
    "sampling.batch_size",
    "sampling.order",
    "training.steps",
    "training.learning_rate",
    "training.warm_up",
    "training.weight_decay",
    "training.scale",
    "training.precision",
)


def chosen_encoder() -> str:
    """The encoder's name on the hub, or its folder."""
    return full_name(os.environ.get(ENCODER_VARIABLE, "").strip() or ENCODERS[0])


def encoder_version() -> str:
    """The chosen encoder and which version of it is on this machine, as text."""
    encoder = chosen_encoder()
    return f"{encoder} {'' if local_folder(encoder) is None else version(encoder)}"


def training_data(data_dir: str) -> str:
    """What is fine-tuned on: "mmarco" where the data folder has it, else "mlqa-r"."""
    return "mmarco" if (Path(data_dir) / "mmarco").is_dir() else "mlqa-r"


def config_of(encoder: str) -> TrainConfig:
    """The shipped config that the values are from, each with its provenance."""
    from hbt.suite.train_config import read_config

    return read_config(_CONFIGS.get(encoder, _OTHER_CONFIG))


def paper_experiment(encoder: str, data_dir: str) -> Experiment:
    """The experiment that all others of the profile are changes of.

    Its values are those of the shipped config, with fewer steps where the data are few. No
    checkpoint is selected on the way: the last step counts, for all samplings alike.

    Args:
        encoder: as `chosen_encoder` gives it.
        data_dir: the folder with xquad-r and mlqa-r, and perhaps mmarco.
    """
    data, config = training_data(data_dir), config_of(encoder)
    training = config.training
    if data == "mlqa-r":
        training = dataclasses.replace(training, steps=SMALL_STEPS, checkpoint_every=0)
    return Experiment(
        world=WorldSettings("real", data_dir=data_dir, training=data),
        encoder=EncoderSettings(
            f"{PATH}{encoder}",
            max_length=config.model.max_length,
            query_prefix=config.model.query_prefix,
            passage_prefix=config.model.passage_prefix,
        ),
        pretraining=None,
        training=training,
    )


def planned(profile: Profile, task: str) -> list[Experiment]:
    """What a task of the profile trains.

    Args:
        profile: its settings.
        task: `RESULTS`, or the name of a notebook of `hbt.suite.requirements.PAPER_NOTEBOOKS`.
    """

    def of_seeds(sampling: str, **changes: object) -> list[Experiment]:
        return [profile.system(sampling, seed, **changes) for seed in profile.seeds]

    steps = profile.base.training.steps
    curve = [each for alpha in profile.alphas for each in of_seeds("hybrid", alpha=alpha)]
    longer = of_seeds("hybrid", steps=2 * steps)
    baselines = of_seeds("X-X-mono") + of_seeds("X-Y")
    halves = [each.replace(steps=steps // 2) for each in baselines]  # about: as hybrid had of each
    return {
        RESULTS: [*baselines, *of_seeds("hybrid"), *of_seeds("X-X"), *longer, *curve],
        "02_baseline_training": baselines,
        "03_hybrid_batching": [*curve, *halves, *longer, *of_seeds("X-Y", steps=2 * steps)],
        "05_bias_analysis": [*baselines, *of_seeds("hybrid")],
    }[task]


def whose(profile: Profile) -> list[tuple[str, str, str]]:
    """Rows (setting, value, "paper: ..." or "ours: ...") of what decides a run of the profile."""
    base = profile.base
    encoder, data = base.encoder.kind.removeprefix(PATH), base.world.training
    provenance = dict(config_of(encoder).provenance)
    if encoder not in [MODELS[name].hub_id for name in ENCODERS]:
        provenance["model.name"] = f"ours: named in {ENCODER_VARIABLE}"
    if data == "mlqa-r":
        provenance["data.training"] = "ours: small; a folder mmarco in the data folder is taken"
        provenance["training.steps"] = "ours: not stated; few, as the items are few"
    sections = {"model": base.encoder, "sampling": base.training.plan, "training": base.training}
    parts = [(place, *place.split(".")) for place in _SHOWN]
    values = {place: str(getattr(sections[section], field)) for place, section, field in parts}
    values = {"model.name": encoder, "data.training": data} | values
    return [
        *((place, value, provenance[place]) for place, value in values.items()),
        ("pooling", "the checkpoint's own, mean where it has none", "ours: not stated"),
        (
            "negatives",
            "those of the batch",
            "ours: the paper trains on triplets",
        ),
        ("selection", "none, the last step counts", "ours: the paper stops early on SQuADShifts"),
        ("seeds", " ".join(map(str, profile.seeds)), "ours: not stated"),
        ("test", "XQuAD-R", "paper: 3.2, one of three"),
    ]


def announcement(profile: Profile) -> str:
    """What will run, to be read in the first cell: a line for each setting."""
    rows = whose(profile)
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"  {name:{names}}  {value:{values}}  {owner}" for name, value, owner in rows]
    return "\n".join(["The profile paper, with the paper's values and ours:", *lines])
