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
) -> ParallelItems:
    """Training data, parallel in all the languages; the texts stay on disk.

    The first call makes arrow files of the tables, below the cache.

    Args:
        languages: codes of `MMARCO_LANGUAGES`.
        folder: as for `hbt.sources.hub.locate`.
        each_triple: an item for each of the 39.8 million triples, as the paper's Table 9 counts;
            else one for each different pair of a query and its passage. A pair comes with many
            "other" passages, so a plan without hard negatives wants the pairs.

    Returns:
        Items in the order of the triples; `passage_id` is the number of the passage. Items that
        lack a text in one of the languages are left out. `mmarco_negatives` has the other passage
        of each item.

    Raises:
        CorpusError: an unknown language, a missing or broken file, or more than one item in a
            hundred lacks a text.
    """
    mmarco_paths(languages)  # an unknown language is refused before the work
    triples = _items_of(mmarco_triples(folder), each_triple)
    passages, queries = _columns(tuple(languages), folder)
    triples = triples[_complete(triples, [(queries, 0), (passages, 1)])]

    def texts(found: _Columns, column: int) -> dict[str, ArrowTexts]:
        return {
            code: ArrowTexts(texts, triples[:, column], row_of)
            for code, (row_of, texts) in found.items()
        }

    return ParallelItems(
        name="mMARCO",
        languages=tuple(languages),
        passage_id=triples[:, 1].astype(np.int64),
        source=np.zeros(len(triples), dtype=np.int64),
        source_names=("mMARCO",),
        queries=texts(queries, 0),
        passages=texts(passages, 1),
    )


def mmarco_negatives(
    languages: Sequence[str] = PAPER_LANGUAGES,
    folder: str | Path | None = None,
    *,
    each_triple: bool = False,
) -> dict[str, ArrowTexts]:
    """Language -> the other passage of each item of `mmarco_items`, given the same arguments.

    With pairs it is the other passage of the pair's first triple; None where it has no text.
    """
    triples = _items_of(mmarco_triples(folder), each_triple)
    passages, queries = _columns(tuple(languages), folder)
    other = triples[_complete(triples, [(queries, 0), (passages, 1)]), 2]
    return {code: ArrowTexts(texts, other, row_of) for code, (row_of, texts) in passages.items()}


def mmarco_triples(folder: str | Path | None = None) -> np.ndarray:
    """int32 array (n_triples, 3), memory-mapped: query, relevant passage, other passage."""
    (path,) = locate(MMARCO_ORIGIN, [_TRIPLES], folder)
    return int_table(path, 3, data_home() / "arrow" / converted_name(path, ".i4"))


def _items_of(triples: np.ndarray, each_triple: bool) -> np.ndarray:
    """All triples, or those in which a pair of query and passage comes for the first time."""
    if each_triple:
        return triples
    key = triples[:, 0].astype(np.int64) << 32 | triples[:, 1]
    return triples[np.sort(np.unique(key, return_index=True)[1])]


def _columns(languages: tuple[str, ...], folder: str | Path | None) -> tuple[_Columns, _Columns]:
    """Passages and queries of each language, as `open_column` gives them."""
    files = locate(MMARCO_ORIGIN, mmarco_paths(languages)[:-1], folder)
    passages, queries = files[: len(languages)], files[len(languages) :]
    return (
        {code: _arrow(file, False) for code, file in zip(languages, passages, strict=True)},
        {code: _arrow(file, True) for code, file in zip(languages, queries, strict=True)},
    )


def _arrow(source: Path, sort: bool) -> tuple[np.ndarray, pyarrow.ChunkedArray]:
    path = data_home() / "arrow" / converted_name(source, ".arrow")
    if not path.is_file():
        rows = _numbered(source)
        write_column(sorted(rows) if sort else rows, path, str(source))
    return open_column(path)


def _numbered(source: Path) -> Iterator[tuple[int, str]]:
    for number, text in read_tsv(source, 2):
        if not (number.isascii() and number.isdecimal()):
            raise CorpusError(f"{source}: {number!r} is no number of a text")
        yield int(number), text


def _complete(triples: np.ndarray, needed: list[tuple[_Columns, int]]) -> np.ndarray | slice:
    """Which triples have all their texts in all languages; a slice where they all have."""
    complete = np.ones(len(triples), dtype=bool)
    for columns, side in needed:
        for row_of, _ in columns.values():
            keys = triples[:, side]
            inside = keys < len(row_of)
            complete &= inside
            complete[inside] &= row_of[keys[inside]] >= 0
    missing = len(complete) - int(complete.sum())
    if missing > MOST_INCOMPLETE * len(complete):
        raise CorpusError(f"mMARCO: {missing:,} of {len(complete):,} items lack a text")
    return slice(None) if not missing else complete
