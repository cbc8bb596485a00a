"""Real text as a world: what is kept apart from what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hbt.sources import check_overlap, words
from hbt.suite import real_text


@pytest.fixture(scope="module")
def parts(shared_data: Path) -> real_text.RealText:
    return real_text.read(shared_data)


def test_languages_and_sizes(parts: real_text.RealText) -> None:
    assert parts.training.languages == ("ar", "de", "en", "es", "hi", "vi", "zh")
    assert parts.unseen_languages == ("el", "ru", "th", "tr")
    assert len(parts.low_resource_languages) == 33
    assert parts.test.languages == parts.training.languages + parts.unseen_languages
    assert (len(parts.test.query_texts), len(parts.test.passage_texts)) == (13090, 13014)
    assert len(np.unique(parts.pretraining.document)) == 100
    assert len(np.unique(parts.held_out.document)) == 23


def test_every_related_language_exists(parts: real_text.RealText) -> None:
    assert set(real_text.RELATED) <= set(parts.low_resource_languages)
    assert set(real_text.RELATED.values()) <= set(parts.test.languages)


def test_no_training_passage_is_a_development_passage(parts: real_text.RealText) -> None:
    for language in parts.training.languages:
        rows = np.flatnonzero(
            parts.development.passage_language == parts.development.languages.index(language)
        )
        held_out = {parts.development.passage_texts[row] for row in rows}
        long_ones = {text for text in held_out if len(text) > 40}
        assert not long_ones & set(parts.training.passages[language])
        assert len(long_ones) > 100


def test_training_text_shares_no_ten_word_run_with_the_test(parts: real_text.RealText) -> None:
    test = parts.test
    english = np.flatnonzero(test.passage_language == test.languages.index("en"))
    left = {str(row): test.passage_texts[row] for row in english}
    right = {
        str(item): text
        for item, text in enumerate(parts.training.passages["en"])
        if text is not None and len(words(text)) >= 10
    }
    assert check_overlap(left, right, unit="word", length=10) == []


def test_pretraining_documents_are_not_those_of_the_low_resource_benchmark(
    parts: real_text.RealText,
) -> None:
    assert not set(parts.pretraining.document) & set(parts.held_out.document)
    benchmark = parts.benchmark("low-resource")
    assert set(benchmark.query_cluster) <= set(parts.held_out.document)
    assert set(benchmark.languages) == {*parts.test.languages, *parts.low_resource_languages}
