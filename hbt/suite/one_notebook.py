"""One notebook of a run: its process, its environment, its progress line, and the verdict."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hbt
from hbt.suite import report, reuse, verify
from hbt.suite.notebooks import Header, read_notebook
from hbt.suite.requirements import NotReadyError
from hbt.suite.stages import cache_directory
from hbt.suite.watch import Watched, watch
from hbt.whole_files import new_file

RUN_FILE = "run.json"  # also marks a folder that a run made and a later run may replace
LOG_FILE = "log.txt"
STAGES_FILE = "stages.jsonl"
PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"
SECONDS_BETWEEN_LINES = 30.0  # of progress, where standard error is no terminal


@dataclass(frozen=True)
class Plan:
    """A notebook that is ready to run.

    Attributes:
        name: its name.
        path: the .ipynb without outputs.
        header: what it declares.
        parameters: checked values that are injected.
        defaults: values of the notebook's own for all its parameters.
        data_digest: digest of the folder of real data; "" for the village.
    """

    name: str
    path: Path
    header: Header
    parameters: dict[str, Any]
    defaults: dict[str, Any]
    data_digest: str


def run_notebook(
    plan: Plan, folder: Path, timeout: float, memory_limit_mb: float, fresh: bool
) -> dict[str, Any]:
    """Run one notebook into a folder, or take it from the cache; its entry for suite.json.

    One that stops in its first cell because the profile needs what is not here leaves no folder.
    """
    stage = reuse.notebook_stage(plan.path, plan.parameters, plan.data_digest)
    if not fresh and reuse.fetch(stage, folder):
        entry = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        return {**entry, "reused": True}
    folder.mkdir(parents=True)
    (folder / RUN_FILE).write_text("{}\n", encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="hbt-") as scratch:
        watched, outcome = _execute(plan, folder, Path(scratch), timeout, memory_limit_mb)
    if outcome.get("error") == NotReadyError.__name__:
        shutil.rmtree(folder)
        reason = f"{plan.name}: {NOT_RUN}: {outcome['message']}"
        return _entry(plan, folder, watched, reason, NOT_RUN)
    problem = _problem(plan, folder, watched, outcome, timeout, memory_limit_mb)
    entry = _entry(plan, folder, watched, problem, FAILED if problem else PASSED)
    text = json.dumps(entry, indent=1, ensure_ascii=False) + "\n"
    (folder / RUN_FILE).write_text(text, encoding="utf-8")
    if not problem:
        reuse.keep(stage, folder)
    return entry


def kernel_environment(scratch: Path, stages: Path) -> dict[str, str]:
    """The environment of a notebook: the caller's, without what changes results behind its back."""
    environment = dict(os.environ)
    # Agg, from a caller who draws without a screen, would drop figures without a word.
    environment["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    environment["PYTHONHASHSEED"] = "0"
    environment["TOKENIZERS_PARALLELISM"] = "false"
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    environment["IPYTHONDIR"] = str(scratch / "ipython")  # no start-up files, no shared history
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"  # this Python's kernel before a user's own
    environment["HBT_CACHE_DIR"] = str(cache_directory().resolve())
    environment["HBT_STAGE_LOG"] = str(stages.resolve())
    package = Path(hbt.__file__).resolve().parents[1]
    if not any(part.endswith("-packages") for part in package.parts):  # a checkout
        rest = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(package), *([rest] if rest else [])])
    return environment


