"""What a downloaded file must be: known hashes, and a lock beside the data for all others.

A repository at one revision is an `Origin`. Hashes that its publisher or a third party printed
lie in `known_files.tsv` (see docs/data.md for where each comes from). What nobody printed is
pinned at the first download: `hbt-lock.json` in the folder of the data keeps the revision and the
sha256 of each file, and every later use is compared with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from hbt.corpus import CorpusError
from hbt.whole_files import write_text

LOCK = "hbt-lock.json"
AT_FIRST_DOWNLOAD = "at first download"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Origin:
    """A repository at one revision.

    Attributes:
        name: name of the folder that its files lie in, and of its rows in `known_files.tsv`.
        host: "hub" (a data set on the Hugging Face hub) or "github".
        repository: "owner/name".
        revision: full hash of a commit; None where it is pinned at the first download.
        inside: folder of the repository that the paths are relative to; "" for its root.
    """

    name: str
    host: str
    repository: str
    revision: str | None = None
    inside: str = ""

    def __post_init__(self) -> None:
        if self.host not in ("hub", "github"):
            raise ValueError(f"host {self.host!r} is neither 'hub' nor 'github'")
        if self.host == "github" and self.revision is None:
            raise ValueError(f"{self.repository} on GitHub needs a revision")

    @property
    def pinned(self) -> str:
        """The revision, or when it is pinned."""
        return self.revision or AT_FIRST_DOWNLOAD


@dataclass
class Lock:
    """What was downloaded into a folder.

    Attributes:
        repository: "host:owner/name".
        revision: hash of the commit that all files come from; "" before it is known.
        files: path -> {"bytes": size, "sha256": hash}.
        listings: folder of the repository -> the files that it had below it.
    """

    repository: str
    revision: str = ""
    files: dict[str, dict[str, int | str]] = field(default_factory=dict)
    listings: dict[str, list[str]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it into the folder, whole or not at all."""
        write_text(folder / LOCK, json.dumps(vars(self), indent=1, sort_keys=True) + "\n")


def read_lock(folder: Path, origin: Origin) -> Lock:
    """The lock of a folder; an empty one where there is none.

    Raises:
        CorpusError: it is broken, or of another repository or revision than the origin.
    """
    path, repository = folder / LOCK, f"{origin.host}:{origin.repository}"
    if not path.is_file():
        return Lock(repository, origin.revision or "")
    try:
        lock = Lock(**json.loads(path.read_text(encoding="utf-8")))
        sound = all({"bytes", "sha256"} <= set(entry) for entry in lock.files.values())
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path} is no lock file ({error})") from None
    if not sound:
        raise CorpusError(f"{path}: a file lacks its bytes or its sha256")
    if lock.repository != repository:
        raise CorpusError(f"{path} is of {lock.repository}, not {repository}: use another folder")
    if origin.revision and lock.revision != origin.revision:
        raise CorpusError(
            f"{path} is of revision {lock.revision}, not {origin.revision}: use another folder"
        )
    return lock


def known_hash(origin: Origin, path: str) -> str | None:
    """The printed hash of a file, such as "sha256:..."; None where there is none."""
    return _known_files().get((origin.name, path))


def known_paths(name: str) -> list[str]:
    """Paths of the files of an origin that have a printed hash, sorted."""
    return sorted(path for origin, path in _known_files() if origin == name)


@cache
def _known_files() -> Mapping[tuple[str, str], str]:
    text = resources.files("hbt.sources").joinpath("known_files.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines()[1:])
    return {(origin, path): known for origin, path, _, known in rows}


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """The hash of a file's bytes, as "algorithm:hexadecimal digits".

    Args:
        path: the file; read in blocks of 1 MiB.
        algorithm: "sha256", "md5", or "git" for the id that git gives the bytes as a blob.
    """
    digest = hashlib.new("sha1" if algorithm == "git" else algorithm, usedforsecurity=False)
    if algorithm == "git":
        digest.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return f"{algorithm}:{digest.hexdigest()}"


def check_hash(path: Path, expected: str, shown: str) -> None:
    """Compare a file with a hash such as "md5:...".

    Raises:
        CorpusError: it differs; `shown` names the file.
    """
    found = file_hash(path, expected.partition(":")[0])
    if found != expected:
        raise CorpusError(f"{shown} has the wrong content: {found}, expected {expected}")


def check_locked(folder: Path, path: str, lock: Lock) -> None:
    """Compare a file in its folder with its lock.

    Raises:
        CorpusError: it is missing, or differs in size or sha256.
    """
    place, entry = folder / path, lock.files[path]
    if not place.is_file():
        raise CorpusError(f"{place} is missing: it was downloaded before ({LOCK})")
    size = place.stat().st_size
    if size != entry["bytes"] or file_hash(place) != f"sha256:{entry['sha256']}":
        raise CorpusError(
            f"{place} is not what was downloaded ({LOCK}: {entry['bytes']} bytes, sha256 "
            f"{entry['sha256']}): delete the file to download it again"
        )
