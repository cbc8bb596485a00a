"""How items lie in groups, and what streams, counts and draws over the groups give."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hbt.corpus import ParallelItems
from hbt.layout import ANY, ItemLayout

AVAILABLE = np.array(
    [
        [1, 1, 0],  # item 0
        [1, 0, 0],
        [1, 1, 0],
        [0, 1, 1],
        [1, 1, 1],
        [1, 0, 0],
    ],
    dtype=bool,
)
SOURCE = np.array([1, 0, 1, 0, 0, 1])


def small(passage_id: np.ndarray | None = None) -> ItemLayout:
    return ItemLayout.from_arrays(AVAILABLE, SOURCE, passage_id, ("en", "de", "th"), ("a", "b"))


def members(layout: ItemLayout, *stream: int) -> set[int]:
    found = layout.stream(*stream)
    size = int(found.ends[-1]) if len(found.ends) else 0
    return set(layout.items(found(np.arange(size))).tolist())


def test_items_are_grouped_by_source_and_languages() -> None:
    layout = small()
    assert len(layout) == 6
    assert sorted(layout.group_size.tolist()) == [1, 1, 1, 1, 2]
    slots = np.arange(6)
    items = layout.items(slots)
    assert sorted(items.tolist()) == [*range(6)]
    groups = layout.groups(slots)
    assert (layout.group_source[groups] == SOURCE[items]).all()
    assert (layout.group_has[groups] == AVAILABLE[items]).all()


def test_streams_hold_the_items_that_fit() -> None:
    layout = small()
    assert members(layout, 0, ANY, ANY, 1) == {1, 3, 4}
    assert members(layout, 0, ANY, ANY, 2) == {3, 4}
    assert members(layout, 1, 0, 0, 1) == {0, 2, 5}
    assert members(layout, 0, 1, 2, 2) == {3, 4}
    assert members(layout, 0, 0, 2, 2) == {4}
    assert members(layout, 1, 2, 2, 1) == set()


def test_counts() -> None:
    layout = small()
    assert layout.items_with(1).tolist() == [3, 3]
    assert layout.items_with(2).tolist() == [2, 2]
    assert layout.items_per_language().tolist() == [[2, 2, 2], [3, 2, 0]]
    found, shares = layout.items_per_pair(0)
    assert found.tolist() == [[0, 1, 1], [1, 0, 2], [1, 2, 0]]
    # item 3 has two ordered pairs, item 4 has six
    third = 1 / 6
    assert np.allclose(shares, [[0, third, third], [third, 0, 0.5 + third], [third, 2 / 3, 0]])
    assert shares.sum() == pytest.approx(2)


def test_languages_of_a_group_in_order() -> None:
    layout = small()
    groups = layout.groups(np.arange(6))
    for slot, item in enumerate(layout.items(np.arange(6))):
        group = groups[slot : slot + 1]
        listed = [
            int(layout.nth_language(group, np.array([n]))[0])
            for n in range(layout.language_count[group[0]])
        ]
        assert listed == np.flatnonzero(AVAILABLE[item]).tolist()


def test_passages_follow_the_items() -> None:
    layout = small(np.array([9, 8, 9, 7, 6, 5]))
    slots = np.arange(6)
    assert layout.passages(slots).tolist() == [
        [9, 8, 9, 7, 6, 5][item] for item in layout.items(slots)
    ]
    assert small().passages(slots).tolist() == slots.tolist()


def test_groups_that_lie_in_order_need_no_list_of_items() -> None:
    assert ItemLayout.from_arrays(AVAILABLE[[0, 0, 2, 2]], np.array([0, 0, 1, 1])).order is None
    assert ItemLayout.from_arrays(AVAILABLE[[0, 0, 2, 2]], np.array([0, 1, 0, 1])).order is not None
    grouped = ItemLayout.from_groups([2, 0, 1, 2], [0, 1, 0, 1], AVAILABLE[[1, 2, 3, 0]])
    assert grouped.order is None
    assert members(grouped, 0, 1, 2, 2) == {2}
    assert members(grouped, 1, ANY, ANY, 2) == {3, 4}
    assert grouped.languages == ("0", "1", "2")
    assert grouped.source_names == ("0", "1")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2**9 - 1)), max_size=40))
def test_grouping_loses_nothing(drawn: list[tuple[int, int]]) -> None:
    source = np.array([source for source, _ in drawn], dtype=np.int64)
    bits = np.array([bits for _, bits in drawn], dtype=np.int64)
    available = (bits[:, None] >> np.arange(9) & 1).astype(bool)
    layout = ItemLayout.from_arrays(available, source, source_names="abc")
    slots = np.arange(len(layout))
    items, groups = layout.items(slots), layout.groups(slots)
    assert sorted(items.tolist()) == [*range(len(drawn))]
    assert (layout.group_has[groups] == available[items]).all()
    assert (layout.group_source[groups] == source[items]).all()
    keys = np.column_stack((layout.group_source, layout.group_has))
    assert len(np.unique(keys, axis=0)) == len(keys)


def test_from_items_takes_all_over() -> None:
    items = ParallelItems(
        name="tiny",
        languages=("en", "de"),
        passage_id=np.array([7, 7, 9]),
        source=np.array([1, 0, 1]),
        source_names=("a", "b"),
        queries={"en": ["who?", "where?", "when?"], "de": ["wer?", "wo?", None]},
        passages={"en": ["A here.", "A here.", "B now."], "de": ["A hier.", "A hier.", None]},
    )
    layout = ItemLayout.from_items(items)
    assert layout.languages == ("en", "de")
    assert layout.source_names == ("a", "b")
    assert layout.items_per_language().tolist() == [[1, 1], [2, 1]]
    slots = np.arange(3)
    assert (layout.passages(slots) == items.passage_id[layout.items(slots)]).all()


def test_digest_is_stable_and_sees_every_part() -> None:
    layout = small(np.arange(6))
    assert layout.digest() == small(np.arange(6, dtype=np.int32)).digest()
    changes = [
        {"languages": ("en", "de", "tr")},
        {"source_names": ("a", "c")},
        {"group_size": np.roll(layout.group_size, 1)},
        {"group_source": 1 - layout.group_source},
        {"group_has": layout.group_has[::-1]},
        {"passage_id": np.zeros(6, dtype=int)},
        {"passage_id": None},
        {"order": None},
    ]
    digests = {dataclasses.replace(layout, **change).digest() for change in changes}
    assert len(digests | {layout.digest()}) == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group_source": np.array([0])}, r"group_source has shape \(1,\) where \(5,\)"),
        ({"group_has": np.ones((5, 2), dtype=bool)}, "group_has has shape"),
        ({"group_size": np.array([1, 1, -1, 1, 4])}, "group_size has -1, below 0"),
        ({"source_names": ("a",)}, "group_source has a value outside"),
        ({"group_has": np.zeros((5, 3), dtype=bool)}, "group 0 exist in no language"),
        ({"group_size": np.full(5, 2**30)}, "5368709120 items are more than 4294967296"),
        ({"passage_id": np.arange(5)}, r"passage_id has shape \(5,\) where \(6,\)"),
        ({"passage_id": np.zeros(6)}, "passage_id is float64, not integers"),
    ],
)
def test_bad_layouts_are_refused_in_one_sentence(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(small(), **change)


def test_arrays_that_do_not_fit_together() -> None:
    with pytest.raises(ValueError, match=r"available is \(6, 3\), source \(5,\)"):
        ItemLayout.from_arrays(AVAILABLE, SOURCE[:5])
