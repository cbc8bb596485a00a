"""The corpus types everything else speaks.

`ParallelText` is what pre-training reads, `ParallelItems` is what fine-tuning draws from, and
`Benchmark` is what evaluation ranks. All are frozen values over plain lists and numpy arrays,
checked when they are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hbt.digests import content_digest
from hbt.parallel_items import CorpusError, ParallelItems

__all__ = [
    "MULTILINGUAL_POOL",
    "Benchmark",
    "CorpusError",
    "ParallelItems",
    "ParallelText",
    "benchmark_from_items",
]

MULTILINGUAL_POOL = "all"
"""How the pool of all languages together is written in tables, beside the language codes."""


@dataclass(frozen=True)
class ParallelText:
    """Aligned sentences for pre-training: one text in every language that has it.

    Attributes:
        name: name of the text, for messages and data cards.
        languages: language codes; their order is the meaning of a language index.
        texts: language -> list of n_sentences strings, None where the sentence is missing.
        document: int64 array (n_sentences,); equal for the sentences of one document.

    Raises:
        CorpusError: lengths differ or a text is empty.
    """

    name: str
    languages: tuple[str, ...]
    texts: Mapping[str, Sequence[str | None]]
    document: np.ndarray

    def __post_init__(self) -> None:
        for language in self.languages:
            if language not in self.texts:
                raise CorpusError(f"{self.name}: texts has no language {language!r}")
            texts = self.texts[language]
            if len(texts) != len(self.document):
                raise CorpusError(
                    f"{self.name}: texts[{language!r}] has {len(texts)} sentences "
                    f"for {len(self.document)} document numbers"
                )
            for row, text in enumerate(texts):
                if text is not None and not text.strip():
                    raise CorpusError(f"{self.name}: sentence {row} of {language} is empty")

    def __len__(self) -> int:
        return len(self.document)

    def restrict(self, languages: Sequence[str]) -> ParallelText:
        """The same sentences in the given languages only."""
        unknown = [language for language in languages if language not in self.languages]
        if unknown:
            raise CorpusError(f"{self.name} has no language {unknown[0]!r}, only {self.languages}")
        texts = {language: self.texts[language] for language in languages}
        return ParallelText(self.name, tuple(languages), texts, self.document)

    def digest(self) -> str:
        """sha256 of the content, the same on every machine."""
        texts = (text or "" for language in self.languages for text in self.texts[language])
        return content_digest(self.languages, (), [self.document], texts)


@dataclass(frozen=True)
class Benchmark:
    """Evaluation data: queries, the passages that compete, and which are relevant to which.

    Attributes:
        name: name of the benchmark.
        languages: language codes; their order is the meaning of a language index.
        query_texts: n_queries strings.
        query_language: int64 array (n_queries,), index into `languages`.
        query_item: int64 array (n_queries,); the same for a question in all its languages.
        query_cluster: int64 array (n_queries,); the same for items that are not independent
            of each other (questions on one paragraph); equal to `query_item` where unknown.
        passage_texts: n_passages strings.
        passage_language: int64 array (n_passages,), index into `languages`.
        relevant_query, relevant_passage: int64 arrays (n_relevant,), sorted by query and then
            by passage: pair i says that the passage is relevant to the query.
        grade: int64 array (n_relevant,), at least 1.
        query_ids, passage_ids: stable names of records, for files and for the tie rule.

    Raises:
        CorpusError: lengths differ, an index is out of range, a pair is doubled,
            or a grade is below 1.
    """

    name: str
    languages: tuple[str, ...]
    query_texts: Sequence[str]
    query_language: np.ndarray
    query_item: np.ndarray
    query_cluster: np.ndarray
    passage_texts: Sequence[str]
    passage_language: np.ndarray
    relevant_query: np.ndarray
    relevant_passage: np.ndarray
    grade: np.ndarray
    query_ids: Sequence[str]
    passage_ids: Sequence[str]

    def __post_init__(self) -> None:
        n_queries, n_passages = len(self.query_texts), len(self.passage_texts)
        self._check_lengths(n_queries, query_language=0, query_item=0, query_cluster=0, query_ids=0)
        self._check_lengths(n_passages, passage_language=0, passage_ids=0)
        self._check_lengths(len(self.relevant_query), relevant_passage=0, grade=0)
        for field_name, top in (
            ("query_language", len(self.languages)),
            ("passage_language", len(self.languages)),
            ("relevant_query", n_queries),
            ("relevant_passage", n_passages),
        ):
            values = getattr(self, field_name)
            if len(values) and not 0 <= int(values.min()) <= int(values.max()) < top:
                raise CorpusError(f"{self.name}: {field_name} has a value outside 0 to {top - 1}")
        for field_name in ("query_ids", "passage_ids"):
            ids = getattr(self, field_name)
            if len(set(ids)) != len(ids):
                double = next(name for name, times in Counter(ids).items() if times > 1)
                raise CorpusError(f"{self.name}: {field_name} has {double!r} twice")
        key = self.relevant_query.astype(np.int64) * max(n_passages, 1) + self.relevant_passage
        if (np.diff(key) <= 0).any():
            raise CorpusError(
                f"{self.name}: relevance pairs must be sorted by query and passage, none twice"
            )
        if len(self.grade) and int(self.grade.min()) < 1:
            raise CorpusError(f"{self.name}: grade {int(self.grade.min())} is below 1")

    def _check_lengths(self, expected: int, **fields: int) -> None:
        for field_name in fields:
            found = len(getattr(self, field_name))
            if found != expected:
                raise CorpusError(
                    f"{self.name}: {field_name} has {found} values where {expected} are needed"
                )

    def digest(self) -> str:
        """sha256 of the content, the same on every machine."""
        arrays = [
            self.query_language,
            self.query_item,
            self.query_cluster,
            self.passage_language,
            self.relevant_query,
            self.relevant_passage,
            self.grade,
        ]
        texts = (*self.query_texts, *self.passage_texts, *self.query_ids, *self.passage_ids)
        return content_digest(self.languages, (), arrays, texts)

    def restrict(self, languages: Sequence[str]) -> Benchmark:
        """The same benchmark with queries and passages of the given languages only.

        Queries that keep no relevant passage in any of the languages are left out.

        Raises:
            CorpusError: a language is unknown or named twice, or none is named.
        """
        if not languages or len(set(languages)) < len(languages):
            raise CorpusError(f"{self.name}: languages {languages!r} are none or have one twice")
        unknown = [language for language in languages if language not in self.languages]
        if unknown:
            raise CorpusError(f"{self.name} has no language {unknown[0]!r}, only {self.languages}")
        new_index = np.full(len(self.languages), -1)
        for index, language in enumerate(languages):
            new_index[self.languages.index(language)] = index
        keep_passage = new_index[self.passage_language] >= 0
        keep_query = new_index[self.query_language] >= 0
        keep_pair = keep_query[self.relevant_query] & keep_passage[self.relevant_passage]
        has_relevant = np.zeros(len(self.query_texts), dtype=bool)
        has_relevant[self.relevant_query[keep_pair]] = True
        keep_query &= has_relevant
        keep_pair &= keep_query[self.relevant_query]
        query_at = np.cumsum(keep_query) - 1
        passage_at = np.cumsum(keep_passage) - 1
        return Benchmark(
            name=self.name,
            languages=tuple(languages),
            query_texts=_pick(self.query_texts, keep_query),
            query_language=new_index[self.query_language[keep_query]],
            query_item=self.query_item[keep_query],
            query_cluster=self.query_cluster[keep_query],
            passage_texts=_pick(self.passage_texts, keep_passage),
            passage_language=new_index[self.passage_language[keep_passage]],
            relevant_query=query_at[self.relevant_query[keep_pair]],
            relevant_passage=passage_at[self.relevant_passage[keep_pair]],
            grade=self.grade[keep_pair],
            query_ids=_pick(self.query_ids, keep_query),
            passage_ids=_pick(self.passage_ids, keep_passage),
        )


def benchmark_from_items(
    items: ParallelItems, name: str, cluster: np.ndarray | None = None
) -> Benchmark:
    """Every item's question as query and passage as candidate, in every language it has.

    Items that share a passage id share one passage per language. Relevant to a query are
    its passage and all parallel copies of it.
    """
    query_rows: list[tuple[int, int]] = []  # (item, language index)
    passage_at: dict[tuple[int, int], int] = {}  # (passage id, language index) -> row
    passage_texts: list[str] = []
    copies: dict[int, list[int]] = {}  # passage id -> rows
    for column, language in enumerate(items.languages):
        for item in np.flatnonzero(items.available[:, column]):
            query_rows.append((int(item), column))
            key = (int(items.passage_id[item]), column)
            if key not in passage_at:
                passage_at[key] = len(passage_texts)
                copies.setdefault(key[0], []).append(len(passage_texts))
                passage_texts.append(items.passages[language][item])
    relevant = [copies[int(items.passage_id[item])] for item, _ in query_rows]
    query_item = np.array([item for item, _ in query_rows], dtype=np.int64)
    passage_keys = list(passage_at)
    return Benchmark(
        name=name,
        languages=items.languages,
        query_texts=[items.queries[items.languages[column]][item] for item, column in query_rows],
        query_language=np.array([column for _, column in query_rows], dtype=np.int64),
        query_item=query_item,
        query_cluster=query_item if cluster is None else np.asarray(cluster)[query_item],
        passage_texts=passage_texts,
        passage_language=np.array([column for _, column in passage_keys], dtype=np.int64),
        relevant_query=np.repeat(np.arange(len(query_rows)), [len(rows) for rows in relevant]),
        relevant_passage=np.array([row for rows in relevant for row in sorted(rows)], dtype=int),
        grade=np.ones(sum(len(rows) for rows in relevant), dtype=np.int64),
        query_ids=[f"q{item}-{items.languages[column]}" for item, column in query_rows],
        passage_ids=[f"p{pid}-{items.languages[column]}" for pid, column in passage_keys],
    )


def _pick(values: Sequence[str], keep: np.ndarray) -> list[str]:
    return [values[index] for index in np.flatnonzero(keep)]
