"""What a training writes at its end: the model's card, evaluations in three layouts, a summary."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hbt.suite.train_config import TrainConfig

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from hbt.corpus import ParallelItems
    from hbt.training_log import TrainingLog

EVALUATION = "evaluation"
SUMMARY = "train.json"


def write_model_card(
    config: TrainConfig,
    items: ParallelItems,
    model: SentenceTransformer,
    revision: str | None,
    log: TrainingLog,
    folder: Path,
    chosen: str,
    command: str,
) -> None:
    """Write the card of the chosen model into its folder."""
    from hbt.model_card import CardFacts, write_card
    from hbt.models import MODELS
    from hbt.sampling import ItemLayout, Plan
    from hbt.suite.machine import versions
    from hbt.tokens import prompt

    named = MODELS.get(config.model.name)
    training = config.values()["training"]
    facts = CardFacts(
        title=f"{Path(config.out).name}",
        base_model=named.hub_id if named else config.model.name,
        base_revision=revision,
        dimension=model.get_embedding_dimension() or 0,
        max_length=model.max_seq_length,
        query_prefix=prompt(model, "query"),
        passage_prefix=prompt(model, "passage"),
        languages=items.languages,
        data=config.data.training,
        data_digest=items.digest(),
        sources=_sources(items),
        plan=Plan(config.sampling, ItemLayout.from_items(items)).arguments(),
        training=training,
        plan_digest=hashlib.sha256("".join(log.digest).encode()).hexdigest(),
        kinds=Counter(log.kind),
        seconds=log.seconds,
        development=None
        if config.selection.benchmark is None
        else f"{chosen[0].upper()}{chosen[1:]}.",
        provenance=config.provenance,
        versions={name: version for name, version in versions().items() if version},
        command=command,
    )
    write_card(facts, folder)


def _sources(items: ParallelItems) -> dict[str, tuple[int, int]]:
    """Source -> its items, and the hard negatives of each."""
    sizes = np.bincount(items.source, minlength=len(items.source_names))
    counts = zip(sizes.tolist(), items.n_negatives.tolist(), strict=True)
    return dict(zip(items.source_names, counts, strict=True))


def write_evaluation(
    config: TrainConfig, model: SentenceTransformer, folder: Path, name: str
) -> list[Path]:
    """Evaluate on a benchmark; writes what `hbt evaluate` writes, a run and mteb's layout."""
    import time

    from hbt.encoders import encode
    from hbt.evaluation import evaluate
    from hbt.retrieval import count
    from hbt.sources import write_run
    from hbt.suite.bench.output import write_json
    from hbt.suite.benchmarks import load_benchmark
    from hbt.suite.evaluate import METRICS, TOP_K, Outcome, System, per_query_table
    from hbt.suite.evaluation_report import report_values
    from hbt.suite.mteb_results import mteb_result
    from hbt.whole_files import new_file

    section = config.evaluation
    benchmark = load_benchmark(name, data_dir=section.folder or "", profile=config.data.profile)
    started = time.perf_counter()
    queries = encode(model, benchmark.query_texts, "query", progress=f"{name}, queries")
    passages = encode(model, benchmark.passage_texts, "passage", progress=f"{name}, passages")
    depth = min(max(TOP_K, section.run_depth), len(benchmark.passage_texts))
    counts = count(benchmark, queries, passages, top_k=depth)
    evaluation = evaluate(benchmark, counts, metrics=METRICS)
    seconds = time.perf_counter() - started
    system = System("model", str(folder))
    outcome = Outcome(benchmark, system, evaluation, counts, (queries, passages), None, seconds)
    stem = "".join(c if c.isalnum() or c in "-." else "-" for c in benchmark.name)
    place = Path(config.out) / EVALUATION
    files = [place / f"{stem}.json", place / f"{stem}.parquet"]
    write_json(report_values(outcome), files[0])
    with new_file(files[1]) as partial:
        per_query_table(outcome).to_parquet(partial, index=False)
    if section.run_depth:
        top = slice(0, section.run_depth)
        lists = counts.top_k_passage[:, top], counts.top_k_score[:, top]
        files.append(write_run(place / f"{stem}.run.gz", benchmark, *lists))
    files.append(place / "mteb" / f"{stem}.json")
    write_json(mteb_result(outcome), files[-1])
    return files


def write_summary(
    config: TrainConfig,
    command: str,
    revision: str | None,
    folder: Path,
    chosen: str,
    files: list[Path],
) -> Path:
    """Write the config as it was used, and what came of it, into one file."""
    from hbt.suite.bench.output import write_json
    from hbt.suite.machine import versions

    out = Path(config.out)
    content = {
        "command": command,
        "config": config.values(),
        "provenance": config.provenance,
        "model_revision": revision,
        "model": folder.relative_to(out).as_posix(),
        "chosen": chosen,
        "files": [path.relative_to(out).as_posix() for path in files],
        "versions": versions(),
    }
    write_json(content, out / SUMMARY)
    return out / SUMMARY
