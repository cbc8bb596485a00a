"""Profiles: how large the worlds, models and sweeps of the notebooks are.

`smoke` proves that all runs and shows nothing; `classroom` shows the effects live; `full` has the
seeds for intervals, and its tables are committed in results/. Difficulty, learning rates and sizes
were fixed while looking at X-X-mono on development items only (see docs/calibration.md). `paper`
trains a published encoder on real text, on a GPU (see `hbt.suite.paper_profile`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from hbt.encoders import EncoderSettings
from hbt.pretraining import PretrainingSettings
from hbt.sampling import PlanSettings
from hbt.suite.recipe import Experiment
from hbt.suite.session import DATA, PROFILES
from hbt.suite.worlds import WorldSettings, load_world
from hbt.training import TrainingSettings
from hbt.village import VillageSettings

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
TENTHS = tuple(round(0.1 * tenth, 1) for tenth in range(11))
SWEEPS = {  # profile, or profile and data: number of seeds, points of alpha, points of K
    "smoke": (1, (0.0, 0.5, 1.0), (0, 16)),
    "classroom": (3, QUARTERS, (0, 4, 16)),
    "full": (5, TENTHS, (0, 2, 4, 8, 16)),
    "full real": (5, QUARTERS, (0, 4, 16, 33)),
    "paper": (5, QUARTERS, ()),
}


@dataclass(frozen=True)
class Profile:
    """The numbers behind a run of the notebooks.

    Attributes:
        name: one of PROFILES.
        base: the experiment all others are changes of: hybrid, `static`, pre-trained on the
            evaluated languages.
        transformer: the same with a small transformer instead; None where there is no time for it.
        seeds: seeds of every comparison.
        alphas: points of the curve over alpha.
        low_resource_counts: numbers of low-resource languages in pre-training, K; empty for
            `paper`, whose encoder is pre-trained already.
        transformer_counts: the same for the transformer.
        resamples: of the bootstrap.
    """

    name: str
    base: Experiment
    transformer: Experiment | None
    seeds: tuple[int, ...]
    alphas: tuple[float, ...]
    low_resource_counts: tuple[int, ...]
    transformer_counts: tuple[int, ...]
    resamples: int

    @property
    def encoder(self) -> str:
        """What the base's encoder is called in a table: its kind, or the name of a checkpoint."""
        return self.base.encoder.kind.removeprefix("path:").rpartition("/")[2]

    def of_transformer(self) -> Profile:
        """The same profile with the transformer as its base, and shorter sweeps.

        Raises:
            ValueError: the profile has no transformer.
        """
        if self.transformer is None:
            raise ValueError(f"the profile {self.name} has no transformer")
        return dataclasses.replace(
            self,
            base=self.transformer,
            transformer=None,
            alphas=(0.0, 0.5, 1.0),
            low_resource_counts=self.transformer_counts,
        )

    def system(self, sampling: str, seed: int, **changes: object) -> Experiment:
        """The base experiment with a sampling, a seed, and any other change of its fields."""
        return self.base.replace(sampling=sampling, seed=seed, **changes)

    def scaled(self, count: int, seed: int, *, transformer: bool = False) -> Experiment:
        """The experiment with `count` low-resource languages in pre-training.

        Which ones is drawn by the seed (`World.low_resource_order`); the evaluated languages are
        always there, and steps and batches of pre-training stay the same.

        Raises:
            ValueError: there are not so many, or the profile has no transformer.
        """
        experiment = self.of_transformer().base if transformer else self.base
        world = load_world(experiment.world)
        order = world.low_resource_order(seed)
        if not 0 <= count <= len(order):
            raise ValueError(f"K is {count}, but there are {len(order)} low-resource languages")
        pretraining = dataclasses.replace(
            experiment.pretraining, languages=(*world.evaluated_languages, *order[:count])
        )
        return experiment.replace(pretraining=pretraining, seed=seed)


