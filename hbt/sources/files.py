"""Finding and reading the files of a data set, with errors a user can act on."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hbt.corpus import CorpusError


def data_folder(folder: str | Path, set_folders: Iterable[str]) -> Path:
    """The set's own folder: `folder / name` for the first name that is there, else `folder`.

    Raises:
        CorpusError: `folder` is not a folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder")
    for name in set_folders:
        if (folder / name).is_dir():
            return folder / name
    return folder


def plain_or_gzip(path: Path) -> Path | None:
    """`path` itself or `path` + ".gz", whichever is a file; None where neither is."""
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.is_file():
            return candidate
    return None


def needed_file(folder: Path, name: str, form: str) -> Path:
    """`folder / name`, plain or gzip.

    Raises:
        CorpusError: neither is there; `form` says what folder was expected.
    """
    path = plain_or_gzip(folder / name)
    if path is None:
        raise CorpusError(f"{folder} has no {name} or {name}.gz; a {form} folder is expected")
    return path


def read_text(path: Path) -> str:
    """The UTF-8 text of a plain or gzip file (by its .gz ending), line ends as they are.

    Raises:
        CorpusError: the file cannot be read, is cut off, is no gzip file or is not UTF-8.
    """
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except EOFError:
        raise CorpusError(f"{path} is cut off: its gzip stream has no end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise CorpusError(f"{path} is not a sound gzip file ({error})") from None
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror})") from None


def read_json(path: Path) -> Any:
    """The JSON value in a plain or gzip file.

    Raises:
        CorpusError: as `read_text`, or the text is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(
            f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None


def member(record: Any, key: str, kind: type, place: str) -> Any:
    """`record[key]`, checked.

    Raises:
        CorpusError: record is no JSON object, lacks the key, or the value is not of the kind.
    """
    if not isinstance(record, dict):
        raise CorpusError(f"{place}: an object was expected, not {type(record).__name__}")
    if key not in record:
        raise CorpusError(f"{place} has no {key!r}")
    if not isinstance(record[key], kind):
        found = type(record[key]).__name__
        raise CorpusError(f"{place}: {key!r} must be {kind.__name__}, not {found}")
    return record[key]


def members(record: Any, key: str, place: str) -> Iterator[tuple[str, Any]]:
    """The elements of the list `record[key]`, each with the place to name in an error."""
    for index, element in enumerate(member(record, key, list, place)):
        yield f"{place}, {key}[{index}]", element
