"""`hbt results`: the tables of a profile, as committed in results/."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hbt.suite.commands import FINE, shared_command


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    results = commands.add_parser(
        "results",
        help="make the tables of a profile, as committed in results/",
        description="Train and score all samplings of a profile, over its seeds and points of "
        "alpha, and write the tables, their figures and a page. Finished models are kept and taken "
        "up again. The profile paper needs a GPU, a published encoder and --data real. Exit "
        "status: 0 all is well, 2 bad input or something is missing.",
    )
    results.add_argument(
        "--profile", default="full", help="smoke, classroom, full (default) or paper"
    )
    results.add_argument("--data", default="village", help="village or real")
    results.add_argument("--data-dir", default="", metavar="DIR", help="folder with the real data")
    results.add_argument("--seed", default=0, type=int, help="the first of the seeds")
    results.add_argument(
        "--encoder",
        choices=("static", "transformer"),
        help="default: static; paper takes the one that HBT_PAPER_ENCODER names",
    )
    results.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="of the tables and the page"
    )
    results.set_defaults(run=_results)


def _results(options: argparse.Namespace) -> int:
    from hbt.suite.profiles import profile_settings
    from hbt.suite.results import write_results

    if options.profile == "paper":
        _prepare_paper(options)
    profile = profile_settings(options.profile, options.data, options.data_dir, options.seed)
    if options.encoder == "transformer":
        profile = profile.of_transformer()
    command = shared_command(options)
    for path in write_results(profile, options.out, command):
        print(path)
    return FINE


def _prepare_paper(options: argparse.Namespace) -> None:
    """One sentence with all that is missing, before anything heavy starts."""
    from hbt.suite.paper_profile import RESULTS
    from hbt.suite.requirements import NotReadyError, prepare_paper

    if options.encoder is not None:
        raise ValueError(
            f"--encoder {options.encoder} is of the other profiles; paper takes the encoder that "
            "HBT_PAPER_ENCODER names"
        )
    try:
        for line in prepare_paper(options.data, options.data_dir, RESULTS):
            print(line, file=sys.stderr, flush=True)
    except NotReadyError as error:
        raise ValueError(f"the profile paper does not run here: {error}") from None
