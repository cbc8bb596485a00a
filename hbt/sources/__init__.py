"""Readers of real data: a folder in, checked corpus types out.

Every reader takes the folder of a data set, or the folder that it lies in, in the layout that its
publishers use or in a gzip copy, and checks what it read against the published counts. Readers
that take no folder as well download what they need (`fetch` does so for the others).
Bad files raise `hbt.corpus.CorpusError` with one sentence that names the file.
"""

from __future__ import annotations

from hbt.sources.beir import read_beir, write_beir
from hbt.sources.belebele import read_belebele
from hbt.sources.catalogue import CARDS, DataCard, fetch
from hbt.sources.dictionaries import benchmark_from_dictionaries, run_from_dictionary
from hbt.sources.embeddings import read_embeddings
from hbt.sources.hub_errors import DownloadError
from hbt.sources.hub_pairs import read_hub_pairs
from hbt.sources.joined import join_items
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
from hbt.sources.miracl import (
    miracl_passages,
    miracl_queries,
    miracl_task,
    read_miracl,
    read_miracl_hard_negatives,
)
from hbt.sources.mkqa import read_mkqa
from hbt.sources.mldr import mldr_task, read_mldr
from hbt.sources.mmarco import mmarco_items, mmarco_passages
from hbt.sources.monolingual_items import miracl_items, mldr_items
from hbt.sources.ntrex import (
    NTREX_CODES,
    ntrex_language_names,
    ntrex_low_resource,
    read_ntrex,
)
from hbt.sources.oldi import read_oldi_seed
from hbt.sources.overlap import Overlap, check_overlap, words
from hbt.sources.parallel_folder import read_parallel_folder
from hbt.sources.runs import Run, read_run, write_run
from hbt.sources.streamed import StreamedTask, load_benchmark
from hbt.sources.training_items import MLQA_R_OVERLAPS, mlqa_r_items, overlapping_paragraphs
from hbt.sources.trec import id_lines, read_trec, write_trec
from hbt.sources.windows import ntrex_benchmark, ntrex_items, split_documents

__all__ = [
    "CARDS",
    "MLQA_R",
    "MLQA_R_OVERLAPS",
    "NTREX_CODES",
    "XQUAD_R",
    "DataCard",
    "DownloadError",
    "LareqaSet",
    "Overlap",
    "Paragraph",
    "Run",
    "StreamedTask",
    "benchmark_from_dictionaries",
    "check_overlap",
    "fetch",
    "id_lines",
    "join_items",
    "lareqa_benchmark",
    "load_benchmark",
    "miracl_items",
    "miracl_passages",
    "miracl_queries",
    "miracl_task",
    "mldr_items",
    "mldr_task",
    "mlqa_r_items",
    "mmarco_items",
    "mmarco_passages",
    "ntrex_benchmark",
    "ntrex_items",
    "ntrex_language_names",
    "ntrex_low_resource",
    "overlapping_paragraphs",
    "read_beir",
    "read_belebele",
    "read_embeddings",
    "read_hub_pairs",
    "read_miracl",
    "read_miracl_hard_negatives",
    "read_mkqa",
    "read_mldr",
    "read_mlqa_r",
    "read_ntrex",
    "read_oldi_seed",
    "read_paragraphs",
    "read_parallel_folder",
    "read_run",
    "read_trec",
    "read_xquad_r",
    "run_from_dictionary",
    "split_documents",
    "words",
    "write_beir",
    "write_run",
    "write_trec",
]
