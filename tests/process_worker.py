"""What each process of tests/test_several_processes.py does: `process_worker.py SPEC.json`.

A spec has `tokenizer` and `out`, folders, and `runs`: name -> options. For every run each process
leaves `NAME.RANK.npz` in `out`: the parameters at the end, and the examples of every batch that
the model was given. A run with the option `stock` is of sentence-transformers' own trainer.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from tiny_texts import tiny_items
from transformers import TrainerCallback

from hbt.adapters import planned
from hbt.corpus import ParallelItems
from hbt.encoders import EncoderSettings, build
from hbt.losses import MaskedInfoNCELoss
from hbt.sampling import PlanSettings
from hbt.sources import join_items
from hbt.trainer import Examples, PlanTrainer
from hbt.training import TrainingSettings, finetune

RANK = int(os.environ.get("RANK", "0"))
PLAN = PlanSettings(sampling="hybrid", batch_size=32, seed=3)
SETTINGS = TrainingSettings(
    plan=PLAN, steps=24, learning_rate=0.02, warm_up=0.25, checkpoint_every=4
)


def settings_of(options: dict) -> TrainingSettings:
    plan = dataclasses.replace(PLAN, **options.get("plan", {}))
    return dataclasses.replace(SETTINGS, plan=plan, **options.get("training", {}))


def items_of(options: dict) -> ParallelItems:
    """Tiny items with hard negatives, if any; in a mix, beside as many that have none."""
    items = tiny_items(negatives=options.get("negatives", 0))
    if not options.get("mix"):
        return items
    return join_items("mix", [items, dataclasses.replace(tiny_items(), source_names=("plain",))])


def new_model(tokenizer: Path, options: dict) -> SentenceTransformer:
    """With dropout, random numbers count; in float64, two ways to add up give the same."""
    settings = EncoderSettings(
        kind="mini-mlm", dimension=16, layers=1, dropout=options.get("dropout", 0.0)
    )
    model = build(settings, tokenizer, seed=0)
    if options.get("pooler"):  # as the stock trainer wants to find it in a checkpoint
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            torch.manual_seed(0)
            return SentenceTransformer(folder, device="cpu")
    return model.double() if options.get("double") else model


def parameters(model: SentenceTransformer) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])


class Watch:
    """Records the examples that are fetched, and kills this process at a step if told to."""

    def __init__(self, kill_at: int | None) -> None:
        self.kill_at, self.batches = kill_at, []
        self.fetch, self.compute_loss = Examples.__getitems__, PlanTrainer.compute_loss

    def __enter__(self) -> Watch:
        def fetch(examples: Examples, packed: list[int]) -> dict[str, torch.Tensor]:
            self.batches.append(packed)
            return self.fetch(examples, packed)

        def compute_loss(trainer: PlanTrainer, *arguments: object, **named: object) -> object:
            step = trainer.state.global_step * trainer.args.gradient_accumulation_steps
            if self.kill_at is not None and step >= self.kill_at and RANK == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return self.compute_loss(trainer, *arguments, **named)

        Examples.__getitems__, PlanTrainer.compute_loss = fetch, compute_loss
        return self

    def __exit__(self, *_: object) -> None:
        Examples.__getitems__, PlanTrainer.compute_loss = self.fetch, self.compute_loss


def run(name: str, options: dict, model: SentenceTransformer, out: Path) -> None:
    before = parameters(model)
    with Watch(options.get("kill_at")) as watch:
        settings = settings_of(options)
        log = finetune(model, items_of(options), settings, out / name, progress=False)
    np.savez(
        out / f"{name}.{RANK}.npz",
        before=before,
        after=parameters(model),
        batches=np.array(watch.batches),
        loss=log.loss,
        digest=np.array(log.digest),
        resumed_at=np.array(log.resumed_at, dtype=np.int64),
    )


class Texts(MaskedInfoNCELoss):
    """Keeps the passage ids and the token ids that reach the loss, and the values."""

    def forward(self, sentence_features: object, labels: torch.Tensor) -> torch.Tensor:
        features = list(sentence_features)
        loss = super().forward(features, labels)
        self.columns = len(features)
        self.labels = [*getattr(self, "labels", []), labels.tolist()]
        self.values = [*getattr(self, "values", []), loss.item()]
        return loss


class StopAfter(TrainerCallback):
    """Ends a training after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step_end(self, args: object, state: object, control: object, **_: object) -> None:
        control.should_training_stop = state.global_step >= self.steps


def by_row() -> Dataset:
    """Every item in every language pair, a row each."""
    items = tiny_items()
    names = ("item", "query_language", "passage_language", "query", "passage", "passage_id")
    rows = [
        (item, a, b, items.queries[a][item], items.passages[b][item], items.passage_id[item])
        for item in range(len(items))
        for a in items.languages
        for b in items.languages
        if items.queries[a][item] and items.passages[b][item]
    ]
    return Dataset.from_dict(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def run_stock(name: str, options: dict, model: SentenceTransformer, out: Path) -> None:
    before, world = parameters(model), int(os.environ.get("WORLD_SIZE", "1"))
    split = options.get("split_batches", False)
    args = SentenceTransformerTrainingArguments(
        output_dir=str(out / name),
        num_train_epochs=1,
        per_device_train_batch_size=32 if split else 32 // world,
        gradient_accumulation_steps=2,
        learning_rate=0.02,
        use_cpu=True,
        report_to="none",
        save_strategy="steps",
        save_steps=5,
        disable_tqdm=True,
        accelerator_config={"split_batches": split},
    )
    data, args.batch_sampler = planned(by_row(), PLAN, 24, split_batches=split)
    loss = Texts(model, gather_across_devices=world > 1)
    named = {"args": args, "train_dataset": data}
    if options.get("stop"):
        other = copy.deepcopy(model)
        stopped = SentenceTransformerTrainer(
            model=other, loss=Texts(other, gather_across_devices=world > 1), **named
        )
        stopped.add_callback(StopAfter(options["stop"]))
        stopped.train()
    trainer = SentenceTransformerTrainer(model=model, loss=loss, **named)
    trainer.train(resume_from_checkpoint=bool(options.get("stop")))
    assert loss.columns == 2
    after, labels = parameters(model), np.array(loss.labels)
    values = {"before": before, "after": after, "labels": labels, "loss": np.array(loss.values)}
    np.savez(out / f"{name}.{RANK}.npz", **values)


def run_all(runs: dict[str, dict], tokenizer: Path, out: Path) -> None:
    # all models first: once the processes know each other, only one of them writes model files
    models = {name: new_model(tokenizer, options) for name, options in runs.items()}
    for name, options in runs.items():
        (run_stock if options.get("stock") else run)(name, options, models[name], out)


def main(spec: Path) -> None:
    torch.set_num_threads(1)
    content = json.loads(spec.read_text())
    run_all(content["runs"], Path(content["tokenizer"]), Path(content["out"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
