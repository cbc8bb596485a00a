"""mMARCO (Bonifacio et al. 2021): MS MARCO's passages and queries in 13 translations and English.

Natively parallel: passage 7 is passage 7 in every language, and so are queries and the training
triples (query, relevant passage, other passage). It is the one training set of the paper that
anyone can have in the same form. The version is the second, of Google Translate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from hbt.corpus import CorpusError, ParallelItems
from hbt.sources.arrow_texts import (
    ArrowTexts,
    converted_name,
    int_table,
    open_column,
    write_column,
)
from hbt.sources.hub import data_home, locate
from hbt.sources.origins import MMARCO_ORIGIN
from hbt.sources.rows import read_tsv
from hbt.whole_files import made_once

if TYPE_CHECKING:
    import pyarrow

_Columns: TypeAlias = "dict[str, tuple[np.ndarray, pyarrow.ChunkedArray]]"

_NAMES = {
    "ar": "arabic",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "id": "indonesian",
    "it": "italian",
    "ja": "japanese",
    "nl": "dutch",
    "pt": "portuguese",
    "ru": "russian",
    "vi": "vietnamese",
    "zh": "chinese",
}
MMARCO_LANGUAGES = tuple(_NAMES)
PAPER_LANGUAGES = ("en", "ar", "zh", "de", "es", "ru", "hi")
"""The languages that the paper takes from mMARCO (its Table 9)."""

MOST_INCOMPLETE = 0.01
"""Share of items that may lack a text in some language before it is an error."""

_TRIPLES = "data/triples.train.ids.small.tsv"


def mmarco_paths(languages: Sequence[str], split: str = "train") -> list[str]:
    """Paths of the passages and queries of some languages and, for "train", of the triples."""
    if split not in ("train", "dev.small"):
        raise CorpusError(f"mMARCO has no split {split!r}, only train and dev.small")
    part = "train" if split == "train" else "dev"
    for language in languages:
        if language not in _NAMES:
            raise CorpusError(f"mMARCO has no language {language!r}, only {MMARCO_LANGUAGES}")
    names = [_NAMES[language] for language in languages]
    return [
        *(f"data/google/collections/{name}_collection.tsv" for name in names),
        *(f"data/google/queries/{part}/{name}_queries.{split}.tsv" for name in names),
        _TRIPLES if split == "train" else "data/qrels.dev.small.tsv",
    ]


def mmarco_passages(language: str, folder: str | Path | None = None) -> Iterator[tuple[str, str]]:
    """The stream of (id, text) of the 8.8 million passages of a language.

    Args:
        language: one of `MMARCO_LANGUAGES`.
        folder: as for `hbt.sources.hub.locate`.

    Raises:
        CorpusError: an unknown language, or the file is missing or broken.
    """
    (path,) = locate(MMARCO_ORIGIN, mmarco_paths([language])[:1], folder)
    yield from read_tsv(path, 2)


def mmarco_items(
    languages: Sequence[str] = PAPER_LANGUAGES,
    folder: str | Path | None = None,
    *,
    each_triple: bool = False,
    negatives: int = 0,
) -> ParallelItems:
    """Training data, parallel in all the languages; the texts stay on disk.

    The first call makes arrow files of the tables, below the cache; of several processes that come
    at once, one makes them and the others wait.

    Args:
        languages: codes of `MMARCO_LANGUAGES`.
        folder: as for `hbt.sources.hub.locate`.
        each_triple: an item for each of the 39.8 million triples, as the paper's Table 9 counts;
            else one for each different pair of a query and its passage.
        negatives: hard negatives of an item: the "other" passages of its triple, or of the first
            triples of its pair that differ in it. Pairs with fewer of them are left out.

    Returns:
        Items in the order of the triples; `passage_id` and `negative_id` are numbers of passages.
        Items that lack a text in one of the languages are left out.

    Raises:
        CorpusError: an unknown language, a missing or broken file, more than one item in a hundred
            lacks a text, or a triple is asked for more than one negative.
    """
    mmarco_paths(languages)  # an unknown language is refused before the work
    if not 0 <= negatives <= (1 if each_triple else negatives):
        raise CorpusError(f"mMARCO: negatives is {negatives}; a triple has 1, and 0 is the least")
    triples = mmarco_triples(folder)
    rows = triples if each_triple else _pairs(triples, max(negatives, 1))
    rows = rows[:, : 2 + negatives]  # query, relevant passage, negatives
    passages, queries = _columns(tuple(languages), folder)
    rows = rows[_complete(rows, queries, passages)]

    def texts(found: _Columns, column: int) -> dict[str, ArrowTexts]:
        return {
            code: ArrowTexts(texts, rows[:, column], row_of)
            for code, (row_of, texts) in found.items()
        }

    return ParallelItems(
        name="mMARCO",
        languages=tuple(languages),
        passage_id=rows[:, 1].astype(np.int64),
        source=np.zeros(len(rows), dtype=np.int64),
        source_names=("mMARCO",),
        queries=texts(queries, 0),
        passages=texts(passages, 1),
        negatives=tuple(texts(passages, 2 + number) for number in range(negatives)),
        negative_id=rows[:, 2:].astype(np.int64) if negatives else None,
    )


def mmarco_triples(folder: str | Path | None = None) -> np.ndarray:
    """int32 array (n_triples, 3), memory-mapped: query, relevant passage, other passage."""
    (path,) = locate(MMARCO_ORIGIN, [_TRIPLES], folder)
    return int_table(path, 3, _kept(path, ".i4"))


def _pairs(triples: np.ndarray, others: int) -> np.ndarray:
    """Each different pair of a query and its passage, with its first so many different others.

    Returns:
        Whole numbers (n_pairs, 2 + others), in the order in which the pairs first come.
    """
    key = triples[:, 0].astype(np.int64) << 32 | triples[:, 1]
    if others == 1:
        return triples[np.sort(np.unique(key, return_index=True)[1])]
    order = np.argsort(key, kind="stable")
    first = np.append(True, np.diff(key[order]) != 0)
    group = np.cumsum(first) - 1  # number of the pair, along `order`
    _, kept = np.unique(group << 32 | triples[order, 2], return_index=True)
    kept.sort()  # a passage that a pair has twice counts once
    order, group = order[kept], group[kept]
    size = np.bincount(group)
    place = np.arange(len(group)) - np.repeat(np.cumsum(size) - size, size)
    chosen = order[(place < others) & (size[group] >= others)].reshape(-1, others)
    chosen = chosen[np.argsort(chosen[:, 0])]
    return np.column_stack([triples[chosen[:, 0], :2], triples[chosen, 2]])


def _columns(languages: tuple[str, ...], folder: str | Path | None) -> tuple[_Columns, _Columns]:
    """Passages and queries of each language, as `open_column` gives them."""
    files = locate(MMARCO_ORIGIN, mmarco_paths(languages)[:-1], folder)
    passages, queries = files[: len(languages)], files[len(languages) :]
    return (
        {code: _arrow(file, False) for code, file in zip(languages, passages, strict=True)},
        {code: _arrow(file, True) for code, file in zip(languages, queries, strict=True)},
    )


def _arrow(source: Path, sort: bool) -> tuple[np.ndarray, pyarrow.ChunkedArray]:
    def make(partial: Path) -> None:
        rows = _numbered(source)
        write_column(sorted(rows) if sort else rows, partial, str(source))

    return open_column(made_once(_kept(source, ".arrow"), make))


def _kept(source: Path, ending: str) -> Path:
    """Where is kept what is made of a file."""
    return data_home() / "arrow" / converted_name(source, ending)


def _numbered(source: Path) -> Iterator[tuple[int, str]]:
    for number, text in read_tsv(source, 2):
        if not (number.isascii() and number.isdecimal()):
            raise CorpusError(f"{source}: {number!r} is no number of a text")
        yield int(number), text


def _complete(rows: np.ndarray, queries: _Columns, passages: _Columns) -> np.ndarray | slice:
    """Which rows have all their texts in all languages; a slice where they all have."""
    complete = np.ones(len(rows), dtype=bool)
    for side, keys in enumerate(rows.T):
        for row_of, _ in (queries if side == 0 else passages).values():
            inside = keys < len(row_of)
            complete &= inside
            complete[inside] &= row_of[keys[inside]] >= 0
    missing = len(complete) - int(complete.sum())
    if missing > MOST_INCOMPLETE * len(complete):
        raise CorpusError(f"mMARCO: {missing:,} of {len(complete):,} items lack a text")
    return slice(None) if not missing else complete
