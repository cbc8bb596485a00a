"""What a run of the suite leaves to read: the index page and the table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hbt.suite.display import record_text

TEMPLATE = Path(__file__).with_name("index.html")
MOST_HEADLINES = 3


def headline(records: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    """The first few records of the given names, as text."""
    chosen = [line for name in names for line in records if line["name"] == name]
    return [record_text(line) for line in chosen[:MOST_HEADLINES]]


def index_page(suite: dict[str, Any]) -> str:
    """The page that leads to every notebook, from the content of suite.json."""
    import jinja2

    from hbt.suite.export import page_style

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(suite=suite, style=page_style(), seconds=duration_text) + "\n"


def terminal_table(suite: dict[str, Any]) -> str:
    """One row per notebook: result, seconds, peak memory, stages and headline numbers."""
    head = ("notebook", "result", "seconds", "peak MB", "stages", "headline numbers")
    rows = []
    for each in suite["notebooks"]:
        stages = each["stages"]
        cells = (
            each["name"],
            "reused" if each["reused"] else each["status"],
            f"{each['seconds']:.0f}",
            f"{each['peak_rss_mb']:.0f}",
            "" if each["reused"] else f"{stages['reused']} reused, {stages['made']} made",
        )
        rows.append((*cells, each["headline"][0] if each["headline"] else ""))
        rows += [("", "", "", "", "", line) for line in each["headline"][1:]]
    return format_table(head, rows, right=(2, 3))


def format_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()
) -> str:
    """Columns as wide as their widest cell; those in `right` are aligned to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), "  ".join("-" * width for width in widths), *map(line, rows)])


def duration_text(seconds: float) -> str:
    """Seconds as a reader says them: `42 s`, `3 min 05 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60:02d} s"
