"""Bias measures on rankings small enough to check by hand."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hbt import bias
from hbt.corpus import Benchmark


def make_benchmark(
    query_language: list[int], passage_language: list[int], relevant: list[list[int]]
) -> Benchmark:
    """Languages a, b, c; `relevant` has the passages of each query."""
    n_queries, n_passages = len(query_language), len(passage_language)
    pairs = [(query, passage) for query, rows in enumerate(relevant) for passage in rows]
    return Benchmark(
        name="tiny",
        languages=("a", "b", "c"),
        query_texts=["q"] * n_queries,
        query_language=np.array(query_language),
        query_item=np.arange(n_queries),
        query_cluster=np.arange(n_queries) // 2,
        passage_texts=["p"] * n_passages,
        passage_language=np.array(passage_language),
        relevant_query=np.array([query for query, _ in pairs], dtype=np.int64),
        relevant_passage=np.array([passage for _, passage in pairs], dtype=np.int64),
        grade=np.ones(len(pairs), dtype=np.int64),
        query_ids=[f"q{row}" for row in range(n_queries)],
        passage_ids=[f"p{row}" for row in range(n_passages)],
    )


def make_counts(benchmark: Benchmark, scores: np.ndarray, top_k: int = 10) -> SimpleNamespace:
    """The counting pass, written out; ties go to the passage with the higher row."""
    n_passages, n_languages = len(benchmark.passage_texts), len(benchmark.languages)
    row = np.arange(n_passages)
    shape = (len(benchmark.relevant_query), n_languages)
    before, higher, tied = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    pairs = zip(benchmark.relevant_query, benchmark.relevant_passage, strict=True)
    for pair, (query, passage) in enumerate(pairs):
        above = scores[query] > scores[query, passage]
        equal = (scores[query] == scores[query, passage]) & (row != passage)
        for language in range(n_languages):
            here = benchmark.passage_language == language
            higher[pair, language] = (above & here).sum()
            tied[pair, language] = (equal & here).sum()
            before[pair, language] = ((above | (equal & (row > passage))) & here).sum()
    order = np.array([np.lexsort((-row, -line)) for line in scores])
    return SimpleNamespace(
        relevant_query=benchmark.relevant_query,
        relevant_passage=benchmark.relevant_passage,
        grade=benchmark.grade,
        before=before,
        higher=higher,
        tied=tied,
        top_k_passage=order[:, :top_k],
    )


def by_ranking(benchmark: Benchmark, rankings: list[list[int]], top_k: int = 10) -> SimpleNamespace:
    """Counts of rankings given as passage rows, best first."""
    scores = np.zeros((len(rankings), len(benchmark.passage_texts)))
    for query, ranking in enumerate(rankings):
        scores[query, ranking] = -np.arange(len(ranking))
    return make_counts(benchmark, scores, top_k)


@dataclass(frozen=True)
class Case:
    """Passages 0, 1 in a; 2, 3 in b; 4, 5 in c. Query 0 (a) wants 0, 2, 4; query 1 (b) 1, 3, 5."""

    benchmark: Benchmark = dataclasses.field(
        default_factory=lambda: make_benchmark([0, 1], [0, 0, 1, 1, 2, 2], [[0, 2, 4], [1, 3, 5]])
    )

    def counts(self, first: list[int], second: list[int], top_k: int = 10) -> SimpleNamespace:
        return by_ranking(self.benchmark, [first, second], top_k)


def test_rank_distance_by_hand() -> None:
    case = Case()
    counts = case.counts([0, 1, 2, 3, 4, 5], [3, 1, 5, 0, 2, 4])
    assert bias.multilingual_ranks(counts).tolist() == [1, 3, 5, 2, 1, 3]
    assert bias.rank_distance(case.benchmark, counts).tolist() == [4, 2]
    table = bias.rank_distance_by_language(case.benchmark, counts)
    assert table.to_dict("list") == {
        "query_language": ["a", "b"],
        "rank_distance": [4.0, 2.0],
        "n_queries": [1, 1],
        "tied_share": [0.0, 0.0],
    }
    assert bias.mean_rank_distance(case.benchmark, counts) == 3.0


def test_languages_count_once_whatever_their_number_of_queries() -> None:
    benchmark = make_benchmark([0, 0, 1], [0, 1, 2, 2], [[0, 1], [0, 2], [1, 2]])
    counts = by_ranking(benchmark, [[0, 1, 2, 3], [0, 1, 3, 2], [0, 3, 1, 2]])
    assert bias.rank_distance(benchmark, counts).tolist() == [1, 3, 1]
    assert bias.mean_rank_distance(benchmark, counts) == (2 + 1) / 2


def test_one_relevant_passage_has_no_distance() -> None:
    benchmark = make_benchmark([0, 1, 1], [0, 1, 2], [[0], [], [0, 2]])
    counts = by_ranking(benchmark, [[2, 0, 1]] * 3)
    assert np.isnan(bias.rank_distance(benchmark, counts)[:2]).all()
    frame = bias.rank_distance_per_query(benchmark, counts)
    assert frame[["query", "query_language", "passage_language", "rank_distance"]].to_dict(
        "records"
    ) == [{"query": 2, "query_language": "b", "passage_language": "all", "rank_distance": 1.0}]
    assert bias.rank_distance_by_language(benchmark, counts)["query_language"].tolist() == ["b"]


def test_ties_are_told_and_can_be_averaged() -> None:
    case = Case()
    # Query 0: passages 0 and 1 tie in front, the rest follow; query 1: all six tie.
    scores = np.array([[9, 9, 5, 4, 3, 2], [1, 1, 1, 1, 1, 1]])
    counts = make_counts(case.benchmark, scores)
    assert bias.rank_distance(case.benchmark, counts).tolist() == [3, 4]
    average = bias.multilingual_ranks(counts, "average")
    assert average.tolist() == [1.5, 3, 5, 3.5, 3.5, 3.5]
    assert bias.rank_distance(case.benchmark, counts, "average").tolist() == [3.5, 0]
    assert bias.tied_share(counts) == 4 / 6
    table = bias.rank_distance_by_language(case.benchmark, counts)
    assert table["tied_share"].tolist() == [1 / 3, 1]
    with pytest.raises(ValueError, match="ties must be one of"):
        bias.multilingual_ranks(counts, "random")


def test_language_mix_by_hand() -> None:
    case = Case()
    # Query 0 fills its top 2 with its own language, one of them relevant; query 1 finds two
    # relevant passages, in b and c.
    counts = case.counts([0, 1, 2, 3, 4, 5], [3, 5, 1, 0, 2, 4])
    mix = bias.language_mix(case.benchmark, counts, k=2)
    assert mix["query_language"].tolist() == ["a"] * 3 + ["b"] * 3
    assert mix["passage_language"].tolist() == ["a", "b", "c"] * 2
    assert mix["share"].tolist() == [1, 0, 0, 0, 0.5, 0.5]
    assert mix["expected"].tolist() == pytest.approx([1 / 3] * 6)
    assert mix["ratio"].tolist() == pytest.approx([3, 0, 0, 0, 1.5, 1.5])
    own = bias.same_language(mix)
    assert own.columns.tolist() == ["query_language", "share", "expected", "ratio", "n_queries"]
    assert own["ratio"].tolist() == pytest.approx([3, 1.5])


def test_expected_mix_follows_hits_and_pool_sizes() -> None:
    # Pool: one passage in a, two in b, five in c; the query in a wants 0 (a) and 1 (b).
    benchmark = make_benchmark([0], [0, 1, 1, 2, 2, 2, 2, 2], [[0, 1]])
    counts = by_ranking(benchmark, [[0, 3, 4, 5, 1, 2, 6, 7]])
    mix = bias.language_mix(benchmark, counts, k=4)
    # One hit: half to a, half to b. Three misses: of six others one is in b and five in c.
    assert mix["share"].tolist() == [1 / 4, 0, 3 / 4]
    assert mix["expected"].tolist() == pytest.approx(
        [(1 / 2) / 4, (1 / 2 + 3 / 6) / 4, (3 * 5 / 6) / 4]
    )
    everything = bias.language_mix(benchmark, counts, k=100)
    assert everything["share"].tolist() == pytest.approx(everything["expected"].tolist())
    with pytest.raises(ValueError, match="k is 0"):
        bias.language_mix(benchmark, counts, k=0)
    with pytest.raises(ValueError, match="top lists have 2 places"):
        bias.language_mix(benchmark, by_ranking(benchmark, [list(range(8))], top_k=2), k=3)


def random_case(seed: int) -> tuple[Benchmark, np.ndarray]:
    random = np.random.default_rng(seed)
    n_queries, n_passages = 12, 30
    relevant = [
        sorted(random.choice(n_passages, random.integers(1, 5), replace=False).tolist())
        for _ in range(n_queries)
    ]
    passage_language = random.integers(0, 3, n_passages)
    query_language = random.integers(0, 3, n_queries)
    benchmark = make_benchmark(query_language.tolist(), passage_language.tolist(), relevant)
    return benchmark, random.integers(0, 8, (n_queries, n_passages)).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_relabelling_languages_permutes_and_does_nothing_else(seed: int) -> None:
    benchmark, scores = random_case(seed)
    other = np.array([2, 0, 1])  # language index -> its new index
    renamed = dataclasses.replace(
        benchmark,
        query_language=other[benchmark.query_language],
        passage_language=other[benchmark.passage_language],
    )
    names = dict(zip(benchmark.languages, np.array(benchmark.languages)[other], strict=True))
    counts, renamed_counts = make_counts(benchmark, scores), make_counts(renamed, scores)
    for ties in bias.TIE_RULES:
        before = bias.rank_distance(benchmark, counts, ties)
        np.testing.assert_array_equal(before, bias.rank_distance(renamed, renamed_counts, ties))
    mix = bias.language_mix(benchmark, counts).replace(
        {"query_language": names, "passage_language": names}
    )
    keys = ["query_language", "passage_language"]
    after = bias.language_mix(renamed, renamed_counts).set_index(keys).sort_index()
    before_mix = mix.set_index(keys).sort_index()
    np.testing.assert_allclose(before_mix.to_numpy(), after.to_numpy())


@pytest.mark.parametrize("seed", range(5))
def test_mixes_add_up_and_stay_in_range(seed: int) -> None:
    benchmark, scores = random_case(seed)
    mix = bias.language_mix(benchmark, make_counts(benchmark, scores), k=7)
    sums = mix.groupby("query_language")[["share", "expected"]].sum().to_numpy()
    np.testing.assert_allclose(sums, 1)
    assert mix["share"].between(0, 1).all()
    assert mix["expected"].between(0, 1).all()


def test_ranking_blind_to_language_meets_the_expectation() -> None:
    benchmark = make_benchmark([0] * 3000, [0, 0, 1, 1, 1, 2], [[0, 2, 5]] * 3000)
    scores = np.random.default_rng(0).random((3000, 6))
    mix = bias.language_mix(benchmark, make_counts(benchmark, scores), k=3)
    np.testing.assert_allclose(mix["ratio"], 1, atol=0.06)


def test_counting_pass_gives_what_is_written_out_here() -> None:
    from hbt.retrieval import count

    benchmark, _ = random_case(0)
    random = np.random.default_rng(1)
    queries = random.normal(size=(len(benchmark.query_texts), 8)).astype(np.float32)
    passages = random.normal(size=(len(benchmark.passage_texts), 8)).astype(np.float32)
    counts = count(benchmark, queries, passages)
    expected = make_counts(benchmark, queries @ passages.T)
    np.testing.assert_array_equal(
        bias.rank_distance(benchmark, counts), bias.rank_distance(benchmark, expected)
    )
    mixes = [bias.language_mix(benchmark, each).iloc[:, 2:] for each in (counts, expected)]
    np.testing.assert_allclose(*mixes)


def test_oracle_on_xquad_r(shared_data: Path) -> None:
    """All 11 parallel answers in front, in language order: the smallest distance there is."""
    from hbt.sources import read_xquad_r

    benchmark = read_xquad_r(shared_data)
    places = np.tile(np.arange(11), len(benchmark.query_texts))
    before = np.zeros((len(places), 11), dtype=np.int64)
    before[:, 0] = places
    counts = SimpleNamespace(
        relevant_query=benchmark.relevant_query,
        relevant_passage=benchmark.relevant_passage,
        before=before,
        tied=np.zeros_like(before),
        top_k_passage=benchmark.relevant_passage.reshape(-1, 11)[:, :10],
    )
    assert bias.mean_rank_distance(benchmark, counts) == 10
    mix = bias.language_mix(benchmark, counts, k=10)
    assert len(mix) == 121
    np.testing.assert_allclose(mix["expected"], 1 / 11)
    share = mix.pivot_table(index="query_language", columns="passage_language", values="share")
    np.testing.assert_allclose(share.drop(columns="zh"), 1 / 10)
    np.testing.assert_allclose(share["zh"], 0)
