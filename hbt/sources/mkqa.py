"""MKQA (Longpre et al. 2021): 10,000 questions in 26 languages, fully parallel, with answers.

A set for further evaluation. It has no passages: a question is looked for in a pool of passages
of one's own (Wikipedia, the passages of Natural Questions), and a passage counts as relevant where
it contains an answer, as is usual for open-domain questions (Karpukhin et al. 2020).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hbt.corpus import CorpusError
from hbt.sources.files import member, members
from hbt.sources.hub import locate
from hbt.sources.lines import json_lines
from hbt.sources.origins import MKQA_ORIGIN
from hbt.sources.overlap import CHARACTER_RUNS, words

N_QUESTIONS = 10_000
MKQA_PATHS = ["mkqa.jsonl.gz"]
# fmt: off
MKQA_LANGUAGES = (
    "ar", "da", "de", "en", "es", "fi", "fr", "he", "hu", "it", "ja", "km", "ko", "ms", "nl", "no",
    "pl", "pt", "ru", "sv", "th", "tr", "vi", "zh_cn", "zh_hk", "zh_tw",
)
# fmt: on
SHORT_ANSWERS = ("entity", "date", "number", "number_with_unit", "short_phrase")
"""Types of answers that a passage can contain; the others are long, yes or no, or none at all."""


@dataclass(frozen=True)
class MkqaQuestion:
    """A question in all its languages.

    Attributes:
        name: its id in Natural Questions.
        queries: language -> text.
        answers: language -> texts of its answers and their aliases.
        kinds: types of its answers, such as "entity".
    """

    name: str
    queries: Mapping[str, str]
    answers: Mapping[str, tuple[str, ...]]
    kinds: frozenset[str]


def read_mkqa(
    languages: Sequence[str] = MKQA_LANGUAGES,
    folder: str | Path | None = None,
    *,
    kinds: Sequence[str] = SHORT_ANSWERS,
    check_count: bool = True,
) -> list[MkqaQuestion]:
    """The questions that have an answer of one of the kinds, in the order of the file.

    Args:
        languages: codes of `MKQA_LANGUAGES` to keep.
        folder: as for `hbt.sources.hub.locate`; it has `mkqa.jsonl.gz`.
        kinds: types of answers; the others are left out.
        check_count: compare the number of lines with the published one.

    Raises:
        CorpusError: the file is missing or broken, or a question lacks a language.
    """
    (path,) = locate(MKQA_ORIGIN, MKQA_PATHS, folder)
    questions, found = [], 0
    for place, record in json_lines(path):
        found += 1
        queries = member(record, "queries", dict, place)
        answers = member(record, "answers", dict, place)
        entries = {code: list(members(answers, code, place)) for code in languages}
        types = {
            member(entry, "type", str, at) for column in entries.values() for at, entry in column
        }
        if not types & set(kinds):
            continue
        texts = {
            code: tuple(
                dict.fromkeys(text for _, entry in column for text in _texts(entry) if text)
            )
            for code, column in entries.items()
        }
        name = str(member(record, "example_id", int, place))
        wanted = {code: member(queries, code, str, place) for code in languages}
        questions.append(MkqaQuestion(name, wanted, texts, frozenset(types)))
    if check_count and found != N_QUESTIONS:
        raise CorpusError(f"{path} has {found} questions, MKQA has {N_QUESTIONS}")
    return questions


def contains_answer(passage: str, answers: Iterable[str], language: str) -> bool:
    """Does the passage contain one of the answers, as a run of whole words?

    Case and punctuation do not count. In languages written without spaces, as a run of
    characters.

    Args:
        passage: a text in the language.
        answers: texts of answers.
        language: its code; "zh_cn" and its kin are Chinese.
    """
    spaced = language.partition("_")[0] not in (*CHARACTER_RUNS, "km")
    blank = " " if spaced else ""
    text = f"{blank}{blank.join(words(passage))}{blank}"
    found = (blank.join(words(answer)) for answer in answers)
    return any(each and f"{blank}{each}{blank}" in text for each in found)


def _texts(entry: dict) -> list[str]:
    aliases = entry.get("aliases") or []
    return [str(text).strip() for text in (entry.get("text"), *aliases) if text is not None]
