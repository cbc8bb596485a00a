"""The command line: `hbt notebooks run all`, `hbt doctor` and what belongs to them.

Only the standard library is imported here, so that `hbt --help` answers at once.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hbt import __version__
from hbt.suite.execute import skip_slow_grammar

FINE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


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
    _add_notebooks(commands)
    _add_results(commands)
    _add_doctor(commands)
    _add_data(commands)
    return parser


def _add_notebooks(commands: argparse._SubParsersAction) -> None:
    parent = commands.add_parser("notebooks", help="run, build or check the notebooks")
    actions = parent.add_subparsers(required=True, metavar="ACTION")
    run = actions.add_parser(
        "run",
        help="run notebooks and write their pages",
        description="Run notebooks, each in a process of its own, and check what they left. "
        "Exit status: 0 all is well, 1 a notebook failed, 2 bad input.",
    )
    run.add_argument("name", help="all, or a notebook's name or its beginning, such as 03")
    run.add_argument("--profile", default="classroom", help="smoke, classroom or full")
    run.add_argument("--data", default="village", help="village or real")
    run.add_argument("--data-dir", default="", metavar="DIR", help="folder with the real data")
    run.add_argument(
        "-p",
        dest="assignments",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the notebooks, its value in JSON",
    )
    run.add_argument(
        "-P",
        dest="files",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.json",
        help="parameters from a file; NOTEBOOK: {...} holds those of one notebook",
    )
    run.add_argument("--out", type=Path, metavar="DIR", help="default: runs/TIME-PROFILE-DATA")
    run.add_argument("--timeout", type=_positive, metavar="SECONDS", help="limit of each notebook")
    run.add_argument("--memory-limit", type=_positive, metavar="MB", help="limit of each notebook")
    run.add_argument("--fresh", action="store_true", help="run also what has not changed")
    run.set_defaults(run=_run_notebooks)
    build = actions.add_parser("build", help="write the .ipynb files from notebooks/source")
    build.set_defaults(run=_build_notebooks)
    check = actions.add_parser("check", help="compare them with their sources and the house rules")
    check.set_defaults(run=_check_notebooks)
    for action in (run, build, check):
        action.add_argument(
            "--notebooks", type=Path, metavar="DIR", help="folder of the notebooks: ./notebooks"
        )


def _add_results(commands: argparse._SubParsersAction) -> None:
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


def _add_doctor(commands: argparse._SubParsersAction) -> None:
    doctor = commands.add_parser("doctor", help="say whether this machine is fit")
    doctor.add_argument("--data-dir", default="", metavar="DIR", help="folder with the real data")
    doctor.set_defaults(run=_doctor)


def _add_data(commands: argparse._SubParsersAction) -> None:
    parent = commands.add_parser("data", help="look at real data")
    actions = parent.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="read a folder of real data and count what it holds")
    check.add_argument("--data-dir", required=True, type=Path, metavar="DIR")
    check.set_defaults(run=_check_data)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _run_notebooks(options: argparse.Namespace) -> int:
    from hbt.suite import parameters, runner

    given: dict = {}
    for file in options.files:
        given.update(parameters.read_parameter_file(file))
    given.update(parameters.parse_assignments(options.assignments))
    request = runner.Request(
        name=options.name,
        profile=options.profile,
        data=options.data,
        data_dir=options.data_dir,
        given=given,
        out=options.out,
        timeout=options.timeout,
        memory_limit_mb=options.memory_limit,
        fresh=options.fresh,
        folder=options.notebooks,
        command=options.command_line,
    )
    # Asked to end, end as after Ctrl-C: the kernels must not outlive this process.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return runner.run(request)
    finally:
        signal.signal(signal.SIGTERM, before)


def _build_notebooks(options: argparse.Namespace) -> int:
    from hbt.suite import notebooks

    print("\n".join(notebooks.build(notebooks.notebooks_folder(options.notebooks))))
    return FINE


def _check_notebooks(options: argparse.Namespace) -> int:
    from hbt.suite import notebooks

    problems = notebooks.check(notebooks.notebooks_folder(options.notebooks))
    print("\n".join(problems) or "every notebook is what its source makes and keeps the rules")
    return FAILED if problems else FINE


def _results(options: argparse.Namespace) -> int:
    from hbt.suite.profiles import profile_settings
    from hbt.suite.results import write_results

    profile = profile_settings(options.profile, options.data, options.data_dir, options.seed)
    if options.encoder == "transformer":
        profile = profile.of_transformer()
    command = options.command_line
    if options.data_dir:
        command = command.replace(shlex.quote(options.data_dir), "DATA_DIR")
    for path in write_results(profile, options.out, command):
        print(path)
    return FINE


def _doctor(options: argparse.Namespace) -> int:
    from hbt.suite import doctor

    findings = doctor.examine(options.data_dir)
    print("\n".join(map(str, findings)))
    return FAILED if any(finding.mend for finding in findings) else FINE


def _check_data(options: argparse.Namespace) -> int:
    from hbt.suite.data_check import data_table

    print(data_table(options.data_dir))
    return FINE
