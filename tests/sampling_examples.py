"""Layouts and helpers for the tests of the sampler."""

from __future__ import annotations

import numpy as np

from hbt.sampling import CROSS_LINGUAL, MONOLINGUAL, Batch, ItemLayout, Plan, PlanSettings

LANGUAGES = ("en", "de", "th", "sw")


def three_sources() -> ItemLayout:
    """Items in four, three or two languages, every third sharing its passage; "c" only English."""
    available = np.zeros((900, 4), dtype=bool)
    available[:400] = True
    available[400:550, :3] = True
    available[550:600, 2:] = True
    available[600:, 0] = True
    source = np.repeat([0, 1, 0, 2], [300, 200, 100, 300])
    passage_id = np.arange(900) - (np.arange(900) % 3 == 1)
    return ItemLayout.from_arrays(available, source, passage_id, LANGUAGES, ("a", "b", "c"))


def has(layout: ItemLayout) -> np.ndarray:
    """bool (n_items, n_languages), by item."""
    slots = np.arange(len(layout))
    available = np.empty((len(layout), len(layout.languages)), dtype=bool)
    available[layout.items(slots)] = layout.group_has[layout.groups(slots)]
    return available


def plan_for(layout: ItemLayout | None = None, **changes: object) -> Plan:
    layout = three_sources() if layout is None else layout
    return Plan(PlanSettings(**{"batch_size": 8, **changes}), layout)


def digests(plan: Plan, n_steps: int) -> list[str]:
    return [plan(step).digest() for step in range(n_steps)]


def check(batch: Batch, layout: ItemLayout, batch_size: int) -> None:
    """What holds for every batch of every sampling."""
    assert len(batch) == batch_size
    available = has(layout)
    assert available[batch.item, batch.query_language].all()
    assert available[batch.item, batch.passage_language].all()
    slot_of = np.argsort(layout.items(np.arange(len(layout))))
    assert len(np.unique(layout.passages(slot_of[batch.item]))) == batch_size
    assert (layout.group_source[layout.groups(slot_of[batch.item])] == batch.source).all()
    same = batch.query_language == batch.passage_language
    if batch.kind == CROSS_LINGUAL:
        assert not same.any()
    else:
        assert same.all()
    if batch.kind == MONOLINGUAL:
        assert len(set(batch.query_language.tolist())) == 1


def two_hundred_thousand() -> ItemLayout:
    """Enough items for several chunks; every five share a passage."""
    languages = [[1, 1, 1], [1, 0, 1], [0, 1, 1]]
    return ItemLayout.from_groups(
        [120_000, 50_000, 30_000], [0, 1, 1], languages, np.arange(200_000) // 5
    )


def one_source() -> ItemLayout:
    return ItemLayout.from_groups(
        [60, 30, 30], [0, 0, 0], [[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 1, 1]], languages=LANGUAGES
    )


OPTIONS = [
    {},
    {"order": "independent"},
    {"order": "independent", "pair_draw": "pair-first"},
    {"one_pair_per_batch": True},
    {"language_temperature": 0.3, "source_temperature": 0.5},
]
