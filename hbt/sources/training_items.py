"""MLQA-R as training data, kept apart from XQuAD-R where that is the test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hbt.corpus import Benchmark, CorpusError, ParallelItems
from hbt.sources.lareqa import MLQA_R, connected, paragraph_clusters, read_paragraphs
from hbt.sources.overlap import Overlap, check_overlap, unit_of

MLQA_R_OVERLAPS = ("en-p0381", "en-p0544", "en-p0730", "en-p0908", "vi-p0331")
"""MLQA-R paragraphs that share a long run with XQuAD-R, found by `overlapping_paragraphs`."""


def overlapping_paragraphs(xquad: Benchmark, mlqa: Benchmark) -> dict[str, list[Overlap]]:
    """Paragraphs of two LAReQA sets that share a long run of text, by language.

    Compared are the languages that both have: by runs of 10 words, or of 16 characters in Chinese.

    Returns:
        language -> rows whose `left` is a paragraph of `xquad` and `right` one of `mlqa`.
    """
    rows = {}
    for language in xquad.languages:
        if language in mlqa.languages:
            unit, length = unit_of(language)
            texts = (_paragraph_texts(benchmark, language) for benchmark in (xquad, mlqa))
            rows[language] = check_overlap(*texts, unit=unit, length=length)
    return rows


def mlqa_r_items(
    folder: str | Path,
    languages: Sequence[str] | None = None,
    drop: Sequence[str] = MLQA_R_OVERLAPS,
) -> ParallelItems:
    """MLQA-R as training data: each question with the sentence that holds its answer.

    Questions share a passage id where they share their sentence in any language, directly or
    through other questions, also where two sentences have the same text.

    Args:
        folder: as for `read_mlqa_r`.
        languages: languages to keep, in this order (default: all seven). Items that exist in
            none of them are left out; an item has 2 to 4 of the seven.
        drop: names of paragraphs to leave out, together with every paragraph, of any language,
            that is connected to them by shared questions. The default keeps paragraphs that
            overlap XQuAD-R out of the training data.

    Raises:
        CorpusError: as `read_mlqa_r`, or an unknown language or paragraph is named.
    """
    paragraphs = read_paragraphs(folder, MLQA_R)
    languages = tuple(paragraphs) if languages is None else tuple(languages)
    for language in languages:
        if language not in paragraphs:
            raise CorpusError(f"MLQA-R has no language {language!r}, only {tuple(paragraphs)}")
    cluster_of = paragraph_clusters(paragraphs)
    for name in drop:
        if name not in cluster_of:
            raise CorpusError(f"MLQA-R has no paragraph {name!r} to drop")
    dropped = {cluster_of[name] for name in drop}
    copies: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)  # id -> language -> texts
    for language, found in paragraphs.items():
        for paragraph in found:
            if cluster_of[paragraph.name] not in dropped:
                for question_id, (text, sentence) in paragraph.questions.items():
                    copies[question_id][language] = (text, paragraph.sentences[sentence])
    sentences = [[(lang, pair[1]) for lang, pair in item.items()] for item in copies.values()]
    passage_id = connected(sentences)
    keep = [any(lang in item for lang in languages) for item in copies.values()]
    kept = [item for item, keeping in zip(copies.values(), keep, strict=True) if keeping]

    def texts(side: int) -> dict[str, list[str | None]]:
        return {
            lang: [item[lang][side] if lang in item else None for item in kept]
            for lang in languages
        }

    return ParallelItems(
        name="MLQA-R",
        languages=languages,
        passage_id=np.array(passage_id, dtype=np.int64)[keep],
        source=np.zeros(len(kept), dtype=np.int64),
        source_names=("MLQA-R",),
        queries=texts(0),
        passages=texts(1),
    )


def _paragraph_texts(benchmark: Benchmark, language: str) -> dict[str, str]:
    """Paragraph name -> its sentences, joined."""
    column = benchmark.languages.index(language)
    sentences: dict[str, list[str]] = defaultdict(list)
    for row in np.flatnonzero(benchmark.passage_language == column):
        sentences[benchmark.passage_ids[row].rpartition("-s")[0]].append(
            benchmark.passage_texts[row]
        )
    return {name: " ".join(found) for name, found in sentences.items()}
