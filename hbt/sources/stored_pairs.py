"""Questions with their passages, of one language each, kept on disk below the cache.

MIRACL's passages have to be picked out of a stream of millions, MLDR's are tens of kilobytes each.
So the pairs of a language are read once, into an arrow file, and their texts stay there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
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

Pairs: TypeAlias = Iterable[tuple[str, ...]]
"""Question, relevant passage and hard negatives, as many in each; texts that are not blank."""

_VERSION = 2  # raised when the files' form changes
_BATCH_BYTES = 1 << 26


def stored_items(
    name: str,
    language: str,
    key: str,
    read: Callable[[], Pairs],
    negatives: int = 0,
) -> ParallelItems:
    """An item for each pair; items with an equal question or an equal passage share a passage id.

    A question with several relevant passages is several items, and none of these passages is
    another one's negative. A hard negative has the passage id of the items whose passage it is.

    Args:
        name: of the data and of its one source.
        language: of all pairs.
        key: says what the pairs are made of; with another one they are made again.
        read: makes the pairs.
        negatives: hard negatives of each pair.

    Raises:
        CorpusError: a pair lacks a text, there is none, or the file cannot be written.
    """
    version = hashlib.sha256(f"{_VERSION} {negatives}\n{key}".encode()).hexdigest()[:16]
    path = data_home() / "arrow" / f"{name.replace(' ', '-').lower()}-{language}-{version}.arrow"
    sides = ("query", "passage", *(f"negative_{number + 1}" for number in range(negatives)))
    made_once(path, lambda partial: _write(read(), sides, partial, f"{name} {language}"))
    table = _open(path)
    n_items = table.num_rows
    rows = np.arange(n_items, dtype=np.int32)
    texts = [{language: ArrowTexts(table.column(side), rows, rows)} for side in sides]
    query, *passages = (table.column(f"{side}_key").to_pylist() for side in sides)
    groups = [(("query", q), ("passage", p)) for q, p in zip(query, passages[0], strict=True)]
    groups += [(("passage", key),) for column in passages[1:] for key in column]
    ids = np.array(connected(groups), dtype=np.int64)
    return ParallelItems(
        name=name,
        languages=(language,),
        passage_id=ids[:n_items],
        source=np.zeros(n_items, dtype=np.int64),
        source_names=(name,),
        queries=texts[0],
        passages=texts[1],
        negatives=tuple(texts[2:]),
        negative_id=ids[n_items:].reshape(negatives, n_items).T if negatives else None,
    )


def _write(pairs: Pairs, sides: Sequence[str], path: Path, shown: str) -> None:
    """A column of texts for each side, and one of keys, equal where the texts are."""
    import pyarrow

    kinds = [(side, pyarrow.string()) for side in sides]
    kinds += [(f"{side}_key", pyarrow.int64()) for side in sides]
    schema = pyarrow.schema(kinds)
    with (
        pyarrow.OSFile(str(path), "wb") as sink,
        pyarrow.ipc.new_file(sink, schema) as writer,
    ):
        for rows in _batches(pairs, shown, len(sides) - 2):
            columns = [list(column) for column in zip(*rows, strict=True)]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema))


def _batches(pairs: Pairs, shown: str, negatives: int) -> Iterator[list[tuple[str | int, ...]]]:
    """Rows of the file, some at a time: a column of a batch holds less than 2 GiB of text."""
    rows: list[tuple[str | int, ...]] = []
    n_pairs = n_bytes = 0
    for texts in pairs:
        n_pairs += 1
        if not all(text.strip() for text in texts):
            raise CorpusError(f"{shown}: pair {n_pairs} lacks a text: {texts!r:.80}")
        encoded = [text.encode() for text in texts]
        rows.append((*texts, *map(_key, encoded)))
        n_bytes += sum(map(len, encoded))
        if n_bytes > _BATCH_BYTES:
            yield rows
            rows, n_bytes = [], 0
    if not n_pairs:
        raise CorpusError(
            f"{shown} has no question with a relevant passage and {negatives} hard negatives"
        )
    if rows:
        yield rows


def _key(text: bytes) -> int:
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little", signed=True)


def _open(path: Path) -> pyarrow.Table:
    """The columns, memory-mapped."""
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        return pyarrow.ipc.open_file(source).read_all()
