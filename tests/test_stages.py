"""Stages: made once, resumed when half finished, redone when corrupt."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hbt.suite import stages
from hbt.suite.stages import Stage, fingerprint, obtain, plain, seal_of


@dataclass(frozen=True)
class Settings:
    steps: int = 3
    languages: tuple[str, ...] = ("en", "ar")


def make_stage(**fields: object) -> Stage:
    return Stage("probe", 1, {"settings": Settings(), **fields})


def test_plain_turns_dataclasses_and_tuples_into_json() -> None:
    assert plain(Settings()) == {"steps": 3, "languages": ["en", "ar"]}
    with pytest.raises(TypeError, match="not set"):
        plain({"languages": {"en"}})


def test_fingerprint_is_pinned_and_ignores_the_order_of_keys() -> None:
    assert fingerprint({"b": 1, "a": 2}) == fingerprint({"a": 2, "b": 1})
    assert fingerprint(Settings()) == "92905c108fb009922eb1"


@pytest.mark.parametrize("change", [{"seed": 1}, {"settings": Settings(steps=4)}])
def test_every_field_changes_the_key(change: dict[str, object]) -> None:
    assert make_stage().key != make_stage(**change).key
    assert make_stage().key != Stage("probe", 2, make_stage().fields).key


def test_a_stage_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.jsonl"
    monkeypatch.setenv("HBT_STAGE_LOG", str(log))
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "value.txt").write_text("7")

    first = obtain(make_stage(), make, tmp_path)
    second = obtain(make_stage(), make, tmp_path)
    assert first == second
    assert len(made) == 1
    assert (first / "value.txt").read_text() == "7"
    assert seal_of(first)["fields"]["settings"]["steps"] == 3
    actions = [json.loads(line)["action"] for line in log.read_text().splitlines()]
    assert actions == ["made", "reused"]


def test_a_half_finished_stage_resumes_from_what_it_left(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half.txt").write_text("so far")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obtain(make_stage(), fail, tmp_path)
    assert not make_stage().folder(tmp_path).exists()

    def resume(folder: Path) -> None:
        assert (folder / "half.txt").read_text() == "so far"
        (folder / "whole.txt").write_text("done")

    assert (obtain(make_stage(), resume, tmp_path) / "whole.txt").exists()


@pytest.mark.parametrize("damage", ["change", "remove", "unseal"])
def test_a_corrupt_stage_is_named_and_redone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    def make(folder: Path) -> None:
        (folder / "value.txt").write_text("7")

    folder = obtain(make_stage(), make, tmp_path)
    if damage == "change":
        (folder / "value.txt").write_text("8")
    elif damage == "remove":
        (folder / "value.txt").unlink()
    else:
        (folder / stages.SEAL).write_text("{")
    stages._sound.clear()  # as a new process would start
    again = obtain(make_stage(), make, tmp_path)
    assert (again / "value.txt").read_text() == "7"
    assert str(folder) in capsys.readouterr().err


def test_a_field_that_came_later_leaves_the_names_of_older_stages() -> None:
    @dataclass(frozen=True)
    class Older:
        steps: int = 3

    @dataclass(frozen=True)
    class Newer:
        steps: int = 3
        accumulation: int = field(default=1, metadata={"later": True})

    assert fingerprint(Newer()) == fingerprint(Older())
    assert fingerprint(Newer(accumulation=2)) != fingerprint(Older())
