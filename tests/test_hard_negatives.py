"""Triplets: hard negatives of items, in the batch, in the loss and over a whole training."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tiny_texts import tiny_items, tiny_tokenizer

from hbt.corpus import CorpusError
from hbt.encoders import EncoderSettings, build, encode
from hbt.sampling import ItemLayout, Plan, PlanSettings, pack
from hbt.sources.parallel_folder import read_parallel_folder, restrict_items
from hbt.suite.train_config import DataSection, read_config
from hbt.suite.train_data import read_items
from hbt.trainer import Examples, PlanTrainer
from hbt.training import TrainingSettings, finetune

PLAIN, ITEMS = tiny_items(), tiny_items(negatives=2)
PLAN = PlanSettings(sampling="hybrid", batch_size=32, seed=3)
SETTINGS = TrainingSettings(plan=PLAN, steps=12, learning_rate=0.02, warm_up=0.25)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def new_model(tokenizer: Path, kind: str = "mini-mlm", dropout: float = 0.0) -> SentenceTransformer:
    settings = EncoderSettings(kind=kind, dimension=16, layers=1, dropout=dropout)
    return build(settings, tokenizer, seed=0)


def parameters(model: SentenceTransformer) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])


def test_a_batch_has_negatives_in_the_language_of_its_passages(tokenizer: Path) -> None:
    model = new_model(tokenizer)
    item, query, passage = np.array([3, 9, 5]), np.array([0, 2, 3]), np.array([1, 0, 3])
    batch = Examples(model, ITEMS).__getitems__(pack(item, query, passage, 4).tolist())
    assert batch["label"].tolist() == [[103, 104, 111], [109, 110, 117], [105, 105, 113]]
    codes = [ITEMS.languages[each] for each in passage]
    for number, further in ((1, 1), (2, 8)):
        texts = [PLAIN.passages[code][row + further] for code, row in zip(codes, item, strict=True)]
        expected = model.preprocess(texts, prompt=model.prompts["passage"])
        for name in ("input_ids", "attention_mask"):
            assert torch.equal(batch[f"negative_{number}_{name}"], expected[name])


def test_loss_of_the_first_step_by_hand(tokenizer: Path, tmp_path: Path) -> None:
    """Candidates of a query: all passages and negatives but those with its passage's id."""
    batch = Plan(PLAN, ItemLayout.from_items(ITEMS))(0)
    codes = [ITEMS.languages[each] for each in batch.passage_language]
    model = new_model(tokenizer)

    def embedded(side: dict, role: str, languages: list[str]) -> np.ndarray:
        texts = [side[code][row] for code, row in zip(languages, batch.item, strict=True)]
        return encode(model, texts, role).astype(np.float64)

    asked = [ITEMS.languages[each] for each in batch.query_language]
    queries = embedded(ITEMS.queries, "query", asked)
    passages = embedded(ITEMS.passages, "passage", codes)
    further = [embedded(side, "passage", codes) for side in ITEMS.negatives]
    ids = ITEMS.passage_id[batch.item]
    all_ids = np.concatenate([ids, *ITEMS.negative_id[batch.item].T])
    scores = 20.0 * queries @ np.concatenate([passages, *further]).T
    losses, masked = [], 0
    for row in range(32):
        same = np.flatnonzero(all_ids == ids[row])
        masked += len(same) - 1
        scores[row, same[same != row]] = -np.inf
        losses.append(np.logaddexp.reduce(scores[row]) - scores[row, row])
    assert masked > 0
    log = finetune(model, ITEMS, SETTINGS, tmp_path, progress=False)
    assert log.loss[0] == pytest.approx(np.mean(losses), rel=1e-5)


def test_the_plan_is_the_same_and_the_training_another(tokenizer: Path, tmp_path: Path) -> None:
    models = [new_model(tokenizer) for _ in range(3)]
    plain = finetune(models[0], PLAIN, SETTINGS, tmp_path / "plain", progress=False)
    hard = finetune(models[1], ITEMS, SETTINGS, tmp_path / "hard", progress=False)
    assert hard.digest == plain.digest
    plans = [json.loads((tmp_path / n / "settings.json").read_text()) for n in ("plain", "hard")]
    assert plans[0]["plan"] == plans[1]["plan"]
    assert plans[0]["data"] != plans[1]["data"]
    assert hard.loss[0] > plain.loss[0]
    assert np.abs(parameters(models[1]) - parameters(models[0])).max() > 1e-3
    assert hard.loss[-4:].mean() < 0.95 * hard.loss[:4].mean()
    grouped = dataclasses.replace(SETTINGS, length_groups=3)
    by_length = finetune(models[2], ITEMS, grouped, tmp_path / "grouped", progress=False)
    np.testing.assert_allclose(by_length.loss[:3], hard.loss[:3], rtol=1e-4)


def test_cached_gradients_are_the_same(tokenizer: Path, tmp_path: Path) -> None:
    ends = []
    for mini_batch in (0, 7):
        model = new_model(tokenizer).double()
        settings = dataclasses.replace(SETTINGS, mini_batch=mini_batch, accumulation=2)
        finetune(model, ITEMS, settings, tmp_path / str(mini_batch), progress=False)
        ends.append(parameters(model))
    np.testing.assert_allclose(ends[1], ends[0], rtol=0, atol=1e-6)


class Stopped(BaseException):
    """As when a user presses the interrupt button."""


