"""Updates of rows: equal to AdamW on the whole matrix, also after a resume and with clipping."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_texts import all_texts, tiny_items

from hbt import row_updates
from hbt.encoders import EncoderSettings, build, train_tokenizer
from hbt.row_updates import RowAdamW, clip_gradients
from hbt.sampling import PlanSettings
from hbt.training import TrainingSettings, finetune

SETTINGS = TrainingSettings(
    plan=PlanSettings(batch_size=8, seed=1), steps=12, learning_rate=0.01, weight_decay=0.1
)


def trained(kind: type[torch.optim.AdamW], sparse: bool, resume_at: int = 0) -> torch.Tensor:
    """An embedding of 50 rows and a layer on top, after ten steps; rows above 40 are never read."""
    torch.manual_seed(0)
    table = torch.nn.Embedding(50, 4, padding_idx=1, sparse=sparse)
    layer = torch.nn.Linear(4, 4)
    both = [{"params": table.parameters(), "weight_decay": 0.1}, {"params": layer.parameters()}]
    optimizer = kind(both, lr=0.05)
    generator = torch.Generator().manual_seed(1)
    for step in range(10):
        if step and step == resume_at:
            state = optimizer.state_dict()
            optimizer = kind(both, lr=0.05)
            optimizer.load_state_dict(state)
        ids = torch.randint(4 * step, 4 * step + 4, (3, 5), generator=generator)
        ids[0, 3:] = 1  # padding
        layer(table(ids)).square().sum().backward()
        clip_gradients([*table.parameters(), *layer.parameters()], 0.5)
        optimizer.step()
        optimizer.zero_grad()
    return torch.cat([table.weight.detach(), layer.weight.detach()])


@pytest.mark.parametrize(("resume_at", "block"), [(0, 2048), (5, 2048), (0, 7)])
def test_equal_to_adamw_on_the_whole_matrix(
    resume_at: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_updates, "_BLOCK", block)
    dense = trained(torch.optim.AdamW, sparse=False)
    rows = trained(RowAdamW, sparse=True, resume_at=resume_at)
    torch.testing.assert_close(rows, dense, rtol=1e-5, atol=1e-7)
    torch.manual_seed(0)
    start = torch.nn.Embedding(50, 4, padding_idx=1).weight.detach()
    assert (rows[2:40] - start[2:40]).abs().min() > 0
    torch.testing.assert_close(rows[40:50], start[40:] * 0.995**10)  # decay alone


def test_clipping_equals_torchs() -> None:
    gradients = [torch.randn(6, 3), torch.randn(3)]
    dense = [torch.nn.Parameter(torch.zeros_like(each)) for each in gradients]
    sparse = [torch.nn.Parameter(torch.zeros_like(each)) for each in gradients]
    for one, other, gradient in zip(dense, sparse, gradients, strict=True):
        one.grad, other.grad = gradient.clone(), gradient.clone()
    sparse[0].grad = gradients[0].to_sparse(1)
    expected = torch.nn.utils.clip_grad_norm_(dense, 0.7)
    torch.testing.assert_close(clip_gradients(iter(sparse), 0.7), expected)
    torch.testing.assert_close(sparse[0].grad.to_dense(), dense[0].grad)
    torch.testing.assert_close(sparse[1].grad, dense[1].grad)


def test_a_training_of_rows_equals_the_plain_one(tmp_path: Path) -> None:
    train_tokenizer(all_texts(), EncoderSettings(vocabulary_size=600)).save(
        str(tmp_path / "tokenizer.json")
    )
    weights, losses = [], []
    for name, change in {
        "plain": {},
        "rows": {"row_updates": True},
        "both": {"row_updates": True, "length_groups": 3, "gradient_checkpointing": True},
    }.items():
        model = build(EncoderSettings(kind="mini-mlm", dimension=16, layers=1), tmp_path, seed=0)
        settings = dataclasses.replace(SETTINGS, **change)
        log = finetune(model, tiny_items(), settings, tmp_path / name, progress=False)
        assert not model[0].model.get_input_embeddings().sparse
        weights.append(model[0].model.get_input_embeddings().weight.detach().numpy())
        losses.append(log.loss)
    assert losses[0][-1] < losses[0][0]
    for other in (1, 2):
        np.testing.assert_allclose(losses[other], losses[0], rtol=1e-4)
        np.testing.assert_allclose(weights[other], weights[0], rtol=0, atol=1e-4)
    static = build(EncoderSettings(kind="static", dimension=16), tmp_path, seed=0)
    with pytest.raises(ValueError, match="row_updates is for a transformer"):
        finetune(
            static,
            tiny_items(),
            dataclasses.replace(SETTINGS, row_updates=True),
            tmp_path / "static",
            progress=False,
        )


def test_a_large_matrix_of_a_static_encoder_collects_its_gradient_by_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_tokenizer(all_texts(), EncoderSettings(vocabulary_size=600)).save(
        str(tmp_path / "tokenizer.json")
    )
    seen, weights = [], []
    densify = row_updates.as_dense
    monkeypatch.setattr(
        "hbt.trainer.as_dense",
        lambda weight: (seen.append(weight is not None and weight.grad.is_sparse), densify(weight)),
    )
    for large in (row_updates.LARGE, 1):
        monkeypatch.setattr(row_updates, "LARGE", large)
        for accumulation in (1, 2):
            settings = dataclasses.replace(SETTINGS, accumulation=accumulation)
            model = build(EncoderSettings(kind="static", dimension=16), tmp_path, seed=0)
            folder = tmp_path / f"{large}-{accumulation}"
            finetune(model, tiny_items(), settings, folder, progress=False)
            assert not model[0].embedding.sparse
            weights.append(model[0].embedding.weight.detach().numpy())
    # of two accumulated batches, the second adds to what is dense already
    assert seen == 24 * [False] + 12 * [True] + 6 * [True, False]
    np.testing.assert_allclose(weights[2], weights[0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(weights[3], weights[1], rtol=0, atol=1e-4)
    assert np.abs(weights[0] - weights[1]).max() > 1e-3
