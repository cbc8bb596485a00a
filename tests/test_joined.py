"""Training data of several sources as one: texts, languages, sources, passage ids, batches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hbt.corpus import CorpusError, ParallelItems
from hbt.sampling import CROSS_LINGUAL, MONOLINGUAL, ItemLayout, Plan, PlanSettings
from hbt.sources.joined import JoinedTexts, NoTexts, join_items


def items(name: str, texts: dict[str, list[str | None]], passage_id: list[int]) -> ParallelItems:
    return ParallelItems(
        name=name,
        languages=tuple(texts),
        passage_id=np.array(passage_id),
        source=np.zeros(len(passage_id), dtype=np.int64),
        source_names=(name,),
        queries={code: [text and f"{text}?" for text in each] for code, each in texts.items()},
        passages=texts,
    )


@given(
    parts=st.lists(st.lists(st.none() | st.text("ab", min_size=1), max_size=5), max_size=4),
    data=st.data(),
)
def test_joined_texts_behave_like_a_list(parts: list[list[str | None]], data: st.DataObject):
    whole = [text for part in parts for text in part]
    joined = JoinedTexts([part if any(part) else NoTexts(len(part)) for part in parts])
    assert len(joined) == len(whole)
    assert list(joined) == whole
    assert joined.presence().tolist() == [text is not None for text in whole]
    different, number = joined.distinct()
    assert [different[row] for row in number] == whole
    assert number.dtype == np.int32
    assert len(different) == sum(len({*part}) for part in parts)
    bound = st.none() | st.integers(-25, 25)
    cut = slice(data.draw(bound), data.draw(bound), data.draw(st.sampled_from([None, 1, 2, -1])))
    assert list(joined[cut]) == whole[cut]
    for index in range(-len(whole), len(whole)):
        assert joined[index] == whole[index]
    with pytest.raises(IndexError):
        joined[len(whole)]


def test_items_of_two_sources_keep_their_texts_and_never_share_a_passage() -> None:
    parallel = items("both", {"en": ["a", "b"], "de": ["A", None]}, [7, 7])
    alone = items("one", {"sw": ["x", "y", "z"]}, [7, 3, 7])
    joined = join_items("all", [parallel, alone])
    assert joined.languages == ("en", "de", "sw")
    assert joined.source_names == ("both", "one")
    assert joined.source.tolist() == [0, 0, 1, 1, 1]
    assert joined.passage_id.tolist() == [7, 7, 15, 11, 15]
    assert list(joined.passages["de"]) == ["A", None, None, None, None]
    assert list(joined.queries["sw"]) == [None, None, "x?", "y?", "z?"]
    assert joined.available.sum(axis=0).tolist() == [2, 1, 3]
    as_lists = ParallelItems(
        "all",
        joined.languages,
        joined.passage_id,
        joined.source,
        joined.source_names,
        {code: list(column) for code, column in joined.queries.items()},
        {code: list(column) for code, column in joined.passages.items()},
    )
    assert joined.digest() == as_lists.digest()


def test_sources_of_one_name_are_one_source() -> None:
    joined = join_items("x", [items("x", {"sw": ["a"]}, [0]), items("x", {"yo": ["b"]}, [0])])
    assert joined.source_names == ("x",)
    assert joined.source.tolist() == [0, 0]
    assert joined.passage_id.tolist() == [0, 1]
    mine = items("x", {"sw": ["a"]}, [0])
    other = dataclasses.replace(mine, negatives=({"sw": ["b"]},), negative_id=np.array([[3]]))
    with pytest.raises(
        CorpusError, match="item 0 has not the same hard negatives as other items of x"
    ):
        join_items("x", [other, mine])
    both = join_items("x", [other, other])
    assert both.passage_id.tolist() == [0, 4]
    assert both.negative_id is not None
    assert both.negative_id.tolist() == [[3], [7]]
    assert list(both.negatives[0]["sw"]) == ["b", "b"]
    with pytest.raises(CorpusError, match="nothing: there are no training data to join"):
        join_items("nothing", [])


def test_sources_may_differ_in_their_hard_negatives() -> None:
    mine = items("mine", {"sw": ["a", "b"]}, [-2, 0])
    other = items("other", {"sw": ["c"], "de": ["C"]}, [1])
    texts = ({"sw": ["d"], "de": ["D"]}, {"sw": ["e"], "de": ["E"]})
    hard = dataclasses.replace(other, negatives=texts, negative_id=np.array([[0, 5]]))
    joined = join_items("all", [mine, hard, mine])
    assert joined.n_negatives.tolist() == [0, 2]
    assert joined.passage_id.tolist() == [0, 2, 4, 9, 11]
    assert joined.negative_id.tolist() == [[-1, -1], [-1, -1], [3, 8], [-1, -1], [-1, -1]]
    assert list(joined.negatives[0]["de"]) == [None, None, "D", None, None]
    assert list(joined.negatives[1]["sw"]) == [None, None, "e", None, None]
    assert join_items("none", [mine, other]).n_negatives.tolist() == [0, 0]
    again = join_items("again", [joined, hard])
    assert again.negative_id[2:].tolist() == [[3, 8], [-1, -1], [-1, -1], [12, 17]]
    without_id = np.where(joined.negative_id == 8, -1, joined.negative_id)
    with pytest.raises(CorpusError, match="negative 2 of item 2 has no negative_id"):
        dataclasses.replace(joined, negative_id=without_id)
    with pytest.raises(CorpusError, match="item 0 lacks its sw negative 1"):
        dataclasses.replace(joined, negative_id=np.maximum(joined.negative_id, 0))


@pytest.mark.parametrize("order", ["passes", "independent"])
def test_only_monolingual_batches_come_from_a_source_without_parallel_languages(order: str) -> None:
    parallel = items(
        "both", {code: [f"{code}{i}" for i in range(40)] for code in "ab"}, [*range(40)]
    )
    alone = items("one", {"c": [f"c{i}" for i in range(80)]}, [*range(80)])
    joined = join_items("all", [parallel, alone])
    settings = PlanSettings(sampling="hybrid", alpha=0.5, batch_size=8, seed=3, order=order)
    plan = Plan(settings, ItemLayout.from_items(joined))
    seen = set()
    for step in range(300):
        batch = plan(step)
        seen.add((batch.kind, joined.source_names[batch.source]))
        assert (joined.source[batch.item] == batch.source).all()
        assert joined.available[batch.item, batch.query_language].all()
        assert joined.available[batch.item, batch.passage_language].all()
    assert seen == {(MONOLINGUAL, "both"), (MONOLINGUAL, "one"), (CROSS_LINGUAL, "both")}
    with pytest.raises(ValueError, match="no source has items in two or more languages"):
        Plan(PlanSettings(sampling="X-Y", batch_size=8, seed=3), ItemLayout.from_items(alone))
