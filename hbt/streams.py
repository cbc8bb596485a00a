"""Which streams of items a plan draws from, and whose turn it is at a step.

A stream holds the items that a batch of one sort may take; for a monolingual batch, those of
one source and language. Each step of training belongs to one stream and is its first, second, ...
batch, so that a batch follows from its stream and its number there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hbt.layout import ANY, ItemLayout, Stream
from hbt.plan_settings import CROSS_LINGUAL, MIXED, MONOLINGUAL, PlanSettings
from hbt.random_streams import Address, Choice, Purpose, random_words

_LEAST_LANGUAGES = {MONOLINGUAL: 1, CROSS_LINGUAL: 2, MIXED: 1}  # that an item must have


@dataclass(frozen=True, eq=False)
class StreamTable:
    """Streams, one per row.

    Attributes:
        kind: str (n_streams,), of their batches.
        source: int64 (n_streams,).
        query_language, passage_language: int64 (n_streams,); `ANY` if drawn for each example.
        size: int64 (n_streams,): items.
        probability: float64 (n_streams,): that a batch of the kind is one of the stream's.
    """

    kind: np.ndarray
    source: np.ndarray
    query_language: np.ndarray
    passage_language: np.ndarray
    size: np.ndarray
    probability: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def languages(self, row: int) -> tuple[int, int]:
        """Query and passage language of a stream."""
        return int(self.query_language[row]), int(self.passage_language[row])

    def address(self, row: int, number: int) -> Address:
        """Where the random words for the stream's batch (or pass) of this number begin."""
        query_language, passage_language = self.languages(row)
        return int(self.source[row]), (query_language + 1) << 32 | (passage_language + 1), number

    def items(self, row: int, layout: ItemLayout) -> Stream:
        """The items of a stream."""
        least_languages = _LEAST_LANGUAGES[str(self.kind[row])]
        return layout.stream(int(self.source[row]), *self.languages(row), least_languages)


def join(tables: list[StreamTable]) -> StreamTable:
    """One table below the other."""
    columns = zip(*(vars(table).values() for table in tables), strict=True)
    return StreamTable(*(np.concatenate(column) for column in columns))


def streams_of_kind(layout: ItemLayout, settings: PlanSettings, kind: str) -> StreamTable:
    """The streams that batches of a kind come from: those with items and a probability above 0.

    Raises:
        ValueError: there is none.
    """
    per_source = layout.items_with(_LEAST_LANGUAGES[kind])
    if kind == MONOLINGUAL:
        found = layout.items_per_language()
        shares = _shares(found, settings.language_temperature)
        source, query_language = np.nonzero(found)
        passage_language = query_language
        size, within = found[source, query_language], shares[source, query_language]
    elif kind == CROSS_LINGUAL and settings.one_pair_per_batch:
        found, shares = _pairs(layout, settings.pair_draw)
        source, query_language, passage_language = pair = np.nonzero(found)
        size, within = found[pair].astype(np.int64), shares[pair]
    else:
        source = np.flatnonzero(per_source)
        query_language = passage_language = np.full(len(source), ANY)
        size, within = per_source[source], np.ones(len(source))
    probability = _shares(per_source, settings.source_temperature)[source] * within
    reached = probability > 0
    if not reached.any():
        languages = " in two or more languages" if kind == CROSS_LINGUAL else ""
        raise ValueError(f"no source has items{languages}, which {kind} batches need")
    columns = (source, query_language, passage_language, size, probability)
    return StreamTable(np.full(reached.sum(), kind), *(column[reached] for column in columns))


def _pairs(layout: ItemLayout, pair_draw: str) -> tuple[np.ndarray, np.ndarray]:
    """Two float64 (n_sources, n_languages, n_languages): items with a pair; its probability."""
    pairs = [layout.items_per_pair(source) for source in range(len(layout.source_names))]
    found, shares = (np.stack(part) for part in zip(*pairs, strict=True))
    weights = shares if pair_draw == "item-first" else (found > 0).astype(np.float64)
    return found, _shares(weights.reshape(len(found), -1), 1.0).reshape(found.shape)


def _shares(sizes: np.ndarray, temperature: float) -> np.ndarray:
    """float64, the shape of `sizes`: size ** temperature over its sum in the row; 0 stays 0."""
    largest = sizes.max(axis=-1, keepdims=True, initial=0)
    scaled = sizes / np.where(largest > 0, largest, 1)
    weights = np.where(sizes > 0, scaled**temperature, 0.0)
    # cumsum adds from left to right everywhere; sum may add in an order of the machine's own
    total = np.cumsum(weights, axis=-1)[..., -1:]
    return weights / np.where(total > 0, total, 1.0)


class Schedule:
    """Which stream each step belongs to, and how many of the stream's batches came before.

    The streams of any range of steps follow from the seed at once. The numbers of their batches
    need the counts of all earlier steps, which are kept for every block of steps once reached.

    Args:
        seed: of the plan.
        table: the streams.
        kinds: probability of each kind; all above zero.
    """

    _BLOCK = 2**14

    def __init__(self, seed: int, table: StreamTable, kinds: Mapping[str, float]) -> None:
        self._seed, self._n_streams = seed, len(table)
        self._kind = Choice(np.array(list(kinds.values())))
        self._stream = [
            Choice(np.where(table.kind == kind, table.probability, 0)) for kind in kinds
        ]
        self._counts_before = [np.zeros(len(table), dtype=np.int64)]
        self._block: tuple[int, np.ndarray, np.ndarray] | None = None

    def streams(self, first_step: int, last_step: int) -> np.ndarray:
        """int64 (n_steps,): table rows for the steps from the first to before the last."""
        n_steps = last_step - first_step
        # a block of four words for each step: one for its kind, one for its stream, two to spare
        words = random_words(self._seed, Purpose.SCHEDULE, 4 * n_steps, first_block=first_step)
        kind_words, stream_words = words[0::4], words[1::4]
        by_kind = np.stack([choice(stream_words) for choice in self._stream])  # (n_kinds, n_steps)
        return by_kind[self._kind(kind_words), np.arange(n_steps)]

    def locate(self, step: int) -> tuple[int, int]:
        """The stream of a step, and the number (from 0) of its batch there."""
        block, within = divmod(step, self._BLOCK)
        if self._block is None or self._block[0] != block:
            self._block = (block, *self._make_block(block))
        _, streams, numbers = self._block
        return int(streams[within]), int(numbers[within])

    def _make_block(self, block: int) -> tuple[np.ndarray, np.ndarray]:
        for earlier in range(len(self._counts_before) - 1, block):
            streams = self.streams(earlier * self._BLOCK, (earlier + 1) * self._BLOCK)
            counts = np.bincount(streams, minlength=self._n_streams)
            self._counts_before.append(self._counts_before[earlier] + counts)
        streams = self.streams(block * self._BLOCK, (block + 1) * self._BLOCK)
        by_stream = np.argsort(streams, kind="stable")
        ordered = streams[by_stream]
        numbers = np.empty_like(streams)
        numbers[by_stream] = np.arange(len(streams)) - np.searchsorted(ordered, ordered)
        return streams, numbers + self._counts_before[block][streams]
