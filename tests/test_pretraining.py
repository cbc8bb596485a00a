"""Pre-training: each objective learns, depends on its seed and languages, and resumes exactly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from tiny_texts import WORDS, all_texts, tiny_text

from hbt import masked
from hbt.corpus import CorpusError, ParallelText
from hbt.encoders import EncoderSettings, build, encode, load, train_tokenizer
from hbt.pretraining import OBJECTIVES, PretrainingSettings, pretrain, translations
from hbt.training_log import TrainingLog

TEXT = tiny_text()
RANKING = PretrainingSettings(steps=40, batch_size=32, learning_rate=0.05)
MLM = PretrainingSettings("mlm", steps=60, batch_size=16, learning_rate=0.003, length=32)
BOTH = dataclasses.replace(
    MLM, objective=OBJECTIVES[2], steps=80, learning_rate=0.002, ranking_share=0.7
)


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    settings = EncoderSettings(vocabulary_size=600)
    train_tokenizer(all_texts(), settings).save(str(folder / "tokenizer.json"))
    return folder


def new_model(tokenizer_folder: Path, kind: str) -> SentenceTransformer:
    settings = EncoderSettings(kind=kind, dimension=32, layers=1, dropout=0.1)
    return build(settings, tokenizer_folder, seed=0)


def parameters(model: SentenceTransformer) -> np.ndarray:
    values = [parameter.detach().cpu().numpy().ravel() for parameter in model.parameters()]
    return np.concatenate(values)


def translation_accuracy(model: SentenceTransformer, source: str, target: str) -> float:
    """How often the nearest sentence of another language is the translation."""
    queries = encode(model, TEXT.texts[source][:64], "query")
    passages = encode(model, TEXT.texts[target][:64], "passage")
    return float(((queries @ passages.T).argmax(axis=1) == np.arange(64)).mean())


@pytest.mark.parametrize(
    ("kind", "settings", "stages"),
    [
        ("static", RANKING, {"ranking": {"cross-lingual"}}),
        ("mini-mlm", MLM, {"masked": {"MLM"}}),
        ("mini-labse", BOTH, {"masked": {"MLM", "TLM"}, "ranking": {"cross-lingual"}}),
    ],
)
def test_each_objective_learns_and_depends_on_its_seed(
    kind: str,
    settings: PretrainingSettings,
    stages: dict[str, set[str]],
    tokenizer_folder: Path,
    tmp_path: Path,
) -> None:
    model = new_model(tokenizer_folder, kind)
    before = parameters(model)
    assert pretrain(model, TEXT, settings, tmp_path / "run", progress=False) is model
    logs = {
        path.parent.name: TrainingLog.read(path.parent) for path in tmp_path.glob("run/*/*.tsv")
    }
    assert {name: set(log.kind) for name, log in logs.items()} == stages
    assert sum(len(log) for log in logs.values()) == settings.steps
    for log in logs.values():
        assert log.loss[-5:].mean() < 0.985 * log.loss[:5].mean()
    assert np.abs(parameters(model) - before).max() > 0.01
    saved = load(tmp_path / "run" / "model")
    np.testing.assert_array_equal(parameters(saved), parameters(model))

    again, other = new_model(tokenizer_folder, kind), new_model(tokenizer_folder, kind)
    pretrain(again, TEXT, settings, tmp_path / "again", progress=False)
    np.testing.assert_array_equal(parameters(again), parameters(model))
    changed = dataclasses.replace(settings, seed=1)
    pretrain(other, TEXT, changed, tmp_path / "other", progress=False)
    assert np.abs(parameters(other) - parameters(model)).max() > 0.01

    reused = new_model(tokenizer_folder, kind)
    pretrain(reused, TEXT, settings, tmp_path / "run", progress=False)
    np.testing.assert_array_equal(parameters(reused), parameters(model))
    with pytest.raises(ValueError, match="holds a training with"):
        pretrain(new_model(tokenizer_folder, kind), TEXT, changed, tmp_path / "run", progress=False)


def test_only_the_languages_asked_for_are_learnt(tokenizer_folder: Path, tmp_path: Path) -> None:
    model = new_model(tokenizer_folder, "static")
    first = translation_accuracy(model, "ru", "hi")
    settings = dataclasses.replace(RANKING, steps=150, languages=("en", "ru"))
    pretrain(model, TEXT, settings, tmp_path / "two", progress=False)
    assert translation_accuracy(model, "en", "ru") > 0.8
    assert first < 0.2
    assert translation_accuracy(model, "ru", "hi") < 0.2


class Stopped(BaseException):
    """As when a user presses the interrupt button."""


@pytest.mark.parametrize("objective", OBJECTIVES[1:])
def test_stopped_and_resumed_equals_never_stopped(
    objective: str, tokenizer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(BOTH, objective=objective, steps=60, checkpoint_every=4)
    straight = new_model(tokenizer_folder, "mini-labse")
    pretrain(straight, TEXT, settings, tmp_path / "straight", progress=False)
    step = masked._Run._step

    def stop(run: masked._Run, number: int) -> None:
        if number == 14:
            raise Stopped
        step(run, number)

    with monkeypatch.context() as patch:
        patch.setattr(masked._Run, "_step", stop)
        model = new_model(tokenizer_folder, "mini-labse")
        with pytest.raises(Stopped):
            pretrain(model, TEXT, settings, tmp_path / "run", progress=False)
    resumed = new_model(tokenizer_folder, "mini-labse")
    pretrain(resumed, TEXT, settings, tmp_path / "run", progress=False)
    log, whole = (TrainingLog.read(tmp_path / run / "masked") for run in ("run", "straight"))
    assert log.resumed_at == (12,)
    np.testing.assert_array_equal(log.loss, whole.loss)
    assert log.digest == whole.digest
    np.testing.assert_array_equal(parameters(resumed), parameters(straight))


def test_translations_pair_sentences_and_merge_equal_ones() -> None:
    texts = {
        "en": ["Snow.", "Rain.", "Snow.", None, "Sun."],
        "ru": ["Снег.", "Дождь.", "Снежок.", "Ветер.", None],
        "hi": [None, "वर्षा", None, None, "सूरज"],
    }
    items = translations(ParallelText("t", ("en", "ru", "hi"), texts, np.arange(5)))
    assert items.queries["en"] == ["Snow.", "Rain.", "Snow.", "Sun."]  # wind has no translation
    assert items.passages == items.queries
    assert items.passage_id.tolist() == [0, 1, 0, 3]
    assert items.available.tolist()[0] == [True, True, False]


def test_what_cannot_be_done_is_said(tokenizer_folder: Path, tmp_path: Path) -> None:
    static = new_model(tokenizer_folder, "static")
    with pytest.raises(ValueError, match="objective 'mlm' needs a mini-mlm or mini-labse encoder"):
        pretrain(static, TEXT, MLM, tmp_path, progress=False)
    with pytest.raises(CorpusError, match="has no language 'vi'"):
        pretrain(static, TEXT, dataclasses.replace(RANKING, languages=("vi",)), tmp_path)
    with pytest.raises(CorpusError, match="no sentence in two of the languages"):
        pretrain(static, TEXT, dataclasses.replace(RANKING, languages=("en",)), tmp_path)
    with pytest.raises(ValueError, match="objective is 'clm', not one of"):
        PretrainingSettings("clm")
    with pytest.raises(ValueError, match="steps is 0, not from 1"):
        PretrainingSettings(steps=0)
    assert PretrainingSettings(languages=list(WORDS)).languages == tuple(WORDS)
