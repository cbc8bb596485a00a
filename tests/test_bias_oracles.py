"""PEER, MRC and the removal test against scipy and against doing it the long way."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from bias_worlds import counts_of, make_benchmark, parallel_world, rank_by_hand, scorer
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hbt import bias, metrics
from hbt.bias.consistency import spearman
from hbt.bias.removal import removal_losses
from hbt.corpus import Benchmark


def random_case(seed: int, ties: bool = False) -> tuple[Benchmark, np.ndarray]:
    """12 queries of 5 items, 30 passages, three languages, grades 1 and 2."""
    random = np.random.default_rng(seed)
    relevant = [
        sorted(random.choice(30, random.integers(1, 9), replace=False).tolist()) for _ in range(12)
    ]
    benchmark = make_benchmark(
        random.integers(0, 3, 12).tolist(),
        random.integers(0, 3, 30).tolist(),
        relevant,
        query_item=random.integers(0, 5, 12).tolist(),
        grades=[random.integers(1, 3, len(rows)).tolist() for rows in relevant],
    )
    scores = random.integers(0, 6, (12, 30)) if ties else random.normal(size=(12, 30))
    return benchmark, scores.astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_values=st.integers(2, 30))
def test_kruskal_wallis_is_scipys(seed: int, n_values: int) -> None:
    random = np.random.default_rng(seed)
    n = random.integers(2, 20)
    values, language = random.integers(0, n_values, n), random.integers(0, 4, n)
    ranks = stats.rankdata(values)
    query = np.ones(n, dtype=int)  # the second of three, the others have nothing
    h, p = bias.kruskal_wallis(ranks, language, query, 3)
    groups = [values[language == each] for each in np.unique(language)]
    if len(groups) < 2 or len(np.unique(values)) < 2:
        assert (h[1], p[1]) == (0, 1)
    else:
        assert (h[1], p[1]) == pytest.approx(tuple(stats.kruskal(*groups)), rel=1e-9, abs=1e-12)
    assert (h[[0, 2]] == 0).all()
    assert (p[[0, 2]] == 1).all()


def peer_the_long_way(benchmark, counts, query, k, weights, ranks) -> float:
    """PEER of one query as its definition says, with scipy where ranks are within the grade."""
    total = 0.0
    for grade, weight in weights.items():
        groups: dict[int, list[float]] = {}
        if grade == 0:
            for place, passage in enumerate(counts.top_k_passage[query, :k]):
                known = counts.relevant_passage[counts.relevant_query == query]
                if passage not in known:
                    groups.setdefault(int(benchmark.passage_language[passage]), []).append(
                        place + 1
                    )
            missing = 0
        else:
            here = (counts.relevant_query == query) & (counts.grade == grade)
            rank = bias.multilingual_ranks(counts)[here]
            missing = int((rank > k).sum())
            for each, passage in zip(rank, counts.relevant_passage[here], strict=True):
                language = int(benchmark.passage_language[passage])
                groups.setdefault(language, []).append(each if each <= k else k + (missing + 1) / 2)
        values = [value for group in groups.values() for value in group]
        if len(groups) < 2 or len(set(values)) < 2 or missing == len(values):
            total += weight
        elif ranks == "grade":
            total += weight * stats.kruskal(*groups.values()).pvalue
        else:
            mean = np.mean(values)
            between = sum(len(group) * (np.mean(group) - mean) ** 2 for group in groups.values())
            h = (len(values) - 1) * between / np.sum((np.array(values) - mean) ** 2)
            total += weight * stats.chi2.sf(h, len(groups) - 1)
    return total


@pytest.mark.parametrize("ranks", ["list", "grade"])
@pytest.mark.parametrize("k", [1, 5, 12, 30])
def test_peer_is_its_definition(k: int, ranks: str) -> None:
    for seed in range(4):
        benchmark, scores = random_case(seed)
        counts = counts_of(benchmark, scores)
        for weights in ({1: 1.0}, {0: 0.25, 1: 0.25, 2: 0.5}):
            found = bias.peer(benchmark, counts, k, weights=weights, ranks=ranks)
            expected = [
                peer_the_long_way(benchmark, counts, query, k, weights, ranks)
                for query in range(12)
            ]
            np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_peer_by_default_takes_all_relevant_grades_alike() -> None:
    benchmark, scores = random_case(0)
    counts = counts_of(benchmark, scores)
    by_grade = [bias.peer(benchmark, counts, weights={grade: 1.0}) for grade in (1, 2)]
    np.testing.assert_allclose(bias.peer(benchmark, counts), np.mean(by_grade, axis=0))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_languages=st.integers(2, 5), k=st.integers(1, 20))
def test_peer_is_constant_with_one_relevant_passage_a_language(
    seed: int, n_languages: int, k: int
) -> None:
    """Whatever the ranking, with a cut-off too: or 1 where retrieval fails altogether."""
    benchmark, scores = parallel_world(n_items=6, n_languages=n_languages, seed=seed)
    counts = counts_of(benchmark, scores)
    assert bias.peer_is_constant(benchmark, counts).all()
    constant = stats.chi2.sf(n_languages - 1, n_languages - 1)
    for ranks in ("list", "grade"):
        np.testing.assert_allclose(bias.peer(benchmark, counts, ranks=ranks), constant)
    found = bias.peer(benchmark, counts, k)
    hits = np.bincount(counts.relevant_query, bias.multilingual_ranks(counts) <= k)
    np.testing.assert_allclose(found, np.where(hits > 0, constant, 1.0))


def test_peer_is_constant_only_there() -> None:
    one, scores = parallel_world(n_items=5, copies=2)
    assert not bias.peer_is_constant(one, counts_of(one, scores)).any()
    # two passages of the first query share language and grade; of the others only one of the two
    mixed = make_benchmark(
        [0, 0, 0],
        [0, 0, 1, 2],
        [[0, 1, 2], [0, 1, 2], [0, 1]],
        grades=[[1, 1, 1], [1, 2, 1], [1, 1]],
    )
    counts = rank_by_hand(mixed, [[0, 1, 2, 3]] * 3)
    assert bias.peer_is_constant(mixed, counts).tolist() == [False, True, True]


@pytest.mark.parametrize("kind", ["callable", "embeddings"])
@pytest.mark.parametrize("k", [1, 2, 5, 30])
def test_mean_rank_correlation_is_scipys(k: int, kind: str) -> None:
    for seed in range(3):
        benchmark, scores = random_case(seed, ties=kind == "callable")
        given_scores = scorer(scores)
        if kind == "embeddings":
            random = np.random.default_rng(seed)
            queries, passages = random.normal(size=(12, 4)), random.normal(size=(30, 4))
            given_scores = (queries, passages)
            scores = queries.astype(np.float32) @ passages.astype(np.float32).T
        counts = counts_of(benchmark, scores)
        found = bias.mean_rank_correlation(benchmark, counts, given_scores, k)
        for query in range(12):
            partners = np.flatnonzero(
                (benchmark.query_item == benchmark.query_item[query])
                & (benchmark.query_language != benchmark.query_language[query])
            )
            expected = []
            for partner in partners:
                union = np.union1d(
                    counts.top_k_passage[query, :k], counts.top_k_passage[partner, :k]
                )
                first, second = scores[query, union], scores[partner, union]
                if len(union) > 1 and np.ptp(first) > 0 and np.ptp(second) > 0:
                    expected.append(stats.spearmanr(first, second).statistic)
            value = 100 * np.mean(expected) if expected else np.nan
            assert found[query] == pytest.approx(value, nan_ok=True, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_spearman_counts_the_chosen_alone(seed: int) -> None:
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 5, (2, 3, 8))
    chosen = random.random((3, 8)) < 0.7
    for row, value in enumerate(spearman(first, second, chosen)):
        a, b = first[row, chosen[row]], second[row, chosen[row]]
        if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


def test_blocks_of_any_size_give_the_same_correlation(monkeypatch: pytest.MonkeyPatch) -> None:
    from hbt.bias import consistency

    benchmark, scores = parallel_world(n_items=9)
    counts, embeddings = counts_of(benchmark, scores), (scores, np.eye(scores.shape[1]))
    found = bias.mean_rank_correlation(benchmark, counts, scorer(scores), 5)
    monkeypatch.setattr(consistency, "BLOCK_ROWS", 4)
    monkeypatch.setattr(consistency, "BLOCK_VALUES", 300)
    for each in (scorer(scores), embeddings):
        np.testing.assert_allclose(bias.mean_rank_correlation(benchmark, counts, each, 5), found)


def test_unrelated_rankings_have_a_negative_correlation() -> None:
    """Each query ranks its own half of the union first: -75 %, not 0."""
    benchmark, _ = parallel_world(n_items=60, n_languages=2)
    scores = np.random.default_rng(0).random((120, 4000))
    pool = make_benchmark(
        benchmark.query_language.tolist(),
        [0] * 4000,
        [[0]] * 120,
        query_item=benchmark.query_item.tolist(),
    )
    found = bias.mean_rank_correlation(pool, counts_of(pool, scores), scorer(scores), 10)
    assert np.nanmean(found) == pytest.approx(-75, abs=3)


def without(benchmark: Benchmark, passage: int) -> Benchmark:
    """The same benchmark with one passage taken out of the pool; its query is the first alone."""
    keep = np.arange(len(benchmark.passage_texts)) != passage
    pair = (benchmark.relevant_query == 0) & (benchmark.relevant_passage != passage)
    moved = benchmark.relevant_passage[pair]
    return dataclasses.replace(
        benchmark,
        query_texts=["q"],
        query_language=benchmark.query_language[:1],
        query_item=benchmark.query_item[:1],
        query_cluster=benchmark.query_cluster[:1],
        query_ids=["q0"],
        passage_texts=["p"] * int(keep.sum()),
        passage_language=benchmark.passage_language[keep],
        passage_ids=[name for name, kept in zip(benchmark.passage_ids, keep, strict=True) if kept],
        relevant_query=np.zeros(len(moved), dtype=np.int64),
        relevant_passage=moved - (moved > passage),
        grade=benchmark.grade[pair],
    )


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_removal_is_evaluating_again_without_the_passage(seed: int, ties: bool) -> None:
    benchmark, scores = random_case(seed, ties)
    counts = counts_of(benchmark, scores)
    here = counts.relevant_query == 0
    whole = metrics.average_precision(bias.multilingual_ranks(counts)[here].astype(int))
    losses = {"same": [], "other": []}
    for pair in np.flatnonzero(here):
        passage = int(counts.relevant_passage[pair])
        smaller = without(benchmark, passage)
        if not len(smaller.relevant_query):
            assert np.isnan(removal_losses(counts)[pair])
            continue
        left = counts_of(smaller, np.delete(scores[:1], passage, axis=1))
        loss = whole - metrics.average_precision(bias.multilingual_ranks(left).astype(int))
        assert removal_losses(counts)[pair] == pytest.approx(loss, abs=1e-12)
        own = benchmark.passage_language[passage] == benchmark.query_language[0]
        losses["same" if own else "other"].append(loss)
    found = bias.removal_test(benchmark, counts)
    for name, values in losses.items():
        value = np.mean(values) if values else np.nan
        assert getattr(found, name)[0] == pytest.approx(value, nan_ok=True, abs=1e-12)


def test_removal_by_language_by_hand() -> None:
    benchmark = make_benchmark([0], [0, 0, 1, 1, 2, 2], [[0, 2, 4]])
    table = bias.removal_by_language(benchmark, rank_by_hand(benchmark, [[0, 1, 2, 3, 4, 5]]))
    assert table["removed_language"].tolist() == ["a", "b", "c"]
    average_precision = (1 + 2 / 3 + 3 / 5) / 3
    expected = [average_precision - left for left in (1 / 2, 3 / 4, 5 / 6)]
    assert table["loss"].tolist() == pytest.approx(expected)
    assert table["n_removed"].tolist() == [1, 1, 1]
