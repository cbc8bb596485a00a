"""Pages of executed notebooks: what a reader is spared."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from hbt.suite.export import export_html

STATES = (
    "\rall:   0%|          | 0/2 [00:00<?, ?run/s]",
    "\n\rtuning:   0%|          | 0/9 [00:00<?]",
    "\x1b[A",
    "\rtuning: 100%|##########| 9/9 [00:01<00:00]",
    "\nbeware: half of it\n",
    "\rall: 100%|##########| 2/2 [00:02<00:00]",
)


@pytest.fixture
def page(tmp_path: Path) -> str:
    """The page of a notebook with one cell, which writes two bars, a warning and a result."""
    v4 = nbformat.v4
    outputs = [v4.new_output("stream", name="stderr", text=each) for each in STATES]
    outputs.append(v4.new_output("stream", name="stdout", text="2 models"))
    cell = v4.new_code_cell("train()", outputs=outputs, execution_count=1)
    nbformat.write(v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    export_html(tmp_path / "a.ipynb", tmp_path / "a.html")
    return (tmp_path / "a.html").read_text(encoding="utf-8")


def test_of_a_bar_the_last_state_is_kept(page: str) -> None:
    assert "0%|          |" not in page
    assert page.count("tuning: 100%") == page.count("all: 100%") == 1


def test_what_is_no_bar_is_kept_in_its_place(page: str) -> None:
    places = [page.index(each) for each in ("tuning:", "beware: half", "all: 100%", "2 models")]
    assert places == sorted(places)
