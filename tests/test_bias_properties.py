"""What `MEASURES` says of each measure, held against rankings drawn with a known bias."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from bias_worlds import counts_of, parallel_world, scorer
from hypothesis import given, settings
from hypothesis import strategies as st

from hbt import bias

N_LANGUAGES = 3
LARGER, BETTER, PERFECT = {"distractors": 1200}, {"quality": 4.5}, {"quality": 30.0}
KEYS = [key for measure in bias.MEASURES for key in measure.keys]


@cache
def values(copies: int = 1, **world: float) -> dict[str, float]:
    """Every measure of 100 items in three languages, at k = the number of relevant passages."""
    benchmark, scores = parallel_world(n_items=100, copies=copies, **world)
    counts = counts_of(benchmark, scores)
    found = bias.summary(benchmark, counts, scorer(scores), k=N_LANGUAGES * copies)["measures"]
    return {key: each["value"] for key, each in found.items()}


def of(key: str, **world: float) -> float:
    """One measure; PEER in a world with three relevant passages a language, where it is alive."""
    return values(3 if key.startswith("peer") else 1, **world)[key]


def test_every_measure_of_the_summary_is_described() -> None:
    assert sorted(KEYS) == sorted(values())


@pytest.mark.parametrize("measure", bias.MEASURES, ids=lambda measure: measure.name)
@pytest.mark.parametrize("change", ["larger_pool", "better_retrieval"])
def test_what_else_moves_it(measure: bias.Measure, change: str) -> None:
    key = measure.keys[0]
    base = of(key, own_language=1.5)
    moved = of(key, own_language=1.5, **(LARGER if change == "larger_pool" else BETTER))
    said = getattr(measure, change)
    if said == "none":
        assert all(
            of(each, own_language=1.5) == of(each, own_language=1.5, **world)
            for each in measure.keys
            for world in (LARGER, BETTER)
        )
    elif said == "moves":
        assert abs(moved - base) > 1e-3
    else:
        assert said == ("up" if moved > base else "down")
        assert abs(moved - base) > 0.03 * abs(base)


NO_SIGN = {"removal_other", "peer_not_relevant"}
"""One is read beside removal_same; the other is 1 where one language is alone, see below."""


@pytest.mark.parametrize("key", [key for key in KEYS if key not in NO_SIGN])
def test_bias_shows_in_every_measure(key: str) -> None:
    """A bonus for the own language moves each to the side that is called more biased."""
    if key == "peer":
        assert of(key, own_language=1.5) < of(key) - 0.05
        return
    measure = next(each for each in bias.MEASURES if key in each.keys)
    change = of(key, own_language=1.5) - of(key)
    assert (change < 0) == (measure.better == "higher")


def test_peer_calls_a_top_in_one_language_fair() -> None:
    """The blind spot of grade 0: with enough bias no other language is left to compare."""
    assert of("peer_not_relevant", own_language=1.5) > of("peer_not_relevant") + 0.2
    assert of("peer_not_relevant", own_language=10.0) == pytest.approx(1)
    assert of("bias_index", own_language=10.0) > 0.6


def test_the_oracle_has_the_values_that_are_stated() -> None:
    one, three = values(**PERFECT), values(3, **PERFECT)
    for found, n in ((one, 3), (three, 9)):
        assert found["rank_distance"] == n - 1
        assert found["max_rank"] == n
        assert found["max_rank_normalised"] == pytest.approx(100)
        assert found["complete"] == 1
        assert found["target_language_recall"] == 1
        assert found["peer_not_relevant"] == 1
        assert found["mean_rank_correlation"] == pytest.approx(0, abs=6)
        assert found["same_language_first"] == pytest.approx(1 / 3, abs=0.05)
        assert found["same_language_pairs"] == pytest.approx(1 / 2, abs=0.05)
        for key in ("removal_same", "removal_other", "removal_difference", "bias_index"):
            assert found[key] == pytest.approx(0, abs=1e-9), key
        assert found["own_language_surplus"] == pytest.approx(0, abs=1e-9)
    assert one["peer"] is None
    assert three["peer"] == pytest.approx(0.45, abs=0.07)


def test_mix_of_an_oracle_that_is_cut_short_still_shows_preference() -> None:
    """With k below the number of relevant passages, better retrieval does not hide it all."""
    benchmark, scores = parallel_world(n_items=100, own_language=1.5, quality=30.0)
    mix = bias.language_mix(benchmark, counts_of(benchmark, scores), k=1)
    assert (bias.bias_index(mix)["bias_index"] > 0.3).all()


def test_peer_of_ranks_within_the_grade_is_moved_by_neither() -> None:
    found = []
    for world in ({}, LARGER, BETTER):
        benchmark, scores = parallel_world(n_items=30, copies=3, own_language=1.5, **world)
        found.append(bias.peer(benchmark, counts_of(benchmark, scores), ranks="grade"))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_peer_with_a_cut_off_rises_when_retrieval_fails() -> None:
    """Parallel passages, k = 3: a constant, and 1 for queries that find nothing at all."""
    found = []
    for quality in (4.5, 3.0, 0.0):
        benchmark, scores = parallel_world(n_items=100, quality=quality)
        found.append(bias.peer(benchmark, counts_of(benchmark, scores), 3).mean())
    assert found[0] < found[1] < found[2]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    order=st.permutations(range(N_LANGUAGES)),
    copies=st.integers(1, 2),
    tied=st.booleans(),
)
def test_relabelling_languages_permutes_and_does_nothing_else(
    seed: int, order: list[int], copies: int, tied: bool
) -> None:
    benchmark, scores = parallel_world(
        n_items=6, copies=copies, own_language=1.0, distractors=7, seed=seed
    )
    scores = np.round(scores) if tied else scores
    new = np.array(order)  # language index -> its new index
    renamed = dataclasses.replace(
        benchmark,
        query_language=new[benchmark.query_language],
        passage_language=new[benchmark.passage_language],
    )
    name = {benchmark.languages[i]: benchmark.languages[j] for i, j in enumerate(order)}
    before, after = (
        bias.summary(each, counts_of(each, scores), scorer(scores), k=4)
        for each in (benchmark, renamed)
    )
    assert before["ties"]["share"] == after["ties"]["share"]
    for key, old in before["measures"].items():
        found = after["measures"][key]
        assert (old["reason"], old["n_queries"]) == (found["reason"], found["n_queries"])
        if old["value"] is None:
            continue
        assert old["value"] == pytest.approx(found["value"]), key
        moved = {name[language]: value for language, value in old["by_query_language"].items()}
        assert moved == pytest.approx(found["by_query_language"]), key
    for table, keys, numbers in (
        ("language_mix", ("query_language", "passage_language"), ("share", "expected", "ratio")),
        ("removal", ("query_language", "removed_language"), ("loss", "n_removed")),
    ):
        old, found = (
            {tuple(rename(row[key]) for key in keys): [row[n] for n in numbers] for row in rows}
            for rename, rows in ((name.get, before[table]), (str, after[table]))
        )
        assert old.keys() == found.keys()
        for cell, row in old.items():
            assert row == pytest.approx(found[cell])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), own_language=st.floats(-3, 3), quality=st.floats(-3, 6))
def test_values_stay_in_their_ranges(seed: int, own_language: float, quality: float) -> None:
    benchmark, scores = parallel_world(
        n_items=5, copies=2, own_language=own_language, quality=quality, seed=seed, distractors=5
    )
    n_passages, n_relevant = len(benchmark.passage_texts), 6
    frame = bias.per_query(benchmark, counts_of(benchmark, scores), scorer(scores), k=4)
    ends = {
        "rank_distance": (n_relevant - 1, n_passages - 1),
        "max_rank": (n_relevant, n_passages),
        "max_rank_normalised": (0, 100),
        "mean_rank_correlation": (-100, 100),
        "removal_same": (-1, 1),
        "removal_other": (-1, 1),
        "removal_difference": (-1, 1),
        "own_language_surplus": (-1, 1),
    }
    for key in set(KEYS) - {"bias_index"}:
        low, high = ends.get(key, (0, 1))
        assert frame[key].dropna().between(low - 1e-9, high + 1e-9).all(), key


def test_the_documentation_has_the_table() -> None:
    page = (Path(__file__).parent.parent / "docs" / "language-bias.md").read_text("utf-8")
    table = bias.measure_table()
    for row in (list(table.columns), *table.to_numpy().tolist()):
        assert "| " + " | ".join(row) + " |" in page
