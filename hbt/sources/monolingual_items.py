"""MIRACL's and MLDR's train splits as training data: every item exists in one language.

Only monolingual batches come from them. Both have train, dev and test apart: what is read here is
train alone, by the files' names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from hbt.corpus import CorpusError, ParallelItems
from hbt.sources.hub import content_key, locate
from hbt.sources.joined import join_items
from hbt.sources.miracl import (
    MIRACL_TRAIN_LANGUAGES,
    miracl_corpus_paths,
    miracl_task,
    miracl_topic_paths,
)
from hbt.sources.mldr import MLDR_LANGUAGES, check_mldr_count, mldr_paths, mldr_questions
from hbt.sources.origins import MIRACL_CORPUS_ORIGIN, MIRACL_ORIGIN, MLDR_ORIGIN
from hbt.sources.stored_pairs import Pairs, stored_items

_Row = TypeVar("_Row")
_UNSEEN = 5.0  # seconds of work without a progress line


def miracl_items(
    languages: Sequence[str] = MIRACL_TRAIN_LANGUAGES,
    folder: str | Path | None = None,
    *,
    negatives: int = 0,
    check_count: bool = True,
) -> ParallelItems:
    """MIRACL's train questions, an item for each relevant passage.

    The passages are picked out of the corpus of each language at the first call (all sixteen are
    90 million passages; sw, bn, hi, te and th together 2 million) and kept below the cache: a
    downloaded corpus is not needed again.
    Questions without a relevant passage are left out.

    Args:
        languages: codes of `MIRACL_TRAIN_LANGUAGES`.
        folder: as for `hbt.sources.hub.locate`; it has `miracl` and `miracl-corpus`.
        negatives: hard negatives of each item: the first passages that were judged not relevant;
            questions with fewer of them are left out.
        check_count: compare the numbers of queries and passages with the published ones.

    Raises:
        CorpusError: a language without a train split, a file is missing or broken, a relevant
            passage is not in the corpus, or a count is another one.
    """
    parts = []
    for language in languages:
        key = content_key(MIRACL_ORIGIN, miracl_topic_paths(language, "train"), folder)
        key += "\n" + content_key(MIRACL_CORPUS_ORIGIN, miracl_corpus_paths(language), folder)
        read = partial(_miracl_pairs, language, folder, negatives, check_count)
        parts.append(stored_items("MIRACL", language, key, read, negatives))
    return join_items("MIRACL", parts)


def mldr_items(
    languages: Sequence[str] = MLDR_LANGUAGES,
    folder: str | Path | None = None,
    *,
    negatives: int = 0,
    check_count: bool = True,
) -> ParallelItems:
    """MLDR's train questions, each with its document.

    Args:
        languages: codes of `MLDR_LANGUAGES`.
        folder: as for `hbt.sources.hub.locate`.
        negatives: hard negatives of each item, the first of its record; questions with fewer of
            them are left out.
        check_count: compare the number of questions with the published one.

    Raises:
        CorpusError: an unknown language, a file is missing or broken, or a count is another one.
    """
    parts = []
    for language in languages:
        key = content_key(MLDR_ORIGIN, mldr_paths(language, "train")[1:], folder)
        read = partial(_mldr_pairs, language, folder, negatives, check_count)
        parts.append(stored_items("MLDR", language, key, read, negatives))
    return join_items("MLDR", parts)


def _miracl_pairs(
    language: str, folder: str | Path | None, negatives: int, check_count: bool
) -> Pairs:
    """Question, passage and negatives of each positive judgment, in the order of the judgments."""
    task = miracl_task(language, "train", folder, check_count=check_count)
    rows: list[tuple[str, ...]] = []  # ids
    for query, judged in task.judgments.items():
        others = [passage for passage, grade in judged.items() if grade < 1][:negatives]
        if len(others) == negatives:
            positive = (passage for passage, grade in judged.items() if grade > 0)
            rows += ((query, passage, *others) for passage in positive)
    wanted = {passage for _, *passages in rows for passage in passages}
    stream = _shown(task.passages(), f"{task.name}: picking passages", " passages")
    texts = {passage: text for passage, text in stream if passage in wanted}
    for query, *passages in rows:
        for passage in passages:
            if passage not in texts:
                raise CorpusError(
                    f"{task.name}: passage {passage!r} of {query!r} is not in the corpus"
                )
        yield task.queries[query], *(texts[passage] for passage in passages)


def _mldr_pairs(
    language: str, folder: str | Path | None, negatives: int, check_count: bool
) -> Pairs:
    """Question, document and negatives, in the order of the file."""
    (path,) = locate(MLDR_ORIGIN, mldr_paths(language, "train")[1:], folder)
    found = 0
    for question in _shown(mldr_questions(path), f"MLDR {language} train", " questions"):
        others = [text for _, text in question.negative[:negatives]]
        if len(others) == negatives:
            yield from ((question.text, text, *others) for _, text in question.positive)
        found += 1
    if check_count:
        check_mldr_count(language, "train", found)


def _shown(rows: Iterable[_Row], name: str, unit: str) -> Iterable[_Row]:
    """The rows, with a progress line on stderr where they take long."""
    return tqdm(rows, desc=name, unit=unit, unit_scale=True, delay=_UNSEEN)
