"""Random words at their addresses, and the integers, choices and permutations made from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from hbt.random_streams import Choice, Purpose, bounded, permute, random_words

ALL_ONES = 2**64 - 1


def test_words_are_those_of_the_published_generator() -> None:
    # known answers of Random123 for philox4x64-10, counter and key all zero; numpy counts up first
    words = random_words(0, Purpose(0), 4, (ALL_ONES, ALL_ONES, ALL_ONES), first_block=ALL_ONES)
    assert [f"{word:016x}" for word in words.tolist()] == [
        "16554d9eca36314c",
        "db20fe9d672d0fdc",
        "d7e772cee186176b",
        "7e68b68aec7ba23b",
    ]


def test_words_follow_from_their_place_alone() -> None:
    words = random_words(5, Purpose.DRAW, 40, (1, 2, 3))
    assert (random_words(5, Purpose.DRAW, 11, (1, 2, 3)) == words[:11]).all()
    assert (random_words(5, Purpose.DRAW, 8, (1, 2, 3), first_block=4) == words[16:24]).all()
    others = [
        random_words(6, Purpose.DRAW, 40, (1, 2, 3)),
        random_words(5, Purpose.DEAL, 40, (1, 2, 3)),
        random_words(5, Purpose.DRAW, 40, (2, 2, 3)),
        random_words(5, Purpose.DRAW, 40, (1, 3, 3)),
        random_words(5, Purpose.DRAW, 40, (1, 2, 4)),
    ]
    assert len({words.tobytes(), *(other.tobytes() for other in others)}) == 6


@pytest.mark.parametrize("bound", range(1, 40))
def test_bounded_gives_every_value_its_share_of_words(bound: int) -> None:
    # The value rises with the word, so the first word of each value tells how many words it has.
    first_words = [-(-value * 2**64 // bound) for value in range(bound)]
    assert bounded(np.array(first_words, dtype=np.uint64), bound).tolist() == [*range(bound)]
    last_words = [word - 1 for word in [*first_words[1:], 2**64]]
    assert bounded(np.array(last_words, dtype=np.uint64), bound).tolist() == [*range(bound)]
    n_words = [last - first for first, last in zip(first_words, last_words, strict=True)]
    assert max(n_words) - min(n_words) <= 1


@given(st.lists(st.tuples(st.integers(0, ALL_ONES), st.integers(1, 2**32)), min_size=1))
def test_bounded_equals_whole_number_arithmetic(drawn: list[tuple[int, int]]) -> None:
    words = np.array([word for word, _ in drawn], dtype=np.uint64)
    bounds = np.array([bound for _, bound in drawn])
    assert bounded(words, bounds).tolist() == [word * bound >> 64 for word, bound in drawn]


def test_choice_cuts_the_words_by_weight() -> None:
    choice = Choice(np.array([0.0, 1.0, 0.0, 2.0, 1.0, 0.0]))
    words = [0, 2**62 - 1, 2**62, 3 * 2**62 - 1, 3 * 2**62, ALL_ONES]
    assert choice(np.array(words, dtype=np.uint64)).tolist() == [1, 1, 3, 3, 4, 4]


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1e300, 1e-300], [1e-300, 1e300]])
def test_choice_with_one_sure_outcome(weights: list[float]) -> None:
    extremes = np.array([1, ALL_ONES >> 12], dtype=np.uint64)
    assert set(Choice(np.array(weights))(extremes).tolist()) == {int(np.argmax(weights))}


@pytest.mark.parametrize("size", [*range(1, 70), 4095, 4096, 4097, 4160, 4161, 10007, 65536])
def test_permutation_is_one_to_one(size: int) -> None:
    images = permute(np.arange(size), size, 3, (0, 0, 0))
    assert (np.sort(images) == np.arange(size)).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 2**32), st.integers(0, 2**64 - 1), st.data())
def test_any_part_of_a_permutation_is_found_alone(
    size: int, seed: int, data: st.DataObject
) -> None:
    size = size if size % 3 else size % 9000 + 1  # many small ones too
    positions = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20, unique=True))
    images = permute(np.array(positions), size, seed, (1, 2, 3))
    assert len(set(images.tolist())) == len(positions)
    assert images.min() >= 0
    assert images.max() < size
    alone = [int(permute(np.array([position]), size, seed, (1, 2, 3))[0]) for position in positions]
    assert images.tolist() == alone


def test_all_orders_of_few_positions_are_equally_likely() -> None:
    orders = [tuple(permute(np.arange(4), 4, seed, (0, 0, 0)).tolist()) for seed in range(4800)]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("neighbour", [1, 71, 72])  # in the same row, and around the same column
def test_positions_of_a_large_permutation_go_anywhere(neighbour: int) -> None:
    size = 5000  # a grid of 71 x 71
    positions = np.array([0, neighbour])
    images = np.array([permute(positions, size, seed, (0, 0, 0)) for seed in range(1000)])
    distance = (images[:, 1] - images[:, 0]) % size
    for values in (images[:, 0], images[:, 1], distance):
        for coarse in (values // 250, values % 20):
            assert chisquare(np.bincount(coarse, minlength=20)).pvalue > 1e-4


def test_large_permutations_have_no_pattern() -> None:
    images = permute(np.arange(100_000), 100_000, 1, (0, 0, 0))
    assert abs(np.corrcoef(images, np.arange(100_000))[0, 1]) < 0.02
    assert (images == np.arange(100_000)).sum() < 8  # one is expected to stay in place
    assert (np.diff(images) == 1).sum() < 8  # one pair is expected to stay side by side
