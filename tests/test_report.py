"""Pages and tables of a run: nothing from another host, alt text, links that lead somewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from hbt.suite import export, report
from hbt.suite.display import record_text

ENTRY = {
    "name": "01_try",
    "title": "A <try>",
    "question": "Does it run?",
    "status": "passed",
    "problem": "",
    "reused": False,
    "seconds": 12.3,
    "peak_rss_mb": 345.6,
    "stages": {"made": 2, "reused": 5},
    "html": "01_try/01_try.html",
    "figures": [{"name": "line_up", "file": "01_try/figures/line_up.png", "alt": 'A "line".'}],
    "records": [],
    "headline": ["mAP = 0.712 (sampling hybrid)", "mAP = 0.651 (sampling X-Y)"],
}
SUITE = {
    "profile": "smoke",
    "data": "village",
    "started": "2026-01-31 12:00",
    "seconds": 130.0,
    "machine": {"threads": 2},
    "versions": {"python": "3.11.7", "torch": ""},
    "notebooks": [ENTRY, {**ENTRY, "name": "02_bad", "status": "failed", "problem": "It broke."}],
}


class Page(HTMLParser):
    """Collects tags with their attributes, and checks that they close in order."""

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def asks_no_other_host(text: str) -> bool:
    page = Page(text)
    addresses = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data")
    ]
    styles = re.findall(r"url\(([^)]*)\)|@import", text)
    return not styles and not any("//" in each for each in addresses if "data:" not in each)


def test_the_index_leads_to_every_notebook_and_shows_its_figures() -> None:
    text = report.index_page(SUITE)
    page = Page(text)
    links = {each["href"] for each in page.all("a")}
    assert {"01_try/01_try.html", "suite.json"} <= links
    assert page.all("img")[0] == {"src": "01_try/figures/line_up.png", "alt": 'A "line".'}
    assert all(each.get("scope") for each in page.all("th"))
    assert page.all("html") == [{"lang": "en"}]
    assert "A &lt;try&gt;" in text
    assert "It broke." in text
    assert "its numbers mean nothing" in text
    assert "2 min 10 s" in text
    assert asks_no_other_host(text)


def test_the_terminal_table_has_a_row_for_each_headline() -> None:
    lines = report.terminal_table(SUITE).splitlines()
    row = "01_try passed 12 346 5 reused, 2 made mAP = 0.712 (sampling hybrid)"
    assert " ".join(lines[2].split()) == row
    assert lines[3].strip() == "mAP = 0.651 (sampling X-Y)"
    assert lines[4].split()[:2] == ["02_bad", "failed"]
    reused = {**SUITE, "notebooks": [{**ENTRY, "reused": True}]}
    assert report.terminal_table(reused).splitlines()[2].split()[1] == "reused"


def test_headlines_are_the_first_of_their_names() -> None:
    records = [{"name": name, "value": value} for name, value in (("b", 1), ("a", 2), ("c", 3))]
    assert report.headline(records, ["a", "b"]) == ["a = 2", "b = 1"]
    many = [{"name": "a", "value": value} for value in range(5)]
    assert report.headline(many, ["a"]) == ["a = 0", "a = 1", "a = 2"]
    assert record_text({"name": "a", "value": 0.5, "seed": 3}) == "a = 0.500 (seed 3)"


@pytest.fixture
def executed(tmp_path: Path) -> Path:
    """An executed notebook with text, formulas, a widget, a table, an error and an image."""
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Slider"}
    outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m <plain>\n"),
        nbformat.v4.new_output("display_data", data=widget),
        nbformat.v4.new_output("display_data", data={"text/html": "<table></table>"}),
        nbformat.v4.new_output("execute_result", data={"text/plain": "'a value'"}),
        nbformat.v4.new_output(
            "display_data",
            data={"image/png": "iVBORw0KGgo="},
            metadata={"image/png": {"alt": "A line."}},
        ),
        nbformat.v4.new_output(
            "error", ename="ValueError", evalue="no", traceback=["ValueError: <no>"]
        ),
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(
                "# A try\n\nInline $\\alpha_i$ and\n\n"
                "$$\\ell = -\\log\\frac{\\exp(s_{ii})}{\\sum_j \\exp(s_{ij})}$$\n\n"
                "and $\\unknowncommand{x}$, which costs \\$5.\n\n| a | b |\n|---|---|\n| 1 | 2 |"
            ),
            nbformat.v4.new_code_cell("print('<b>')", execution_count=1, outputs=outputs),
        ],
        metadata={"hbt": {"title": "A try"}, "language_info": {"name": "python"}},
    )
    path = tmp_path / "01_try.ipynb"
    nbformat.write(notebook, path)
    return path


def test_a_notebooks_page_stands_alone(executed: Path) -> None:
    target = executed.with_suffix(".html")
    export.export_html(executed, target, index="../index.html")
    text = target.read_text(encoding="utf-8")
    page = Page(text)
    assert asks_no_other_host(text)
    assert page.all("script") == []
    assert "<title>A try</title>" in text
    alts = [each["alt"] for each in page.all("img")]
    assert alts[0] == r"\alpha_i"
    assert alts[1].startswith(r"\ell = -\log")
    assert alts[2] == "A line."
    assert "No description has been provided" not in text
    assert r"<code>\unknowncommand{x}</code>" in text
    assert "costs $5" in text
    assert "move: open this notebook in JupyterLab" in text
    assert '<span class="ansi-red-fg">red</span> &lt;plain&gt;' in text
    assert "ValueError: &lt;no&gt;" in text
    assert text.count("a value") == 1
    assert text.count("<table></table>") == 1
    assert {"href": "../index.html"} in page.all("a")


def test_formulas_are_as_large_as_the_text_around_them() -> None:
    image = export.math_image("x", is_block=False)
    height = float(re.search(r"height: ([\d.]+)em", image)[1])
    assert 0.3 < height < 1
    deep = export.math_image("x_{y_z}", is_block=False)
    depth = float(re.search(r"vertical-align: -([\d.]+)em", deep)[1])
    assert 0.1 < depth < 1
    assert export.math_image("x", is_block=True).startswith('<p class="formula">')


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119.4, "119 s"), (120, "2 min 00 s"), (3605, "60 min 05 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert report.duration_text(seconds) == text
