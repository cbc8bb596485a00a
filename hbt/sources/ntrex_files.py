"""Which files NTREX has upstream, by its codes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hbt.corpus import CorpusError
from hbt.sources.ntrex import NTREX_CODES
from hbt.sources.pins import known_paths

_NAME = re.compile(r"(?:NTREX-128|NTREX-additional)/newstest2019-(?:ref|src)\.([A-Za-z-]+)\.txt")

NTREX_FILES = {match[1]: path for path in known_paths("ntrex") if (match := _NAME.fullmatch(path))}
"""Code -> path; variants of a language that NTREX keeps beside are left out."""


def ntrex_paths(languages: Sequence[str]) -> list[str]:
    """Paths of some languages, by NTREX's codes or XQuAD-R's, and of the tables beside them."""
    codes = [NTREX_CODES.get(language, language) for language in languages]
    for code in codes:
        if code not in NTREX_FILES:
            raise CorpusError(f"NTREX has no language {code!r}")
    return [*(NTREX_FILES[code] for code in codes), "DOCUMENT_IDS.tsv", "LANGUAGES.tsv"]
