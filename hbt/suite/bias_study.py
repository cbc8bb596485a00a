"""Every measure of language bias, of every system and seed, for notebook 05.

What is kept of a system is small: one row for each query with all measures and the three kinds of
mAP, the language mix of the first places, and the ranks of the relevant passages. It is a stage,
so that the notebook, run again, reads it and counts nothing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import Benchmark
from hbt.remedies import LIR, LSAR, Centring
from hbt.suite.experiment import KERNEL, TOP_K, Experiment, embeddings, load_model
from hbt.suite.recipe import model_stage
from hbt.suite.stages import Stage, obtain
from hbt.suite.worlds import WorldSettings, load_world

if TYPE_CHECKING:
    import pandas as pd

    from hbt.bias.consistency import Scores
    from hbt.retrieval import Counts

VERSION = 1
"""Raised when the code behind the stage changes meaning."""

REMEDIES = {"centring": Centring, "LIR": LIR, "LSAR": LSAR}
FIT_SENTENCES = 1000
"""Sentences of each language that a remedy is fitted on; arXiv 2109.04727 takes 10,000."""

QUALITY = ("monolingual mAP", "cross-lingual mAP", "multilingual mAP")


@dataclass(frozen=True)
class Measured:
    """What is kept of one system with one seed, or of a system without seeds."""

    folder: Path

    @property
    def queries(self) -> pd.DataFrame:
        """One row per query: columns of `hbt.bias.per_query`, and those of QUALITY.

        Read anew each time: the tables of all systems and seeds together would be 100 MB.
        """
        return self._read("queries")

    @functools.cached_property
    def mix(self) -> pd.DataFrame:
        """`hbt.bias.language_mix` of the first ten places."""
        return self._read("mix")

    @functools.cached_property
    def ranks(self) -> np.ndarray:
        """Rank of each relevant passage in the pool of all languages: int32 (n_relevant,)."""
        return np.load(self.folder / "ranks.npy")

    @functools.cached_property
    def facts(self) -> dict[str, float]:
        """What is no mean over queries: see `facts_of`."""
        return json.loads((self.folder / "facts.json").read_text(encoding="utf-8"))

    def _read(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(self.folder / f"{name}.parquet")


def measure(experiment: Experiment, remedy: str = "", benchmark: str = "test") -> Measured:
    """Train a model if need be, and measure it, or read what an earlier run left.

    Args:
        experiment: the model.
        remedy: one of REMEDIES, fitted on pre-training text of the evaluated languages and
            applied to the embeddings; "" for none.
        benchmark: one of `hbt.suite.worlds.BENCHMARKS`.

    Raises:
        ValueError: there is no remedy of that name.
    """
    if remedy and remedy not in REMEDIES:
        raise ValueError(f"remedy {remedy!r} is not one of {', '.join(REMEDIES)}")
    world = load_world(experiment.world)
    data = world.benchmark(benchmark)
    fields = {
        "model": model_stage(experiment, world).key,
        "benchmark": data.digest(),
        "remedy": {"name": remedy, "sentences": FIT_SENTENCES} if remedy else None,
    }

    def make(folder: Path) -> None:
        from hbt.retrieval import count

        vectors = embeddings(experiment, data)
        if remedy:
            fit = fitted(experiment, remedy, data)
            languages = (data.query_language, data.passage_language)
            vectors = tuple(fit.apply(*each) for each in zip(vectors, languages, strict=True))
        write(data, count(data, *vectors, top_k=TOP_K, kernel=KERNEL), vectors, folder)

    return Measured(obtain(Stage("bias", VERSION, fields), make))


def measure_bm25(world: WorldSettings, benchmark: str = "test") -> Measured:
    """The same of BM25, the reference that needs no training."""
    data = load_world(world).benchmark(benchmark)
    fields = {"model": "BM25", "benchmark": data.digest()}

    def make(folder: Path) -> None:
        from hbt.bm25 import bm25_scores
        from hbt.retrieval import count_from_scores

        scores = bm25_scores(data)
        counts = count_from_scores(data, scores, top_k=TOP_K, kernel=KERNEL)
        write(data, counts, scores, folder)

    return Measured(obtain(Stage("bias", VERSION, fields), make))


def measure_all(experiments: Sequence[Experiment], what: str, remedy: str = "") -> list[Measured]:
    """`measure` for several experiments, with a progress line on stderr."""
    from tqdm import tqdm

    return [measure(experiment, remedy) for experiment in tqdm(experiments, what, unit="run")]


def fitted(
    experiment: Experiment, remedy: str, benchmark: Benchmark, **options: int
) -> Centring | LIR | LSAR:
    """One of REMEDIES, fitted on a model's embeddings of pre-training text.

    It sees the first `FIT_SENTENCES` pre-training sentences of each language of the benchmark,
    which hold no text of the test.

    Args:
        experiment: the model.
        remedy: one of REMEDIES.
        benchmark: gives the languages and their indices.
        options: of the remedy, such as r.

    Raises:
        ValueError: a language has no pre-training text.
    """
    from hbt.encoders import encode

    texts = load_world(experiment.world).pretraining.texts
    missing = [language for language in benchmark.languages if language not in texts]
    if missing:
        raise ValueError(f"there is no pre-training text in {missing[0]!r} to fit {remedy} on")
    model, parts = load_model(experiment), []
    for language in benchmark.languages:  # one at a time, to keep memory small
        kept = [text for text in texts[language] if text is not None][:FIT_SENTENCES]
        parts.append(encode(model, kept, "passage"))
    languages = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return REMEDIES[remedy].fit(np.concatenate(parts), languages, **options)


def write(benchmark: Benchmark, counts: Counts, scores: Scores, folder: Path) -> None:
    """Writes what `Measured` reads."""
    from hbt import bias

    mix = bias.language_mix(benchmark, counts, TOP_K)
    queries = bias.per_query(benchmark, counts, scores, TOP_K).assign(**_quality(benchmark, counts))
    queries.to_parquet(folder / "queries.parquet", index=False)
    mix.to_parquet(folder / "mix.parquet", index=False)
    np.save(folder / "ranks.npy", bias.multilingual_ranks(counts).astype(np.int32))
    facts = facts_of(benchmark, counts, mix)
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def facts_of(benchmark: Benchmark, counts: Counts, mix: pd.DataFrame) -> dict[str, float]:
    """What is no mean over queries, or depends on the rule of ties.

    Returns:
        tied_share (of the relevant passages, with any other passage), rank_distance_trec and
        rank_distance_average (the mean under both rules of ties), bias_index (of the first places,
        mean over query languages).
    """
    from hbt import bias

    distances = {ties: bias.mean_rank_distance(benchmark, counts, ties) for ties in bias.TIE_RULES}
    return {
        "tied_share": bias.tied_share(counts),
        **{f"rank_distance_{ties}": value for ties, value in distances.items()},
        "bias_index": float(bias.bias_index(mix).bias_index.mean()),
    }


def _quality(benchmark: Benchmark, counts: Counts) -> dict[str, np.ndarray]:
    """The mAP of each query in each setting, cross-lingual as the mean over the other languages."""
    from hbt.evaluation import evaluate

    frame = evaluate(benchmark, counts, metrics=("mAP",)).per_query
    means = frame.groupby(["setting", "query"]).mAP.mean()
    rows = np.arange(len(benchmark.query_texts))
    settings = [name.removesuffix(" mAP") for name in QUALITY]
    return {
        name: means[setting].reindex(rows).to_numpy()
        for name, setting in zip(QUALITY, settings, strict=True)
    }


def quality_table(measured: Mapping[str, Sequence[Measured]]) -> pd.DataFrame:
    """Mean over query languages and seeds of the three kinds of mAP, one row per system."""
    import pandas as pd

    rows = []
    for name, results in measured.items():
        means = [
            each.queries.groupby("query_language")[list(QUALITY)].mean().mean() for each in results
        ]
        rows.append({"system": name} | pd.concat(means, axis=1).mean(axis=1).to_dict())
    return pd.DataFrame(rows)


def mean_mix(results: Sequence[Measured]) -> pd.DataFrame:
    """The language mix of the first places, mean over seeds; columns as `Measured.mix`."""
    import pandas as pd

    keys = ["query_language", "passage_language"]
    mix = pd.concat([each.mix for each in results]).groupby(keys, sort=False)
    mix = mix[["share", "expected"]].mean().reset_index()
    return mix.assign(surplus=mix.share - mix.expected)
