"""Disk that the profile `paper` fills: counted by hand, and against what a run leaves."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from hbt.encoders import EncoderSettings
from hbt.suite import checkpoints, disk_space
from hbt.suite.disk_space import Need, Room, needs, rooms, unfinished
from hbt.suite.paper_profile import RESULTS, planned
from hbt.suite.profiles import Profile
from hbt.suite.recipe import Experiment, model_stage, pretraining_stage
from hbt.suite.requirements import PAPER_NOTEBOOKS, NotReadyError, prepare_paper
from hbt.suite.worlds import WorldSettings
from hbt.training import TrainingSettings

WEIGHTS = 1000
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """Two seeds and three points of alpha, from a checkpoint of a thousand bytes of weights."""
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "cache"))
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text("{}")
    (encoder / "model.safetensors").write_bytes(bytes(WEIGHTS))
    (encoder / "pytorch_model.bin").write_bytes(bytes(5 * WEIGHTS))  # the same once more
    base = Experiment(
        world=WorldSettings("real", data_dir=str(tmp_path), training="mlqa-r"),
        encoder=EncoderSettings(f"path:{encoder}"),
        pretraining=None,
        training=TrainingSettings(steps=10),
    )
    return Profile("paper", base, None, (0, 1), (0.0, 0.5, 1.0), (), (), 10)


@pytest.mark.parametrize(
    ("task", "trainings"),
    [
        (
            RESULTS,
            2 * 5,
        ),  # X-X-mono, X-Y, hybrid, X-X, hybrid with twice the steps; alpha adds none
        ("02_baseline_training", 2 * 2),
        ("03_hybrid_batching", 2 * (3 + 2 + 2)),  # the curve, two halves, two with twice the steps
        ("05_bias_analysis", 2 * 3),
    ],
)
def test_models_are_one_for_each_training_and_the_encoder(
    profile: Profile, task: str, trainings: int
) -> None:
    experiments = planned(profile, task)
    assert unfinished(profile.base, experiments) == 1 + trainings
    (models, texts) = needs(profile, experiments)
    assert models.size == (1 + trainings) * WEIGHTS
    assert texts.size == 0
    saving = dataclasses.replace(profile, base=profile.base.replace(checkpoint_every=5))
    assert needs(saving, experiments)[1].size == 3 * 3 * WEIGHTS


def test_every_notebook_of_the_profile_is_planned(profile: Profile) -> None:
    assert all(planned(profile, name) for name in PAPER_NOTEBOOKS)


def finish(name: str, fields: dict) -> None:
    folder = disk_space.cache_directory() / name / disk_space.fingerprint(fields)
    folder.mkdir(parents=True)
    seal = {"name": name, "version": 1, "fields": disk_space.plain(fields), "files": {}}
    (folder / "stage.json").write_text(json.dumps(seal))


def test_what_an_earlier_run_left_is_not_counted_again(profile: Profile) -> None:
    class Data:
        training_digest = "of the items"

    experiments = planned(profile, "03_hybrid_batching")
    for each in experiments[:3]:  # the first point of alpha for both seeds, the second for one
        stage = model_stage(each, Data())
        finish("finetuning", stage.fields)
    assert unfinished(profile.base, experiments) == 1 + 14 - 3
    pretraining_stage(profile.base, None).folder().mkdir(parents=True)
    assert unfinished(profile.base, experiments) == 14 - 3
    half = model_stage(experiments[0].replace(steps=4), Data())  # as many steps as hybrid had
    finish("finetuning", half.fields)
    assert unfinished(profile.base, experiments) == 14 - 4
    finish("finetuning", half.fields | {"parent": "another encoder", "seed": 1})
    (disk_space.cache_directory() / "finetuning" / "broken").mkdir()
    (disk_space.cache_directory() / "finetuning" / "begun.partial").mkdir()
    assert unfinished(profile.base, experiments) == 14 - 4


def test_an_encoder_of_the_hub_counts_twice(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As it arrives, and as it is kept; tf_model.h5 is not downloaded."""
    base = profile.base
    encoder = EncoderSettings("path:FacebookAI/xlm-roberta-base")
    of_hub = dataclasses.replace(profile, base=dataclasses.replace(base, encoder=encoder))
    sizes = {"tf_model.h5": 9000, "pytorch_model.bin": WEIGHTS, "config.json": 1}
    monkeypatch.setattr(checkpoints, "local_folder", lambda name: None)
    monkeypatch.setattr(checkpoints, "file_sizes", lambda name: sizes)
    download, models, _ = needs(of_hub, planned(of_hub, "02_baseline_training"))
    assert (download.size, models.size) == (WEIGHTS, 5 * WEIGHTS)


def test_rooms_are_by_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(9e9, 0, 2_500_000_000))
    cache = tmp_path / "not" / "there"
    found = rooms([Need("a", cache, 10**9), Need("none", tmp_path, 0), Need("b", tmp_path, 10**9)])
    (room,) = found
    assert isinstance(room, Room)
    assert (room.size, room.free) == (2 * 10**9, 2_500_000_000)
    assert str(room) == (
        f"2.0 GB of disk are needed (a: 1.0 GB in {cache}; b: 1.0 GB in {tmp_path}), "
        "2.5 GB are free"
    )


def test_too_little_room_is_missing(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from hbt.suite import profiles, requirements

    monkeypatch.setattr(requirements, "_no_device", lambda: None)
    monkeypatch.setattr(requirements, "_no_data", lambda *_: [])
    monkeypatch.setattr(profiles, "profile_settings", lambda *_: profile)
    monkeypatch.setenv("HBT_PAPER_ENCODER", str(tmp_path / "encoder"))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(9e9, 0, 11 * WEIGHTS))
    (line,) = prepare_paper("real", str(tmp_path), RESULTS)
    assert line.startswith("0.0 GB of disk are needed (11 models: ")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(9e9, 0, 11 * WEIGHTS - 1))
    with pytest.raises(NotReadyError, match=r"^disk space: 0\.0 GB of disk are needed \(11 models"):
        prepare_paper("real", str(tmp_path), RESULTS)
