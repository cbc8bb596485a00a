"""`hbt bench training`: examples per second and memory, beside sentence-transformers' own trainer.

Both train the same model on the same batches, each in a process of its own; that loss and gradients
of the first batch agree is part of the result.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hbt.suite.bench.output import add_json, report, whole_number
from hbt.suite.commands import shared_command

NAME = "training"
TRAINERS = ("stock", "ours")
SHAPES = {  # width, layers, heads, rows of the embedding matrix; None: as many as tokens
    "xlm-r-base": (768, 12, 12, 250_002),
    "tiny": (32, 2, 2, None),
}
TOLERANCE = 1e-5


def add(actions: argparse._SubParsersAction) -> None:
    """Add the measurement's parser."""
    parser = actions.add_parser(
        NAME, help="training steps, beside sentence-transformers' trainer and its ranking loss"
    )
    parser.add_argument(
        "--shape", default="xlm-r-base", choices=SHAPES, help="of a model with random weights"
    )
    parser.add_argument("--data-dir", default="", metavar="DIR", help="around mlqa-r; else village")
    for option, default, what in (
        ("batch", 16, "examples in a batch"),
        ("length", 64, "tokens kept of a text"),
        ("steps", 4, "steps that are timed, after a first one that is not"),
        ("groups", 4, "passes over texts sorted by length, at most"),
        ("rounds", 1, "trainings of each, in turn; of each step the fastest counts"),
    ):
        parser.add_argument(
            f"--{option}",
            default=default,
            type=whole_number,
            metavar="N",
            help=f"{what} (default: %(default)s)",
        )
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    result = measure(
        options.shape,
        options.data_dir,
        batch=options.batch,
        length=options.length,
        steps=options.steps,
        groups=options.groups,
        rounds=options.rounds,
        precision=options.precision,
    )
    options.command_line = shared_command(options)
    return report(result, table(result), options)


def measure(
    shape: str,
    data_dir: str = "",
    *,
    batch: int = 16,
    length: int = 64,
    steps: int = 4,
    groups: int = 4,
    rounds: int = 1,
    precision: str = "float32",
) -> dict[str, Any]:
    """Train with both trainers and time every step.

    Returns:
        what was measured: data, shape, batch, length, steps, groups, rounds, precision, device,
        threads, versions.
        trainers: for each its seconds a step, processor seconds a step, examples_per_second,
            padded_tokens a step, and peak_rss_mb (on a GPU peak_gpu_mb too) of its process.
        tokens: real ones a step, padding not counted.
        speed_up: examples per second, ours over stock.
        cpu_speed_up: processor seconds, stock over ours; on one thread it is the fairer number
            where something else runs beside.
        equality: loss of the first batch by both, largest difference of the gradients over the
            largest gradient, and whether both are within 1e-5; without dropout, in float64.
        share_of_peak: of the device's bfloat16 peak, by the operations of the real tokens; None
            where the device is not known.

    Raises:
        CorpusError: the data is missing or broken.
        RuntimeError: a training failed.
    """
    from hbt.suite.bench.training_model import prepare
    from hbt.suite.machine import versions

    with tempfile.TemporaryDirectory(prefix="hbt-bench-") as folder:
        spec = {
            "data_dir": data_dir,
            "batch": batch,
            "length": length,
            "steps": steps + 1,
            "groups": groups,
            "precision": precision,
        }
        data = prepare(Path(folder), SHAPES[shape], spec)
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in TRAINERS}
        for _ in range(rounds):
            for name in TRAINERS:
                found[name].append(_in_a_process(Path(folder), name))
        equality = _in_a_process(Path(folder), "equality")
    trainers = {name: _summary(runs, batch) for name, runs in found.items()}
    speed, cpu = (
        [trainers[name][field] for name in TRAINERS]
        for field in ("examples_per_second", "cpu_seconds_per_step")
    )
    first = found["ours"][0]
    return {
        "data": data,
        "shape": shape,
        "parameters": first["parameters"],
        "batch": batch,
        "length": length,
        "steps": steps,
        "groups": groups,
        "rounds": rounds,
        "precision": precision,
        "device": first["device"],
        "threads": first["threads"],
        "trainers": trainers,
        "tokens": first["tokens"],
        "speed_up": speed[1] / speed[0],
        "cpu_speed_up": cpu[0] / cpu[1],
        "equality": equality,
        "share_of_peak": _share_of_peak(first, trainers["ours"]["seconds_per_step"]),
        "versions": {
            name: versions()[name]
            for name in ("python", "hbt", "torch", "transformers", "sentence-transformers")
        },
    }


