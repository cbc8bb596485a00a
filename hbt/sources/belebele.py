"""Belebele (Bandarkar et al. 2024) as retrieval: 900 parallel questions over 488 passages.

A set for further evaluation: 122 languages and varieties, fully parallel, low-resource ones too.
The four answers to choose from are not used: a question asks for its passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.files import member
from hbt.sources.hub import locate
from hbt.sources.lines import json_lines
from hbt.sources.origins import BELEBELE_ORIGIN
from hbt.sources.records import Column, Judgments, make_benchmark

N_QUESTIONS, N_PASSAGES = 900, 488


def belebele_paths(languages: Sequence[str]) -> list[str]:
    """Paths of the files of some languages, by FLORES-200's codes ("deu_Latn")."""
    return [f"data/{language}.jsonl" for language in languages]


def read_belebele(
    languages: Sequence[str], folder: str | Path | None = None, *, check_count: bool = True
) -> Benchmark:
    """Belebele in some languages; relevant are a question's passage and its parallel copies.

    Args:
        languages: FLORES-200's codes, such as "deu_Latn".
        folder: as for `hbt.sources.hub.locate`.
        check_count: compare the numbers of questions and passages with the published ones.

    Returns:
        Items are questions, clusters are passages.

    Raises:
        CorpusError: a file is missing or broken, or the languages are not parallel.
    """
    languages = tuple(languages)
    queries, passages = Column(), Column()
    judgments = Judgments(queries, passages)
    questions_of: dict[str, list[str]] = {}  # language -> names of its questions
    for language, path in zip(
        languages, locate(BELEBELE_ORIGIN, belebele_paths(languages), folder), strict=True
    ):
        texts: dict[str, str] = {}  # link of a passage -> its text
        for place, record in json_lines(path):
            text = member(record, "flores_passage", str, place)
            key = member(record, "link", str, place)  # each of the 488 passages has its own
            number = member(record, "question_number", int, place)
            if texts.setdefault(key, text) != text:
                raise CorpusError(f"{place}: {key!r} had another passage before")
            if f"{language}-{key}" not in passages.ids:
                passages.add(place, f"{language}-{key}", text, language)
            item = f"{key}-{number}"
            question = member(record, "question", str, place)
            queries.add(place, f"{language}-{item}", question, language, item, key)
            questions_of.setdefault(language, []).append(item)
        if check_count and (len(texts), len(questions_of[language])) != (N_PASSAGES, N_QUESTIONS):
            raise CorpusError(
                f"{path} has {len(questions_of[language])} questions on {len(texts)} passages, "
                f"Belebele has {N_QUESTIONS} on {N_PASSAGES}"
            )
    first = set(questions_of[languages[0]])
    for language in languages:
        if set(questions_of[language]) != first:
            odd = sorted(first.symmetric_difference(questions_of[language]))[0]
            raise CorpusError(f"Belebele: {languages[0]} and {language} differ by {odd!r}")
    for language in languages:
        for item in questions_of[language]:
            for other in languages:
                passage = f"{other}-{item.rpartition('-')[0]}"
                judgments.add(language, f"{language}-{item}", passage, "1")
    return make_benchmark("Belebele", languages, queries, passages, judgments)
