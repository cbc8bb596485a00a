"""The process in which papermill runs one notebook: `python -m hbt.suite.execute JOB.json`.

A process of its own, so that the runner can watch its time and memory and end it. It reports each
cell as it starts, and how it ended, in files; how the notebook fared is judged by the runner from
what lies there, not by what papermill says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(job_path: str) -> int:
    """Run the notebook that a job describes.

    The job is a JSON object: notebook, output, folder (where the kernel runs), parameters,
    progress (a file: one line per cell that starts) and outcome (a file: how it ended).
    """
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    skip_slow_grammar()
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.engines import papermill_engines
    from papermill.exceptions import PapermillExecutionError

    papermill_engines.register("watched", _watched_engine(Path(job["progress"])))
    outcome: dict[str, Any] = {"end": "complete"}
    try:
        papermill.execute_notebook(
            job["notebook"],
            job["output"],
            parameters=job["parameters"],
            engine_name="watched",
            progress_bar=False,
            cwd=job["folder"],
            autosave_cell_every=0,
        )
    except PapermillExecutionError as error:
        outcome = {"end": "exception", "error": error.ename, "message": error.evalue}
    except DeadKernelError:
        outcome = {"end": "dead kernel"}
    except ExitCalledError:
        outcome = {"end": "exit"}
    except Exception as error:
        outcome = {"end": "other", "error": type(error).__name__, "message": str(error)}
    Path(job["outcome"]).write_text(json.dumps(outcome), encoding="utf-8")
    return 0


class ExitCalledError(Exception):
    """A cell called `exit()`, which papermill would not notice."""


def _refuse_exit(execute_reply: dict[str, Any], **_: Any) -> None:
    """Stop at IPython's `exit()`: it raises nothing, and cells go on until the kernel is gone."""
    payloads = execute_reply["content"].get("payload", [])
    if any(payload.get("source") == "ask_exit" for payload in payloads):
        raise ExitCalledError


def skip_slow_grammar() -> None:
    """Keep nbformat's import from building a grammar of web addresses, which takes 2 seconds.

    It serves jsonschema's optional check of "iri" values, which notebooks do not have; jsonschema
    goes without it where the module cannot be imported.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _watched_engine(progress: Path) -> type:
    """The engine of papermill, which also writes a line when a cell starts."""
    from papermill.engines import NBClientEngine

    class WatchedEngine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            start_cell = nb_man.cell_start
            heading = ""
            n_code_cells = 0

            def cell_start(cell: Any, cell_index: int | None = None, **more: Any) -> Any:
                nonlocal heading, n_code_cells
                heading = _heading(cell) or heading
                n_code_cells += _counts(cell)
                line = {
                    "cell": (cell_index or 0) + 1,
                    "cells": len(nb_man.nb.cells),
                    "code_cell": n_code_cells,
                    "heading": heading,
                }
                with progress.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(line) + "\n")
                return start_cell(cell, cell_index, **more)

            nb_man.cell_start = cell_start
            options["on_cell_executed"] = _refuse_exit
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    return WatchedEngine


def _counts(cell: Any) -> bool:
    """Is it a code cell of the notebook itself, not papermill's with the parameters?"""
    injected = "injected-parameters" in cell.metadata.get("tags", [])
    return cell.cell_type == "code" and bool(cell.source.strip()) and not injected


def _heading(cell: Any) -> str:
    """The last heading of a text cell."""
    if cell.cell_type != "markdown":
        return ""
    found = [line for line in cell.source.splitlines() if line.startswith("#")]
    return found[-1].lstrip("# ") if found else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
