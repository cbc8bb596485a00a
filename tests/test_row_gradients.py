"""Gradients by rows: equal to whole ones, step by step, also where batches are accumulated."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_texts import tiny_items, tiny_tokenizer

from hbt import row_gradients
from hbt.encoders import EncoderSettings, build
from hbt.row_gradients import RowGradient, gradient_by_rows
from hbt.sampling import PlanSettings
from hbt.trainer import PlanTrainer
from hbt.training import TrainingSettings, finetune

SETTINGS = TrainingSettings(
    plan=PlanSettings(batch_size=8, seed=1), steps=12, learning_rate=0.01, weight_decay=0.1
)

NEVER_CLIPPED = {"max_gradient_norm": 0.0}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.mark.parametrize("accumulation", [1, 2])
def test_whole_gradients_are_the_same(accumulation: int) -> None:
    """Rows 1 (padding) and 6 are never read; each step reads others than the one before."""
    torch.manual_seed(0)
    plain, by_rows = (
        torch.nn.Embedding(7, 3, padding_idx=1, sparse=each) for each in (False, True)
    )
    by_rows.weight.data.copy_(plain.weight.data)
    rows = RowGradient(by_rows.weight)
    batches = [[[0, 2, 1], [2, 2, 3]], [[4, 1, 1]], [[5, 0, 5]], [[3, 2, 1]]]
    for start in range(0, len(batches), accumulation):
        for table in (plain, by_rows):
            for ids in batches[start : start + accumulation]:
                embedded = table(torch.tensor(ids))
                (embedded.pow(2).sum() + table(torch.tensor([2])).sum()).backward()
                if table is by_rows:
                    rows.make_whole()
        assert not by_rows.weight.grad.is_sparse
        torch.testing.assert_close(by_rows.weight.grad, plain.weight.grad)
        assert not plain.weight.grad[[1, 6]].any()
        assert plain.weight.grad.any()
        for table in (plain, by_rows):
            table.weight.grad = None


def test_clipping_equals_torchs() -> None:
    torch.manual_seed(0)
    plain, by_rows = (torch.nn.Embedding(7, 3, sparse=each) for each in (False, True))
    by_rows.weight.data.copy_(plain.weight.data)
    layers = [torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)]
    layers[1].load_state_dict(layers[0].state_dict())
    norms = []
    for table, layer in zip((plain, by_rows), layers, strict=True):
        layer(table(torch.tensor([[0, 2, 2], [5, 2, 0]]))).pow(2).sum().backward()
        both = [*table.parameters(), *layer.parameters()]
        if table is plain:
            norms.append(torch.nn.utils.clip_grad_norm_(both, 0.3))
        else:
            norms.append(RowGradient(table.weight).clip(both, 0.3))
    torch.testing.assert_close(*norms)
    assert norms[0] > 1
    torch.testing.assert_close(by_rows.weight.grad, plain.weight.grad)
    torch.testing.assert_close(layers[1].weight.grad, layers[0].weight.grad)


def test_only_a_large_matrix_is_collected_by_rows(
    tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("static", "mini-mlm"):
        model = build(EncoderSettings(kind=kind, dimension=16, layers=1), tokenizer, seed=0)
        with gradient_by_rows(model) as found:
            assert found is None
        monkeypatch.setattr(row_gradients, "LARGE", 1)
        with gradient_by_rows(model) as found:
            assert found is not None
            assert len(found.weight) == len(model[0].tokenizer.get_vocab())
        monkeypatch.undo()


@pytest.mark.parametrize("kind", ["static", "mini-mlm"])
def test_a_training_is_the_same(
    kind: str, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, weights, losses = [], [], []
    step = PlanTrainer.training_step

    def watched(trainer: PlanTrainer, *arguments: object, **named: object) -> torch.Tensor:
        loss = step(trainer, *arguments, **named)
        seen.append(trainer.by_rows is not None)
        sparse = any(each.grad.is_sparse for each in trainer.model.parameters())
        assert sparse == (seen[-1] and trainer.args.max_grad_norm > 0)  # until it is clipped
        return loss

    monkeypatch.setattr(PlanTrainer, "training_step", watched)
    for large in (row_gradients.LARGE, 1):
        monkeypatch.setattr(row_gradients, "LARGE", large)
        cached = {"mini_batch": 3} if kind != "static" else {}
        for change in ({"max_gradient_norm": 0.01}, {"accumulation": 2}, cached | NEVER_CLIPPED):
            settings = dataclasses.replace(SETTINGS, **change)
            encoder = EncoderSettings(kind=kind, dimension=16, layers=1)
            model = build(encoder, tokenizer, seed=0)
            folder = tmp_path / f"{large}-{len(weights)}"
            log = finetune(model, tiny_items(), settings, folder, progress=False)
            weights.append(torch.cat([each.ravel() for each in model.parameters()]).detach())
            losses.append(log.loss)
    assert seen == 36 * [False] + 36 * [True]
    for plain, by_rows in ((0, 3), (1, 4), (2, 5)):
        np.testing.assert_allclose(losses[by_rows], losses[plain], rtol=1e-4)
        torch.testing.assert_close(weights[by_rows], weights[plain], rtol=0, atol=1e-4)
    assert losses[0][-1] < losses[0][0]
    assert (weights[0] - weights[1]).abs().max() > 1e-3
