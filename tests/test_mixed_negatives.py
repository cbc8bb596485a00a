"""Batches of a mix: each has as many hard negatives as its source."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from process_worker import items_of, new_model, parameters
from tiny_texts import tiny_items, tiny_tokenizer

from hbt.sampling import ItemLayout, Plan, PlanSettings, pack
from hbt.trainer import Examples
from hbt.training import TrainingSettings, finetune

MIX = items_of({"negatives": 2, "mix": True})
PLAN = PlanSettings(sampling="hybrid", batch_size=32, seed=3)
SETTINGS = TrainingSettings(plan=PLAN, steps=8, learning_rate=0.02)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def test_a_batch_has_the_negatives_of_its_source(tokenizer: Path) -> None:
    model = new_model(tokenizer, {})
    mixed = Examples(model, MIX)
    alone = [Examples(model, tiny_items(negatives=number)) for number in (2, 0)]
    item, query, passage = np.array([3, 9, 40]), np.array([0, 2, 1]), np.array([1, 0, 2])
    for first, own in zip((0, 256), alone, strict=True):
        batch = mixed.__getitems__(pack(item + first, query, passage, 4).tolist())
        expected = own.__getitems__(pack(item, query, passage, 4).tolist())
        assert batch.keys() == expected.keys()
        assert all(torch.equal(batch[name], expected[name]) for name in batch if name != "label")
    assert batch["label"].tolist() == [[MIX.passage_id[row + 256]] for row in item]


def test_cached_and_plain_gradients_agree_and_the_loss_is_that_of_the_source_alone(
    tokenizer: Path, tmp_path: Path
) -> None:
    """Without dropout; steps up to the first change of the weights have the same model."""
    ends = []
    for mini_batch in (0, 7):
        model = new_model(tokenizer, {"double": True})
        settings = dataclasses.replace(SETTINGS, mini_batch=mini_batch, accumulation=8)
        out = tmp_path / str(mini_batch)
        log = finetune(model, MIX, settings, out, progress=False)
        ends.append(parameters(model))
    np.testing.assert_allclose(ends[1], ends[0], rtol=0, atol=1e-6)
    plan = Plan(PLAN, ItemLayout.from_items(MIX))
    sources = [plan(step).source for step in range(8)]
    assert set(sources) == {0, 1}
    losses = np.array(log.loss)
    with_negatives = np.array(sources) == 0
    # random cosines: log of 95 or so candidates against log of 32
    assert losses[with_negatives].min() > losses[~with_negatives].max() + 0.5
