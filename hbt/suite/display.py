"""How the suite shows things in a cell: images with alt text, tables without an index, numbers."""

from __future__ import annotations

import base64
import html
import math
import struct
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PIXELS_PER_INCH = 150
_SHOWN_PER_INCH = 96


def record_text(line: dict[str, Any]) -> str:
    """A line of records.jsonl as a reader sees it: `mAP = 0.712 (sampling hybrid)`."""
    labels = [f"{key} {line[key]}" for key in line if key not in ("name", "value")]
    shown = f"{line['name']} = {number_text(line['value'])}"
    return shown + (f" ({', '.join(labels)})" if labels else "")


def number_text(value: Any) -> str:
    """A number as a table needs it: three decimals, three figures if small, whole if large."""
    if isinstance(value, list):
        return ", ".join(number_text(each) for each in value)
    if isinstance(value, float):
        if abs(value) >= 10_000:
            return f"{value:,.0f}"
        return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.3g}"
    return str(value)


def shell() -> Any:
    """The running IPython shell; None outside of a notebook."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None


def show_image(png: bytes, name: str, alt: str) -> None:
    """Display a PNG with alt text.

    JupyterLab gives no alt text to image/png outputs, so the image goes as HTML as well; the
    plain one serves exports that know no HTML, such as LaTeX.
    """
    width = round(struct.unpack(">I", png[16:20])[0] * _SHOWN_PER_INCH / PIXELS_PER_INCH)
    encoded = base64.b64encode(png).decode("ascii")
    image = (
        f'<img src="data:image/png;base64,{encoded}" width="{width}" '
        f'style="max-width: 100%; height: auto" alt="{html.escape(alt)}">'
    )
    _display(
        {"text/html": image, "image/png": encoded, "text/plain": alt},
        {"image/png": {"alt": alt, "width": width}, "hbt": {"figure": name, "alt": alt}},
    )


def _display(bundle: dict[str, str], metadata: dict[str, Any]) -> None:
    if shell() is None:
        print(bundle["text/plain"])
        return
    from IPython.display import display

    display(bundle, raw=True, metadata=metadata)


def show_table(dataframe: pd.DataFrame, caption: str) -> None:
    """Display a data frame without its index."""
    plain = dataframe.to_string(index=False)
    _display({"text/html": _table_html(dataframe, caption), "text/plain": plain}, {})


def _table_html(dataframe: pd.DataFrame, caption: str) -> str:
    """A table whose texts keep their own direction, whatever their script."""
    head = _row("th", dataframe.columns, ' scope="col"')
    rows = "".join(_row("td", values) for values in dataframe.itertuples(index=False, name=None))
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead>{head}</thead><tbody>{rows}</tbody></table>"


def _row(tag: str, values: Iterable[Any], attribute: str = "") -> str:
    cells = (
        f'<{tag}{attribute} dir="auto">{html.escape(_cell_text(value))}</{tag}>' for value in values
    )
    return f"<tr>{''.join(cells)}</tr>"


def _cell_text(value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if missing else number_text(value)
