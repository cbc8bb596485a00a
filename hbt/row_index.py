"""Which row of a data set holds an item in a language pair; read from its id and language columns.

For data sets of the `datasets` library that others made: a plan draws (item, query language,
passage language), and the row that holds it is looked up among sorted numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbt.layout import ItemLayout
from hbt.plan_settings import CROSS_LINGUAL, PlanSettings
from hbt.sampling import Batch, pack

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a training set; see `hbt.adapters.planned`."""

    texts: tuple[str, ...] = ("query", "passage")
    item: str = "item"
    language: str = "language"
    query_language: str = "query_language"
    passage_language: str = "passage_language"
    passage_id: str = "passage_id"
    source: str = "source"

    def not_for_the_loss(self) -> set[str]:
        """All but the texts."""
        names = {self.item, self.language, self.query_language, self.passage_language}
        return names | {self.passage_id, self.source}


@dataclass(frozen=True, eq=False)
class RowIndex:
    """Rows by what they hold, and the layout of the items that they make up.

    Attributes:
        layout: of the items.
        keys: int64 (n_rows,), sorted: packed item, query language and passage language.
        rows: int64 (n_rows,): the row of each key, counted over all parts of the data.
        label: for each part int64 (rows of the part,), the passage id of each row.
    """

    layout: ItemLayout
    keys: np.ndarray
    rows: np.ndarray
    label: list[np.ndarray]

    def __call__(self, batch: Batch) -> np.ndarray:
        """int64 (batch_size,): the rows of a batch's examples."""
        languages = (batch.query_language, batch.passage_language)
        wanted = pack(batch.item, *languages, len(self.layout.languages))
        return self.rows[np.searchsorted(self.keys, wanted)]


def read_rows(
    parts: Sequence[Dataset],
    pairs: Sequence[tuple[str, str] | None],
    columns: Columns,
    settings: PlanSettings,
) -> RowIndex:
    """Index the rows of one data set or of several, one after another.

    Args:
        parts: the data sets.
        pairs: query and passage language of each, or None where the rows say so.
        columns: what the columns are called.
        settings: of the plan that will draw from them.

    Raises:
        ValueError: a column is missing, no row has all texts, an item comes twice in a language
            pair or lacks a pair that the plan may draw, or its passage id or source is not the same
            in all its rows.
    """
    for part in parts:
        _need(part, (*columns.texts, columns.item))
    item_codes, items = _coded([np.asarray(part[columns.item]) for part in parts])
    spoken = [_languages(part, pair, columns) for part, pair in zip(parts, pairs, strict=True)]
    codes, languages = _coded([side for both in spoken for side in both])
    languages = tuple(map(str, languages))
    item, query, passage = map(np.concatenate, (item_codes, codes[0::2], codes[1::2]))
    whole = np.concatenate([_whole(part, columns.texts) for part in parts])

    if not whole.any():
        raise ValueError(f"no row has a text in every one of {', '.join(columns.texts)}")
    passage_id = _of_item(parts, columns.passage_id, item, items)
    source = _of_item(parts, columns.source, item, items)
    ids = np.arange(len(items)) if passage_id is None else passage_id[0]
    keys = pack(item, query, passage, len(languages))[whole]
    rows = np.flatnonzero(whole)
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], rows[order]
    available = np.zeros((len(items), len(languages)), dtype=bool)
    available[item[whole], query[whole]] = available[item[whole], passage[whole]] = True

    def named(row: int) -> str:
        pair = f"{languages[query[row]]!r} {languages[passage[row]]!r}"
        return f"item {items[item[row]].item()!r}, {pair}"

    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        raise ValueError(
            f"{named(rows[twice[0]])} comes twice: give each question an item of its own, and name "
            f"a passage that several share in column {columns.passage_id!r}"
        )
    for a, b, lacking in _lacking(available, keys, settings):
        raise ValueError(
            f"item {items[lacking].item()!r} exists in {languages[a]!r} and {languages[b]!r} but "
            f"has no row with query in {languages[a]!r} and passage in {languages[b]!r}, which "
            f"{settings.sampling} can draw (hbt.pair_views.by_language_pair makes all pairs)"
        )
    groups = np.zeros(len(items), dtype=np.int64) if source is None else source[0]
    names = ("all",) if source is None else tuple(map(str, source[1]))
    layout = ItemLayout.from_arrays(available, groups, ids, languages, names)
    distinct = {id(codes): codes for codes in item_codes}  # equal columns share theirs
    label = {key: ids[codes] for key, codes in distinct.items()}
    return RowIndex(layout, keys, rows, [label[id(codes)] for codes in item_codes])


