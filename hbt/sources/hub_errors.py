"""What went wrong in a download, in one sentence."""

from __future__ import annotations

import errno
import os

from hbt.corpus import CorpusError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LONGEST_WAIT = 60.0


class DownloadError(CorpusError):
    """A file could not be downloaded, or is not what it should be."""


def status_of(error: BaseException) -> int | None:
    """The server's answer (404, 429, ...), where the error is one."""
    return getattr(getattr(error, "response", None), "status_code", None)


def seconds_to_wait(error: Exception, attempt: int, of_file: bool = False) -> float | None:
    """How long to wait before another try; None where another try is of no use.

    A busy server (429, 500, 502, 503, 504) says how long (Retry-After), or the wait doubles from
    one second on; never more than a minute.

    Args:
        error: what the client raised.
        attempt: how many tries there were before this one.
        of_file: the bytes of a file were asked for; after a 429 the client has waited by itself.
    """
    response = getattr(error, "response", None)
    status = status_of(error)
    if response is None or status not in (429, 500, 502, 503, 504):
        return None
    if of_file and status == 429 and response.request.method == "GET":
        return None
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        seconds = float(2**attempt)
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def explain(error: Exception, shown: str) -> Exception:
    """The error as a `DownloadError` whose one sentence says what to do.

    Args:
        error: what huggingface_hub or its HTTP client raised.
        shown: names the repository and the file.

    Returns:
        The `DownloadError`, or the error itself where it is no matter of downloads (a bug).
    """
    from huggingface_hub import errors

    status = status_of(error)
    offline = "1" in (os.environ.get("HF_HUB_OFFLINE"), os.environ.get("TRANSFORMERS_OFFLINE"))
    if isinstance(error, CorpusError):
        return error
    if isinstance(error, errors.OfflineModeIsEnabled) or (
        offline and isinstance(error, errors.LocalEntryNotFoundError)
    ):
        text = "cannot be downloaded: HF_HUB_OFFLINE is set, and it is not in the cache"
    elif isinstance(error, errors.GatedRepoError):
        text = "is gated: accept its terms on the hub and set HF_TOKEN"
    elif isinstance(error, errors.RevisionNotFoundError):
        text = "is not there at this revision: the repository has no such commit (any more)"
    elif isinstance(error, errors.LocalEntryNotFoundError):
        text = f"could not be downloaded: {_no_answer(error.__cause__ or error)}"
    elif isinstance(error, errors.RepositoryNotFoundError):
        text = "is not there: no such repository, or it asks for a login (set HF_TOKEN)"
    elif isinstance(error, errors.EntryNotFoundError) or status == 404:
        text = "is not there: it was moved, renamed or taken back (404)"
    elif status == 429:
        text = "could not be downloaded: the server is busy (429); try again later"
    elif status is not None:
        text = f"could not be downloaded: the server answered {status}"
    elif isinstance(error, OSError) and error.errno in _FULL:
        text = f"could not be written: {error.strerror} (is the disk full?)"
    elif type(error).__name__ in ("ConnectError", "ConnectTimeout"):
        text = f"could not be downloaded: {_no_answer(error)}"
    elif type(error).__module__.partition(".")[0] in ("httpx", "httpx2"):
        text = f"could not be downloaded: the connection failed ({_first_line(error)})"
        text += "; another try goes on where it stopped"
    elif isinstance(error, OSError):
        text = f"could not be downloaded ({_first_line(error)})"
    else:
        return error
    return DownloadError(f"{shown} {text}")


def _no_answer(error: BaseException) -> str:
    request = getattr(error, "_request", None)  # the public one raises where there is none
    where = f"from {request.url.host} " if request is not None else ""
    return f"no answer {where}({_first_line(error)}); is there a network?"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
