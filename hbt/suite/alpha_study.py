"""Tables and figures of the notebook on hybrid batches: batches, coins, curves, comparisons.

A study here has four measures, each a panel of a figure: mAP in the three settings, and the rank
distance.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hbt.sampling import CROSS_LINGUAL, MONOLINGUAL, Batch, ItemLayout, Plan
from hbt.suite.plots import CYCLE, interval_plot
from hbt.suite.plots import _axes as new_axes
from hbt.suite.plots import _line as draw_line
from hbt.suite.tables import RANK_DISTANCE, SETTINGS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from hbt.corpus import ParallelItems
    from hbt.suite.experiment import Experiment, Result

MEASURES = {"mAP": SETTINGS, RANK_DISTANCE: ("multilingual",)}
"""Metric -> the settings that it is looked at in."""


def batch_table(
    batch: Batch, items: ParallelItems, n_examples: int | None = None, longest: int = 120
) -> pd.DataFrame:
    """The texts of a batch, one row for each example, and the same two texts in English.

    Args:
        batch: drawn from the items.
        items: must have English.
        n_examples: only so many of the batch.
        longest: characters of a text before it is cut.
    """
    import pandas as pd

    rows = []
    columns = (batch.query_language, batch.passage_language, batch.item)
    for asked, found, item in list(zip(*columns, strict=True))[:n_examples]:
        asked, found = items.languages[asked], items.languages[found]
        english = f"{items.queries['en'][item]} / {items.passages['en'][item]}"
        texts = (items.queries[asked][item], items.passages[found][item], english)
        shown = [text if len(text) <= longest else text[:longest] + " …" for text in texts]
        rows.append((batch.step, batch.kind, f"{asked} → {found}", *shown))
    return pd.DataFrame(rows, columns=["step", "kind", "languages", "query", "passage", "English"])


def batches_of(experiment: Experiment, layout: ItemLayout) -> dict[str, int]:
    """How many batches of each kind a training takes, read from its plan."""
    plan = Plan(dataclasses.replace(experiment.training.plan, seed=experiment.seed), layout)
    kinds = plan.schedule(0, experiment.training.steps).kind
    return {kind: int((kinds == kind).sum()) for kind in (MONOLINGUAL, CROSS_LINGUAL)}


def ledger(systems: Mapping[str, Sequence[Experiment]], layout: ItemLayout) -> pd.DataFrame:
    """What each system is trained on, means over its seeds.

    Columns system, steps, monolingual examples, cross-lingual examples.
    """
    import pandas as pd

    rows = []
    for name, experiments in systems.items():
        batches = pd.DataFrame([batches_of(each, layout) for each in experiments]).mean()
        examples = (batches * experiments[0].training.plan.batch_size).round().astype(int)
        rows.append({"system": name, "steps": round(batches.sum())})
        rows[-1] |= {f"{kind} examples": number for kind, number in examples.items()}
    return pd.DataFrame(rows)


def measured(
    table: Callable[..., pd.DataFrame],
    systems: Mapping[object, Sequence[Result]],
    *pairs: Sequence[tuple[str, str]],
    resamples: int,
) -> pd.DataFrame:
    """A table over all four measures.

    Args:
        table: `hbt.suite.tables.interval_table` or `difference_table`.
        systems: name -> results, one for each seed.
        pairs: for a `difference_table`, which systems to compare.
        resamples: of the bootstrap.

    Returns:
        The table's columns, and `panel`: "monolingual mAP", ..., "rank distance".
    """
    import pandas as pd

    parts = [
        table(systems, *pairs, metric=metric, settings=settings, resamples=resamples)
        for metric, settings in MEASURES.items()
    ]
    found = pd.concat(parts, ignore_index=True)
    is_map = found.metric.eq("mAP")
    return found.assign(panel=(found.setting + " mAP").where(is_map, "rank distance"))


def seed_points(systems: Mapping[float, Sequence[Experiment]]) -> pd.DataFrame:
    """The four measures of single experiments, finished or not: alpha, seed, panel, value.

    Args:
        systems: alpha -> experiments, one for each seed.
    """
    import pandas as pd

    from hbt.suite.experiment import run

    rows = []
    for alpha, experiments in systems.items():
        for each in experiments:
            result = run(each)
            values = {f"{setting} mAP": value for setting, value in result.macro().items()}
            values["rank distance"] = result.mean_rank_distance()
            rows += [(alpha, each.seed, panel, value) for panel, value in values.items()]
    return pd.DataFrame(rows, columns=["alpha", "seed", "panel", "value"])


def short(differences: pd.DataFrame) -> pd.DataFrame:
    """What `measured` returns for differences, for the eye: difference, measure, value, verdict."""
    import pandas as pd

    rows = []
    for row in differences.itertuples():
        digits = 3 if row.metric == "mAP" else 0
        ends = f"[{row.low:+.{digits}f}, {row.high:+.{digits}f}]"
        found = f"{row.estimate:+.{digits}f} {ends}"
        rows.append((row.difference, row.panel, found, row.verdict))
    return pd.DataFrame(rows, columns=["difference", "measure", "value [interval]", "verdict"])


def agreement(differences: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Our differences in mAP as answers to published ones.

    Args:
        differences: a `difference_table`.
        published: one row per published system and setting, with a column for each sampling.

    Returns:
        A row per difference and setting. The answer is "agrees" where our interval lies on the
        side of zero on which all published differences lie, "disagrees" where it lies on the
        other, "within noise" where it holds zero, and "published: both signs" where the published
        ones lie on both sides.
    """
    import pandas as pd

    rows = []
    for row in differences[differences.metric.eq("mAP")].itertuples():
        first, second = row.difference.split(" minus ")
        here = published[published.setting.eq(row.setting)]
        theirs = here[first] - here[second]
        signs, ours = set(np.sign(theirs)), {"higher": 1, "lower": -1}.get(row.verdict)
        if ours is None:
            answer = "within noise"
        elif len(signs) > 1:
            answer = "published: both signs"
        else:
            answer = "agrees" if signs == {ours} else "disagrees"
        mine = f"{row.estimate:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
        span = f"{theirs.min():+.4f} to {theirs.max():+.4f}"
        rows.append((row.difference, row.setting, span, mine, answer))
    return pd.DataFrame(rows, columns=["difference", "setting", "published", "ours", "answer"])


