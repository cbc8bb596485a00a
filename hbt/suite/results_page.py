"""What a folder of results shows a reader: its figures, and a page of tables in markdown.

The page holds only what the tables hold; nobody types a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.suite import plots, tables
from hbt.whole_files import new_file

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SMOKE = "**The smoke profile only proves that all runs: its numbers mean nothing.**"


def figures(parts: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    """The main figures of a profile's tables: `samplings`, `alpha` and, if any, `low_resource`."""
    import pandas as pd

    plots.set_style()
    systems = pd.concat([parts["samplings"], parts["bm25"]])
    systems = systems[systems.metric.eq("mAP")]
    curve = parts["alpha"][parts["alpha"].metric.eq("mAP")]
    drawn = {
        "samplings": plots.interval_plot(systems, group="system", value_label="mAP"),
        "alpha": plots.curve(
            curve, x="alpha", series="setting", x_label="alpha", value_label="mAP, hybrid"
        ),
    }
    if "low_resource" in parts:
        counts = parts["low_resource"]
        drawn["low_resource"] = plots.curve(
            counts[counts.direction.ne("monolingual")],
            x="K",
            series="group",
            facet="direction",
            x_label="K, low-resource languages in pre-training",
            value_label="mAP, hybrid",
        )
    return drawn


def draw(path: Path, figure: Figure) -> Path:
    """Write a figure as PNG, whole or not at all, and close it."""
    import matplotlib.pyplot as plt

    try:
        with new_file(path) as partial:
            figure.savefig(partial, format="png", metadata={"Software": None})
    finally:
        plt.close(figure)
    return path


def page(parts: dict[str, pd.DataFrame], run: dict[str, Any]) -> str:
    """The tables of a profile as markdown, for the README of their folder.

    Args:
        parts: name -> table, as `hbt.suite.results.write_results` makes them.
        run: what is written to `run.json`.
    """
    base = run["profile"]["base"]
    world, kind = base["world"]["data"], base["encoder"]["kind"].removeprefix("path:")
    seeds = len(run["profile"]["seeds"])
    made_with = ", ".join(f"{name} {run['versions'][name]}" for name in ("python", "torch", "hbt"))
    curve = parts["alpha"][parts["alpha"].metric.isin(["mAP", tables.RANK_DISTANCE])]
    systems = [parts["samplings"], parts["bm25"]]
    sections = [
        f"# {world}, `{kind}`, profile {run['profile']['name']}",
        _what(base["world"]),
        *([SMOKE] if run["profile"]["name"] == "smoke" else ()),
        f"Made by `{run['command']}` with {made_with}; {seeds} seed{'s' * (seeds != 1)}. "
        "All metrics are in the CSV files, the settings in `run.json`.",
        "## The samplings",
        "mAP in the three settings, and the rank distance (lower is less biased), each with its "
        f"95 % interval over {_over(parts['samplings'])}.",
        _wide(systems, "system"),
        _image("samplings", "mAP of each sampling and of BM25 with intervals, one panel a setting"),
        "## Differences",
        "Paired by question and seed.",
        _differences(parts["differences"]),
        "## The curve over alpha",
        "Hybrid batches with another probability of a monolingual batch; 0 is X-Y, 1 is X-X-mono.",
        _wide([curve], "alpha"),
        _image("alpha", "mAP over alpha with intervals, a line for each setting"),
    ]
    if "low_resource" in parts:
        sections += _low_resource_sections(parts)
    if "settings" in run:
        sections += ["## The settings, and whose they are", _settings(run["settings"])]
    return "\n\n".join(sections) + "\n"


def page_of(folder: Path, run: dict[str, Any]) -> str:
    """`page` of the tables as they are written, so that page and files agree in every digit."""
    import pandas as pd

    return page({file.stem: pd.read_csv(file) for file in folder.glob("*.csv")}, run)


