"""Experiments end to end on a village of a few facts: stages, results, tables, groups."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hbt.corpus import CorpusError, ParallelText
from hbt.encoders import EncoderSettings
from hbt.pretraining import PretrainingSettings
from hbt.sampling import PlanSettings
from hbt.suite import results as results_module
from hbt.suite import tables
from hbt.suite.experiment import Experiment, Result, bm25, embeddings, model_folder, run
from hbt.suite.language_groups import GROUPS, language_groups
from hbt.suite.low_resource_results import mean_interval
from hbt.suite.profiles import Profile, profile_settings
from hbt.suite.worlds import WorldSettings, load_world, thin_out
from hbt.training import TrainingSettings
from hbt.uncertainty import interval, verdict
from hbt.village import VillageSettings

VILLAGE = VillageSettings(
    train_facts=80,
    development_facts=20,
    test_facts=30,
    swap_pairs=5,
    pretraining_sentences=80,
)
BASE = Experiment(
    world=WorldSettings("village", village=VILLAGE),
    encoder=EncoderSettings("static", dimension=16, vocabulary_size=3000, tokenizer="bpe"),
    pretraining=PretrainingSettings(steps=10, batch_size=16, languages=("en", "de", "el")),
    training=TrainingSettings(PlanSettings("hybrid", batch_size=16), steps=12),
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HBT_CACHE_DIR", str(folder))
        patch.setenv("HBT_STAGE_LOG", str(folder / "log.jsonl"))
        yield folder


@pytest.fixture(scope="module")
def systems(cache: Path) -> dict[str, list[Result]]:
    return {
        name: [run(BASE.replace(sampling=name, seed=seed)) for seed in (0, 1)]
        for name in ("X-Y", "hybrid")
    }


def stages_made(cache: Path) -> list[str]:
    lines = [json.loads(line) for line in (cache / "log.jsonl").read_text().splitlines()]
    return [line["stage"] for line in lines if line["action"] == "made"]


def test_replace_reaches_fine_tuning_and_plan() -> None:
    changed = BASE.replace(alpha=0.3, steps=7, seed=2)
    assert (changed.training.plan.alpha, changed.training.steps, changed.seed) == (0.3, 7, 2)
    assert BASE.training.plan.alpha == 0.5
    with pytest.raises(TypeError, match="colour"):
        BASE.replace(colour="red")
    with pytest.raises(TypeError, match="without fine-tuning"):
        dataclasses.replace(BASE, training=None).replace(alpha=0.3)


def test_scores_have_all_132_cells(systems: dict[str, list[Result]]) -> None:
    scores = systems["hybrid"][0].scores
    cells = scores[scores.metric.eq("mAP")].groupby("setting").size()
    assert cells.to_dict() == {"monolingual": 11, "cross-lingual": 110, "multilingual": 11}
    assert scores.value.between(0, 1).all()
    assert set(systems["hybrid"][0].macro()) == set(tables.SETTINGS)


def test_a_second_run_makes_nothing(cache: Path, systems: dict[str, list[Result]]) -> None:
    before = len(stages_made(cache))
    again = run(BASE.replace(sampling="hybrid", seed=0))
    assert len(stages_made(cache)) == before
    assert again.folder == systems["hybrid"][0].folder


def test_alpha_zero_is_the_stage_of_x_y(cache: Path, systems: dict[str, list[Result]]) -> None:
    zero = BASE.replace(sampling="hybrid", alpha=0.0)
    assert model_folder(zero) == model_folder(BASE.replace(sampling="X-Y"))
    assert model_folder(zero) != model_folder(BASE)


def test_alpha_one_takes_up_an_interrupted_x_x_mono(monkeypatch: pytest.MonkeyPatch) -> None:
    """They share a stage, so either must be able to go on where the other was stopped."""
    from hbt.training import _Run

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    mono = BASE.replace(sampling="X-X-mono", seed=5)
    model_folder(dataclasses.replace(mono, training=None))  # only fine-tuning is interrupted
    with monkeypatch.context() as patch:
        patch.setattr(_Run, "go", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model_folder(mono)
    one = model_folder(BASE.replace(sampling="hybrid", alpha=1.0, seed=5))
    assert one == model_folder(mono)


def test_another_seed_gives_another_model(systems: dict[str, list[Result]]) -> None:
    first, second = systems["hybrid"]
    assert first.folder != second.folder
    assert not np.array_equal(first.per_query.mAP, second.per_query.mAP)


def test_training_changes_the_model(systems: dict[str, list[Result]]) -> None:
    untrained = run(dataclasses.replace(BASE, training=None))
    assert not np.array_equal(untrained.per_query.mAP, systems["hybrid"][0].per_query.mAP)
    loss = systems["hybrid"][0].loss
    assert len(loss) == 12
    assert set(loss.kind) == {"monolingual", "cross-lingual"}
    assert set(systems["X-Y"][0].loss.kind) == {"cross-lingual"}


def test_rank_distance_is_never_below_its_floor(systems: dict[str, list[Result]]) -> None:
    result = systems["hybrid"][0]
    assert result.rank_distance.rank_distance.min() >= 10
    assert result.mean_rank_distance() == pytest.approx(
        result.rank_distance.groupby("query_language").rank_distance.mean().mean()
    )


def test_embeddings_are_of_length_one() -> None:
    benchmark = load_world(BASE.world).benchmark("development")
    queries, passages = embeddings(BASE, benchmark)
    assert queries.shape == (len(benchmark.query_texts), 16)
    assert np.linalg.norm(passages, axis=1) == pytest.approx(1, abs=1e-5)


def test_bm25_finds_its_own_language() -> None:
    macro = bm25(BASE.world).macro()
    assert macro["monolingual"] > 0.5 > macro["cross-lingual"]


def test_tables_say_what_their_intervals_hold(systems: dict[str, list[Result]]) -> None:
    means = tables.interval_table(systems, resamples=200)
    assert len(means) == 6
    assert (means.low <= means.estimate).all()
    assert (means.over == "items").all()
    differences = tables.difference_table(systems, [("hybrid", "X-Y")], resamples=200)
    expected = np.mean(
        [
            a.macro()["monolingual"] - b.macro()["monolingual"]
            for a, b in zip(*systems.values(), strict=True)
        ]
    )
    found = differences[differences.setting.eq("monolingual")].estimate.item()
    assert found == pytest.approx(-expected)
    text = tables.sentences(differences)[0]
    assert text.startswith("hybrid minus X-Y, monolingual mAP: ")
    assert "2 seeds" in text


def test_verdict_follows_the_interval() -> None:
    values = np.full((1, 30, 1), 0.2) + np.linspace(-0.01, 0.01, 30)[None, :, None]
    assert verdict(interval(values)) == "higher"
    assert verdict(interval(-values)) == "lower"
    assert verdict(interval(values - 0.2)) == "no evidence"


def test_low_resource_order_alternates_and_depends_on_the_seed() -> None:
    world = load_world(BASE.world)
    order = world.low_resource_order(3)
    assert sorted(order) == sorted(world.low_resource_languages)
    assert [world.is_related(code) for code in order[:4]] == [True, False, True, False]
    assert order != world.low_resource_order(4)
    assert order == world.low_resource_order(3)


def test_thin_out_keeps_the_same_sentences_whatever_else_is_there() -> None:
    texts = {code: [f"{code}{row}" for row in range(40)] for code in ("en", "wo", "to")}
    text = ParallelText("t", ("en", "wo", "to"), texts, np.arange(40))
    thin = thin_out(text, ("wo", "to"), 0.25)
    kept = {code: [row for row in range(40) if thin.texts[code][row]] for code in texts}
    assert {code: len(rows) for code, rows in kept.items()} == {"en": 40, "wo": 10, "to": 10}
    assert kept["wo"] != kept["to"]
    alone = thin_out(text.restrict(["wo"]), ("wo",), 0.25)
    assert alone.texts["wo"] == thin.texts["wo"]
    with pytest.raises(CorpusError, match="low_resource_share 0"):
        thin_out(text, ("wo",), 0)


def test_language_groups_part_all_languages() -> None:
    world = load_world(BASE.world)
    groups = language_groups(world, 4, seed=0)
    low = [code for name, codes in groups.items() if name != "high-resource" for code in codes]
    assert sorted(low) == sorted(world.low_resource_languages)
    assert [len(groups[name]) for name in GROUPS] == [11, 2, 2, 6, 6]


def tiny_profile() -> Profile:
    profile = profile_settings("smoke")
    return dataclasses.replace(
        profile, base=BASE, alphas=(0.0, 1.0), low_resource_counts=(0, 2), seeds=(0,), resamples=100
    )


def test_results_are_written_whole(tmp_path: Path) -> None:
    files = results_module.write_results(tiny_profile(), tmp_path, "hbt results")
    names = {path.name for path in files}
    assert names == {
        "bm25.csv",
        "samplings.csv",
        "differences.csv",
        "alpha.csv",
        "low_resource.csv",
        "low_resource_changes.csv",
        "samplings.png",
        "alpha.png",
        "low_resource.png",
        "run.json",
        "README.md",
    }
    assert {path.name for path in tmp_path.iterdir()} == names
    written = json.loads((tmp_path / "run.json").read_text())
    assert written["command"] == "hbt results"
    assert written["digests"]["test"] == load_world(BASE.world).benchmark("test").digest()
    header = (tmp_path / "low_resource.csv").read_text().splitlines()[0]
    assert header == "K,group,direction,metric,estimate,low,high,n_seeds"
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    differences = pd.read_csv(tmp_path / "differences.csv").query("metric == 'mAP'")
    assert f"| {differences.estimate.iloc[0]:+.3f} [" in page
    assert "| K = 2 minus K = 0 | in, related | " in page


def test_mean_interval_agrees_with_the_textbook() -> None:
    mean, low, high = mean_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert (mean, low, high) == pytest.approx((3.0, 1.0368, 4.9632), abs=1e-4)
    assert np.isnan(mean_interval(np.array([1.0, 2.0]))[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (WorldSettings("moon"), "data 'moon'"),
        (WorldSettings("real"), "data_dir is empty"),
    ],
)
def test_unknown_worlds_are_refused(settings: WorldSettings, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        load_world(settings)
    with pytest.raises(ValueError, match="profile 'tiny'"):
        profile_settings("tiny")
