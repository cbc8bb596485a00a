"""Batches in passes: every item of a stream once before any comes again, no passage twice a batch.

Each pass through a stream has its own random permutation of the items. It is used in chunks,
and the items of a chunk are dealt to batches; so only the current chunk of a stream is in memory,
and any batch of any pass can be made without those before it.
"""

from __future__ import annotations

import numpy as np

from hbt.layout import ANY, ItemLayout
from hbt.plan_settings import CROSS_LINGUAL, MONOLINGUAL
from hbt.random_streams import Purpose, permute, random_words
from hbt.streams import StreamTable

_LEAST_CHUNK = 32  # batches; fewer cost more time for each, more delay the first of a stream
_CACHE_BYTES = 2**26
_COUNT_BITS = 21
_SCATTER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: spreads neighbours far apart


def pass_lengths(
    layout: ItemLayout, table: StreamTable, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """How many batches a pass through each stream has, and how far its items share passages.

    A batch takes a passage once at most, so m batches use m items of a passage at most. A pass
    has the largest m that leaves enough: sum over passages of min(items, m) >= m * batch_size.
    That is size // batch_size, unless more items than batches share a passage.

    Returns:
        int64 (n_streams,): batches of a pass.
        int64 (n_streams,): no passage has more items of the stream than this.

    Raises:
        ValueError: a stream has too few items with different passages for one batch.
    """
    n_batches = table.size // batch_size
    shared = np.ones(len(layout.source_names), dtype=np.int64)
    for source in np.unique(table.source):
        shared[source] = _most_shared(layout, source)
    shared = shared[table.source]
    for row in np.flatnonzero(shared > n_batches):
        slots = table.items(row, layout)(np.arange(table.size[row]))
        counts = np.unique(layout.passages(slots), return_counts=True)[1]
        if len(counts) < batch_size:
            raise ValueError(
                f"source {layout.source_names[table.source[row]]!r} has {len(counts)} items with "
                f"different passages{_in_languages(layout, table, row)}, "
                f"but a batch needs {batch_size}"
            )
        n_batches[row], shared[row] = _most_batches(counts, batch_size), counts.max()
    return n_batches, shared


def _in_languages(layout: ItemLayout, table: StreamTable, row: int) -> str:
    kind, languages = str(table.kind[row]), table.languages(row)
    if ANY in languages:
        return " in two or more languages" if kind == CROSS_LINGUAL else ""
    query_language, passage_language = (layout.languages[language] for language in languages)
    if kind == MONOLINGUAL:
        return f" in language {query_language!r}"
    return f" in both {query_language!r} and {passage_language!r}"


def _most_batches(counts: np.ndarray, batch_size: int) -> int:
    low, high = 0, int(counts.sum()) // batch_size
    while low < high:  # if there is enough for m batches, there is for fewer
        middle = (low + high + 1) // 2
        if np.minimum(counts, middle).sum() >= middle * batch_size:
            low = middle
        else:
            high = middle - 1
    return low


def _most_shared(layout: ItemLayout, source: int) -> int:
    """No passage has more items of the source than this; exact up to 2**21 items."""
    if layout.passage_id is None:
        return 1
    of_source = (layout.group_source == source) & (layout.group_size > 0)
    ends = layout.group_ends[of_source]
    starts = ends - layout.group_size[of_source]
    # groups side by side make one run, whose ids need no copy if items lie in their order
    breaks = np.flatnonzero(starts[1:] != ends[:-1])
    runs = map(slice, starts[[0, *(breaks + 1)]], ends[[*breaks, -1]])
    parts = runs if layout.order is None else (layout.order[run] for run in runs)
    ids = [layout.passage_id[part] for part in parts]
    return _largest_count(ids[0] if len(ids) == 1 else np.concatenate(ids))


def _largest_count(ids: np.ndarray) -> int:
    """How often the most frequent integer comes; of more than 2**21, a bound in little memory."""
    if len(ids) <= 2**_COUNT_BITS:
        return int(np.unique(ids, return_counts=True)[1].max())
    # ids that fall into one bucket are counted as if they were the same
    counts = np.zeros(2**_COUNT_BITS, dtype=np.int64)
    for start in range(0, len(ids), len(counts)):
        buckets = ids[start : start + len(counts)].astype(np.uint64)
        buckets *= _SCATTER
        buckets >>= np.uint64(64 - _COUNT_BITS)
        counts += np.bincount(buckets.view(np.int64), minlength=len(counts))
    return int(counts.max())


def deal(passage_id: np.ndarray, n_batches: int, batch_size: int, words: np.ndarray) -> np.ndarray:
    """Deal items, which come in random order, to batches so that none gets a passage twice.

    The items of a passage are put side by side, at the place of the first of them, and this row
    is dealt out like cards, one to each batch in turn. Of a passage with more items than there are
    batches the first ones are kept. If more items are left than needed, the last are dropped.
    Batches are then shuffled, and items within each, so that nothing of the dealing shows.

    Args:
        passage_id: integers (n,), for the items in their order.
        n_batches: batches to make.
        batch_size: items in each; there are enough, also without those that are not kept.
        words: uint64 (n_batches * (batch_size + 1),), random, for the shuffles.

    Returns:
        int64 (n_batches, batch_size): indices into `passage_id`.
    """
    _, first, passage = np.unique(passage_id, return_index=True, return_inverse=True)
    first_of_passage = first[passage]  # names each item's passage by the place of its first item
    row = np.argsort(first_of_passage, kind="stable")
    if len(row) > n_batches * batch_size:
        named = first_of_passage[row]
        nth_of_passage = np.arange(len(row)) - np.searchsorted(named, named)
        kept = np.sort(row[nth_of_passage < n_batches])[: n_batches * batch_size]
        row = kept[np.argsort(first_of_passage[kept], kind="stable")]
    dealt = row.reshape(batch_size, n_batches).T  # (n_batches, batch_size)
    batch_order = np.argsort(words[:n_batches], kind="stable")
    within = np.argsort(words[n_batches:].reshape(dealt.shape), axis=1, kind="stable")
    return np.take_along_axis(dealt[batch_order], within, axis=1)


class Passes:
    """The batches of streams in passes: (stream, number) -> slots.

    A pass of m batches is cut into chunks of at least 32 batches, and of at least as many as
    items share a passage, which is what dealing needs. A stream whose pass leaves items out is one
    chunk. The chunks used last are kept, up to 64 MiB; batches do not depend on it.

    Raises:
        ValueError: a stream has too few items with different passages for one batch.
    """

    def __init__(self, layout: ItemLayout, table: StreamTable, batch_size: int, seed: int) -> None:
        self._layout, self._table, self._batch_size, self._seed = layout, table, batch_size, seed
        self.n_batches, self._shared = pass_lengths(layout, table, batch_size)
        # by stream, the one used last at the end: (pass number, chunk), slots of its batches
        self._chunks: dict[int, tuple[tuple[int, int], np.ndarray]] = {}
        self._cached_bytes = 0

    def __call__(self, stream: int, number: int) -> np.ndarray:
        """Slots (batch_size,) of a stream's batch of this number, counted over all passes."""
        n_batches = int(self.n_batches[stream])
        n_chunks = max(1, n_batches // max(_LEAST_CHUNK, int(self._shared[stream])))
        pass_number, batch = divmod(number, n_batches)
        chunk = ((batch + 1) * n_chunks - 1) // n_batches
        first, last = (n_batches * c // n_chunks for c in (chunk, chunk + 1))
        kept, rows = self._chunks.pop(stream, (None, None))
        if rows is not None:
            self._cached_bytes -= rows.nbytes
        if kept != (pass_number, chunk):
            rows = self._make_chunk(stream, pass_number, first, last)
        self._chunks[stream] = (pass_number, chunk), rows
        self._cached_bytes += rows.nbytes
        while self._cached_bytes > _CACHE_BYTES and len(self._chunks) > 1:
            _, dropped = self._chunks.pop(next(iter(self._chunks)))
            self._cached_bytes -= dropped.nbytes
        return rows[batch - first]

    def _make_chunk(self, stream: int, pass_number: int, first: int, last: int) -> np.ndarray:
        """Slots (last - first, batch_size) of the batches from the first to before the last."""
        n_batches, batch_size = last - first, self._batch_size
        size, address = int(self._table.size[stream]), self._table.address(stream, pass_number)
        positions = np.arange(first * batch_size, last * batch_size)
        if self._shared[stream] > self.n_batches[stream]:
            positions = np.arange(size)  # some will not be kept
        items = self._table.items(stream, self._layout)
        slots = items(permute(positions, size, self._seed, address))
        if self._shared[stream] > 1:
            words = random_words(
                self._seed,
                Purpose.DEAL,
                n_batches * (batch_size + 1),
                address,
                first_block=first * batch_size,  # more than the chunks before have used
            )
            slots = slots[deal(self._layout.passages(slots), n_batches, batch_size, words)]
        return slots.reshape(n_batches, batch_size).astype(np.uint32)  # layouts end at 2**32 slots
