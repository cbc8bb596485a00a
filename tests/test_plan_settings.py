"""What a plan refuses, in one sentence."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from sampling_examples import plan_for

from hbt.sampling import MONOLINGUAL, SAMPLINGS, ItemLayout, PlanSettings

# What is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampling": "X-X-multi"}, "sampling is 'X-X-multi', not one of"),
        ({"order": "shuffled"}, "order is 'shuffled', not one of"),
        ({"pair_draw": "both"}, "pair_draw is 'both', not one of"),
        ({"alpha": 1.5}, "alpha is 1.5, not a number from 0 to 1"),
        ({"alpha": float("nan")}, "alpha is nan, not a number"),
        ({"alpha": "0.5"}, "alpha is '0.5', not a number"),
        ({"batch_size": 0}, "batch_size is 0, not a whole number from 1"),
        ({"batch_size": 6.4}, "batch_size is 6.4, not a whole number"),
        ({"batch_size": True}, "batch_size is True, not a whole number"),
        ({"seed": -1}, "seed is -1, not a whole number from 0"),
        ({"seed": 2**64}, "not a whole number from 0 to 18446744073709551615"),
        ({"language_temperature": -1.0}, "language_temperature is -1.0, not a number from 0"),
        ({"source_temperature": float("inf")}, "source_temperature is inf, not a number"),
        ({"one_pair_per_batch": "no"}, "one_pair_per_batch is 'no', not true or false"),
        ({"pair_draw": "pair-first"}, "pair_draw 'pair-first' uses items unequally, so it has no"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlanSettings(**change)


def test_settings_are_plain_values() -> None:
    odd = PlanSettings(alpha=1, batch_size=np.int64(8), seed=np.uint64(3), source_temperature=1)
    text = json.dumps(dataclasses.asdict(odd))
    assert text == json.dumps(dataclasses.asdict(PlanSettings(alpha=1.0, batch_size=8, seed=3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sampling": "X-X-mono", "batch_size": 21},
            "source 'b' has 20 items with different passages in language 'th', "
            "but a batch needs 21",
        ),
        (
            {"sampling": "X-Y", "batch_size": 31},
            "source 'b' has 30 items with different passages in two or more languages, "
            "but a batch needs 31",
        ),
        (
            {"sampling": "X-X", "batch_size": 61},
            "source 'a' has 60 items with different passages, but a batch needs 61",
        ),
        (
            {"sampling": "X-Y", "batch_size": 21, "one_pair_per_batch": True},
            "source 'b' has 20 items with different passages in both 'en' and 'th', "
            "but a batch needs 21",
        ),
    ],
)
@pytest.mark.parametrize("order", ["passes", "independent"])
def test_too_few_items_are_refused(options: dict[str, object], message: str, order: str) -> None:
    shared = [np.repeat(np.arange(20), 3), np.arange(20, 80), np.repeat(np.arange(80, 90), 4)]
    layout = ItemLayout.from_groups(
        [100, 20, 40, 40],
        [0, 1, 1, 1],
        [[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 0, 0]],
        np.concatenate([*shared, np.arange(90, 130)]),
        ("en", "de", "th"),
        ("a", "b"),
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        plan_for(layout, order=order, **options)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_nothing_to_draw_from_is_refused(sampling: str) -> None:
    with pytest.raises(ValueError, match="no source has items"):
        plan_for(ItemLayout.from_groups([0], [0], [[1, 1]]), sampling=sampling)


def test_no_parallel_items_are_refused() -> None:
    layout = ItemLayout.from_groups([50, 50], [0, 0], [[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="no source has items in two or more languages, which"):
        plan_for(layout)
    assert plan_for(layout, alpha=1.0)(0).kind == MONOLINGUAL
    with pytest.raises(ValueError, match="step is -1, below 0"):
        plan_for()(-1)
