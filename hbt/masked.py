"""Masked language modelling: a transformer learns to guess the tokens that a batch hides.

What a step reads and hides is a function of (seed, step), see `hbt.masked_text`, and dropout is
seeded by the step too: a run that was stopped continues, to the last bit, from the weights and the
optimiser's state alone. It runs in one process.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from tqdm import tqdm
from transformers import XLMRobertaForMaskedLM

from hbt.corpus import ParallelText
from hbt.encoders import load, save
from hbt.masked_text import MaskedText
from hbt.pretraining import PretrainingSettings
from hbt.training_folder import MODEL, claim, weights_digest
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

_CHECKPOINT = "checkpoint.pt"


def train_masked(
    model: SentenceTransformer,
    text: ParallelText,
    settings: PretrainingSettings,
    folder: Path,
    progress: bool = True,
) -> TrainingLog:
    """Train a transformer, in place, to guess masked tokens; see `hbt.pretraining.pretrain`.

    With the objective "mlm" blocks of one language are read; else every second batch is of
    sentences beside their translation.

    Raises:
        CorpusError: a language has no sentence, or no sentence has a translation.
        ValueError: the model is no transformer of XLM-R's shape; or the folder holds another run.
    """
    module = model[0]
    if not isinstance(module, Transformer) or module.config.model_type != "xlm-roberta":
        raise ValueError(f"objective {settings.objective!r} needs a mini-mlm or mini-labse encoder")
    data = {"data": text.digest(), "first_weights": weights_digest(model)}
    identity = {**data, **dataclasses.asdict(settings)}
    claim(folder, identity, resume=True)
    if (folder / LOG).exists():
        model.load_state_dict(load(folder / MODEL).state_dict())
        return TrainingLog.read(folder)
    log = _Run(model, text, settings, folder).go(progress)
    save(model, folder / MODEL)
    log.write(folder, identity)
    (folder / _CHECKPOINT).unlink(missing_ok=True)
    return log


class _Run:
    """One attempt, from the checkpoint to the end."""

    def __init__(
        self,
        model: SentenceTransformer,
        text: ParallelText,
        settings: PretrainingSettings,
        folder: Path,
    ) -> None:
        self.started = time.perf_counter()
        self.settings, self.folder, self.device = settings, folder, model.device
        module = model[0]
        settings = dataclasses.replace(
            settings, length=min(settings.length, module.tokenizer.model_max_length)
        )
        pairs = settings.objective != "mlm"
        vocabulary_size = module.config.vocab_size
        self.batches = MaskedText(_ids(module), vocabulary_size, text, settings, pairs)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            self.network = XLMRobertaForMaskedLM(module.config)  # only its head is new
        self.network.roberta = module.model
        self.network.lm_head.decoder.weight = module.model.embeddings.word_embeddings.weight
        self.network.to(self.device).train()
        parameters = list(self.network.parameters())
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [one for one in parameters if one.ndim > 1]},
                {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
            ],
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.first_step, self.seconds, self.resumed_at = 0, 0.0, []
        if (folder / _CHECKPOINT).exists():
            self._restore()
        self.rows = cut_steps(folder / STEPS, self.first_step)

    def go(self, progress: bool) -> TrainingLog:
        """Train to the end."""
        self.loop_started = time.perf_counter()
        settings, written = self.settings, self.first_step
        bar = tqdm(
            desc=f"pre-training, {settings.objective}",
            initial=self.first_step,
            total=settings.steps,
            unit="step",
            disable=not progress,
            mininterval=1,
        )
        with bar, torch.random.fork_rng():
            for step in range(self.first_step, settings.steps):
                self._step(step)
                bar.update()
                done = step + 1
                last = done == settings.steps
                if last or (settings.checkpoint_every and done % settings.checkpoint_every == 0):
                    append_steps(self.folder / STEPS, written, self.rows[written:])
                    written = done
                    if not last:
                        self._keep(done)
        return self._log()

    def _step(self, step: int) -> None:
        settings = self.settings
        torch.manual_seed(settings.seed << 32 | step)  # of dropout
        batch = self.batches(step)
        ids, attention, chosen, truth = (
            torch.from_numpy(array).to(self.device)
            for array in (batch.ids, batch.attention, batch.chosen, batch.truth)
        )
        hidden = self.network.roberta(input_ids=ids, attention_mask=attention.long())
        logits = self.network.lm_head(hidden.last_hidden_state[chosen])  # (chosen, vocabulary)
        loss = torch.nn.functional.cross_entropy(logits, truth)
        loss.backward()
        if settings.max_gradient_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.max_gradient_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * _rate(step, settings.steps, settings.warm_up)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.rows.append((batch.kind, 0, loss.item(), batch.digest()[:DIGEST_LENGTH]))

    def _keep(self, done: int) -> None:
        state = {
            "step": done,
            "seconds": self.seconds + time.perf_counter() - self.loop_started,
            "resumed_at": self.resumed_at,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        partial = self.folder / f"{_CHECKPOINT}.partial"
        torch.save(state, partial)
        partial.replace(self.folder / _CHECKPOINT)

    def _restore(self) -> None:
        path = self.folder / _CHECKPOINT
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.first_step, self.seconds = state["step"], state["seconds"]
        self.resumed_at = [*state["resumed_at"], self.first_step]

    def _log(self) -> TrainingLog:
        return TrainingLog(
            **as_columns(self.rows),
            seconds=self.seconds + time.perf_counter() - self.loop_started,
            preparation_seconds=self.loop_started - self.started,
            peak_memory_mb=peak_memory_mb(),
            resumed_at=tuple(self.resumed_at),
        )


def _ids(module: Transformer) -> Callable[[list[str]], list[list[int]]]:
    def ids(texts: list[str]) -> list[list[int]]:
        encoded = module.tokenizer(
            texts, add_special_tokens=False, return_attention_mask=False, truncation=True
        )
        return encoded["input_ids"]

    return ids


def _rate(step: int, steps: int, warm_up: float) -> float:
    """Share of the peak learning rate: linearly up from 0, linearly down to 0, as transformers'."""
    rising = round(warm_up * steps)
    return step / rising if step < rising else (steps - step) / max(1, steps - rising)
