"""OLDI Seed (Maillard et al. 2023): 6,193 parallel sentences of Wikipedia, low-resource above all.

Text for pre-training, like NTREX; the article that a sentence comes from is its document.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hbt.corpus import CorpusError, ParallelText
from hbt.sources.files import data_folder, plain_or_gzip, read_text
from hbt.sources.hub import locate
from hbt.sources.origins import OLDI_SEED_ORIGIN

N_SENTENCES, N_ARTICLES = 6193, 203
MISALIGNED = ("mni_Beng", "kas_Deva")
"""Files of version 2.0 with shifted or repeated blocks (docs/data.md); read only when asked for."""

# fmt: off
OLDI_CODES = (
    "ace_Arab", "ace_Latn", "ary_Arab", "arz_Arab", "bam_Latn", "ban_Latn", "bho_Deva", "bjn_Arab",
    "bjn_Latn", "bug_Latn", "crh_Latn", "dik_Latn", "dzo_Tibt", "eng_Latn", "fur_Latn", "fuv_Latn",
    "gug_Latn", "hne_Deva", "kas_Arab", "kas_Deva", "knc_Arab", "knc_Latn", "lij_Latn", "lim_Latn",
    "lmo_Latn", "ltg_Latn", "mag_Deva", "mni_Beng", "mri_Latn", "nqo_Nkoo", "nus_Latn", "pbt_Arab",
    "prs_Arab", "scn_Latn", "shn_Mymr", "srd_Latn", "szl_Latn", "taq_Latn", "taq_Tfng", "vec_Latn",
    "zgh_Tfng",
)
# fmt: on
"""The files of version 2.0."""


def oldi_paths(languages: Sequence[str]) -> list[str]:
    """Paths of the files of some languages, and of the table with the articles."""
    return [*languages, "metadata.tsv"]


def read_oldi_seed(
    languages: Sequence[str] | None = None, folder: str | Path | None = None
) -> ParallelText:
    """OLDI Seed, aligned by sentence and with its articles as documents.

    Args:
        languages: codes such as "fur_Latn". Default: all of `OLDI_CODES` but `MISALIGNED`.
        folder: None for the cache or a download, else the upstream folder `seed` (a file `CODE`
            with a sentence a line, `metadata.tsv`), or one with `CODE.tsv.gz` (lines
            id<TAB>text) and `sources.tsv.gz` (id<TAB>url below a header).

    Raises:
        CorpusError: a file is missing or broken, or has another number of sentences.
    """
    if languages is None:
        languages = [code for code in OLDI_CODES if code not in MISALIGNED]
    languages = tuple(languages)
    place = None if folder is None else data_folder(folder, ("oldi-seed", "seed"))
    if place is not None and plain_or_gzip(place / "metadata.tsv") is None:
        table = _must(place, "sources.tsv")
        files = [_must(place, f"{code}.tsv") for code in languages]
    else:
        *files, table = locate(OLDI_SEED_ORIGIN, oldi_paths(languages), folder)
    texts = {code: _column(path) for code, path in zip(languages, files, strict=True)}
    for code, path in zip(languages, files, strict=True):
        if "" in texts[code]:
            raise CorpusError(f"{path}: sentence {texts[code].index('') + 1} is empty")
    urls = _column(table, header=True)
    numbers = {url: number for number, url in enumerate(dict.fromkeys(urls))}
    if len(numbers) != N_ARTICLES:
        raise CorpusError(f"{table} has {len(numbers)} articles, OLDI Seed has {N_ARTICLES}")
    document = np.array([numbers[url] for url in urls], dtype=np.int64)
    return ParallelText("OLDI Seed", languages, texts, document)


def _must(place: Path, name: str) -> Path:
    path = plain_or_gzip(place / name)
    if path is None:
        raise CorpusError(f"OLDI Seed: {place} has no {name} or {name}.gz")
    return path


def _column(path: Path, header: bool = False) -> list[str]:
    """The last column of a file of 6,193 lines."""
    lines = read_text(path).removesuffix("\n").split("\n")[1 if header else 0 :]
    if len(lines) != N_SENTENCES:
        raise CorpusError(f"{path} has {len(lines)} sentences, OLDI Seed has {N_SENTENCES}")
    has_ids = ".tsv" in path.name and path.name != "metadata.tsv"
    return [(line.partition("\t")[2] if has_ids else line).strip() for line in lines]
