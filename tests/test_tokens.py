"""Tokenizers: the same file for the same text, no script lost; ids equal to what models make."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_texts import all_texts

from hbt.corpus import CorpusError
from hbt.tokens import SPECIAL_TOKENS, learn_tokenizer


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_equal_texts_give_equal_files(algorithm: str) -> None:
    texts = all_texts()
    first = learn_tokenizer(texts, 500, algorithm).to_str()
    assert learn_tokenizer(texts[::-1], 500, algorithm).to_str() == first
    assert learn_tokenizer(texts[:300], 500, algorithm).to_str() != first


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_no_script_is_lost(algorithm: str) -> None:
    tokenizer = learn_tokenizer(all_texts(), 500, algorithm)
    assert tokenizer.get_vocab_size() <= 500
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    seen = ["The dog sleeps.", "собака спит", "कुत्ता सोता", "狗睡觉"]
    never_seen = ["ᚠᛇᚻ᛫ᛒᛦᚦ", "ქართული", "ꦧꦱꦗꦮ", "🦆"]
    rows = [tokenizer.encode(text) for text in seen + never_seen]
    assert len({tuple(row.ids) for row in rows}) == len(rows)
    assert all("<unk>" not in row.tokens for row in rows)
    assert [tokenizer.decode(row.ids) for row in rows] == seen + never_seen


def test_punctuation_is_no_part_of_a_word() -> None:
    tokenizer = learn_tokenizer(all_texts(), 500)
    word = tokenizer.encode("river", add_special_tokens=False).ids
    marked = tokenizer.encode("river.", add_special_tokens=False).ids
    assert marked[: len(word)] == word
    assert len(marked) == len(word) + 1


def test_a_long_text_is_cut() -> None:
    tokenizer = learn_tokenizer(all_texts(), 500, max_length=7)
    ids = tokenizer.encode("dog cat horse fish bird cow sheep duck river house").ids
    assert len(ids) == 7
    assert (ids[0], ids[-1]) == (0, 2)


def test_what_cannot_be_trained_is_said() -> None:
    with pytest.raises(CorpusError, match="vocabulary_size is 300, too small for 256 bytes"):
        learn_tokenizer(all_texts(), 300)
    with pytest.raises(CorpusError, match="no text"):
        learn_tokenizer([], 500)
    with pytest.raises(ValueError, match="'wordpiece' is neither"):
        learn_tokenizer(all_texts(), 500, "wordpiece")


def test_rows_of_a_vocabulary_are_used() -> None:
    """A fixture whose texts all look the same to the model would prove nothing elsewhere."""
    tokenizer = learn_tokenizer(all_texts(), 600)
    rows = {tuple(tokenizer.encode(text).ids) for text in all_texts()}
    assert len(rows) == len(set(all_texts()))
    assert len(np.unique(np.concatenate([list(row) for row in rows]))) > 80
