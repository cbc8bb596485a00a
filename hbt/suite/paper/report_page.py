"""The page and the markdown table of `hbt report`, from what `compare` judged."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hbt.suite.paper import SOURCE, tables
from hbt.suite.paper.compare import (
    AGREE,
    DISAGREE,
    NO_INTERVAL,
    NOISE,
    NOT_RUN,
    Judged,
    Row,
    Score,
    published_scores,
    replicates,
)
from hbt.suite.paper.figures import Picture
from hbt.suite.paper.runs import Measured, Run
from hbt.suite.tables import RANK_DISTANCE
from hbt.whole_files import write_text

TEMPLATE = Path(__file__).with_name("report.html")
VERDICTS = (AGREE, NOISE, DISAGREE, NO_INTERVAL, NOT_RUN)
HEAD = ("claim", "comparison", "in print", "published", "run", "ours", "interval", "verdict")


def cells(row: Row) -> dict[str, str]:
    """A row as texts; an empty text where nothing was measured or printed."""
    metric = row.contrast.metric
    ours, run = row.ours, row.run
    return {
        "comparison": str(row.contrast),
        "in print": ", ".join(_each(each.model for each in row.published))
        + " on "
        + ", ".join(_each(each.benchmark for each in row.published)),
        "published": _published_text(row),
        "run": run.name if run else "",
        "kind": "" if run is None else ("replication" if row.is_replication else "direction"),
        "ours": "" if ours is None else difference_text(ours.estimate, metric) + _our_share(row),
        "interval": "" if ours is None else interval_text(ours, metric),
        "noise": "" if ours is None else _noise_text(row, ours),
        "verdict": row.verdict,
    }


def _each(names: Iterable[str]) -> list[str]:
    """Every name once: a row stands beside all combinations of its models and benchmarks."""
    return list(dict.fromkeys(names))


def difference_text(value: float, metric: str) -> str:
    """A difference with its sign, which -0.0000 keeps: four decimals, one for the rank distance."""
    return f"{value:+.1f}" if metric == RANK_DISTANCE else f"{value:+.4f}"


def interval_text(ours: Measured, metric: str) -> str:
    """The interval; empty where there is none."""
    if ours.low is None or ours.high is None:
        return ""
    return f"[{difference_text(ours.low, metric)}, {difference_text(ours.high, metric)}]"


def over_text(ours: Measured) -> str:
    """What an interval is over, and how many seeds there are."""
    seeds = f"{ours.n_seeds} seed{'s' * (ours.n_seeds != 1)}"
    return f"{ours.over}, {seeds}" if ours.over else seeds


def _published_text(row: Row) -> str:
    metric, sign = row.contrast.metric, row.contrast.sign
    differences = [each.published for each in row.published]
    texts = [difference_text(value, metric) for value in (min(differences), max(differences))]
    text = " to ".join(dict.fromkeys(texts))
    if metric == RANK_DISTANCE and len(differences) == 1:
        text += f" ({100 * differences[0] / row.published[0].scores[1]:+.1f} %)"
    against = sum(value * sign <= 0 for value in differences)
    if against:
        text += " (against the claim)" if len(differences) == 1 else f" ({against} against)"
    return text


def _our_share(row: Row) -> str:
    """The difference of the rank distance in per cent of the second system's."""
    if row.contrast.metric != RANK_DISTANCE or row.contrast.languages:
        return ""
    level = row.run.score(row.contrast.second, row.contrast.setting, RANK_DISTANCE)
    return f" ({100 * row.ours.estimate / level.estimate:+.1f} %)" if level else ""


def _noise_text(row: Row, ours: Measured) -> str:
    """What the interval is over, half of it, and whether print could be told from it; seeds."""
    digits = 1 if row.contrast.metric == RANK_DISTANCE else 4
    parts = [f"over {over_text(ours)}" if ours.over else over_text(ours)]
    if ours.low is not None and ours.high is not None:
        half = (ours.high - ours.low) / 2
        parts.append(f"half the interval {half:.{digits}f}")
        smaller = sum(abs(each.published) < half for each in row.published)
        if smaller and len(row.published) == 1:
            parts.append("more than the published difference")
        elif smaller:
            parts.append(f"more than {smaller} of the {len(row.published)} published differences")
    if ours.seed_sd is not None:
        parts.append(f"standard deviation over seeds {ours.seed_sd:.{digits}f}")
    return "; ".join(parts)


