"""`hbt report`: the paper against what was run."""

from __future__ import annotations

import argparse
from pathlib import Path

from hbt.suite.commands import FAILED, FINE, shared_command

FORMATS = ("both", "html", "markdown")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    report = commands.add_parser(
        "report",
        help="put the published tables and claims beside what was run",
        description="Compare runs with the tables and claims of arXiv 2408.10536. A run is a "
        "folder of `hbt results`, or JSON files of `hbt evaluate`, each with model and sampling in "
        "front: XLM-R:hybrid=FILE.json. Files with the same label are seeds; FILE.parquet of "
        "--per-query beside FILE.json gives intervals over items. Exit status: 0 all is well, 1 a "
        "required claim disagrees, 2 bad input.",
    )
    report.add_argument(
        "runs", nargs="+", metavar="RUN", help="[MODEL=]FOLDER, or MODEL:SAMPLING=FILE.json"
    )
    report.add_argument(
        "--out",
        type=Path,
        default=Path("paper-against-ours"),
        metavar="DIR",
        help="default: paper-against-ours",
    )
    report.add_argument("--format", default="both", choices=FORMATS, help="default: both")
    report.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="check the claims about the real data as well"
    )
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from hbt.suite.paper import report_page
    from hbt.suite.paper.checks import Given
    from hbt.suite.paper.claims import claims
    from hbt.suite.paper.compare import judge
    from hbt.suite.paper.runs import read_runs
    from hbt.suite.report import format_table

    runs = read_runs(options.runs)
    judged = judge(claims(), Given(runs, options.data_dir))
    command = shared_command(options)
    texts = {}
    if options.format != "markdown":
        from hbt.suite.machine import versions
        from hbt.suite.paper.figures import pictures

        texts["report.html"] = report_page.page(judged, runs, pictures(runs), command, versions())
    if options.format != "html":
        texts["report.md"] = report_page.markdown(judged, runs, command)
    files = report_page.write(texts, options.out)
    print("\n".join(map(report_page.run_text, runs)))
    head = ("claim", "required", "as in print", "in direction", "in our words")
    print(format_table(head, report_page.claim_rows(judged)))
    print("\n".join(map(str, files)))
    failed = [f"({each.claim.number})" for each in judged if each.fails]
    if failed:
        print(f"required claims that disagree: {', '.join(failed)}")
    return FAILED if failed else FINE
