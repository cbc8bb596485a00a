"""Figures of language bias (notebook 05): readable in grey, by markers, dashes and numbers.

As in `hbt.suite.plots`, every function takes plain tables and returns a matplotlib figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hbt.suite.plots import CYCLE, SAMPLING_LOOK, Look

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Repaired systems have the colour of the system that they repair, and a marker of their own.
REPAIR_LOOK = dict(
    zip(
        ("mono + centring", "mono + LIR", "mono + LSAR"),
        (Look(CYCLE[0].colour, marker, (0, (2, 2))) for marker in "<>*"),
        strict=True,
    )
)
_MARKERS = "osD^vPX*<>hdp"


def look_of_system(name: str) -> Look:
    """The fixed look of a sampling, a repaired system or a reference; black for any other."""
    return SAMPLING_LOOK.get(name) or REPAIR_LOOK.get(name) or CYCLE[6]


def rank_distance_distributions(tables: Mapping[str, np.ndarray], floor: int) -> Figure:
    """Which share of the queries has at most this rank distance, one curve per system.

    Args:
        tables: system -> rank distance of each query; NaN is left out.
        floor: the smallest rank distance there can be, drawn as a line.
    """
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    for name, values in tables.items():
        values = np.sort(values[~np.isnan(values)])
        share = np.arange(1, len(values) + 1) / len(values)
        look = look_of_system(name)
        style = {"color": look.colour, "marker": look.marker, "mec": "white", "ms": 9}
        axis.plot(values, share, color=look.colour, ls=look.dash, lw=1.8)
        axis.plot(np.median(values), 0.5, ls="none", **style)
        axis.plot([], [], ls=look.dash, lw=1.8, label=name, **style)  # for the legend
    axis.axvline(floor, color="0.4", lw=1)
    axis.axhline(0.5, color="0.7", lw=0.8, ls=":")
    axis.set(xscale="log", xlabel="rank distance (log scale)", ylabel="share of the queries")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    figure.legend(title="system (marker: median)", loc="outside right upper")
    return figure


def first_places(mixes: Mapping[str, pd.DataFrame], query_language: str, k: int = 10) -> Figure:
    """Who holds the first places for queries of one language: bars, with the expected share.

    Args:
        mixes: system -> columns query_language, passage_language, share, expected.
        query_language: whose queries; its own bar is hatched.
        k: how many places were counted; used in a label only.
    """
    import matplotlib.pyplot as plt

    size = (1.4 + 2.9 * len(mixes), 3.3)
    figure, axes = plt.subplots(
        1, len(mixes), figsize=size, layout="constrained", sharey=True, squeeze=False
    )
    for axis, (name, mix) in zip(axes[0], mixes.items(), strict=True):
        rows = mix[mix.query_language.eq(query_language)]
        bars = axis.bar(rows.passage_language, rows.share, color="0.78", edgecolor="0.25")
        for bar, code in zip(bars, rows.passage_language, strict=True):
            if code == query_language:
                bar.set(hatch="///", facecolor=look_of_system(name).colour)
        places = np.arange(len(rows))
        axis.hlines(rows.expected, places - 0.4, places + 0.4, color="black", lw=2.5)
        axis.set(title=name, xlabel="passage language")
        axis.tick_params(axis="x", labelsize=9)
        axis.grid(axis="x", visible=False)
    axes[0][0].set_ylabel(f"share of the first {k}")
    return figure


def surplus_maps(mixes: Mapping[str, pd.DataFrame], k: int = 10) -> Figure:
    """Share of each passage language in the first places minus what is expected, in points.

    Signed numbers stand in the cells, since the two ends of the colours look alike in grey.

    Args:
        mixes: system -> columns query_language, passage_language, surplus.
        k: how many places were counted; used in a label only.
    """
    grids = {name: _points(mix) for name, mix in mixes.items()}
    top = max(float(np.abs(grid.to_numpy()).max()) for grid in grids.values()) or 1.0
    figure, axes = _maps(
        grids,
        vmin=-top,
        vmax=top,
        cmap="PuOr",
        fmt="+.0f",
        letters=10,
        size=(1.2 + 4.4 * len(grids), 4.6),
    )
    for axis in axes:
        axis.set(xlabel="passage language")
    axes[0].set_ylabel("query language")
    label = f"share of the first {k} minus expected, points"
    figure.colorbar(axes[-1].collections[0], ax=list(axes), shrink=0.7, label=label)
    return figure


def _points(mix: pd.DataFrame) -> pd.DataFrame:
    """Surplus in whole points: query language down, passage language across, in their order."""
    grid = mix.pivot_table(index="query_language", columns="passage_language", values="surplus")
    order = list(dict.fromkeys(mix.query_language))
    grid = grid.reindex(index=order, columns=list(dict.fromkeys(mix.passage_language)))
    return _unnamed((100 * grid).round() + 0.0)  # no -0


def _unnamed(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the names of rows and columns, which would become labels of the axes."""
    return frame.rename_axis(index=None, columns=None)


