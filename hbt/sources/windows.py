"""Parallel text with documents as a retrieval task: find the place a sentence was taken from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from hbt.corpus import Benchmark, CorpusError, ParallelItems, ParallelText, benchmark_from_items


def split_documents(
    text: ParallelText, held_out: int = 23, seed: int = 0
) -> tuple[ParallelText, ParallelText]:
    """Whole documents to one side or the other: (training, held out).

    The documents with the smallest sha256 of seed and number are held out, so the split is the
    same on every machine, and of two held-out sets of one seed the smaller lies in the larger.

    Raises:
        CorpusError: no document would be left on one of the sides.
    """
    documents = np.unique(text.document)
    if not 0 < held_out < len(documents):
        raise CorpusError(
            f"{text.name} has {len(documents)} documents: held_out must be from 1 to "
            f"{len(documents) - 1}, not {held_out}"
        )

    def key(document: int) -> str:
        return hashlib.sha256(f"{seed}-{document}".encode()).hexdigest()

    chosen = sorted(documents.tolist(), key=key)[:held_out]
    is_held_out = np.isin(text.document, chosen)
    return _rows(text, ~is_held_out, "training"), _rows(text, is_held_out, "held out")


def ntrex_items(
    text: ParallelText, languages: Sequence[str] | None = None, window: int = 4
) -> ParallelItems:
    """Queries and passages cut out of running text.

    Each document is cut into windows of about `window` sentences that do not overlap. In a window
    the second sentence, the fourth and so on are queries; the others, joined by a blank, are the
    passage of all of them. So no query is part of any passage, in any language, and a query stands
    right beside its passage in the document. The other windows of the document make the task
    hard: they have its topic, but are not relevant. The cut is the same in all languages.

    Args:
        text: aligned sentences with documents.
        languages: languages to keep (default: all). An item lacks the languages in which one of
            its sentences is missing, and is left out where that is all of them.
        window: sentences in a window, at least 2; a document is divided evenly.

    Returns:
        One item for each query, in the order of the text; `passage_id` is the window's number.
    """
    return _cut(text, languages, window)[0]


def ntrex_benchmark(
    text: ParallelText, languages: Sequence[str] | None = None, window: int = 4
) -> Benchmark:
    """The items of `ntrex_items` as a benchmark; use it on held-out documents.

    The pool of a language is its windows; relevant to a query are its window and the parallel
    copies of it, as many as there are languages. Clusters are documents.
    """
    items, document = _cut(text, languages, window)
    return benchmark_from_items(items, items.name, cluster=document)


def _cut(
    text: ParallelText, languages: Sequence[str] | None, window: int
) -> tuple[ParallelItems, np.ndarray]:
    """The items, and the document of each: int64 array (n_items,)."""
    if window < 2:
        raise CorpusError(f"window must be at least 2 sentences, not {window}")
    text = text if languages is None else text.restrict(languages)
    cuts: list[tuple[int, int]] = []  # window number, document
    found: list[dict[str, tuple[str, str]]] = []  # language -> query, passage
    for number, rows in enumerate(_windows(text.document, window)):
        for query_row in rows[1::2]:
            texts = _texts(text, int(query_row), rows[::2])
            if texts:
                cuts.append((number, int(text.document[query_row])))
                found.append(texts)
    if not found:
        raise CorpusError(f"{text.name} has no window of {window} sentences that is complete")

    def side(index: int) -> dict[str, list[str | None]]:
        return {
            language: [texts[language][index] if language in texts else None for texts in found]
            for language in text.languages
        }

    items = ParallelItems(
        name=f"{text.name}, windows of {window}",
        languages=text.languages,
        passage_id=np.array([number for number, _ in cuts], dtype=np.int64),
        source=np.zeros(len(cuts), dtype=np.int64),
        source_names=(text.name,),
        queries=side(0),
        passages=side(1),
    )
    return items, np.array([document for _, document in cuts], dtype=np.int64)


def _texts(
    text: ParallelText, query_row: int, passage_rows: np.ndarray
) -> dict[str, tuple[str, str]]:
    """Language -> (query, passage), where all sentences exist."""
    texts = {}
    for language in text.languages:
        query = text.texts[language][query_row]
        passage = [text.texts[language][row] for row in passage_rows]
        if query is not None and None not in passage:
            texts[language] = (query, " ".join(passage))
    return texts


def _windows(document: np.ndarray, window: int) -> list[np.ndarray]:
    """Rows of each window; documents in the order in which they first come."""
    windows = []
    for number in dict.fromkeys(document.tolist()):
        rows = np.flatnonzero(document == number)
        windows += np.array_split(rows, max(1, round(len(rows) / window)))
    return [rows for rows in windows if len(rows) >= 2]


def _rows(text: ParallelText, keep: np.ndarray, what: str) -> ParallelText:
    rows = np.flatnonzero(keep)
    return ParallelText(
        name=f"{text.name} ({what})",
        languages=text.languages,
        texts={
            language: [text.texts[language][row] for row in rows] for language in text.languages
        },
        document=text.document[rows],
    )
