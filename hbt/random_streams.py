"""Random numbers that are a function of their address, and what is made from them.

A word is found by (seed, purpose, address) with the counter-based generator Philox4x64-10
(Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). Only its raw 64-bit words are
used, never numpy's distributions, which may change between releases: the same address gives the
same number on every machine and in every year. Nothing here has state.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

LARGEST_BOUND = 2**32
"""Bounded integers, and so the number of positions in a stream, end below this."""

Address = tuple[int, int, int]
"""Where a run of words begins: three numbers of 64 bits, whose meaning the purpose gives."""

_HALF = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_SORTED_UP_TO = 4096
_ROUNDS = 6


class Purpose(IntEnum):
    """What words are drawn for; words for different purposes are independent of each other."""

    SCHEDULE = 0
    PASS = 1
    DEAL = 2
    DRAW = 3
    LANGUAGES = 4


def random_words(
    seed: int, purpose: Purpose, size: int, address: Address = (0, 0, 0), first_block: int = 0
) -> np.ndarray:
    """uint64[size]: the words from block `first_block` (of four words each) of an address on.

    More words from the same place begin with the same words.
    """
    key = np.array([seed, purpose], dtype=np.uint64)
    counter = np.array([first_block, *address], dtype=np.uint64)
    return np.random.Philox(key=key, counter=counter).random_raw(size)


def bounded(words: np.ndarray, bound: int | np.ndarray) -> np.ndarray:
    """int64, the shape of `words`: floor(word * bound / 2**64), so 0 <= value < bound.

    Exact integer arithmetic. How many of the 2**64 words lead to a value differs by at most one
    between values: each has its due probability 1 / bound up to 2**-64. Bounds may be given one
    by one and must lie in 1 to `LARGEST_BOUND`.
    """
    bound = np.asarray(bound, dtype=np.uint64)
    carried = (words & _LOW_HALF) * bound >> _HALF
    return (((words >> _HALF) * bound + carried) >> _HALF).astype(np.int64)


class Choice:
    """Draws an index with probability proportional to its weight (to within 2**-52).

    Weights of zero are never drawn; at least one weight must be above zero.
    """

    def __init__(self, weights: np.ndarray) -> None:
        weights = np.asarray(weights, dtype=np.float64)
        self._outcomes = np.flatnonzero(weights)
        # cumsum adds from left to right everywhere; sum may add in an order of the machine's own
        total = np.cumsum(weights[self._outcomes])
        below_one = np.minimum(total[:-1] / total[-1], np.nextafter(1.0, 0.0))
        self._thresholds = np.ldexp(below_one, 64).astype(np.uint64)

    def __call__(self, words: np.ndarray) -> np.ndarray:
        """int64, the shape of `words`: the index that each word draws."""
        return self._outcomes[np.searchsorted(self._thresholds, words, side="right")]


def permute(positions: np.ndarray, size: int, seed: int, address: Address) -> np.ndarray:
    """int64, the shape of `positions`: their images in a random permutation of 0 to size - 1.

    Any part of it is computed without the rest. Up to 4096 positions are sorted by a random word
    each, which makes all orders equally likely. More go through a Feistel network over a grid
    of rows and columns (Luby and Rackoff 1988, "How to construct pseudorandom permutations from
    pseudorandom functions", prove three rounds; here are six), whose round functions are tables of
    random shifts, about 6 * sqrt(size) in all. The grid is larger than `size` by less than a
    column; an image that falls outside goes through the network again until it is inside, which
    keeps the map one to one (Black and Rogaway 2002, "Ciphers with arbitrary finite domains").
    """
    if size <= _SORTED_UP_TO:
        return np.argsort(random_words(seed, Purpose.PASS, size, address), kind="stable")[positions]
    rows = math.isqrt(size - 1) + 1
    columns = -(-size // rows)
    # columns <= rows <= 2**16, so that half a word makes a shift, all equal to within 2**-16
    words = random_words(seed, Purpose.PASS, _ROUNDS // 2 * rows, address)
    tables = [
        (_scaled(part >> _HALF, rows), _scaled(part & _LOW_HALF, columns))
        for part in words.reshape(-1, rows)
    ]

    def network(values: np.ndarray) -> np.ndarray:
        row, column = np.divmod(values, columns)
        for row_shift, column_shift in tables:
            row = _around(row + row_shift[column], rows)
            column = _around(column + column_shift[row], columns)
        return row * columns + column

    images = network(np.asarray(positions, dtype=np.int64))
    outside = np.flatnonzero(images >= size)
    while len(outside):
        images[outside] = network(images[outside])
        outside = outside[images[outside] >= size]
    return images


def _scaled(halves: np.ndarray, bound: int) -> np.ndarray:
    return (halves * np.uint64(bound) >> _HALF).astype(np.int64)


def _around(values: np.ndarray, end: int) -> np.ndarray:
    """The remainder of values below 2 * end, faster than by division."""
    return np.where(values < end, values, values - end)
