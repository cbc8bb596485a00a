"""Figures of groups of languages and of single languages (notebook 04).

Two things tell the groups apart: colour and marker say whether a language has a relative among the
high-resource ones, a full or an open marker whether it is in pre-training.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from hbt.suite.language_groups import GROUPS
from hbt.suite.plots import CYCLE, Look

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINSHIP_LOOK = {"high-resource": CYCLE[6], "related": CYCLE[0], "unrelated": CYCLE[1]}


def look_of_group(group: str) -> tuple[Look, bool]:
    """The look of one of GROUPS, and whether its markers are open (not in pre-training)."""
    place, _, kinship = group.partition(", ")
    return KINSHIP_LOOK[kinship or place], place == "out"


def panels(
    table: pd.DataFrame,
    *,
    x: str,
    column: str,
    x_label: str,
    value_label: str,
    row: str | None = None,
    share_y: bool = False,
) -> Figure:
    """Lines of the groups of languages, one panel for each value of `column` (and of `row`).

    Args:
        table: columns group, estimate, low, high, `x`, `column`, `row`; where it has a column
            points (one number a seed), several points are drawn as crosses.
        x: numbers, or words in the order in which they come.
        column: the column whose values are panels side by side.
        x_label: label of the horizontal axes.
        value_label: label of the vertical axes.
        row: the column whose values are panels one above the other.
        share_y: one vertical scale for all panels.
    """
    import matplotlib.pyplot as plt

    columns = list(dict.fromkeys(table[column]))
    rows = list(dict.fromkeys(table[row])) if row else [None]
    size = (1.9 + 3.4 * len(columns), 0.6 + 3.1 * len(rows))
    figure, axes = plt.subplots(
        len(rows), len(columns), figsize=size, layout="constrained", squeeze=False, sharey=share_y
    )
    for line, down in zip(axes, rows, strict=True):
        part = table if down is None else table[table[row].eq(down)]
        for axis, name in zip(line, columns, strict=True):
            _group_lines(axis, part[part[column].eq(name)], x)
            axis.set(title=name if down is None else f"{down}: {name}", xlabel=x_label)
        line[0].set_ylabel(value_label)
    handles = {}
    for axis in axes.flat:
        found, names = axis.get_legend_handles_labels()
        handles |= dict(zip(names, found, strict=True))
    named = [name for name in GROUPS if name in handles]
    figure.legend(
        [handles[name] for name in named], named, loc="outside right upper", title="languages"
    )
    return figure


def _group_lines(axis: Axes, table: pd.DataFrame, x: str) -> None:
    """The groups of one panel, each a little to the side, so that no interval hides another."""
    ticks = list(dict.fromkeys(table[x]))
    at = {tick: tick if isinstance(tick, int | float) else i for i, tick in enumerate(ticks)}
    step = 0.02 * (max(at.values()) - min(at.values()))
    for number, group in enumerate(GROUPS):
        rows = table[table.group.eq(group)]
        if rows.empty:
            continue
        look, is_open = look_of_group(group)
        places = rows[x].map(at).to_numpy() + (number - 2) * step
        face, dash = ("white", "--") if is_open else (look.colour, "-")
        axis.vlines(places, rows.low, rows.high, color=look.colour, lw=1.3)
        axis.plot(
            places, rows.estimate, look.marker, ls=dash, color=look.colour, mfc=face, label=group
        )
        for place, points in zip(places, rows.points if "points" in rows else (), strict=False):
            if len(points) > 1:
                axis.plot([place] * len(points), points, "x", color="0.25", ms=4, mew=0.9)
    axis.margins(x=0.1)
    axis.set_xticks([at[tick] for tick in ticks], [str(tick) for tick in ticks])


def dots(table: pd.DataFrame, *, value_label: str, zero: bool = True) -> Figure:
    """One row for each label, one panel for each direction: a dot with its interval.

    Args:
        table: columns label, kinship, direction, estimate, low, high; labels in the order of rows,
            from above.
        value_label: label of the horizontal axes.
        zero: draw a line at zero, for differences.
    """
    import matplotlib.pyplot as plt

    labels = list(dict.fromkeys(table.label))
    directions = list(dict.fromkeys(table.direction))
    size = (2.6 + 2.8 * len(directions), 1.6 + 0.27 * len(labels))
    figure, axes = plt.subplots(
        1, len(directions), figsize=size, layout="constrained", sharey=True, squeeze=False
    )
    for axis, direction in zip(axes[0], directions, strict=True):
        for kinship, rows in table[table.direction.eq(direction)].groupby("kinship", sort=False):
            look = KINSHIP_LOOK[kinship]
            height = [len(labels) - 1 - labels.index(label) for label in rows.label]
            axis.hlines(height, rows.low, rows.high, color=look.colour, lw=2)
            axis.plot(
                rows.estimate, height, look.marker, color=look.colour, ls="none", label=kinship
            )
        axis.set(xlabel=value_label, ylim=(-0.7, len(labels) - 0.3))
        axis.set_title(fill(direction, 20))  # a panel is too narrow for a long title
        axis.set_yticks(range(len(labels)), labels[::-1])
        if zero:
            axis.axvline(0, color="0.3", lw=1)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside right upper")
    return figure


def labelled_points(
    table: pd.DataFrame, *, x: str, column: str, x_label: str, value_label: str
) -> Figure:
    """Languages as points that bear their codes, one panel for each value of `column`.

    Args:
        table: columns language, kinship, estimate, `x` and `column`.
        x: numeric column of the horizontal axes.
        column: the column whose values are panels side by side.
        x_label: label of the horizontal axes.
        value_label: label of the vertical axes.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    names = list(dict.fromkeys(table[column]))
    size = (1.6 + 4.0 * len(names), 4.0)
    figure, axes = plt.subplots(1, len(names), figsize=size, layout="constrained", squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        rows = table[table[column].eq(name)]
        for kinship, part in rows.groupby("kinship", sort=False):
            look = KINSHIP_LOOK[kinship]
            sns.scatterplot(
                part, x=x, y="estimate", ax=axis, color=look.colour, marker=look.marker,
                s=50, label=kinship, legend=False,
            )  # fmt: skip
        _write_beside(axis, rows[x].tolist(), rows.estimate.tolist(), rows.language.tolist())
        axis.set(title=name, xlabel=x_label, ylabel=value_label)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside right upper")
    return figure


def _write_beside(
    axis: Axes, xs: Sequence[float], ys: Sequence[float], labels: Sequence[str]
) -> None:
    """Write each label in the nearest free place round its point, with a line if it is far."""
    axis.margins(0.12)
    width, height = (float(np.ptp(limits)) for limits in (axis.get_xlim(), axis.get_ylim()))
    points = np.column_stack([np.divide(xs, width), np.divide(ys, height)])  # (n_points, 2)
    taken = np.empty((0, 2))
    for point, label in zip(points, labels, strict=True):
        for reach, angle in product(range(1, 9), range(8)):
            turn = np.pi / 4 * angle
            place = point + reach * np.array([0.05 * np.cos(turn), 0.045 * np.sin(turn)])
            on_label = (np.abs(taken - place) < (0.075, 0.042)).all(axis=1).any()
            on_point = (np.abs(points - place) < (0.045, 0.032)).all(axis=1).any()
            if not (on_label or on_point):
                break
        taken = np.vstack([taken, place])
        at = {"xy": point * (width, height), "xytext": place * (width, height)}
        line = {"arrowstyle": "-", "color": "0.6", "lw": 0.6} if reach > 1 else None
        axis.annotate(label, **at, fontsize=8.5, ha="center", va="center", arrowprops=line)
