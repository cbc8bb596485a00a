"""From a config to a trained model, its card and its results: what `hbt train` does.

On several processes: `torchrun --nproc-per-node=N -m hbt.suite.train CONFIG ...`, or
`accelerate launch -m hbt.suite.train CONFIG ...`, with the arguments of `hbt train`. All of them
train; the first one scores, evaluates and writes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.suite.train_check import check_names
from hbt.suite.train_config import TrainConfig
from hbt.training_folder import SETTINGS

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from hbt.corpus import Benchmark, ParallelItems

TRAINING = "training"
SELECTION = "selection.json"


@dataclass(frozen=True)
class Trained:
    """What a training left.

    Attributes:
        model: folder of the chosen model, with its card.
        chosen: in words, which checkpoint it is.
        files: what else was written.
    """

    model: Path
    chosen: str
    files: tuple[Path, ...]


def train(
    config: TrainConfig, command: str, *, anew: bool = False, accept_tokens: bool = False
) -> Trained | None:
    """Train, select, evaluate and write; a finished training is not done again.

    Args:
        config: what to do.
        command: that is recorded.
        anew: drop an earlier training in the folder of the outputs instead of taking it up.
        accept_tokens: take a model whose tokens differ from those of its first load.

    Returns:
        What was left; None in all processes but the first.

    Raises:
        CorpusError: data is missing or broken.
        ValueError: the config names what is not there, the model cannot be loaded or makes other
            tokens than before, the folder holds another training, or the number of processes does
            not divide the batch size.
    """
    _check_processes(config)  # before hours of downloads
    check_names(config)
    from hbt.models import revision_of
    from hbt.suite.benchmarks import obtain_benchmark
    from hbt.suite.train_data import development_set, read_items, split_items
    from hbt.suite.train_outputs import write_evaluation, write_model_card, write_summary
    from hbt.training import finetune

    for name in config.evaluation.benchmarks:  # what is missing is missing now, not at the end
        obtain_benchmark(name, data_dir=config.evaluation.folder or "", profile=config.data.profile)
    out = Path(config.out)
    items, held_out = split_items(read_items(config.data), config.data.held_out)
    development = development_set(
        config.selection, config.evaluation, held_out, config.data.profile
    )
    model = build_model(config, items, accept_tokens=accept_tokens)
    section = config.model
    from_hub = section.folder is None
    revision = revision_of(section.name, section.revision) if from_hub else None
    log = finetune(
        model,
        items,
        config.training,
        out / TRAINING,
        resume=not anew,
        callbacks=_callbacks(config, development, out / TRAINING, anew),
    )
    _part_processes()
    if not _is_first():
        return None
    folder, chosen = _chosen(config, development, out / TRAINING)
    model = _reloaded(model, folder)
    write_model_card(config, items, model, revision, log, folder, chosen, command)
    files = [
        file
        for name in config.evaluation.benchmarks
        for file in write_evaluation(config, model, folder, name)
    ]
    summary = write_summary(config, command, revision, folder, chosen, files)
    return Trained(folder, chosen, (*files, summary))


def build_model(
    config: TrainConfig, items: ParallelItems, *, accept_tokens: bool = False
) -> SentenceTransformer:
    """The encoder before training: loaded, with its tokens checked, or built from scratch.

    Raises:
        ValueError: it cannot be loaded, or makes other tokens than at its first load.
    """
    from hbt.encoders import KINDS, EncoderSettings, build, train_tokenizer
    from hbt.golden_tokens import check_golden
    from hbt.models import MODELS, load_model, revision_of

    section = config.model
    if section.name in KINDS:
        settings = EncoderSettings(
            kind=section.name,
            dimension=section.dimension,
            layers=section.layers,
            pooling=section.pooling or "mean",
            max_length=section.max_length,
            vocabulary_size=section.vocabulary_size,
            query_prefix=section.query_prefix,
            passage_prefix=section.passage_prefix,
        )
        columns = [side[code] for side in (items.queries, items.passages) for code in side]
        texts = [text for column in columns for text in column if text is not None]
        with tempfile.TemporaryDirectory() as folder:
            train_tokenizer(texts, settings).save(str(Path(folder) / "tokenizer.json"))
            return build(settings, Path(folder), config.sampling.seed)
    model = load_model(
        section.name,
        section.folder,
        revision=section.revision,
        query_prefix=section.query_prefix,
        passage_prefix=section.passage_prefix,
        pooling=section.pooling,
        max_length=section.max_length,
    )
    published = section.name in MODELS or not Path(section.name).is_dir()
    if published and _is_first() and type(model[0]).__name__ == "Transformer":
        name = MODELS[section.name].hub_id if section.name in MODELS else section.name
        revision = section.revision if section.folder else revision_of(name, section.revision)
        check_golden(model, name, revision, accept=accept_tokens)
    return model


def _callbacks(
    config: TrainConfig, development: Benchmark | None, folder: Path, anew: bool
) -> list[Any]:
    """The selection, if there is one; the first process's alone.

    Raises:
        ValueError: the training in the folder was selected by something else.
    """
    from hbt.selection import BEST, SCORES, SelectionSettings, development_score
    from hbt.training_log import write_json

    if not _is_first():
        return []
    section, described = config.selection, folder / SELECTION
    if anew:
        for path in (described, folder / SCORES):
            path.unlink(missing_ok=True)
        shutil.rmtree(folder / BEST, ignore_errors=True)
    by = None
    if development is not None:
        by = [section.setting, section.metric, section.every, development.digest()]
    held = json.loads(described.read_text(encoding="utf-8")) if described.is_file() else {}
    started = bool(held) or (not anew and (folder / SETTINGS).is_file())
    if started and held.get("by") != by:
        raise ValueError(
            f"{folder} holds a training with another selection of checkpoints: take another "
            "folder, or begin anew with --anew"
        )
    if development is None:
        return []
    from hbt.selection_callback import Selection

    settings = SelectionSettings(section.setting, section.metric, section.every)

    def score(model: SentenceTransformer) -> float:
        return development_score(model, development, settings)

    folder.mkdir(parents=True, exist_ok=True)
    write_json(described, {"benchmark": development.name, "by": by})
    return [Selection(folder, score, settings.every, config.training.accumulation)]


def _check_processes(config: TrainConfig) -> None:
    world, size = int(os.environ.get("WORLD_SIZE", "1")), config.sampling.batch_size
    if size % world:
        raise ValueError(
            f"{config.source}: sampling.batch_size is {size}, no multiple of {world}, the number "
            "of processes"
        )


def _is_first() -> bool:
    """Is this the process that scores and writes? So torchrun and accelerate number them."""
    return os.environ.get("RANK", "0") == "0"


def _part_processes() -> None:
    """What follows is the first process's work alone, and may take long."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _chosen(config: TrainConfig, development: Benchmark | None, folder: Path) -> tuple[Path, str]:
    """The folder of the chosen model, and which checkpoint it is."""
    from hbt.selection import BEST, read_scores
    from hbt.training_folder import MODEL

    if development is None:
        return folder / MODEL, f"the last step, {config.training.steps:,}"
    scores = read_scores(folder)
    step = max(scores, key=lambda step: (scores[step], -step))
    by = f"{config.selection.setting} {config.selection.metric} on {development.name}"
    words = (
        f"step {step:,} of {config.training.steps:,}, with {by} of {scores[step]:.4f}, the best of "
        f"{len(scores)} scores (from {min(scores.values()):.4f})"
    )
    return folder / BEST, words


def _reloaded(model: SentenceTransformer, folder: Path) -> SentenceTransformer:
    from hbt.encoders import load

    chosen = load(folder)
    return chosen.to(model.device)


if __name__ == "__main__":
    import sys

    from hbt.suite.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))
