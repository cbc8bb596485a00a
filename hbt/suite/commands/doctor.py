"""`hbt doctor`: is this machine fit?"""

from __future__ import annotations

import argparse

from hbt.suite.commands import FAILED, FINE


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    doctor = commands.add_parser("doctor", help="say whether this machine is fit")
    doctor.add_argument("--data-dir", default="", metavar="DIR", help="folder with the real data")
    doctor.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from hbt.suite import doctor

    findings = doctor.examine(options.data_dir)
    print("\n".join(map(str, findings)))
    return FAILED if any(finding.mend for finding in findings) else FINE
