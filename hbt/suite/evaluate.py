"""From a benchmark and a system to its evaluation: what `hbt evaluate` does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbt.corpus import Benchmark

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame
    from sentence_transformers import SentenceTransformer

    from hbt.bias.consistency import Scores
    from hbt.cut_runs import Listed
    from hbt.evaluation import Evaluation
    from hbt.retrieval import Counts

METRICS = ("mAP", "R@1", "R@10", "R@100", "nDCG@10", "MRR", "Success@10")
KINDS = ("model", "embeddings", "bm25", "run")
TOP_K = 10


@dataclass(frozen=True)
class System:
    """What is evaluated.

    Attributes:
        kind: one of `KINDS`.
        source: name or folder of a model, or NAME=FOLDER for the files of a named one; file of
            embeddings or of a run; empty for bm25.
        query_prefix, passage_prefix, pooling, max_length: of a model, as in
            `hbt.models.load_model`; None for its own.
    """

    kind: str
    source: str = ""
    query_prefix: str | None = None
    passage_prefix: str | None = None
    pooling: str | None = None
    max_length: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What an evaluation found.

    Attributes:
        benchmark, system: what was evaluated on what.
        evaluation: NaN in it is what a run does not decide.
        counts: the counting pass.
        scores: what was counted; None where a run does not list every passage.
        listed: what such a run lists; None where every passage has a score.
        seconds: wall time from the system's texts or file to all scores.
        encoder: how a model read the texts, see `encoder_values`; None for other systems.
    """

    benchmark: Benchmark
    system: System
    evaluation: Evaluation
    counts: Counts
    scores: Scores | None
    listed: Listed | None
    seconds: float
    encoder: dict[str, Any] | None = None


def evaluate_system(benchmark: Benchmark, system: System, *, ties: str = "trec") -> Outcome:
    """Evaluate a system on a benchmark, in all settings.

    Raises:
        CorpusError: a file of embeddings or a run is missing, broken or of another benchmark.
        ValueError: a model cannot be loaded, or its embeddings are not finite.
    """
    from hbt.cut_runs import known_part
    from hbt.evaluation import evaluate

    started = time.perf_counter()
    model = _model(system) if system.kind == "model" else None
    counts, scores, listed = _counts(benchmark, system, model)
    evaluation = evaluate(benchmark, counts, metrics=METRICS, ties=ties)
    if listed is not None:
        evaluation = known_part(benchmark, evaluation, listed)
    seconds = time.perf_counter() - started
    encoder = None if model is None else encoder_values(model)
    return Outcome(benchmark, system, evaluation, counts, scores, listed, seconds, encoder)


def per_query_table(outcome: Outcome) -> DataFrame:
    """`Evaluation.per_query` with two columns more: query_id and rank_distance.

    Rank distance is NaN but in the multilingual pool, where a run does not decide it, and where a
    query has fewer than two relevant passages.
    """
    from hbt.bias import rank_distance
    from hbt.evaluation import MULTILINGUAL

    benchmark, table = outcome.benchmark, outcome.evaluation.per_query.copy()
    distance = rank_distance(benchmark, outcome.counts)
    if outcome.listed is not None:
        distance[~outcome.listed.all_relevant(benchmark)] = float("nan")
    table.insert(1, "query_id", [benchmark.query_ids[row] for row in table["query"]])
    table["rank_distance"] = distance[table["query"]]
    table.loc[table["setting"] != MULTILINGUAL, "rank_distance"] = float("nan")
    return table


def _counts(
    benchmark: Benchmark, system: System, model: SentenceTransformer | None
) -> tuple[Counts, Scores | None, Listed | None]:
    from hbt.bm25 import bm25_scores
    from hbt.cut_runs import Listed, run_scores
    from hbt.retrieval import count, count_from_scores
    from hbt.sources import read_embeddings, read_run

    top_k, listed = min(TOP_K, len(benchmark.passage_texts)), None
    if system.kind in ("bm25", "run"):
        if system.kind == "bm25":
            scores = bm25_scores(benchmark)
        else:
            run = read_run(system.source, benchmark, progress="run")
            scores, listed = run_scores(benchmark, run), Listed.of(benchmark, run)
        counts = count_from_scores(benchmark, scores, top_k=top_k)
        if listed is not None and not listed.complete:
            return counts, None, listed
        return counts, scores, None
    if system.kind == "embeddings":
        embeddings = read_embeddings(system.source, benchmark)
    elif model is not None:
        embeddings = _encode(benchmark, model)
    else:
        raise ValueError(f"system {system.kind!r} is none of {', '.join(KINDS)}")
    try:
        return count(benchmark, *embeddings, top_k=top_k), embeddings, None
    except ValueError as error:
        raise ValueError(f"{system.source}: {error}") from None


def _model(system: System) -> SentenceTransformer:
    """The model of a system, with what belongs to it when it is one of `hbt.models.MODELS`."""
    from hbt.models import MODELS, load_model

    name, equals, folder = system.source.partition("=")
    if name not in MODELS or not equals:
        name, folder = system.source, None
    if not name.strip():
        raise ValueError("the model has no name")
    return load_model(
        name,
        folder,
        query_prefix=system.query_prefix,
        passage_prefix=system.passage_prefix,
        pooling=system.pooling,
        max_length=system.max_length,
    )


def encoder_values(model: SentenceTransformer) -> dict[str, Any]:
    """What decides how a model reads texts: prefixes, pooling and length; None without one."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    from hbt.tokens import prompt

    poolings = [module for module in model if isinstance(module, Pooling)]
    length = model.max_seq_length  # infinite where texts are read whole
    return {
        "query_prefix": prompt(model, "query"),
        "passage_prefix": prompt(model, "passage"),
        "pooling": poolings[0].get_config_dict()["pooling_mode"] if poolings else None,
        "max_length": length if isinstance(length, int) else None,
    }


def _encode(benchmark: Benchmark, model: SentenceTransformer) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of all queries and passages."""
    from hbt.encoders import encode

    queries = encode(model, benchmark.query_texts, "query", progress="queries")
    passages = encode(model, benchmark.passage_texts, "passage", progress="passages")
    return queries, passages
