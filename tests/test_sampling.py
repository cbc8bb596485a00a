"""The plan: pure, pinned and free of clashes, at any size."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import re
import subprocess
import sys
import tracemalloc
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling_examples import (
    LANGUAGES,
    check,
    digests,
    plan_for,
    three_sources,
    two_hundred_thousand,
)

from hbt.sampling import (
    ANY,
    CROSS_LINGUAL,
    MONOLINGUAL,
    SAMPLINGS,
    ItemLayout,
    Plan,
    PlanBatchSampler,
    PlanSettings,
    pack,
    unpack,
)

# The same batches for ever

PINNED = [
    ({"sampling": "X-X-mono"}, "908711bc1be1162e"),
    ({"sampling": "X-Y"}, "8513b6109bbeae06"),
    ({"sampling": "hybrid"}, "30c655db00857e92"),
    ({"sampling": "X-X"}, "fac544a93c0c2fc6"),
    ({"sampling": "X-X-mono", "order": "independent"}, "1d8ebe543e8b9850"),
    ({"sampling": "X-Y", "order": "independent"}, "92594d21d3b08905"),
    ({"sampling": "hybrid", "order": "independent"}, "15268542465ff427"),
    ({"sampling": "X-X", "order": "independent"}, "405699017e8cd87f"),
    ({"order": "independent", "pair_draw": "pair-first"}, "1989e865a01d430d"),
    ({"one_pair_per_batch": True}, "94979f864322947c"),
    ({"alpha": 0.3, "language_temperature": 1.0, "source_temperature": 0.0}, "b0f69b379441ad26"),
]


@pytest.mark.parametrize(("options", "pinned"), PINNED)
def test_batches_are_pinned(options: dict[str, object], pinned: str) -> None:
    """A change here breaks every stored run: raise PLAN_VERSION, and say why."""
    total = hashlib.sha256()
    for layout in (three_sources(), two_hundred_thousand()):
        plan = plan_for(layout, seed=2408, **options)
        for step in (*range(60), 10_536, 123_456):
            total.update(plan(step).digest().encode())
    assert total.hexdigest()[:16] == pinned


@pytest.mark.parametrize("order", ["passes", "independent"])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_any_step_can_be_asked_for_at_any_time(sampling: str, order: str) -> None:
    straight = digests(plan_for(sampling=sampling, order=order), 120)
    again = plan_for(sampling=sampling, order=order)
    shuffled = np.random.default_rng(0).permutation(120)
    assert [again(int(step)).digest() for step in shuffled] == [straight[s] for s in shuffled]
    for step in (119, 3):  # from nothing
        assert plan_for(sampling=sampling, order=order)(step).digest() == straight[step]
    assert len(set(straight)) == 120


def test_seeds_differ_and_global_random_numbers_do_not_matter() -> None:
    first = digests(plan_for(), 20)
    np.random.seed(0)  # noqa: NPY002
    assert digests(plan_for(), 20) == first
    assert not set(digests(plan_for(seed=1), 20)) & set(first)


def test_digest_sees_every_part() -> None:
    batch = plan_for()(0)
    changes = [
        {"step": 1},
        {"kind": "other"},
        {"source": 5},
        {"item": batch.item[::-1]},
        {"query_language": batch.query_language + 1},
        {"passage_language": batch.passage_language + 1},
    ]
    changed = {dataclasses.replace(batch, **change).digest() for change in changes}
    assert len(changed | {batch.digest()}) == 7
    assert dataclasses.replace(batch, item=batch.item.astype(np.int32)).digest() == batch.digest()


def test_a_plan_survives_pickling() -> None:
    plan = plan_for()
    plan(5)
    assert digests(pickle.loads(pickle.dumps(plan)), 20) == digests(plan_for(), 20)


# What is in a batch

LAYOUTS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 15), st.integers(0, 9), st.integers(1, 6)),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=150)
@given(
    drawn=LAYOUTS,
    sampling=st.sampled_from(SAMPLINGS),
    order=st.sampled_from(["passes", "independent"]),
    pair_draw=st.sampled_from(["item-first", "pair-first"]),
    one_pair_per_batch=st.booleans(),
    batch_size=st.integers(1, 6),
    step=st.integers(0, 300),
)
def test_every_batch_is_sound_or_the_plan_is_refused(
    drawn: list[tuple[int, int, int, int]], batch_size: int, step: int, **options: object
) -> None:
    source, bits, passage, copies = (np.array(column) for column in zip(*drawn, strict=True))
    source, bits, passage = (np.repeat(column, copies) for column in (source, bits, passage))
    shuffle = np.random.default_rng(0).permutation(len(source))
    available = (bits[shuffle, None] >> np.arange(4) & 1).astype(bool)
    layout = ItemLayout.from_arrays(available, source[shuffle], passage[shuffle], LANGUAGES, "ab")
    plan, refusal = None, ""
    try:
        plan = plan_for(layout, batch_size=batch_size, **options)
    except ValueError as error:
        refusal = str(error)
    if plan is None:
        assert re.search("but a batch needs|no source has items|so it has no passes", refusal)
        return
    for number in range(step, step + 3):
        check(plan(number), layout, batch_size)


def test_clashes_leave_the_pair_with_its_item() -> None:
    layout = ItemLayout.from_groups(
        [6, 6, 6], [0] * 3, [[1, 1, 0], [0, 1, 1], [1, 0, 1]], np.arange(18) // 3
    )
    plan = plan_for(
        layout, batch_size=5, order="independent", pair_draw="pair-first", sampling="X-Y"
    )
    for step in range(60):
        check(plan(step), layout, 5)


def test_a_pass_of_each_stream_comes_before_the_next() -> None:
    layout = three_sources()
    plan = plan_for(layout, sampling="hybrid")
    used = defaultdict(Counter)
    for step in range(3000):
        batch = plan(step)
        language = int(batch.query_language[0]) if batch.kind == MONOLINGUAL else ANY
        used[batch.source, language].update(batch.item.tolist())
    sizes = layout.items_per_language()
    assert len(used) == 4 + 4 + 1 + 2
    for (source, language), counts in used.items():
        size = layout.items_with(2)[source] if language == ANY else sizes[source, language]
        passes = sum(counts.values()) / (size - size % 8)
        assert max(counts.values()) <= np.ceil(passes)
        assert len(counts) == size or passes < 2


def test_languages_that_no_item_has_are_in_no_stream() -> None:
    layout = ItemLayout.from_groups([50, 50], [0, 1], [[1, 1, 0], [0, 1, 1]])
    for sampling in SAMPLINGS:
        plan = plan_for(layout, sampling=sampling)
        for step in range(60):
            batch = plan(step)
            absent = {0: 2, 1: 0}[batch.source]
            assert absent not in batch.query_language
            assert absent not in batch.passage_language


def test_source_without_parallel_languages_feeds_monolingual_batches_only() -> None:
    steps = plan_for().schedule(0, 4000)
    assert set(steps.source[steps.kind == MONOLINGUAL]) == {0, 1, 2}
    assert set(steps.source[steps.kind == CROSS_LINGUAL]) == {0, 1}


# Words about a plan


def test_arguments_make_the_plan_again() -> None:
    plan = plan_for(alpha=0.25, seed=9)
    stored = json.loads(json.dumps(plan.arguments()))
    assert stored.pop("layout") == three_sources().digest()
    assert stored.pop("plan_version") == 1
    assert digests(Plan(PlanSettings(**stored), three_sources()), 10) == digests(plan, 10)


def test_description() -> None:
    assert plan_for().describe().splitlines() == [
        "hybrid with alpha 0.5, 8 examples a batch, order passes, seed 0",
        "monolingual: streams 9, items 100 to 400, batches a pass 12 to 50, from a, b, c",
        "cross-lingual: streams 2, items 200 to 400, batches a pass 25 to 50, from a, b",
    ]


# Batches for torch


def test_processes_share_a_batch_in_slices() -> None:
    plan = plan_for()
    parts = [[*PlanBatchSampler(plan, 12, rank=rank, world=4)] for rank in range(4)]
    for step in range(12):
        together = np.concatenate([part[step] for part in parts])
        item, query_language, passage_language = unpack(together, 4)
        batch = plan(step)
        assert (item == batch.item).all()
        assert (query_language == batch.query_language).all()
        assert (passage_language == batch.passage_language).all()
    assert {len(row) for part in parts for row in part} == {2}
    assert all(type(index) is int for index in parts[0][0])


def test_resuming_yields_the_rest() -> None:
    sampler = PlanBatchSampler(plan_for(), 20)
    everything = [*sampler]
    assert len(sampler) == 20
    assert [*sampler] == everything  # it can be gone through again
    rest = PlanBatchSampler(plan_for(), 20, start_step=13)
    assert len(rest) == 7
    assert [*rest] == everything[13:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_steps": 5, "start_step": 6}, "start_step is 6, not from 0 to n_steps, 5"),
        ({"n_steps": 5, "rank": 2, "world": 2}, "rank is 2, not from 0 to below world, 2"),
        ({"n_steps": 5, "world": 3}, "batch_size 8 is no multiple of 3"),
    ],
)
def test_bad_samplers_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlanBatchSampler(plan_for(), **arguments)


@given(st.integers(0, 2**32), st.integers(0, 199), st.integers(0, 199))
def test_packing_can_be_undone(item: int, query_language: int, passage_language: int) -> None:
    packed = pack(np.array([item]), np.array([query_language]), np.array([passage_language]), 200)
    assert unpack(int(packed[0]), 200) == (item, query_language, passage_language)


# Size


def test_forty_million_items_take_no_memory_of_their_own() -> None:
    sizes = [1469, 3547, 33298, 59496, 113535, 135557, 176975, 3567659, 35908464]
    random = np.random.default_rng(0)
    group_sizes, sources, languages = [], [], []
    for source, size in enumerate(sizes):
        n_groups = 1 if source in (1, 7) else 20
        group_sizes += [size // n_groups] * n_groups
        sources += [source] * n_groups
        for group in range(n_groups):
            mask = random.random(110) < 0.7
            mask[:] = mask if group else (np.arange(110) == 0 if n_groups == 1 else True)
            languages.append(mask)
    tracemalloc.start()
    try:
        layout = ItemLayout.from_groups(group_sizes, sources, np.array(languages))
        plan = plan_for(layout, batch_size=64)
        for step in range(30):
            assert len(np.unique(plan(step).item)) == 64
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(layout) > 39_900_000
    assert peak < 20e6  # bytes; one bit per item would be 5e6, a shuffled index 320e6


def test_importing_it_brings_numpy_alone() -> None:
    code = (
        "import sys, numpy; before = {name.partition('.')[0] for name in sys.modules};"
        "import hbt.sampling; after = {name.partition('.')[0] for name in sys.modules};"
        "print(*(after - before - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["hbt"]
