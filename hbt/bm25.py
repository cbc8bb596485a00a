"""BM25: the reference that needs no training.

Tokens, the same for every language: the text is NFKC-normalised and lower-cased and cut at
everything that is no letter, combining mark or digit. In scripts written with spaces a token is a
run of such characters, a word. In scripts written without spaces (Han, the Japanese kana, Thai,
Lao, Burmese, Khmer, Tibetan) it is a bigram of neighbouring characters, or the character itself
where it stands alone. No stemming, no stop words.

Scores: Lucene's variant with k1 = 0.9 and b = 0.4 (Anserini's defaults), computed by bm25s. One
index holds the passages of all languages, so document frequencies are those of the mixed pool.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby

import numpy as np

from hbt.corpus import Benchmark

UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x109F),  # Tibetan, Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # Han radicals
    (0x3005, 0x3007),  # Han iteration mark, closing mark and zero
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAA7F),  # Myanmar extended A
    (0xF900, 0xFAFF),  # Han compatibility
    (0x1AFF0, 0x1B16F),  # kana supplements
    (0x20000, 0x323AF),  # Han extensions B to H
)
"""Unicode blocks of scripts that are written without spaces between words."""

SEPARATOR, WORD, UNSPACED_WORD = 0, 1, 2


def tokens(text: str) -> list[str]:
    """The tokens of a text, in its order.

    >>> tokens("Der Hund, 3 Jahre")
    ['der', 'hund', '3', 'jahre']
    >>> tokens("2015年的狗")
    ['2015', '年的', '的狗']
    """
    found: list[str] = []
    for kind, characters in groupby(unicodedata.normalize("NFKC", text).lower(), key=_kind):
        run = "".join(characters)
        if kind == WORD or (kind == UNSPACED_WORD and len(run) == 1):
            found.append(run)
        elif kind == UNSPACED_WORD:
            found.extend(run[start : start + 2] for start in range(len(run) - 1))
    return found


@cache
def _kind(character: str) -> int:
    if unicodedata.category(character)[0] not in "LMN":
        return SEPARATOR
    point = ord(character)
    return UNSPACED_WORD if any(low <= point <= high for low, high in UNSPACED) else WORD


class BM25:
    """An index of passages.

    Args:
        passages: the texts.
        k1: how soon repeated terms saturate.
        b: how much long passages are discounted, 0 to 1.
    """

    def __init__(self, passages: Sequence[str], *, k1: float = 0.9, b: float = 0.4) -> None:
        import bm25s

        self.n_passages = len(passages)
        # numbers in order of first appearance: the same index in every process
        self.vocabulary: dict[str, int] = {}
        rows = [
            [self.vocabulary.setdefault(token, len(self.vocabulary)) for token in tokens(text)]
            for text in passages
        ]
        self.index = bm25s.BM25(method="lucene", k1=k1, b=b, dtype="float32", auto_compile=False)
        if self.vocabulary:
            self.index.index((rows, dict(self.vocabulary)), show_progress=False)

    def scores(self, queries: Sequence[str]) -> np.ndarray:
        """Scores of all passages: float32 array (n_queries, n_passages).

        A token that a query has twice counts twice; tokens that no passage has count nothing.
        """
        scores = np.zeros((len(queries), self.n_passages), dtype=np.float32)
        for row, query in enumerate(queries):
            known = [self.vocabulary[token] for token in tokens(query) if token in self.vocabulary]
            if known:
                scores[row] = self.index.get_scores_from_ids(known)
        return scores


def bm25_scores(
    benchmark: Benchmark, *, k1: float = 0.9, b: float = 0.4
) -> Callable[[range], np.ndarray]:
    """Scores for `hbt.retrieval.count_from_scores`: from query rows to (n_rows, n_passages)."""
    index = BM25(benchmark.passage_texts, k1=k1, b=b)
    return lambda rows: index.scores([benchmark.query_texts[row] for row in rows])
