"""The callback of a training that scores its model and keeps the best; see `hbt.selection`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from transformers import TrainerCallback

from hbt.encoders import save
from hbt.selection import BEST, HEAD, SCORES, read_scores
from hbt.whole_files import write_text


class Selection(TrainerCallback):
    """Scores a model while it is trained, and keeps the best; a callback of `finetune`.

    Args:
        folder: of the training; `best/` and `selection.tsv` are written there.
        score: of a model; called by the first process alone.
        every: steps between scores, a multiple of `accumulation`.
        accumulation: steps of the plan behind one change of the weights.

    Raises:
        ValueError: `every` is no multiple of `accumulation`.
    """

    def __init__(
        self,
        folder: Path,
        score: Callable[[SentenceTransformer], float],
        every: int,
        accumulation: int = 1,
    ) -> None:
        if every % accumulation:
            raise ValueError(f"every is {every}, no multiple of accumulation, {accumulation}")
        self.folder, self.score, self.every = folder, score, every
        self.accumulation = accumulation
        self.scores: dict[int, float] = {}

    @property
    def best(self) -> tuple[int, float] | None:
        """Step and score of the best one so far."""
        step = max(self.scores, key=lambda step: (self.scores[step], -step), default=None)
        return None if step is None else (step, self.scores[step])

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take up the scores up to the checkpoint."""
        done = state.global_step * self.accumulation
        held = read_scores(self.folder) if done else {}
        self.scores = {step: score for step, score in held.items() if step <= done}
        if state.is_world_process_zero:
            self._write()

    def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        """Score the model if it is time to; called before the checkpoint of the step."""
        step = state.global_step * self.accumulation
        last = state.global_step >= state.max_steps
        if not state.is_world_process_zero or not (last or step % self.every == 0):
            return
        model = named["model"]
        self.scores[step] = self.score(model)
        if self.best == (step, self.scores[step]):
            partial = self.folder / f"{BEST}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            save(model, partial)
            shutil.rmtree(self.folder / BEST, ignore_errors=True)
            partial.rename(self.folder / BEST)
        self._write()

    def _write(self) -> None:
        rows = "".join(f"{step}\t{score:.9g}\n" for step, score in self.scores.items())
        write_text(self.folder / SCORES, HEAD + rows)
