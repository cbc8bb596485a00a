"""One file or one listing from the hub or from GitHub, by huggingface_hub's client.

Any failure is a `DownloadError` of one sentence. Nothing is checked here but the revision and the
room on the disk; see `hbt.sources.hub`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from hbt.sources import hub_errors
from hbt.sources.hub_errors import DownloadError
from hbt.sources.pins import Origin

PATIENCE = 5  # tries where a server is busy
_PARTIAL = ".partial"  # ends the name of a file of which a part has arrived

_Result = TypeVar("_Result")


def github_endpoint() -> str:
    """`HBT_GITHUB_ENDPOINT` (a mirror, or a stand-in for tests), or GitHub."""
    return (os.environ.get("HBT_GITHUB_ENDPOINT") or "https://github.com").rstrip("/")


def newest_revision(origin: Origin) -> str:
    """The hash of the newest commit of a data set on the hub.

    Raises:
        DownloadError: the hub does not answer, or has no such data set.
    """
    from huggingface_hub import HfApi

    info = _patiently(lambda: HfApi().dataset_info(origin.repository), origin.repository)
    if not info.sha:
        raise DownloadError(f"{origin.repository}: the hub does not name its newest commit")
    return info.sha


def list_repository(origin: Origin, prefix: str, revision: str) -> list[str]:
    """Paths of the files of a data set on the hub below a folder, "" for all, sorted.

    Raises:
        DownloadError: the hub does not answer, or has no such folder.
    """
    from huggingface_hub import HfApi

    where = {"repo_type": "dataset", "revision": revision, "recursive": True}

    def ask() -> list[str]:
        entries = HfApi().list_repo_tree(origin.repository, prefix or None, **where)
        return sorted(entry.path for entry in entries if hasattr(entry, "blob_id"))

    return _patiently(ask, f"{origin.repository} {prefix}".strip())


def from_hub(
    origin: Origin, path: str, revision: str, incoming: Path, shown: str
) -> tuple[Path, str | None]:
    """The downloaded file, and the hash that the hub announces for it.

    A large file's ETag is its sha256, a small one's is the id that git gives its bytes.

    Args:
        origin: the repository.
        path: of the file in it, relative to `origin.inside`.
        revision: full hash of a commit.
        incoming: folder for files on their way; what a stopped download left there is gone on with.
        shown: names the file in an error.

    Raises:
        DownloadError: it cannot be downloaded.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    name = f"{origin.inside}/{path}".lstrip("/")
    url = hf_hub_url(origin.repository, name, repo_type="dataset", revision=revision)
    metadata = _patiently(lambda: get_hf_file_metadata(url), shown)
    if metadata.commit_hash and metadata.commit_hash != revision:
        found = metadata.commit_hash
        raise DownloadError(f"{shown}: the hub gave revision {found}, not {revision}")
    headers = build_hf_headers()
    if urlsplit(metadata.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # a login is for the hub, not for its storage
    arrived = _fetch(metadata.location, headers, incoming / path, revision, shown, metadata.size)
    etag = metadata.etag or ""
    kind = {64: "sha256", 40: "git"}.get(len(etag))
    return arrived, f"{kind}:{etag}" if kind else None


def from_github(origin: Origin, path: str, incoming: Path, shown: str) -> Path:
    """The downloaded file; arguments and errors as for `from_hub`."""
    revision = str(origin.revision)
    name = "/".join(filter(None, (origin.repository, "raw", revision, origin.inside, path)))
    return _fetch(f"{github_endpoint()}/{name}", {}, incoming / path, revision, shown)


def unfinished(incoming: Path) -> bool:
    """Has a part of some file arrived, with which the next try goes on?"""
    return any(incoming.rglob(f"*{_PARTIAL}"))


def _fetch(
    url: str,
    headers: dict[str, str],
    arrived: Path,
    revision: str,
    shown: str,
    size: int | None = None,
) -> Path:
    """The file, first under a name with the revision; what is there of it is gone on with.

    The client's own downloads begin anew after a stop.
    """
    from huggingface_hub.file_download import http_get

    part = arrived.with_name(f"{arrived.name}.{revision[:12]}{_PARTIAL}")
    part.parent.mkdir(parents=True, exist_ok=True)
    there = part.stat().st_size if part.is_file() else 0
    _check_room(part.parent, (size or 0) - there, shown)

    def go_on() -> None:
        with part.open("ab") as file:
            http_get(
                url,
                file,
                resume_size=file.tell(),
                headers=headers | {"Accept-Encoding": "identity"},
                expected_size=size,
                displayed_filename=arrived.name,
            )

    def fetch() -> None:
        try:
            go_on()
        except Exception as error:
            if hub_errors.status_of(error) != 416 or not part.stat().st_size:
                raise
            part.write_bytes(b"")  # nothing comes after what is there: all of it, or another file
            go_on()

    _patiently(fetch, shown, of_file=True)
    return part.replace(arrived)


def _check_room(folder: Path, size: int, shown: str) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DownloadError(f"{shown} needs {size:,} bytes, but {folder} has room for {free:,}")


def _patiently(call: Callable[[], _Result], shown: str, of_file: bool = False) -> _Result:
    """`call()`, tried again where the server is busy; any failure as one sentence.

    Args:
        call: asks the server.
        shown: names what is asked for in an error.
        of_file: as for `hbt.sources.hub_errors.seconds_to_wait`.
    """
    for attempt in range(PATIENCE):
        try:
            return call()
        except Exception as error:  # the client raises errors of many kinds, see hub_errors
            seconds = hub_errors.seconds_to_wait(error, attempt, of_file)
            if seconds is None or attempt == PATIENCE - 1:
                raise hub_errors.explain(error, shown) from error
            time.sleep(seconds)
    raise AssertionError("unreachable")