def test_stopped_and_resumed_equals_never_stopped(
    tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(SETTINGS, checkpoint_every=4)
    straight, resumed = (new_model(tokenizer, dropout=0.1) for _ in range(2))
    expected = finetune(straight, ITEMS, settings, tmp_path / "straight", progress=False)
    compute_loss = PlanTrainer.compute_loss

    def stop_in_step_6(self: PlanTrainer, *arguments: object, **named: object) -> object:
        if self.state.global_step == 6:
            raise Stopped
        return compute_loss(self, *arguments, **named)

    stopped = new_model(tokenizer, dropout=0.1)
    with monkeypatch.context() as patch:
        patch.setattr(PlanTrainer, "compute_loss", stop_in_step_6)
        with pytest.raises(Stopped):
            finetune(stopped, ITEMS, settings, tmp_path / "run", progress=False)
    log = finetune(resumed, ITEMS, settings, tmp_path / "run", progress=False)
    assert log.resumed_at == (4,)
    np.testing.assert_array_equal(log.loss, expected.loss)
    np.testing.assert_array_equal(parameters(resumed), parameters(straight))


def test_items_check_their_negatives() -> None:
    assert tiny_items(negatives=0).digest() == PLAIN.digest() != ITEMS.digest()
    other_id = dataclasses.replace(ITEMS, negative_id=ITEMS.negative_id + 1)
    assert other_id.digest() != ITEMS.digest()
    first, second = ITEMS.negatives
    with pytest.raises(CorpusError, match=r"negative_id has shape None, \(256, 2\) is needed"):
        dataclasses.replace(ITEMS, negative_id=None)
    with pytest.raises(
        CorpusError, match=r"negative_id has shape \(256, 2\), \(256, 1\) is needed"
    ):
        dataclasses.replace(ITEMS, negatives=(first,))
    lacking = [second["ru"][0], None, *second["ru"][2:]]
    with pytest.raises(CorpusError, match="item 1 lacks its ru negative 2"):
        dataclasses.replace(ITEMS, negatives=(first, {**second, "ru": lacking}))
    empty = [" ", *second["ru"][1:]]
    with pytest.raises(CorpusError, match="item 0 has an empty ru text"):
        dataclasses.replace(ITEMS, negatives=(first, {**second, "ru": empty}))
    with pytest.raises(CorpusError, match=r"negatives\[1\] has no language 'en'"):
        dataclasses.replace(ITEMS, negatives=(first, {"ru": second["ru"]}))


def test_a_part_keeps_its_negatives() -> None:
    part = ITEMS.part([4, 7], ["zh", "en"])
    assert part.languages == ("zh", "en")
    assert part.negatives[1]["zh"] == [PLAIN.passages["zh"][row] for row in (12, 15)]
    assert part.negative_id.tolist() == [[105, 112], [108, 115]]
    assert ITEMS.part(slice(2, 4)).negatives[0]["en"] == PLAIN.passages["en"][3:5]
    with pytest.raises(CorpusError, match="tiny has no language 'xx'"):
        ITEMS.part([1], ["xx"])


RECORDS = {
    "en": [("a", "who?", "dogs", "cats", "birds"), ("b", "what?", "cats", "fish", "rats")],
    "de": [("a", "wer?", "Hunde", "Katzen", "Vögel")],
}


def write_folder(folder: Path, names: tuple[str, ...]) -> Path:
    folder.mkdir()
    for language, rows in RECORDS.items():
        lines = ["\t".join(names), *("\t".join(row[: len(names)]) for row in rows)]
        (folder / f"{language}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_folder_may_have_negatives(tmp_path: Path) -> None:
    names = ("id", "query", "passage", "negative_1", "negative_2")
    folder = write_folder(tmp_path / "own", names)
    assert read_parallel_folder(folder).negatives == ()
    items = read_parallel_folder(folder, 2)
    assert items.negatives[0] == {"de": ["Katzen", None], "en": ["cats", "fish"]}
    assert items.passage_id.tolist() == [0, 1]
    assert items.negative_id.tolist() == [[1, 2], [3, 4]]  # cats are the passage of b
    german = restrict_items(items, ["de"])
    assert german.negatives[1] == {"de": ["Vögel"]}
    assert german.negative_id.tolist() == [[1, 2]]
    with pytest.raises(CorpusError, match=r"de\.tsv, line 2: 'negative_3' is missing; data\.neg"):
        read_parallel_folder(folder, 3)
    one = write_folder(tmp_path / "one", ("id", "query", "passage", "negative"))
    assert read_parallel_folder(one, 1).negatives[0]["en"] == ["cats", "fish"]
    none = write_folder(tmp_path / "none", ("id", "query", "passage"))
    with pytest.raises(CorpusError, match=r"line 2: 'negative' is missing; .* \(0 for none\)"):
        read_parallel_folder(none, 1)


def test_the_config_says_how_many(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own", ("id", "query", "passage", "negative"))
    items = read_items(DataSection(training=f"parallel:{folder}", negatives=1, languages=["en"]))
    assert items.negatives[0] == {"en": ["cats", "fish"]}
    for name in ("village", "mlqa-r"):
        with pytest.raises(CorpusError, match=f"{name} has no hard negatives"):
            read_items(DataSection(training=name, negatives=1))
    config = read_config("paper-xlm-r-hybrid")
    assert config.data.negatives == 1
    assert config.provenance["data.negatives"].startswith("paper: triplets")
    with pytest.raises(ValueError, match=r"data\.negatives is -1, at least 0"):
        read_config("village", ["data.negatives=-1"])
