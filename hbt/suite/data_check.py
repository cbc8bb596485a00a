"""`hbt data check`: read a folder of real data with the readers' own checks, and count."""

from __future__ import annotations

from pathlib import Path

from hbt.corpus import Benchmark, CorpusError
from hbt.suite.report import format_table

READ = ("xquad-r", "mlqa-r", "ntrex")
"""The sets that are small enough to be read and counted; of others the downloads are compared."""


def data_table(folder: Path) -> str:
    """What a folder around data sets holds, as tables with the overlaps below them.

    Raises:
        CorpusError: there is no set, one is broken or holds other counts than were published, or a
            downloaded file is not what its lock says.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder")
    there = [name for name in READ if (folder / name).is_dir()]
    blocks = [block for block in (_counted(folder, there), _downloaded(folder)) if block]
    if not blocks:
        raise CorpusError(
            f"{folder} has none of the folders {', '.join(READ)}, nor a data set that "
            "`hbt data fetch` downloaded"
        )
    absent = [name for name in READ if name not in there]
    if there and absent:
        blocks.append(f"not there: {', '.join(absent)}")
    return "\n\n".join(blocks)


def _counted(folder: Path, there: list[str]) -> str:
    """The sets that are read: how much they hold, and what two of them share."""
    from hbt import sources

    rows, notes, found = [], [], {}
    for name, title, read in (
        ("xquad-r", "XQuAD-R", sources.read_xquad_r),
        ("mlqa-r", "MLQA-R", sources.read_mlqa_r),
    ):
        if name in there:
            found[name] = read(folder)
            rows.append((title, *_counts(found[name])))
    if "ntrex" in there:
        text = sources.read_ntrex(folder)
        rows.append(("NTREX", str(len(text.languages)), "", f"{len(text)} sentences", ""))
        codes = sources.ntrex_low_resource(folder)
        notes.append(f"{len(codes)} languages of NTREX are low-resource: {' '.join(codes)}")
    if len(found) == 2:
        overlaps = sources.overlapping_paragraphs(*found.values())
        pairs = sorted({(each.left, each.right) for some in overlaps.values() for each in some})
        notes.append(
            f"{len(pairs)} paragraphs of MLQA-R overlap XQuAD-R and are dropped from fine-tuning: "
            + (", ".join(right for _, right in pairs) or "none")
        )
    head = ("data", "languages", "queries", "passages", "relevant")
    return "\n".join([format_table(head, rows, right=(1, 2)), *notes]) if rows else ""


def _downloaded(folder: Path) -> str:
    """The sets that `hbt data fetch` made: files and bytes, each compared with its lock."""
    from hbt.sources.catalogue import CARDS
    from hbt.sources.hub import check_files
    from hbt.sources.pins import LOCK, read_lock

    rows = []
    for name, card in CARDS.items():
        if (folder / name / LOCK).is_file():
            lock = read_lock(folder / name, card.origin)
            check_files(card.origin, list(lock.files), folder / name, lock)
            size = sum(int(entry["bytes"]) for entry in lock.files.values())
            rows.append((name, f"{len(lock.files):,}", f"{size:,}", lock.revision))
    head = ("as downloaded", "files", "bytes", "revision")
    return format_table(head, rows, right=(1, 2)) if rows else ""


def _counts(benchmark: Benchmark) -> tuple[str, str, str, str]:
    import numpy as np

    relevant = np.bincount(benchmark.relevant_query, minlength=len(benchmark.query_texts))
    low, high = int(relevant.min()), int(relevant.max())
    return (
        str(len(benchmark.languages)),
        str(len(benchmark.query_texts)),
        str(len(benchmark.passage_texts)),
        f"{low} for each query" if low == high else f"{low} to {high} for each query",
    )
