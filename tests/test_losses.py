"""The loss: by hand on a 3 x 3 matrix, against sentence-transformers, and where batches clash."""

from __future__ import annotations

import math

import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor

from hbt.losses import MaskedInfoNCELoss, info_nce

LABELS = torch.arange(6)


def embeddings(seed: int, rows: int = 6, columns: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(columns, rows, 5, generator=generator, dtype=torch.float64)
    return [column.requires_grad_() for column in draw]


def identity_model() -> torch.nn.Module:
    return torch.nn.Identity()


def test_three_by_three_by_hand() -> None:
    # cosines of queries (rows) with passages (columns): [[1, 0, 0], [0, 1, 0], [0, 0.6, 0.8]]
    queries = torch.tensor([[1.0, 0, 0], [0, 2.0, 0], [0, 0.6, 0.8]])
    passages = torch.tensor([[3.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    e = math.e
    first = -math.log(e / (e + 2))
    third = -math.log(e**0.8 / (e**0.6 + e**0.8 + 1))
    ids = torch.tensor([0, 1, 2])
    assert info_nce(queries, passages, ids, 1.0).item() == pytest.approx((2 * first + third) / 3)
    # passages 1 and 2 are the same: neither is a negative for the other's query
    third = -math.log(e**0.8 / (e**0.8 + 1))
    second = -math.log(e / (e + 1))
    ids = torch.tensor([0, 1, 1])
    expected = (first + second + third) / 3
    assert info_nce(queries, passages, ids, 1.0).item() == pytest.approx(expected)


@pytest.mark.parametrize("symmetric", [False, True])
def test_equals_sentence_transformers_without_clashes(symmetric: bool) -> None:
    for columns in (2,) if symmetric else (2, 4):  # with hard negatives too
        ours, theirs = embeddings(0, columns=columns), embeddings(0, columns=columns)
        loss = MaskedInfoNCELoss(identity_model(), scale=7.0, symmetric=symmetric)
        plain = MultipleNegativesRankingLoss(
            identity_model(),
            scale=7.0,
            directions=("query_to_doc", "doc_to_query") if symmetric else ("query_to_doc",),
            partition_mode="per_direction",
        )
        value = loss.compute_loss_from_embeddings(ours, LABELS)
        expected = plain.compute_loss_from_embeddings(theirs, LABELS)
        value.backward()
        expected.backward()
        assert value.item() == pytest.approx(expected.item(), rel=1e-12)
        for own, other in zip(ours, theirs, strict=True):
            assert own.grad.abs().sum() > 0
            torch.testing.assert_close(own.grad, other.grad)


def test_clashing_batch_equals_the_batch_with_the_clash_removed() -> None:
    """Rows 1 and 4 share their passage: row by row, compare with softmaxes over what is left."""
    ids = torch.tensor([0, 1, 2, 3, 1, 5])
    masked, by_hand = embeddings(1), embeddings(1)
    value = info_nce(*masked, ids, 20.0)
    value.backward()
    losses = []
    for row in range(6):
        others = [j for j in range(6) if ids[j] != ids[row]]
        candidates = by_hand[1][[row, *others]]
        cosines = torch.nn.functional.cosine_similarity(by_hand[0][row], candidates)
        losses.append(-torch.log_softmax(20.0 * cosines, dim=0)[0])
    expected = torch.stack(losses).mean()
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    for own, other in zip(masked, by_hand, strict=True):
        torch.testing.assert_close(own.grad, other.grad)
    unmasked = embeddings(1)
    info_nce(*unmasked, LABELS, 20.0).backward()
    assert not torch.allclose(unmasked[0].grad, masked[0].grad)  # the mask is what made them equal


def test_a_batch_of_one_passage_has_no_loss_and_no_gradient() -> None:
    columns = embeddings(2)
    value = info_nce(*columns, torch.zeros(6, dtype=torch.int64), 20.0, symmetric=True)
    value.backward()
    assert value.item() == 0
    assert columns[0].grad.abs().max() < 1e-12


@pytest.mark.parametrize("symmetric", [False, True])
def test_slices_of_the_batch_average_to_the_whole(symmetric: bool) -> None:
    ids = torch.tensor([0, 1, 2, 3, 1, 5])
    queries, passages = embeddings(3)
    whole = info_nce(queries, passages, ids, 20.0, symmetric)
    parts = [
        info_nce(queries, passages, ids, 20.0, symmetric, rows=rows)
        for rows in (slice(0, 3), slice(3, 6))
    ]
    assert torch.stack(parts).mean().item() == pytest.approx(whole.item(), rel=1e-12)
    assert parts[0].item() != pytest.approx(parts[1].item(), rel=1e-3)


def test_half_precision_embeddings_are_compared_in_float32() -> None:
    columns = [column.detach().to(torch.bfloat16) for column in embeddings(4)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = info_nce(*columns, LABELS, 20.0)
    assert value.dtype == torch.float32
    expected = info_nce(*(column.float() for column in columns), LABELS, 20.0)
    assert value.item() == expected.item()


def test_what_is_missing_is_said() -> None:
    loss = MaskedInfoNCELoss(identity_model())
    with pytest.raises(ValueError, match="column named 'label'"):
        loss.compute_loss_from_embeddings(embeddings(0), None)
    with pytest.raises(ValueError, match="a query and a passage column, got 1"):
        loss.compute_loss_from_embeddings(embeddings(0, columns=1), LABELS)
    with pytest.raises(ValueError, match="6 queries, 6 passages and 5 passage ids"):
        info_nce(*embeddings(0), LABELS[:5])
