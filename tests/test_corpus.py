"""Corpus types: what they hold, what they refuse, and how a benchmark follows from items."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hbt.corpus import CorpusError, ParallelItems, ParallelText, benchmark_from_items


def three_items() -> ParallelItems:
    """Items 0 and 1 share a passage; item 2 lacks German."""
    return ParallelItems(
        name="tiny",
        languages=("en", "de"),
        passage_id=np.array([7, 7, 9]),
        source=np.array([0, 0, 0]),
        source_names=("tiny",),
        queries={"en": ["who?", "where?", "when?"], "de": ["wer?", "wo?", None]},
        passages={"en": ["A here.", "A here.", "B now."], "de": ["A hier.", "A hier.", None]},
    )


def test_available_says_where_an_item_exists() -> None:
    assert three_items().available.tolist() == [[True, True], [True, True], [True, False]]
    assert len(three_items()) == 3


def test_benchmark_from_items_pools_shared_passages_once() -> None:
    benchmark = benchmark_from_items(three_items(), "tiny")
    assert list(benchmark.query_texts) == ["who?", "where?", "when?", "wer?", "wo?"]
    assert list(benchmark.passage_texts) == ["A here.", "B now.", "A hier."]
    assert benchmark.query_item.tolist() == [0, 1, 2, 0, 1]
    assert benchmark.passage_language.tolist() == [0, 0, 1]
    pairs = list(zip(benchmark.relevant_query, benchmark.relevant_passage, strict=True))
    assert pairs == [(0, 0), (0, 2), (1, 0), (1, 2), (2, 1), (3, 0), (3, 2), (4, 0), (4, 2)]
    assert benchmark.passage_ids == ["p7-en", "p9-en", "p7-de"]


def test_restrict_keeps_only_the_languages_and_what_they_need() -> None:
    german = benchmark_from_items(three_items(), "tiny").restrict(["de"])
    assert german.languages == ("de",)
    assert list(german.query_texts) == ["wer?", "wo?"]
    assert list(german.passage_texts) == ["A hier."]
    assert german.relevant_passage.tolist() == [0, 0]
    with pytest.raises(CorpusError, match="no language 'fr'"):
        german.restrict(["fr"])
    for languages in ([], ["de", "de"]):
        with pytest.raises(CorpusError, match="are none or have one twice"):
            german.restrict(languages)


def test_digest_is_stable_and_sees_every_text() -> None:
    items = three_items()
    assert items.digest() == three_items().digest()
    passages = {**items.passages, "de": ["A hier.", "A dort.", None]}
    assert dataclasses.replace(items, passages=passages).digest() != items.digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": {"en": ["a", "b", "c"]}}, "queries has no language 'de'"),
        ({"queries": {"en": ["a"], "de": [None]}}, "has 1 texts for 3 items"),
        (
            {"queries": {"en": ["a", "b", "c"], "de": ["a", None, None]}},
            "item 1 lacks its de query",
        ),
        ({"queries": {"en": [" ", "b", "c"], "de": ["a", "b", None]}}, "item 0 has an empty en"),
        ({"source": np.array([0, 0])}, "source has 2 values"),
        ({"source": np.array([0, 0, 3])}, "outside"),
    ],
)
def test_bad_items_are_refused_in_one_sentence(change: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        dataclasses.replace(three_items(), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query_ids": ["a", "a", "b", "c", "d"]}, "query_ids has 'a' twice"),
        ({"query_language": np.array([0, 0, 0, 1, 2])}, "query_language has a value outside"),
        ({"grade": np.zeros(9, dtype=int)}, "grade 0 is below 1"),
        ({"relevant_passage": np.zeros(9, dtype=int)}, "sorted by query and passage"),
        ({"passage_language": np.array([0])}, "passage_language has 1 values where 3"),
    ],
)
def test_bad_benchmarks_are_refused_in_one_sentence(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        dataclasses.replace(benchmark_from_items(three_items(), "tiny"), **change)


def test_parallel_text_restricts_and_refuses() -> None:
    text = ParallelText("t", ("en", "wo"), {"en": ["a", "b"], "wo": ["x", None]}, np.array([0, 1]))
    assert text.restrict(["wo"]).texts == {"wo": ["x", None]}
    assert len(text) == 2
    with pytest.raises(CorpusError, match="has 2 sentences"):
        dataclasses.replace(text, document=np.array([0]))
    with pytest.raises(CorpusError, match="is empty"):
        dataclasses.replace(text, texts={"en": ["a", ""], "wo": ["x", None]})
