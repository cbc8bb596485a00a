"""Whose turn it is at a step: samplings side by side, and true to their probabilities."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict

import numpy as np
import pytest
from sampling_examples import OPTIONS, check, digests, one_source, plan_for, three_sources
from scipy.stats import chisquare

from hbt.sampling import ANY, CROSS_LINGUAL, MIXED, MONOLINGUAL, Batch, ItemLayout, Plan
from hbt.streams import Schedule

# Samplings and each other


@pytest.mark.parametrize("options", OPTIONS)
def test_alpha_one_and_zero_are_the_baselines(options: dict[str, object]) -> None:
    for alpha, sampling in ((1.0, "X-X-mono"), (0.0, "X-Y")):
        hybrid = plan_for(sampling="hybrid", alpha=alpha, **options)
        assert digests(hybrid, 150) == digests(plan_for(sampling=sampling, **options), 150)


@pytest.mark.parametrize("options", OPTIONS)
def test_hybrid_goes_through_the_streams_of_the_baselines(options: dict[str, object]) -> None:
    def by_stream(sampling: str) -> dict[tuple[str, int, int, int], list[Batch]]:
        plan = plan_for(sampling=sampling, **options)
        steps, found = plan.schedule(0, 400), defaultdict(list)
        streams = (steps.kind, steps.source, steps.query_language, steps.passage_language)
        for step, stream in enumerate(zip(*(part.tolist() for part in streams), strict=True)):
            found[stream].append(dataclasses.replace(plan(step), step=0).digest())
        return found

    hybrid = by_stream("hybrid")
    baselines = by_stream("X-X-mono") | by_stream("X-Y")
    for stream in hybrid.keys() & baselines.keys():
        for ours, theirs in zip(hybrid[stream], baselines[stream], strict=False):
            assert ours == theirs


def test_a_larger_alpha_only_turns_steps_monolingual() -> None:
    few = plan_for(alpha=0.3).schedule(0, 2000)
    many = plan_for(alpha=0.6).schedule(0, 2000)
    turned = few.kind != many.kind
    assert set(few.kind[turned]) == {CROSS_LINGUAL}
    assert (few.source[~turned] == many.source[~turned]).all()
    assert 0.25 < turned.mean() < 0.35


def test_schedule_tells_what_the_batches_do() -> None:
    for options in ({}, {"sampling": "X-X"}, {"one_pair_per_batch": True}):
        plan = plan_for(**options)
        steps = plan.schedule(30, 90)
        for index, step in enumerate(range(30, 90)):
            batch = plan(step)
            assert (steps.kind[index], steps.source[index]) == (batch.kind, batch.source)
            for told, found in (
                (steps.query_language[index], batch.query_language),
                (steps.passage_language[index], batch.passage_language),
            ):
                assert told == ANY or (found == told).all()


def test_steps_are_numbered_in_their_stream_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_for()
    monkeypatch.setattr(Schedule, "_BLOCK", 7)
    seen: Counter[int] = Counter()
    streams = plan._schedule.streams(0, 100)
    expected = []
    for stream in streams.tolist():
        expected.append((stream, seen[stream]))
        seen[stream] += 1
    for step in (99, *range(100)):
        assert plan_for()._schedule.locate(step) == expected[step]
        assert plan._schedule.locate(step) == expected[step]


@pytest.mark.parametrize("options", OPTIONS)
def test_streams_draw_from_places_of_their_own(options: dict[str, object]) -> None:
    table = plan_for(**options)._streams
    assert len({table.address(row, 0) for row in range(len(table))}) == len(table)


# Probabilities


def fits(counts: np.ndarray, probabilities: np.ndarray) -> bool:
    """Does a chi-square test find nothing odd? What has no probability must not come at all."""
    probabilities = np.asarray(probabilities, dtype=float)
    assert (np.asarray(counts)[probabilities == 0] == 0).all()
    counts = np.asarray(counts)[probabilities > 0]
    probabilities = probabilities[probabilities > 0]
    if len(counts) == 1:
        return True
    return chisquare(counts, probabilities / probabilities.sum() * counts.sum()).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.75])
def test_kinds_follow_alpha(alpha: float) -> None:
    kind = plan_for(alpha=alpha).schedule(0, 20_000).kind
    assert fits([(kind == MONOLINGUAL).sum(), (kind == CROSS_LINGUAL).sum()], [alpha, 1 - alpha])


@pytest.mark.parametrize("source_temperature", [0.0, 0.5, 1.0, 2.0])
def test_sources_follow_their_size(source_temperature: float) -> None:
    steps = plan_for(source_temperature=source_temperature).schedule(0, 20_000)
    for kind, sizes in ((MONOLINGUAL, [400, 200, 300]), (CROSS_LINGUAL, [400, 200, 0])):
        counts = np.bincount(steps.source[steps.kind == kind], minlength=3)
        weights = [size**source_temperature if size else 0 for size in sizes]
        assert fits(counts, weights)


@pytest.mark.parametrize("language_temperature", [0.0, 0.5, 1.0])
def test_languages_follow_their_size_within_the_source(language_temperature: float) -> None:
    plan = plan_for(sampling="X-X-mono", language_temperature=language_temperature)
    steps = plan.schedule(0, 20_000)
    sizes = three_sources().items_per_language()
    for source in range(3):
        counts = np.bincount(steps.query_language[steps.source == source], minlength=4)
        weights = np.where(sizes[source] > 0, sizes[source] ** language_temperature, 0)
        assert fits(counts, weights)


def pair_counts(plan: Plan, n_steps: int, n_languages: int = 4) -> np.ndarray:
    counts = np.zeros((n_languages, n_languages), dtype=int)
    for step in range(n_steps):
        batch = plan(step)
        np.add.at(counts, (batch.query_language, batch.passage_language), 1)
    return counts


@pytest.mark.parametrize(
    "options",
    [
        {"pair_draw": "item-first", "order": "passes"},
        {"pair_draw": "item-first", "order": "independent"},
        {"pair_draw": "pair-first", "order": "independent"},
    ],
)
def test_pairs_of_examples(options: dict[str, object]) -> None:
    layout = one_source()
    found, shares = layout.items_per_pair(0)
    counts = pair_counts(plan_for(layout, sampling="X-Y", **options), 1500)
    expected = shares if options["pair_draw"] == "item-first" else found > 0
    assert fits(counts.ravel(), expected.ravel())


@pytest.mark.parametrize("order", ["passes", "independent"])
@pytest.mark.parametrize("pair_draw", ["item-first", "pair-first"])
def test_one_pair_for_all_examples_of_a_batch(pair_draw: str, order: str) -> None:
    layout = one_source()
    options = {"sampling": "X-Y", "pair_draw": pair_draw, "order": order}
    plan = plan_for(layout, one_pair_per_batch=True, **options)
    for step in range(30):
        batch = plan(step)
        check(batch, layout, 8)
        pairs = set(
            zip(batch.query_language.tolist(), batch.passage_language.tolist(), strict=True)
        )
        assert len(pairs) == 1
    steps = plan.schedule(0, 20_000)
    counts = np.zeros((4, 4), dtype=int)
    np.add.at(counts, (steps.query_language, steps.passage_language), 1)
    found, shares = layout.items_per_pair(0)
    assert fits(counts.ravel(), (shares if pair_draw == "item-first" else found > 0).ravel())


def test_pair_first_uses_items_of_few_languages_unequally() -> None:
    options = {"sampling": "X-Y", "order": "independent"}
    used = {}
    for pair_draw in ("item-first", "pair-first"):
        plan = plan_for(one_source(), pair_draw=pair_draw, batch_size=2, **options)
        items = np.concatenate([plan(step).item for step in range(2000)])
        used[pair_draw] = np.bincount(items, minlength=120)
    groups = np.repeat([0, 1, 2], [60, 30, 30])
    assert fits(np.bincount(groups, used["item-first"]), [60, 30, 30])
    # expected uses: the sum over an item's ordered pairs of 1 / (items with the pair), by hand
    full, three, two = 6 / 90 + 4 / 60 + 2 / 90, 6 / 90, 2 / 90
    assert fits(np.bincount(groups, used["pair-first"]), [60 * full, 30 * three, 30 * two])


@pytest.mark.parametrize("order", ["passes", "independent"])
def test_mixed_batches_draw_the_language_of_each_example(order: str) -> None:
    plan = plan_for(one_source(), sampling="X-X", order=order)
    assert plan(0).kind == MIXED
    counts = pair_counts(plan, 1500)
    assert counts.sum() == np.trace(counts)
    expected = [60 / 4 + 30 / 3, 60 / 4 + 30 / 3, 60 / 4 + 30 / 3 + 30 / 2, 60 / 4 + 30 / 2]
    assert fits(np.diag(counts), expected)


def test_independent_draws_are_uniform_and_pass_over_clashes() -> None:
    plan = plan_for(one_source(), sampling="X-Y", order="independent", batch_size=4)
    items = np.concatenate([plan(step).item for step in range(1500)])
    assert fits(np.bincount(items, minlength=120), np.ones(120))
    # 200 of 203 items share a passage, and every batch needs all four passages
    layout = ItemLayout.from_groups([203], [0], [[1]], np.repeat([0, 1, 2, 3], [200, 1, 1, 1]))
    plan = plan_for(layout, sampling="X-X-mono", order="independent", batch_size=4)
    for step in range(20):
        assert set(plan(step).item.tolist()) >= {200, 201, 202}
    first = np.array([plan(step).item[0] for step in range(200)])
    assert fits([(first < 200).sum(), (first >= 200).sum()], [200, 3])