def samplings_of(folder: Path) -> str:
    """The table of samplings of a folder of results, in markdown, as its README has it."""
    import pandas as pd

    parts = [pd.read_csv(folder / f"{name}.csv") for name in ("samplings", "bm25")]
    return _wide(parts, "system")


def _what(world: dict[str, Any]) -> str:
    """What was read, in a sentence."""
    if world["data"] == "village":
        return "The village, an embedded world: real words in made-up sentences, synthetic."
    if training := world.get("training"):
        name = {"mmarco": "mMARCO", "mlqa-r": "MLQA-R"}[training]
        return (
            f"Real text: {name} for fine-tuning, XQuAD-R as the test. The encoder is a published "
            "one, the same for all seeds."
        )
    return (
        "Real text: MLQA-R for fine-tuning, XQuAD-R as the test, NTREX for pre-training and, with "
        "documents held out of it, for the low-resource languages."
    )


def _low_resource_sections(parts: dict[str, pd.DataFrame]) -> list[str]:
    return [
        "## Low-resource languages in pre-training",
        "Pre-trained on K low-resource languages beside the high-resource ones, in the same number "
        "of steps; then fine-tuned by hybrid batches in the training languages. "
        "mAP; intervals over seeds, each of which draws its own languages.",
        _low_resource(parts["low_resource"]),
        _image(
            "low_resource",
            "mAP over K with intervals, a panel for each direction, a line for each group",
        ),
        "What K changes on the same languages, questions and seeds, queries in the group and "
        "passages in the high-resource languages:",
        _changes(parts["low_resource_changes"]),
    ]


def _settings(rows: Sequence[Sequence[str]]) -> str:
    return _markdown(["setting", "value", "whose"], rows)


def _over(table: pd.DataFrame) -> str:
    return " or ".join(dict.fromkeys(table.over))


def _image(name: str, alt: str) -> str:
    return f"![{alt}]({name}.png)"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _value(row: Any, signed: bool = False) -> str:
    digits = 0 if row.metric == tables.RANK_DISTANCE else 3
    sign = "+" if signed else ""
    text = f"{row.estimate:{sign}.{digits}f}"
    if row.low != row.low:  # NaN: too few seeds
        return text
    return f"{text} [{row.low:{sign}.{digits}f}, {row.high:{sign}.{digits}f}]"


def _wide(parts: Sequence[pd.DataFrame], name: str) -> str:
    """One row for each value of a column, with mAP by setting and the rank distance."""
    rows = []
    for part in parts:
        for key, group in part.groupby(name, sort=False):
            found = {(row.metric, row.setting): _value(row) for row in group.itertuples()}
            values = [found["mAP", setting] for setting in tables.SETTINGS]
            values.append(found[tables.RANK_DISTANCE, "multilingual"])
            rows.append([f"{key:g}" if isinstance(key, float) else str(key), *values])
    return _markdown([name, *tables.SETTINGS, "rank distance"], rows)


def _differences(table: pd.DataFrame) -> str:
    rows = [
        [row.difference, row.setting, row.metric.replace("_", " "), _value(row, True), row.verdict]
        for row in table[table.metric.isin(["mAP", tables.RANK_DISTANCE])].itertuples()
    ]
    return _markdown(["difference", "setting", "metric", "value", "verdict"], rows)


def _low_resource(table: pd.DataFrame) -> str:
    directions = list(dict.fromkeys(table.direction))
    rows = []
    for (count, group), cells in table.groupby(["K", "group"], sort=False):
        found = {row.direction: _value(row) for row in cells.itertuples()}
        rows.append([str(count), group, *(found.get(name, "") for name in directions)])
    return _markdown(["K", "group", *directions], rows)


def _changes(table: pd.DataFrame) -> str:
    rows = [
        [row.change, row.group, _value(row, True), row.verdict]
        for row in table[table.direction.eq("to high-resource")].itertuples()
    ]
    return _markdown(["change", "group", "mAP", "verdict"], rows)
