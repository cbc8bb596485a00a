"""The tables and the figure of `hbt bench coverage`, as docs/uncertainty.md shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ACCEPTED = (0.92, 0.985)
"""Coverage that a 95 % interval is held to."""


def text(result: Mapping[str, Any]) -> str:
    """All tables, in Markdown."""
    return "\n\n".join(
        [
            coverage_table(result, "normal", "population"),
            coverage_table(result, "normal", "these_seeds"),
            coverage_table(result, "skewed", "population"),
            clusters_table(result),
            tests_table(result),
        ]
    )


def coverage_table(result: Mapping[str, Any], items: str, truth: str) -> str:
    """Seeds down, share of the seeds in the variance across."""
    rows = [row for row in result["coverage"] if row["items"] == items]
    shares = list(dict.fromkeys(row["seed_share"] for row in rows))
    head = ["seeds", *(f"seeds' share {share:.0%}" for share in shares)]
    lines = {}
    for row in rows:
        lines.setdefault(row["n_seeds"], [str(row["n_seeds"])]).append(f"{row[truth]:.1%}")
    return _markdown(head, lines.values())


def clusters_table(result: Mapping[str, Any]) -> str:
    """Correlation of items in a cluster down, what is drawn across."""
    head = ["correlation within a paragraph", "drawn by paragraph", "drawn by item"]
    rows = (
        [f"{row['correlation']:.1f}", f"{row['by_cluster']:.1%}", f"{row['by_item']:.1%}"]
        for row in result["clusters"]
    )
    return _markdown(head, rows)


def tests_table(result: Mapping[str, Any]) -> str:
    """False positives and power by number of seeds and their share."""
    head = [
        "seeds",
        "seeds' share",
        "p_items ≤ 0.05, no difference",
        "interval without zero, no difference",
        "called higher at the detectable effect",
    ]
    rows = (
        [
            str(row["n_seeds"]),
            f"{row['seed_share']:.0%}",
            f"{row['false_positives_sign_flips']:.1%}",
            f"{row['false_positives_interval']:.1%}",
            f"{row['power_at_detectable_effect']:.1%}",
        ]
        for row in result["tests"]
    )
    return _markdown(head, rows)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---:"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(result: Mapping[str, Any], target: Path) -> None:
    """Coverage over the number of seeds, one line for each share, as PNG, whole or not at all.

    Raises:
        ValueError: the file cannot be written.
    """
    import matplotlib.pyplot as plt

    from hbt.suite import plots, results_page

    plots.set_style()
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    rows = [row for row in result["coverage"] if row["items"] == "normal"]
    seeds = list(dict.fromkeys(row["n_seeds"] for row in rows))
    axis.axhspan(*ACCEPTED, color="0.85", zorder=0, label="92 to 98.5 %")
    shares = list(dict.fromkeys(row["seed_share"] for row in rows))
    for share, look in zip(shares, plots.CYCLE, strict=False):
        heights = [row["population"] for row in rows if row["seed_share"] == share]
        axis.plot(
            range(len(seeds)),
            heights,
            color=look.colour,
            marker=look.marker,
            ls=look.dash,
            label=f"{share:.0%}",
        )
    axis.set(xlabel="seeds", ylabel="intervals that hold the truth")
    axis.set_xticks(range(len(seeds)), seeds)
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.legend(title="share of seeds in the variance", fontsize=9)
    results_page.draw(target, figure)
