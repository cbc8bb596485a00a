"""Do two collections of texts share long runs of words? A check for leaks between data sets."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

CHARACTER_RUNS = {"zh": 16, "ja": 16, "th": 40}
"""Languages written without spaces, compared by runs of that many characters."""

WORD_RUN = 10
"""All other languages are compared by runs of this many words."""


@dataclass(frozen=True)
class Overlap:
    """Two texts that share runs.

    Attributes:
        left, right: names of the two texts.
        runs: number of different runs of the asked length that both have, at least 1.
        example: the first of them in the order of the left text.
    """

    left: str
    right: str
    runs: int
    example: str


def words(text: str) -> list[str]:
    r"""Case-folded words: runs of letters, combining marks and digits.

    The marks matter: Python's `\w` breaks words of Hindi, Thai and others at their vowel signs.
    """
    text = unicodedata.normalize("NFC", text).casefold()
    kept = (char if unicodedata.category(char)[0] in "LMN" else " " for char in text)
    return "".join(kept).split()


def check_overlap(
    left: Mapping[str, str],
    right: Mapping[str, str],
    *,
    unit: str = "word",
    length: int = WORD_RUN,
) -> list[Overlap]:
    """Pairs of texts that share a run of `length` words or characters.

    Args:
        left: name of a text -> the text. Punctuation, case and white space do not count.
        right: the same for the other collection.
        unit: "word", or "character" for languages written without spaces.
        length: length of a run in units.

    Returns:
        One row for each (left, right) pair that shares a run, most runs first.
    """
    if unit not in ("word", "character"):
        raise ValueError(f"unit must be 'word' or 'character', not {unit!r}")
    if length < 1:
        raise ValueError(f"length must be at least 1, not {length}")
    found_in: dict[str, list[str]] = defaultdict(list)  # run -> names of right texts
    for name, text in right.items():
        for run in dict.fromkeys(runs_of(words(text), unit, length)):
            found_in[run].append(name)
    shared: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, text in left.items():
        for run in dict.fromkeys(runs_of(words(text), unit, length)):
            for other in found_in.get(run, ()):
                shared[name, other].append(run)
    rows = [Overlap(*pair, runs=len(runs), example=runs[0]) for pair, runs in shared.items()]
    return sorted(rows, key=lambda row: (-row.runs, row.left, row.right))


def runs_of(found: Sequence[str], unit: str, length: int) -> Iterator[str]:
    """The runs of `length` words, or characters of the joined words, in their order."""
    if unit == "character":
        joined = "".join(found)
        return (joined[start : start + length] for start in range(len(joined) - length + 1))
    return (" ".join(found[start : start + length]) for start in range(len(found) - length + 1))


def unit_of(language: str) -> tuple[str, int]:
    """What texts of a language are compared by: "word" or "character", and the runs' length."""
    if language in CHARACTER_RUNS:
        return "character", CHARACTER_RUNS[language]
    return "word", WORD_RUN
