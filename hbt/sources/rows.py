"""Rows of tables, one after the other: tab-separated text and parquet.

Nothing here holds a whole file in memory. Values of tab-separated files stay texts: an id such as
"007" is no number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hbt.corpus import CorpusError
from hbt.sources.lines import numbered_lines


def read_tsv(path: Path, columns: int) -> Iterator[tuple[str, ...]]:
    """The rows of a tab-separated file without a header.

    Raises:
        CorpusError: as `numbered_lines`, or a row has another number of columns.
    """
    for number, line in numbered_lines(path):
        row = tuple(line.split("\t"))
        if len(row) != columns:
            raise CorpusError(f"{path}, line {number} has {len(row)} columns, not {columns}")
        yield row


def read_parquet(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[Any, ...]]:
    """The rows of a parquet file, in the order of `columns` and then of `optional`.

    An optional column that the file lacks gives None.

    Raises:
        CorpusError: the file is no parquet file, or lacks a column.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            for column in columns:
                if column not in names:
                    raise CorpusError(f"{path} has no column {column!r}, only {names}")
            found = [name for name in (*columns, *optional) if name in names]
            for batch in file.iter_batches(columns=found):
                values = {name: batch.column(name).to_pylist() for name in found}
                missing = [None] * batch.num_rows
                lists = (values.get(name, missing) for name in (*columns, *optional))
                yield from zip(*lists, strict=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise CorpusError(f"{path} is not a sound parquet file ({error})") from None
