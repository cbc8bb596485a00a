"""Published differences and ours side by side, as forest plots, with their alt texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hbt.suite.paper import tables
from hbt.suite.paper.claims import Comparison, Contrast
from hbt.suite.paper.compare import PARALLEL
from hbt.suite.paper.runs import Run
from hbt.suite.tables import RANK_DISTANCE, SETTINGS

if TYPE_CHECKING:
    import pandas as pd

PAIRS = (("hybrid", "X-X-mono"), ("hybrid", "X-Y"), ("X-Y", "X-X-mono"))
PRINTED = "in print"


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes:
        name: short, for a file or an anchor.
        png: the image.
        alt: what it shows, with the numbers of its runs.
        caption: how to read it.
    """

    name: str
    png: bytes
    alt: str
    caption: str


def pictures(runs: Sequence[Run]) -> list[Picture]:
    """One forest plot for mAP in each setting, and one for the rank distance in per cent."""
    from hbt.suite import plots

    plots.set_style()
    found = [_picture(runs, setting, "mAP") for setting in SETTINGS]
    return [*found, _picture(runs, "multilingual", RANK_DISTANCE)]


def forest_table(runs: Sequence[Run], setting: str, metric: str) -> pd.DataFrame:
    """One row a point: contrast, series, row, estimate, low, high; NaN ends in print.

    Differences of the rank distance are in per cent of the second system's mean, ends of the
    interval too, since a distance depends on the size of the pool.
    """
    import pandas as pd

    rows = []
    for first, second in PAIRS:
        contrast = Contrast(first, second, metric, setting, (), 1)
        for model in tables.MODELS:
            for benchmark in PARALLEL:
                printed = Comparison(contrast, model, benchmark)
                share = 100 / printed.scores[1] if metric == RANK_DISTANCE else 1.0
                label = f"{PRINTED}: {model}, {benchmark}"
                value = share * printed.published
                rows.append((f"{first} minus {second}", PRINTED, label, value, math.nan, math.nan))
        for run in (run for run in runs if run.synthetic or run.benchmark in PARALLEL):
            values = our_point(run, contrast)
            if values is not None:
                rows.append((f"{first} minus {second}", run.name, run.name, *values))
    return pd.DataFrame(rows, columns=["contrast", "series", "row", "estimate", "low", "high"])


def our_point(run: Run, contrast: Contrast) -> tuple[float, float, float] | None:
    """Estimate and ends of a run, the rank distance in per cent; None where it is not there."""
    ours = run.difference(contrast)
    if ours is None:
        return None
    share = 1.0
    if contrast.metric == RANK_DISTANCE:
        level = run.score(contrast.second, contrast.setting, contrast.metric)
        if level is None or level.estimate == 0:
            return None
        share = 100 / level.estimate
    ends = (math.nan if end is None else share * end for end in (ours.low, ours.high))
    return (share * ours.estimate, *ends)


def _picture(runs: Sequence[Run], setting: str, metric: str) -> Picture:
    import io

    import matplotlib.pyplot as plt

    from hbt.suite import plots

    table = forest_table(runs, setting, metric)
    label = "mAP" if metric == "mAP" else "rank distance, per cent"
    figure = plots.interval_plot(
        table, group="row", facet="contrast", value_label=label, zero=True, colour_by="series"
    )
    for axis in figure.axes:
        axis.tick_params(axis="x", labelsize="small")  # small differences have long labels
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    plt.close(figure)
    what = f"{setting} {label}" if metric == "mAP" else label
    return Picture(
        name=f"{setting}-{metric}".replace("_", "-"),
        png=target.getvalue(),
        alt=alt_text(table, what, 4 if metric == "mAP" else 1),
        caption=f"Differences in {what}: printed points, which have no interval, above our runs "
        "with their 95 % intervals. A line marks zero.",
    )


def alt_text(table: pd.DataFrame, what: str, digits: int) -> str:
    """The figure in words: the range in print, and each run with its interval."""
    parts = []
    for contrast, rows in table.groupby("contrast", sort=False):
        printed = rows[rows.series.eq(PRINTED)].estimate
        text = f"{contrast}: in print {printed.min():+.{digits}f} to {printed.max():+.{digits}f}"
        for row in rows[rows.series.ne(PRINTED)].itertuples():
            text += f"; {row.row} {row.estimate:+.{digits}f}"
            if not math.isnan(row.low):
                text += f" [{row.low:+.{digits}f}, {row.high:+.{digits}f}]"
        parts.append(text)
    return f"Forest plot of differences in {what}, three panels. {'. '.join(parts)}."
