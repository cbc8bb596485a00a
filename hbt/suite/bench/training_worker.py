"""What each process of `hbt bench training` does: `python -m ... FOLDER stock|ours|equality`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hbt.suite.bench.training_model import items_of

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

    from hbt.training_settings import TrainingSettings

_RATE = 1e-5


def _settings(spec: dict[str, Any]) -> TrainingSettings:
    from hbt.plan_settings import PlanSettings
    from hbt.training_settings import TrainingSettings

    return TrainingSettings(
        plan=PlanSettings(batch_size=spec["batch"]),
        steps=spec["steps"],
        learning_rate=_RATE,
        length_groups=spec["groups"],
        precision=spec["precision"],
    )


class _Task:
    """The model, the data and the batches, as both trainers get them."""

    def __init__(self, folder: Path) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        from hbt.encoders import no_bars
        from hbt.sampling import ItemLayout, Plan

        self.folder = folder
        self.spec = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        self.items, _ = items_of(self.spec["data_dir"])
        self.settings = _settings(self.spec)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        with no_bars():
            self.model = SentenceTransformer(str(folder / "model"), device=device)
        plan = Plan(self.settings.plan, ItemLayout.from_items(self.items))
        self.batches = [plan(step) for step in range(self.settings.steps)]

    def texts(self) -> dict[str, list[str]]:
        """The examples of all steps, one after the other, without prefixes."""
        rows: dict[str, list[str]] = {"query": [], "passage": []}
        for batch in self.batches:
            for item, query, passage in zip(
                batch.item, batch.query_language, batch.passage_language, strict=True
            ):
                rows["query"].append(self.items.queries[self.items.languages[query]][item])
                rows["passage"].append(self.items.passages[self.items.languages[passage]][item])
        return rows


def _clock() -> Any:
    """A callback that notes the time, by the clock and of the process, when a step is done."""
    import torch
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.times: list[tuple[float, float]] = []

        def _note(self) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.times.append((time.perf_counter(), time.process_time()))

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self._note()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self._note()

    return Clock()


def stock(task: _Task) -> list[list[float]]:
    """Seconds and processor seconds of each step of sentence-transformers' trainer and loss."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from torch.utils.data import BatchSampler, SequentialSampler

    from hbt.training import _arguments

    def in_order(dataset: Any, *, batch_size: int, **_: Any) -> BatchSampler:
        return BatchSampler(SequentialSampler(dataset), batch_size, drop_last=True)

    arguments = _arguments(task.model, task.settings, task.folder / "stock")
    arguments.batch_sampler = in_order
    arguments.prompts = {name: task.model.prompts[name] for name in ("query", "passage")}
    clock = _clock()
    trainer = SentenceTransformerTrainer(
        model=task.model,
        args=arguments,
        train_dataset=Dataset.from_dict(task.texts()),
        loss=MultipleNegativesRankingLoss(task.model, scale=task.settings.scale),
        callbacks=[clock],
    )
    trainer.train()
    return np.diff(clock.times, axis=0).tolist()


def ours(task: _Task) -> list[list[float]]:
    """Seconds and processor seconds of each step of `hbt.training.finetune`."""
    from hbt.training import finetune

    clock = _clock()
    folder = task.folder / "ours"
    finetune(
        task.model,
        task.items,
        task.settings,
        folder,
        resume=False,
        progress=False,
        callbacks=[clock],
    )
    return np.diff(clock.times, axis=0).tolist()


