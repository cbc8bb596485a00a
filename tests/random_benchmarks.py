"""Benchmarks to try things on: one of real words, and random ones with awkward texts and ids."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from tiny_texts import tiny_items

from hbt.corpus import Benchmark, benchmark_from_items

CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(CHARACTERS, max_size=12)
AWKWARD = st.sampled_from(
    ["a\tb\nc", "\u2028x\x85", '"quoted" \\ back', " blanks ", "ไทย 中文 🙂\r"]
)
IDS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=6)


def tiny_benchmark(n_items: int = 24) -> Benchmark:
    """Four languages; some items lack Chinese, two share their passage."""
    return benchmark_from_items(tiny_items(n_items), "tiny", np.arange(n_items) // 4)


@st.composite
def benchmarks(draw: st.DrawFn) -> Benchmark:
    """Every query has a relevant passage and every language a record; all else is free."""
    n_queries, n_passages = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    languages = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    languages = tuple(languages[: n_queries + n_passages])
    column = st.integers(0, len(languages) - 1)
    of_record = draw(
        st.lists(column, min_size=n_queries + n_passages, max_size=n_queries + n_passages)
    )
    of_record[: len(languages)] = range(len(languages))
    of_record = draw(st.permutations(of_record))
    relevant = [
        sorted(draw(st.sets(st.integers(0, n_passages - 1), min_size=1))) for _ in range(n_queries)
    ]
    pairs = [(query, passage) for query, rows in enumerate(relevant) for passage in rows]
    whole = st.integers(-(2**63), 2**63 - 1)
    query_text = (TEXTS | AWKWARD).filter(str.strip)
    return Benchmark(
        name=draw(TEXTS),
        languages=languages,
        query_texts=draw(st.lists(query_text, min_size=n_queries, max_size=n_queries)),
        query_language=np.array(of_record[:n_queries], dtype=np.int64),
        query_item=np.array([draw(whole) for _ in range(n_queries)], dtype=np.int64),
        query_cluster=np.array([draw(whole) for _ in range(n_queries)], dtype=np.int64),
        passage_texts=draw(st.lists(TEXTS | AWKWARD, min_size=n_passages, max_size=n_passages)),
        passage_language=np.array(of_record[n_queries:], dtype=np.int64),
        relevant_query=np.array([query for query, _ in pairs], dtype=np.int64),
        relevant_passage=np.array([passage for _, passage in pairs], dtype=np.int64),
        grade=np.array([draw(st.integers(1, 5)) for _ in pairs], dtype=np.int64),
        query_ids=draw(st.lists(IDS, min_size=n_queries, max_size=n_queries, unique=True)),
        passage_ids=draw(st.lists(IDS, min_size=n_passages, max_size=n_passages, unique=True)),
    )


def assert_same(one: Benchmark, other: Benchmark) -> None:
    """Equal in every field, the name included."""
    assert (one.name, one.languages) == (other.name, other.languages)
    assert list(one.query_texts) == list(other.query_texts)
    assert list(one.passage_texts) == list(other.passage_texts)
    assert list(one.query_ids) == list(other.query_ids)
    assert list(one.passage_ids) == list(other.passage_ids)
    np.testing.assert_array_equal(one.grade, other.grade)
    assert one.digest() == other.digest()
