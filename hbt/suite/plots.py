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
            annot_kws={"size": 6.5},
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


def rank_distance_by_language(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Mean rank distance of each query language, one series per system, logarithmic.

    Args:
        tables: system -> columns query_language, rank_distance (one row a language).
    """
    figure, axis = _axes(size=(7.5, 4))
    names = list(tables)
    for name, table in tables.items():
        look = look_of(name, names)
        axis.plot(
            list(table.query_language),
            np.maximum(table.rank_distance.to_numpy(dtype=float), 1e-9),
            color=look.colour,
            marker=look.marker,
            ls=look.dash,
            label=name,
        )
    axis.set(yscale="log", xlabel="query language", ylabel="mean rank distance (log scale)")
    figure.legend(title="system", loc="outside right upper")  # no point is hidden behind it
    return figure


def language_mix(tables: Mapping[str, pd.DataFrame], k: int = 10) -> Figure:
    """What languages fill the top k, as observed share minus the share without bias.

    Args:
        tables: system -> columns query_language, passage_language, share, expected.
        k: how many of the first passages were counted; used in the label only.
    """
    import seaborn as sns

    figure, axes = _axes(1, len(tables), (1.4 + 3.6 * len(tables), 4.2))
    axes = np.atleast_1d(axes)
    top = max(float((table.share - table.expected).abs().max()) for table in tables.values())
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        excess = table.assign(excess=table.share - table.expected)
        order = list(dict.fromkeys(table.query_language))
        grid = excess.pivot_table(
            index="query_language", columns="passage_language", values="excess"
        ).reindex(index=order, columns=list(dict.fromkeys(table.passage_language)))
        sns.heatmap(
            grid,
            ax=axis,
            square=True,
            cmap="PuOr",
            vmin=-top,
            vmax=top,
            cbar=False,
            linewidths=0.3,
        )
        ylabel = "query language" if axis is axes[0] else ""
        axis.set(title=name, xlabel="passage language", ylabel=ylabel)
        axis.tick_params(axis="y", rotation=0)
    label = f"share in the top {k} minus expected"
    figure.colorbar(axes[-1].collections[0], ax=list(axes), shrink=0.7, label=label)
    return figure


def embedding_map(
    points: np.ndarray, languages: Sequence[str], meanings: Sequence[int], title: str = ""
) -> Figure:
    """The same points twice: coloured and marked by language, then joined by meaning.

    Args:
        points: float array (n, 2), for example two principal components.
        languages: language code of each point.
        meanings: equal for parallel copies.
        title: what was embedded by what.
    """
    figure, axes = _axes(1, 2, (10, 4.6))
    names = list(dict.fromkeys(languages))
    for name in names:
        rows = np.array([language == name for language in languages])
        look = CYCLE[names.index(name) % len(CYCLE)]
        marker = "osD^vPX*<>hdp"[names.index(name) % 13]
        axes[0].plot(*points[rows].T, marker, color=look.colour, ms=6, label=name, alpha=0.8)
    axes[0].legend(ncols=2, fontsize=8, title="language")
    for number, meaning in enumerate(dict.fromkeys(meanings)):
        rows = np.array([value == meaning for value in meanings])
        look = CYCLE[number % len(CYCLE)]
        centre = points[rows].mean(axis=0)
        for point in points[rows]:
            axes[1].plot(*np.stack([centre, point]).T, color=look.colour, lw=0.7, alpha=0.6)
        axes[1].plot(*points[rows].T, look.marker, color=look.colour, ms=5)
    axes[0].set(title=f"{title}: by language".strip(": "))
    axes[1].set(title=f"{title}: copies of one passage joined".strip(": "))
    for axis in axes:
        axis.set(xticks=[], yticks=[], xlabel="component 1", ylabel="component 2")
    return figure


def loss_curves(tables: Mapping[str, pd.DataFrame], window: int = 25) -> Figure:
    """Training loss by step, a running mean, one line for each system and kind of batch.

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
            dash = "-" if kind == "monolingual" else "--"
            axis.plot(rows.step, smooth, color=look.colour, ls=dash, label=f"{name}, {kind}")
    axis.set(xlabel="step", ylabel=f"loss (mean of {window} batches)")
    axis.legend(fontsize=9)
    return figure
