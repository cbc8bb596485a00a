"""Files of a data set: from a folder, from the cache, or by download, and always the right bytes.

Downloads are huggingface_hub's work (its endpoint, tokens, resume and retries); what it does not
do is done here: every file is compared with the hash that is known for it, with the one that the
server announces and, at every later use, with the lock beside it (`hbt.sources.pins`). A file is
moved to its place only when it is whole and right.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hbt.corpus import CorpusError
from hbt.sources.files import data_folder, plain_or_gzip
from hbt.sources.hub_errors import DownloadError
from hbt.sources.hub_transfer import (
    from_github,
    from_hub,
    list_repository,
    newest_revision,
    unfinished,
)
from hbt.sources.pins import (
    LOCK,
    Lock,
    Origin,
    check_hash,
    check_locked,
    file_hash,
    known_hash,
    read_lock,
)

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from tqdm import tqdm

INCOMING = ".incoming"  # files on their way, below the folder of the data
_UNSEEN = 5.0  # seconds of work without a progress line


def data_home() -> Path:
    """Where downloads go: `data` in `HBT_CACHE_DIR`, or in `~/.cache/hbt`."""
    return Path(os.environ.get("HBT_CACHE_DIR") or Path.home() / ".cache" / "hbt") / "data"


def locate(origin: Origin, paths: Sequence[str], folder: str | Path | None = None) -> list[Path]:
    """The files, one for each path.

    Args:
        origin: the repository.
        paths: paths of files in it, relative to `origin.inside`.
        folder: None: take them from the cache, and download what is not there. Else the folder
            that has them, or the one around it that has them in `origin.name`; nothing is
            downloaded. A file may lie there without its folders, and gzip-compressed. Where the
            folder has a lock, its files are compared with it.

    Raises:
        DownloadError: a file could not be downloaded.
        CorpusError: a file is not in the folder, or not what the lock says.
    """
    if folder is None:
        return download(origin, paths, data_home() / origin.name)
    place = data_folder(folder, (origin.name,))
    lock = read_lock(place, origin) if (place / LOCK).is_file() else None
    found = []
    for path in paths:
        file = plain_or_gzip(place / path) or plain_or_gzip(place / Path(path).name)
        if file is None:
            raise CorpusError(f"{origin.name}: {place} has no {path}")
        if lock and file == place / path and path in lock.files:
            check_locked(place, path, lock)
        found.append(file)
    return found


def content_key(origin: Origin, paths: Sequence[str], folder: str | Path | None = None) -> str:
    """A text that is another one when the content of the files is; for what is made of them.

    Files that a lock knows are not read for it, and may have been removed since they were used.

    Args:
        origin: the repository.
        paths: as for `locate`.
        folder: as for `locate`.

    Raises:
        DownloadError: as `locate`, of files that no lock knows.
        CorpusError: the same.
    """
    place = data_home() / origin.name if folder is None else data_folder(folder, (origin.name,))
    lock = read_lock(place, origin)
    if any(path not in lock.files for path in paths):
        found = locate(origin, paths, folder)
        if folder is not None:
            status = [(file.resolve(), file.stat()) for file in found]
            return "\n".join(f"{path} {each.st_size} {each.st_mtime_ns}" for path, each in status)
        lock = read_lock(place, origin)
    return "\n".join(f"{path} {lock.files[path]['sha256']}" for path in paths)


def list_files(
    origin: Origin,
    prefix: str,
    folder: str | Path | None = None,
    *,
    root: Path | None = None,
) -> list[str]:
    """Paths of all files of a repository below `prefix`, sorted; "" for all.

    Args:
        origin: the repository, on the hub.
        prefix: a folder in it, without a slash at its end.
        folder: as for `locate`; a listing is asked for once and then kept in the lock.
        root: where the lock is kept when nothing was given as `folder`; by default the cache.

    Raises:
        DownloadError: the hub does not answer, or has no such folder.
        CorpusError: `folder` has no such folder.
    """
    if folder is not None:
        place = data_folder(folder, (origin.name,))
        below = sorted(path for path in (place / prefix).rglob("*") if path.is_file())
        if not below:
            raise CorpusError(f"{origin.name}: {place} has no files in {prefix or place}")
        return [path.relative_to(place).as_posix() for path in below]
    return _listing(origin, prefix, root or data_home() / origin.name)


def download(origin: Origin, paths: Sequence[str], root: Path) -> list[Path]:
    """Download files into a folder, except those that are there; compare all with their hashes.

    A download that was cut goes on where it stopped. Several processes may ask at once: one
    downloads, the others wait.

    Args:
        origin: the repository.
        paths: as for `locate`.
        root: the folder; `root / path` is where a file goes.

    Raises:
        DownloadError: no network, no such file or revision, a busy server, a full disk, or a
            file with the wrong hash; what was there before stays as it was.
        CorpusError: a file is not what the lock beside it says.
    """
    for path in paths:
        if path.startswith("/") or ".." in path.split("/"):
            raise CorpusError(f"{origin.repository}: {path!r} is no path inside the repository")
    if paths and not root.is_dir():
        _make_folder(root)
    lock = read_lock(root, origin)
    if any(path not in lock.files or not (root / path).is_file() for path in paths):
        try:
            lock = _download_missing(origin, paths, root)
        except OSError as error:
            raise DownloadError(f"{root} cannot be written ({error.strerror})") from None
    check_files(origin, paths, root, lock)
    return [root / path for path in paths]


def check_files(origin: Origin, paths: Sequence[str], root: Path, lock: Lock) -> None:
    """Compare files with their lock; a progress line where that takes long.

    Raises:
        CorpusError: one is missing, or differs in size or sha256.
    """
    from tqdm import tqdm

    for path in tqdm(paths, desc=f"{origin.name}: checking", unit=" files", delay=_UNSEEN):
        check_locked(root, path, lock)


def _download_missing(origin: Origin, paths: Sequence[str], root: Path) -> Lock:
    with _alone(root):
        lock = read_lock(root, origin)
        missing = [path for path in paths if path not in lock.files or not (root / path).is_file()]
        with _file_line(origin, len(paths), len(missing)) as line:
            for path in missing:
                line.set_postfix_str(path)
                _download_one(origin, path, root, lock)
                line.update()
        if not unfinished(root / INCOMING):
            shutil.rmtree(root / INCOMING, ignore_errors=True)
    return lock


def _file_line(origin: Origin, total: int, missing: int) -> tqdm:
    """Which file of how many is on its way; within a file the client has a line of its own."""
    from huggingface_hub.utils import are_progress_bars_disabled
    from tqdm import tqdm

    return tqdm(
        desc=origin.name,
        total=total,
        initial=total - missing,
        unit=" files",
        disable=not missing or are_progress_bars_disabled(),
    )


def _alone(root: Path) -> BaseFileLock:
    """Held by one process at a time."""
    from filelock import FileLock

    return FileLock(root / ".lock")


def _make_folder(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{root} cannot be made ({error.strerror})") from None


def _listing(origin: Origin, prefix: str, root: Path) -> list[str]:
    _make_folder(root)
    lock = read_lock(root, origin)
    if prefix not in lock.listings:
        revision = lock.revision or newest_revision(origin)
        found = list_repository(origin, prefix, revision)
        with _alone(root):
            lock = read_lock(root, origin)
            lock.revision = lock.revision or revision
            lock.listings[prefix] = found
            lock.write(root)
    return lock.listings[prefix]


def _download_one(origin: Origin, path: str, root: Path, lock: Lock) -> None:
    """Fetch one file below `INCOMING`, check it, move it to its place, note it in the lock."""
    shown = f"{origin.repository}, file {path}"
    incoming = root / INCOMING
    incoming.mkdir(exist_ok=True)
    if origin.host == "hub":
        lock.revision = lock.revision or newest_revision(origin)
        arrived, announced = from_hub(origin, path, lock.revision, incoming, shown)
    else:
        arrived, announced = from_github(origin, path, incoming, shown), None
    try:
        for expected in (known_hash(origin, path), announced):
            if expected:
                check_hash(arrived, expected, shown)
    except CorpusError as error:
        arrived.unlink()
        raise DownloadError(f"{error}; it was not kept") from None
    size, sha256 = arrived.stat().st_size, file_hash(arrived).partition(":")[2]
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    arrived.replace(root / path)
    lock.files[path] = {"bytes": size, "sha256": sha256}
    lock.write(root)