def _execute(
    plan: Plan, folder: Path, scratch: Path, timeout: float, memory_limit_mb: float
) -> tuple[Watched, dict[str, Any]]:
    """Run papermill in its process; what was watched, and how papermill says it ended."""
    outcome = scratch / "outcome.json"
    job = {
        "notebook": str(plan.path),
        "output": str((folder / f"{plan.name}.ipynb").resolve()),
        "folder": str(folder.resolve()),
        "parameters": plan.parameters,
        "progress": str(scratch / "progress.jsonl"),
        "outcome": str(outcome),
    }
    (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
    environment = kernel_environment(scratch, folder / STAGES_FILE)
    if plan.parameters["profile"] == "paper":  # only that profile reads published models
        from hbt.suite.paper_profile import ENCODER_VARIABLE, chosen_encoder

        # The kernel runs elsewhere, where a relative path would name another folder.
        environment[ENCODER_VARIABLE] = chosen_encoder()
    else:
        environment["HF_HUB_OFFLINE"] = "1"
    with ProgressLine(plan.name, scratch / "progress.jsonl") as line:
        watched = watch(
            [sys.executable, "-m", "hbt.suite.execute", str(scratch / "job.json")],
            environment=environment,
            folder=folder,
            log=folder / LOG_FILE,
            timeout=timeout,
            memory_limit_mb=memory_limit_mb,
            look=line.look,
        )
    ended = json.loads(outcome.read_text(encoding="utf-8")) if outcome.exists() else {}
    return watched, {**ended, "code_cell": line.code_cell, "heading": line.heading}


def _problem(
    plan: Plan,
    folder: Path,
    watched: Watched,
    outcome: dict[str, Any],
    timeout: float,
    memory_limit_mb: float,
) -> str:
    """One sentence that says why the run failed; "" when it is sound."""
    where = f"while code cell {outcome['code_cell']} ran"
    if not outcome["code_cell"]:
        where = "before the first cell ran"
    if watched.stopped == "time":
        return f"{plan.name}: was over its wall limit of {timeout:.0f} s {where}"
    if watched.stopped == "memory":
        return (
            f"{plan.name}: its kernel used {watched.peak_rss_mb:.0f} MB, over its limit of "
            f"{memory_limit_mb:.0f} MB, {where}"
        )
    end = outcome.get("end")
    if end == "dead kernel":
        return f"{plan.name}: its kernel died {where}"
    if end == "exit":
        return f"{plan.name}: code cell {outcome['code_cell']} called exit"
    if end == "other":
        told = verify.error_text(outcome["error"], outcome["message"])
        return f"{plan.name}: papermill failed {where} with {told}"
    if end is None:
        return (
            f"{plan.name}: the process that ran it ended with code {watched.exit_code} {where}; "
            f"see {folder / LOG_FILE}"
        )
    path = folder / f"{plan.name}.ipynb"
    _tidy(path, plan.path.name)
    found = verify.faults(read_notebook(path), folder, plan.header)
    if not found and end == "exception":
        found = [f"raised {verify.error_text(outcome['error'], outcome['message'])}"]
    more = f" (and {len(found) - 1} more: {'; '.join(found[1:])})" if len(found) > 1 else ""
    return f"{plan.name}: {found[0]}{more}" if found else ""


def _tidy(path: Path, source_name: str) -> None:
    """Take out widget state, which breaks other viewers, and this machine's folders."""
    import nbformat

    notebook = read_notebook(path)
    notebook.metadata.pop("widgets", None)
    if "papermill" in notebook.metadata:
        notebook.metadata.papermill.update(input_path=source_name, output_path=path.name)
    with new_file(path) as partial:
        nbformat.write(notebook, partial)


def _entry(plan: Plan, folder: Path, watched: Watched, problem: str, status: str) -> dict[str, Any]:
    """The notebook's entry in suite.json; paths are relative to the run's folder."""
    page, figures = _pages(plan.name, folder)
    try:
        records = verify.read_records(folder)
    except ValueError:  # already told as the problem
        records = []
    return {
        "name": plan.name,
        "title": plan.header.title,
        "question": plan.header.question,
        "status": status,
        "problem": problem,
        "reused": False,
        "seconds": round(watched.seconds, 2),
        "peak_rss_mb": round(watched.peak_rss_mb, 1),
        "tree_peak_rss_mb": round(watched.tree_peak_rss_mb, 1),
        "parameters": {
            name: value
            for name, value in {**plan.defaults, **plan.parameters}.items()
            if name not in ("data_dir", "out_dir")  # folders of this machine
        },
        "stages": _count_stages(folder / STAGES_FILE),
        "html": page,
        "figures": figures,
        "records": records,
        "headline": report.headline(records, plan.header.headline),
    }


def _pages(name: str, folder: Path) -> tuple[str, list[dict[str, str]]]:
    """Write the notebook as HTML; its address and its figures, none if the run left none."""
    from hbt.suite.export import export_html

    path = folder / f"{name}.ipynb"
    try:
        notebook = read_notebook(path)
    except ValueError:  # the process was ended before or while it wrote the file
        return "", []
    export_html(path, path.with_suffix(".html"), index="../index.html")
    figures = [
        {"name": figure, "file": f"{name}/figures/{figure}.png", "alt": alt}
        for figure, alt in verify.shown_figures(notebook).items()
        if (folder / "figures" / f"{figure}.png").exists()
    ]
    return f"{name}/{name}.html", figures


def _count_stages(path: Path) -> dict[str, int]:
    actions = []
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        actions = [json.loads(line)["action"] for line in lines]
    return {action: actions.count(action) for action in ("made", "reused")}


class ProgressLine:
    """Which cell runs, on standard error, so that a run never stands still for long.

    On a terminal it is a bar that moves every second; elsewhere a line every half minute.
    """

    def __init__(self, name: str, progress: Path) -> None:
        from tqdm import tqdm

        self._name = name
        self._progress = progress
        self._is_terminal = sys.stderr.isatty()
        self._every = 1.0 if self._is_terminal else SECONDS_BETWEEN_LINES
        self._drawn = 0.0
        self._bar = tqdm(
            desc=name,
            leave=False,
            file=sys.stderr,
            disable=not self._is_terminal,
            bar_format="{desc}: {bar:20} cell {n_fmt} of {total_fmt} [{elapsed}]{postfix}",
        )
        self.cell = self.n_cells = self.code_cell = 0
        self.heading = ""

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *error: object) -> None:
        self._read()
        self._bar.close()

    def look(self, seen: Watched) -> None:
        """Read which cell runs, and draw if it is time to."""
        self._read()
        if seen.seconds - self._drawn < self._every:
            return
        self._drawn = seen.seconds
        state = f"{seen.peak_rss_mb:.0f} MB, {self.heading}"
        if self._is_terminal:
            self._bar.total, self._bar.n = self.n_cells or None, self.cell
            self._bar.set_postfix_str(state)
        else:
            at = f"cell {self.cell} of {self.n_cells} after {seen.seconds:.0f} s"
            print(f"{self._name}: {at}, {state}", file=sys.stderr, flush=True)

    def _read(self) -> None:
        if not self._progress.exists():
            return
        text = self._progress.read_text(encoding="utf-8")
        if text.endswith("\n"):  # else the last line is still being written
            last = json.loads(text.splitlines()[-1])
            self.cell, self.n_cells = last["cell"], last["cells"]
            self.code_cell, self.heading = last["code_cell"], last["heading"]
