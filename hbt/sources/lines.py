"""Files of one record a line, read as they come."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hbt.corpus import CorpusError


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file, plain or gzip by its .gz ending, with their numbers from 1.

    A line ends at a line feed and nowhere else (texts may hold other separators); lines of blanks
    are left out.

    Raises:
        CorpusError: the file cannot be read, is cut off, is no gzip file or is not UTF-8.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
                if line.strip():
                    yield number, line
    except EOFError:
        raise CorpusError(f"{path} is cut off: its gzip stream has no end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise CorpusError(f"{path} is not a sound gzip file ({error})") from None
    except UnicodeDecodeError:
        raise CorpusError(f"{path}, line {number} is not UTF-8 text") from None
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror or error})") from None


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON object of each line, with the place to name in an error.

    Raises:
        CorpusError: as `numbered_lines`, or a line is no JSON object.
    """
    for number, line in numbered_lines(path):
        place = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise CorpusError(f"{place} is not JSON: {error.msg}") from None
        except RecursionError:
            raise CorpusError(f"{place} is not JSON: it is nested too deeply") from None
        if not isinstance(record, dict):
            raise CorpusError(f"{place}: an object was expected, not {type(record).__name__}")
        yield place, record


def write_json_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write each record as a line of JSON, characters as they are."""
    write_lines(path, (json.dumps(record, ensure_ascii=False) for record in records))


def write_lines(path: Path, lines: Iterable[str], *, packed: bool = False) -> None:
    """Write lines that end with a line feed on every system; packed is gzip."""
    with gzip.open(path, "wb") if packed else path.open("wb") as file:
        file.writelines(f"{line}\n".encode() for line in lines)
