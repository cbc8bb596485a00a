"""The plan in anyone's training with sentence-transformers.

    from hbt.adapters import planned
    settings = PlanSettings(sampling="hybrid", alpha=0.5)
    train_dataset, args.batch_sampler = planned(train_dataset, settings, steps=10_000)

For a DatasetDict by language pair it is `args.multi_dataset_batch_sampler`. The batch size is
the trainer's: `per_device_train_batch_size` examples in each process, all of one batch of the plan.
Train one epoch, it has `steps` batches: then a run that was stopped and resumed gets the batches
that it would have had, on any number of processes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from datasets import Dataset, DatasetDict, concatenate_datasets
from sentence_transformers.base.sampler import DefaultBatchSampler, ProportionalBatchSampler
from torch.utils.data import BatchSampler, ConcatDataset, SequentialSampler
from transformers import TrainerCallback

from hbt.row_index import Columns, RowIndex, read_rows, with_empty_texts
from hbt.sampling import Plan, PlanSettings

__all__ = ["Columns", "PlannedBatches", "RecordPlan", "planned"]

_LABELS = ("label", "labels", "score", "scores")  # columns that sentence-transformers takes as such


def planned(
    dataset: Dataset | DatasetDict,
    settings: PlanSettings,
    steps: int,
    columns: Columns | None = None,
    pairs: Mapping[str, tuple[str, str]] | None = None,
    split_batches: bool = False,
) -> tuple[Dataset | DatasetDict, PlannedBatches]:
    """A training set for the trainer, and what draws its batches.

    The trainer takes every column for a text: an id or a language that stays in the data becomes a
    hard negative without a word. So the returned data has the text columns alone, in their order,
    and `label`, the passage id, which `hbt.losses.MaskedInfoNCELoss` reads and others pass over.

    A row of a Dataset says its languages in `language`, or in `query_language` and
    `passage_language`; a DatasetDict says them in its names ("en-de", "en/zh-Hans"). The rows of an
    item make it up in all its languages. `passage_id` names passages that several items share
    (default: each has its own), and `source` the data set that an item comes from (default: one for
    all). Rows with a missing or empty text are never drawn.

    Args:
        dataset: training data; left as it is. Takes 24 bytes a row for as long as it is used.
        settings: of the plan; its batch size is replaced by the trainer's.
        steps: batches in an epoch; with gradient accumulation micro-batches.
        columns: names of the columns.
        pairs: query and passage language of each data set of a DatasetDict, by its name.
        split_batches: set this as in `accelerator_config`; then the trainer's batch size is that
            of all processes.

    Returns:
        The data for the trainer, not to be reordered, and the value of `args.batch_sampler` or,
        for a DatasetDict, of `args.multi_dataset_batch_sampler`.

    Raises:
        ValueError: a column is missing or doubtful, or an item lacks a language pair that the plan
            may draw; see `hbt.row_index.read_rows`.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}, at least 1 is needed")
    columns = columns or Columns()
    parts = dataset if isinstance(dataset, DatasetDict) else {"": dataset}
    for name, part in parts.items():
        label = next((label for label in _LABELS if label in part.column_names), None)
        if label is not None:
            raise ValueError(f"column {label!r} of {name or 'the data'} is in the place of label")
    spoken = [_pair(name, pairs) if name else None for name in parts]
    index = read_rows(list(parts.values()), spoken, columns, settings)
    sampler = PlannedBatches(index, settings, steps, columns, split_batches)
    labels: dict[int, Dataset] = {}  # shared by the views of all language pairs
    ready = {}
    for (name, part), ids in zip(parts.items(), index.label, strict=True):
        if id(ids) not in labels:
            labels[id(ids)] = Dataset.from_dict({"label": ids})
        texts = with_empty_texts(part.select_columns(list(columns.texts)))
        ready[name] = concatenate_datasets([texts, labels[id(ids)]], axis=1)
        ready[name].info.description = sampler.mark
    return (DatasetDict(ready) if isinstance(dataset, DatasetDict) else ready[""]), sampler


