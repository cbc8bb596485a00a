"""Random draws that are a pure function of (seed, stream, counters), on every machine.

Raw Philox counters with a mapping of our own: numpy guarantees the raw stream of a bit generator,
but not that its distributions stay the same from release to release.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_BLOCK = 32


@cache
def _stream_key(stream: str) -> int:
    return int.from_bytes(hashlib.sha256(stream.encode()).digest()[:8], "little")


@cache
def _zipf_table(n: int, exponent: float) -> tuple[float, ...]:
    """Cumulated 1 / rank**exponent for the ranks 1 to n."""
    return tuple(accumulate((rank + 1) ** -exponent for rank in range(n)))


class Draws:
    """One sequence of draws, named by its seed, a stream and up to two counters."""

    def __init__(self, seed: int, stream: str, *counters: int) -> None:
        first, second = (*counters, 0, 0)[:2]
        key = np.array([seed, _stream_key(stream)], dtype=np.uint64)
        self._bits = np.random.Philox(key=key, counter=[0, first, second, 0])
        self._raw: list[int] = []

    def uniform(self) -> float:
        """A number in [0, 1) with 53 random bits."""
        if not self._raw:
            self._raw = self._bits.random_raw(_BLOCK)[::-1].tolist()
        return (self._raw.pop() >> 11) * 2.0**-53

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.uniform() < probability

    def choice(self, candidates: Sequence[T]) -> T:
        """One of the candidates, all alike."""
        return candidates[int(self.uniform() * len(candidates))]

    def zipf(self, candidates: Sequence[T], exponent: float) -> T:
        """One of the candidates, the r-th with probability proportional to 1 / r**exponent."""
        table = _zipf_table(len(candidates), exponent)
        return candidates[bisect_right(table, self.uniform() * table[-1])]

    def shuffled(self, candidates: Sequence[T]) -> list[T]:
        """The candidates in random order (Fisher and Yates)."""
        order = list(candidates)
        for last in range(len(order) - 1, 0, -1):
            other = int(self.uniform() * (last + 1))
            order[last], order[other] = order[other], order[last]
        return order
