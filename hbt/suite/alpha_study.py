"""Tables of the notebook on hybrid batches: batches by their texts, the curve, comparisons.

A study here has four measures: mAP in the three settings, and the rank distance. A measure is named
as its panel of a figure is. Figures are in `hbt.suite.alpha_plots`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hbt.comparisons import interval_columns
from hbt.sampling import CROSS_LINGUAL, MONOLINGUAL, Batch, ItemLayout, Plan
from hbt.suite.tables import RANK_DISTANCE, SETTINGS, unit_table
from hbt.uncertainty import interval, paired_difference, verdict
from hbt.units import UnitValues

if TYPE_CHECKING:
    import pandas as pd

    from hbt.corpus import ParallelItems
    from hbt.suite.experiment import Experiment, Result

MEASURES = {f"{setting} mAP": ("mAP", setting) for setting in SETTINGS}
MEASURES["rank distance"] = (RANK_DISTANCE, "multilingual")
"""Panel -> metric and setting."""

Values = dict[str, UnitValues]
"""Panel -> the scores of a system by seed, cluster and cell."""


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


def measure(results: Sequence[Result]) -> Values:
    """All four measures of one system, from its results, one for each seed.

    What is returned is small; the tables of all queries that `results` hold need not be kept.
    """
    metrics = dict.fromkeys(metric for metric, _ in MEASURES.values())
    gathered = {metric: unit_table(results, [metric]) for metric in metrics}
    return {
        panel: gathered[metric].select(metric, setting)
        for panel, (metric, setting) in MEASURES.items()
    }


def intervals(
    systems: Mapping[Hashable, Values], resamples: int, name: str = "system"
) -> pd.DataFrame:
    """One row for each system and measure.

    Columns system (or another name), panel, metric, setting, estimate, low, high, over, n_seeds,
    and points: the mean of each seed.
    """
    import pandas as pd

    rows = []
    for system, values in systems.items():
        for panel, (metric, setting) in MEASURES.items():
            found = interval(values[panel], resamples=resamples)
            row = {name: system, "panel": panel, "metric": metric, "setting": setting}
            rows.append(row | interval_columns(found) | {"points": found.points})
    return pd.DataFrame(rows)


def differences(
    systems: Mapping[Hashable, Values],
    pairs: Sequence[tuple[Hashable, Hashable]],
    resamples: int,
) -> pd.DataFrame:
    """First minus second for each pair of systems, paired by question and seed.

    The columns of `hbt.suite.tables.difference_table`, and first, second and panel.
    """
    import pandas as pd

    rows = []
    for first, second in pairs:
        for panel, (metric, setting) in MEASURES.items():
            both = (systems[first][panel], systems[second][panel])
            found = paired_difference(*both, resamples=resamples)
            row = {"first": first, "second": second, "difference": f"{first} minus {second}"}
            row |= {"panel": panel, "metric": metric, "setting": setting}
            rows.append(row | interval_columns(found) | {"verdict": verdict(found)})
    return pd.DataFrame(rows)


def seed_points(table: pd.DataFrame, seeds: Sequence[int]) -> pd.DataFrame:
    """The single seeds behind `intervals`: its first column, panel, seed, value."""
    single = table.assign(seed=[list(seeds)] * len(table)).explode(["points", "seed"])
    columns = [table.columns[0], "panel", "seed", "points"]
    single = single[columns].rename(columns={"points": "value"})
    return single.astype({"value": float, "seed": int}).reset_index(drop=True)


def short(table: pd.DataFrame) -> pd.DataFrame:
    """What `differences` returns, for the eye: difference, measure, value, verdict."""
    import pandas as pd

    rows = []
    for row in table.itertuples():
        digits = 3 if row.metric == "mAP" else 0
        ends = f"[{row.low:+.{digits}f}, {row.high:+.{digits}f}]"
        found = f"{row.estimate:+.{digits}f} {ends}"
        rows.append((row.difference, row.panel, found, row.verdict))
    return pd.DataFrame(rows, columns=["difference", "measure", "value [interval]", "verdict"])


def beside(published: pd.DataFrame, curve: pd.DataFrame, name: str) -> pd.DataFrame:
    """Published mAP with ours below, and what hybrid gains over each baseline.

    Args:
        published: columns system, setting, X-X-mono, X-Y, hybrid.
        curve: `intervals` over alpha, of which 0, 0.5 and 1 are taken.
        name: what to call ours.
    """
    import pandas as pd

    is_map = curve.metric.eq("mAP")
    ours = curve[is_map].pivot_table(index="setting", columns="alpha", values="estimate")
    ours = ours.rename(columns={1.0: "X-X-mono", 0.0: "X-Y", 0.5: "hybrid"}).loc[list(SETTINGS)]
    table = pd.concat([published, ours.reset_index().assign(system=name)])[list(published.columns)]
    for baseline in ("X-Y", "X-X-mono"):
        gains = table.hybrid - table[baseline]
        table[f"hybrid − {baseline}"] = [f"{gain:+.4f}" for gain in gains]
    return table


def agreement(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Our differences in mAP as answers to published ones.

    Args:
        table: what `differences` returns.
        published: one row per published system and setting, with a column for each sampling.

    Returns:
        A row per difference and setting. The answer is "agrees" where our interval lies on the
        side of zero on which all published differences lie, "disagrees" where it lies on the
        other, "within noise" where it holds zero, and "published: both signs" where the published
        ones lie on both sides.
    """
    import pandas as pd

    rows = []
    for row in table[table.metric.eq("mAP")].itertuples():
        here = published[published.setting.eq(row.setting)]
        theirs = here[row.first] - here[row.second]
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
    seeds: pd.DataFrame, table: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Hybrid minus X-Y in mAP by our seeds, in their mean, and as published, for one figure.

    Args:
        seeds: columns seed, setting, value.
        table: what `differences` returns, hybrid minus X-Y among them.
        published: one row per published system and setting, with a column for each sampling.

    Returns:
        Columns row, who, setting, estimate, low, high; a single value is its own interval.
    """
    import pandas as pd

    rows = [
        (f"seed {row.seed}", "our seeds", row.setting, *[row.value] * 3)
        for row in seeds.itertuples()
    ]
    ours = table[table.difference.eq("hybrid minus X-Y") & table.metric.eq("mAP")]
    for row in ours.itertuples():
        rows.append(("our mean", "our mean", row.setting, row.estimate, row.low, row.high))
    gaps = published.hybrid - published["X-Y"]
    for system, setting, gap in zip(published.system, published.setting, gaps, strict=True):
        rows.append((system, "paper", setting, *[gap] * 3))
    found = pd.DataFrame(rows, columns=["row", "who", "setting", "estimate", "low", "high"])
    return found.sort_values("setting", key=lambda name: name.map(SETTINGS.index), kind="stable")
