"""From a benchmark and a system to its evaluation: what `hbt evaluate` does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hbt.corpus import Benchmark

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

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
        source: name or folder of a model, file of embeddings or of a run; empty for bm25.
    """

    kind: str
    source: str = ""


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
    """

    benchmark: Benchmark
    system: System
    evaluation: Evaluation
    counts: Counts
    scores: Scores | None
    listed: Listed | None
    seconds: float


def evaluate_system(benchmark: Benchmark, system: System, *, ties: str = "trec") -> Outcome:
    """Evaluate a system on a benchmark, in all settings.

    Raises:
        CorpusError: a file of embeddings or a run is missing, broken or of another benchmark.
        ValueError: a model cannot be loaded, or its embeddings are not finite.
    """
    from hbt.cut_runs import known_part
    from hbt.evaluation import evaluate

    started = time.perf_counter()
    counts, scores, listed = _counts(benchmark, system)
    evaluation = evaluate(benchmark, counts, metrics=METRICS, ties=ties)
    if listed is not None:
        evaluation = known_part(benchmark, evaluation, listed)
    seconds = time.perf_counter() - started
    return Outcome(benchmark, system, evaluation, counts, scores, listed, seconds)


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


def _counts(benchmark: Benchmark, system: System) -> tuple[Counts, Scores | None, Listed | None]:
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
    elif system.kind == "model":
        embeddings = _encode(benchmark, system.source)
    else:
        raise ValueError(f"system {system.kind!r} is none of {', '.join(KINDS)}")
    try:
        return count(benchmark, *embeddings, top_k=top_k), embeddings, None
    except ValueError as error:
        raise ValueError(f"{system.source}: {error}") from None


def _encode(benchmark: Benchmark, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of all queries and passages, by a model of that name or folder."""
    from hbt.encoders import encode, load

    looks_like_a_path = name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name
    if not name.strip():
        raise ValueError("the model has no name")
    if looks_like_a_path and not Path(name).exists():
        raise ValueError(f"model {name}: there is no such folder")
    try:
        model = load(name)
    except Exception as error:  # a broken folder makes the loaders raise whatever they run into
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"model {name} cannot be loaded: {reason}") from error
    queries = encode(model, benchmark.query_texts, "query", progress="queries")
    passages = encode(model, benchmark.passage_texts, "passage", progress="passages")
    return queries, passages
