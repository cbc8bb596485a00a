"""The command line: `hbt notebooks run all`, `hbt doctor` and what belongs to them.

Only the standard library is imported here and at the top of `hbt.suite.commands`, so that
`hbt --help` answers at once.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from hbt import __version__
from hbt.suite.commands import (
    BAD_INPUT,
    INTERRUPTED,
    audit,
    bench,
    data,
    doctor,
    evaluate,
    notebooks,
    report,
    results,
    train,
)
from hbt.suite.execute import skip_slow_grammar

# in the order of `hbt --help`
COMMANDS = (notebooks, train, results, evaluate, report, doctor, data, audit, bench)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when all is well, 1 when it found a fault, 2 for bad input."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    skip_slow_grammar()
    options.command_line = shlex.join(["hbt", *given])
    try:
        return options.run(options)
    except ValueError as error:  # a CorpusError is one too
        print(f"hbt: {error}", file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in ("", "hbt"):
            raise
        print(
            f"hbt: {name} is not installed: hbt evaluate needs the extras train and search, most "
            "other commands the extra suite, as in pip install '.[suite]'",
            file=sys.stderr,
        )
        return BAD_INPUT
    except KeyboardInterrupt:
        print("hbt: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hbt",
        description="Learn and replicate hybrid batch training of multilingual dense retrievers.",
    )
    parser.add_argument("--version", action="version", version=f"hbt {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
