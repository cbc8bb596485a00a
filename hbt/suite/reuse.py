"""Whole notebooks that need not run again, because nothing they depend on has changed.

A finished notebook is kept as a stage (see `hbt.suite.stages`): its folder is named by a hash of
the notebook's text, its parameters, the package's code, the data and the versions it ran with.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import hbt
from hbt.suite import machine
from hbt.suite.stages import Stage, cache_directory, obtain

VERSION = 1  # raised when the runner leaves other files, or judges them in another way
KEPT = 8  # finished runs kept of one notebook; older ones are removed
_CODE = {".py", ".tsv", ".html", ".css", ".json"}


def notebook_stage(notebook: Path, parameters: dict[str, Any], data_digest: str) -> Stage:
    """The stage of one notebook with its parameters."""
    fields = {
        "notebook": hashlib.sha256(notebook.read_bytes()).hexdigest(),
        "parameters": {
            name: value for name, value in parameters.items() if name not in ("out_dir", "data_dir")
        },
        "code": package_digest(),
        "data": data_digest,
        "versions": machine.versions(),
    }
    return Stage(f"notebook-{notebook.stem}", VERSION, fields)


def package_digest() -> str:
    """sha256 of the package's own files: code, word lists, templates."""
    folder = Path(hbt.__file__).parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in _CODE and path.is_file())
    total = hashlib.sha256()
    for path in files:
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def folder_digest(folder: Path) -> str:
    """sha256 over the names, sizes and times of change of a folder's files.

    Contents are left to the readers, which check what they read; a folder of data may be large.
    """
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        state = path.stat()
        line = f"{path.relative_to(folder).as_posix()}\0{state.st_size}\0{state.st_mtime_ns}\n"
        total.update(line.encode())
    return total.hexdigest()


def fetch(stage: Stage, target: Path) -> bool:
    """Copy a kept notebook's folder to `target`, which must not exist; False if none is kept."""
    kept = stage.folder()
    if not kept.is_dir():
        return False
    try:
        kept = obtain(stage, _refuse)
    except _NotKeptError:  # it was there, but no longer as it was sealed
        return False
    shutil.copytree(kept, target, ignore=shutil.ignore_patterns("stage.json"))
    return True


def keep(stage: Stage, finished: Path) -> None:
    """Keep the folder of a finished notebook, in place of an earlier one."""
    if stage.folder().is_dir():
        shutil.rmtree(stage.folder())
    obtain(stage, lambda folder: _copy_into(finished, folder))
    _remove_old(cache_directory() / stage.name)


class _NotKeptError(Exception):
    pass


def _refuse(folder: Path) -> None:
    shutil.rmtree(folder)
    raise _NotKeptError


def _copy_into(source: Path, folder: Path) -> None:
    shutil.rmtree(folder)  # it may hold what an interrupted copy left
    shutil.copytree(source, folder)


def _remove_old(folder: Path) -> None:
    kept = [path for path in folder.iterdir() if path.is_dir() and path.suffix == ""]
    kept.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
