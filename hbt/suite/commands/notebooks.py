"""`hbt notebooks run|build|check`."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from hbt.suite.commands import FAILED, FINE, positive


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    parent = commands.add_parser("notebooks", help="run, build or check the notebooks")
    actions = parent.add_subparsers(required=True, metavar="ACTION")
    run = actions.add_parser(
        "run",
        help="run notebooks and write their pages",
        description="Run notebooks, each in a process of its own, and check what they left. "
        "Exit status: 0 all is well, 1 a notebook failed, 2 bad input, or the profile paper lacks "
        "what it needs here: a GPU, a published encoder (HBT_PAPER_ENCODER names it; XLM-R base), "
        "--data real with xquad-r and mlqa-r. Notebooks 02, 03 and 05 have that profile.",
    )
    run.add_argument("name", help="all, or a notebook's name or its beginning, such as 03")
    run.add_argument("--profile", default="classroom", help="smoke, classroom, full or paper")
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
    run.add_argument("--timeout", type=positive, metavar="SECONDS", help="limit of each notebook")
    run.add_argument("--memory-limit", type=positive, metavar="MB", help="limit of each notebook")
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