def _need(part: Dataset, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in part.column_names]
    if missing:
        raise ValueError(f"the data has no column {missing[0]!r}, only {part.column_names}")


def _languages(
    part: Dataset, pair: tuple[str, str] | None, columns: Columns
) -> tuple[np.ndarray, np.ndarray]:
    if pair is not None:
        query, passage = (np.full(len(part), language) for language in pair)
        return query, passage
    if columns.query_language in part.column_names:
        _need(part, (columns.passage_language,))
        return np.asarray(part[columns.query_language]), np.asarray(part[columns.passage_language])
    _need(part, (columns.language,))
    language = np.asarray(part[columns.language])
    return language, language


def _coded(columns: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Each column as indices into the sorted distinct values of all."""
    kept: list[np.ndarray] = []  # views by language pair repeat one column many times
    at = []
    for column in columns:
        same = next((n for n, other in enumerate(kept) if np.array_equal(column, other)), None)
        at.append(len(kept) if same is None else same)
        if same is None:
            kept.append(column)
    distinct = np.unique(np.concatenate([np.unique(column) for column in kept]))
    codes = [np.searchsorted(distinct, column) for column in kept]
    return [codes[n] for n in at], distinct


def _whole(part: Dataset, texts: Sequence[str]) -> np.ndarray:
    """Is no text of the row missing or empty? A bool for each row."""
    import pyarrow.compute as pc

    table = (part if part._indices is None else part.flatten_indices()).data
    missing = [pc.fill_null(pc.equal(table.column(name), ""), True).to_numpy() for name in texts]
    return ~np.logical_or.reduce(missing)


def with_empty_texts(part: Dataset) -> Dataset:
    """The texts, empty in place of missing, which the trainer cannot show in its model card."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from datasets import Dataset

    table = (part if part._indices is None else part.flatten_indices()).data.table
    if not any(column.null_count for column in table.columns):
        return part
    filled = [pc.fill_null(column, "") for column in table.columns]
    return Dataset(pa.table(dict(zip(table.column_names, filled, strict=True))))


def _of_item(
    parts: Sequence[Dataset], name: str, item: np.ndarray, items: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """A column's value for each item, as indices into its distinct values, and these."""
    if not all(name in part.column_names for part in parts):
        return None
    codes, distinct = _coded([np.asarray(part[name]) for part in parts])
    codes = np.concatenate(codes)
    value = np.zeros(len(items), dtype=np.int64)
    value[item] = codes
    differs = np.flatnonzero(value[item] != codes)
    if len(differs):
        raise ValueError(
            f"{name} of item {items[item[differs[0]]].item()!r} is not the same in all rows"
        )
    return value, distinct


def _lacking(
    available: np.ndarray, keys: np.ndarray, settings: PlanSettings
) -> Iterator[tuple[int, int, int]]:
    """Two languages that the plan can draw for an item, and the item, where no row has them."""
    kinds, size = settings.kinds(), available.shape[1]
    for a in range(size):
        for b in range(size):
            if (CROSS_LINGUAL in kinds) if a != b else set(kinds) != {CROSS_LINGUAL}:
                items = np.flatnonzero(available[:, a] & available[:, b])
                wanted = pack(items, np.full_like(items, a), np.full_like(items, b), size)
                at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
                for lacking in items[keys[at] != wanted][:1]:
                    yield a, b, int(lacking)
