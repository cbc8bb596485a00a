"""Benchmarks and runs from dictionaries in memory, in the form that other evaluators take.

Texts by id are those of sentence-transformers' InformationRetrievalEvaluator, judgments and runs
those of pytrec_eval and ranx. What they lack is the language of each text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.records import Column, Judgments, make_benchmark
from hbt.sources.runs import LARGEST_SCORE, Run

Relevant = Mapping[str, Mapping[str, int] | Collection[str]]


def benchmark_from_dictionaries(
    name: str,
    queries: Mapping[str, str],
    passages: Mapping[str, str],
    relevant: Relevant,
    *,
    query_languages: Mapping[str, str],
    passage_languages: Mapping[str, str],
    items: Mapping[str, int | str] | None = None,
    clusters: Mapping[str, int | str] | None = None,
) -> Benchmark:
    """A benchmark; its rows, which embeddings have to have, are in the order of the dictionaries.

    Args:
        name: of the benchmark.
        queries: id -> text.
        passages: id -> text.
        relevant: query id -> relevant passage ids, or passage id -> grade, a whole number; a grade
            below 1 says that the passage is not relevant. Every query needs a relevant passage.
        query_languages: query id -> language code.
        passage_languages: passage id -> language code.
        items: query id -> the same number or name for a question in all its languages; intervals
            and the comparison of parallel queries need it. Default: each query is an item.
        clusters: query id -> the same for items that are not independent. Default: the items.

    Raises:
        CorpusError: an id is unknown, or lacks its text, language, item or cluster; a query has no
            text or no relevant passage; or a grade is no whole number.
    """
    columns = {"query": Column(), "passage": Column()}
    sides = (("query", queries, query_languages), ("passage", passages, passage_languages))
    for kind, texts, languages in sides:
        for key, text in texts.items():
            place = f"{name}, {kind} {key!r}"
            if not isinstance(text, str) or (kind == "query" and not text.strip()):
                raise CorpusError(f"{place} has the text {text!r}")
            if not isinstance(languages.get(key), str):
                raise CorpusError(f"{place} has no language")
            of_query = kind == "query"
            columns[kind].add(
                place,
                key,
                text,
                languages[key],
                None if items is None or not of_query else _of(items, key, place, "item"),
                None if clusters is None or not of_query else _of(clusters, key, place, "cluster"),
            )
    judgments = Judgments(columns["query"], columns["passage"])
    for query, found in relevant.items():
        if isinstance(found, str):
            raise CorpusError(f"{name}: {query!r} has {found!r}, where passage ids are needed")
        grades = found if isinstance(found, Mapping) else dict.fromkeys(found, 1)
        for passage, grade in grades.items():
            judgments.add(f"{name}, relevant", query, passage, str(grade))
    return make_benchmark(name, None, columns["query"], columns["passage"], judgments)


def _of(values: Mapping[str, int | str], key: str, place: str, what: str) -> int | str:
    if key not in values:
        raise CorpusError(f"{place} has no {what}")
    value = values[key]
    return value if isinstance(value, str) else int(value)


def run_from_dictionary(benchmark: Benchmark, run: Mapping[str, Mapping[str, float]]) -> Run:
    """A run on a benchmark; what it lists may be cut off, see `hbt.cut_runs`.

    Args:
        benchmark: whose ids it has.
        run: query id -> passage id -> score, compared as float32; the order does not matter.

    Raises:
        CorpusError: it is empty, an id is unknown, or a score is no finite number of float32.
    """
    rows = [
        {key: row for row, key in enumerate(ids)}
        for ids in (benchmark.query_ids, benchmark.passage_ids)
    ]
    for key in run:
        if key not in rows[0]:
            raise CorpusError(f"{benchmark.name} has no query with the id {key!r}")
    lists = [run.get(key, {}) for key in benchmark.query_ids]
    passages, scores = [], []
    for key, found in zip(benchmark.query_ids, lists, strict=True):
        for passage, score in found.items():
            if passage not in rows[1]:
                raise CorpusError(f"{benchmark.name} has no passage with the id {passage!r}")
            if not -LARGEST_SCORE < score < LARGEST_SCORE:
                raise CorpusError(
                    f"{benchmark.name}, query {key!r}, passage {passage!r}: score {score!r} is no "
                    "finite number of float32"
                )
            passages.append(rows[1][passage])
            scores.append(score)
    if not passages:
        raise CorpusError(f"{benchmark.name}: the run is empty")
    offset = np.concatenate([[0], np.cumsum([len(found) for found in lists])])
    return Run(offset, np.array(passages, dtype=np.int64), np.array(scores, dtype=np.float32))