def _in_a_process(folder: Path, what: str) -> dict[str, Any]:
    """Run the worker; the file that it leaves is the result."""
    command = [sys.executable, "-m", "hbt.suite.bench.training_worker", str(folder), what]
    process = subprocess.run(command, env={**os.environ, "TOKENIZERS_PARALLELISM": "false"})
    if process.returncode:
        raise RuntimeError(f"the training of {what} ended with code {process.returncode}")
    return json.loads((folder / f"{what}.json").read_text(encoding="utf-8"))


def _summary(runs: list[dict[str, Any]], batch: int) -> dict[str, Any]:
    """Of each step the fastest of all rounds; the first step is left out."""

    def mean_of_fastest(field: str) -> float:
        steps = zip(*(run[field][1:] for run in runs), strict=True)
        return sum(map(min, steps)) / (len(runs[0][field]) - 1)

    seconds = mean_of_fastest("step_seconds")
    peaks = {name: max(run[name] for run in runs) for name in runs[0] if name.startswith("peak_")}
    return {
        "seconds_per_step": seconds,
        "cpu_seconds_per_step": mean_of_fastest("step_cpu_seconds"),
        "examples_per_second": batch / seconds,
        "padded_tokens": runs[0]["padded_tokens"],
        "step_seconds": [run["step_seconds"] for run in runs],
        **peaks,
    }


_PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # bfloat16, dense; makers' data sheets


def _share_of_peak(run: Mapping[str, Any], seconds: float) -> float | None:
    """6 operations for each weight and real token (forward 2, backward 4), attention left out."""
    peak = next((value for name, value in _PEAKS.items() if name in run["device"]), None)
    if peak is None:
        return None
    return 6 * run["weights_per_token"] * run["tokens"] / seconds / peak


def table(result: Mapping[str, Any]) -> str:
    """The result for the terminal."""
    equality = result["equality"]
    lines = [
        f"{result['shape']} shape, {result['parameters'] / 1e6:.0f} million parameters, "
        f"{result['data']}, batch {result['batch']}, up to {result['length']} tokens, "
        f"{result['steps']} steps, {result['precision']}, {result['device']}, "
        f"{result['threads']} threads",
        "",
        "| trainer | seconds a step | of the processor | examples a second | tokens a step "
        "| peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in result["trainers"].items():
        lines.append(
            f"| {name} | {row['seconds_per_step']:.2f} | {row['cpu_seconds_per_step']:.2f} "
            f"| {row['examples_per_second']:.2f} "
            f"| {row['padded_tokens']:,.0f} | {row['peak_rss_mb']:,.0f} |"
        )
    agree = "agree" if equality["equal"] else "DIFFER"
    lines += [
        "",
        f"{result['speed_up']:.2f} times as fast, {result['cpu_speed_up']:.2f} times by processor "
        f"seconds; {result['tokens']:,.0f} of the tokens are real.",
        f"Without dropout, in float64, loss and gradients of the first batch {agree}: "
        f"{equality['stock_loss']:.9f} and {equality['our_loss']:.9f}, gradients within "
        f"{equality['gradient_difference']:.1e} of the largest.",
    ]
    if result["share_of_peak"] is not None:
        lines.append(f"{result['share_of_peak']:.1%} of the bfloat16 peak.")
    return "\n".join(lines)
