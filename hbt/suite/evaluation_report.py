"""What `hbt evaluate` shows and writes: a table for the terminal, plain values for JSON.

A value that is not known is None, and a sentence beside it, under `reasons`, says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hbt.evaluation import SETTINGS
from hbt.suite.evaluate import METRICS, TOP_K, Outcome
from hbt.suite.report import duration_text, format_table

if TYPE_CHECKING:
    from pandas import DataFrame


def report_values(outcome: Outcome) -> dict[str, Any]:
    """The result as plain values: numbers, texts, None, lists and dictionaries."""
    benchmark, evaluation = outcome.benchmark, outcome.evaluation
    scores, bias = evaluation.scores, bias_block(outcome)
    distance = bias["measures"].pop("rank_distance")
    return {
        "benchmark": benchmark.name,
        "benchmark_sha256": benchmark.digest(),
        "languages": list(benchmark.languages),
        "n_queries": len(benchmark.query_texts),
        "n_passages": len(benchmark.passage_texts),
        "n_relevant": len(benchmark.relevant_query),
        "system": {"kind": outcome.system.kind, "source": outcome.system.source}
        | ({} if outcome.encoder is None else {"encoder": outcome.encoder}),
        "settings": {setting: _means(scores[scores["setting"] == setting]) for setting in SETTINGS},
        "reasons": _reasons(scores),
        "rank_distance": distance,
        "bias": bias,
        "by_language": _by_language(outcome, distance["by_query_language"] or {}),
        "by_pair": _by_pair(scores),
        "ties": evaluation.ties,
        "seconds": round(outcome.seconds, 3),
    }


def bias_block(outcome: Outcome) -> dict[str, Any]:
    """What `hbt.bias.summary` says of bias, without what the report says itself."""
    from hbt.bias import summary

    found = summary(outcome.benchmark, outcome.counts, outcome.scores, TOP_K, listed=outcome.listed)
    if outcome.scores is None:
        reason = "needs the scores of passages that the run does not list"
        found["measures"]["mean_rank_correlation"]["reason"] = reason
    return {key: found[key] for key in ("k", "ties", "measures", "language_mix", "removal")}


def _means(scores: DataFrame) -> dict[str, float | None]:
    """Metric -> mean over the cells, each with the same weight; None where one is not known."""
    return {
        metric: _plain(scores["value"][scores["metric"] == metric].to_numpy()) for metric in METRICS
    }


def _plain(values: np.ndarray) -> float | None:
    mean = values.mean() if len(values) else np.nan
    return None if np.isnan(mean) else float(mean)


def _reasons(scores: DataFrame) -> dict[str, dict[str, str]]:
    """Setting -> metric -> why it is not known."""
    reasons: dict[str, dict[str, str]] = {}
    for setting in SETTINGS:
        of_setting = scores[scores["setting"] == setting]
        for metric in METRICS:
            rows = of_setting[of_setting["metric"] == metric]
            if not len(rows):
                why = "no query has a relevant passage in such a pool"
            elif rows["value"].isna().any():
                n_unknown, n_all = int(rows["n_unknown"].sum()), int(rows["n_queries"].sum())
                why = f"{_needs(metric)}; the run lists less for {n_unknown} of {n_all} rankings"
            else:
                continue
            reasons.setdefault(setting, {})[metric] = why
    return reasons


def _needs(metric: str) -> str:
    name, _, k = metric.partition("@")
    if name == "MRR":
        return "needs one relevant passage of the pool"
    if not k:
        return "needs the ranks of all relevant passages of the pool"
    top = f"needs the first {k} passages of the pool" if k != "1" else "needs the first passage"
    return f"{top}, or {'one relevant one' if name == 'Success' else 'all relevant ones'}"


def _by_language(outcome: Outcome, distances: dict[str, float | None]) -> list[dict[str, Any]]:
    """One row for each query language, each setting a mean over its cells."""
    scores, benchmark = outcome.evaluation.scores, outcome.benchmark
    rows = []
    for column, language in enumerate(benchmark.languages):
        of_language = scores[scores["query_language"] == language]
        if len(of_language):
            row: dict[str, Any] = {
                "query_language": language,
                "n_queries": int((benchmark.query_language == column).sum()),
            }
            for setting in SETTINGS:
                row[setting] = _means(of_language[of_language["setting"] == setting])
            rows.append(row | {"rank_distance": distances.get(language)})
    return rows


def _by_pair(scores: DataFrame) -> list[dict[str, Any]]:
    """One row for each cell: a query language and a pool."""
    keys = ["setting", "query_language", "passage_language", "n_queries"]
    rows = []
    for key, cell in scores.groupby(keys, sort=False):
        row = dict(zip(keys, key, strict=True)) | {"n_queries": int(key[-1])}
        values = dict(zip(cell["metric"], cell["value"].astype(float), strict=True))
        rows.append(row | {name: None if np.isnan(v) else v for name, v in values.items()})
    return rows


def report_text(values: dict[str, Any]) -> str:
    """The result as tables for the terminal."""
    system = values["system"]
    title = (
        f"{values['benchmark']}: {values['n_queries']} queries, {values['n_passages']} passages, "
        f"{len(values['languages'])} languages; {system['kind']} {system['source']}".rstrip()
    )
    settings = [
        (setting, *(_number(values["settings"][setting][metric]) for metric in METRICS))
        for setting in SETTINGS
    ]
    parts = [
        title if "encoder" not in system else f"{title}\n{_encoder_text(system['encoder'])}",
        format_table(("setting", *METRICS), settings, right=range(1, len(METRICS) + 1)),
        _language_table(values),
        _bias_table(values),
        *_remarks(values),
        f"ties: {values['ties']}; {duration_text(values['seconds'])}",
    ]
    return "\n\n".join(parts)


def _encoder_text(encoder: dict[str, Any]) -> str:
    prefixes = [f"{name} prefix {encoder[f'{name}_prefix']!r}" for name in ("query", "passage")]
    pooling = f"{encoder['pooling']} pooling" if encoder["pooling"] else "no pooling"
    length = encoder["max_length"]
    length = "texts whole" if length is None else f"{length} tokens of a text at most"
    return f"read with {', '.join(prefixes)}, {pooling}, {length}"


def _language_table(values: dict[str, Any]) -> str:
    head = ("query language", "queries", *(f"{name} mAP" for name in SETTINGS), "rank distance")
    rows = [
        (
            row["query_language"],
            str(row["n_queries"]),
            *(_number(row[setting]["mAP"]) for setting in SETTINGS),
            _number(row["rank_distance"], 1),
        )
        for row in values["by_language"]
    ]
    return format_table(head, rows, right=range(1, len(head)))


def _bias_table(values: dict[str, Any]) -> str:
    rows = []
    for title, found in _measures(values):
        by_language = [v for v in (found["by_query_language"] or {}).values() if v is not None]
        extremes = [_short(min(by_language)), _short(max(by_language))] if by_language else ["", ""]
        rows.append((title, _short(found["value"]), *extremes))
    head = ("bias", "mean of languages", "lowest language", "highest language")
    return format_table(head, rows, right=(1, 2, 3))


def _measures(values: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Each measure of bias with its title: its name, and the k that it looks at."""
    measures = {"rank_distance": values["rank_distance"], **values["bias"]["measures"]}
    return [
        (f"{name}@{found['k']}" if "k" in found else name, found)
        for name, found in measures.items()
    ]


def _remarks(values: dict[str, Any]) -> list[str]:
    """What to know before the numbers are read."""
    lines = []
    if share := values["bias"]["ties"]["share"]:
        lines.append(f"{share:.1%} of the relevant passages have a score that another has too")
    distance = values["rank_distance"]
    if distance.get("note"):
        lines.append(f"rank distance: {distance['note']}")
    if distance.get("by_ties") and not distance["interpret"]:
        average = distance["by_ties"]["average"]
        lines.append(f"rank distance with the mean of the ranks of each tie: {average:.1f}")
    why: dict[str, list[str]] = {}
    for title, found in _measures(values):
        if found["reason"]:
            why.setdefault(found["reason"], []).append(title)
    for setting, found in values["reasons"].items():
        for metric, reason in found.items():
            why.setdefault(reason, []).append(f"{setting} {metric}")
    lines += [f"not known: {', '.join(names)}: {reason}" for reason, names in why.items()]
    return ["\n".join(lines)] if lines else []


def _number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _short(value: float | None) -> str:
    """Four digits of a measure, whatever its size."""
    return "-" if value is None else f"{value:.1f}" if abs(value) >= 100 else f"{value:.3f}"