def equality(task: _Task) -> dict[str, Any]:
    """Loss and gradients of the first batch by both, without dropout and in float64."""
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from hbt.losses import MaskedInfoNCELoss
    from hbt.suite.bench.training import TOLERANCE

    model = task.model.eval().double()
    stock_columns, our_columns, labels = _columns(task)
    settings = task.settings
    loss = MultipleNegativesRankingLoss(model, scale=settings.scale)(stock_columns, labels)
    loss.backward()
    theirs = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    model.zero_grad(set_to_none=True)
    own = MaskedInfoNCELoss(model, settings.scale, length_groups=settings.length_groups)
    our_loss = own(our_columns, labels)
    our_loss.backward()
    pairs = [(theirs[name], each.grad) for name, each in model.named_parameters() if name in theirs]
    largest = max(float(first.abs().max()) for first, _ in pairs)
    difference = max(float((first - second).abs().max()) for first, second in pairs) / largest
    values = [loss.item(), our_loss.item()]
    same = abs(values[0] - values[1]) <= TOLERANCE * values[0] and difference <= TOLERANCE
    return {
        "stock_loss": values[0],
        "our_loss": values[1],
        "largest_gradient": largest,
        "gradient_difference": difference,
        "equal": bool(same),
    }


def _columns(task: _Task) -> tuple[list[dict], list[dict], torch.Tensor]:
    """The first batch as the model makes it of texts, and as ids kept ready; passage ids."""
    import torch

    model, batch, device = task.model, task.batches[0], task.model.device
    texts, size = task.texts(), task.spec["batch"]
    stock_columns = []
    for role in ("query", "passage"):
        features = model.preprocess(texts[role][:size], prompt=model.prompts[role])
        stock_columns.append({k: v.to(device) for k, v in features.items() if hasattr(v, "to")})
    our_columns = [
        {name: value.to(device) for name, value in tokens.features(np.arange(size)).items()}
        for tokens in _tokens(model, texts, size)
    ]
    labels = torch.from_numpy(task.items.passage_id[batch.item].astype(np.int64)).to(device)
    return stock_columns, our_columns, labels


def _tokens(model: SentenceTransformer, texts: dict[str, list[str]], size: int) -> list[Any]:
    from hbt.tokens import tokenise

    return [tokenise(model, texts[role][:size], role) for role in ("query", "passage")]


def _tokens_of_steps(task: _Task, grouped: bool) -> tuple[float, float]:
    """Tokens that are computed a step, padding included, and real ones; the first step left out."""
    from hbt.length_groups import cut_by_length
    from hbt.tokens import tokenise

    texts, size = task.texts(), task.spec["batch"]
    lengths = np.stack(
        [tokenise(task.model, texts[role], role).lengths for role in ("query", "passage")]
    ).reshape(2, -1, size)[:, 1:]  # (2, steps, batch)
    padded = 0
    for columns in lengths.transpose(1, 0, 2):
        if grouped:
            both = np.sort(columns.ravel())
            ends = cut_by_length(both, task.spec["groups"])
            padded += sum(np.diff([0, *ends]) * both[np.array(ends) - 1])
        else:
            padded += size * columns.max(axis=1).sum()
    steps = lengths.shape[1]
    return float(padded / steps), float(lengths.sum() / steps)


def _timed(task: _Task, what: str) -> dict[str, Any]:
    import torch

    from hbt.suite.bench.search import _peak_mb

    seconds = (stock if what == "stock" else ours)(task)
    on_gpu = torch.cuda.is_available()
    peaks = {"peak_rss_mb": _peak_mb()}
    if on_gpu:
        peaks["peak_gpu_mb"] = torch.cuda.max_memory_allocated() / 2**20
    padded, real = _tokens_of_steps(task, grouped=what == "ours")
    parameters = sum(each.numel() for each in task.model.parameters())
    table = task.model[0].model.get_input_embeddings().weight.numel()
    return {
        "step_seconds": [wall for wall, _ in seconds],
        "step_cpu_seconds": [processor for _, processor in seconds],
        "padded_tokens": padded,
        "tokens": real,
        "parameters": parameters,
        "weights_per_token": parameters - table,
        "device": torch.cuda.get_device_name() if on_gpu else "CPU",
        "threads": torch.get_num_threads(),
        **peaks,
    }


def main(folder: Path, what: str) -> None:
    """Do one of the three and leave the result in the folder."""
    task = _Task(folder)
    result = equality(task) if what == "equality" else _timed(task, what)
    (folder / f"{what}.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
