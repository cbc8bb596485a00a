"""Files of a data set: from a folder, from the cache, or by download, and always the right bytes.

Downloads are huggingface_hub's work (its endpoint, tokens, resume and retries); what it does not
do is done here: every file is compared with the hash that is known for it, with the one that the
server announces and, at every later use, with the lock beside it (`hbt.sources.pins`). A file is
moved to its place only when it is whole and right.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hbt.corpus import CorpusError
from hbt.sources import hub_errors
from hbt.sources.files import data_folder, plain_or_gzip
from hbt.sources.hub_errors import DownloadError
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

INCOMING = ".incoming"  # files on their way, below the folder of the data
PATIENCE = 5  # tries where a server is busy

_Result = TypeVar("_Result")


def data_home() -> Path:
    """Where downloads go: `data` in `HBT_CACHE_DIR`, or in `~/.cache/hbt`."""
    return Path(os.environ.get("HBT_CACHE_DIR") or Path.home() / ".cache" / "hbt") / "data"


def github_endpoint() -> str:
    """`HBT_GITHUB_ENDPOINT` (a mirror, or a stand-in for tests), or GitHub."""
    return (os.environ.get("HBT_GITHUB_ENDPOINT") or "https://github.com").rstrip("/")


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
    for path in paths:
        check_locked(root, path, lock)
    return [root / path for path in paths]


def _download_missing(origin: Origin, paths: Sequence[str], root: Path) -> Lock:
    with _alone(root):
        lock = read_lock(root, origin)
        for path in paths:
            if path not in lock.files or not (root / path).is_file():
                _download_one(origin, path, root, lock)
        shutil.rmtree(root / INCOMING, ignore_errors=True)
    return lock


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
        from huggingface_hub import HfApi

        revision = lock.revision or _newest(origin)
        where = {"repo_type": "dataset", "revision": revision, "recursive": True}

        def ask() -> list[str]:
            entries = HfApi().list_repo_tree(origin.repository, prefix or None, **where)
            return sorted(entry.path for entry in entries if hasattr(entry, "blob_id"))

        found = _patiently(ask, f"{origin.repository} {prefix}".strip())
        with _alone(root):
            lock = read_lock(root, origin)
            lock.revision = lock.revision or revision
            lock.listings[prefix] = found
            lock.write(root)
    return lock.listings[prefix]


def _newest(origin: Origin) -> str:
    """The hash of the newest commit of a data set on the hub."""
    from huggingface_hub import HfApi

    info = _patiently(lambda: HfApi().dataset_info(origin.repository), origin.repository)
    if not info.sha:
        raise DownloadError(f"{origin.repository}: the hub does not name its newest commit")
    return info.sha


def _download_one(origin: Origin, path: str, root: Path, lock: Lock) -> None:
    """Fetch one file below `INCOMING`, check it, move it to its place, note it in the lock."""
    shown = f"{origin.repository}, file {path}"
    incoming = root / INCOMING
    incoming.mkdir(exist_ok=True)
    if origin.host == "hub":
        lock.revision = lock.revision or _newest(origin)
        arrived, announced = _from_hub(origin, path, lock.revision, incoming, shown)
    else:
        arrived, announced = _from_github(origin, path, incoming, shown), None
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


def _from_hub(
    origin: Origin, path: str, revision: str, incoming: Path, shown: str
) -> tuple[Path, str | None]:
    """The downloaded file, and the hash that the hub announces for it.

    A large file's ETag is its sha256, a small one's is the id that git gives its bytes.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    name = f"{origin.inside}/{path}".lstrip("/")
    url = hf_hub_url(origin.repository, name, repo_type="dataset", revision=revision)
    metadata = _patiently(lambda: get_hf_file_metadata(url), shown)
    if metadata.commit_hash and metadata.commit_hash != revision:
        found = metadata.commit_hash
        raise DownloadError(f"{shown}: the hub gave revision {found}, not {revision}")
    _check_room(incoming, metadata.size or 0, shown)

    def fetch() -> str:
        return hf_hub_download(
            origin.repository, name, repo_type="dataset", revision=revision, local_dir=incoming
        )

    arrived = Path(_patiently(fetch, shown))
    etag = metadata.etag or ""
    kind = {64: "sha256", 40: "git"}.get(len(etag))
    return arrived, f"{kind}:{etag}" if kind else None


def _from_github(origin: Origin, path: str, incoming: Path, shown: str) -> Path:
    from huggingface_hub.file_download import http_get

    name = "/".join(filter(None, (origin.repository, "raw", origin.revision, origin.inside, path)))
    arrived = incoming / path
    part = arrived.with_name(f"{arrived.name}.{str(origin.revision)[:12]}.partial")
    part.parent.mkdir(parents=True, exist_ok=True)

    def fetch() -> None:
        with part.open("ab") as file:
            http_get(
                f"{github_endpoint()}/{name}",
                file,
                resume_size=file.tell(),
                headers={"Accept-Encoding": "identity"},
                displayed_filename=f"{origin.name}/{path}",
            )

    _patiently(fetch, shown)
    return part.replace(arrived)


def _check_room(folder: Path, size: int, shown: str) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DownloadError(f"{shown} has {size:,} bytes, but {folder} has room for {free:,} only")


def _patiently(call: Callable[[], _Result], shown: str) -> _Result:
    """`call()`, tried again where the server is busy; any failure as one sentence."""
    for attempt in range(PATIENCE):
        try:
            return call()
        except Exception as error:  # the client raises errors of many kinds, see hub_errors
            seconds = hub_errors.seconds_to_wait(error, attempt)
            if seconds is None or attempt == PATIENCE - 1:
                raise hub_errors.explain(error, shown) from error
            time.sleep(seconds)
    raise AssertionError("unreachable")
