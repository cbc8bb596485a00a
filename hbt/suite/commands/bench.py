"""`hbt bench`: measure speed and memory beside other packages."""

from __future__ import annotations

import argparse
from types import ModuleType

from hbt.suite.bench import (
    coverage,
    evaluation,
    preparation,
    resampling,
    sampling,
    search,
    training,
)

# in the order of the help
MEASUREMENTS: tuple[ModuleType, ...] = (
    evaluation,
    search,
    coverage,
    resampling,
    sampling,
    preparation,
    training,
)


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser, with one action for each measurement."""
    parent = commands.add_parser("bench", help="measure speed and memory beside other packages")
    actions = parent.add_subparsers(required=True, metavar="NAME")
    for measurement in MEASUREMENTS:
        measurement.add(actions)
