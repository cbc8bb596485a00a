"""The strict runner on deliberately bad notebooks: each a non-zero exit with one true sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
import pytest

from hbt.suite import runner
from hbt.suite.notebooks import KERNEL
from hbt.suite.one_notebook import ProgressLine
from hbt.suite.watch import Watched

PARAMETERS = """profile: str = "classroom"  # smoke, classroom, full or paper
seed: int = 0
data: str = "village"
data_dir: str = ""
out_dir: str = ""
alpha: float = 0.5"""
# A PNG of one pixel, so that most of these notebooks need no matplotlib.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA"
    "DUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
RECORD = """import json, pathlib
line = json.dumps({"name": "mean", "value": alpha})
pathlib.Path(out_dir, "records.jsonl").write_text(line + chr(10))"""
FIGURE = f"""import base64
from IPython.display import display
pathlib.Path(out_dir, "figures").mkdir()
pathlib.Path(out_dir, "figures", "pixel.png").write_bytes(base64.b64decode("{PIXEL}"))
display({{"image/png": "{PIXEL}"}}, raw=True,
        metadata={{"hbt": {{"figure": "pixel", "alt": "One pixel."}}}})"""


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLBACKEND", "Agg")  # the runner must not hand this on


def write(
    cells: Sequence[str],
    name: str = "01_try",
    records: Sequence[str] = ("mean",),
    figures: Sequence[str] = (),
    parameters: str = PARAMETERS,
) -> None:
    """A notebook in ./notebooks with a parameters cell and the given code cells."""
    tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    header = {
        "title": "A try",
        "question": "Does it run?",
        "minutes": 1,
        "records": list(records),
        "figures": list(figures),
    }
    notebook = nbformat.v4.new_notebook(
        cells=[tagged, *map(nbformat.v4.new_code_cell, cells)],
        metadata={"kernelspec": KERNEL, "hbt": header},
    )
    Path("notebooks").mkdir(exist_ok=True)
    nbformat.write(notebook, f"notebooks/{name}.ipynb")


def run(**request: object) -> int:
    return runner.run(runner.Request(**{"profile": "smoke", "out": Path("out"), **request}))


def problem_of(name: str = "01_try") -> str:
    """The one sentence that a failed notebook left in suite.json."""
    suite = json.loads(Path("out/suite.json").read_text(encoding="utf-8"))
    (entry,) = [each for each in suite["notebooks"] if each["name"] == name]
    assert entry["status"] == "failed"
    assert "\n" not in entry["problem"]
    return entry["problem"]


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("hbt.suite.one_notebook.watch", refuse)


def test_a_sound_notebook_passes_and_is_reused(capsys: pytest.CaptureFixture) -> None:
    backend = "import os\nprint(os.environ['MPLBACKEND'], os.environ['PYTHONHASHSEED'])"
    write([RECORD, FIGURE, backend], figures=["pixel"])
    assert run(given={"alpha": 0.25}) == 0
    (entry,) = json.loads(Path("out/suite.json").read_text())["notebooks"]
    assert entry["status"] == "passed"
    assert entry["records"] == [{"name": "mean", "value": 0.25}]
    assert entry["parameters"] == {"profile": "smoke", "seed": 0, "data": "village", "alpha": 0.25}
    assert entry["figures"] == [
        {"name": "pixel", "file": "01_try/figures/pixel.png", "alt": "One pixel."}
    ]
    assert 20 < entry["peak_rss_mb"] < entry["tree_peak_rss_mb"] < 1024
    executed = Path("out/01_try/01_try.ipynb").read_text()
    assert "module://matplotlib_inline.backend_inline 0" in executed
    assert str(Path.cwd()) not in executed
    page = Path("out/01_try/01_try.html").read_text()
    assert 'alt="One pixel."' in page
    assert "mean = 0.250" in capsys.readouterr().out

    assert run(given={"alpha": 0.25}) == 0  # nothing has changed
    printed = capsys.readouterr()
    assert "reused" in printed.err
    assert "reused" in printed.out
    (again,) = json.loads(Path("out/suite.json").read_text())["notebooks"]
    assert again == {**entry, "reused": True}
    assert Path("out/01_try/figures/pixel.png").exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"alhpa": 0.1}, "01_try: there is no parameter 'alhpa'; did you mean 'alpha'?"),
        ({"alpha": "a lot"}, "01_try: parameter 'alpha' must be float, not str 'a lot'"),
        ({"seed": True}, "01_try: parameter 'seed' must be int, not bool True"),
        ({"seed": 1.0}, "01_try: parameter 'seed' must be int, not float 1.0"),
        ({"01_try": {"beta": 1}}, "01_try: there is no parameter 'beta'"),
        ({"profile": "full"}, "parameter 'profile' is set by --profile"),
    ],
)
@pytest.mark.usefixtures("no_kernel")
def test_wrong_parameters_are_refused_before_a_kernel_starts(given: dict, sentence: str) -> None:
    write([RECORD])
    with pytest.raises(ValueError, match=sentence.split("?")[0]):
        run(given=given)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"profile": "huge"}, "profile 'huge' is not one of smoke, classroom, full, paper"),
        ({"data": "hamlet"}, "data 'hamlet' is not one of village, real"),
        ({"data": "real"}, "data 'real' needs the folder that holds it"),
        ({"data": "real", "data_dir": "nowhere"}, "--data-dir nowhere: there is no such folder"),
        ({"name": "07"}, "'07' is no notebook; there are 01_try"),
    ],
)
@pytest.mark.usefixtures("no_kernel")
def test_wrong_requests_are_refused(request_: dict, sentence: str) -> None:
    write([RECORD])
    with pytest.raises(ValueError, match=sentence):
        run(**request_)


@pytest.mark.usefixtures("no_kernel")
def test_a_folder_that_no_run_made_is_left_alone() -> None:
    write([RECORD])
    Path("out/01_try").mkdir(parents=True)
    Path("out/01_try/thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds files that no run made"):
        run()
    assert Path("out/01_try/thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            [RECORD, "raise RuntimeError('no\\nnews')", "1"],
            "01_try: code cell 3 raised RuntimeError: no",
        ),
        ([RECORD, "import sys\nsys.exit(0)", "1"], "01_try: code cell 3 called exit; 1 later cell"),
        ([RECORD, "exit(0)", "1"], "01_try: code cell 3 called exit"),
        (
            [RECORD, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"],
            "01_try: its kernel died while code cell 3 ran",
        ),
    ],
    ids=["exception", "sys.exit", "exit", "killed kernel"],
)
def test_a_notebook_that_ends_early_fails(cells: list[str], sentence: str) -> None:
    write(cells)
    assert run() == 1
    assert problem_of().startswith(sentence)


def test_an_endless_cell_ends_at_the_wall_limit() -> None:
    write([RECORD, "while True:\n    pass"])
    assert run(timeout=8.0) == 1
    assert problem_of().startswith("01_try: was over its wall limit of 8 s ")


def test_a_notebook_over_its_memory_is_ended() -> None:
    write([RECORD, "import time\nkept = bytearray(300 * 2**20)\ntime.sleep(60)"])
    assert run(memory_limit_mb=250.0) == 1
    problem = problem_of()
    assert problem.startswith("01_try: its kernel used ")
    assert problem.endswith("over its limit of 250 MB, while code cell 3 ran")


def test_what_is_declared_must_be_there_and_of_this_run() -> None:
    write([RECORD, FIGURE], figures=["pixel"])
    assert run() == 0
    write(["1"], figures=["pixel"])  # the folder still holds the first run's record and figure
    assert run() == 1
    assert problem_of() == (
        "01_try: the declared figure 'pixel' is missing "
        "(and 1 more: the declared record 'mean' is missing)"
    )


def test_a_missing_record_fails() -> None:
    write([RECORD], records=["mean", "median"])
    assert run() == 1
    assert problem_of() == "01_try: the declared record 'median' is missing"


def test_an_error_that_is_allowed_fails_too() -> None:
    write([RECORD, "1 / 0", "1"])
    notebook = nbformat.read("notebooks/01_try.ipynb", 4)
    notebook.cells[2].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, "notebooks/01_try.ipynb")
    assert run() == 1
    assert problem_of() == "01_try: code cell 3 raised ZeroDivisionError: division by zero"


def test_one_failure_does_not_hide_the_others(capsys: pytest.CaptureFixture) -> None:
    write([RECORD, "raise ValueError('told')"], name="01_bad")
    write([RECORD], name="02_good")
    assert runner.run(runner.Request(profile="smoke")) == 1
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == "01_bad: code cell 3 raised ValueError: told"
    latest = Path("runs/latest")
    assert latest.is_dir()
    assert not latest.is_symlink()
    suite = json.loads((latest / "suite.json").read_text())
    assert [each["status"] for each in suite["notebooks"]] == ["failed", "passed"]
    index = (latest / "index.html").read_text()
    assert 'href="01_bad/01_bad.html"' in index
    assert "raised ValueError: told" in index


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda notebook: notebook.cells.pop(0), "needs one code cell with the tag `parameters`"),
        (lambda notebook: notebook.metadata.pop("kernelspec"), "its kernel is not python3"),
        (lambda notebook: notebook.metadata.pop("hbt"), "there is no `hbt:` mapping"),
    ],
)
@pytest.mark.usefixtures("no_kernel")
def test_a_notebook_that_papermill_would_take_is_refused(break_it: Callable, sentence: str) -> None:
    write([RECORD])
    notebook = nbformat.read("notebooks/01_try.ipynb", 4)
    break_it(notebook)
    nbformat.write(notebook, "notebooks/01_try.ipynb")
    with pytest.raises(ValueError, match=sentence):
        run()


def test_only_three_times_the_scaled_budget_fails() -> None:
    suite = {
        "profile": "smoke",
        "budget_seconds": 180.0,
        "scaled_budget_seconds": 200.0,
        "notebooks": [{"seconds": 150.0, "reused": False}, {"seconds": 900.0, "reused": True}],
    }
    assert runner.overrun(suite).notes == []
    suite["notebooks"][0]["seconds"] = 599.0
    assert runner.overrun(suite).notes
    assert not runner.overrun(suite).fails
    suite["notebooks"][0]["seconds"] = 601.0
    assert runner.overrun(suite).fails


def test_latest_is_replaced_whole(tmp_path: Path) -> None:
    for number in (1, 2):
        source = tmp_path / f"run{number}"
        source.mkdir()
        (source / f"only{number}").write_text("x")
        runner.replace_folder(source, tmp_path / "latest")
    assert [path.name for path in (tmp_path / "latest").iterdir()] == ["only2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "run1", "run2"]


def test_progress_is_told_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    progress = tmp_path / "progress.jsonl"
    with ProgressLine("01_try", progress) as line:
        line.look(Watched(seconds=29.0))
        cell = {"cell": 4, "cells": 9, "code_cell": 2, "heading": "Training"}
        progress.write_text(json.dumps(cell) + "\n")
        line.look(Watched(seconds=31.0, peak_rss_mb=512.3))
        progress.write_text(json.dumps(cell) + '\n{"cell": 5, ')  # half written
        line.look(Watched(seconds=40.0))
        assert line.code_cell == 2
    assert capsys.readouterr().err == "01_try: cell 4 of 9 after 31 s, 512 MB, Training\n"
