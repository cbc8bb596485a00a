"""LAReQA's two sets, XQuAD-R and MLQA-R (Roy et al. 2020): questions over sentences.

A candidate passage is every sentence of every paragraph. Relevant to a question are, in each
language in which the question exists, the sentence that holds the start of its answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.files import data_folder, member, members, plain_or_gzip, read_json


@dataclass(frozen=True)
class LareqaSet:
    """What a set must hold.

    Attributes:
        name: as it is written in papers.
        folder: name of its folder.
        counts: language -> (questions, candidate sentences).
        relevant: smallest and largest number of languages in which a question exists.
    """

    name: str
    folder: str
    counts: Mapping[str, tuple[int, int]]
    relevant: tuple[int, int]


# Table 10 of arXiv 2408.10536, the same as the tables of LAReQA's README.
XQUAD_R = LareqaSet(
    name="XQuAD-R",
    folder="xquad-r",
    counts={
        "ar": (1190, 1222),
        "de": (1190, 1276),
        "el": (1190, 1234),
        "en": (1190, 1180),
        "es": (1190, 1215),
        "hi": (1190, 1244),
        "ru": (1190, 1219),
        "th": (1190, 852),
        "tr": (1190, 1167),
        "vi": (1190, 1209),
        "zh": (1190, 1196),
    },
    relevant=(11, 11),
)
MLQA_R = LareqaSet(
    name="MLQA-R",
    folder="mlqa-r",
    counts={
        "ar": (517, 2545),
        "de": (512, 2362),
        "en": (1148, 6264),
        "es": (500, 1787),
        "hi": (507, 2426),
        "vi": (511, 2828),
        "zh": (504, 2322),
    },
    relevant=(2, 4),
)


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of one language.

    Attributes:
        name: language and number, such as "en-p0012"; sentence 3 of it is "en-p0012-s003".
        title: title of the article.
        sentences: the candidate passages.
        questions: question id -> (question, index of the sentence where its answer starts).
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    questions: Mapping[str, tuple[str, int]]


def read_xquad_r(folder: str | Path) -> Benchmark:
    """XQuAD-R: 11 languages, 13,090 queries, 13,014 passages, always 11 relevant.

    Args:
        folder: the folder with `{language}.json` or `{language}.json.gz`, or the one around it
            that has them in `xquad-r/`.

    Returns:
        Items are questions; clusters are paragraphs (240), which are parallel over languages.

    Raises:
        CorpusError: a file is missing, broken, or holds other counts than were published.
    """
    return lareqa_benchmark(read_paragraphs(folder, XQUAD_R), XQUAD_R)


def read_mlqa_r(folder: str | Path) -> Benchmark:
    """MLQA-R: 7 languages, 4,199 queries, 20,534 passages, 2 to 4 relevant.

    Args:
        folder: as for `read_xquad_r`, with `mlqa-r/`.

    Returns:
        Items are questions; a cluster is a set of paragraphs, of any language, that are
        connected by shared questions (933).

    Raises:
        CorpusError: as `read_xquad_r`.
    """
    return lareqa_benchmark(read_paragraphs(folder, MLQA_R), MLQA_R)


def read_paragraphs(folder: str | Path, lareqa_set: LareqaSet) -> dict[str, list[Paragraph]]:
    """All paragraphs by language, in the order of the files, checked against the counts.

    Raises:
        CorpusError: as `read_xquad_r`.
    """
    place = data_folder(folder, (lareqa_set.folder,))
    paragraphs = {}
    for language, expected in lareqa_set.counts.items():
        path = plain_or_gzip(place / f"{language}.json")
        if path is None:
            raise CorpusError(f"{lareqa_set.name}: {place} has no {language}.json or .json.gz")
        found = _paragraphs_of(path, language)
        counts = (sum(len(p.questions) for p in found), sum(len(p.sentences) for p in found))
        for count, should, what in zip(counts, expected, ("questions", "sentences"), strict=True):
            if count != should:
                raise CorpusError(f"{path} has {count} {what}, {lareqa_set.name} has {should}")
        paragraphs[language] = found
    languages_of = defaultdict(list)
    for language, found in paragraphs.items():
        for paragraph in found:
            for question_id in paragraph.questions:
                languages_of[question_id].append(language)
    low, high = lareqa_set.relevant
    for question_id, languages in languages_of.items():
        if not low <= len(languages) <= high:
            raise CorpusError(
                f"{place}: question {question_id} exists in {len(languages)} languages "
                f"({' '.join(languages)}), {lareqa_set.name} has {low} to {high} for each"
            )
    return paragraphs


def lareqa_benchmark(
    paragraphs: Mapping[str, Sequence[Paragraph]], lareqa_set: LareqaSet
) -> Benchmark:
    """The benchmark over paragraphs that were read; see `read_xquad_r`."""
    passage_texts: list[str] = []
    passage_ids: list[str] = []
    passage_language: list[int] = []
    queries: list[tuple[int, str, str, str]] = []  # language index, question id, text, paragraph
    answer_rows: dict[str, list[int]] = defaultdict(list)  # question id -> passage rows
    for column, found in enumerate(paragraphs.values()):
        for paragraph in found:
            first = len(passage_texts)
            passage_texts += paragraph.sentences
            passage_ids += [f"{paragraph.name}-s{i:03d}" for i in range(len(paragraph.sentences))]
            passage_language += [column] * len(paragraph.sentences)
            for question_id, (text, sentence) in paragraph.questions.items():
                queries.append((column, question_id, text, paragraph.name))
                answer_rows[question_id].append(first + sentence)
    languages = tuple(paragraphs)
    item_of = {question_id: item for item, question_id in enumerate(answer_rows)}
    cluster_of = paragraph_clusters(paragraphs)
    relevant = [answer_rows[question_id] for _, question_id, _, _ in queries]
    n_relevant = sum(map(len, relevant))
    return Benchmark(
        name=lareqa_set.name,
        languages=languages,
        query_texts=[text for _, _, text, _ in queries],
        query_language=np.array([column for column, _, _, _ in queries], dtype=np.int64),
        query_item=np.array([item_of[qid] for _, qid, _, _ in queries], dtype=np.int64),
        query_cluster=np.array([cluster_of[name] for *_, name in queries], dtype=np.int64),
        passage_texts=passage_texts,
        passage_language=np.array(passage_language, dtype=np.int64),
        relevant_query=np.repeat(np.arange(len(queries)), list(map(len, relevant))),
        relevant_passage=np.array([row for rows in relevant for row in rows], dtype=np.int64),
        grade=np.ones(n_relevant, dtype=np.int64),
        query_ids=[f"{languages[column]}-{qid}" for column, qid, _, _ in queries],
        passage_ids=passage_ids,
    )


def _paragraphs_of(path: Path, language: str) -> list[Paragraph]:
    """The paragraphs of one file in SQuAD's JSON layout with sentences."""
    paragraphs: list[Paragraph] = []
    seen: set[str] = set()
    for article_place, article in members(read_json(path), "data", str(path)):
        title = member(article, "title", str, article_place)
        for place, record in members(article, "paragraphs", article_place):
            name = f"{language}-p{len(paragraphs):04d}"
            paragraphs.append(_paragraph_of(record, name, title, place, seen))
    return paragraphs


