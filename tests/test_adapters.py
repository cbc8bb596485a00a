"""The plan behind sentence-transformers' own trainer: which rows, and what reaches the loss."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from tiny_texts import all_texts, tiny_items
from torch.utils.data import ConcatDataset

from hbt.adapters import Columns, RecordPlan, planned
from hbt.encoders import EncoderSettings, build, load, train_tokenizer
from hbt.losses import MaskedInfoNCELoss
from hbt.pair_views import by_language_pair
from hbt.sampling import CROSS_LINGUAL, ItemLayout, Plan, PlanSettings

ITEMS = tiny_items(64)
SETTINGS = PlanSettings(sampling="hybrid", batch_size=8, seed=2)
EXAMPLE = Path(__file__).parent.parent / "examples" / "train_hybrid.py"


def rows(languages: tuple[str, ...] = ITEMS.languages) -> list[dict[str, object]]:
    """The items one language a row, in an order of chance, with columns that no loss may see."""
    made = [
        {
            "item": f"q{item}",
            "passage": ITEMS.passages[language][item],
            "language": language,
            "query": ITEMS.queries[language][item],
            "passage_id": f"p{ITEMS.passage_id[item]}",
            "note": "never a text",
        }
        for item in range(len(ITEMS))
        for language in languages
        if ITEMS.queries[language][item] is not None
    ]
    return [made[row] for row in np.random.default_rng(0).permutation(len(made))]


def flat() -> Dataset:
    return Dataset.from_list(rows())


def all_pairs() -> Dataset:
    by_item: dict[str, list[dict]] = {}
    for row in rows():
        by_item.setdefault(row["item"], []).append(row)
    return Dataset.from_list(
        [
            {
                "query": a["query"],
                "passage": b["passage"],
                "item": a["item"],
                "query_language": a["language"],
                "passage_language": b["language"],
                "passage_id": a["passage_id"],
            }
            for own in by_item.values()
            for a in own
            for b in own
        ]
    )


def facts(row: dict[str, object]) -> tuple[int, str, str]:
    """Item, query language and passage language, found from the texts alone."""
    found = [
        [
            (item, language)
            for language in ITEMS.languages
            for item, text in enumerate(side[language])
            if text == row[name]
        ]
        for name, side in (("query", ITEMS.queries), ("passage", ITEMS.passages))
    ]
    ((query_item, query),), ((passage_item, passage),) = found
    assert query_item == passage_item
    return query_item, query, passage


def check_batches(data: Dataset | ConcatDataset, batches: list[list[int]], size: int) -> set[str]:
    """What holds of every batch; returns the kinds that came."""
    kinds = set()
    for batch in batches:
        examples = [facts(data[row]) for row in batch]
        assert len(batch) == size
        assert len({ITEMS.passage_id[item] for item, _, _ in examples}) == size
        same = {query == passage for _, query, passage in examples}
        assert len(same) == 1
        if same == {True}:
            assert len({query for _, query, _ in examples}) == 1
        kinds |= same
    return kinds


def test_rows_of_pairs() -> None:
    data, sampler = planned(all_pairs(), SETTINGS, steps=40)
    assert data.column_names == ["query", "passage", "label"]
    batches = sampler(data, batch_size=8, drop_last=False, generator=None, seed=1)
    assert len(batches) == 40
    drawn = [*batches]
    assert len(drawn) == 40
    assert [*batches] == drawn
    assert check_batches(data, drawn, 8) == {True, False}
    for row in drawn[0]:  # the label is the passage
        item, _, _ = facts(data[row])
        same = ITEMS.passage_id == ITEMS.passage_id[item]
        labels = {data[other]["label"] for other in range(len(data)) if same[facts(data[other])[0]]}
        assert labels == {data[row]["label"]}
    batches.set_epoch(1)
    again = [*batches]
    assert again != drawn
    longer = planned(all_pairs(), SETTINGS, steps=80)[1](data, batch_size=8)
    assert [*longer][40:] == again  # the plan goes on


def test_batches_are_those_of_the_plan() -> None:
    data, sampler = planned(all_pairs(), SETTINGS, steps=10)
    plan = Plan(SETTINGS, sampler.index.layout)
    names = sampler.index.layout.languages
    for step, batch in enumerate(sampler(data, batch_size=8)):
        expected = plan(step)
        found = [facts(data[row]) for row in batch]
        assert [query for _, query, _ in found] == [names[i] for i in expected.query_language]
        assert [passage for _, _, passage in found] == [names[i] for i in expected.passage_language]


def test_views_by_language_pair() -> None:
    views = by_language_pair(flat())
    assert len(views) == 16
    assert {len(view) for view in views.values()} == {64}
    data, sampler = planned(views, SETTINGS, steps=40)
    assert isinstance(data, DatasetDict)
    assert {tuple(view.column_names) for view in data.values()} == {("query", "passage", "label")}
    joined = ConcatDataset(data.values())
    first = [torch.utils.data.BatchSampler(range(64), 8, True)] * 16
    drawn = [*sampler(joined, batch_samplers=first, generator=None, seed=1)]
    assert check_batches(joined, drawn, 8) == {True, False}
    same, plain_sampler = planned(all_pairs(), SETTINGS, steps=40)
    texts = [[same[row]["query"] for row in batch] for batch in plain_sampler(same, batch_size=8)]
    assert [[joined[row]["query"] for row in batch] for batch in drawn] == texts


def test_hard_negatives_stay_and_nothing_else_does() -> None:
    table = flat().add_column("negative", [f"no {n}" for n in range(len(flat()))])
    columns = Columns(texts=("query", "passage", "negative"))
    mono = PlanSettings(sampling="X-X-mono")
    data, _ = planned(table, mono, 5, columns)
    assert data.column_names == ["query", "passage", "negative", "label"]
    views = by_language_pair(table, columns)
    rows_of = {row["item"] + row["language"]: row for row in table}
    for row in views["ru-hi"].select(range(5)):
        assert row["negative"] == rows_of[row["item"] + "hi"]["negative"]
        assert row["query"] == rows_of[row["item"] + "ru"]["query"]


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        (flat, {}, r"item 'q\d+' exists in 'en' and 'hi' but has no row with query in 'en'"),
        (lambda: flat().remove_columns("item"), {}, "the data has no column 'item'"),
        (lambda: flat().remove_columns("language"), {}, "the data has no column 'language'"),
        (lambda: flat().rename_column("note", "score"), {}, "column 'score' of the data"),
        (
            lambda: Dataset.from_list(rows() + rows()[:1]),
            {"sampling": "X-X-mono"},
            r"item 'q\d+', '\w+' '\w+' comes twice",
        ),
        (
            lambda: Dataset.from_list([rows()[0] | {"passage_id": "other"}, *rows()]),
            {"sampling": "X-X-mono"},
            r"passage_id of item 'q\d+' is not the same in all rows",
        ),
        (
            lambda: DatasetDict({"train": flat()}),
            {},
            "data set 'train' names no language pair",
        ),
        (
            lambda: Dataset.from_list([row | {"query": ""} for row in rows()]),
            {},
            "no row has a text in every one of query, passage",
        ),
    ],
)
def test_bad_data_is_refused_in_one_sentence(
    table: object, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        planned(table(), PlanSettings(**settings), 5)


def test_codes_with_a_dash_take_another_separator() -> None:
    named = [row | {"language": row["language"].replace("hi", "hi-Deva")} for row in rows()]
    data = Dataset.from_list(named)
    with pytest.raises(ValueError, match=r"'hi-Deva' has the separator '-' .*; give separator='/'"):
        by_language_pair(data)
    _, batches = planned(by_language_pair(data, separator="/"), SETTINGS, 5)
    assert "hi-Deva" in batches.index.layout.languages
    for language in ("", None):
        with pytest.raises(ValueError, match="a row has an empty 'language'"):
            by_language_pair(Dataset.from_list([named[0] | {"language": language}, *named[1:]]))


def test_data_that_planned_did_not_return() -> None:
    data, sampler = planned(all_pairs(), SETTINGS, steps=5)
    with pytest.raises(ValueError, match="column 'item' would be taken for a text"):
        sampler(all_pairs(), batch_size=8)
    with pytest.raises(ValueError, match="has been reordered or cut"):
        sampler(data.shuffle(seed=0), batch_size=8)
    with pytest.raises(ValueError, match="has been reordered or cut"):
        sampler(data.select(range(20)), batch_size=8)
    evaluation = Dataset.from_dict({"query": ["a", "b", "c"], "passage": ["d", "e", "f"]})
    assert [*sampler(evaluation, batch_size=2, drop_last=False)] == [[0, 1], [2]]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train_tokenizer(all_texts(), EncoderSettings(vocabulary_size=600)).save(
        str(folder / "tokenizer.json")
    )
    settings = EncoderSettings(kind="mini-mlm", dimension=16, layers=1)
    build(settings, folder, seed=0).save_pretrained(str(folder / "model"))
    return folder / "model"


class Seen(MaskedInfoNCELoss):
    """Keeps how many columns reach the loss, and the passage ids."""

    def forward(self, sentence_features: object, labels: torch.Tensor) -> torch.Tensor:
        features = list(sentence_features)
        self.seen = [*getattr(self, "seen", []), (len(features), labels.tolist())]
        loss = super().forward(features, labels)
        self.values = [*getattr(self, "values", []), loss.item()]
        return loss


def train(
    model_folder: Path, out: Path, seed: int = 2, stop: int = 0, resume: bool = False
) -> tuple[Seen, SentenceTransformer]:
    torch.manual_seed(0)  # of a pooler that the folder lacks
    model = SentenceTransformer(str(model_folder), device="cpu")
    args = SentenceTransformerTrainingArguments(
        output_dir=str(out),
        num_train_epochs=1,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=2,
        learning_rate=0.01,
        use_cpu=True,
        report_to="none",
        save_strategy="steps",
        save_steps=4,
        disable_tqdm=True,
    )
    settings = PlanSettings(sampling="hybrid", seed=seed)
    train_dataset, args.multi_dataset_batch_sampler = planned(
        by_language_pair(flat()), settings, 32
    )
    loss = Seen(model)
    callbacks = [RecordPlan(args.multi_dataset_batch_sampler)]
    trainer = SentenceTransformerTrainer(
        model=model, args=args, train_dataset=train_dataset, loss=loss, callbacks=callbacks
    )
    if stop:
        step = trainer.training_step

        def stopping(*arguments: object, **named: object) -> torch.Tensor:
            if trainer.state.global_step == stop:
                raise KeyboardInterrupt
            return step(*arguments, **named)

        trainer.training_step = stopping
        with pytest.raises(KeyboardInterrupt):
            trainer.train()
    else:
        trainer.train(resume_from_checkpoint=resume)
    return loss, model


def weights(model: SentenceTransformer) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])


def test_the_stock_trainer_learns_and_resumes_exactly(model_folder: Path, tmp_path: Path) -> None:
    loss, model = train(model_folder, tmp_path / "straight")
    assert {columns for columns, _ in loss.seen} == {2}  # no id, no language among the negatives
    assert all(len(set(labels)) == 8 for _, labels in loss.seen)
    assert len(loss.values) == 32
    assert np.mean(loss.values[-8:]) < 0.8 * np.mean(loss.values[:8])
    card = model.model_card_data.non_default_hyperparameters
    assert card["batch_plan"]["sampling"] == "hybrid"
    assert card["batch_plan"]["batch_size"] == 8
    other, other_model = train(model_folder, tmp_path / "other", seed=3)
    assert np.abs(weights(other_model) - weights(model)).max() > 1e-3
    assert other.seen != loss.seen

    train(model_folder, tmp_path / "run", stop=11)
    rest, resumed = train(model_folder, tmp_path / "run", resume=True)
    assert rest.seen == loss.seen[16:]  # from the checkpoint of step 8, two batches a step
    np.testing.assert_array_equal(weights(resumed), weights(model))


def test_the_example_runs(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "questions.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    out = tmp_path / "trained"
    options = {"--model": model_folder, "--data": data, "--out": out, "--steps": 6}
    command = [str(EXAMPLE), "--cpu", "--batch-size", "8"]
    command += [str(part) for option in options.items() for part in option]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    trained, first = load(out), load(model_folder)
    assert np.abs(weights(trained) - weights(first)).max() > 0
    assert "batch_plan" in (out / "README.md").read_text(encoding="utf-8")


def test_kinds_follow_alpha() -> None:
    data, sampler = planned(all_pairs(), PlanSettings(sampling="X-Y"), steps=20)
    assert check_batches(data, [*sampler(data, batch_size=8)], 8) == {False}
    layout = sampler.index.layout
    assert layout.items_per_language().sum() == ITEMS.available.sum()
    assert ItemLayout.from_items(ITEMS).items_with(2).sum() == layout.items_with(2).sum()
    assert sampler.plan(8)(0).kind == CROSS_LINGUAL
