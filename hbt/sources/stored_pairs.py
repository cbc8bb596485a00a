"""Questions with their passages, of one language each, kept on disk below the cache.

MIRACL's passages have to be picked out of a stream of millions, MLDR's are tens of kilobytes each.
So the pairs of a language are read once, into an arrow file, and their texts stay there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from hbt.corpus import CorpusError, ParallelItems
from hbt.sources.arrow_texts import ArrowTexts
from hbt.sources.hub import data_home
from hbt.sources.lareqa import connected
from hbt.whole_files import made_once

if TYPE_CHECKING:
    import pyarrow

Pairs: TypeAlias = Iterable[tuple[str, str]]
"""Question and relevant passage, each a text that is not blank."""

_SIDES = ("query", "passage")
_VERSION = 1  # raised when the files' form changes
_BATCH_BYTES = 1 << 26


def stored_items(name: str, language: str, key: str, read: Callable[[], Pairs]) -> ParallelItems:
    """An item for each pair; items with an equal question or an equal passage share a passage id.

    A question with several relevant passages is several items, and none of these passages is
    another one's negative.

    Args:
        name: of the data and of its one source.
        language: of all pairs.
        key: says what the pairs are made of; with another one they are made again.
        read: makes the pairs.

    Raises:
        CorpusError: a pair lacks a text, there is none, or the file cannot be written.
    """
    version = hashlib.sha256(f"{_VERSION}\n{key}".encode()).hexdigest()[:16]
    path = data_home() / "arrow" / f"{name.replace(' ', '-').lower()}-{language}-{version}.arrow"
    made_once(path, lambda partial: _write(read(), partial, f"{name} {language}"))
    table = _open(path)
    rows = np.arange(table.num_rows, dtype=np.int32)
    texts = {side: ArrowTexts(table.column(side), rows, rows) for side in _SIDES}
    keys = zip(*(table.column(f"{side}_key").to_pylist() for side in _SIDES), strict=True)
    groups = [tuple(zip(_SIDES, pair, strict=True)) for pair in keys]
    return ParallelItems(
        name=name,
        languages=(language,),
        passage_id=np.array(connected(groups), dtype=np.int64),
        source=np.zeros(len(rows), dtype=np.int64),
        source_names=(name,),
        queries={language: texts["query"]},
        passages={language: texts["passage"]},
    )


def _write(pairs: Pairs, path: Path, shown: str) -> None:
    """Columns query and passage, and of each a key, equal where the text is."""
    import pyarrow

    kinds = [(side, pyarrow.string()) for side in _SIDES]
    kinds += [(f"{side}_key", pyarrow.int64()) for side in _SIDES]
    schema = pyarrow.schema(kinds)
    with (
        pyarrow.OSFile(str(path), "wb") as sink,
        pyarrow.ipc.new_file(sink, schema) as writer,
    ):
        for rows in _batches(pairs, shown):
            columns = [list(column) for column in zip(*rows, strict=True)]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema))


def _batches(pairs: Pairs, shown: str) -> Iterator[list[tuple[str, str, int, int]]]:
    """Rows of the file, some at a time: a column of a batch holds less than 2 GiB of text."""
    rows: list[tuple[str, str, int, int]] = []
    n_pairs = n_bytes = 0
    for query, passage in pairs:
        n_pairs += 1
        if not (query.strip() and passage.strip()):
            raise CorpusError(f"{shown}: pair {n_pairs} lacks a text: {(query, passage)!r:.80}")
        encoded = query.encode(), passage.encode()
        rows.append((query, passage, *map(_key, encoded)))
        n_bytes += sum(map(len, encoded))
        if n_bytes > _BATCH_BYTES:
            yield rows
            rows, n_bytes = [], 0
    if not n_pairs:
        raise CorpusError(f"{shown} has no question with a relevant passage")
    if rows:
        yield rows


def _key(text: bytes) -> int:
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little", signed=True)


def _open(path: Path) -> pyarrow.Table:
    """The columns, memory-mapped."""
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        return pyarrow.ipc.open_file(source).read_all()
