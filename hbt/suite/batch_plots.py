"""Figures of what is in a batch, and of what the loss makes of it (notebook 02)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hbt.suite.plots import CYCLE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SMALL = 4
"""Tables of so many rows show their numbers."""


def square_grids(
    tables: Mapping[str, pd.DataFrame],
    value_label: str,
    *,
    columns: int | None = None,
    axes_labels: tuple[str, str] = ("passage language", "query language"),
    top: float | None = None,
) -> Figure:
    """Heat maps of square tables, one panel each; small ones show their numbers.

    Args:
        tables: title -> table, with the labels of the rows and columns as its index and columns.
        value_label: what the colours are.
        columns: panels in a row; all where not given.
        axes_labels: what goes across and what goes down.
        top: where the colours end, for all panels alike; each panel's largest value if not given.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    columns = columns or len(tables)
    rows = -(-len(tables) // columns)
    small = max(map(len, tables.values())) <= SMALL
    width, height = (3.1, 2.7) if small else (4.4, 3.8)
    size = (width * columns, height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axis, (name, table) in zip(axes.flat, tables.items(), strict=False):
        sns.heatmap(
            table,
            ax=axis,
            square=True,
            vmin=0,
            vmax=top,
            cmap="cividis",
            annot=small,
            fmt=".2f",
            cbar_kws={"shrink": 0.8, "label": value_label},
            linewidths=0.3,
        )
        axis.set(title=name, xlabel=axes_labels[0], ylabel=axes_labels[1])
        axis.tick_params(axis="y", rotation=0)
    return figure


def loss_over_scale(
    scales: np.ndarray,
    panels: Mapping[str, Mapping[str, np.ndarray]],
    mark: float,
    logarithmic: bool = False,
) -> Figure:
    """Losses over the scale of the softmax, both axes from the same scales, one panel each.

    Args:
        scales: float (n,), above 0; drawn on a logarithmic axis.
        panels: title -> name of a line -> losses (n,).
        mark: a scale to mark with a vertical line.
        logarithmic: draw the losses of the first panel on a logarithmic axis.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.5 * len(panels), 3.6), layout="constrained", squeeze=False
    )
    for number, (axis, (title, lines)) in enumerate(zip(axes.flat, panels.items(), strict=True)):
        for look, (name, losses) in zip(CYCLE, lines.items(), strict=False):
            axis.plot(scales, losses, color=look.colour, ls=look.dash, label=name)
        axis.axvline(mark, color="0.6", lw=1)
        axis.set(xscale="log", title=title, xlabel="scale (log scale)", ylabel="loss")
        if logarithmic and number == 0:
            axis.set(yscale="log", ylim=(1e-3, None), ylabel="loss (log scale)")
        else:
            axis.set_ylim(0, None)
        axis.legend(fontsize=8)
    return figure