def _maps(
    grids: Mapping[str, pd.DataFrame],
    *,
    size: tuple[float, float],
    text: pd.DataFrame | None = None,
    letters: float = 8.5,
    **drawing: object,
) -> tuple[Figure, np.ndarray]:
    """Heat maps side by side without colour bars; cells bear their numbers, or `text`.

    `letters` is the size of what stands in the cells, in points.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, axes = plt.subplots(1, len(grids), figsize=size, layout="constrained", squeeze=False)
    in_cells = {"annot": True} if text is None else {"annot": text, "fmt": ""}
    in_cells["annot_kws"] = {"size": letters}
    for axis, (name, grid) in zip(axes[0], grids.items(), strict=True):
        sns.heatmap(grid, ax=axis, cbar=False, linewidths=0.4, **in_cells | drawing)
        axis.set_title(name)
        axis.grid(visible=False)  # would show in empty cells
        axis.tick_params(axis="y", rotation=0)
    return figure, axes[0]


def places_map(ranked: pd.DataFrame, systems: Sequence[str]) -> Figure:
    """Systems by measures: the place in the cell, dark for the least biased, and the estimate.

    Args:
        ranked: columns label, system, place, estimate; a cell without a row stays empty.
        systems: in the order of the columns.
    """
    labels = list(dict.fromkeys(ranked.label))
    order = {"index": labels, "columns": list(systems)}
    places, values = (
        ranked.pivot_table(index="label", columns="system", values=column).reindex(**order)
        for column in ("place", "estimate")
    )
    text = places.map(lambda place: f"{place:.0f}\n") + values.map(_short)
    size = (2.4 + 1.15 * len(systems), 1.0 + 0.5 * len(labels))
    figure, (axis,) = _maps(
        {"": _unnamed(places)}, size=size, text=_unnamed(text), vmin=-1, cmap="Greys_r"
    )
    middle = (places.max().max() - 1) / 2  # of the greys: black reads better from here on
    for words, place in zip(axis.texts, _filled(places), strict=True):
        words.set_color("white" if place < middle else "black")
    axis.set(xlabel="place (1 is least biased), and the value of the measure")
    axis.tick_params(axis="x", rotation=30)
    return figure


def _filled(table: pd.DataFrame) -> np.ndarray:
    """The values of a table row by row, without those of its empty cells."""
    values = table.to_numpy().ravel()
    return values[~np.isnan(values)]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def correlation_maps(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Rank correlations of measures, one heat map per system; empty where there is none.

    Args:
        tables: system -> square table of correlations, -1 to 1.
    """
    grids = {name: _unnamed(table.round(1) + 0.0) for name, table in tables.items()}  # no -0.0
    n_measures = len(next(iter(grids.values())))
    size = (2.2 + 0.62 * n_measures * len(grids), 2.2 + 0.46 * n_measures)
    figure, axes = _maps(grids, size=size, vmin=-1, vmax=1, cmap="PuOr", fmt="+.1f")
    for axis in axes[1:]:
        axis.set_yticklabels([])
    for axis in axes:
        axis.tick_params(axis="x", rotation=90)
    return figure


def interval_grid(
    table: pd.DataFrame,
    *,
    systems: Sequence[str],
    unbiased: Mapping[str, float] | None = None,
    columns: int = 3,
) -> Figure:
    """Estimates with 95 % intervals: a panel for each measure, a row for each system.

    Args:
        table: columns label, system, estimate, low, high; titles are the labels.
        systems: rows, from above.
        unbiased: label -> where to draw a line.
        columns: panels side by side.
    """
    import matplotlib.pyplot as plt

    labels = list(dict.fromkeys(table.label))
    n_rows = -(-len(labels) // columns)
    size = (1.4 + 2.9 * columns, n_rows * (0.75 + 0.25 * len(systems)))
    figure, axes = plt.subplots(
        n_rows, columns, figsize=size, layout="constrained", squeeze=False, sharey=True
    )
    for axis, label in zip(axes.flat, labels, strict=False):
        _intervals(axis, table[table.label.eq(label)], systems)
        axis.set_title(label, fontsize=10)
        if unbiased and label in unbiased:
            axis.axvline(unbiased[label], color="0.3", lw=1, ls="--")
    for axis in list(axes.flat)[len(labels) :]:
        axis.set_visible(False)
    axes[0][0].set_yticks(range(len(systems)), list(systems)[::-1])
    axes[0][0].set_ylim(-0.6, len(systems) - 0.4)
    return figure


def _intervals(axis: Axes, rows: pd.DataFrame, systems: Sequence[str]) -> None:
    for row in rows[rows.system.isin(systems)].itertuples():
        look, height = look_of_system(row.system), len(systems) - 1 - systems.index(row.system)
        axis.plot([row.low, row.high], [height, height], color=look.colour, lw=2)
        axis.plot(row.estimate, height, look.marker, color=look.colour, ms=6)
    axis.grid(axis="y", visible=False)
    axis.locator_params(axis="x", nbins=4)
    axis.tick_params(axis="both", labelsize=9)


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
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10.6, 4.6), layout="constrained")
    names = list(dict.fromkeys(languages))
    for name in names:
        rows = np.array([language == name for language in languages])
        look = CYCLE[names.index(name) % len(CYCLE)]
        marker = _MARKERS[names.index(name) % len(_MARKERS)]
        axes[0].plot(*points[rows].T, marker, color=look.colour, ms=6, label=name, alpha=0.8)
    figure.legend(fontsize=8, title="language", loc="outside left upper")  # hides no point
    for number, meaning in enumerate(dict.fromkeys(meanings)):
        rows = np.array([value == meaning for value in meanings])
        look = CYCLE[number % len(CYCLE)]
        marker = _MARKERS[number % len(_MARKERS)]  # two passages may share a colour, not both
        centre = points[rows].mean(axis=0)
        for point in points[rows]:
            axes[1].plot(*np.stack([centre, point]).T, color=look.colour, lw=0.7, alpha=0.6)
        axes[1].plot(*points[rows].T, marker, color=look.colour, ms=5)
    axes[0].set(title=f"{title}: by language".strip(": "))
    axes[1].set(title=f"{title}: copies of one passage joined".strip(": "))
    for axis in axes:
        axis.set(xticks=[], yticks=[], xlabel="component 1", ylabel="component 2")
    return figure
