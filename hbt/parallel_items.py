"""What fine-tuning draws from; `hbt.corpus` has it with the other corpus types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from hbt.digests import content_digest

Side: TypeAlias = Mapping[str, Sequence[str | None]]
"""Language -> a text for each item, None where the item lacks the language."""


class CorpusError(ValueError):
    """Bad input data; the message is one sentence that names the place, the field and the value."""


@dataclass(frozen=True)
class ParallelItems:
    """Training data: one question with its passage, in every language in which it exists.

    Attributes:
        name: name of the data, for messages and data cards.
        languages: language codes; their order is the meaning of a language index.
        passage_id: int64 array (n_items,); equal for items that share their passage.
            The parallel copies of an item share it by definition.
        source: int64 array (n_items,), index into `source_names`.
        source_names: name of each source data set.
        queries: language -> list of n_items strings, None where the item lacks the language.
        passages: language -> list of n_items strings, None in the same places.
            A column that lies on disk may be another sequence; with a method `presence()` (bool
            array, which texts are there) it promises that no text is blank, and is not read here.
        negatives: hard negatives, in the form of `passages` and with None in the same places: the
            first of every item, the second of every item, and so on. A source may have fewer of
            them than another one has; its items have None in the others.
        negative_id: int64 array (n_items, number of negatives): their passage ids, to be told
            from passages that are relevant, and -1 where the source has fewer; None without
            negatives.

    Raises:
        CorpusError: lengths differ, an item has no language, a text is empty or half missing, or
            items of a source differ in the number of their negatives.
    """

    name: str
    languages: tuple[str, ...]
    passage_id: np.ndarray
    source: np.ndarray
    source_names: tuple[str, ...]
    queries: Side
    passages: Side
    negatives: tuple[Side, ...] = ()
    negative_id: np.ndarray | None = None
    available: np.ndarray = field(init=False, repr=False)
    """bool array (n_items, n_languages): does the item exist in the language?"""
    n_negatives: np.ndarray = field(init=False, repr=False)
    """int64 array (n_sources,): hard negatives of each item of the source."""

    def __post_init__(self) -> None:
        n_items = len(self.passage_id)
        shape = None if self.negative_id is None else self.negative_id.shape
        needed = (n_items, len(self.negatives)) if self.negatives else None
        if shape != needed:
            raise CorpusError(f"{self.name}: negative_id has shape {shape}, {needed} is needed")
        available = np.zeros((n_items, len(self.languages)), dtype=bool)
        for column, language in enumerate(self.languages):
            available[:, column] = self._check_language(language)
        lonely = np.flatnonzero(~available.any(axis=1))
        if len(lonely):
            raise CorpusError(f"{self.name}: item {lonely[0]} exists in no language")
        if len(self.source) != n_items:
            raise CorpusError(f"{self.name}: source has {len(self.source)} values for {n_items}")
        if n_items and not 0 <= int(self.source.min()) <= int(self.source.max()) < len(
            self.source_names
        ):
            raise CorpusError(f"{self.name}: a source index is outside {self.source_names}")
        object.__setattr__(self, "available", available)
        object.__setattr__(self, "n_negatives", self._count_negatives())

    def _check_language(self, language: str) -> np.ndarray:
        """Bool (n_items,), which items exist in a language; all sides have to agree in it."""
        n_items, there = len(self.passage_id), []
        for field_name, side in self._sides():
            if language not in side:
                raise CorpusError(f"{self.name}: {field_name} has no language {language!r}")
            if len(side[language]) != n_items:
                raise CorpusError(
                    f"{self.name}: {field_name}[{language!r}] has {len(side[language])} texts "
                    f"for {n_items} items"
                )
            there.append(_presence(side[language]))
        for number, found in enumerate(there[1:]):
            words = f"negative {number}" if number else "passage"
            known = self.negative_id[:, number - 1] >= 0 if number else True
            for item in np.flatnonzero(found != (there[0] & known)):
                if there[0][item] and found[item]:
                    raise CorpusError(f"{self.name}: {words} of item {item} has no negative_id")
                missing = words if there[0][item] else "query"
                raise CorpusError(f"{self.name}: item {item} lacks its {language} {missing}")
        blank = [_first_blank(side[language]) for _, side in self._sides()]
        for item in sorted(row for row in blank if row is not None):
            raise CorpusError(f"{self.name}: item {item} has an empty {language} text")
        return there[0]

    def _count_negatives(self) -> np.ndarray:
        found = np.zeros(len(self.source_names), dtype=np.int64)
        if self.negative_id is not None:
            known = self.negative_id >= 0  # (n_items, number of negatives)
            of_item = np.count_nonzero(known, axis=1)
            found[self.source] = of_item
            first = np.arange(known.shape[1]) < found[self.source, None]
            for item in np.flatnonzero((known != first).any(axis=1)):
                raise CorpusError(
                    f"{self.name}: item {item} has not the same hard negatives as other items of "
                    f"{self.source_names[self.source[item]]}"
                )
        return found

    def _sides(self) -> list[tuple[str, Side]]:
        negatives = [(f"negatives[{n}]", side) for n, side in enumerate(self.negatives)]
        return [("queries", self.queries), ("passages", self.passages), *negatives]

    def __len__(self) -> int:
        return len(self.passage_id)

    def part(
        self, rows: slice | Sequence[int] | np.ndarray, languages: Sequence[str] | None = None
    ) -> ParallelItems:
        """Some of the items; a slice of a column that lies on disk stays there.

        Args:
            rows: of the items to keep, in this order.
            languages: codes to keep, in this order; all of them by default. An item that is kept
                has to exist in one of them.

        Raises:
            CorpusError: the items have no such language.
        """
        codes = self.languages if languages is None else tuple(languages)
        for code in codes:
            if code not in self.languages:
                raise CorpusError(f"{self.name} has no language {code!r}, only {self.languages}")
        index = rows if isinstance(rows, slice) else np.asarray(rows, dtype=np.int64)

        def cut(side: Side) -> Side:
            if isinstance(index, slice):
                return {code: side[code][index] for code in codes}
            return {code: [side[code][row] for row in index.tolist()] for code in codes}

        return ParallelItems(
            name=self.name,
            languages=codes,
            passage_id=self.passage_id[index],
            source=self.source[index],
            source_names=self.source_names,
            queries=cut(self.queries),
            passages=cut(self.passages),
            negatives=tuple(cut(side) for side in self.negatives),
            negative_id=None if self.negative_id is None else self.negative_id[index],
        )

    def digest(self) -> str:
        """sha256 of the content, the same on every machine."""
        arrays = [self.passage_id, self.source]
        arrays += [] if self.negative_id is None else [self.negative_id]
        return content_digest(self.languages, self.source_names, arrays, self._texts())

    def _texts(self) -> Iterator[str]:
        for sides in ((self.queries, self.passages), self.negatives):
            for language in self.languages:
                for side in sides:
                    yield from (text or "" for text in side[language])


def _presence(texts: Sequence[str | None]) -> np.ndarray:
    """Bool array (n_texts,): is there a text?"""
    if hasattr(texts, "presence"):
        return texts.presence()
    return np.fromiter((text is not None for text in texts), dtype=bool, count=len(texts))


def _first_blank(texts: Sequence[str | None]) -> int | None:
    """The first text of nothing but white space."""
    if hasattr(texts, "presence"):
        return None
    found = (row for row, text in enumerate(texts) if text is not None and not text.strip())
    return next(found, None)
