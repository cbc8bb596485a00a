"""The audit: a sound run, a run that was stopped, and every way in which a record can be wrong."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tiny_texts import all_texts, tiny_items

from hbt.encoders import EncoderSettings, build, train_tokenizer
from hbt.sampling import ItemLayout, Plan, PlanSettings
from hbt.suite.audit import audit, text
from hbt.suite.cli import main
from hbt.training import TrainingSettings, finetune
from hbt.training_folder import read_layout, write_layout

ITEMS = tiny_items()
STEPS = 30
SETTINGS = TrainingSettings(plan=PlanSettings(batch_size=16, seed=5), steps=STEPS)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    encoder = EncoderSettings(vocabulary_size=600, dimension=16)
    train_tokenizer(all_texts(), encoder).save(str(folder / "tokenizer.json"))
    model = build(encoder, folder, seed=0)
    finetune(model, ITEMS, SETTINGS, folder / "run", progress=False)
    return folder / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_sound_run(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(run), "--json", str(tmp_path / "audit.json")]) == 0
    printed = capsys.readouterr().out
    assert "steps: 30 recorded of 30" in printed
    assert "every recorded step is what the plan makes" in printed
    found = json.loads((tmp_path / "audit.json").read_text())
    plan = Plan(SETTINGS.plan, ItemLayout.from_items(ITEMS))
    batches = [plan(step) for step in range(STEPS)]
    assert found["kinds"] == Counter(batch.kind for batch in batches)
    assert found["sources"] == {"tiny": STEPS}
    pairs = Counter(
        f"{ITEMS.languages[query]} {ITEMS.languages[passage]}"
        for batch in batches
        for query, passage in zip(batch.query_language, batch.passage_language, strict=True)
    )
    assert found["pairs"] == pairs
    assert sum(pairs.values()) == 16 * STEPS
    assert (found["clashes"], found["faults"]) == (0, [])
    assert f"examples across languages: {sum(len(set(p.split())) == 2 for p in pairs)} pairs" in (
        printed
    )


def test_the_outputs_of_hbt_train_are_taken_too(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(run, out / "training")
    assert main(["audit", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"{out / 'training'}\n")
    (out / "training" / "settings.json").unlink()
    assert main(["audit", str(out)]) == 2
    assert f"{out} is no folder of a fine-tuning" in capsys.readouterr().err


def test_a_stopped_run_is_compared_as_far_as_it_went(run: Path) -> None:
    (run / "training.json").unlink()
    lines = (run / "steps.tsv").read_text().splitlines(keepends=True)
    (run / "steps.tsv").write_text("".join(lines[:12]) + lines[12][:9])  # cut in mid-line
    result = audit(run)
    assert (result.recorded, result.planned, result.faults) == (11, 30, [])
    assert result.kinds.total() == 11
    (run / "steps.tsv").unlink()
    assert "nothing to compare" in text(audit(run))


def tamper(run: Path, step: int, column: int, value: str) -> None:
    lines = (run / "steps.tsv").read_text().splitlines()
    cells = lines[step + 1].split("\t")
    cells[column] = value
    lines[step + 1] = "\t".join(cells)
    (run / "steps.tsv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        (4, "0123456789abcdef", "step 7: digest is 0123456789abcdef, and the plan has "),
        (4, "", "step 7: digest is , and the plan has "),
        (1, "mixed", "step 7: kind is mixed, and the plan has "),
        (2, "1", "step 7: source is 1, and the plan has 0"),
    ],
)
def test_a_changed_record_is_found(
    run: Path, column: int, value: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(run, 7, column, value)
    assert main(["audit", str(run)]) == 1
    assert fault in capsys.readouterr().out
    assert len(audit(run).faults) == 1


def test_another_plan_is_found(run: Path) -> None:
    settings = json.loads((run / "settings.json").read_text())
    settings["plan"]["seed"] = 6
    (run / "settings.json").write_text(json.dumps(settings))
    found = audit(run)
    assert sum("digest" in fault for fault in found.faults) == STEPS
    assert "more" in text(found)


def test_another_layout_and_a_missing_step_are_found(run: Path) -> None:
    layout = read_layout(run)
    assert layout.digest() == ItemLayout.from_items(ITEMS).digest()
    lines = (run / "steps.tsv").read_text().splitlines(keepends=True)
    (run / "steps.tsv").write_text("".join(lines[:-1]))
    assert audit(run).faults == ["steps.tsv has 29 steps of a finished run of 30"]
    write_layout(dataclasses.replace(layout, passage_id=layout.passage_id[::-1]), run)
    assert len(audit(run).faults) == 1
    assert audit(run).faults[0].startswith("layout.npz is not what the plan was made of")


def test_a_layout_without_passage_ids_can_be_kept(tmp_path: Path) -> None:
    layout = ItemLayout.from_groups([3, 4], [0, 1], np.array([[1, 1], [0, 1]]), None, ("a", "b"))
    write_layout(layout, tmp_path)
    assert read_layout(tmp_path).digest() == layout.digest()
    assert read_layout(tmp_path).languages == ("a", "b")


def _without_layout(run: Path) -> None:
    (run / "layout.npz").unlink()


def _broken_layout(run: Path) -> None:
    content = (run / "layout.npz").read_bytes()
    (run / "layout.npz").write_bytes(content[: len(content) // 2])


def _no_settings(run: Path) -> None:
    (run / "settings.json").unlink()


def _other_settings(run: Path) -> None:
    (run / "settings.json").write_text('{"steps": 4}')


def _newer_plan(run: Path) -> None:
    settings = json.loads((run / "settings.json").read_text())
    settings["plan"]["plan_version"] = 99
    (run / "settings.json").write_text(json.dumps(settings))


def _a_line_less(run: Path) -> None:
    lines = (run / "steps.tsv").read_text().splitlines(keepends=True)
    (run / "steps.tsv").write_text("".join(lines[:5] + lines[6:]))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_layout, "layout.npz is missing: an older version"),
        (_broken_layout, "layout.npz cannot be read"),
        (_no_settings, "is no folder of a fine-tuning"),
        (_other_settings, "plan has not the arguments of a plan"),
        (_newer_plan, "plan_version is 99, and this package makes 1"),
        (_a_line_less, "line 6 is of step 5, not of 4"),
    ],
)
def test_bad_input_is_said_in_one_line(
    run: Path, spoil: object, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(run)
    assert main(["audit", str(run)]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out
