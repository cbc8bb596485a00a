"""The session: records, figures and tables of a notebook."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from hbt.suite import display
from hbt.suite.session import Session, begin


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return begin("01_try", profile="smoke", out_dir=str(tmp_path))


@pytest.mark.parametrize(
    ("profile", "asked", "threads"),
    [("smoke", None, "1"), ("classroom", None, "1"), ("classroom", "2", "2"), ("full", None, "-")],
)
def test_small_encoders_leave_room_for_others(
    profile: str, asked: str | None, threads: str, tmp_path: Path
) -> None:
    code = (
        f"import os; from hbt.suite.session import begin; begin('01_try', profile={profile!r}, "
        f"out_dir={str(tmp_path)!r}); print(os.environ.get('OMP_NUM_THREADS', '-'))"
    )
    environment = {name: each for name, each in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {} if asked is None else {"OMP_NUM_THREADS": asked}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == [threads], done.stderr


def lines(session: Session) -> list[dict]:
    text = (session.out_dir / "records.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_records_are_json_lines(session: Session) -> None:
    session.record("mAP", np.float32(0.5), sampling="hybrid", seed=np.int64(3))
    session.record("languages", ("ar", "हिन्दी"))
    session.record("ranks", np.arange(3))
    session.record("wins", True)
    assert lines(session) == [
        {"name": "mAP", "value": 0.5, "sampling": "hybrid", "seed": 3},
        {"name": "languages", "value": ["ar", "हिन्दी"]},
        {"name": "ranks", "value": [0, 1, 2]},
        {"name": "wins", "value": True},
    ]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (math.nan, "record 'x' is nan: only finite numbers are recorded"),
        (np.float64("inf"), "record 'x' is inf"),
        ([0.5, math.nan], "record 'x' is nan"),
        (None, "record 'x' must be a number, a text or a list, not NoneType"),
        ({"a": 1}, "record 'x' must be a number, a text or a list, not dict"),
        ([[1, 2]], "record 'x' is a list of lists"),
        (list(range(65)), "record 'x' has 65 values, more than 64"),
    ],
)
def test_other_values_are_refused(session: Session, value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        session.record("x", value)
    assert lines(session) == []


def test_names_labels_and_doubles_are_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="record 'two words': a name is one word"):
        session.record("two words", 1)
    with pytest.raises(ValueError, match="label 'sampling' of record 'mAP' must be"):
        session.record("mAP", 1, sampling=None)
    session.record("mAP", 1.0, sampling="X-Y")
    session.record("mAP", 2.0, sampling="hybrid")
    with pytest.raises(ValueError, match="record 'mAP' is written twice by one cell"):
        session.record("mAP", 3.0, sampling="X-Y")
    assert [line["value"] for line in lines(session)] == [1.0, 2.0]


def test_a_cell_that_runs_again_replaces_its_records(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for execution, value in ((1, 1.0), (2, 2.0)):
        monkeypatch.setattr("hbt.suite.session._cell_execution", lambda now=execution: now)
        session.record("mAP", value)
    assert lines(session) == [{"name": "mAP", "value": 2.0}]


def test_begin_starts_anew(session: Session) -> None:
    session.record("mAP", 1.0)
    again = begin("01_try", profile="smoke", out_dir=str(session.out_dir))
    assert lines(again) == []


def test_the_default_folder_is_in_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert begin("01_try").out_dir == Path("runs/01_try")
    assert (tmp_path / "runs/01_try/records.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"profile": "huge"}, "01_try: profile 'huge' is not one of smoke"),
        ({"data": "hamlet"}, "01_try: data 'hamlet' is not one of village, real"),
        ({"seed": -1}, "01_try: seed must be a whole number from 0, not -1"),
        ({"seed": True}, "01_try: seed must be a whole number from 0, not True"),
        ({"data": "real"}, "01_try: data is 'real' but data_dir '' is no folder"),
    ],
)
def test_begin_refuses_other_arguments(tmp_path: Path, arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        begin("01_try", out_dir=str(tmp_path / "out"), **arguments)
    assert not (tmp_path / "out").exists()


def draw() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    return figure


def test_show_saves_the_figure_and_gives_it_alt_text(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(
        display, "_display", lambda bundle, metadata: shown.append((bundle, metadata))
    )
    session.show(draw(), "line", alt='A line, "rising"\nfrom 1 to 2.')
    png = (session.out_dir / "figures" / "line.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    ((bundle, metadata),) = shown
    alt = 'A line, "rising" from 1 to 2.'
    assert metadata["hbt"] == {"figure": "line", "alt": alt}
    assert metadata["image/png"]["alt"] == alt
    assert 'alt="A line, &quot;rising&quot; from 1 to 2."' in bundle["text/html"]
    assert bundle["text/plain"] == alt
    width = metadata["image/png"]["width"]
    assert 150 < width < 220  # 2 inches of 96 pixels


def test_the_same_figure_gives_the_same_bytes(session: Session, tmp_path: Path) -> None:
    session.show(draw(), "one", alt="A line.")
    session.show(draw().axes[0], "two", alt="A line.")
    folder = session.out_dir / "figures"
    assert (folder / "one.png").read_bytes() == (folder / "two.png").read_bytes()


def test_show_refuses_what_a_reader_could_not_use(session: Session) -> None:
    with pytest.raises(ValueError, match="figure 'line' needs alt text"):
        session.show(draw(), "line", alt=" ")
    with pytest.raises(ValueError, match=r"figure '\.\./line': a name is one word"):
        session.show(draw(), "../line", alt="A line.")
    assert list((session.out_dir / "figures").iterdir()) == []
    session.show(draw(), "line", alt="A line.")
    with pytest.raises(ValueError, match="figure 'line' is shown twice by one cell"):
        session.show(draw(), "line", alt="A line.")


def test_a_table_has_no_index_and_keeps_directions(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(display, "_display", lambda bundle, metadata: shown.append(bundle))
    frame = pd.DataFrame({"text": ["مرحبا", "<b>" + "a" * 80], "mAP": [0.12345, math.nan]})
    session.table(frame, name="texts", caption="Two & more")
    table = shown[0]["text/html"]
    assert "<caption>Two &amp; more</caption>" in table
    assert table.count("<th ") == 2
    assert '<td dir="auto">مرحبا</td><td dir="auto">0.123</td>' in table
    assert "&lt;b&gt;" + "a" * 80 in table
    assert "nan" not in table.lower()
    assert pd.read_csv(session.out_dir / "tables/texts.csv").shape == (2, 2)


def test_finish_prints_what_was_recorded(session: Session, capsys: pytest.CaptureFixture) -> None:
    session.record("mAP", 0.71249, sampling="hybrid")
    session.finish()
    printed = capsys.readouterr().out
    assert printed.startswith("01_try (smoke, village) took 0.")
    assert "s; figures: 0, records: 1\n" in printed
    assert "  mAP = 0.712 (sampling hybrid)" in printed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.71249, "0.712"),
        (0.0, "0.000"),
        (0.00012345, "0.000123"),
        (7744.25, "7744.250"),
        (10646.4, "10,646"),
        (7, "7"),
        ("hi", "hi"),
        ([0.5, 2], "0.500, 2"),
    ],
)
def test_numbers_are_written_with_the_digits_a_table_needs(value: object, text: str) -> None:
    assert display.number_text(value) == text
