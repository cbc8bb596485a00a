"""The words of the village: one row per concept, one column per language.

Two tables lie beside this module. `languages.tsv` has a row per language: code, name, family and
branch, script, `word_order`, `adjective` and `adposition` (before or after the noun), `question`
(where the question word stands), `spaces` (are words written apart?), `role`, `words` (own or
GATITOS), `nearest` training language, and the sources of what was judged: word order from WALS
(features 81A, 81B, 87A, 85A and 93A of release 2020.4, "not initial" read as "in place"), nearest
from the classification of Glottolog 5.1. A language without a training language in its branch of
a family has no nearest one, whatever words it borrowed.

`lexicon.tsv` has the columns concept and category and a word per language; the English word is the
gloss. The sixteen low-resource columns are taken from GATITOS (see LICENSE); a leading `*` marks
what the project wrote itself in them. The other eleven columns are the project's own.

A class adds its language with one file of two columns and one row for the table of languages:

    >>> luxembourgish = replace(lexicon.language("de"), code="lb", name="Luxembourgish")
    >>> larger = add_column("lb.tsv", luxembourgish)
    >>> for sentence in validate(larger, ["lb"]):  # what is missing or doubled
    ...     print(sentence)
"""

from __future__ import annotations

import csv
import difflib
import functools
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from hbt.corpus import CorpusError

OWN_MARK = "*"
"""Written before a word of a GATITOS column that the project wrote itself."""

_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "word_order": ("SVO", "SOV", "VSO", "VOS"),
    "adjective": ("before", "after"),
    "adposition": ("before", "after"),
    "question": ("first", "in place", "last"),
    "role": ("training", "evaluated only", "low-resource"),
    "words": ("own", "GATITOS"),
}
_LETTER_NAMES: Mapping[str, tuple[str, ...]] = {
    "Latin": ("LATIN", "MODIFIER LETTER", "COMBINING"),  # the Tongan ʻ, the tilde of Guarani g̃
    "Han": ("CJK UNIFIED IDEOGRAPH",),
}
"""How the Unicode names of a script's letters begin, where it is not the name of the script."""

_INSIDE_A_WORD = "'’-"


@dataclass(frozen=True)
class Language:
    """One row of `languages.tsv`; the module's docstring says what the fields mean."""

    code: str
    name: str
    family: str
    branch: str
    script: str
    word_order: str
    adjective: str
    adposition: str
    question: str
    spaces: bool
    role: str
    words: str = "own"
    nearest: str = ""
    nearest_source: str = ""
    order_source: str = ""
    spaced_syllables: bool = False
    """Vietnamese sets its syllables apart: a word may hold spaces."""


@dataclass(frozen=True)
class Concept:
    """One row of `lexicon.tsv`: its name, its category and its English word."""

    concept: str
    category: str
    english: str


@dataclass(frozen=True)
class Lexicon:
    """All words: `words[code][concept]` as written in the table, marks included."""

    languages: tuple[Language, ...]
    concepts: tuple[Concept, ...]
    words: Mapping[str, Mapping[str, str]]

    def language(self, code: str) -> Language:
        """The row of a language; CorpusError where there is none."""
        for language in self.languages:
            if language.code == code:
                return language
        known = " ".join(language.code for language in self.languages)
        raise CorpusError(f"the lexicon has no language {code!r}, only {known}")

    def word(self, language: str, concept: str) -> str:
        """The word of a concept in a language; CorpusError where there is none."""
        word = self.words.get(language, {}).get(concept, "").removeprefix(OWN_MARK)
        if not word:
            raise CorpusError(f"the lexicon has no word for {concept!r} in language {language!r}")
        return word

    def marked(self, language: str, concept: str) -> bool:
        """Did the project write this word itself, instead of taking it from GATITOS?"""
        if self.language(language).words == "own":
            return True
        return self.words[language][concept].startswith(OWN_MARK)


@functools.cache
def languages() -> tuple[Language, ...]:
    """The languages of the village in the order of `languages.tsv`."""
    made = []
    for row in _read_table(_shipped("languages.tsv"), "languages.tsv"):
        spaces = row.pop("spaces")  # yes, no, between syllables
        made.append(
            Language(**row, spaces=spaces != "no", spaced_syllables=spaces == "between syllables")
        )
    return tuple(made)


@functools.cache
def load() -> Lexicon:
    """The lexicon that ships with the package: 27 languages, numbers left to digits."""
    rows = _read_table(_shipped("lexicon.tsv"), "lexicon.tsv")
    concepts = tuple(Concept(row["concept"], row["category"], row["en"]) for row in rows)
    codes = [name for name in rows[0] if name not in ("concept", "category")]
    words = {code: {row["concept"]: row[code] for row in rows} for code in codes}
    return Lexicon(languages(), concepts, words)


