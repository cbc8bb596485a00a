"""Fine-tuning: what reaches the model, that it learns, that it resumes to the last bit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tiny_texts import all_texts, tiny_items, tiny_tokenizer

from hbt.encoders import EncoderSettings, build, encode, load
from hbt.sampling import CROSS_LINGUAL, MONOLINGUAL, ItemLayout, Plan, PlanSettings, pack
from hbt.trainer import Examples, PlanTrainer
from hbt.training import TrainingSettings, finetune
from hbt.training_log import DIGEST_LENGTH, TrainingLog

ITEMS = tiny_items()
PLAN = PlanSettings(sampling="hybrid", batch_size=32, seed=3)
SETTINGS = TrainingSettings(plan=PLAN, steps=40, learning_rate=0.05, warm_up=0.25)


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def new_model(tokenizer_folder: Path, kind: str = "static") -> SentenceTransformer:
    """A transformer has dropout here, so that resuming must restore random numbers too."""
    settings = EncoderSettings(kind=kind, dimension=32, layers=1, dropout=0.1)
    return build(settings, tokenizer_folder, seed=0)


def parameters(model: SentenceTransformer) -> np.ndarray:
    values = [parameter.detach().cpu().numpy().ravel() for parameter in model.parameters()]
    return np.concatenate(values)


def test_the_fixture_can_show_something(tokenizer_folder: Path) -> None:
    examples = Examples(new_model(tokenizer_folder), ITEMS)
    for columns, side in ((examples.queries, ITEMS.queries), (examples.passages, ITEMS.passages)):
        rows = {tuple(tokens[row]) for tokens in columns for row in range(len(ITEMS))}
        texts = {text or "" for column in side.values() for text in column}
        assert len(rows) == len(texts) > 900


@pytest.mark.parametrize("kind", ["static", "mini-mlm"])
def test_examples_equal_what_the_collator_makes_of_texts(kind: str, tokenizer_folder: Path) -> None:
    model = new_model(tokenizer_folder, kind)
    batch = Plan(PLAN, ItemLayout.from_items(ITEMS))(5)
    packed = pack(batch.item, batch.query_language, batch.passage_language, 4)
    found = Examples(model, ITEMS).__getitems__(packed.tolist())
    assert torch.equal(found["label"], torch.from_numpy(ITEMS.passage_id[batch.item]))
    for column, texts, languages in (
        ("query", ITEMS.queries, batch.query_language),
        ("passage", ITEMS.passages, batch.passage_language),
    ):
        chosen = [
            texts[ITEMS.languages[language]][item]
            for item, language in zip(batch.item, languages, strict=True)
        ]
        expected = model.preprocess(chosen, prompt=model.prompts[column])
        for name in ("input_ids", "offsets" if kind == "static" else "attention_mask"):
            assert torch.equal(found[f"{column}_{name}"], expected[name])


def test_training_follows_the_plan_learns_and_depends_on_the_seed(
    tokenizer_folder: Path, tmp_path: Path
) -> None:
    model = new_model(tokenizer_folder)
    before = parameters(model)
    log = finetune(model, ITEMS, SETTINGS, tmp_path / "run", progress=False)
    plan = Plan(PLAN, ItemLayout.from_items(ITEMS))
    assert log.digest == tuple(plan(step).digest()[:DIGEST_LENGTH] for step in range(40))
    assert set(log.kind) == {MONOLINGUAL, CROSS_LINGUAL}
    assert list(log.kind) == plan.schedule(0, 40).kind.tolist()
    for kind in (MONOLINGUAL, CROSS_LINGUAL):
        losses = log.loss[np.array(log.kind) == kind]
        assert losses[-4:].mean() < 0.8 * losses[:4].mean()
    assert log.mean_loss(MONOLINGUAL, last=5) < log.mean_loss(MONOLINGUAL)
    assert np.abs(parameters(model) - before).max() > 0.01
    assert log.seconds > 0
    assert log.peak_memory_mb > 100

    other = dataclasses.replace(SETTINGS, plan=dataclasses.replace(PLAN, seed=4))
    other_model = new_model(tokenizer_folder)
    other_log = finetune(other_model, ITEMS, other, tmp_path / "other", progress=False)
    assert other_log.digest != log.digest
    assert np.abs(parameters(other_model) - parameters(model)).max() > 0.01

    again = new_model(tokenizer_folder)
    finetune(again, ITEMS, SETTINGS, tmp_path / "again", progress=False)
    np.testing.assert_array_equal(parameters(again), parameters(model))

    saved = load(tmp_path / "run" / "model")
    np.testing.assert_array_equal(
        encode(saved, all_texts()[:9], "query"), encode(model, all_texts()[:9], "query")
    )
    written = TrainingLog.read(tmp_path / "run")
    np.testing.assert_array_equal(written.loss, log.loss)
    assert (written.kind, written.digest) == (log.kind, log.digest)
    assert written.frame().columns.tolist() == ["step", "kind", "source", "loss", "digest"]
    assert not (tmp_path / "run" / "checkpoints").exists()


class Stopped(BaseException):
    """As when a user presses the interrupt button."""


@pytest.mark.parametrize("kind", ["static", "mini-mlm"])
def test_stopped_and_resumed_equals_never_stopped(
    kind: str, tokenizer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(SETTINGS, checkpoint_every=5, learning_rate=0.003)
    straight = new_model(tokenizer_folder, kind)
    straight_log = finetune(straight, ITEMS, settings, tmp_path / "straight", progress=False)

    compute_loss = PlanTrainer.compute_loss

    def stop_in_step_27(self: PlanTrainer, *arguments: object, **named: object) -> object:
        if self.state.global_step == 27:
            raise Stopped
        return compute_loss(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(PlanTrainer, "compute_loss", stop_in_step_27)
        with pytest.raises(Stopped):
            finetune(
                new_model(tokenizer_folder, kind), ITEMS, settings, tmp_path / "run", progress=False
            )
    # a checkpoint that was being written when the power went off does not count
    (tmp_path / "run" / "checkpoints" / "checkpoint-30").mkdir()

    resumed = new_model(tokenizer_folder, kind)
    log = finetune(resumed, ITEMS, settings, tmp_path / "run", progress=False)
    assert log.resumed_at == (25,)
    np.testing.assert_array_equal(log.loss, straight_log.loss)
    assert (log.kind, log.digest) == (straight_log.kind, straight_log.digest)
    np.testing.assert_array_equal(parameters(resumed), parameters(straight))


def test_mixed_precision_trains_too(tokenizer_folder: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, steps=4)
    losses = []
    for precision in ("float32", "bfloat16"):
        model = new_model(tokenizer_folder, "mini-mlm")
        changed = dataclasses.replace(settings, precision=precision)
        losses.append(finetune(model, ITEMS, changed, tmp_path / precision, progress=False).loss)
    assert np.abs(losses[1] - losses[0]).max() > 0
    np.testing.assert_allclose(losses[1][:2], losses[0][:2], rtol=0.1)


@pytest.mark.filterwarnings("error:.*checkpointing.*:FutureWarning")
def test_activations_computed_twice_give_the_same(tokenizer_folder: Path, tmp_path: Path) -> None:
    ends, calls = [], []
    for twice in (False, True):
        model = new_model(tokenizer_folder, "mini-mlm")
        layer = model[0].auto_model.encoder.layer[0].attention
        layer.register_forward_hook(lambda *_, twice=twice: calls.append(twice))
        settings = dataclasses.replace(SETTINGS, steps=4, gradient_checkpointing=twice)
        finetune(model, ITEMS, settings, tmp_path / str(twice), progress=False)
        ends.append(parameters(model))
    np.testing.assert_allclose(ends[1], ends[0], rtol=0, atol=1e-6)
    assert calls.count(True) == 2 * calls.count(False) > 0


def test_a_finished_training_is_loaded_and_another_is_refused(
    tokenizer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(SETTINGS, steps=3)
    model = new_model(tokenizer_folder)
    log = finetune(model, ITEMS, settings, tmp_path, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(PlanTrainer, "train", None)  # nothing is trained
        again = new_model(tokenizer_folder)
        reused = finetune(again, ITEMS, settings, tmp_path, progress=False)
    np.testing.assert_array_equal(parameters(again), parameters(model))
    assert reused.digest == log.digest

    stored = json.loads((tmp_path / "settings.json").read_text())
    del stored["accumulation"], stored["mini_batch"]  # as before there were any
    (tmp_path / "settings.json").write_text(json.dumps(stored))
    older = finetune(new_model(tokenizer_folder), ITEMS, settings, tmp_path, progress=False)
    assert older.digest == log.digest
    two = dataclasses.replace(settings, mini_batch=2)
    with pytest.raises(ValueError, match="holds a training with mini_batch 0, not 2"):
        finetune(new_model(tokenizer_folder), ITEMS, two, tmp_path, progress=False)

    other = dataclasses.replace(settings, plan=dataclasses.replace(PLAN, alpha=0.25))
    with pytest.raises(ValueError, match=r"holds a training with plan\.alpha 0\.5, not 0\.25"):
        finetune(new_model(tokenizer_folder), ITEMS, other, tmp_path, progress=False)
    with pytest.raises(ValueError, match="holds a training with first_weights"):
        finetune(model, ITEMS, settings, tmp_path, progress=False)  # it is trained already
    anew = finetune(
        new_model(tokenizer_folder), ITEMS, other, tmp_path, resume=False, progress=False
    )
    assert json.loads((tmp_path / "training.json").read_text())["settings"]["plan"]["alpha"] == 0.25
    assert len(anew) == 3


def test_bad_settings_are_refused_in_one_sentence(tokenizer_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="precision 'half' is neither"):
        TrainingSettings(precision="half")
    with pytest.raises(ValueError, match="steps is 0"):
        TrainingSettings(steps=0)
    with pytest.raises(ValueError, match="accumulation is 0 and mini_batch 0"):
        TrainingSettings(accumulation=0)
    with pytest.raises(ValueError, match="steps is 10, no multiple of accumulation, 4"):
        TrainingSettings(steps=10, accumulation=4)
    with pytest.raises(ValueError, match="checkpoint_every is 3, no multiple of accumulation, 2"):
        TrainingSettings(steps=10, accumulation=2, checkpoint_every=3)
    few = dataclasses.replace(SETTINGS, plan=dataclasses.replace(PLAN, batch_size=300))
    with pytest.raises(ValueError, match="a batch needs 300"):
        finetune(new_model(tokenizer_folder), ITEMS, few, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
