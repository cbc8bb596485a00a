"""One's own translations: a folder with a file for each language, items matched by id.

`LANGUAGE.jsonl` (objects with `id`, `query`, `passage`) or `LANGUAGE.tsv` (a header line with
these names), plain or gzip-compressed. An item that a file lacks lacks the language. Ids are
texts. Items with an equal passage in some language share a passage id; with `passage_id` in the
files those that share it do. Hard negatives are in `negative`, or in `negative_1`, `negative_2` and
so on, each in the language of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from hbt.corpus import CorpusError, ParallelItems
from hbt.sources.lareqa import connected
from hbt.sources.lines import json_lines, numbered_lines

_FILE = re.compile(r"([A-Za-z]{2,3}(?:[-_][A-Za-z]+)*)\.(jsonl|tsv)(\.gz)?")
_NEEDED = ("id", "query", "passage")


def read_parallel_folder(folder: str | Path, negatives: int = 0) -> ParallelItems:
    """The items of a folder, its languages in alphabetical order.

    Args:
        folder: with the files.
        negatives: hard negatives of each item to read; an error where a file has fewer.

    Raises:
        CorpusError: the folder has no such file or two of a language, a file is broken, or an id
            is doubled in a language.
    """
    files = language_files(Path(folder))
    copies: dict[str, dict[str, tuple[str, ...]]] = {}
    shared: dict[str, list[str]] = {}
    for language, path in files.items():
        for place, record in _records(path):
            keys = _keys(record, negatives)
            for key in keys:
                if key not in record:
                    raise CorpusError(
                        f"{place}: {key!r} is missing; data.negatives asks for {negatives} hard "
                        "negatives of each item (0 for none)"
                    )
            item, *texts = (_text(record, key, place) for key in (*_NEEDED, *keys))
            if language in copies.setdefault(item, {}):
                raise CorpusError(f"{place}: id {item!r} comes a second time")
            copies[item][language] = tuple(texts)
            if record.get("passage_id") is not None:
                shared.setdefault(item, []).append(str(record["passage_id"]))
    return items_of_copies(Path(folder).resolve().name, tuple(files), copies, shared)


def _keys(record: Mapping[str, object], negatives: int) -> list[str]:
    """What the hard negatives of a record are called."""
    names = [f"negative_{number + 1}" for number in range(negatives)]
    return ["negative"] if len(names) == 1 and names[0] not in record else names


def language_files(folder: Path) -> dict[str, Path]:
    """Language -> file, from their names alone.

    Raises:
        CorpusError: the folder has no such file or two of a language.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if match := _FILE.fullmatch(path.name):
            if match[1] in files:
                raise CorpusError(f"{folder} has {files[match[1]].name} and {path.name}")
            files[match[1]] = path
    if not files:
        raise CorpusError(f"{folder} has no LANGUAGE.jsonl or LANGUAGE.tsv")
    return files


def items_of_copies(
    name: str,
    languages: tuple[str, ...],
    copies: Mapping[str, Mapping[str, tuple[str, ...]]],
    shared: Mapping[str, list[str]] | None = None,
) -> ParallelItems:
    """Items from their copies.

    Args:
        name: name of the data.
        languages: codes, in order.
        copies: item -> language -> query, passage and any number of hard negatives, of which each
            item has as many.
        shared: item -> ids of its passage, equal where items share it.
    """
    items = list(copies.values())
    n_negatives = len(next((texts for found in items for texts in found.values()), ("", ""))) - 2
    groups = [
        [
            *((language, texts[1]) for language, texts in found.items()),
            *(("", each) for each in (shared or {}).get(item, ())),
        ]
        for item, found in copies.items()
    ]
    groups += [
        [(language, texts[2 + number]) for language, texts in found.items()]
        for found in items
        for number in range(n_negatives)
    ]
    ids = np.array(connected(groups), dtype=np.int64)

    def side(index: int) -> dict[str, list[str | None]]:
        return {
            language: [found[language][index] if language in found else None for found in items]
            for language in languages
        }

    return ParallelItems(
        name=name,
        languages=languages,
        passage_id=ids[: len(items)],
        source=np.zeros(len(items), dtype=np.int64),
        source_names=(name,),
        queries=side(0),
        passages=side(1),
        negatives=tuple(side(2 + number) for number in range(n_negatives)),
        negative_id=ids[len(items) :].reshape(-1, n_negatives) if n_negatives else None,
    )


def restrict_items(items: ParallelItems, languages: Sequence[str]) -> ParallelItems:
    """The items in the given languages only; those that exist in none of them are left out.

    Raises:
        CorpusError: the items have no such language.
    """
    for language in languages:
        if language not in items.languages:
            raise CorpusError(f"{items.name} has no language {language!r}, only {items.languages}")
    columns = [items.languages.index(language) for language in languages]
    return items.part(np.flatnonzero(items.available[:, columns].any(axis=1)), languages)


def _records(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    if ".jsonl" in path.name:
        yield from json_lines(path)
        return
    header: list[str] = []
    for number, line in numbered_lines(path):
        fields, place = line.split("\t"), f"{path}, line {number}"
        if not header:
            header = fields
        elif len(fields) != len(header):
            raise CorpusError(f"{place} has {len(fields)} columns, the header has {len(header)}")
        else:
            yield place, dict(zip(header, fields, strict=True))


def _text(record: Mapping[str, object], key: str, place: str) -> str:
    value = record.get(key)
    if key == "id" and isinstance(value, int):
        return str(value)
    if not (isinstance(value, str) and value.strip()):
        raise CorpusError(f"{place}: {key!r} is no text ({value!r})")
    return value
