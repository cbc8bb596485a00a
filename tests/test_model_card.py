"""The card of a trained model: what it was trained on."""

from __future__ import annotations

import pytest
from process_worker import items_of

from hbt.model_card import CardFacts, card_text
from hbt.suite.train_outputs import _sources


def card(data: str, sources: dict[str, tuple[int, int]]) -> list[str]:
    facts = CardFacts(
        title="x",
        base_model="a/b",
        base_revision="c0ffee",
        dimension=4,
        max_length=256,
        query_prefix="Query: ",
        passage_prefix="",
        languages=["en", "sw"],
        data=data,
        data_digest="0" * 64,
        sources=sources,
        plan={"sampling": "hybrid", "alpha": 0.5, "seed": 1},
        training={"steps": 10},
        plan_digest="1" * 64,
        kinds={"monolingual": 6, "cross-lingual": 4},
        seconds=3.0,
        development=None,
        provenance={},
        versions={"torch": "2"},
        command="hbt train",
    )
    return card_text(facts).splitlines()


@pytest.mark.parametrize(
    ("data", "sources", "rows"),
    [
        ("mmarco", {"mMARCO": (1234, 1)}, ["mmarco", "1,234", "1"]),
        ("mlqa-r", {"MLQA-R": (5, 0)}, ["mlqa-r", "5", "0"]),
        (
            "mmarco+miracl",
            {"mMARCO": (1000, 1), "MIRACL": (234, 1)},
            ["mmarco+miracl", "1,234 (mMARCO: 1,000, MIRACL: 234)", "1"],
        ),
        (
            "mmarco+mlqa-r",
            {"mMARCO": (10, 2), "MLQA-R": (5, 0)},
            [
                "mmarco+mlqa-r",
                "15 (mMARCO: 10, MLQA-R: 5)",
                "up to 2 (mMARCO: 2, MLQA-R: 0)",
            ],
        ),
    ],
)
def test_it_says_what_the_model_was_trained_on(
    data: str, sources: dict[str, tuple[int, int]], rows: list[str]
) -> None:
    lines = card(data, sources)
    names = ("data", "items", "hard negatives of an item")
    for name, value in zip(names, rows, strict=True):
        assert f"| {name} | {value} |" in lines


def test_sources_are_counted() -> None:
    assert _sources(items_of({"negatives": 2, "mix": True})) == {
        "tiny": (256, 2),
        "plain": (256, 0),
    }
    assert _sources(items_of({})) == {"tiny": (256, 0)}
