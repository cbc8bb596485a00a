"""`hbt evaluate`: scores and language bias of a system on a benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hbt.suite.commands import FINE, shared_command

if TYPE_CHECKING:
    from hbt.corpus import Benchmark
    from hbt.suite.evaluate import System

OF_A_MODEL = ("query_prefix", "passage_prefix", "pooling", "max_length")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "evaluate",
        help="score a model, embeddings, BM25 or a run on a benchmark",
        description="Score one system on one benchmark: monolingual, cross-lingual and "
        "multilingual retrieval, with measures of language bias. Exactly one of --model, "
        "--embeddings, --bm25 and --run is needed. Exit status: 0 all is well, 2 bad input.",
    )
    add_benchmark(parser)
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="short name, as for `hbt train` (xlm-r-base, labse, ...), owner/name on the hub, a "
        "folder of sentence-transformers or transformers, or NAME=FOLDER for a short name's files",
    )
    for option, of in (("--query-prefix", "query"), ("--passage-prefix", "passage")):
        parser.add_argument(option, metavar="TEXT", help=f"before every {of}; default: the model's")
    parser.add_argument(
        "--pooling", metavar="NAME", help="mean, cls or max; default: the model's, else mean"
    )
    parser.add_argument(
        "--max-length", type=int, metavar="N", help="tokens read of a text; default: the model's"
    )
    parser.add_argument(
        "--embeddings",
        metavar="FILE.npz",
        help="query_embeddings and passage_embeddings, rows as `hbt data export --format ids` says",
    )
    parser.add_argument("--bm25", action="store_true", help="BM25 of this package")
    parser.add_argument("--run", metavar="FILE", dest="run_file", help="a TREC run, or a .gz of it")
    parser.add_argument(
        "--ties", default="trec", choices=("trec", "sklearn"), help="rule of mAP: trec (default)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to this file")
    parser.add_argument(
        "--per-query", type=Path, metavar="FILE.parquet", help="write the scores of every query"
    )
    parser.set_defaults(run=_evaluate)


def add_benchmark(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a benchmark."""
    parser.add_argument(
        "--benchmark",
        required=True,
        metavar="NAME",
        help="xquad-r, mlqa-r, village, miracl, miracl-hard-negatives, mldr (the last three with "
        "languages behind a colon, as mldr:hi,it) or a folder",
    )
    parser.add_argument(
        "--data-dir",
        default="",
        metavar="DIR",
        help="folder with the real data (default: the cache, or a download)",
    )
    parser.add_argument(
        "--split", default="test", help="of a BEIR folder's qrels or of the village; default: test"
    )
    parser.add_argument("--language", metavar="CODE", help="of a folder's records that name none")
    parser.add_argument(
        "--profile", default="classroom", help="size of the village: smoke, classroom or full"
    )


def chosen_benchmark(options: argparse.Namespace) -> Benchmark:
    """The benchmark that the options of `add_benchmark` name."""
    from hbt.suite.benchmarks import load_benchmark

    return load_benchmark(
        options.benchmark,
        data_dir=options.data_dir,
        split=options.split,
        language=options.language,
        profile=options.profile,
    )


def _evaluate(options: argparse.Namespace) -> int:
    from hbt.suite.bench.output import write_json
    from hbt.suite.evaluate import evaluate_system, per_query_table
    from hbt.suite.evaluation_report import report_text, report_values
    from hbt.whole_files import new_file

    system = _system(options)
    for target in (options.json, options.per_query):
        if target is not None and target.is_dir():
            raise ValueError(f"{target} is a folder; name a file to write")
    benchmark = chosen_benchmark(options)
    outcome = evaluate_system(benchmark, system, ties=options.ties)
    values = report_values(outcome)
    print(report_text(values))
    if options.per_query is not None:
        with new_file(options.per_query) as partial:
            per_query_table(outcome).to_parquet(partial, index=False)
    if options.json is not None:
        command = shared_command(options)
        write_json({"command": command, **values}, options.json)
    return FINE


def _system(options: argparse.Namespace) -> System:
    from hbt.suite.evaluate import System

    sources = {
        "model": options.model,
        "embeddings": options.embeddings,
        "bm25": "" if options.bm25 else None,
        "run": options.run_file,
    }
    given = [kind for kind, source in sources.items() if source is not None]
    if len(given) != 1:
        found = " and ".join(f"--{kind}" for kind in given) or "none"
        raise ValueError(
            f"exactly one of --model, --embeddings, --bm25 and --run is needed, not {found}"
        )
    reading = {name: getattr(options, name) for name in OF_A_MODEL}
    for name, value in reading.items():
        if value is not None and given[0] != "model":
            raise ValueError(f"--{name.replace('_', '-')} is for --model, not for --{given[0]}")
    if options.max_length is not None and options.max_length < 1:
        raise ValueError(f"--max-length is {options.max_length}; at least 1 token is needed")
    return System(given[0], sources[given[0]], **reading)
