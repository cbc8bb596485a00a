"""Fine-tuning with sentence-transformers' trainer, fed by the plan.

What goes into a step is a function of (seed, step) alone, see `hbt.sampling`. So training is one
long epoch of steps, and a run that was stopped continues as if nothing had happened: from its
newest complete checkpoint, with the batches that the plan gives from there on, to the last bit on
the same machine with the same number of threads.

Under torchrun or accelerate launch each process takes its slice of every batch of the plan and
gathers the negatives of the others; the first process writes, and logs the mean of their losses,
which is the loss of the whole batch.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.corpus import ParallelItems
from hbt.sampling import ItemLayout, Plan, PlanBatchSampler
from hbt.training_folder import CHECKPOINTS, LAYOUT, MODEL, claim, weights_digest, write_layout
from hbt.training_log import (
    DIGEST_LENGTH,
    LOG,
    STEPS,
    TrainingLog,
    append_steps,
    as_columns,
    cut_steps,
    peak_memory_mb,
)
from hbt.training_settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sentence_transformers import SentenceTransformer
    from transformers import TrainerCallback


def finetune(
    model: SentenceTransformer,
    items: ParallelItems,
    settings: TrainingSettings,
    folder: Path,
    resume: bool = True,
    progress: bool = True,
    name: str = "fine-tuning",
    callbacks: Sequence[TrainerCallback] = (),
) -> TrainingLog:
    """Train the model, in place, on the items as the plan deals them out.

    Runs on the model's device. Afterwards the folder holds the model in `model/`, the log in
    `training.json` and one line per step in `steps.tsv`. A finished training is not done again:
    its weights are loaded into the model. An interrupted one continues from its newest checkpoint.

    Args:
        model: the encoder to train.
        items: the training data.
        settings: the rest.
        folder: where results and checkpoints go.
        resume: continue what the folder holds; False to begin anew.
        progress: draw a progress line on stderr.
        name: what the line says first.
        callbacks: of transformers, called beside our own; they see a step before its checkpoint.

    Returns:
        The log.

    Raises:
        ValueError: the folder holds a training of other data or settings; or the items are too
            few for a batch.
    """
    folder = Path(folder)
    layout = ItemLayout.from_items(items)
    identity = {
        "data": items.digest(),
        "first_weights": weights_digest(model),
        **dataclasses.asdict(settings),
        "plan": Plan(settings.plan, layout).arguments(),
    }
    arguments = _arguments(model, settings, folder)
    later = {item.name: item.default for item in dataclasses.fields(settings) if item.metadata}
    with arguments.main_process_first(local=False):
        claim(folder, identity, resume or arguments.process_index > 0, later)
        if not (folder / LAYOUT).exists():
            write_layout(layout, folder)
    if (folder / LOG).exists():
        from hbt.encoders import load

        model.load_state_dict(load(folder / MODEL).state_dict())
        return TrainingLog.read(folder)
    line = name if progress else None
    run = _Run(model, items, layout, settings, folder, arguments, line, callbacks)
    return run.go(identity)


def _arguments(model: SentenceTransformer, settings: TrainingSettings, folder: Path) -> Any:
    """What sentence-transformers' trainer is told; the plan's batch size is that of all processes.

    Raises:
        ValueError: the number of processes does not divide the batch size.
    """
    from sentence_transformers import SentenceTransformerTrainingArguments

    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder / CHECKPOINTS),
        max_steps=settings.steps // settings.accumulation,
        gradient_accumulation_steps=settings.accumulation,
        per_device_train_batch_size=settings.plan.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(settings.warm_up * (settings.steps // settings.accumulation)),
        optim="adamw_torch_fused",
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_gradient_norm,
        bf16=settings.precision == "bfloat16",
        seed=settings.seed,
        use_cpu=model.device.type == "cpu",
        save_strategy="steps" if settings.checkpoint_every else "no",
        save_steps=(settings.checkpoint_every or settings.steps) // settings.accumulation,
        save_total_limit=2,
        ignore_data_skip=True,  # the plan starts where the checkpoint ends
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    arguments.per_device_train_batch_size //= arguments.world_size
    return arguments


def _compute_twice(model: SentenceTransformer) -> None:
    """Keep no activations of the transformers in the model.

    Asked of the transformers themselves: in the trainer's arguments the option changes its name
    between releases.
    """
    from transformers import PreTrainedModel

    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            newer = getattr(module, "activation_checkpointing_enable", None)
            (newer or module.gradient_checkpointing_enable)({"use_reentrant": False})


class _Run:
    """One attempt at a training, from the newest checkpoint to the end."""

    def __init__(
        self,
        model: SentenceTransformer,
        items: ParallelItems,
        layout: ItemLayout,
        settings: TrainingSettings,
        folder: Path,
        arguments: Any,
        progress: str | None,
        callbacks: Sequence[TrainerCallback],
    ) -> None:
        from hbt.trainer import newest_checkpoint

        self.started = time.perf_counter()
        self.model, self.settings, self.folder = model, settings, folder
        self.arguments, self.first_process = arguments, arguments.process_index == 0
        self.checkpoint, updates = newest_checkpoint(folder / CHECKPOINTS)
        self.start = updates * settings.accumulation
        if settings.gradient_checkpointing:
            _compute_twice(model)
        self.plan, self.replay = Plan(settings.plan, layout), Plan(settings.plan, layout)
        self.trainer = self._trainer(items, progress, callbacks)
        self.rows = cut_steps(folder / STEPS, self.start, write=self.first_process)
        self.seconds, self.resumed_at = 0.0, []
        if self.checkpoint is not None:
            held = json.loads((self.checkpoint / LOG).read_text(encoding="utf-8"))
            self.seconds, self.resumed_at = held["seconds"], [*held["resumed_at"], self.start]

    def _trainer(
        self, items: ParallelItems, progress: str | None, callbacks: Sequence[TrainerCallback]
    ) -> Any:
        from transformers import PrinterCallback

        from hbt.trainer import Examples, PlanTrainer, Progress

        settings, arguments = self.settings, self.arguments
        rank, world = arguments.process_index, arguments.world_size
        line = progress if self.first_process else None
        trainer = PlanTrainer(
            model=self.model,
            args=arguments,
            # of all processes: any of them may be the one that tokenises
            examples=Examples(self.model, items, progress=progress is not None),
            batches=PlanBatchSampler(self.plan, settings.steps, self.start, rank, world),
            loss=self._loss(gather=world > 1),
            callbacks=[Progress(line, self.start, settings, self._on_checkpoint), *callbacks],
        )
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _loss(self, gather: bool) -> Any:
        from hbt.losses import CachedMaskedInfoNCELoss, MaskedInfoNCELoss

        settings = self.settings
        rest = (settings.scale, settings.symmetric, gather)
        if settings.mini_batch:
            return CachedMaskedInfoNCELoss(self.model, settings.mini_batch, *rest)
        return MaskedInfoNCELoss(self.model, *rest, settings.length_groups)

    def go(self, identity: dict[str, Any]) -> TrainingLog:
        """Train to the end and leave the finished folder."""
        from hbt.encoders import save

        self.loop_started = time.perf_counter()
        checkpoint = None if self.checkpoint is None else str(self.checkpoint)
        self.trainer.train(resume_from_checkpoint=checkpoint)
        self._append_steps()
        log = self._log()
        if self.first_process:
            save(self.model, self.folder / MODEL)
            log.write(self.folder, identity)
            shutil.rmtree(self.folder / CHECKPOINTS, ignore_errors=True)
        self.trainer.accelerator.wait_for_everyone()
        return log

    def _on_checkpoint(self, folder: Path) -> None:
        """Called by all processes, when all files of the checkpoint but the log are written."""
        self._append_steps()
        if self.first_process:
            self._log().write(folder, {})

    def _log(self) -> TrainingLog:
        return TrainingLog(
            **as_columns(self.rows),
            seconds=self.seconds + time.perf_counter() - self.loop_started,
            preparation_seconds=self.loop_started - self.started,
            peak_memory_mb=peak_memory_mb(),
            resumed_at=tuple(self.resumed_at),
        )

    def _append_steps(self) -> None:
        """Write down the steps since the last time; all processes together."""
        first = len(self.rows)
        for step, loss in enumerate(self.trainer.take_losses(), first):
            batch = self.replay(step)
            digest = batch.digest()[:DIGEST_LENGTH]
            self.rows.append((batch.kind, batch.source, loss, digest))
        if self.first_process:
            append_steps(self.folder / STEPS, first, self.rows[first:])
