"""`hbt bench sampling`: setting up a sampler over 40 million items, and what a batch of it costs.

Each contender has a process of its own, so that its memory is its own. Set-up ends with the first
batch: the others put their shuffled index into memory only then. What a sampler reads, rows or a
layout with passage ids, is made before the clock starts and is not counted.
"""

from __future__ import annotations

import argparse
from typing import Any

from hbt.suite.bench.output import add_json, report, whole_number

NAME = "sampling"
ITEMS, TEXTS, BATCH, BATCHES = 40_000_000, 1_000_000, 100, 3_000


def add(actions: argparse._SubParsersAction) -> None:
    """Add the measurement's parser."""
    parser = actions.add_parser(
        NAME, help="samplers: set-up, memory, time of a batch, false negatives"
    )
    for option, default, what in (
        (
            "items",
            ITEMS,
            "items, and rows for samplers that look at no text (default: %(default)s)",
        ),
        ("texts", TEXTS, "rows for the one that compares texts, at most (default: %(default)s)"),
        ("batch-size", BATCH, "examples in a batch (default: %(default)s)"),
        ("batches", BATCHES, "batches to time (default: %(default)s)"),
    ):
        parser.add_argument(
            f"--{option}", default=default, type=whole_number, metavar="N", help=what
        )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    result = measure(options.items, options.texts, options.batch_size, options.batches)
    return report(result, table(result), options)


def measure(
    items: int = ITEMS, texts: int = TEXTS, batch_size: int = BATCH, batches: int = BATCHES
) -> dict[str, Any]:
    """Seconds, MB and microseconds of every sampler, and the false negatives of some.

    Args:
        items: of the layout, and rows for the samplers that look at no text.
        texts: rows for the sampler that compares texts, if fewer than items.
        batch_size: examples in a batch.
        batches: to time, after the first.
    """
    from hbt.suite import machine
    from hbt.suite.bench.false_negatives import false_negatives
    from hbt.suite.bench.samplers import CONTENDERS, in_own_process

    rows = []
    for name, (_, compares_texts) in CONTENDERS.items():
        size = min(items, texts) if compares_texts else items
        rows.append({"sampler": name, **in_own_process(name, size, batch_size, batches)})
    return {
        "batch_size": batch_size,
        "batches": batches,
        "samplers": rows,
        "false_negatives": false_negatives(),
        "calibration_seconds": round(machine.calibration_seconds(), 4),
        "versions": machine.versions(),
    }


def table(result: dict[str, Any]) -> str:
    """The measurement as text."""
    lines = [
        f"{'sampler':<42}{'items':>12}{'set-up s':>10}{'MB':>8}{'us a batch':>12}",
    ]
    for row in result["samplers"]:
        lines.append(
            f"{row['sampler']:<42}{row['items']:>12,}{row['setup_seconds']:>10.2f}"
            f"{row['megabytes']:>8.0f}{row['microseconds_per_batch']:>12.0f}"
        )
    lines += ["", "passages taken for negatives that are none, for each query:"]
    for row in result["false_negatives"]:
        lines.append(f"{row['sampler']:<54}{row['devices']:>3} device(s){row['per_query']:>9.3f}")
    return "\n".join(lines)
