"""`hbt data`: look at real data."""

from __future__ import annotations

import argparse
from pathlib import Path

from hbt.suite import data_fetch
from hbt.suite.commands import FINE


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    parent = commands.add_parser("data", help="look at real data")
    actions = parent.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="read a folder of real data and count what it holds")
    check.add_argument("--data-dir", required=True, type=Path, metavar="DIR")
    check.set_defaults(run=_check_data)
    data_fetch.add(actions)


def _check_data(options: argparse.Namespace) -> int:
    from hbt.suite.data_check import data_table

    print(data_table(options.data_dir))
    return FINE
