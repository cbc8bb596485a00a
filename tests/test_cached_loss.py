"""The cached loss: the value and the gradient of the plain one, in pieces of a small batch."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from tiny_texts import tiny_items, tiny_tokenizer

from hbt.encoders import EncoderSettings, build
from hbt.losses import CachedMaskedInfoNCELoss, MaskedInfoNCELoss, info_nce

ITEMS = tiny_items(48)
LABELS = torch.arange(20) // 2  # every two rows share their passage


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformer:
    """In float64, so that what is left of a difference is no rounding."""
    folder = tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))
    settings = EncoderSettings(kind="mini-mlm", dimension=16, layers=1)
    return build(settings, folder, seed=0).double()


def features(model: SentenceTransformer, columns: int) -> list[dict[str, torch.Tensor]]:
    texts = [ITEMS.queries["en"][:20], ITEMS.passages["ru"][:20]]
    texts += [ITEMS.passages["hi"][20 + n : 40 + n] for n in range(columns - 2)]
    made = [model.preprocess(list(column)) for column in texts]
    rows = {tuple(row.tolist()) for column in made for row in column["input_ids"]}
    assert len(rows) > 20  # distinct token rows
    return made


def value_and_gradients(
    loss: torch.nn.Module, columns: list[dict[str, torch.Tensor]], labels: torch.Tensor
) -> tuple[float, list[torch.Tensor]]:
    loss.model.zero_grad()
    value = loss([dict(column) for column in columns], labels)
    (value * 3).backward()  # as gradient accumulation and scalers do
    return value.item(), [parameter.grad.clone() for parameter in loss.model.parameters()]


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("columns", [2, 4])
@pytest.mark.parametrize("mini_batch_size", [1, 7, 64])
def test_equals_the_plain_loss(
    model: SentenceTransformer, columns: int, symmetric: bool, mini_batch_size: int
) -> None:
    inputs = features(model, columns)
    plain = MaskedInfoNCELoss(model, scale=11.0, symmetric=symmetric)
    cached = CachedMaskedInfoNCELoss(model, mini_batch_size, scale=11.0, symmetric=symmetric)
    expected, expected_gradients = value_and_gradients(plain, inputs, LABELS)
    found, found_gradients = value_and_gradients(cached, inputs, LABELS)
    assert found == pytest.approx(expected, rel=1e-9)
    assert max(gradient.abs().max() for gradient in expected_gradients) > 1e-3
    for own, other in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-6, atol=1e-9)
    other_ids, _ = value_and_gradients(cached, inputs, torch.arange(20))
    assert abs(other_ids - found) > 1e-3  # the mask matters


def test_no_more_than_a_mini_batch_is_embedded_at_a_time(model: SentenceTransformer) -> None:
    counted = copy.deepcopy(model)
    sizes: list[int] = []
    counted[0].register_forward_pre_hook(
        lambda _, inputs: sizes.append(len(inputs[0]["input_ids"]))
    )
    value_and_gradients(CachedMaskedInfoNCELoss(counted, 8), features(model, 2), LABELS)
    assert sizes == 4 * [8, 8, 4]  # two columns, each without and with gradients


def test_random_numbers_of_the_two_passes_agree(tmp_path: Path) -> None:
    """With dropout, the gradient is that of the embeddings that were compared."""
    tiny_tokenizer(tmp_path)
    settings = EncoderSettings(kind="mini-mlm", dimension=16, layers=1, dropout=0.3)
    noisy = build(settings, tmp_path, seed=0).double()
    noisy.train()
    inputs = features(noisy, 2)
    torch.manual_seed(5)
    _, expected = value_and_gradients(MaskedInfoNCELoss(noisy), inputs, LABELS)
    torch.manual_seed(5)
    _, found = value_and_gradients(CachedMaskedInfoNCELoss(noisy, 64), inputs, LABELS)
    for own, other in zip(found, expected, strict=True):
        torch.testing.assert_close(own, other)
    torch.manual_seed(6)
    _, others = value_and_gradients(CachedMaskedInfoNCELoss(noisy, 64), inputs, LABELS)
    assert not torch.allclose(others[0], found[0])


def test_without_gradients_the_value_is_the_same(model: SentenceTransformer) -> None:
    inputs, loss = features(model, 2), CachedMaskedInfoNCELoss(model, 7)
    with torch.no_grad():
        value = loss([dict(column) for column in inputs], LABELS)
    expected, _ = value_and_gradients(MaskedInfoNCELoss(model), inputs, LABELS)
    assert value.item() == pytest.approx(expected, rel=1e-9)


def test_hard_negatives_with_ids_are_masked_too() -> None:
    draw = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    queries, passages, first, second = draw
    ids = torch.tensor([0, 1, 2, 3, 4, 5])
    first_ids, second_ids = torch.tensor([9, 9, 0, 9, 9, 9]), torch.tensor([1, 8, 8, 8, 8, 8])
    loss = MaskedInfoNCELoss(torch.nn.Identity(), scale=5.0)
    found = loss.compute_loss_from_embeddings(
        list(draw), torch.stack([ids, first_ids, second_ids], dim=1)
    )
    losses = []
    for row in range(6):
        negatives = [passages[other] for other in range(6) if other != row]
        for column, column_ids in ((first, first_ids), (second, second_ids)):
            negatives += [column[other] for other in range(6) if column_ids[other] != row]
        candidates = torch.stack([passages[row], *negatives])
        cosines = torch.nn.functional.cosine_similarity(queries[row], candidates)
        losses.append(-torch.log_softmax(5.0 * cosines, dim=0)[0])
    assert found.item() == pytest.approx(torch.stack(losses).mean().item(), rel=1e-12)
    unmasked = loss.compute_loss_from_embeddings(list(draw), ids)
    assert abs(unmasked.item() - found.item()) > 1e-3


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    columns = [torch.ones(3, 2)] * 3
    with pytest.raises(ValueError, match="label has 3 passage ids a row for a passage and 1 hard"):
        MaskedInfoNCELoss(torch.nn.Identity()).compute_loss_from_embeddings(
            columns, torch.zeros(3, 3, dtype=torch.int64)
        )
    ids = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match="3 ids for 0 hard negatives"):
        info_nce(*columns[:2], ids, negative_id=ids)
    tiny_tokenizer(tmp_path)
    static = build(EncoderSettings(), tmp_path, seed=0)
    with pytest.raises(ValueError, match="StaticEmbedding"):
        CachedMaskedInfoNCELoss(static)
