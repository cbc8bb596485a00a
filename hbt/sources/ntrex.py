"""NTREX-128: 1,997 news sentences in parallel (Federmann, Kocmi and Xin 2022).

Text for pre-training; `hbt.sources.windows` makes a retrieval task of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hbt.corpus import CorpusError, ParallelText
from hbt.sources.files import data_folder, plain_or_gzip, read_text

N_SENTENCES = 1997
N_DOCUMENTS = 123

NTREX_CODES = {
    "ar": "arb",
    "de": "deu",
    "el": "ell",
    "en": "eng",
    "es": "spa",
    "hi": "hin",
    "ru": "rus",
    "th": "tha",
    "tr": "tur",
    "vi": "vie",
    "zh": "zho-CN",
}
"""The languages of XQuAD-R: their code there -> the code in NTREX."""

# fmt: off
NOT_IN_XLMR = (
    "bak", "bem", "bod", "div", "dzo", "ewe", "fao", "fij", "fuc", "hmn", "ibo", "kin", "ltz",
    "mlt", "mri", "nde", "nso", "nya", "shi", "smo", "sna-Latn", "ssw", "tah", "tat", "tgk-Cyrl",
    "tir", "ton", "tsn", "tuk", "ven", "wol", "yor", "zul",
)
# fmt: on
"""Languages whose text XLM-R never saw, nor that of a close variety (after Conneau et al. 2020)."""

_UPSTREAM_FILE = re.compile(r"newstest2019-(?:ref|src)\.([A-Za-z-]+)\.txt(?:\.gz)?")
_TABLE_FILE = re.compile(r"([a-z]{3}(?:-[A-Za-z]+)?)\.tsv(?:\.gz)?")
_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])


def read_ntrex(folder: str | Path, languages: Sequence[str] | None = None) -> ParallelText:
    """NTREX-128, aligned by sentence and with its documents.

    Args:
        folder: the folder of the upstream repository (`NTREX-128/newstest2019-ref.CODE.txt`,
            `NTREX-128/newstest2019-src.eng.txt`, `DOCUMENT_IDS.tsv`), or one with
            `CODE.tsv.gz` (lines id<TAB>text) and `docs.tsv` (id<TAB>document), or the folder
            around either, named `NTREX` or `ntrex` in it.
        languages: codes to read, of NTREX ("deu") or of XQuAD-R ("de"); the text is keyed by the
            code that was asked for. Default: all files, by NTREX's codes, sorted.

    Returns:
        1,997 sentences of 123 documents, numbered in the order of the text. White space at both
        ends and control characters are taken away; nothing else is changed.

    Raises:
        CorpusError: a file is missing or broken, or has another number of sentences.
    """
    files, documents_path = _locate(folder)
    wanted = tuple(sorted(files)) if languages is None else tuple(languages)
    texts = {}
    for language in wanted:
        code = NTREX_CODES.get(language, language)
        if code not in files:
            raise CorpusError(f"NTREX has no language {language!r} in {documents_path.parent}")
        texts[language] = _sentences(files[code])
    names = _column(documents_path)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if len(numbers) != N_DOCUMENTS:
        raise CorpusError(f"{documents_path} has {len(numbers)} documents, NTREX has {N_DOCUMENTS}")
    document = np.array([numbers[name] for name in names], dtype=np.int64)
    return ParallelText(name="NTREX-128", languages=wanted, texts=texts, document=document)


def ntrex_low_resource(folder: str | Path) -> tuple[str, ...]:
    """NTREX's codes of the languages here that XLM-R did not see, sorted.

    They are those with "no" in the column `in_xlmr` of `languages.tsv`; where there is no such
    file or column, as upstream, those of `NOT_IN_XLMR`.

    Raises:
        CorpusError: no NTREX data in the folder.
    """
    files, documents_path = _locate(folder)
    table = documents_path.parent / "languages.tsv"
    low_resource: Sequence[str] = NOT_IN_XLMR
    if table.is_file():
        rows = [line.split("\t") for line in read_text(table).splitlines() if line]
        if rows and {"code", "in_xlmr"} <= set(rows[0]):
            code, in_xlmr = rows[0].index("code"), rows[0].index("in_xlmr")
            short = [row for row in rows if len(row) != len(rows[0])]
            if short:
                raise CorpusError(f"{table}: row {short[0][0]!r} has {len(short[0])} columns")
            low_resource = [row[code] for row in rows if row[in_xlmr] == "no"]
    return tuple(sorted(code for code in low_resource if code in files))


def ntrex_language_names(folder: str | Path) -> dict[str, str]:
    """NTREX's code -> the English name of the language, as far as the folder tells.

    Raises:
        CorpusError: no NTREX data in the folder.
    """
    root = _locate(folder)[1].parent
    names = {"eng": "English"}  # the source text, which upstream's table leaves out
    for table in (root / "languages.tsv", root / "LANGUAGES.tsv"):
        if table.is_file():
            for line in read_text(table).splitlines():
                # Upstream's table is parted by blanks, the copy with more columns by tabs.
                code, _, rest = line.partition("\t") if "\t" in line else line.partition(" ")
                if code and code != "code":
                    names[code] = rest.strip().split("\t")[0]
    return names


def _locate(folder: str | Path) -> tuple[dict[str, Path], Path]:
    """The file of each language by NTREX's code, and the file with the documents."""
    root = data_folder(folder, ("ntrex", "NTREX"))
    if root.name == "NTREX-128":
        root = root.parent
    files: dict[str, Path] = {}
    for place, pattern in (
        (root, _TABLE_FILE),
        (root / "NTREX-additional", _UPSTREAM_FILE),
        (root / "NTREX-128", _UPSTREAM_FILE),
    ):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if match := pattern.fullmatch(path.name):
                files[match[1]] = path
    if not files:
        raise CorpusError(f"{root} has no NTREX files (CODE.tsv.gz or NTREX-128/newstest2019-*)")
    for name in ("docs.tsv", "DOCUMENT_IDS.tsv"):
        path = plain_or_gzip(root / name)
        if path is not None:
            return files, path
    raise CorpusError(f"{root} has no docs.tsv or DOCUMENT_IDS.tsv")


def _column(path: Path) -> list[str]:
    """The last column of a file of 1,997 lines; a first column of ids must count from 1."""
    # Not splitlines(): some translations hold line separators of Unicode inside a sentence.
    lines = read_text(path).removesuffix("\n").split("\n")
    if len(lines) != N_SENTENCES:
        raise CorpusError(f"{path} has {len(lines)} lines, NTREX has {N_SENTENCES}")
    if ".tsv" not in path.name or path.name.startswith("DOCUMENT_IDS"):
        return [line.strip() for line in lines]
    values = []
    for number, line in enumerate(lines, start=1):
        row_id, tab, value = line.partition("\t")
        if not tab or row_id != f"{number:04d}":
            raise CorpusError(f"{path}: line {number} must start with {number:04d} and a tab")
        values.append(value.strip())
    return values


def _sentences(path: Path) -> list[str]:
    sentences = [text.translate(_CONTROL).strip() for text in _column(path)]
    if "" in sentences:
        raise CorpusError(f"{path}: sentence {sentences.index('') + 1} is empty")
    return sentences
