"""Texts that stay on disk: columns of an arrow file, read through the page cache.

A collection of nine million passages in seven languages is 30 GB of text. As an arrow file it
takes no memory of its own, and text i is there in microseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from hbt.corpus import CorpusError
from hbt.whole_files import made_once

if TYPE_CHECKING:
    import pyarrow

_BATCH = 1 << 16
_READ = 1 << 13


class ArrowTexts(Sequence):
    """A column of texts, addressed by keys: text i is row `row_of[keys[i]]` of the column.

    Args:
        column: texts without blank ones; memory-mapped, as a rule.
        keys: whole numbers (n_texts,), not copied.
        row_of: int32 array (largest key + 1,), -1 where a key has no text.
    """

    def __init__(self, column: pyarrow.ChunkedArray, keys: np.ndarray, row_of: np.ndarray) -> None:
        self.column, self.keys, self.row_of = column, keys, row_of
        self._chunks = column.chunks
        self._starts = np.cumsum([0, *map(len, self._chunks)])

    def __len__(self) -> int:
        return len(self.keys)

    def presence(self) -> np.ndarray:
        """Is there a text? Bool array (n_texts,); `hbt.corpus.ParallelItems` asks for it."""
        return self.row_of[self.keys] >= 0

    @overload
    def __getitem__(self, index: int) -> str | None: ...
    @overload
    def __getitem__(self, index: slice) -> ArrowTexts: ...
    def __getitem__(self, index):
        if isinstance(index, slice):
            return ArrowTexts(self.column, self.keys[index], self.row_of)
        row = int(self.row_of[self.keys[index]])
        if row < 0:
            return None
        chunk = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._chunks[chunk][row - int(self._starts[chunk])].as_py()

    def __iter__(self) -> Iterator[str | None]:
        import pyarrow

        for start in range(0, len(self), _READ):  # many at a time cost a tenth of one by one
            rows = self.row_of[self.keys[start : start + _READ]]
            yield from self.column.take(pyarrow.array(rows, mask=rows < 0)).to_pylist()

    def distinct(self) -> tuple[ArrowTexts, np.ndarray]:
        """The different texts in the column's order, and which of them each text is.

        Texts of different rows are different ones; `hbt.tokens.distinct` asks for it.
        """
        rows = self.row_of[self.keys]
        used = np.zeros(len(self.column) + 1, dtype=bool)
        used[rows] = True  # the last one stands for a missing text
        number = np.cumsum(used, dtype=np.int32) - 1
        own_row = np.append(np.arange(len(self.column), dtype=np.int32), np.int32(-1))
        return ArrowTexts(self.column, np.flatnonzero(used), own_row), number[rows]


def write_column(rows: Iterable[tuple[int, str]], path: Path, shown: str) -> None:
    """Write (number, text) as an arrow file with the columns `id` and `text`.

    Blank texts are left out.

    Args:
        rows: numbers from 0 in rising order.
        path: the file to write; `hbt.whole_files` gives a name for a file that is whole or not
            there.
        shown: names the source in an error.

    Raises:
        CorpusError: the numbers do not rise.
        OSError: the file cannot be written.
    """
    import pyarrow

    schema = pyarrow.schema([("id", pyarrow.int64()), ("text", pyarrow.string())])
    last = -1
    batch: list[tuple[int, str]] = []
    with (
        pyarrow.OSFile(str(path), "wb") as sink,
        pyarrow.ipc.new_file(sink, schema) as writer,
    ):
        for number, text in rows:
            if number <= last:
                raise CorpusError(f"{shown}: id {number} comes after {last}")
            last = number
            if text.strip():
                batch.append((number, text))
            if len(batch) == _BATCH:
                writer.write_batch(pyarrow.record_batch([*zip(*batch, strict=True)], schema=schema))
                batch = []
        if batch:
            writer.write_batch(pyarrow.record_batch([*zip(*batch, strict=True)], schema=schema))


def open_column(path: Path) -> tuple[np.ndarray, pyarrow.ChunkedArray]:
    """The row of each id, int32 array (largest id + 1,), -1 for none; the texts, memory-mapped."""
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        table = pyarrow.ipc.open_file(source).read_all()
    ids = table.column("id").to_numpy()
    row_of = np.full(ids[-1] + 1 if len(ids) else 0, -1, dtype=np.int32)
    row_of[ids] = np.arange(len(ids))
    return row_of, table.column("text")


def converted_name(source: Path, ending: str) -> str:
    """A name for what is made of a file; another one when the file changes."""
    status = source.stat()
    key = f"{source.resolve()} {status.st_size} {status.st_mtime_ns}".encode()
    return f"{source.name.partition('.')[0]}-{hashlib.sha256(key).hexdigest()[:16]}{ending}"


def int_table(path: Path, columns: int, target: Path) -> np.ndarray:
    """A tab-separated file of whole numbers as int32 array (n_rows, columns), memory-mapped.

    Args:
        path: the file, without a header.
        columns: number of columns.
        target: where the numbers are kept; made where it is not there, by one process of several.

    Raises:
        CorpusError: the file is broken or holds something else, or `target` cannot be written.
    """
    made_once(target, lambda partial: _write_ints(path, columns, partial))
    return np.memmap(target, dtype="<i4", mode="r").reshape(-1, columns)


def _write_ints(path: Path, columns: int, target: Path) -> None:
    import pyarrow
    from pyarrow import csv

    names = [str(column) for column in range(columns)]
    try:
        with (
            csv.open_csv(
                path,
                read_options=csv.ReadOptions(column_names=names),
                parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pyarrow.int32()), null_values=[]
                ),
            ) as reader,
            target.open("wb") as file,
        ):
            for batch in reader:
                table = np.stack([column.to_numpy() for column in batch.columns], axis=1)
                file.write(np.ascontiguousarray(table, dtype="<i4").tobytes())
    except pyarrow.ArrowException as error:
        raise CorpusError(f"{path} is no table of {columns} whole numbers ({error})") from None
