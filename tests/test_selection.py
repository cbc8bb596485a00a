"""Checkpoint selection: the best on a development set is kept, also by a resumed run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tiny_texts import tiny_items, tiny_tokenizer

from hbt.corpus import benchmark_from_items
from hbt.encoders import EncoderSettings, build, encode, load
from hbt.evaluation import evaluate
from hbt.retrieval import count
from hbt.sampling import PlanSettings
from hbt.selection import (
    BEST,
    SCORES,
    SelectionSettings,
    development_score,
    read_scores,
)
from hbt.selection_callback import Selection
from hbt.training import TrainingSettings, finetune

ITEMS = tiny_items()
TRAINING = TrainingSettings(
    plan=PlanSettings(batch_size=16, seed=1), steps=12, learning_rate=0.02, checkpoint_every=4
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def new_model(tokenizer: Path) -> SentenceTransformer:
    return build(EncoderSettings(kind="static", dimension=16), tokenizer, seed=0)


class Scripted:
    """Scores in a given order; the models that were scored."""

    def __init__(self, *scores: float) -> None:
        self.scores, self.weights = list(scores), []

    def __call__(self, model: SentenceTransformer) -> float:
        self.weights.append(model[0].embedding.weight.detach().clone())
        return self.scores.pop(0)


def best_weights(folder: Path) -> torch.Tensor:
    return load(folder / BEST)[0].embedding.weight.detach()


def test_the_best_is_kept_and_ties_go_to_the_earlier(tokenizer: Path, tmp_path: Path) -> None:
    score = Scripted(0.2, 0.5, 0.5, 0.1)
    selection = Selection(tmp_path / "run", score, every=3)
    finetune(
        new_model(tokenizer),
        ITEMS,
        TRAINING,
        tmp_path / "run",
        progress=False,
        callbacks=[selection],
    )
    assert read_scores(tmp_path / "run") == {3: 0.2, 6: 0.5, 9: 0.5, 12: 0.1}
    assert selection.best == (6, 0.5)
    torch.testing.assert_close(best_weights(tmp_path / "run"), score.weights[1], rtol=0, atol=0)
    assert not torch.equal(score.weights[1], score.weights[2])
    assert not torch.equal(score.weights[1], load(tmp_path / "run" / "model")[0].embedding.weight)


def test_the_last_step_is_scored_and_training_is_not_disturbed(
    tokenizer: Path, tmp_path: Path
) -> None:
    benchmark = benchmark_from_items(ITEMS, "dev")
    settings = SelectionSettings(every=8)
    models = [new_model(tokenizer), new_model(tokenizer)]
    score = lambda model: development_score(model, benchmark, settings)  # noqa: E731
    selection = Selection(tmp_path / "with", score, settings.every)
    finetune(models[0], ITEMS, TRAINING, tmp_path / "without", progress=False)
    finetune(models[1], ITEMS, TRAINING, tmp_path / "with", progress=False, callbacks=[selection])
    assert list(read_scores(tmp_path / "with")) == [8, 12]
    weights = [model[0].embedding.weight for model in models]
    torch.testing.assert_close(*weights, rtol=0, atol=0)


class Stopped(Exception):
    pass


def test_a_resumed_run_selects_the_same(tokenizer: Path, tmp_path: Path) -> None:
    """Stopped after step 7, whose score at 6 lies behind the checkpoint at 4 and is made again."""
    script = (0.1, 0.3, 0.7, 0.6, 0.5, 0.2)
    straight = Selection(tmp_path / "straight", Scripted(*script), every=2)
    finetune(
        new_model(tokenizer),
        ITEMS,
        TRAINING,
        tmp_path / "straight",
        progress=False,
        callbacks=[straight],
    )

    class Stopping(Selection):
        def on_step_end(self, args: object, state: object, control: object, **named: object):
            super().on_step_end(args, state, control, **named)
            if state.global_step == 7:
                raise Stopped

    run = tmp_path / "run"
    with pytest.raises(Stopped):
        finetune(
            new_model(tokenizer),
            ITEMS,
            TRAINING,
            run,
            progress=False,
            callbacks=[Stopping(run, Scripted(*script), every=2)],
        )
    assert list(read_scores(run)) == [2, 4, 6]
    resumed = Selection(run, Scripted(*script[2:]), every=2)
    finetune(new_model(tokenizer), ITEMS, TRAINING, run, progress=False, callbacks=[resumed])
    assert (run / SCORES).read_bytes() == (tmp_path / "straight" / SCORES).read_bytes()
    assert resumed.best == straight.best == (6, 0.7)
    torch.testing.assert_close(
        best_weights(run), best_weights(tmp_path / "straight"), rtol=0, atol=0
    )


@pytest.mark.parametrize("setting", ["monolingual", "cross-lingual", "multilingual"])
def test_the_score_is_the_mean_of_its_cells(tokenizer: Path, setting: str) -> None:
    model, benchmark = new_model(tokenizer), benchmark_from_items(ITEMS, "dev")
    found = development_score(model, benchmark, SelectionSettings(setting, "R@10"))
    embeddings = (
        encode(model, benchmark.query_texts, "query"),
        encode(model, benchmark.passage_texts, "passage"),
    )
    scores = evaluate(benchmark, count(benchmark, *embeddings)).scores
    cells = scores[(scores["setting"] == setting) & (scores["metric"] == "R@10")]["value"]
    assert found == pytest.approx(float(np.mean(cells)))
    assert 0 < found < 1


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'all' is none of"):
        SelectionSettings(setting="all")
    with pytest.raises(ValueError, match="no metric 'accuracy'"):
        SelectionSettings(metric="accuracy")
    with pytest.raises(ValueError, match="every is 0"):
        SelectionSettings(every=0)
    with pytest.raises(ValueError, match="no multiple of accumulation, 2"):
        Selection(tmp_path, Scripted(), every=3, accumulation=2)
    (tmp_path / SCORES).write_text("step\tscore\n1\tx\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no table of scores"):
        read_scores(tmp_path)
    state = SimpleNamespace(global_step=4, is_world_process_zero=False)
    with pytest.raises(ValueError, match="no table of scores"):
        Selection(tmp_path, Scripted(), every=2).on_train_begin(None, state, None)
