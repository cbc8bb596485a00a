"""The suite's figures: seaborn on tidy tables, one look, readable in colour and in grey.

Every function takes plain tables and returns a matplotlib figure; none reads a file or shows
anything. A sampling has one colour, one marker and one dash everywhere. Figures write languages by
their codes, since no font that ships with matplotlib has all the scripts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Look:
    """How one series is drawn: told apart by marker and dash when printed in grey."""

    colour: str
    marker: str
    dash: str


# Okabe and Ito's colours, safe for colour-blind readers, in an order whose greys differ.
CYCLE = (
    Look("#0072B2", "o", "-"),
    Look("#D55E00", "s", "--"),
    Look("#009E73", "^", "-."),
    Look("#CC79A7", "D", ":"),
    Look("#E69F00", "v", (0, (5, 1))),
    Look("#56B4E9", "P", (0, (1, 1))),
    Look("#000000", "X", (0, (3, 1, 1, 1))),
)
SAMPLING_LOOK: dict[str, Look] = dict(
    zip(("X-X-mono", "X-Y", "hybrid", "X-X", "BM25", "none"), CYCLE, strict=False)
)


def look_of(name: str, names: Sequence[str]) -> Look:
    """The fixed look of a sampling, or a look by position for any other series."""
    return SAMPLING_LOOK.get(name) or CYCLE[list(names).index(name) % len(CYCLE)]


def set_style() -> None:
    """Apply the suite's look to matplotlib; called once by `begin`."""
    import seaborn as sns

    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette=[look.colour for look in CYCLE],
        rc={"figure.dpi": 100, "savefig.dpi": 110, "axes.titlesize": 12, "figure.figsize": (7, 4)},
    )


def _axes(rows: int = 1, columns: int = 1, size: tuple[float, float] = (7, 4)) -> tuple:
    import matplotlib.pyplot as plt

    return plt.subplots(rows, columns, figsize=size, layout="constrained")


def language_pair_heatmap(
    tables: Mapping[str, pd.DataFrame], metric: str = "mAP", *, difference: bool = False
) -> Figure:
    """One heat map per system: query language down, passage language across.

    Args:
        tables: system -> tidy scores; the monolingual cells are the diagonal, the cross-lingual
            cells the rest.
        metric: which metric of the tables.
        difference: centre the colours on zero, for tables that hold differences.
    """
    import seaborn as sns

    figure, axes = _axes(1, len(tables), (1.2 + 4.6 * len(tables), 4.6))
    grids = {name: _pair_grid(table, metric) for name, table in tables.items()}
    top = max(float(np.nanmax(np.abs(grid.to_numpy()))) for grid in grids.values())
    for axis, (name, grid) in zip(np.atleast_1d(axes), grids.items(), strict=True):
        sns.heatmap(
            grid,
            ax=axis,
            square=True,
            vmin=-top if difference else 0.0,
            vmax=top if difference else max(top, 1e-9),
            cmap="PuOr" if difference else "cividis",
            annot=len(grid) <= 11,
            fmt=".2f",
            annot_kws={"size": 8},
            cbar_kws={"shrink": 0.7, "label": metric},
            linewidths=0.3,
        )
        axis.set(title=name, xlabel="passage language", ylabel="")
        axis.tick_params(axis="y", rotation=0)
    np.atleast_1d(axes)[0].set_ylabel("query language")
    return figure