def seeds_and_published(
    seeds: pd.DataFrame, differences: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Hybrid minus X-Y in mAP by our seeds, in their mean, and as published, for one figure.

    Args:
        seeds: columns seed, setting, value.
        differences: a `difference_table` with hybrid minus X-Y.
        published: one row per published system and setting, with a column for each sampling.

    Returns:
        Columns row, who, setting, estimate, low, high; a single value is its own interval.
    """
    import pandas as pd

    rows = [
        (f"seed {row.seed}", "our seeds", row.setting, *[row.value] * 3)
        for row in seeds.itertuples()
    ]
    ours = differences[differences.difference.eq("hybrid minus X-Y") & differences.metric.eq("mAP")]
    for row in ours.itertuples():
        rows.append(("our mean", "our mean", row.setting, row.estimate, row.low, row.high))
    gaps = published.hybrid - published["X-Y"]
    for system, setting, gap in zip(published.system, published.setting, gaps, strict=True):
        rows.append((system, "paper", setting, *[gap] * 3))
    table = pd.DataFrame(rows, columns=["row", "who", "setting", "estimate", "low", "high"])
    return table.sort_values("setting", key=lambda name: name.map(SETTINGS.index), kind="stable")


def difference_figure(differences: pd.DataFrame) -> tuple[Figure, str]:
    """Differences in mAP with their intervals, a panel for each setting; and its alt text."""
    rows = differences[differences.metric.eq("mAP")]
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
