"""The profile `paper`: a published encoder on real text, the paper's settings where it has any.

Which encoder is one choice for a whole run: `HBT_PAPER_ENCODER`, a short name of
`hbt.models.MODELS`, a name on the hub or a folder; XLM-R base where it is not set. Fine-tuned is
on mMARCO where the data folder has a folder `mmarco`, else on MLQA-R; tested is on XQuAD-R.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hbt.encoders import EncoderSettings
from hbt.sampling import PlanSettings
from hbt.suite.checkpoints import PATH, full_name, local_folder, version
from hbt.suite.recipe import Experiment
from hbt.suite.worlds import WorldSettings
from hbt.training import TrainingSettings

if TYPE_CHECKING:
    from hbt.suite.profiles import Profile

ENCODERS = ("xlm-r-base", "labse")
"""The paper's; the first is taken where none is named."""
ENCODER_VARIABLE = "HBT_PAPER_ENCODER"
STEPS = {"mlqa-r": 300, "mmarco": 5000}
"""Of 100 examples each. The paper names no number, and these were not tuned."""
CHECKPOINT_EVERY = {"mlqa-r": 0, "mmarco": 1000}


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


def paper_experiment(encoder: str, data_dir: str) -> Experiment:
    """The experiment that all others of the profile are changes of; `whose` says whose values.

    Args:
        encoder: as `chosen_encoder` gives it.
        data_dir: the folder with xquad-r and mlqa-r, and perhaps mmarco.
    """
    training = training_data(data_dir)
    return Experiment(
        world=WorldSettings("real", data_dir=data_dir, training=training),
        encoder=EncoderSettings(
            f"{PATH}{encoder}",
            max_length=256,
            query_prefix="Query: ",
            passage_prefix="Passage: ",
        ),
        pretraining=None,
        training=TrainingSettings(
            PlanSettings("hybrid", batch_size=100),
            steps=STEPS[training],
            learning_rate=3e-5,
            weight_decay=1e-2,
            precision="bfloat16",
            checkpoint_every=CHECKPOINT_EVERY[training],
        ),
    )


def whose(profile: Profile) -> list[tuple[str, str, str]]:
    """Rows (setting, value, whose value it is) of all that decides a run of the profile.

    The paper's values are those of arXiv 2408.10536, sections 2.1 and 3.1.
    """
    base = profile.base
    training, encoder = base.training, base.encoder
    data = {"mlqa-r": "MLQA-R", "mmarco": "mMARCO"}[base.world.training]
    schedule = f"linear, warm-up {training.warm_up:g}, no early stopping"
    return [
        ("encoder", encoder.kind.removeprefix(PATH), "paper's: XLM-R, LaBSE; no size is given"),
        ("prefixes", f"{encoder.query_prefix!r}, {encoder.passage_prefix!r}", "paper's"),
        ("longest text", f"{encoder.max_length} tokens", "ours"),
        ("pooling", "the checkpoint's own, mean for a bare transformer", "ours"),
        ("training data", data, "ours: the paper's translations were never released"),
        ("hard negatives", "none, those of the batch alone", "ours: the paper trains on triplets"),
        ("batch size", f"{training.plan.batch_size}", "paper's"),
        ("alpha of hybrid", f"{training.plan.alpha:g}", "paper's"),
        ("optimizer", f"AdamW, weight decay {training.weight_decay:g}", "paper's"),
        ("learning rate", f"{training.learning_rate:g}", "paper's"),
        ("schedule", schedule, "ours: the paper stops early on SQuADShifts"),
        ("steps", f"{training.steps}", "ours"),
        ("scale of the loss", f"{training.scale:g}", "ours: the paper prints none"),
        ("precision", training.precision, "ours"),
        ("seeds", " ".join(map(str, profile.seeds)), "ours: the paper says nothing on seeds"),
        ("test", "XQuAD-R, 11 languages", "paper's, one of three"),
    ]


def announcement(profile: Profile) -> str:
    """What will run, to be read in the first cell: a line for each setting."""
    rows = whose(profile)
    width = max(len(name) for name, _, _ in rows)
    lines = [f"  {name.ljust(width)}  {value}  [{owner}]" for name, value, owner in rows]
    return "\n".join(["The profile paper, with the paper's values and ours:", *lines])
