"""Readers of real data: a folder in, checked corpus types out.

Every reader takes the folder of a data set, or the folder that it lies in, in the layout that its
publishers use or in a gzip copy, and checks what it read against the published counts.
Bad files raise `hbt.corpus.CorpusError` with one sentence that names the file.
"""

from __future__ import annotations

from hbt.sources.beir import read_beir, write_beir
from hbt.sources.embeddings import read_embeddings
from hbt.sources.lareqa import (
    MLQA_R,
    XQUAD_R,
    LareqaSet,
    Paragraph,
    lareqa_benchmark,
    read_mlqa_r,
    read_paragraphs,
    read_xquad_r,
)
from hbt.sources.ntrex import (
    NTREX_CODES,
    ntrex_language_names,
    ntrex_low_resource,
    read_ntrex,
)
from hbt.sources.overlap import Overlap, check_overlap, words
from hbt.sources.runs import Run, read_run, write_run
from hbt.sources.training_items import MLQA_R_OVERLAPS, mlqa_r_items, overlapping_paragraphs
from hbt.sources.trec import id_lines, read_trec, write_trec
from hbt.sources.windows import ntrex_benchmark, ntrex_items, split_documents

__all__ = [
    "MLQA_R",
    "MLQA_R_OVERLAPS",
    "NTREX_CODES",
    "XQUAD_R",
    "LareqaSet",
    "Overlap",
    "Paragraph",
    "Run",
    "check_overlap",
    "id_lines",
    "lareqa_benchmark",
    "mlqa_r_items",
    "ntrex_benchmark",
    "ntrex_items",
    "ntrex_language_names",
    "ntrex_low_resource",
    "overlapping_paragraphs",
    "read_beir",
    "read_embeddings",
    "read_mlqa_r",
    "read_ntrex",
    "read_paragraphs",
    "read_run",
    "read_trec",
    "read_xquad_r",
    "split_documents",
    "words",
    "write_beir",
    "write_run",
    "write_trec",
]
