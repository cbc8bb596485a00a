"""`hbt data overlap`: is text of a benchmark in training data?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hbt.suite.commands import FAILED, FINE
from hbt.suite.commands.evaluate import add_benchmark, chosen_benchmark

if TYPE_CHECKING:
    from hbt.sources.separation import SharedTexts


def add(actions: argparse._SubParsersAction) -> None:
    """Add the command below `hbt data`."""
    overlap = actions.add_parser(
        "overlap",
        help="look for a benchmark's text in training data",
        description="Compare the queries and relevant passages of a benchmark with training data, "
        "in the languages that both have: the same words, and shared runs of 10 words (zh and ja "
        "16 characters, th 40). Exit status: 0 nothing is shared, 1 something is, 2 bad input.",
    )
    overlap.add_argument(
        "--training",
        required=True,
        metavar="NAME",
        help="as data.training of `hbt train`: mlqa-r, mmarco, miracl, mldr, parallel:FOLDER, "
        "pairs:FILE, or several with + between",
    )
    add_benchmark(overlap)
    overlap.set_defaults(run=_overlap)


def _overlap(options: argparse.Namespace) -> int:
    from hbt.sources.separation import shared_texts
    from hbt.sources.training_data import training_items

    benchmark = chosen_benchmark(options)
    training = training_items(options.training, options.data_dir or None)
    rows = shared_texts(training, benchmark)
    if not rows:
        raise ValueError(f"{training.name} and {benchmark.name} have no language in common")
    print(overlap_text(training.name, benchmark.name, rows))
    shared = sum(row.runs + row.same_queries + row.same_passages for row in rows)
    return FAILED if shared else FINE


def overlap_text(training: str, benchmark: str, rows: Sequence[SharedTexts]) -> str:
    """A row for each language, then an example of a shared run for each that has one."""
    from hbt.suite.report import format_table

    head = (
        "language",
        "training texts",
        "queries",
        "in training",
        "relevant passages",
        "in training",
        "training texts that share a run",
    )
    cells = [
        (
            row.language,
            f"{row.training:,}",
            f"{row.queries:,}",
            f"{row.same_queries:,}",
            f"{row.passages:,}",
            f"{row.same_passages:,}",
            f"{row.runs:,}",
        )
        for row in rows
    ]
    table = format_table(head, cells, right=range(1, len(head)))
    examples = [f"{row.language}: {row.example}" for row in rows if row.example]
    return "\n".join([f"{training} (training) against {benchmark}", table, *examples])
