"""Masked text: blocks, pairs, and which tokens are hidden."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hbt.corpus import CorpusError, ParallelText
from hbt.masked_text import BEGIN, END, MASK, MLM, N_SPECIAL, PAD, TLM, MaskedBatch, MaskedText
from hbt.pretraining import PretrainingSettings

# A sentence is written as its ids. Documents: rows 0 and 1, row 2, rows 3 and 4.
TEXT = ParallelText(
    "ids",
    ("a", "b"),
    {
        "a": ["10 11", "12 13", "14 15 16", "17 18 19 20 21 22 23 24 25 26", "27"],
        "b": ["50 51", None, "54 55 56", "57", "58 59"],
    },
    np.array([4, 4, 2, 9, 9]),
)
SETTINGS = PretrainingSettings("mlm", batch_size=64, length=8)


def masked_text(pairs: bool = False, text: ParallelText = TEXT, **changes: object) -> MaskedText:
    def ids(texts: list[str]) -> list[list[int]]:
        return [[int(token) for token in line.split()] for line in texts]

    return MaskedText(ids, 100, text, dataclasses.replace(SETTINGS, **changes), pairs)


def original(batch: MaskedBatch) -> list[tuple[int, ...]]:
    ids = batch.ids.copy()
    ids[batch.chosen] = batch.truth
    return [tuple(row[keep]) for row, keep in zip(ids, batch.attention, strict=True)]


def test_blocks_are_whole_sentences_of_one_document_that_fit() -> None:
    found = {row for step in range(5) for row in original(masked_text()(step))}
    assert found == {
        (BEGIN, *block, END)
        for block in (
            (10, 11, 12, 13),
            (12, 13),
            (14, 15, 16),
            (17, 18, 19, 20, 21, 22),  # cut: the sentence alone is too long
            (27,),
            (50, 51),
            (54, 55, 56),
            (57, 58, 59),
            (58, 59),
        )
    }


def test_pairs_are_a_sentence_and_its_translation_in_either_order() -> None:
    batches = [masked_text(pairs=True, length=16)(step) for step in range(6)]
    assert [batch.kind for batch in batches] == [MLM, TLM] * 3
    found = {row for batch in batches[1::2] for row in original(batch)}
    assert (BEGIN, 10, 11, END, END, 50, 51, END) in found
    assert (BEGIN, 50, 51, END, END, 10, 11, END) in found
    assert (BEGIN, 17, 18, 19, 20, 21, 22, END, END, 57, END) in found
    assert len(found) == 8
    assert not any(12 in row for row in found)  # it has no translation


def test_bert_s_rule_hides_a_share_and_nothing_special() -> None:
    text = ParallelText("long", ("a",), {"a": [" ".join(map(str, range(5, 95)))]}, np.zeros(1))
    batch = masked_text(text=text, length=92, batch_size=400)(0)
    assert batch.chosen.sum(axis=1).tolist() == [round(0.15 * 90)] * 400
    assert (batch.truth >= N_SPECIAL).all()
    shown = batch.ids[batch.chosen]
    share = {"mask": (shown == MASK).mean(), "same": (shown == batch.truth).mean()}
    assert share["mask"] == pytest.approx(0.8, abs=0.02)
    assert share["same"] == pytest.approx(0.1, abs=0.02)
    assert (batch.ids[~batch.attention] == PAD).all()


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    batches = masked_text()
    assert batches(3).digest() == masked_text()(3).digest()
    assert len({batches(step).digest() for step in range(4)}) == 4
    assert masked_text(seed=1)(3).digest() != batches(3).digest()


def test_language_temperature_decides_who_is_read() -> None:
    def share(temperature: float) -> float:
        rows = [
            row
            for step in range(30)
            for row in original(masked_text(language_temperature=temperature)(step))
        ]
        return float(np.mean([row[1] >= 50 for row in rows]))

    assert share(0.0) == pytest.approx(0.5, abs=0.04)
    assert share(1.0) == pytest.approx(4 / 9, abs=0.04)
    assert share(8.0) == pytest.approx(4**8 / (4**8 + 5**8), abs=0.04)


def test_text_that_does_not_do_is_refused() -> None:
    lonely = ParallelText("lonely", ("a", "b"), {"a": ["10", None], "b": [None, "50"]}, np.zeros(2))
    with pytest.raises(CorpusError, match="no sentence in two of its languages"):
        masked_text(pairs=True, text=lonely)
    empty = ParallelText("empty", ("a", "b"), {"a": ["10"], "b": [None]}, np.zeros(1))
    with pytest.raises(CorpusError, match="no sentence in language 'b'"):
        masked_text(text=empty)
