"""Verdict and reuse: what a finished notebook must have left, and when it need not run again."""

from __future__ import annotations

import base64
from pathlib import Path

import nbformat
import pytest

from hbt.suite import reuse, stages, verify
from hbt.suite.notebooks import Header
from hbt.suite.stages import Stage

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA"
    "DUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "cache"))


def executed(*outputs: dict) -> nbformat.NotebookNode:
    """A notebook of one executed cell with the given displayed outputs."""
    made = [nbformat.v4.new_output("display_data", **output) for output in outputs]
    cell = nbformat.v4.new_code_cell("1", execution_count=1, outputs=made)
    return nbformat.v4.new_notebook(cells=[cell])


def test_a_figure_that_no_cell_shows_is_a_fault(tmp_path: Path) -> None:
    """Figures drawn inside a widget's output are saved but never reach the notebook."""
    header = Header("A try", "?", 1, records=(), figures=("pixel",))
    figure = tmp_path / "figures" / "pixel.png"
    figure.parent.mkdir()
    figure.write_bytes(base64.b64decode(PIXEL))
    faults = ["the declared figure 'pixel' was saved but no cell shows it"]
    assert verify.faults(executed(), tmp_path, header) == faults
    shown = {"data": {}, "metadata": {"hbt": {"figure": "pixel", "alt": "One pixel."}}}
    assert verify.faults(executed(shown), tmp_path, header) == []
    figure.write_bytes(b"")
    faults = ["the declared figure 'pixel' is not a PNG file"]
    assert verify.faults(executed(shown), tmp_path, header) == faults


def test_an_image_without_alt_text_is_a_fault(tmp_path: Path) -> None:
    header = Header("A try", "?", 1, records=(), figures=())
    image = {"data": {"image/png": PIXEL}, "metadata": {}}
    faults = ["code cell 1 shows an image without alt text; use session.show"]
    assert verify.faults(executed(image), tmp_path, header) == faults
    image["metadata"] = {"image/png": {"alt": "One pixel."}}
    assert verify.faults(executed(image), tmp_path, header) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"name": "mean", "value": NaN}', "the record 'mean' is not finite"),
        ('{"name": "mean"}', "line 1 of records.jsonl is not a record"),
        ("mean = 3", "line 1 of records.jsonl is not a record"),
    ],
)
def test_a_broken_record_is_a_fault(tmp_path: Path, line: str, fault: str) -> None:
    header = Header("A try", "?", 1, records=("mean",), figures=())
    (tmp_path / "records.jsonl").write_text(line + "\n")
    assert verify.faults(executed(), tmp_path, header) == [fault]


@pytest.mark.parametrize(
    ("counts", "fault"),
    [
        ((1, None, 2), "code cell 2 did not run (1 of 3 did not)"),
        ((1, 3, 2), "code cell 2 ran out of order"),
    ],
)
def test_cells_must_have_run_in_order(tmp_path: Path, counts: tuple, fault: str) -> None:
    header = Header("A try", "?", 1, records=(), figures=())
    cells = [nbformat.v4.new_code_cell("1", execution_count=count) for count in counts]
    notebook = nbformat.v4.new_notebook(cells=cells)
    for cell in notebook.cells:
        cell.metadata["papermill"] = {"status": "completed"}  # says papermill
    assert verify.faults(notebook, tmp_path, header) == [fault]


def test_what_a_notebook_depends_on_decides_about_reuse(tmp_path: Path) -> None:
    path = tmp_path / "01_try.ipynb"
    path.write_text("{}")
    stage = reuse.notebook_stage(path, {"alpha": 0.25, "out_dir": "a"}, "")
    assert reuse.notebook_stage(path, {"alpha": 0.25, "out_dir": "b"}, "").key == stage.key
    assert reuse.notebook_stage(path, {"alpha": 0.5, "out_dir": "a"}, "").key != stage.key
    assert reuse.notebook_stage(path, {"alpha": 0.25, "out_dir": "a"}, "data").key != stage.key
    path.write_text("[]")
    assert reuse.notebook_stage(path, {"alpha": 0.25, "out_dir": "a"}, "").key != stage.key


def test_a_kept_notebook_that_was_changed_is_not_reused(tmp_path: Path) -> None:
    stage = Stage("notebook-01_try", 1, {})
    finished = tmp_path / "finished"
    finished.mkdir()
    (finished / "run.json").write_text("{}")
    reuse.keep(stage, finished)
    assert reuse.fetch(stage, tmp_path / "first")
    assert [path.name for path in (tmp_path / "first").iterdir()] == ["run.json"]
    (stage.folder() / "run.json").write_text("[]")
    stages._sound.clear()  # as in another process
    assert not reuse.fetch(stage, tmp_path / "second")


def test_only_the_newest_runs_are_kept(tmp_path: Path) -> None:
    (tmp_path / "finished").mkdir()
    for number in range(reuse.KEPT + 2):
        reuse.keep(Stage("notebook-01_try", 1, {"number": number}), tmp_path / "finished")
    folders = [path for path in (tmp_path / "cache/notebook-01_try").iterdir() if path.is_dir()]
    assert len(folders) == reuse.KEPT
