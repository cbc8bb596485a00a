"""The commands of the command line, one module each.

A module has `add(commands)`, which adds its parser and sets `run`, a function from the parsed
options to an exit code. Only the standard library and this package are imported at their top:
what a command needs is imported when it runs, so that `hbt --help` answers at once. Bad input is a
`ValueError` with one sentence, which `hbt.suite.cli.main` prints before it exits 2.
"""

from __future__ import annotations

import argparse
import shlex

FINE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def positive(text: str) -> float:
    """A number above 0, for `type=` of an argument."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def shared_command(options: argparse.Namespace) -> str:
    """The command line as it may be published: the user's data folder reads DATA_DIR."""
    if not options.data_dir:
        return options.command_line
    return options.command_line.replace(shlex.quote(str(options.data_dir)), "DATA_DIR")
