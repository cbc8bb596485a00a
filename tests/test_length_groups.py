"""Texts sorted by length: the least padding there is, and the same embeddings."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_texts import all_texts, tiny_items, tiny_tokenizer

from hbt.encoders import EncoderSettings, build
from hbt.length_groups import cut_by_length, embed_by_length
from hbt.losses import MaskedInfoNCELoss
from hbt.tokens import tokenise


def padded(lengths: list[int], ends: list[int]) -> int:
    starts = [0, *ends[:-1]]
    return sum((end - start) * lengths[end - 1] for start, end in zip(starts, ends, strict=True))


def test_cuts_by_hand() -> None:
    lengths = np.array([2, 2, 3, 9, 10])
    assert cut_by_length(lengths, 1) == [5]
    assert cut_by_length(lengths, 2) == [3, 5]
    assert cut_by_length(lengths, 3) in ([2, 3, 5], [3, 4, 5])
    assert cut_by_length(lengths, 9) == [2, 3, 4, 5]
    assert cut_by_length(np.array([4, 4, 4]), 3) == [3]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=9), st.integers(1, 5))
def test_no_other_cut_pads_less(lengths: list[int], groups: int) -> None:
    lengths = sorted(lengths)
    ends = cut_by_length(np.array(lengths), groups)
    assert ends == sorted(set(ends))
    assert ends[-1] == len(lengths)
    assert len(ends) <= groups
    every = (
        [*inner, len(lengths)]
        for size in range(min(groups, len(lengths)))
        for inner in itertools.combinations(range(1, len(lengths)), size)
    )
    assert padded(lengths, ends) == min(padded(lengths, cut) for cut in every)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("groups", [1, 2, 5])
def test_loss_and_gradients_are_the_same(tokenizer: Path, groups: int, pooling: str) -> None:
    settings = EncoderSettings(kind="mini-mlm", dimension=16, layers=2, pooling=pooling)
    model = build(settings, tokenizer, seed=0)
    with torch.no_grad():  # a new transformer's first tokens are all alike
        for parameter in model.parameters():
            parameter.mul_(10 if parameter.ndim > 1 else 1)
    items, rows = tiny_items(), np.arange(20)
    queries = tokenise(model, items.queries["ru"], "query").features(rows)
    passages = [" ".join(items.passages["en"][: 1 + row % 4]) for row in rows]
    columns = [queries, tokenise(model, passages, "passage").features(rows)]
    labels = torch.arange(20)

    def run(length_groups: int) -> tuple[float, list[torch.Tensor]]:
        model.zero_grad()
        loss = MaskedInfoNCELoss(model, length_groups=length_groups)([*columns], labels)
        loss.backward()
        return loss.item(), [p.grad.clone() for p in model.parameters()]

    plain, grouped = run(0), run(groups)
    assert grouped[0] == pytest.approx(plain[0], rel=1e-6)
    for one, other in zip(plain[1], grouped[1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    assert max(gradient.abs().max() for gradient in plain[1]) > 1e-3


def test_passes_are_as_many_and_as_wide_as_promised(tokenizer: Path) -> None:
    model = build(EncoderSettings(kind="mini-mlm", dimension=16, layers=1), tokenizer, seed=0)
    texts = ["dog"] * 6 + [" ".join(all_texts()[:5])] * 2
    tokens = tokenise(model, texts, "query")
    seen = []

    def watch(features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        seen.append(tuple(features["input_ids"].shape))
        return model(features)

    column = tokens.features(np.arange(8))
    embed_by_length(watch, [column, column], 2)
    long, short = tokens.lengths.max(), tokens.lengths.min()
    assert seen == [(12, short), (4, long)]


def test_columns_in_another_form_are_left_alone(tokenizer: Path) -> None:
    model = build(EncoderSettings(kind="static", dimension=8), tokenizer, seed=0)
    columns = [
        tokenise(model, texts, "query").features(np.arange(2))
        for texts in (["dog", "cat runs"], ["кошка", "собака ест"])
    ]
    expected = [model(dict(column))["sentence_embedding"] for column in columns]
    for found, wanted in zip(embed_by_length(model, columns, 3), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)
