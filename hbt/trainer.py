"""The parts of sentence-transformers' trainer that know about data, replaced.

`Examples` gives the trainer token ids in place of texts, `PlanTrainer` takes its batches from the
plan, keeps the loss of every step, and writes checkpoints that hold what resuming needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm
from transformers import TrainerCallback

from hbt.row_gradients import RowGradient, gradient_by_rows
from hbt.sampling import unpack
from hbt.token_columns import tokenise_columns
from hbt.tokens import Tokens, features_of

if TYPE_CHECKING:
    from hbt.parallel_items import ParallelItems, Side
    from hbt.training import TrainingSettings

WEIGHTS = "weights.pt"
COMPLETE = "complete"  # written last into a checkpoint; without it the checkpoint is not used


class Examples(torch.utils.data.Dataset):
    """Every (item, query language, passage language) as an example, by its packed index.

    Texts are not copied; their token ids lie in memory or, for many texts, in files (see
    `hbt.token_columns`). What an item lacks the plan never asks for.

    Args:
        model: whose tokenizer and prefixes apply.
        items: the training data.
        progress: draw progress lines on stderr where there is much to tokenise.
    """

    def __init__(
        self, model: SentenceTransformer, items: ParallelItems, progress: bool = False
    ) -> None:
        def read(side: Side, role: str) -> list[Tokens]:
            columns = {code: side[code] for code in items.languages}
            return tokenise_columns(model, columns, role, progress)

        self.n_languages = len(items.languages)
        self.passage_id, self.negative_id = items.passage_id, items.negative_id
        self.queries, self.passages = read(items.queries, "query"), read(items.passages, "passage")
        self.negatives = [read(side, "passage") for side in items.negatives]

    def __getitems__(self, packed: Sequence[int]) -> dict[str, Tensor]:
        """A whole batch at once, as the trainer's collator would have made it from texts.

        Hard negatives are in the language of their example's passage, and as many as the batch's
        source has.
        """
        item, query_language, passage_language = unpack(np.asarray(packed), self.n_languages)
        label, n_negatives = self.passage_id[item], 0
        if self.negative_id is not None:
            ids = self.negative_id[item]
            n_negatives = int((ids >= 0).all(axis=0).sum())
            label = np.column_stack([label, ids[:, :n_negatives]])
        batch: dict[str, Tensor] = {"label": torch.from_numpy(label.astype(np.int64))}
        columns = [("query", self.queries, query_language)]
        columns += [("passage", self.passages, passage_language)]
        for number, tokens in enumerate(self.negatives[:n_negatives], start=1):
            columns.append((f"negative_{number}", tokens, passage_language))
        for name, tokens, language in columns:
            features = features_of(tokens, language, item)
            batch.update({f"{name}_{feature}": value for feature, value in features.items()})
        return batch


class PlanTrainer(SentenceTransformerTrainer):
    """Sentence-transformers' trainer over `Examples`, with a batch sampler of packed indices.

    Args:
        examples: the data.
        batches: batches of packed indices.
        arguments: of the parent class.

    Attributes:
        losses: the loss of every step since `take_losses`, of this process's own examples, scalars
            on the device.
    """

    def __init__(
        self, *, examples: Examples, batches: Iterable[Sequence[int]], **arguments: Any
    ) -> None:
        self.examples = examples
        self.batches = batches
        self.losses: list[Tensor] = []
        self.by_rows: RowGradient | None = None
        super().__init__(**arguments)

    def get_train_dataloader(self) -> DataLoader:
        """Batches as the plan gives them.

        Accelerate is not asked to prepare this loader: it would deal whole batches to processes,
        while here the sampler already yields this process's slice of every batch.
        """
        return DataLoader(
            self.examples,
            batch_sampler=self.batches,
            collate_fn=_as_it_is,
            # Beginning to iterate draws a number. From the global generator it would move dropout
            # in a resumed run, which begins once more.
            generator=torch.Generator(),
        )

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: int | None = None,
    ) -> Any:
        """The loss, kept without waiting for the device."""
        result = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        self.losses.append((result[0] if return_outputs else result).detach())
        return result

    def take_losses(self) -> list[float]:
        """The mean over the processes of the loss of every step since the last time.

        All processes have to ask at the same step.
        """
        losses, self.losses = self.losses, []
        if not losses:
            return []
        mean = self.accelerator.reduce(torch.stack(losses), reduction="mean")
        return mean.tolist()

    def train(self, *arguments: Any, **named: Any) -> Any:
        """Train; a large embedding matrix collects its gradient by rows meanwhile.

        Not on several processes, which add up whole gradients, nor on a GPU, where these are cheap.
        """
        by_rows = self.args.world_size == 1 and self.model.device.type == "cpu"
        collecting = gradient_by_rows(self.model) if by_rows else nullcontext()
        with collecting as self.by_rows:
            return super().train(*arguments, **named)

    def training_step(self, *arguments: Any, **named: Any) -> Tensor:
        """Forward and backward; where no gradient is clipped, they are then ready to be used."""
        loss = super().training_step(*arguments, **named)
        if self.by_rows is not None and not self.args.max_grad_norm:
            self.by_rows.make_whole()
        return loss

    def _clip_grad_norm(self, model: torch.nn.Module) -> Tensor:
        if self.by_rows is None:
            return super()._clip_grad_norm(model)
        return self.by_rows.clip(model.parameters(), self.args.max_grad_norm)

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """No model card: the callback would tokenise a sample of the data just to describe it."""

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(self.model.state_dict(), folder / WEIGHTS)

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:
        weights = torch.load(
            Path(checkpoint_path) / WEIGHTS, map_location=self.model.device, weights_only=True
        )
        self.model.load_state_dict(weights)


def _as_it_is(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return batch


class Progress(TrainerCallback):
    """A plain progress line on stderr, and a call at every checkpoint.

    Args:
        description: what the line says first; None for no line.
        start: the first step to make.
        settings: say how many there are in all, and how many the weights change with.
        on_checkpoint: called by every process with the folder of a checkpoint, after it has written
            its other files there.
    """

    def __init__(
        self,
        description: str | None,
        start: int,
        settings: TrainingSettings,
        on_checkpoint: Callable[[Path], None],
    ) -> None:
        self.bar = tqdm(
            desc=description,
            initial=start,
            total=settings.steps,
            unit="step",
            disable=description is None,
            mininterval=1,
        )
        self.accumulation = settings.accumulation
        self.on_checkpoint = on_checkpoint

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The steps behind a change of the weights, on the line."""
        self.bar.update(self.accumulation)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint as complete, after all else."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        self.on_checkpoint(folder)
        # the losses that this exchanges come from processes whose files are written
        if state.is_world_process_zero:
            (folder / COMPLETE).touch()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Leave the full line standing."""
        self.bar.close()


def newest_checkpoint(folder: Path) -> tuple[Path | None, int]:
    """The last complete checkpoint in a folder and its weight changes; None and 0 without one."""
    found = [(int(path.parent.name.split("-")[1]), path) for path in folder.glob(f"*/{COMPLETE}")]
    if not found:
        return None, 0
    steps, path = max(found)
    return path.parent, steps
