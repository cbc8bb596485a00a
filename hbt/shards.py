"""Embeddings in shards: a pool that does not fit in memory, as files that are read block by block.

A folder of shards holds, for each, `00000.npy` (rows of float16 or float32) and, if the passages
have names, `00000.ids.txt` (a name per line). `shards.json` lists them with their rows and the
sha256 of both files' content. A shard appears in the list only when its files are whole, so a
folder whose writing was stopped is sound, and writing goes on after its last shard.

Blocks are read into memory, not mapped: mapped pages count as memory of the process.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

INDEX = "shards.json"
DTYPES = ("float16", "float32")
FORMAT = 1


class Shard(Protocol):
    """Neighbouring rows of a pool, wherever they are."""

    name: str
    n_rows: int
    dimension: int

    def blocks(self, start: int, height: int) -> Iterator[np.ndarray]:
        """The rows from `start` on, at most `height` at a time: arrays (<= height, dimension)."""

    def ids(self) -> Sequence[str] | None:
        """The names of its passages, if they have names."""

    def digest(self) -> str:
        """What identifies its content."""


@dataclass(frozen=True)
class ArrayShard:
    """A shard that is an array (n_rows, dimension) of floating-point numbers."""

    name: str
    array: np.ndarray
    names: Sequence[str] | None = None

    @property
    def n_rows(self) -> int:
        """Number of passages."""
        return len(self.array)

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self.array.shape[1]

    def blocks(self, start: int, height: int) -> Iterator[np.ndarray]:
        """See `Shard`."""
        for row in range(start, len(self.array), height):
            yield self.array[row : row + height]

    def ids(self) -> Sequence[str] | None:
        """See `Shard`."""
        return self.names

    def digest(self) -> str:
        """sha256 of type, values and names."""
        total = hashlib.sha256(f"{self.array.dtype.str} {self.array.shape}".encode())
        for block in self.blocks(0, 2**16):
            total.update(np.ascontiguousarray(block))
        total.update(digest_of_ids(self.names).encode())
        return total.hexdigest()


@dataclass(frozen=True)
class FileShard:
    """A shard of a folder, as its index describes it.

    Attributes:
        folder: where its files are.
        name: of its files, without their endings.
        n_rows, dimension, dtype: of the embeddings.
        sha256: of the embeddings' bytes.
        ids_sha256: see `digest_of_ids`; "" if the passages have no names.
        source_sha256: of the texts that were encoded, "" where that was not recorded.
    """

    folder: Path
    name: str
    n_rows: int
    dimension: int
    dtype: str
    sha256: str
    ids_sha256: str
    source_sha256: str = ""

    @property
    def file(self) -> Path:
        """The file of embeddings."""
        return self.folder / f"{self.name}.npy"

    def blocks(self, start: int, height: int) -> Iterator[np.ndarray]:
        """See `Shard`.

        Raises:
            ValueError: the file is missing, cut short or not what the index says.
        """
        try:
            with self.file.open("rb") as stream:
                if _header(stream) != ((self.n_rows, self.dimension), np.dtype(self.dtype)):
                    raise ValueError(f"{self.file} is not what {INDEX} says: {self.dtype} rows")
                stream.seek(start * self.dimension * np.dtype(self.dtype).itemsize, os.SEEK_CUR)
                for row in range(start, self.n_rows, height):
                    rows = min(height, self.n_rows - row)
                    block = np.fromfile(stream, self.dtype, rows * self.dimension)
                    if len(block) < rows * self.dimension:
                        raise ValueError(f"{self.file} is cut short: it should have {self.n_rows}")
                    yield block.reshape(rows, self.dimension)
        except FileNotFoundError:
            raise ValueError(f"{self.file} is missing; {INDEX} lists it") from None

    def ids(self) -> Sequence[str] | None:
        """See `Shard`.

        Raises:
            ValueError: the file of names is missing or not the one that was written.
        """
        if not self.ids_sha256:
            return None
        file = self.folder / f"{self.name}.ids.txt"
        try:
            names = file.read_text(encoding="utf-8").split("\n")[:-1]
        except FileNotFoundError:
            raise ValueError(f"{file} is missing; {INDEX} lists it") from None
        if len(names) != self.n_rows or digest_of_ids(names) != self.ids_sha256:
            raise ValueError(f"{file} does not hold the names that were written")
        return names

    def digest(self) -> str:
        """From the index; the files are not read."""
        return hashlib.sha256(
            f"{self.sha256} {self.ids_sha256} {self.dtype} {self.n_rows}".encode()
        ).hexdigest()

    def verify(self) -> None:
        """Read the embeddings once and compare with the index.

        Raises:
            ValueError: they are not the ones that were written.
        """
        total = hashlib.sha256()
        for block in self.blocks(0, 2**15):
            total.update(block)
        if total.hexdigest() != self.sha256:
            raise ValueError(f"{self.file} has changed since it was written (sha256)")


def digest_of_ids(ids: Sequence[str] | None) -> str:
    """sha256 of the names in their order, "" for none."""
    if ids is None:
        return ""
    return hashlib.sha256("".join(f"{name}\n" for name in ids).encode()).hexdigest()


def open_shards(folder: str | Path) -> list[FileShard]:
    """The shards of a folder, in their order.

    Raises:
        ValueError: the folder has no index or one that cannot be read.
    """
    index = read_index(folder)
    try:
        return [FileShard(Path(folder), **entry) for entry in index["shards"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{Path(folder) / INDEX} has an unknown form: {error}") from None


def as_shards(pool: str | Path | Iterable[Any], ids: Sequence[str] | None) -> Iterable[Shard]:
    """A pool as shards: a folder, one array, arrays of rows one after the other, or shards.

    Args:
        pool: what to read; an iterable is read once, one shard at a time.
        ids: names of all passages, for arrays.

    Raises:
        ValueError: a folder without index, names for a folder, an array that is no matrix.
    """
    if isinstance(pool, str | Path):
        if ids is not None:
            raise ValueError(f"{pool}: a folder of shards has its own names; leave ids out")
        return open_shards(pool)
    if isinstance(pool, np.ndarray):
        pool = [pool]
    if isinstance(pool, Sequence):
        return list(_array_shards(pool, ids))
    return _array_shards(pool, ids)


def _array_shards(pool: Iterable[Any], ids: Sequence[str] | None) -> Iterator[Shard]:
    row = 0
    for number, array in enumerate(pool):
        if isinstance(array, FileShard | ArrayShard):
            yield array
            continue
        array = np.asanyarray(array)  # a mapped array stays mapped
        if array.ndim != 2 or array.dtype.kind != "f":
            raise ValueError(
                f"shard {number} is {array.dtype} of shape {array.shape}; "
                "floating-point numbers (rows, dimension) are needed"
            )
        names = None if ids is None else ids[row : row + len(array)]
        row += len(array)
        yield ArrayShard(f"shard {number}", array, names)
    if ids is not None and len(ids) != row:
        raise ValueError(f"there are {len(ids)} ids for {row} passages")


def read_index(folder: str | Path) -> dict[str, Any]:
    """The index of a folder of shards.

    Raises:
        ValueError: there is none, or one that cannot be read.
    """
    file = Path(folder) / INDEX
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{file} is missing: {folder} is no folder of shards") from None
    except ValueError as error:
        raise ValueError(f"{file} cannot be read: {error}") from None
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise ValueError(f"{file} is not an index of shards of format {FORMAT}")
    return index


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the .npy file; the stream is left at the first row."""
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    except ValueError:
        raise ValueError(f"{stream.name} is not a .npy file of version 1") from None
    return shape, dtype
