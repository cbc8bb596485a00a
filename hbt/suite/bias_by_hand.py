"""Rankings small enough to check by hand, in every measure of language bias (notebook 05)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from hbt.corpus import Benchmark


def summary_of_rankings(
    passages: Mapping[str, str],
    relevant: Collection[str],
    rankings: Mapping[str, Sequence[str]],
    k: int = 3,
) -> dict[str, Any]:
    """`hbt.bias.summary` of one question that is asked in several languages.

    Args:
        passages: text -> language, of all that compete.
        relevant: texts that answer the question, for all of its languages.
        rankings: query language -> all passages, the best first.
        k: length of the top lists.

    Raises:
        ValueError: a ranking is not an order of all passages.
    """
    from hbt.bias import summary
    from hbt.retrieval import count_from_scores

    texts = list(passages)
    for language, ranking in rankings.items():
        if sorted(ranking) != sorted(texts):
            raise ValueError(f"the ranking for {language!r} is not an order of all passages")
    benchmark = _one_question(passages, relevant, list(rankings))
    places = [[ranking.index(text) for text in texts] for ranking in rankings.values()]
    scores = -np.array(places, dtype=np.float32)  # (n_queries, n_passages), the best is 0
    counts = count_from_scores(benchmark, lambda rows: scores[rows.start : rows.stop], top_k=k)
    return summary(benchmark, counts, lambda rows: scores[rows.start : rows.stop], k)


def _one_question(
    passages: Mapping[str, str], relevant: Collection[str], asked_in: Sequence[str]
) -> Benchmark:
    texts = list(passages)
    languages = tuple(dict.fromkeys([*asked_in, *passages.values()]))
    answers = np.array([row for row, text in enumerate(texts) if text in relevant], dtype=np.int64)
    n_queries = len(asked_in)
    return Benchmark(
        name="by hand",
        languages=languages,
        query_texts=list(asked_in),
        query_language=np.array([languages.index(code) for code in asked_in], dtype=np.int64),
        query_item=np.zeros(n_queries, dtype=np.int64),
        query_cluster=np.zeros(n_queries, dtype=np.int64),
        passage_texts=texts,
        passage_language=np.array([languages.index(passages[text]) for text in texts]),
        relevant_query=np.repeat(np.arange(n_queries), len(answers)),
        relevant_passage=np.tile(answers, n_queries),
        grade=np.ones(n_queries * len(answers), dtype=np.int64),
        query_ids=[f"q-{code}" for code in asked_in],
        passage_ids=texts,
    )
