"""Figures of the notebook on hybrid batches: coins, curves over alpha, differences."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hbt.sampling import CROSS_LINGUAL, MONOLINGUAL
from hbt.suite.plots import CYCLE, interval_plot
from hbt.suite.plots import _axes as new_axes
from hbt.suite.plots import _line as draw_line

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def difference_figure(table: pd.DataFrame) -> tuple[Figure, str]:
    """Differences in mAP with their intervals, a panel for each setting; and its alt text."""
    rows = table[table.metric.eq("mAP")]
    said = [f"{row.difference}, {row.setting}: {row.estimate:+.3f}" for row in rows.itertuples()]
    figure = interval_plot(rows, group="difference", value_label="difference in mAP", zero=True)
    alt = f"Differences in mAP with intervals and a line at zero, by setting. {'; '.join(said)}."
    return figure, alt


def panel_curves(
    table: pd.DataFrame,
    *,
    x: str,
    panel: str,
    x_label: str,
    value_label: str,
    points: pd.DataFrame | None = None,
    mark: float | None = None,
    zero: bool = False,
    columns: int = 2,
) -> Figure:
    """One curve with its interval in each of several panels, over a parameter such as alpha.

    Args:
        table: columns `x`, `panel`, estimate, low, high.
        x: numeric column of the horizontal axis.
        panel: the column whose values are the panels; each has a vertical axis of its own.
        x_label: label of the horizontal axes.
        value_label: label of the vertical axes.
        points: columns `x`, `panel`, value: single values, such as those of each seed.
        mark: where to draw a vertical line, with a ring around the curve's point there.
        zero: draw a line at zero, for differences.
        columns: panels side by side.
    """
    names = list(dict.fromkeys(table[panel]))
    n_rows = -(-len(names) // columns)
    figure, axes = new_axes(n_rows, columns, (4.2 * columns, 0.4 + 2.9 * n_rows))
    for axis in np.ravel(axes)[len(names) :]:
        axis.remove()
    for axis, name in zip(np.ravel(axes), names, strict=False):
        rows = table[table[panel].eq(name)].sort_values(x)
        if zero:
            axis.axhline(0, color="0.3", lw=1)
        draw_line(axis, rows, x, name, CYCLE[0])
        if points is not None:
            here = points[points[panel].eq(name)]
            axis.plot(here[x], here.value, "x", color="0.25", ms=5, ls="")
        if mark is not None:
            axis.axvline(mark, color="0.25", lw=1, ls="--")
            axis.plot(mark, rows.estimate[rows[x].eq(mark)], "o", ms=13, mfc="none", mec="0.1")
        axis.set(title=name, xlabel=x_label, ylabel=value_label)
        axis.set_xticks(sorted(set(table[x])))
    return figure


def kind_strip(kinds: Mapping[str, Sequence[str]]) -> Figure:
    """What kind of batch comes at each step, one row of marks for each plan.

    Args:
        kinds: name of a plan -> kind of each step, from step 0 on.
    """
    names, steps = list(kinds), max(len(row) for row in kinds.values())
    figure, axis = new_axes(size=(9, 1.1 + 0.34 * len(names)))
    # an open mark and a full one are told apart without colour
    looks = {MONOLINGUAL: (CYCLE[0], "full"), CROSS_LINGUAL: (CYCLE[1], "none")}
    for kind, (look, fill) in looks.items():
        for height, name in enumerate(reversed(names)):
            found = [step for step, each in enumerate(kinds[name]) if each == kind]
            label = kind if height == 0 else None
            heights = [height] * len(found)
            axis.plot(
                found, heights, look.marker, color=look.colour, fillstyle=fill, ms=6, label=label
            )
    axis.set(xlabel="step", xlim=(-1, steps), ylim=(-0.6, len(names) - 0.4))
    axis.set_yticks(range(len(names)), names[::-1])
    axis.grid(visible=False)
    figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure


def image_html(figure: Figure, alt: str) -> str:
    """A figure as an HTML image with alt text, for widgets; closes the figure."""
    import matplotlib.pyplot as plt

    target = io.BytesIO()
    figure.savefig(target, format="png", bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    encoded = base64.b64encode(target.getvalue()).decode("ascii")
    style = "max-width: 100%; height: auto"
    return f'<img style="{style}" alt="{html.escape(alt)}" src="data:image/png;base64,{encoded}">'
