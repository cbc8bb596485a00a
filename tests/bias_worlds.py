"""Rankings for the tests of bias measures: written by hand, and drawn with a known bias."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hbt.corpus import Benchmark
from hbt.retrieval import Counts, count_from_scores

NAMES = ("a", "b", "c", "d", "e")


def make_benchmark(
    query_language: Sequence[int],
    passage_language: Sequence[int],
    relevant: Sequence[Sequence[int]],
    *,
    query_item: Sequence[int] | None = None,
    grades: Sequence[Sequence[int]] | None = None,
    n_languages: int = 3,
) -> Benchmark:
    """Languages a, b, c and so on; `relevant` has the passages of each query, in rising order."""
    n_queries, n_passages = len(query_language), len(passage_language)
    item = np.arange(n_queries) if query_item is None else np.asarray(query_item)
    flat = [passage for rows in relevant for passage in rows]
    grade = np.ones(len(flat)) if grades is None else [each for rows in grades for each in rows]
    return Benchmark(
        name="made",
        languages=NAMES[:n_languages],
        query_texts=["q"] * n_queries,
        query_language=np.asarray(query_language, dtype=np.int64),
        query_item=item,
        query_cluster=item,
        passage_texts=["p"] * n_passages,
        passage_language=np.asarray(passage_language, dtype=np.int64),
        relevant_query=np.repeat(np.arange(n_queries), [len(rows) for rows in relevant]),
        relevant_passage=np.array(flat, dtype=np.int64),
        grade=np.asarray(grade, dtype=np.int64),
        query_ids=[f"q{row}" for row in range(n_queries)],
        passage_ids=[f"p{row}" for row in range(n_passages)],
    )


def counts_of(benchmark: Benchmark, scores: np.ndarray, top_k: int = 100) -> Counts:
    """The counting pass over a whole score matrix."""
    top_k = min(top_k, len(benchmark.passage_texts))
    return count_from_scores(benchmark, scorer(scores), top_k=top_k)


def scorer(scores: np.ndarray):
    """What `count_from_scores` and `mean_rank_correlation` ask for scores."""
    return lambda rows: scores[rows.start : rows.stop]


def scores_of(rankings: Sequence[Sequence[int]], n_passages: int) -> np.ndarray:
    """Scores of rankings given as passages, best first; passages not named follow in a tie."""
    scores = np.full((len(rankings), n_passages), -1e6)
    for query, ranking in enumerate(rankings):
        scores[query, list(ranking)] = -np.arange(len(ranking))
    return scores


def rank_by_hand(benchmark: Benchmark, rankings: Sequence[Sequence[int]]) -> Counts:
    """Counts of rankings given as passages, best first."""
    return counts_of(benchmark, scores_of(rankings, len(benchmark.passage_texts)))


def parallel_world(
    *,
    quality: float = 3.0,
    own_language: float = 0.0,
    n_items: int = 40,
    n_languages: int = 3,
    copies: int = 1,
    distractors: int = 0,
    seed: int = 0,
) -> tuple[Benchmark, np.ndarray]:
    """Every item in every language, `copies` relevant passages each, and a score for each passage.

    score = quality if relevant + own_language if in the query's language + noise

    The noise of a query and a passage is the same for any quality and bias, and for the passages
    that are not distractors also for any number of distractors. Those are relevant to nothing and
    spread over the languages.
    """
    item = np.repeat(np.arange(n_items), n_languages * copies)
    language = np.tile(np.repeat(np.arange(n_languages), copies), n_items)
    added = np.arange(distractors) % n_languages
    passage_item = np.r_[item, np.full(distractors, -1)]
    passage_language = np.r_[language, added]
    query_item = np.repeat(np.arange(n_items), n_languages)
    query_language = np.tile(np.arange(n_languages), n_items)
    is_relevant = query_item[:, None] == passage_item
    random = np.random.default_rng(seed)
    noise = random.normal(size=(len(query_item), len(item)))
    noise = np.hstack([noise, random.normal(size=(len(query_item), distractors))])
    same = query_language[:, None] == passage_language
    benchmark = make_benchmark(
        query_language.tolist(),
        passage_language.tolist(),
        [np.flatnonzero(row).tolist() for row in is_relevant],
        query_item=query_item.tolist(),
        n_languages=n_languages,
    )
    return benchmark, quality * is_relevant + own_language * same + noise
