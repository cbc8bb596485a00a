"""The strict runner: every notebook in a process of its own, and no broken run looks green.

papermill injects and executes; here parameters are checked before a kernel starts, time and memory
are watched while it runs, and what it left is checked afterwards (`hbt.suite.verify`).
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hbt.suite import machine, notebooks, parameters, report
from hbt.suite.one_notebook import FAILED, NOT_RUN, RUN_FILE, Plan, run_notebook
from hbt.suite.requirements import PAPER_NOTEBOOKS
from hbt.suite.reuse import folder_digest
from hbt.suite.session import DATA, PROFILES

BUDGET_SECONDS = {"smoke": 180.0, "classroom": 900.0}
"""All notebooks together, on two cores like those of the reference, with a cold cache."""
PATIENCE = 3.0  # a run fails only above this multiple of its budget, scaled to the machine
MEMORY_LIMIT_MB = {"smoke": 1024.0, "classroom": 1024.0, "full": 8192.0}
LONGEST_SECONDS = {"full": 24 * 3600.0}
"""Wall limit of one notebook where the profile has no budget. `paper` has none, and no limit of
memory either: how long it takes is up to the GPU, and it goes on where it was stopped."""
_SET_BY_OPTIONS = {
    "profile": "--profile",
    "data": "--data",
    "data_dir": "--data-dir",
    "out_dir": "--out",
}


@dataclass(frozen=True)
class Request:
    """What to run.

    Attributes:
        name: "all", a notebook's name, or the beginning of one.
        profile, data: as in `hbt.suite.session`.
        data_dir: folder with the real data, or "".
        given: parameters by name; `NAME: {...}` holds those of one notebook.
        out: folder for the results; None means runs/TIME-PROFILE-DATA and a copy in runs/latest.
        timeout: wall limit of one notebook in seconds; None means what the profile allows.
        memory_limit_mb: limit of one notebook; None means what the profile allows.
        fresh: run also what has not changed since it last ran.
        folder: folder of the notebooks; None means as `notebooks.notebooks_folder` finds it.
        command: the command line, kept with the results.
    """

    name: str = "all"
    profile: str = "classroom"
    data: str = "village"
    data_dir: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    out: Path | None = None
    timeout: float | None = None
    memory_limit_mb: float | None = None
    fresh: bool = False
    folder: Path | None = None
    command: str = ""


def run(request: Request) -> int:
    """Run notebooks, print a line for each and a table at the end.

    Returns:
        0 when all is well, 1 when one failed, 2 when one was not run for want of what it needs.

    Raises:
        ValueError: the request is wrong, and no kernel has started; or none of the notebooks could
            run, and nothing is left of the attempt.
    """
    started = time.time()
    plans = make_plans(request)
    out, latest = _output_folder(request, started)
    _clear(out, plans)
    calibration = machine.calibration_seconds()
    factor = calibration / machine.REFERENCE_SECONDS
    limit = _wall_limit(request, factor)
    counted = f"{len(plans)} notebook{'s' if len(plans) > 1 else ''}"
    say(f"{counted}, {request.profile} profile, {request.data} data, to {out}")
    entries = []
    for number, plan in enumerate(plans, start=1):
        entry = run_notebook(plan, out / plan.name, limit, _memory_limit(request), request.fresh)
        entries.append(entry)
        say(f"[{number}/{len(plans)}] {_line(entry)}")
    statuses = {each["status"] for each in entries}
    if statuses == {NOT_RUN}:
        for made in [out] if latest is None else [out, out.parent]:
            if not any(made.iterdir()):
                made.rmdir()
        raise ValueError("\n".join(each["problem"] for each in entries))
    suite = _suite(request, entries, started, calibration)
    excess = overrun(suite)
    write_results(suite, out)
    if latest is not None:
        replace_folder(out, latest)
    print(report.terminal_table(suite))
    print(f"All pages: {(latest or out) / 'index.html'}")
    for problem in [each["problem"] for each in entries if each["problem"]] + excess.notes:
        print(problem)
    if excess.fails or FAILED in statuses:
        return 1
    return 2 if NOT_RUN in statuses else 0


def say(text: str) -> None:
    """A line of progress, beside the results on standard output."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


def make_plans(request: Request) -> list[Plan]:
    """Every notebook of a request with its checked parameters.

    Raises:
        ValueError: a notebook, a parameter, the profile or the data is not as it must be.
    """
    for what, value, known in (
        ("profile", request.profile, PROFILES),
        ("data", request.data, DATA),
    ):
        if value not in known:
            raise ValueError(f"{what} {value!r} is not one of {', '.join(known)}")
    data_dir = Path(request.data_dir).resolve() if request.data_dir else None
    if request.data == "real" and data_dir is None:
        raise ValueError("data 'real' needs the folder that holds it: --data-dir DIR")
    if data_dir is not None and not data_dir.is_dir():
        raise ValueError(f"--data-dir {request.data_dir}: there is no such folder")
    for name in request.given:
        if name in _SET_BY_OPTIONS:
            raise ValueError(f"parameter {name!r} is set by {_SET_BY_OPTIONS[name]}")
    folder = notebooks.notebooks_folder(request.folder)
    every = notebooks.names(folder)
    set_here = {
        "profile": request.profile,
        "data": request.data,
        "data_dir": str(data_dir or ""),
        "out_dir": ".",  # the kernel runs in the folder of its results
    }
    digest = folder_digest(data_dir) if request.data == "real" and data_dir else ""
    if request.profile == "paper":
        from hbt.suite.paper_profile import encoder_version

        digest += encoder_version()  # a finished run with another encoder is not reused
    plans = []
    for name in _chosen(notebooks.resolve(folder, request.name), request.profile):
        path = folder / f"{name}.ipynb"
        notebook = notebooks.read_notebook(path)
        known = notebooks.parameters_of(notebook, name)
        own = parameters.for_notebook(request.given, name, every)
        checked = parameters.check_all({**set_here, **own}, known, name)
        header = notebooks.read_header(_plain(notebook.metadata.get("hbt")), name)
        if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
            raise ValueError(f"{name}: its kernel is not python3; run `hbt notebooks build`")
        defaults = {parameter.name: parameter.default for parameter in known.values()}
        plans.append(Plan(name, path.resolve(), header, checked, defaults, digest))
    return plans


