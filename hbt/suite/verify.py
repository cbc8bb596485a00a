"""Was a notebook really run? Judged from what lies in its folder, because papermill can be wrong.

papermill counts `sys.exit(0)` as success and marks every cell "completed" after a killed kernel.
So: every code cell has run in order, no cell holds an error, no image is without alt text, and the
declared records and figures are there and shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.suite.session import RECORDS_FILE

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from hbt.suite.notebooks import Header

PNG_START = b"\x89PNG\r\n\x1a\n"


def faults(notebook: NotebookNode, folder: Path, header: Header) -> list[str]:
    """What an executed notebook lacks, the cause before its consequences; empty when sound."""
    found = [*_errors(notebook), *_order(notebook)]
    if not found:
        found = [*_images(notebook), *_figures(notebook, folder, header), *_records(folder, header)]
    return found


def read_records(folder: Path) -> list[dict[str, Any]]:
    """The lines of records.jsonl; none if there is no such file.

    Raises:
        ValueError: a line is not a record.
    """
    path = folder / RECORDS_FILE
    if not path.exists():
        return []
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            sound = isinstance(line, dict) and {"name", "value"} <= set(line)
        except ValueError:
            sound = False
        if not sound:
            raise ValueError(f"line {number} of {RECORDS_FILE} is not a record")
        lines.append(line)
    return lines


def shown_figures(notebook: NotebookNode) -> dict[str, str]:
    """Figures shown by the session in an executed notebook: name -> alt text."""
    shown = (output.metadata.get("hbt", {}) for _, output in _outputs(notebook))
    return {each["figure"]: each["alt"] for each in shown if "figure" in each}


def _code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Code cells with their numbers in the notebook as it was before parameters were injected."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    numbered, number = [], 0
    for cell in cells:
        number += "injected-parameters" not in cell.metadata.get("tags", [])
        numbered.append((number, cell))
    return numbered


def _outputs(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Displayed outputs, each with the number of its code cell."""
    for number, cell in _code_cells(notebook):
        for output in cell.outputs:
            if output.output_type in ("display_data", "execute_result"):
                yield number, output


def _errors(notebook: NotebookNode) -> Iterator[str]:
    cells = _code_cells(notebook)
    for position, (number, cell) in enumerate(cells, start=1):
        for output in cell.outputs:
            if output.output_type == "error" and output.ename == "SystemExit":
                unrun = sum(later.execution_count is None for _, later in cells[position:])
                yield f"code cell {number} called exit; {unrun} later cells did not run"
            elif output.output_type == "error":
                yield f"code cell {number} raised {error_text(output.ename, output.evalue)}"


def error_text(name: str, message: str) -> str:
    """An exception on one line."""
    first = (message.strip().splitlines() or [""])[0]
    return f"{name}: {first}" if first else name


def _order(notebook: NotebookNode) -> Iterator[str]:
    cells = _code_cells(notebook)
    unrun = [number for number, cell in cells if cell.execution_count is None]
    if unrun:
        yield f"code cell {unrun[0]} did not run ({len(unrun)} of {len(cells)} did not)"
        return
    for expected, (number, cell) in enumerate(cells, start=1):
        if cell.execution_count != expected:
            yield f"code cell {number} ran out of order"
            return


def _images(notebook: NotebookNode) -> Iterator[str]:
    for number, output in _outputs(notebook):
        images = [kind for kind in output.data if kind.startswith("image/")]
        alt = output.metadata.get("hbt", {}).get("alt") or any(
            output.metadata.get(kind, {}).get("alt") for kind in images
        )
        if images and not alt:
            yield f"code cell {number} shows an image without alt text; use session.show"


def _figures(notebook: NotebookNode, folder: Path, header: Header) -> Iterator[str]:
    shown = {output.metadata.get("hbt", {}).get("figure") for _, output in _outputs(notebook)}
    for name in header.figures:
        path = folder / "figures" / f"{name}.png"
        if not path.exists():
            yield f"the declared figure {name!r} is missing"
        elif not path.read_bytes().startswith(PNG_START):
            yield f"the declared figure {name!r} is not a PNG file"
        elif name not in shown:
            yield f"the declared figure {name!r} was saved but no cell shows it"


def _records(folder: Path, header: Header) -> Iterator[str]:
    try:
        lines = read_records(folder)
    except ValueError as error:
        yield str(error)
        return
    found = {line["name"] for line in lines}
    for name in header.records:
        if name not in found:
            yield f"the declared record {name!r} is missing"
    for line in lines:
        values = line["value"] if isinstance(line["value"], list) else [line["value"]]
        if any(isinstance(value, float) and not math.isfinite(value) for value in values):
            yield f"the record {line['name']!r} is not finite"
