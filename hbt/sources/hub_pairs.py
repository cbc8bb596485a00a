"""Any data set with a query and its passage in columns, from the hub or from a folder.

Files are read as they lie (parquet, JSON lines, tab-separated text with a header): no script of a
data set is ever run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from hbt.corpus import CorpusError, ParallelItems
from hbt.sources.hub import list_files, locate
from hbt.sources.lines import json_lines, numbered_lines
from hbt.sources.parallel_folder import items_of_copies
from hbt.sources.pins import Origin
from hbt.sources.rows import read_parquet

QUERY_NAMES = ("query", "question", "anchor", "sentence1")
PASSAGE_NAMES = ("passage", "positive", "context", "document", "answer", "text", "sentence2")
_KINDS = (".parquet", ".jsonl", ".jsonl.gz", ".tsv", ".tsv.gz")


def read_hub_pairs(
    repository: str,
    files: Mapping[str, str],
    folder: str | Path | None = None,
    *,
    query: str | None = None,
    passage: str | None = None,
    name: str | None = None,
    revision: str | None = None,
) -> ParallelItems:
    """Training data from a data set on the hub.

    Args:
        repository: "owner/name".
        files: language -> pattern of its files, such as {"de": "data/de/train-*.parquet"}.
        folder: as for `hbt.sources.hub.locate`; None for the cache or a download.
        query: name of a column. Default: the first of `QUERY_NAMES` that is there.
        passage: name of a column. Default: the first of `PASSAGE_NAMES` that is there.
        name: column with the id of an item, the same in all its languages; None: items exist in
            one language each.
        revision: full hash of a commit; None to pin the newest one at the first download.

    Returns:
        Items that share a passage's text in a language share its passage id.

    Raises:
        DownloadError: files could not be downloaded.
        CorpusError: no file fits a pattern, a file is broken or lacks a column, or an id is
            doubled in a language.
    """
    origin = Origin(repository.replace("/", "--"), "hub", repository, revision)
    listed = list_files(origin, "", folder)
    columns = (
        (QUERY_NAMES if query is None else (query,)),
        (PASSAGE_NAMES if passage is None else (passage,)),
    )
    copies: dict[str, dict[str, tuple[str, str]]] = {}
    for language, pattern in files.items():
        fitting = [path for path in listed if fnmatch(path, pattern) and path.endswith(_KINDS)]
        if not fitting:
            raise CorpusError(f"{repository} has no file {pattern!r} of a kind in {_KINDS}")
        for path, file in zip(fitting, locate(origin, fitting, folder), strict=True):
            for number, (item, *texts) in enumerate(_read(file, name, *columns)):
                item = f"{path} {number}" if item is None else item
                if language in copies.setdefault(item, {}):
                    raise CorpusError(f"{file}: id {item!r} comes a second time in {language}")
                copies[item][language] = (texts[0], texts[1])
    return items_of_copies(repository, tuple(files), copies)


def _read(
    path: Path, name: str | None, query: Sequence[str], passage: Sequence[str]
) -> Iterator[tuple[str | None, str, str]]:
    """Id, query and passage of each row, by the columns' possible names."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        header: Sequence[str] = parquet.read_schema(path).names
    elif ".jsonl" in path.name:
        header = next((list(record) for _, record in json_lines(path)), [])
    else:
        header = next((line.split("\t") for _, line in numbered_lines(path)), [])
    wanted = [_first(path, header, names) for names in (query, passage)]
    wanted += [_first(path, header, (name,))] if name is not None else []
    rows: Iterator[Sequence[object]]
    if path.suffix == ".parquet":
        rows = read_parquet(path, wanted)
    elif ".jsonl" in path.name:
        rows = ([record.get(each) for each in wanted] for _, record in json_lines(path))
    else:
        at = [header.index(each) for each in wanted]
        lines = (line.split("\t") for number, line in numbered_lines(path) if number > 1)
        rows = ([line[i] if i < len(line) else None for i in at] for line in lines)
    for number, row in enumerate(rows, start=1):
        for column, value in zip(wanted[:2], row, strict=False):
            if not (isinstance(value, str) and value.strip()):
                raise CorpusError(f"{path}, row {number}: {column!r} is no text ({value!r})")
        yield (None if name is None else str(row[2])), row[0], row[1]


def _first(path: Path, header: Sequence[str], names: Sequence[str]) -> str:
    for name in names:
        if name in header:
            return name
    raise CorpusError(f"{path} has no column {' or '.join(map(repr, names))}, only {list(header)}")
