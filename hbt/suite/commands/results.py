"""`hbt results`: the tables of a profile, as committed in results/."""

from __future__ import annotations

import argparse
from pathlib import Path

from hbt.suite.commands import FINE, shared_command


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    results = commands.add_parser(
        "results", help="make the tables of a profile, as committed in results/"
    )
    results.add_argument("--profile", default="full", help="smoke, classroom or full")
    results.add_argument("--data", default="village", help="village or real")
    results.add_argument("--data-dir", default="", metavar="DIR", help="folder with the real data")
    results.add_argument("--seed", default=0, type=int, help="the first of the seeds")
    results.add_argument(
        "--encoder", default="static", choices=("static", "transformer"), help="default: static"
    )
    results.add_argument("--out", type=Path, required=True, metavar="DIR")
    results.set_defaults(run=_results)


def _results(options: argparse.Namespace) -> int:
    from hbt.suite.profiles import profile_settings
    from hbt.suite.results import write_results

    if options.profile == "paper":
        raise ValueError(
            "hbt results makes the tables of smoke, classroom and full; the profile paper is for "
            "`hbt notebooks run` with 02, 03 or 05"
        )
    profile = profile_settings(options.profile, options.data, options.data_dir, options.seed)
    if options.encoder == "transformer":
        profile = profile.of_transformer()
    command = shared_command(options)
    for path in write_results(profile, options.out, command):
        print(path)
    return FINE
