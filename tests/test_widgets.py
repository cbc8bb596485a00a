"""The query explorer: what it finds, and that its controls show it."""

from __future__ import annotations

import numpy as np
import pytest
from test_bias import make_benchmark

from hbt.corpus import Benchmark
from hbt.suite.widgets import QueryExplorer

# Languages a, b, c; queries of items 0, 1 in a and 0, 1 in b; passages 0 and 1 are copies of one
# text, 2 and 3 of another, 4 answers nothing.
AXES = np.eye(3, dtype=np.float32)
QUERIES = AXES[[0, 1, 0, 1]]
PASSAGES = np.stack([AXES[0], 0.9 * AXES[0], AXES[1], 0.9 * AXES[1], AXES[2]])


@pytest.fixture
def benchmark() -> Benchmark:
    made = make_benchmark([0, 0, 1, 1], [0, 1, 0, 1, 2], [[0, 1], [2, 3], [0, 1], [2, 3]])
    texts = ["<dog>", "Hund", "cat", "Katze", "ciel"]
    values = dict(vars(made))
    values |= {
        "query_texts": ["dog?", "cat?", "Hund?", "Katze?"],
        "query_item": np.array([0, 1, 0, 1]),
        "passage_texts": texts,
    }
    return Benchmark(**values)


@pytest.fixture
def explorer(benchmark: Benchmark) -> QueryExplorer:
    systems = {"good": (QUERIES, PASSAGES), "bad": (QUERIES, PASSAGES[::-1])}
    return QueryExplorer(benchmark, systems, {"a": "A-ish", "b": "B-ish"}, gloss_language="a")


def test_top_is_the_order_of_the_inner_products(explorer: QueryExplorer) -> None:
    table = explorer.top("good", 3, k=2)
    assert table.to_dict("list") == {
        "place": [1, 2],
        "language": ["a", "b"],
        "passage": ["cat", "Katze"],
        "gloss": ["cat", "cat"],
        "relevant": ["yes", "yes"],
    }
    assert explorer.top("bad", 3, k=2).relevant.tolist() == ["yes", ""]
    assert len(explorer.top("good", 0, k=99)) == 5


def test_glosses_are_the_parallel_copies(explorer: QueryExplorer) -> None:
    assert [explorer.gloss(row) for row in range(4)] == ["dog?", "cat?", "dog?", "cat?"]
    everything = explorer.top("good", 0)
    assert dict(zip(everything.passage, everything.gloss, strict=True)) == {
        "<dog>": "<dog>",
        "Hund": "<dog>",
        "cat": "cat",
        "Katze": "cat",
        "ciel": "",
    }


def test_without_the_gloss_language_nothing_is_glossed(benchmark: Benchmark) -> None:
    explorer = QueryExplorer(benchmark, {"good": (QUERIES, PASSAGES)}, {}, gloss_language="en")
    assert explorer.gloss(0) == ""
    assert explorer.top("good", 0).gloss.eq("").all()


def test_html_tells_direction_language_and_relevance_and_escapes(explorer: QueryExplorer) -> None:
    page = explorer.html(2, k=2)
    assert "B-ish (b):" in page
    assert '<span dir="auto" lang="b">Hund?</span>' in page
    assert "&lt;dog&gt;" in page
    assert "<dog>" not in page
    assert "good: 2 of the first 2 are relevant" in page
    assert page.count("✓") == 2 + 2  # a caption each; "bad" has none of its own


def test_the_controls_change_what_is_shown(explorer: QueryExplorer) -> None:
    box = explorer.widget("b", 3)
    language, query, found = box.children
    assert (language.value, query.value) == ("b", 3)
    assert found.value == explorer.html(3)
    query.value = 2
    assert found.value == explorer.html(2)
    language.value = "a"
    assert [row for _, row in query.options] == [0, 1]
    assert found.value == explorer.html(query.value)
    assert [code for _, code in language.options] == ["a", "b"]  # c asks nothing


def test_choices_are_told_in_both_languages(explorer: QueryExplorer) -> None:
    choices = explorer.widget("b").children[1].options
    assert choices[0] == ("\u2068Hund?\u2069 = \u2068dog?\u2069", 2)
    assert explorer.widget("a").children[1].options[0] == ("dog?", 0)


def test_many_queries_are_thinned_but_the_chosen_one_stays(
    explorer: QueryExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hbt.suite.widgets._CHOICES", 1)
    assert [row for _, row in explorer.widget("a").children[1].options] == [0]
    assert [row for _, row in explorer.widget("a", 1).children[1].options] == [1, 0]
