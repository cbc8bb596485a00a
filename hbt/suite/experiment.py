"""Experiments: frozen values that run in stages, each kept in a folder of its own.

    tokenizer -> pretraining -> finetuning -> scores
                                           -> embeddings (only on request)

An experiment is a plain value; two that agree in what a stage depends on share that stage, across
notebooks, sweeps and the command line. Scores are tidy tables; `Result` reads them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import Benchmark
from hbt.suite.recipe import (
    VERSIONS,
    Experiment,
    canonical,
    is_published,
    model_stage,
    pretraining_stage,
    tokenizer_stage,
)
from hbt.suite.stages import Stage, obtain
from hbt.suite.worlds import World, WorldSettings, load_world
from hbt.training import TrainingLog

if TYPE_CHECKING:
    import pandas as pd
    from sentence_transformers import SentenceTransformer

    from hbt.retrieval import Counts

TOP_K = 10
KERNEL = "numpy"
"""Slower than numba's, whose compiler keeps more than 100 MB for as long as the notebook lives."""


@dataclass(frozen=True)
class Result:
    """What a finished experiment left; the tables are read when asked for."""

    experiment: Experiment | None
    benchmark: Benchmark
    folder: Path

    @functools.cached_property
    def scores(self) -> pd.DataFrame:
        """Tidy: setting, query_language, passage_language, metric, value, n_queries."""
        return self._read("scores")

    @functools.cached_property
    def per_query(self) -> pd.DataFrame:
        """One row per query and pool, with every metric."""
        return self._read("per_query")

    @functools.cached_property
    def rank_distance(self) -> pd.DataFrame:
        """One row per query: query, item, cluster, query_language, rank_distance."""
        return self._read("rank_distance")

    @functools.cached_property
    def language_mix(self) -> pd.DataFrame:
        """Shares of languages in the top 10: query_language, passage_language, share, expected."""
        return self._read("language_mix")

    @functools.cached_property
    def loss(self) -> pd.DataFrame:
        """The loss of every fine-tuning step: step, kind, source, loss, digest."""
        return TrainingLog.read(model_folder(self.experiment).parent).frame()

    def rows(self, settings: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
        """What is asked for of `per_query`, read anew and not kept.

        On XQuAD-R a whole table takes 16 MB, and a notebook compares a dozen of them.
        """
        import pandas as pd

        columns = ["query", "cluster", "query_language", "setting", "passage_language", *metrics]
        file, filters = self.folder / "per_query.parquet", [("setting", "in", list(settings))]
        return pd.read_parquet(file, columns=columns, filters=filters)

    def macro(self, metric: str = "mAP") -> dict[str, float]:
        """Setting -> macro mean of a metric over the languages or pairs of the setting."""
        rows = self.scores[self.scores.metric.eq(metric)]
        return {str(name): float(cells.value.mean()) for name, cells in rows.groupby("setting")}

    def mean_rank_distance(self) -> float:
        """Mean over query languages of the mean rank distance, as arXiv 2408.10536 defines it."""
        by_language = self.rank_distance.groupby("query_language").rank_distance.mean()
        return float(by_language.mean())

    def _read(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(self.folder / f"{name}.parquet")


def run(
    experiment: Experiment, benchmark: str = "test", languages: Sequence[str] | None = None
) -> Result:
    """Run an experiment, or read what an earlier run left.

    Args:
        experiment: what to run.
        benchmark: one of `hbt.suite.worlds.BENCHMARKS`.
        languages: evaluate on these only, as queries and as passages; all where not given.
    """
    world = load_world(experiment.world)
    data = world.benchmark(benchmark)
    data = data if languages is None else data.restrict(languages)
    parent = model_stage(experiment, world)
    fields = {"model": parent.key, "benchmark": data.digest()}
    stage = Stage("scores", VERSIONS["scores"], fields)
    folder = obtain(stage, lambda partial: _score(experiment, data, partial))
    return Result(experiment, data, folder)


def run_all(
    experiments: Sequence[Experiment], benchmark: str = "test", what: str = "experiments"
) -> list[Result]:
    """Run several experiments, with a progress line on stderr."""
    from tqdm import tqdm

    return [run(experiment, benchmark) for experiment in tqdm(experiments, what, unit="run")]


def model_folder(experiment: Experiment) -> Path:
    """The folder of the trained model, a sentence-transformers folder; trains it if need be."""
    world = load_world(experiment.world)
    if experiment.training is None:
        return _pretrained(experiment, world) / "model"
    stage = model_stage(experiment, world)
    return obtain(stage, lambda partial: _finetune(experiment, world, partial)) / "model"


def load_model(experiment: Experiment) -> SentenceTransformer:
    """The trained model."""
    from hbt.encoders import load

    return load(model_folder(experiment))


def embeddings(experiment: Experiment, benchmark: Benchmark) -> tuple[np.ndarray, np.ndarray]:
    """Query and passage embeddings of a benchmark, kept as a stage: float32 (n, dimension) each."""
    parent = model_stage(experiment, load_world(experiment.world))
    fields = {"model": parent.key, "benchmark": benchmark.digest()}
    stage = Stage("embeddings", VERSIONS["embeddings"], fields)

    def make(folder: Path) -> None:
        queries, passages = _encode(experiment, benchmark)
        np.save(folder / "queries.npy", queries)
        np.save(folder / "passages.npy", passages)

    folder = obtain(stage, make)
    return np.load(folder / "queries.npy"), np.load(folder / "passages.npy")


def bm25(world: WorldSettings, benchmark: str = "test") -> Result:
    """BM25 on the same benchmark: the reference that needs no training."""
    from hbt.bm25 import bm25_scores
    from hbt.retrieval import count_from_scores

    data = load_world(world).benchmark(benchmark)
    stage = Stage("scores", VERSIONS["scores"], {"model": "BM25", "benchmark": data.digest()})

    def make(folder: Path) -> None:
        counts = count_from_scores(data, bm25_scores(data), top_k=TOP_K, kernel=KERNEL)
        _write_scores(data, counts, folder)

    return Result(None, data, obtain(stage, make))


def tokenizer_folder(experiment: Experiment) -> Path:
    """The folder of the tokenizer, trained once on the text of all languages of the world."""
    world = load_world(experiment.world)
    stage = tokenizer_stage(experiment, world)

    def make(folder: Path) -> None:
        from hbt.encoders import train_tokenizer

        texts = _all_texts(world)
        train_tokenizer(texts, experiment.encoder).save(str(folder / "tokenizer.json"))

    return obtain(stage, make)


def _all_texts(world: World) -> list[str]:
    columns = [world.pretraining.texts[language] for language in world.pretraining.languages]
    for language in world.training.languages:
        columns += [world.training.queries[language], world.training.passages[language]]
    return [text for column in columns for text in column if text is not None]


def _pretrained(experiment: Experiment, world: World) -> Path:
    """The folder that holds the encoder before fine-tuning, in `model`."""
    stage = pretraining_stage(experiment, world)
    if is_published(experiment):
        from hbt.encoders import save
        from hbt.suite.checkpoints import load_published

        return obtain(
            stage, lambda partial: save(load_published(experiment.encoder), partial / "model")
        )
    tokenizer = tokenizer_folder(experiment)

    def make(folder: Path) -> None:
        from hbt.encoders import build
        from hbt.pretraining import pretrain

        model = build(experiment.encoder, tokenizer, experiment.seed)
        if experiment.pretraining is not None:
            settings = dataclasses.replace(experiment.pretraining, seed=experiment.seed)
            model = pretrain(model, world.pretraining, settings, folder)
        model.save(str(folder / "model"), create_model_card=False)

    return obtain(stage, make)


def _finetune(experiment: Experiment, world: World, folder: Path) -> None:
    from hbt.encoders import load
    from hbt.training import finetune

    model = load(_pretrained(experiment, world) / "model")
    training = canonical(experiment.training)
    plan = dataclasses.replace(training.plan, seed=experiment.seed)
    settings = dataclasses.replace(training, plan=plan, seed=experiment.seed)
    finetune(model, world.training, settings, folder)


def _encode(experiment: Experiment, benchmark: Benchmark) -> tuple[np.ndarray, np.ndarray]:
    from hbt.encoders import encode

    model = load_model(experiment)
    queries = encode(model, benchmark.query_texts, "query")
    return queries, encode(model, benchmark.passage_texts, "passage")


def _score(experiment: Experiment, benchmark: Benchmark, folder: Path) -> None:
    from hbt.retrieval import count

    vectors = _encode(experiment, benchmark)
    _write_scores(benchmark, count(benchmark, *vectors, top_k=TOP_K, kernel=KERNEL), folder)


def _write_scores(benchmark: Benchmark, counts: Counts, folder: Path) -> None:
    from hbt.bias import language_mix, rank_distance_per_query
    from hbt.evaluation import evaluate

    evaluation = evaluate(benchmark, counts)
    frames = {
        "scores": evaluation.scores,
        "per_query": evaluation.per_query,
        "rank_distance": rank_distance_per_query(benchmark, counts),
        "language_mix": language_mix(benchmark, counts, k=TOP_K),
    }
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