def _pair(name: str, pairs: Mapping[str, tuple[str, str]] | None) -> tuple[str, str]:
    between = "/" if "/" in name else "-"
    pair = tuple(name.split(between)) if pairs is None else pairs.get(name, ())
    if len(pair) != 2:
        raise ValueError(
            f"data set {name!r} names no language pair, as 'en-de' or 'en/zh-Hans' do; or give it "
            "in pairs"
        )
    return pair


class PlannedBatches:
    """Makes the batch sampler that the trainer asks for; made by `planned`."""

    def __init__(
        self,
        index: RowIndex,
        settings: PlanSettings,
        steps: int,
        columns: Columns,
        split_batches: bool,
    ) -> None:
        self.index, self.settings, self.steps = index, settings, steps
        self.columns, self.split_batches = columns, split_batches
        self.mark = f"ready for the plan of {index.layout.digest()}"

    def __call__(
        self,
        dataset: Dataset | ConcatDataset,
        *,
        batch_size: int = 0,
        batch_samplers: list[BatchSampler] | None = None,
        drop_last: bool = True,
        valid_label_columns: list[str] | None = None,
        generator: Any = None,
        seed: int = 0,
    ) -> BatchSampler:
        """Both of sentence-transformers' contracts; order and seed of the plan are its own.

        Raises:
            ValueError: this is not the data that `planned` returned, or has been reordered.
        """
        from accelerate import PartialState

        batch_size = batch_samplers[0].batch_size if batch_samplers else batch_size
        if not self._is_mine(dataset):  # an evaluation set: the trainer has one sampler for both
            if batch_samplers:
                return ProportionalBatchSampler(dataset, batch_samplers, generator, seed)
            return DefaultBatchSampler(SequentialSampler(dataset), batch_size, drop_last)
        slices = 1 if self.split_batches else PartialState().num_processes
        return _PlannedRows(self, batch_size, slices)

    def _is_mine(self, dataset: Dataset | ConcatDataset) -> bool:
        parts = dataset.datasets if isinstance(dataset, ConcatDataset) else [dataset]
        for part in parts:
            left = self.columns.not_for_the_loss() & set(part.column_names)
            if left:
                raise ValueError(
                    f"column {min(left)!r} would be taken for a text: train on the data that "
                    "planned() returns"
                )
        if all(part.info.description != self.mark for part in parts):
            return False
        sizes = [len(ids) for ids in self.index.label]
        if [len(part) for part in parts] != sizes or any(
            part._indices is not None for part in parts
        ):
            raise ValueError("the data has been reordered or cut since planned() returned it")
        return True

    def plan(self, batch_size: int) -> Plan:
        """The plan, for so many examples in a batch of all processes."""
        settings = dataclasses.replace(self.settings, batch_size=batch_size)
        return Plan(settings, self.index.layout)


class _PlannedRows(BatchSampler):
    """Rows of the plan's batches; each batch comes in as many slices as there are processes.

    Accelerate deals the slices to the processes in turn, so that all work on one batch at a time.
    """

    def __init__(self, batches: PlannedBatches, batch_size: int, slices: int) -> None:
        self.batches, self.batch_size, self.slices = batches, batch_size, slices
        self.plan = batches.plan(batch_size * slices)
        self.drop_last, self.epoch = True, 0

    def set_epoch(self, epoch: int) -> None:
        """Go on with the plan in another epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.batches.steps * self.slices

    def __iter__(self) -> Iterator[list[int]]:
        steps = self.batches.steps
        for step in range(self.epoch * steps, (self.epoch + 1) * steps):
            rows = self.batches.index(self.plan(step)).tolist()
            for start in range(0, len(rows), self.batch_size):
                yield rows[start : start + self.batch_size]


class RecordPlan(TrainerCallback):
    """Writes the plan into the model card, which leaves out samplers that are functions.

    Give it to the trainer: `callbacks=[RecordPlan(args.batch_sampler)]`.
    """

    def __init__(self, batches: PlannedBatches) -> None:
        self.batches = batches

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        """After the trainer has noted its own settings."""
        slices = 1 if self.batches.split_batches else args.world_size
        plan = self.batches.plan(args.train_batch_size * slices)
        card = named["model"].model_card_data
        for held in (card.all_hyperparameters, card.non_default_hyperparameters):
            held["batch_plan"] = plan.arguments()