def _paragraph_of(record: Any, name: str, title: str, place: str, seen: set[str]) -> Paragraph:
    """One paragraph; `seen` holds the question ids of the file so far, and grows."""
    # The strings in "sentences" are the candidates, not context[start:end]: two of the Turkish
    # ones differ by a character or two.
    sentences = tuple(member(record, "sentences", list, place))
    breaks = member(record, "sentence_breaks", list, place)
    if len(sentences) != len(breaks):
        raise CorpusError(f"{place} has {len(sentences)} sentences and {len(breaks)} breaks")
    for index, sentence in enumerate(sentences):
        if not (isinstance(sentence, str) and sentence.strip()):
            raise CorpusError(f"{place}: sentences[{index}] is no text")
        ends = breaks[index]
        if not (isinstance(ends, list) and [type(end) for end in ends] == [int, int]):
            raise CorpusError(f"{place}: sentence_breaks[{index}] is no pair of offsets")
    questions: dict[str, tuple[str, int]] = {}
    for question_place, entry in members(record, "qas", place):
        question_id = member(entry, "id", str, question_place)
        if question_id in seen:
            raise CorpusError(f"{question_place}: id {question_id} comes a second time")
        seen.add(question_id)
        text = member(entry, "question", str, question_place)
        answers = list(members(entry, "answers", question_place))
        if len(answers) != 1:
            raise CorpusError(f"{question_place} has {len(answers)} answers, 1 expected")
        # By its start: an answer may run past the end of its sentence.
        start = member(answers[0][1], "answer_start", int, answers[0][0])
        holding = [index for index, (first, end) in enumerate(breaks) if first <= start < end]
        if len(holding) != 1:
            raise CorpusError(
                f"{question_place}: answer_start {start} lies in {len(holding)} sentences, not one"
            )
        questions[question_id] = (text, holding[0])
    return Paragraph(name, title, sentences, questions)


def paragraph_clusters(paragraphs: Mapping[str, Sequence[Paragraph]]) -> dict[str, int]:
    """Paragraph name -> number of its set of paragraphs connected by shared questions."""
    found = [paragraph for column in paragraphs.values() for paragraph in column]
    clusters = connected([[("", p.name), *p.questions] for p in found])
    return {p.name: cluster for p, cluster in zip(found, clusters, strict=True)}


def connected(groups: Sequence[Sequence[Hashable]]) -> list[int]:
    """For each group of keys the number of its component; groups with a common key are joined.

    Components are numbered in the order in which they first come.
    """
    parent = list(range(len(groups)))

    def root(group: int) -> int:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    first_with: dict[Hashable, int] = {}
    for group, keys in enumerate(groups):
        for key in keys:
            parent[root(group)] = root(first_with.setdefault(key, group))
    number: dict[int, int] = {}
    return [number.setdefault(root(group), len(number)) for group in range(len(groups))]
