"""All that a fine-tuning depends on beside the encoder and the items, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field

from hbt.plan_settings import PlanSettings

# An experiment's stages are named without fields marked so while they have their default: folders
# made before such a field came stay valid.
LATER = {"later": True}


@dataclass(frozen=True)
class TrainingSettings:
    """All that a fine-tuning depends on beside the encoder and the items.

    Attributes:
        plan: what goes into the batches; its batch size is the global one.
        steps: batches drawn from the plan, a multiple of `accumulation`.
        learning_rate: at its peak; the paper's 3e-5 is for XLM-R and LaBSE, encoders from scratch
            need far more (a small transformer about 0.001).
        warm_up: share of the steps in which the learning rate rises linearly from 0; it falls
            linearly to 0 in the rest (the paper names neither).
        weight_decay: of AdamW (the paper's).
        max_gradient_norm: gradients longer than this are shortened to it; 0 for never.
        scale, symmetric: of the loss, see `hbt.losses`.
        precision: "float32" or "bfloat16" (mixed: weights stay in float32).
        checkpoint_every: steps between checkpoints to resume from, a multiple of `accumulation`;
            0 for none.
        seed: of dropout. What goes into the batches has its own seed, in `plan`.
        accumulation: batches of the plan whose gradients are averaged before the weights change.
            Passages of one batch are no negatives of another's queries.
        mini_batch: texts embedded at a time, in each process, with cached gradients (see
            `hbt.losses.CachedMaskedInfoNCELoss`); 0 for the whole batch at once.
        length_groups: passes, at most, over the texts of a batch sorted by length, see
            `hbt.length_groups`; 0 for one pass for the queries and one for the passages.
        gradient_checkpointing: compute activations a second time instead of keeping them: less
            memory, more time, the same result.
    """

    plan: PlanSettings = field(default_factory=PlanSettings)
    steps: int = 1000
    learning_rate: float = 0.01
    warm_up: float = 0.1
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    scale: float = 20.0
    symmetric: bool = False
    precision: str = "float32"
    checkpoint_every: int = 0
    seed: int = 0
    accumulation: int = field(default=1, metadata=LATER)
    mini_batch: int = field(default=0, metadata=LATER)
    length_groups: int = field(default=0, metadata=LATER)
    gradient_checkpointing: bool = field(default=False, metadata=LATER)

    def __post_init__(self) -> None:
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision {self.precision!r} is neither 'float32' nor 'bfloat16'")
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, at least 1 is needed")
        if self.accumulation < 1 or self.mini_batch < 0:
            raise ValueError(
                f"accumulation is {self.accumulation} and mini_batch {self.mini_batch}: "
                "at least 1 and 0 are needed"
            )
        if self.length_groups < 0 or (self.length_groups and self.mini_batch):
            raise ValueError(
                f"length_groups is {self.length_groups} with mini_batch {self.mini_batch}: at "
                "least 0 is needed, and with cached gradients 0"
            )
        for name in ("steps", "checkpoint_every"):
            if getattr(self, name) % self.accumulation:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, no multiple of accumulation, "
                    f"{self.accumulation}"
                )