def _pair_grid(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    cells = table[table.metric.eq(metric) & table.setting.ne("multilingual")]
    grid = cells.pivot_table(index="query_language", columns="passage_language", values="value")
    order = list(dict.fromkeys(cells.query_language))
    return grid.reindex(index=order, columns=[code for code in order if code in grid.columns])


def interval_plot(
    table: pd.DataFrame,
    *,
    group: str,
    value_label: str,
    facet: str = "setting",
    zero: bool = False,
    colour_by: str | None = None,
) -> Figure:
    """Estimates with their intervals, one panel per facet, one row per group.

    Args:
        table: columns `group`, `facet`, estimate, low, high; one row a point.
        group: the column whose values are the rows of a panel.
        value_label: label of the horizontal axis.
        facet: the column whose values are the panels.
        zero: draw a line at zero, for differences.
        colour_by: the column whose values share a colour and a marker; `group` where not given.
    """
    looks = list(dict.fromkeys(table[colour_by or group]))
    facets, groups = list(dict.fromkeys(table[facet])), list(dict.fromkeys(table[group]))
    size = (3.6 * len(facets), 1.3 + 0.42 * len(groups))
    figure, axes = _axes(1, len(facets), size)
    for axis, name in zip(np.atleast_1d(axes), facets, strict=True):
        for row in table[table[facet].eq(name)].itertuples():
            label = getattr(row, group)
            look = look_of(getattr(row, colour_by or group), looks)
            height = len(groups) - 1 - groups.index(label)
            axis.plot([row.low, row.high], [height, height], color=look.colour, lw=2)
            axis.plot(row.estimate, height, look.marker, color=look.colour, ms=7)
        axis.set(title=name, xlabel=value_label, ylim=(-0.6, len(groups) - 0.4))
        axis.set_yticks(range(len(groups)), groups[::-1] if axis is np.atleast_1d(axes)[0] else [])
        axis.grid(axis="y", visible=False)
        axis.locator_params(axis="x", nbins=5)
        if zero:
            axis.axvline(0, color="0.3", lw=1)
    return figure


def curve(
    table: pd.DataFrame,
    *,
    x: str,
    series: str,
    x_label: str,
    value_label: str,
    facet: str | None = None,
    chance: float | None = None,
) -> Figure:
    """Lines with interval bars over a numeric parameter such as alpha or K.

    Args:
        table: columns `x`, `series`, estimate, and low and high where there is an interval.
        x: numeric column of the horizontal axis.
        series: the column whose values are the lines.
        x_label: label of the horizontal axis.
        value_label: label of the vertical axis.
        facet: a column whose values are panels side by side.
        chance: height of a grey reference line.
    """
    facets = list(dict.fromkeys(table[facet])) if facet else [None]
    names = list(dict.fromkeys(table[series]))
    figure, axes = _axes(1, len(facets), (1.5 + 4.0 * len(facets), 3.8))
    for axis, panel in zip(np.atleast_1d(axes), facets, strict=True):
        rows = table if panel is None else table[table[facet].eq(panel)]
        for name in names:
            _line(axis, rows[rows[series].eq(name)].sort_values(x), x, name, look_of(name, names))
        if chance is not None:
            axis.axhline(chance, color="0.5", lw=1, ls=":")
        axis.set(xlabel=x_label, ylabel=value_label, title=panel or "")
        axis.set_xticks(sorted(set(table[x])))
    if len(facets) == 1:
        axes.legend(title=series.replace("_", " "), fontsize=9)
    else:  # beside the panels, where it hides no line
        handles, labels = np.atleast_1d(axes)[0].get_legend_handles_labels()
        title = series.replace("_", " ")
        figure.legend(handles, labels, title=title, loc="outside right upper", fontsize=9)
    return figure


def _line(axis: Axes, rows: pd.DataFrame, x: str, name: str, look: Look) -> None:
    if rows.empty:
        return
    axis.plot(
        rows[x], rows.estimate, color=look.colour, marker=look.marker, ls=look.dash, label=name
    )
    if "low" in rows and rows.low.notna().any():
        axis.fill_between(rows[x], rows.low, rows.high, color=look.colour, alpha=0.18, lw=0)


def loss_curves(tables: Mapping[str, pd.DataFrame], window: int = 25) -> Figure:
    """Training loss by step, a running mean, one line for each system and kind of batch.

    The dash tells the kind, colour and marker tell the system.

    Args:
        tables: system -> columns step, kind, loss.
        window: how many batches of a kind the running mean covers.
    """
    figure, axis = _axes(size=(7, 3.8))
    names = list(tables)
    for name, table in tables.items():
        look = look_of(name, names)
        for kind, rows in table.groupby("kind", sort=True):
            smooth = rows.loss.rolling(window, min_periods=1).mean()
            axis.plot(
                rows.step,
                smooth,
                color=look.colour,
                ls="-" if kind == "monolingual" else "--",
                marker=look.marker,
                markevery=max(1, len(rows) // 8),
                label=f"{name}, {kind}",
            )
    axis.set(xlabel="step", ylabel=f"loss (mean of {window} batches)")
    axis.legend(fontsize=9)
    return figure
