"""Files and folders that are there whole or not at all.

What is written goes under a temporary name beside its place and is renamed when it is complete: a
reader never sees half of it, a run that is stopped or a disk that is full leaves what was there
before, and processes that write the same file at once do not mix their bytes.
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def new_file(target: str | Path) -> Iterator[Path]:
    """A name to write under, which becomes `target` when all went well and is gone otherwise.

    The target's folder is made. What is `target` already is replaced at the end, in one step.

    Raises:
        CorpusError: `target` cannot be written: no permission, no room, or it is a folder.
    """
    target = Path(target)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(target)
    except OSError as error:
        raise _refused(target, error) from error
    finally:
        with suppress(OSError):  # where it could not be written, it is not there
            partial.unlink()


def write_text(target: str | Path, text: str) -> Path:
    """Write a text as UTF-8, lines ended as they are; returns `target`.

    Raises:
        CorpusError: as `new_file`.
    """
    with new_file(target) as partial:
        partial.write_text(text, encoding="utf-8", newline="")
    return Path(target)


@contextmanager
def new_folder(target: str | Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when all went well and is taken away otherwise.

    Raises:
        CorpusError: `target` is there and not an empty folder, or cannot be written.
    """
    target = Path(target)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise _error(f"{target} is already there; name a new folder")
    partial = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{target.name}.partial-", dir=target.parent))
        partial.chmod(0o755)
        yield partial
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise _refused(target, error) from error
    finally:
        if partial is not None and partial.exists():
            shutil.rmtree(partial)


def made_once(target: str | Path, make: Callable[[Path], object]) -> Path:
    """`target`, made where it is not there; of several processes that ask, one makes it.

    Args:
        target: a file that costs much to make and is the same whoever makes it.
        make: writes the file under the name that it is given.

    Raises:
        CorpusError: as `new_file`, or by `make`.
    """
    target = Path(target)
    if target.is_file():
        return target
    from filelock import FileLock

    lock = FileLock(target.with_name(f"{target.name}.lock"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise _refused(target, error) from error
    try:
        if not target.is_file():
            for left in target.parent.glob(f"{glob.escape(target.name)}.*.partial"):
                left.unlink()  # of a process that was killed: none other writes under the lock
            with new_file(target) as partial:
                make(partial)
    finally:
        lock.release()
    return target


def _refused(target: Path, error: OSError) -> ValueError:
    return _error(f"{target} cannot be written ({error.strerror or error})")


def _error(message: str) -> ValueError:
    from hbt.corpus import CorpusError  # imports numpy, which a notebook's session must not do yet

    return CorpusError(message)