def add_column(path: str | Path, language: Language, lexicon: Lexicon | None = None) -> Lexicon:
    """A larger lexicon with one more language, from a file of two columns: concept and word.

    Further columns are ignored; an empty or missing word is left for `validate` to name.

    Raises:
        CorpusError: the file lacks a column, or names a concept that is unknown or there twice,
            or the language is in the lexicon already.
    """
    lexicon = lexicon or load()
    if language.code in lexicon.words:
        raise CorpusError(f"{path}: the lexicon already has a language {language.code!r}")
    names = [row.concept for row in lexicon.concepts]
    words: dict[str, str] = {}
    for number, row in enumerate(_read_table(_text(path), str(path)), start=2):
        if "concept" not in row or "word" not in row:
            raise CorpusError(f"{path}: the first line must name the columns concept and word")
        concept = row["concept"]
        if concept not in names:
            near = difflib.get_close_matches(concept, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CorpusError(f"{path}: line {number}: no concept is called {concept!r}{hint}")
        if concept in words:
            raise CorpusError(f"{path}: line {number}: concept {concept!r} is there twice")
        words[concept] = row["word"].strip()
    all_words = {**lexicon.words, language.code: words}
    return replace(lexicon, languages=(*lexicon.languages, language), words=all_words)


def validate(lexicon: Lexicon, codes: Sequence[str] | None = None) -> list[str]:
    """One sentence for each thing missing, doubled or ill-formed; an empty list when all is well.

    Args:
        lexicon: the words to look at.
        codes: languages to look at; all by default.
    """
    known = {language.code: language for language in lexicon.languages}
    sentences = []
    for code in dict.fromkeys((*known, *lexicon.words)) if codes is None else codes:
        if code not in known:
            sentences.append(f"Column {code!r} has no row in the table of languages.")
        elif code not in lexicon.words:
            sentences.append(f"{known[code].name} ({code}) has no column of words.")
        else:
            sentences += _faults_of_row(known[code], known)
            sentences += _faults_of_words(lexicon, known[code])
    return sentences


def _faults_of_row(language: Language, known: Mapping[str, Language]) -> Iterator[str]:
    title = f"{language.name} ({language.code})"
    for name, allowed in _ALLOWED.items():
        value = getattr(language, name)
        if value not in allowed:
            yield f"{title}: {name} is {value!r}, which is none of {', '.join(allowed)}."
    nearest = language.nearest
    if nearest and (nearest not in known or known[nearest].role != "training"):
        yield f"{title}: nearest is {nearest!r}, which is no training language."


def _faults_of_words(lexicon: Lexicon, language: Language) -> Iterator[str]:
    title = f"{language.name} ({language.code})"
    column = lexicon.words[language.code]
    first_with: dict[str, str] = {}
    for concept in (row.concept for row in lexicon.concepts):
        word = column.get(concept, "").removeprefix(OWN_MARK)
        if not word:
            yield f"{title} has no word for {concept!r}."
            continue
        other = first_with.setdefault(word.casefold(), concept)
        if other != concept:
            yield f"{title} has one word, {word!r}, for both {other!r} and {concept!r}."
        for fault in _faults_of_form(word, language):
            yield f"{title} has {word!r} for {concept!r}: {fault}."


def _faults_of_form(word: str, language: Language) -> Iterator[str]:
    if any(character.isspace() for character in word) and not language.spaced_syllables:
        yield "several words"
    if word != unicodedata.normalize("NFC", word):
        yield "not normalised to NFC"
    letters = [c for c in word if unicodedata.category(c)[0] in "LM"]
    strange = [c for c in word if not (c in letters or c.isspace() or c in _INSIDE_A_WORD)]
    if strange:
        yield f"left-over {''.join(strange)!r}"
    elif word.strip(_INSIDE_A_WORD) != word:
        yield "a hyphen or apostrophe at its edge"
    beginnings = _LETTER_NAMES.get(language.script, (language.script.upper(),))
    foreign = [c for c in letters if not unicodedata.name(c, "").startswith(beginnings)]
    if foreign:
        yield f"{foreign[0]!r} is not of the {language.script} script"


def _shipped(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read as a file of UTF-8 text") from error


def _read_table(text: str, place: str) -> list[dict[str, str]]:
    """Rows of a table with a header line; no quoting, every row as long as the header."""
    lines = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    lines = [line for line in lines if line]
    if len(lines) < 2:
        raise CorpusError(f"{place}: a header line and at least one row are needed")
    header = lines[0]
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise CorpusError(
                f"{place}: line {number} has {len(line)} columns where the header has {len(header)}"
            )
    return [dict(zip(header, line, strict=True)) for line in lines[1:]]
