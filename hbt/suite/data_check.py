"""`hbt data check`: read a folder of real data with the readers' own checks, and count."""

from __future__ import annotations

from pathlib import Path

from hbt.corpus import Benchmark
from hbt.suite.report import format_table


def data_table(folder: Path) -> str:
    """What a folder with xquad-r, mlqa-r and ntrex holds, as a table with the overlaps below it.

    Raises:
        CorpusError: a set is missing, broken, or holds other counts than were published.
    """
    from hbt import sources

    xquad, mlqa = sources.read_xquad_r(folder), sources.read_mlqa_r(folder)
    text = sources.read_ntrex(folder)
    rows = [
        ("XQuAD-R", *_counts(xquad)),
        ("MLQA-R", *_counts(mlqa)),
        ("NTREX", str(len(text.languages)), "", f"{len(text)} sentences", ""),
    ]
    low_resource = sources.ntrex_low_resource(folder)
    overlaps = sources.overlapping_paragraphs(xquad, mlqa)
    pairs = sorted({(each.left, each.right) for found in overlaps.values() for each in found})
    head = ("data", "languages", "queries", "passages", "relevant")
    lines = [
        format_table(head, rows, right=(1, 2)),
        f"{len(low_resource)} languages of NTREX are low-resource: {' '.join(low_resource)}",
        f"{len(pairs)} paragraphs of MLQA-R overlap XQuAD-R and are dropped from fine-tuning: "
        + (", ".join(right for _, right in pairs) or "none"),
    ]
    return "\n".join(lines)


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
