"""Training data of several sources as one, source after source; texts stay where they are."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, repeat, zip_longest
from typing import overload

import numpy as np

from hbt.parallel_items import CorpusError, ParallelItems, Side


class NoTexts(Sequence):
    """As many places without a text as a source has items: its column of a language it lacks."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def presence(self) -> np.ndarray:
        """Bool array (n_texts,), all False."""
        return np.zeros(self._length, dtype=bool)

    def distinct(self) -> tuple[NoTexts, np.ndarray]:
        """The missing text, and its number for each place; `hbt.tokens.distinct` asks for it."""
        return NoTexts(min(self._length, 1)), np.zeros(self._length, dtype=np.int32)

    @overload
    def __getitem__(self, index: int) -> None: ...
    @overload
    def __getitem__(self, index: slice) -> NoTexts: ...
    def __getitem__(self, index):
        found = range(self._length)[index]  # raises IndexError where a list would
        return NoTexts(len(found)) if isinstance(index, slice) else None

    def __iter__(self) -> Iterator[None]:
        return repeat(None, self._length)


class JoinedTexts(Sequence):
    """Columns of texts one after the other, none of them copied.

    Args:
        parts: the columns; no text in them may be blank (`hbt.corpus.ParallelItems` has seen to
            that).
    """

    def __init__(self, parts: Sequence[Sequence[str | None]]) -> None:
        self.parts = list(parts)
        self._ends = list(accumulate(map(len, self.parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def presence(self) -> np.ndarray:
        """Is there a text? Bool array (n_texts,); `hbt.corpus.ParallelItems` asks for it."""
        found = [np.zeros(0, dtype=bool)]
        for part in self.parts:
            if hasattr(part, "presence"):
                found.append(part.presence())
            else:
                there = (text is not None for text in part)
                found.append(np.fromiter(there, dtype=bool, count=len(part)))
        return np.concatenate(found)

    def distinct(self) -> tuple[JoinedTexts, np.ndarray]:
        """The different texts of each column in turn, and which of them each text is, int32.

        `hbt.tokens.distinct` asks for it; a column on disk answers without reading its texts.
        """
        different, numbers, n_different = [], [np.zeros(0, dtype=np.int32)], 0
        for part in self.parts:
            some, number = part.distinct() if hasattr(part, "distinct") else _distinct(part)
            different.append(some)
            numbers.append((number + n_different).astype(np.int32))
            n_different += len(some)
        return JoinedTexts(different), np.concatenate(numbers)

    @overload
    def __getitem__(self, index: int) -> str | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str | None]: ...
    def __getitem__(self, index):
        rows = range(len(self))[index]  # raises IndexError where a list would
        if not isinstance(index, slice):
            number = bisect_right(self._ends, rows)
            return self.parts[number][rows - self._start(number)]
        if rows.step != 1:
            return [self[row] for row in rows]
        some = []
        for number, part in enumerate(self.parts):
            start = self._start(number)
            low, high = max(rows.start - start, 0), min(rows.stop - start, len(part))
            if low < high:
                some.append(part[low:high])
        return JoinedTexts(some)

    def __iter__(self) -> Iterator[str | None]:
        for part in self.parts:
            yield from part

    def _start(self, number: int) -> int:
        return self._ends[number - 1] if number else 0


def _distinct(texts: Sequence[str | None]) -> tuple[list[str | None], np.ndarray]:
    number: dict[str | None, int] = {}
    which = (number.setdefault(text, len(number)) for text in texts)
    numbers = np.fromiter(which, dtype=np.int32, count=len(texts))
    return list(number), numbers


def join_items(
    name: str, parts: Sequence[ParallelItems], order: Sequence[str] | None = None
) -> ParallelItems:
    """The items of several training sets, in their order.

    Sources of the same name become one source. Passage ids are shifted so that no two sets share
    one. Sets may differ in the number of hard negatives of their items.

    Args:
        name: name of the whole.
        parts: at least one set.
        order: all their languages. Default: the order in which the sets first name them.

    Raises:
        CorpusError: there is no set, or sets of one source have different numbers of hard
            negatives.
    """
    if not parts:
        raise CorpusError(f"{name}: there are no training data to join")
    languages = tuple(order or dict.fromkeys(code for part in parts for code in part.languages))
    sources = tuple(dict.fromkeys(each for part in parts for each in part.source_names))
    source = [
        np.array([sources.index(each) for each in part.source_names], dtype=np.int64)[part.source]
        for part in parts
    ]
    ids = _shifted_ids(parts)

    def side(columns: Sequence[Side]) -> Side:
        return {
            code: JoinedTexts(
                [
                    column[code] if code in column else NoTexts(len(part))
                    for column, part in zip(columns, parts, strict=True)
                ]
            )
            for code in languages
        }

    negatives = zip_longest(*(part.negatives for part in parts), fillvalue={})
    return ParallelItems(
        name=name,
        languages=languages,
        passage_id=ids[:, 0],
        source=np.concatenate(source),
        source_names=sources,
        queries=side([part.queries for part in parts]),
        passages=side([part.passages for part in parts]),
        negatives=tuple(side(columns) for columns in negatives),
        negative_id=ids[:, 1:] if ids.shape[1] > 1 else None,
    )


def cut_items(items: ParallelItems, runs: Sequence[slice]) -> ParallelItems:
    """Some runs of the items, one after the other; columns that lie on disk stay there.

    Args:
        items: the items.
        runs: at least one; without steps.
    """
    if len(runs) == 1:
        return items.part(runs[0])

    def cut(side: Side) -> Side:
        return {code: JoinedTexts([side[code][run] for run in runs]) for code in items.languages}

    def ids(array: np.ndarray) -> np.ndarray:
        return np.concatenate([array[run] for run in runs])

    return dataclasses.replace(
        items,
        passage_id=ids(items.passage_id),
        source=ids(items.source),
        queries=cut(items.queries),
        passages=cut(items.passages),
        negatives=tuple(map(cut, items.negatives)),
        negative_id=None if items.negative_id is None else ids(items.negative_id),
    )


def _shifted_ids(parts: Sequence[ParallelItems]) -> np.ndarray:
    """Passage ids and those of the hard negatives, shifted so that no two sets share one.

    Returns:
        int64 (n_items, 1 + largest number of negatives), -1 where there are fewer of them.
    """
    width = 1 + max(len(part.negatives) for part in parts)
    shifted, first_free = [], 0
    for part in parts:
        ids = np.full((len(part), width), -1, dtype=np.int64)
        ids[:, 0] = part.passage_id
        known = np.zeros(ids.shape, dtype=bool)
        known[:, 0] = True
        if part.negative_id is not None:
            ids[:, 1 : 1 + len(part.negatives)] = part.negative_id
            known[:, 1:] = ids[:, 1:] >= 0
        ids[known] += first_free - ids[known].min(initial=0)
        shifted.append(ids)
        first_free = int(ids.max(initial=first_free - 1)) + 1
    return np.concatenate(shifted)
