"""Items drawn for a language pair that is drawn first: uniform among those that have both."""

from __future__ import annotations

import math

import numpy as np

from hbt.layout import ItemLayout
from hbt.random_streams import bounded


class PairDraws:
    """Draws a slot for each of many language pairs, from one source of a layout.

    The groups of the source lie in blocks of about the square root of their number, and a draw
    finds the block, then the group: a running sum over all groups would take most of the time.

    Args:
        layout: what to draw from.
        source: index of the source.
    """

    def __init__(self, layout: ItemLayout, source: int) -> None:
        groups = np.flatnonzero(layout.group_source == source)
        per_block = max(1, math.isqrt(len(groups)))
        filled = [(0, -len(groups) % per_block)]  # the last block, with empty groups
        columns = (layout.group_ends[groups], layout.group_size[groups])
        self._ends, self._sizes = (
            np.pad(column, filled).reshape(-1, per_block) for column in columns
        )
        has = np.pad(layout.group_has[groups].T, [(0, 0), *filled])
        in_blocks = has.reshape(len(has), *self._sizes.shape).transpose(1, 0, 2)
        self._has = np.ascontiguousarray(in_blocks)  # (n_blocks, n_languages, per_block)

    def __call__(
        self, query_language: np.ndarray, passage_language: np.ndarray, words: np.ndarray
    ) -> np.ndarray:
        """int64 (n,): for each pair a slot, uniform among the source's items that have it.

        Takes three arrays of n; costs time and memory in n * groups of the source.
        """
        rows = np.arange(len(words))
        has_pair = self._has[:, query_language] & self._has[:, passage_language]
        # whole numbers below 2**53: exact, in whatever order the product adds them
        found = has_pair.astype(np.float64) @ self._sizes[:, :, None].astype(np.float64)
        block_ends = np.cumsum(found[:, :, 0].T.astype(np.int64), axis=1)  # (n, n_blocks)
        positions = bounded(words, block_ends[:, -1])
        block = np.count_nonzero(block_ends <= positions[:, None], axis=1)
        within = np.cumsum(self._sizes[block] * has_pair[block, rows], axis=1)  # (n, per_block)
        ends = within + (block_ends[rows, block] - within[:, -1])[:, None]
        column = np.count_nonzero(ends <= positions[:, None], axis=1)
        return self._ends[block, column] - ends[rows, column] + positions
