"""Stages: folders named by everything they depend on, so that nothing is computed twice.

A stage is made in a folder of its own whose name is a hash of its fields: plain values, the names
of its parents, the digests of its data and a version that is raised when its code changes meaning.
It is made under a temporary name that a second attempt finds again (so long work can resume from
what it left there), sealed with a list of its files and their sha256, and renamed when complete.
A stage whose files no longer agree with their seal is named, set aside and made anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbt.suite.machine import give_back_memory

SEAL = "stage.json"
_sound: set[Path] = set()  # folders whose seal this process has already checked


def cache_directory() -> Path:
    """Where stages are kept: `HBT_CACHE_DIR`, or `~/.cache/hbt`."""
    return Path(os.environ.get("HBT_CACHE_DIR") or Path.home() / ".cache" / "hbt")


def plain(value: Any) -> Any:
    """A value as JSON writes it: dataclasses become dictionaries, tuples become lists.

    A field of a dataclass that is marked as "later" in its metadata is left out while it has its
    default, so that stages made before it came keep their names.

    Raises:
        TypeError: the value holds something that has no plain form; the message names its type.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {item: getattr(value, item.name) for item in dataclasses.fields(value)}
        return {
            item.name: plain(held)
            for item, held in fields.items()
            if not (item.metadata.get("later") and held == item.default)
        }
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a stage field must be a plain value, not {type(value).__name__}")


def fingerprint(value: Any) -> str:
    """The first 20 hexadecimal digits of the sha256 of a value's canonical JSON."""
    text = json.dumps(plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Stage:
    """One step of an experiment, with all that its result depends on.

    Attributes:
        name: what kind of stage it is, such as "pretraining"; the folder above its own.
        version: raised when the code behind the stage changes meaning.
        fields: plain values, or dataclasses of plain values; parents are given by their `key`.
    """

    name: str
    version: int
    fields: dict[str, Any]

    @property
    def key(self) -> str:
        """The name of the stage's folder."""
        return fingerprint({"name": self.name, "version": self.version, **self.fields})

    def folder(self, cache: Path | None = None) -> Path:
        """Where the finished stage lies, whether or not it exists yet."""
        return (cache or cache_directory()) / self.name / self.key


def obtain(stage: Stage, make: Callable[[Path], None], cache: Path | None = None) -> Path:
    """The folder of a finished stage; makes it with `make(folder)` if there is none.

    Two processes that want the same stage at once make it once: the second waits.
    `make` gets a folder that may hold what an interrupted attempt left.
    """
    from filelock import FileLock

    folder = stage.folder(cache)
    if _is_sound(folder):
        _log(stage, "reused", 0.0)
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if _is_sound(folder):  # another process finished it while this one waited
            _log(stage, "reused", 0.0)
            return folder
        _set_aside(folder)
        partial = folder.with_name(f"{folder.name}.partial")
        partial.mkdir(exist_ok=True)
        started = time.perf_counter()
        make(partial)
        seconds = time.perf_counter() - started
        _seal(stage, partial, seconds)
        partial.rename(folder)
        _sound.add(folder)
        _log(stage, "made", seconds)
    give_back_memory()
    return folder


def seal_of(folder: Path) -> dict[str, Any]:
    """What is written about a finished stage: name, version, fields, files, seconds."""
    return json.loads((folder / SEAL).read_text(encoding="utf-8"))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _seal(stage: Stage, folder: Path, seconds: float) -> None:
    seal = {
        "name": stage.name,
        "version": stage.version,
        "fields": plain(stage.fields),
        "seconds": round(seconds, 3),
        "files": {path.relative_to(folder).as_posix(): _sha256(path) for path in _files(folder)},
    }
    text = json.dumps(seal, indent=1, ensure_ascii=False)
    (folder / SEAL).write_text(text + "\n", encoding="utf-8")


def _is_sound(folder: Path) -> bool:
    if folder in _sound and folder.is_dir():
        return True
    if not folder.is_dir():
        return False
    fault = _fault(folder)
    if fault is None:
        _sound.add(folder)
        return True
    print(f"{folder}: {fault}; the stage is made anew", file=sys.stderr)
    return False


def _fault(folder: Path) -> str | None:
    """What is wrong with a stage's folder, in a few words; None when it is as it was sealed."""
    try:
        sealed = seal_of(folder)["files"]
    except (OSError, ValueError, KeyError):
        return f"{SEAL} is missing or unreadable"
    found = {path.relative_to(folder).as_posix() for path in _files(folder)}
    for name, digest in sealed.items():
        if name not in found:
            return f"{name} is missing"
        if _sha256(folder / name) != digest:
            return f"{name} has changed since it was written"
    return None


def _set_aside(folder: Path) -> None:
    """Remove a corrupt stage; what depends on it is named by the same key and stays valid."""
    if folder.exists():
        shutil.rmtree(folder)


def _log(stage: Stage, action: str, seconds: float) -> None:
    """Append one JSON line to the file that `HBT_STAGE_LOG` names, for the runner's table."""
    target = os.environ.get("HBT_STAGE_LOG")
    if target:
        line = {"stage": stage.name, "key": stage.key, "action": action, "seconds": seconds}
        with open(target, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
