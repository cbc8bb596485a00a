"""Executed notebooks as HTML pages that ask no other host and give every image its alt text.

nbconvert's own templates load MathJax, require.js and a widget manager from the network. Here the
little TeX of the notebooks becomes SVG with matplotlib, and a widget becomes a line that says
where to move it.
"""

from __future__ import annotations

import base64
import html
import io
import re
from pathlib import Path
from typing import Any

from hbt.whole_files import write_text

TEMPLATE = Path(__file__).with_name("notebook.html")
STYLE = Path(__file__).with_name("style.css")
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_NOTE = (
    '<p class="widget">Here is a control to move: open this notebook in JupyterLab and run it.</p>'
)
_BAR = re.compile(r"(?P<what>[^|]*): +\d+%\|")  # what tqdm writes, again and again
_POINTS_PER_EM = 12
_BLOCK_SCALE = 1.3


def export_html(notebook: Path, target: Path, index: str = "") -> None:
    """Write an executed notebook as one page with nothing outside of it.

    Args:
        notebook: the executed .ipynb.
        target: the page to write.
        index: relative address of the page that leads here; no link if empty.
    """
    import nbformat

    node = nbformat.read(notebook, as_version=4)
    _replace_widgets(node)
    _shorten_progress(node)
    page, _ = _exporter().from_notebook_node(
        node, resources={"index": index, "style": page_style(), "name": notebook.stem}
    )
    write_text(target, page)


def _replace_widgets(notebook: Any) -> None:
    """A page without scripts cannot move a widget: say where it moves."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                output.data = {"text/html": WIDGET_NOTE}


def _shorten_progress(notebook: Any) -> None:
    """Of all the states of a progress bar keep the last: a page of bars hides the text."""
    for cell in notebook.cells:
        logs = [each for each in cell.get("outputs", []) if each.get("name") == "stderr"]
        lines: dict[str, str] = {}  # a bar by its name, any other line by its place
        written = "".join(each.text for each in logs).replace("\x1b[A", "")
        for number, line in enumerate(re.split(r"[\r\n]+", written)):
            bar = _BAR.match(line)
            name = bar["what"] if bar else str(number)
            lines.pop(name, None)  # the last state stands where it was written
            if line.strip():
                lines[name] = line
        if logs:
            logs[0].text = "\n".join(lines.values())
            later = {id(each) for each in logs[1:]}
            cell.outputs = [each for each in cell.outputs if id(each) not in later]


def page_style() -> str:
    """The style sheet of all pages, the colours of code included."""
    from pygments.formatters import HtmlFormatter

    return STYLE.read_text(encoding="utf-8") + HtmlFormatter(style="default").get_style_defs(
        ".highlight"
    )


def _exporter() -> Any:
    from nbconvert.exporters import HTMLExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def inline_math(self, body: str) -> str:
            return math_image(body, is_block=False)

        def block_math(self, body: str) -> str:
            return math_image(body, is_block=True)

        def latex_environment(self, name: str, body: str) -> str:
            return math_image(body, is_block=True)

    def to_html(source: str) -> str:
        renderer = Renderer(escape=False, exclude_anchor_links=True)
        return MarkdownWithMath(renderer=renderer).render(source)

    exporter = HTMLExporter(template_file=str(TEMPLATE))
    exporter.register_filter("markdown2html", to_html)
    return exporter


def math_image(tex: str, is_block: bool) -> str:
    """Simple TeX as an inline SVG image whose alt text is the TeX; as code where it is too much.

    Args:
        tex: a formula without its dollar signs, in the part of TeX that matplotlib knows.
        is_block: shown in a line of its own.
    """
    formula = " ".join(tex.split())
    try:
        svg, width, height, depth = _drawn(formula)
    except ValueError:  # matplotlib's mathtext does not know a command
        code = f"<code>{html.escape(formula)}</code>"
        return f'<p class="formula">{code}</p>' if is_block else code
    if is_block:  # mathtext sets fractions small, as in running text
        width, height, depth = (_BLOCK_SCALE * length for length in (width, height, depth))
    size = f"width: {width:.3f}em; height: {height:.3f}em; vertical-align: {-depth:.3f}em"
    image = (
        f'<img class="math" src="data:image/svg+xml;base64,{base64.b64encode(svg).decode()}" '
        f'style="{size}" alt="{html.escape(formula)}">'
    )
    return f'<p class="formula">{image}</p>' if is_block else image


def _drawn(formula: str) -> tuple[bytes, float, float, float]:
    """SVG of a formula with its width, height and depth below the line, in units of the text."""
    from matplotlib import rc_context
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    target = io.BytesIO()
    with rc_context({"mathtext.fontset": "stix", "svg.hashsalt": "hbt", "svg.fonttype": "path"}):
        font = FontProperties(size=_POINTS_PER_EM)
        depth = math_to_image(f"${formula}$", target, prop=font, dpi=72, format="svg")
    svg = target.getvalue()
    size = re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    if size is None:
        raise ValueError("matplotlib wrote an SVG without its size")
    width, height = (float(value) / _POINTS_PER_EM for value in size.groups())
    svg = svg[svg.index(b"<svg") :]
    return svg, width, height, depth / _POINTS_PER_EM
