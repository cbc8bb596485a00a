"""One data set for each language pair, without a copy for each: what X-Y and hybrid draw from."""

from __future__ import annotations

import numpy as np
from datasets import Dataset, DatasetDict, concatenate_datasets

from hbt.row_index import Columns, with_empty_texts


def by_language_pair(
    dataset: Dataset, columns: Columns | None = None, separator: str = "-"
) -> DatasetDict:
    """Rows of one language each, as a data set "query language-passage language" for every pair.

    The texts of each language are put in the order of the items once; the views of all pairs share
    them. Row i of every view is item i, and a text is empty where the item lacks the language.

    Args:
        dataset: with the text columns, `item` and `language`; `passage_id` and `source` are taken
            along where there are any.
        columns: names of the columns. The first text is the query; all others, hard negatives
            too, are in the passage's language.
        separator: between the languages in a name; `hbt.adapters.planned` knows "-" and "/".

    Returns:
        A DatasetDict with a data set for each ordered pair, pairs of one language included.

    Raises:
        ValueError: a column is missing, a language is empty or has the separator in its name, or an
            item comes twice in a language.
    """
    import pyarrow as pa

    columns = columns or Columns()
    for name in (*columns.texts, columns.item, columns.language):
        if name not in dataset.column_names:
            raise ValueError(f"the data has no column {name!r}, only {dataset.column_names}")
    dataset = dataset if dataset._indices is None else dataset.flatten_indices()
    items, first, item = np.unique(
        np.asarray(dataset[columns.item]), return_index=True, return_inverse=True
    )
    language = np.asarray(dataset[columns.language])
    if not all(str(code or "").strip() for code in set(language.tolist())):
        raise ValueError(f"a row has an empty {columns.language!r}")
    extra = [name for name in (columns.passage_id, columns.source) if name in dataset.column_names]
    table = dataset.data.table
    # every view has its own name for what it shares with the others
    ids = Dataset(table.select([columns.item, *extra]).take(pa.array(first)))
    sides = {}
    for code in np.unique(language):
        if separator in str(code):
            hint = "; give separator='/'" if separator == "-" else ""
            raise ValueError(
                f"language {str(code)!r} has the separator {separator!r} in its name{hint}"
            )
        rows = np.flatnonzero(language == code)
        row_of = np.full(len(items), -1)
        row_of[item[rows]] = rows
        if len(np.unique(item[rows])) < len(rows):
            raise ValueError(f"an item comes twice in language {str(code)!r}")
        places = pa.array(row_of, mask=row_of < 0)  # a missing place gives a missing text
        sides[str(code)] = with_empty_texts(Dataset(table.select(columns.texts).take(places)))
    query, *others = columns.texts
    queries = {code: side.select_columns([query]) for code, side in sides.items()}
    passages = {code: side.select_columns(others) for code, side in sides.items()}
    return DatasetDict(
        {
            f"{a}{separator}{b}": concatenate_datasets([queries[a], passages[b], ids], axis=1)
            for a in sides
            for b in sides
        }
    )