def counted(judged: Judged) -> str:
    """How many of a claim's comparisons have which verdict; or what its check found."""
    if judged.finding is not None:
        return judged.finding.detail
    parts = []
    for title, is_replication in (("as in print", True), ("in direction", False)):
        rows = [row for row in judged.judging if row.is_replication == is_replication]
        verdicts = [row.verdict for row in rows]
        found = [f"{verdicts.count(name)} {name}" for name in VERDICTS if name in verdicts]
        if found:
            parts.append(f"{title}: {', '.join(found)}")
    return "; ".join(parts)


def measured_first(rows: Sequence[Row]) -> list[Row]:
    """What was measured before what was not, else in the given order."""
    return sorted(rows, key=lambda row: row.ours is None)


def claim_rows(judged: Sequence[Judged]) -> list[tuple[str, str, str, str, str]]:
    """A line for each claim: number, is it required, both verdicts, words."""
    return [
        (
            f"({each.claim.number})",
            "required" if each.claim.required else "",
            each.replicated,
            "" if each.finding is not None else each.in_direction,
            each.claim.words,
        )
        for each in judged
    ]


def markdown(judged: Sequence[Judged], runs: Sequence[Run], command: str) -> str:
    """The comparison as one markdown table, with a line for each run above it."""
    lines = [f"# {SOURCE} against our runs", "", f"Made by `{command}`.", ""]
    lines += [f"- {' '.join((run_text(run), *run.notes))}" for run in runs]
    lines += ["", _markdown_row(HEAD), _markdown_row(["---"] * len(HEAD))]
    for each in judged:
        name = f"({each.claim.number}) {each.claim.words}"
        if each.finding is not None:
            text = (each.claim.measured, "", "", "", each.finding.detail, "", each.replicated)
            lines.append(_markdown_row([name, *text]))
        for row in measured_first(each.rows):
            texts = cells(row)
            lines.append(_markdown_row([name, *(texts[column] for column in HEAD[1:])]))
    return "\n".join(lines) + "\n"


def _markdown_row(values: Sequence[str]) -> str:
    return f"| {' | '.join(value.replace('|', chr(92) + '|') for value in values)} |"


def run_text(run: Run) -> str:
    """A run in a sentence: what it is, and what it may stand beside."""
    text = "synthetic text (the village)" if run.synthetic else "real text"
    if run.synthetic:
        counts = "compared in direction only; it replicates no published number"
    elif run.benchmark not in tables.BENCHMARKS:
        counts = f"the paper has no number on {run.benchmark}: nothing to compare with"
    elif run.comparable and run.model in tables.MODELS:
        counts = f"a replication of {run.model} on {run.benchmark}"
    else:
        counts = f"compared in direction only with {run.benchmark} in print"
    return f"{run.name}: {text}; {counts}."


def score_cells(score: Score) -> dict[str, str]:
    """A published mean and ours as texts; empty where nothing was measured."""
    printed, ours = score.published, score.ours
    digits = printed.decimals
    interval = ""
    if ours is not None and ours.low is not None and ours.high is not None:
        interval = f"[{ours.low:.{digits}f}, {ours.high:.{digits}f}]"
    return {
        "table": str(printed.table),
        "system": f"{printed.model}, {printed.sampling}",
        "place": f"{printed.benchmark}, {printed.setting}, {printed.metric.replace('_', ' ')}",
        "published": f"{printed.value:.{digits}f}",
        "ours": "" if ours is None else f"{ours.estimate:.{digits}f}",
        "difference": "" if ours is None else f"{ours.estimate - printed.value:+.{digits}f}",
        "interval": interval,
        "over": "" if ours is None else over_text(ours),
    }


def page(
    judged: Sequence[Judged],
    runs: Sequence[Run],
    pictures: Sequence[Picture],
    command: str,
    versions: Mapping[str, str],
) -> str:
    """The page: claims, figures, comparisons, scores and errata; nothing from another host."""
    import jinja2

    from hbt.suite.export import page_style

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    context: dict[str, Any] = {
        "source": SOURCE,
        "command": command,
        "versions": versions,
        "runs": [(run_text(run), run.notes) for run in runs],
        "any_replication": any(
            row.run is not None and replicates(row.run, row.published[0])
            for each in judged
            for row in each.rows
        ),
        "judged": [
            (each, counted(each), [cells(row) for row in measured_first(each.rows)])
            for each in judged
        ],
        "pictures": [(each, base64.b64encode(each.png).decode("ascii")) for each in pictures],
        "scores": [score_cells(each) for each in published_scores(runs)],
        "errata": tables.errata(),
        "style": page_style(),
    }
    return template.render(context) + "\n"


def write(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """Write files, each whole or not at all.

    Raises:
        ValueError: the folder cannot be written to.
    """
    return [write_text(folder / name, text) for name, text in texts.items()]