def profile_settings(
    name: str, data: str = "village", data_dir: str = "", seed: int = 0
) -> Profile:
    """The numbers of a profile.

    Args:
        name: one of PROFILES.
        data: "village" or "real".
        data_dir: folder of real text.
        seed: the first of the seeds; the others follow it.

    Raises:
        ValueError: there is no such profile, data or seed, or it is `paper` and data is not "real".
    """
    if name not in PROFILES:
        raise ValueError(f"profile {name!r} is not one of {', '.join(PROFILES)}")
    if data not in DATA:
        raise ValueError(f"data {data!r} is not one of {', '.join(DATA)}")
    if seed < 0:
        raise ValueError(f"seed must be a whole number from 0, not {seed}")
    if name == "paper":
        base = _paper(data, data_dir)
    else:
        base = _village(name) if data == "village" else _real(name, data_dir)
        languages = load_world(base.world).evaluated_languages
        base = base.replace(pretraining=dataclasses.replace(base.pretraining, languages=languages))
    n_seeds, alphas, counts = SWEEPS.get(f"{name} {data}") or SWEEPS[name]
    has_transformer = name == "full" and data == "village"
    return Profile(
        name=name,
        base=base,
        transformer=_transformer(base) if has_transformer else None,
        seeds=tuple(range(seed, seed + n_seeds)),
        alphas=alphas,
        low_resource_counts=counts,
        transformer_counts=counts if has_transformer else (),
        resamples=10_000 if name in ("full", "paper") else 2_000,
    )


def _paper(data: str, data_dir: str) -> Experiment:
    from hbt.suite.paper_profile import chosen_encoder, paper_experiment

    if data != "real":
        raise ValueError(f"the profile paper reads real text, not data {data!r}")
    return paper_experiment(chosen_encoder(), data_dir)


def _village(name: str) -> Experiment:
    """The village in three sizes; the encoder is pre-trained by translation ranking."""
    train_facts, facts, sentences, pretraining_steps, steps = {
        "smoke": (300, 60, 400, 40, 60),
        "classroom": (2000, 300, 2000, 300, 600),
        "full": (3000, 500, 3000, 300, 1000),
    }[name]
    village = VillageSettings(
        train_facts=train_facts,
        development_facts=facts,
        test_facts=facts,
        swap_pairs=min(100, facts),
        pretraining_sentences=sentences,
    )
    return Experiment(
        world=WorldSettings("village", village=village),
        encoder=EncoderSettings(
            "static",
            dimension=64,
            vocabulary_size=8000,
            tokenizer="unigram" if name == "full" else "bpe",  # as XLM-R; in seconds
        ),
        pretraining=PretrainingSettings(
            objective="translation-ranking", steps=pretraining_steps, batch_size=64
        ),
        training=TrainingSettings(PlanSettings("hybrid", batch_size=64), steps=steps),
    )


def _real(name: str, data_dir: str) -> Experiment:
    """Real text; the vocabulary is larger, since real words are many."""
    pretraining_steps, steps = {
        "smoke": (40, 40),
        "classroom": (600, 400),
        "full": (600, 400),
    }[name]
    return Experiment(
        world=WorldSettings("real", data_dir=data_dir),
        encoder=EncoderSettings(
            "static",
            dimension=64 if name == "smoke" else 256,
            vocabulary_size=30_000,
            tokenizer="bpe",
        ),
        pretraining=PretrainingSettings(
            objective="translation-ranking", steps=pretraining_steps, batch_size=128
        ),
        training=TrainingSettings(PlanSettings("hybrid", batch_size=128), steps=steps),
    )


def _transformer(base: Experiment) -> Experiment:
    """The classroom's XLM-R: two layers, pre-trained with MLM on text of one language at a time."""
    return dataclasses.replace(
        base,
        encoder=EncoderSettings(
            "mini-mlm", dimension=128, layers=2, max_length=48, tokenizer="unigram"
        ),
        pretraining=dataclasses.replace(
            base.pretraining, objective="mlm", steps=800, batch_size=32, learning_rate=1e-3
        ),
        training=dataclasses.replace(base.training, learning_rate=1e-3, steps=400),
    )
