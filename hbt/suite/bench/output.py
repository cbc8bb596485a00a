"""What all measurements share: the clock, the option `--json`, and how a result is written."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hbt.whole_files import write_text


def best_of(repeats: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs: what else the machine does can only add to a run."""
    fastest = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - started)
    return fastest


def whole_number(text: str) -> int:
    """A whole number above 0, for `type=` of an argument."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option `--json FILE`."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result to this file")


def report(result: Mapping[str, Any], text: str, options: argparse.Namespace) -> int:
    """Print the text, write the result with its command to the file of `--json`; returns 0.

    Raises:
        ValueError: the file cannot be written.
    """
    print(text)
    if options.json is not None:
        write_json({"command": options.command_line, **result}, options.json)
    return 0


def write_json(result: Mapping[str, Any], target: Path) -> None:
    """Write a result as JSON, whole or not at all.

    Raises:
        ValueError: the file cannot be written.
    """
    write_text(target, json.dumps(result, indent=1, allow_nan=False) + "\n")
