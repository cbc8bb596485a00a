"""Training data of the hub that has no name here: a small YAML file says where its columns are.

    repository: owner/name
    files:
      de: data/de/train-*.parquet
      sw: data/sw/train-*.parquet
    query: question    # column; by default the first of the usual names that is there
    passage: context   # column; the same
    id: uid            # column with the id of an item in all its languages; none: one language each
    revision: 0123...  # full hash of a commit; by default the newest at the first download
    folder: copy       # where the files lie, seen from this one; by default they are downloaded

Kinds of files and usual names of columns are those of `hbt.sources.hub_pairs`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbt.corpus import CorpusError, ParallelItems
from hbt.sources.hub_pairs import read_hub_pairs

_FIELDS = ("repository", "files", "query", "passage", "id", "revision", "folder")


@dataclass(frozen=True)
class PairsFile:
    """What such a file says, field by field; see the module."""

    repository: str
    files: dict[str, str]
    query: str | None = None
    passage: str | None = None
    id: str | None = None
    revision: str | None = None
    folder: str | None = None

    def items(self, languages: Sequence[str], data_dir: str | Path | None = None) -> ParallelItems:
        """The items in some of the file's languages.

        Args:
            languages: codes of `files`.
            data_dir: folder around the data, if the file names none; None for the cache or a
                download.

        Raises:
            DownloadError: files could not be downloaded.
            CorpusError: as `hbt.sources.hub_pairs.read_hub_pairs`.
        """
        return read_hub_pairs(
            self.repository,
            {code: self.files[code] for code in languages},
            self.folder or data_dir,
            query=self.query,
            passage=self.passage,
            name=self.id,
            revision=self.revision,
        )


def read_pairs_file(path: str | Path) -> PairsFile:
    """A file, with every field checked.

    Raises:
        CorpusError: it is missing or no YAML, or a field is missing, unknown or of the wrong kind.
    """
    import yaml

    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CorpusError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise CorpusError(f"{path} has no fields; repository and files are needed")
    for field, value in content.items():
        if field not in _FIELDS:
            raise CorpusError(f"{path}: {field} is none of {', '.join(_FIELDS)}")
        fitting, wanted = _CHECKS.get(field, (_is_text, "a text; quote it"))
        if not fitting(value):
            raise CorpusError(f"{path}: {field} is {value!r}, not {wanted}")
    for field in ("repository", "files"):
        if field not in content:
            raise CorpusError(f"{path} has no {field}")
    if "folder" in content:
        content["folder"] = str(path.parent / content["folder"])
    return PairsFile(**content)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_repository(value: Any) -> bool:
    return _is_text(value) and re.fullmatch(r"[\w.-]+/[\w.-]+", value) is not None


def _is_revision(value: Any) -> bool:
    return _is_text(value) and re.fullmatch(r"[0-9a-f]{40}", value) is not None


def _is_files(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_text, [*value, *value.values()]))


_CHECKS = {
    "repository": (_is_repository, "owner/name"),
    "files": (_is_files, "a text for each language, as {de: data/de/*.parquet}; quote no and 1"),
    "revision": (_is_revision, "the full hash of a commit"),
}