def _chosen(names: list[str], profile: str) -> list[str]:
    """Of several notebooks at the profile paper, those that have it; one alone says so itself."""
    if profile != "paper" or len(names) == 1:
        return names
    chosen = [name for name in names if name in PAPER_NOTEBOOKS]
    if chosen:
        others = ", ".join(name for name in names if name not in chosen)
        say(f"left out, since they have no profile paper: {others or 'none'}")
    return chosen or names


def write_results(suite: dict[str, Any], out: Path) -> None:
    """Write suite.json and index.html."""
    text = json.dumps(suite, indent=1, ensure_ascii=False) + "\n"
    (out / "suite.json").write_text(text, encoding="utf-8")
    (out / "index.html").write_text(report.index_page(suite), encoding="utf-8")


def replace_folder(source: Path, target: Path) -> None:
    """Put a copy of `source` in the place of `target`, which is never half there."""
    new = target.with_name(f".{target.name}-new")
    old = target.with_name(f".{target.name}-old")
    for rest in (new, old):
        shutil.rmtree(rest, ignore_errors=True)
    shutil.copytree(source, new)
    if target.is_symlink() or target.is_file():
        target.unlink()
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _output_folder(request: Request, started: float) -> tuple[Path, Path | None]:
    if request.out is not None:
        return request.out, None
    runs = Path("runs")
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(started))
    return runs / f"{stamp}-{request.profile}-{request.data}", runs / "latest"


def _clear(out: Path, plans: list[Plan]) -> None:
    """Remove what an earlier run left of the same notebooks, so that nothing stale is found."""
    for folder in [out / plan.name for plan in plans]:
        if not folder.exists():
            continue
        if any(folder.iterdir()) and not (folder / RUN_FILE).exists():
            raise ValueError(f"{folder}: holds files that no run made; name another --out")
        shutil.rmtree(folder)
    out.mkdir(parents=True, exist_ok=True)


def _wall_limit(request: Request, factor: float) -> float:
    if request.timeout is not None:
        return request.timeout
    budget = BUDGET_SECONDS.get(request.profile)
    if budget is None:
        return LONGEST_SECONDS.get(request.profile, float("inf"))
    return budget * factor * PATIENCE


def _memory_limit(request: Request) -> float:
    if request.memory_limit_mb is not None:
        return request.memory_limit_mb
    return MEMORY_LIMIT_MB.get(request.profile, float("inf"))


def _suite(
    request: Request, entries: list[dict[str, Any]], started: float, calibration: float
) -> dict[str, Any]:
    """The content of suite.json."""
    factor = calibration / machine.REFERENCE_SECONDS
    budget = BUDGET_SECONDS.get(request.profile)
    return {
        "format": 1,
        "command": request.command,
        "profile": request.profile,
        "data": request.data,
        "started": time.strftime("%Y-%m-%d %H:%M", time.localtime(started)),
        "seconds": round(time.time() - started, 1),
        "budget_seconds": budget,
        "scaled_budget_seconds": None if budget is None else round(budget * factor, 1),
        "memory_limit_mb": MEMORY_LIMIT_MB.get(request.profile),
        "machine": {
            "threads": machine.n_threads(),
            "memory_mb": round(machine.memory_bytes()[0] / 2**20),
            "calibration_seconds": round(calibration, 4),
            "times_reference": round(factor, 2),
        },
        "versions": machine.versions(),
        "notebooks": entries,
    }


@dataclass
class Overrun:
    """Whether a run was so far over its seconds that it fails, and what to say of it."""

    fails: bool = False
    notes: list[str] = field(default_factory=list)


def overrun(suite: dict[str, Any]) -> Overrun:
    """Were the notebooks that ran now within the seconds of their profile?"""
    budget = suite["scaled_budget_seconds"]
    took = sum(each["seconds"] for each in suite["notebooks"] if not each["reused"])
    if budget is None or took <= budget:
        return Overrun()
    note = (
        f"the notebooks took {took:.0f} s, over the {suite['profile']} profile's "
        f"{suite['budget_seconds']:.0f} s ({budget:.0f} s scaled to this machine)"
    )
    return Overrun(took > PATIENCE * budget, [note])


def _line(entry: dict[str, Any]) -> str:
    if entry["status"] == NOT_RUN:
        return f"{entry['name']}: {NOT_RUN}"
    if entry["problem"]:
        return f"FAILED {entry['problem']}"
    took = f"{entry['seconds']:.0f} s, {entry['peak_rss_mb']:.0f} MB"
    if entry["reused"]:
        return f"{entry['name']}: reused, nothing has changed since it took {took}"
    stages = entry["stages"]
    return (
        f"{entry['name']}: passed in {took}; "
        f"{stages['reused']} stages reused, {stages['made']} made"
    )


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
