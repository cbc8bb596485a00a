"""How far the lexicon agrees with GATITOS, the word lists that its low-resource columns come from.

Taken columns agree but for the words that are marked as the project's own; for the columns that
the project wrote, the agreement says how far to trust them. The lists are not part of the project.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hbt.village.lexicon import Lexicon

_FILES = {"crh": "crh-Latn"}
_SPELLINGS = {"neighbour": "neighbor"}


@dataclass(frozen=True)
class Agreement:
    """How many words of a column are among the translations that GATITOS gives."""

    language: str
    compared: int
    agreeing: int
    differing: tuple[tuple[str, str, tuple[str, ...]], ...]
    """(concept, our word, their forms) for each word that is none of them."""

    @property
    def share(self) -> float:
        """Share of the compared words that agree."""
        return self.agreeing / self.compared


def agreement(lexicon: Lexicon, folder: str | Path) -> list[Agreement]:
    """Compare each column with the word list of its language, where the folder has one.

    Args:
        lexicon: the words.
        folder: GATITOS as `en.tsv.gz` (id, English) and `<code>.tsv.gz` (id, translation).

    Returns:
        One row per language with a list, in the order of the languages. A concept whose English
        word the list lacks, or does not translate, is not compared.
    """
    folder = Path(folder)
    ids: dict[str, list[str]] = {}
    for identifier, english in _read_pairs(folder / "en.tsv.gz"):
        ids.setdefault(english.casefold(), []).append(identifier)
    rows = []
    for code in (language.code for language in lexicon.languages if language.code != "en"):
        path = folder / f"{_FILES.get(code, code)}.tsv.gz"
        if not path.is_file():
            continue
        listed: dict[str, list[str]] = {}
        for identifier, text in _read_pairs(path):
            listed.setdefault(identifier, []).extend(clean_forms(text))
        agreeing, differing = 0, []
        for row in lexicon.concepts:
            english = _SPELLINGS.get(row.english, row.english).casefold()
            forms = [form for i in ids.get(english, ()) for form in listed.get(i, ())]
            word = lexicon.word(code, row.concept)
            if clean_forms(word)[0] in forms:
                agreeing += 1
            elif forms:
                differing.append((row.concept, word, tuple(forms)))
        rows.append(Agreement(code, agreeing + len(differing), agreeing, tuple(differing)))
    return rows


def clean_forms(text: str) -> list[str]:
    """The forms in one translation: no notes in brackets, variants apart, one spelling of letters.

    >>> clean_forms("Casa (f.), cà / maison!")
    ['casa', 'cà', 'maison']
    """
    text = unicodedata.normalize("NFC", text).casefold()
    text = text.translate({ord("ᴐ"): "ɔ", ord("’"): "'", ord("ʻ"): "'", ord("ʼ"): "'"})
    text = re.sub(r"[(\[{][^)\]}]*[)\]}]?", " ", text)
    variants = (" ".join(variant.split()) for variant in re.split(r"[/,;|،、]", text))
    forms = (variant.strip(' .!?:…"“”«»*-') for variant in variants)
    return [form for form in forms if form]


def _read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            identifier, _, text = line.rstrip("\n").partition("\t")
            yield identifier, text
