"""`hbt audit`: does the record of a training agree with its plan?"""

from __future__ import annotations

import argparse
from pathlib import Path

from hbt.suite.commands import FAILED, FINE


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "audit",
        help="replay the plan of a training and compare it with the record",
        description="Make every batch of a fine-tuning again from its stored plan, compare the "
        "digests, and count kinds, sources, languages and clashes. "
        "Exit status: 0 all is well, 1 something differs, 2 bad input.",
    )
    parser.add_argument(
        "folder", type=Path, metavar="RUN", help="outputs of hbt train, or folder of a fine-tuning"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result to this file")
    parser.set_defaults(run=_audit)


def _audit(options: argparse.Namespace) -> int:
    from hbt.suite.audit import audit, text
    from hbt.suite.bench.output import write_json

    result = audit(options.folder)
    print(text(result))
    if options.json is not None:
        write_json(result.plain(), options.json)
    return FAILED if result.faults or result.clashes else FINE
