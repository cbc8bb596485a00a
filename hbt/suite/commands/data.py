"""`hbt data`: look at real data, and write benchmarks in the forms of other tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hbt.suite import data_fetch, data_overlap
from hbt.suite.commands import FINE
from hbt.suite.commands.evaluate import add_benchmark, chosen_benchmark

FORMATS = ("ids", "beir", "trec")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    parent = commands.add_parser("data", help="fetch, check and export real data")
    actions = parent.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="read a folder of real data and count what it holds",
        description="Read xquad-r, mlqa-r and ntrex, count them and compare the counts with the "
        "published ones; look for text that the first two share; compare every downloaded file "
        "with what was downloaded. Exit status: 0 all is well, 2 something is missing or broken.",
    )
    check.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="the folder around the data sets, as DIR/xquad-r (default: the cache of "
        "`hbt data fetch`)",
    )
    check.set_defaults(run=_check_data)
    export = actions.add_parser(
        "export",
        help="write a benchmark for other tools",
        description="ids: a table of all queries and passages, in the order in which `hbt evaluate "
        "--embeddings` expects rows; beir, trec: a new folder that `hbt evaluate --benchmark` "
        "reads back unchanged.",
    )
    add_benchmark(export)
    export.add_argument("--format", required=True, choices=FORMATS)
    export.add_argument(
        "--out", type=Path, metavar="PATH", help="file or new folder; ids are printed without it"
    )
    export.set_defaults(run=_export_data)
    data_fetch.add(actions)
    data_overlap.add(actions)


def _check_data(options: argparse.Namespace) -> int:
    from hbt.sources.hub import data_home
    from hbt.suite.data_check import data_table

    print(data_table(options.data_dir or data_home()))
    return FINE


def _export_data(options: argparse.Namespace) -> int:
    from hbt import sources
    from hbt.sources.lines import write_lines
    from hbt.whole_files import new_file

    if options.out is None and options.format != "ids":
        raise ValueError(f"--format {options.format} writes a folder: name it with --out")
    benchmark = chosen_benchmark(options)
    if options.format == "beir":
        sources.write_beir(benchmark, options.out)
    elif options.format == "trec":
        sources.write_trec(benchmark, options.out)
    elif options.out is None:
        sys.stdout.writelines(f"{line}\n" for line in sources.id_lines(benchmark))
    else:
        with new_file(options.out) as partial:
            write_lines(partial, sources.id_lines(benchmark))
    if options.out is not None:
        n_queries, n_passages = len(benchmark.query_texts), len(benchmark.passage_texts)
        print(f"{options.out}: {benchmark.name}, {n_queries} queries and {n_passages} passages")
    return FINE
