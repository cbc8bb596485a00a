"""Where the items of training data lie: grouped by source and by the set of languages they have.

A sampler needs no texts, only this. Forty million items in a few hundred groups take a few
kilobytes: a stream of items (those of one source and language, say) is a list of groups, and its
items are counted, never listed.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hbt.random_streams import LARGEST_BOUND

if TYPE_CHECKING:
    from hbt.corpus import ParallelItems

ANY = -1
"""In place of a language: no one language; items are taken whatever they have."""


@dataclass(frozen=True)
class Stream:
    """The items of one stream: position 0 to size - 1 in it -> slot in the layout."""

    ends: np.ndarray
    """int64 (n_groups,): the position behind the last of each group."""
    shifts: np.ndarray
    """int64 (n_groups,): slot minus position within each group."""

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """int64, the shape of `positions`: slots."""
        return positions + self.shifts[np.searchsorted(self.ends, positions, side="right")]


@dataclass(frozen=True, eq=False)
class ItemLayout:
    """Items in groups that agree in source and languages; made by one of the `from_` methods.

    The items of a group lie side by side in slots; `order` leads from slots to items.

    Attributes:
        languages: language codes; their order is the meaning of a language index.
        source_names: name of each source data set.
        group_size: int64 (n_groups,): items in the group.
        group_source: int64 (n_groups,): index into `source_names`.
        group_has: bool (n_groups, n_languages): do the group's items exist in the language?
        passage_id: integers (n_items,), by item, equal where the passage is shared; None if
            every item has a passage of its own. Kept as given, so it may be memory-mapped.
        order: int64 (n_items,): the item in each slot; None if slot i holds item i.

    Raises:
        ValueError: shapes differ, an index is out of range, a group has no language, or there
            are more than 2**32 items.
    """

    languages: tuple[str, ...]
    source_names: tuple[str, ...]
    group_size: np.ndarray
    group_source: np.ndarray
    group_has: np.ndarray
    passage_id: np.ndarray | None = None
    order: np.ndarray | None = None
    group_ends: np.ndarray = field(init=False, repr=False)
    """int64 (n_groups,): the slot behind the last of each group."""

    def __post_init__(self) -> None:
        n_groups = len(self.group_size)
        self._check_shape("group_size", (n_groups,))
        self._check_shape("group_source", (n_groups,))
        self._check_shape("group_has", (n_groups, len(self.languages)))
        if n_groups and self.group_size.min() < 0:
            raise ValueError(f"layout: group_size has {self.group_size.min()}, below 0")
        if not np.isin(self.group_source, np.arange(len(self.source_names))).all():
            raise ValueError(f"layout: group_source has a value outside {self.source_names}")
        empty = np.flatnonzero((self.language_count == 0) & (self.group_size > 0))
        if len(empty):
            raise ValueError(f"layout: the items of group {empty[0]} exist in no language")
        object.__setattr__(self, "group_ends", np.cumsum(self.group_size, dtype=np.int64))
        if len(self) > LARGEST_BOUND:
            raise ValueError(f"layout: {len(self)} items are more than {LARGEST_BOUND}")
        if self.passage_id is not None:
            self._check_shape("passage_id", (len(self),))
            if self.passage_id.dtype.kind not in "iu":
                raise ValueError(f"layout: passage_id is {self.passage_id.dtype}, not integers")

    def _check_shape(self, name: str, needed: tuple[int, ...]) -> None:
        shape = getattr(self, name).shape
        if shape != needed:
            raise ValueError(f"layout: {name} has shape {shape} where {needed} is needed")

    @classmethod
    def from_items(cls, items: ParallelItems) -> ItemLayout:
        """The layout of `hbt.corpus.ParallelItems`."""
        return cls.from_arrays(
            items.available, items.source, items.passage_id, items.languages, items.source_names
        )

    @classmethod
    def from_arrays(
        cls,
        available: np.ndarray,
        source: np.ndarray,
        passage_id: np.ndarray | None = None,
        languages: Sequence[str] | None = None,
        source_names: Sequence[str] | None = None,
    ) -> ItemLayout:
        """Sorts items given one by one into groups.

        Args:
            available: bool (n_items, n_languages): does the item exist in the language?
            source: integers (n_items,), index into `source_names`.
            passage_id: integers (n_items,), or None if every item has a passage of its own.
            languages: codes; by default numbers.
            source_names: by default numbers.
        """
        available, source = np.asarray(available, dtype=bool), np.asarray(source)
        if available.ndim != 2 or source.shape != available.shape[:1]:
            raise ValueError(f"layout: available is {available.shape}, source {source.shape}")
        packed = np.packbits(available, axis=1)  # (n_items, n_languages / 8)
        order = np.lexsort((*packed.T, source))  # stable: items of a group keep their order
        packed, source = packed[order], source[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (packed[1:] != packed[:-1]).any(axis=1) | (source[1:] != source[:-1])
        starts = np.flatnonzero(new)
        grouped = cls.from_groups(
            np.diff(starts, append=len(order)),
            source[starts],
            available[order[starts]],
            passage_id,
            languages,
            source_names,
        )
        in_place = bool((np.diff(order) == 1).all())
        return grouped if in_place else dataclasses.replace(grouped, order=order)

    @classmethod
    def from_groups(
        cls,
        sizes: Sequence[int] | np.ndarray,
        sources: Sequence[int] | np.ndarray,
        has_language: np.ndarray,
        passage_id: np.ndarray | None = None,
        languages: Sequence[str] | None = None,
        source_names: Sequence[str] | None = None,
    ) -> ItemLayout:
        """Items that already lie in group order: group g holds the next `sizes[g]` of them.

        Takes memory for the groups, none for the items.

        Args:
            sizes: integers (n_groups,), items in the group.
            sources: integers (n_groups,), index into `source_names`.
            has_language: bool (n_groups, n_languages): do the group's items exist in the language?
            passage_id: integers (n_items,), or None if every item has a passage of its own.
            languages: codes; by default numbers.
            source_names: by default numbers.
        """
        group_has = np.asarray(has_language, dtype=bool)
        group_source = np.asarray(sources, dtype=np.int64)
        if languages is None:
            languages = [str(index) for index in range(group_has.shape[-1])]
        if source_names is None:
            source_names = [str(index) for index in range(group_source.max(initial=-1) + 1)]
        return cls(
            languages=tuple(languages),
            source_names=tuple(source_names),
            group_size=np.asarray(sizes, dtype=np.int64),
            group_source=group_source,
            group_has=group_has,
            passage_id=None if passage_id is None else np.asanyarray(passage_id),
        )

    def __len__(self) -> int:
        return int(self.group_ends[-1]) if len(self.group_ends) else 0

    def digest(self) -> str:
        """sha256 of all that a plan may depend on, the same on every machine."""
        total = hashlib.sha256(b"hbt layout 1\x1d")
        for names in (self.languages, self.source_names):
            total.update("".join(f"{name}\x1f" for name in names).encode() + b"\x1d")
        for array in (
            self.group_size,
            self.group_source,
            self.group_has,
            self.passage_id,
            self.order,
        ):
            for start in range(0, 0 if array is None else len(array), 2**20):
                block = np.ascontiguousarray(array[start : start + 2**20], dtype="<i8")
                total.update(block.tobytes())
            total.update(b"\x1d")
        return total.hexdigest()

    # What lies in a slot

    def items(self, slots: np.ndarray) -> np.ndarray:
        """int64, the shape of `slots`: the items that lie there."""
        return slots.astype(np.int64) if self.order is None else self.order[slots]

    def passages(self, slots: np.ndarray) -> np.ndarray:
        """Integers, the shape of `slots`: the passage ids of the items that lie there."""
        return slots if self.passage_id is None else self.passage_id[self.items(slots)]

    def groups(self, slots: np.ndarray) -> np.ndarray:
        """int64, the shape of `slots`: the groups that they lie in."""
        return np.searchsorted(self.group_ends, slots, side="right")

    @cached_property
    def language_count(self) -> np.ndarray:
        """int64 (n_groups,): how many languages the items of the group have."""
        return np.count_nonzero(self.group_has, axis=1)

    @cached_property
    def _languages_in_a_row(self) -> tuple[np.ndarray, np.ndarray]:
        """The languages of all groups one after another, and where those of each group begin."""
        return np.nonzero(self.group_has)[1], np.cumsum(self.language_count) - self.language_count

    def nth_language(self, groups: np.ndarray, n: np.ndarray) -> np.ndarray:
        """int64, the shape of `groups`: the n-th language (from 0) of each group."""
        listed, starts = self._languages_in_a_row
        return listed[starts[groups] + n]

    # Streams of items

    def stream(
        self, source: int, query_language: int, passage_language: int, least_languages: int
    ) -> Stream:
        """A source's items that have both languages (or `ANY`) and so many languages or more."""
        keep = (self.group_source == source) & (self.language_count >= least_languages)
        for language in {query_language, passage_language} - {ANY}:
            keep &= self.group_has[:, language]
        groups = np.flatnonzero(keep)
        ends = np.cumsum(self.group_size[groups])
        return Stream(ends, self.group_ends[groups] - ends)

    # Counts

    def items_with(self, least_languages: int) -> np.ndarray:
        """int64 (n_sources,): items of each source that have so many languages or more."""
        return self._by_source(self.group_size * (self.language_count >= least_languages))

    def items_per_language(self) -> np.ndarray:
        """int64 (n_sources, n_languages): items of each source that have the language."""
        return self._by_source(self.group_size[:, None] * self.group_has)

    def _by_source(self, counts: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(self.source_names), *counts.shape[1:]), dtype=np.int64)
        np.add.at(sums, self.group_source, counts)
        return sums

    def items_per_pair(self, source: int) -> tuple[np.ndarray, np.ndarray]:
        """Two float64 (n_languages, n_languages), diagonals zero, for the ordered language pairs.

        The first counts the source's items that have the pair; in the second, an item with k
        languages counts 1 / (k * (k - 1)) in each of its pairs, so one in all.
        """
        counts = np.zeros((len(self.languages), len(self.languages)))
        shares = np.zeros_like(counts)
        of_source = self.group_source == source
        for k in np.unique(self.language_count[of_source & (self.language_count >= 2)]):
            groups = of_source & (self.language_count == k)
            has = self.group_has[groups].astype(np.float64)
            # whole numbers below 2**53: exact, in whatever order the product adds them
            found = (self.group_size[groups, None] * has).T @ has
            np.fill_diagonal(found, 0)
            counts += found
            shares += found / (k * (k - 1))
        return counts, shares
