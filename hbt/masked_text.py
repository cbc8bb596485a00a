"""Masked text: what a step of masked language modelling reads, hides and asks for.

On one language (MLM) or on a sentence beside its translation (TLM); numpy alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hbt.corpus import CorpusError, ParallelText
from hbt.pretraining import PretrainingSettings

MLM, TLM = "MLM", "TLM"
BEGIN, PAD, END, _, MASK = range(5)  # ids of `hbt.tokens.SPECIAL_TOKENS`
N_SPECIAL = 5


@dataclass(frozen=True)
class MaskedBatch:
    """What a step reads and guesses.

    Attributes:
        kind: `MLM` or `TLM`.
        ids: int64 (rows, longest), with masks and padding.
        attention: bool (rows, longest): no padding.
        chosen: bool (rows, longest): the tokens to guess.
        truth: int64 (chosen tokens,): what they were.
    """

    kind: str
    ids: np.ndarray
    attention: np.ndarray
    chosen: np.ndarray
    truth: np.ndarray

    def digest(self) -> str:
        """sha256 of the content, the same on every machine."""
        total = hashlib.sha256(self.kind.encode())
        for array in (self.ids, self.truth):
            total.update(np.ascontiguousarray(array, dtype="<i8").tobytes() + b"\x1d")
        return total.hexdigest()


class MaskedText:
    """Batches of masked text: `masked_text(step) -> MaskedBatch`, pure in its arguments and step.

    Args:
        tokenizer: gives ids without <s> and </s>: texts -> lists of ids.
        vocabulary_size: ids are below it.
        text: aligned text.
        settings: lengths, shares, temperature and seed.
        pairs: whether every second batch is of translation pairs.
    """

    def __init__(
        self,
        tokenizer: Callable[[list[str]], list[list[int]]],
        vocabulary_size: int,
        text: ParallelText,
        settings: PretrainingSettings,
        pairs: bool,
    ) -> None:
        self.settings, self.vocabulary_size, self.pairs = settings, vocabulary_size, pairs
        self.text = text
        self.ids: list[np.ndarray] = []  # of each language, all its sentences side by side
        self.blocks: list[np.ndarray] = []  # of each language: (sentences, 2), begin and end
        self.sentences: list[np.ndarray] = []  # of each language: (rows of the text, 2)
        for language in text.languages:
            rows = np.array([line is not None for line in text.texts[language]])
            ids = tokenizer([line for line in text.texts[language] if line is not None])
            ends = np.cumsum([len(row) for row in ids], dtype=np.int64)
            starts = ends - [len(row) for row in ids]
            self.ids.append(np.array([token for row in ids for token in row], dtype=np.int64))
            self.blocks.append(_blocks(starts, ends, text.document[rows], settings.length - 2))
            sentences = np.zeros((len(rows), 2), dtype=np.int64)
            sentences[rows] = np.stack([starts, ends], axis=1)
            self.sentences.append(sentences)
        weights = np.array([len(blocks) for blocks in self.blocks], dtype=float)
        if not weights.all():
            empty = text.languages[int(weights.argmin())]
            raise CorpusError(f"{text.name} has no sentence in language {empty!r}")
        weights **= settings.language_temperature
        self.language_shares = weights / weights.sum()
        has = np.stack([sentences[:, 1] > 0 for sentences in self.sentences], axis=1)
        self.translated = np.flatnonzero(has.sum(axis=1) > 1)  # sentences in two languages or more
        self.has = has
        if pairs and not len(self.translated):
            raise CorpusError(f"{text.name} has no sentence in two of its languages")

    def __call__(self, step: int) -> MaskedBatch:
        """The batch of a step, counted from 0."""
        draw = np.random.Generator(np.random.Philox(key=[self.settings.seed, step]))
        kind = TLM if self.pairs and step % 2 else MLM
        rows = self._pairs(draw) if kind == TLM else self._blocks_of_a_language(draw)
        lengths = np.array([len(row) for row in rows])
        attention = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(attention.shape, PAD)
        ids[attention] = np.concatenate(rows)
        chosen = self._choose(draw, ids)
        truth = ids[chosen]
        return MaskedBatch(kind, self._hide(draw, ids, chosen), attention, chosen, truth)

    def _blocks_of_a_language(self, draw: np.random.Generator) -> list[np.ndarray]:
        size = self.settings.batch_size
        rows = []
        for language in draw.choice(len(self.blocks), size, p=self.language_shares):
            begin, end = self.blocks[language][draw.integers(len(self.blocks[language]))]
            rows.append(np.concatenate([[BEGIN], self.ids[language][begin:end], [END]]))
        return rows

    def _pairs(self, draw: np.random.Generator) -> list[np.ndarray]:
        rows = []
        room = (self.settings.length - 4) // 2
        for sentence in draw.choice(self.translated, self.settings.batch_size):
            pair = draw.permutation(np.flatnonzero(self.has[sentence]))[:2]
            halves = [self.ids[one][slice(*self.sentences[one][sentence])][:room] for one in pair]
            rows.append(np.concatenate([[BEGIN], halves[0], [END, END], halves[1], [END]]))
        return rows

    def _choose(self, draw: np.random.Generator, ids: np.ndarray) -> np.ndarray:
        """Of each row a share of the tokens that are not special, one at least."""
        free = ids >= N_SPECIAL
        order = np.where(free, draw.random(ids.shape), 2.0).argsort(axis=1).argsort(axis=1)
        wanted = np.maximum(1, np.round(self.settings.masked_share * free.sum(axis=1)))
        return free & (order < wanted[:, None])

    def _hide(self, draw: np.random.Generator, ids: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """BERT's rule: of the chosen 80 % become <mask>, 10 % another token, 10 % stay."""
        lot = draw.random(ids.shape)
        others = draw.integers(N_SPECIAL, self.vocabulary_size, ids.shape)
        hidden = np.where(chosen & (lot < 0.8), MASK, ids)
        return np.where(chosen & (lot >= 0.8) & (lot < 0.9), others, hidden)


def _blocks(starts: np.ndarray, ends: np.ndarray, document: np.ndarray, room: int) -> np.ndarray:
    """For each sentence the tokens from its begin to the last sentence that fits: (n, 2)."""
    run = np.cumsum(np.diff(document, prepend=document[:1]) != 0)  # documents, in their order
    last_of_document = np.searchsorted(run, run, side="right") - 1
    last_that_fits = np.searchsorted(ends, starts + room, side="right") - 1
    last = np.minimum(last_of_document, last_that_fits)
    here = np.arange(len(starts))
    return np.stack([starts, np.where(last < here, starts + room, ends[np.maximum(last, here)])], 1)
