"""Does a run's record agree with its plan? Replay the plan and look at every batch.

A training keeps the arguments of its plan, what the plan draws from, and a digest per step. From
the first two every batch can be made again, on any machine, and compared with the third; what was
in the batches is counted on the way.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hbt.sampling import PLAN_VERSION, Plan, PlanSettings
from hbt.suite.train import TRAINING
from hbt.training_folder import LAYOUT, SETTINGS, read_layout
from hbt.training_log import DIGEST_LENGTH, LOG, STEPS, Row, read_steps

_SHOWN = 12  # language pairs in the text; all of them are in the JSON


@dataclass
class Audit:
    """What a run's batches were, by replay.

    Attributes:
        folder: of the run.
        arguments: of its plan, as stored.
        planned, recorded: steps that the run was to make, and that its record has.
        faults: what disagrees, one sentence each; empty for a sound run.
        kinds, sources: name -> batches.
        languages: query language and passage language -> examples, by their codes.
        clashes: batches in which a passage id comes twice.
    """

    folder: Path
    arguments: dict[str, Any]
    planned: int
    recorded: int
    faults: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    languages: Counter[tuple[str, str]] = field(default_factory=Counter)
    clashes: int = 0

    def plain(self) -> dict[str, Any]:
        """The audit as JSON writes it."""
        return {
            "plan": self.arguments,
            "planned": self.planned,
            "recorded": self.recorded,
            "faults": self.faults,
            "kinds": dict(self.kinds),
            "sources": dict(self.sources),
            "pairs": {f"{query} {passage}": n for (query, passage), n in _sorted(self.languages)},
            "clashes": self.clashes,
        }


def audit(folder: Path) -> Audit:
    """Replay the plan of a run and compare it with the record.

    Args:
        folder: written by `hbt.training.finetune`, finished or not, as a fine-tuning stage of the
            cache; or the outputs of `hbt train`, whose training is looked at.

    Raises:
        ValueError: the folder holds no run, a file of it cannot be read, or another version of the
            plan made it.
    """
    if not (folder / SETTINGS).exists() and (folder / TRAINING / SETTINGS).is_file():
        folder = folder / TRAINING
    settings = _settings(folder)
    arguments = dict(settings["plan"])
    result = Audit(folder, settings["plan"], int(settings["steps"]), 0)
    version, digest = arguments.pop("plan_version"), arguments.pop("layout")
    if version != PLAN_VERSION:
        raise ValueError(
            f"{folder / SETTINGS}: plan_version is {version}, and this package makes {PLAN_VERSION}"
        )
    rows = _record(folder)
    result.recorded = len(rows)
    layout = read_layout(folder)
    if layout.digest() != digest:
        result.faults.append(f"{LAYOUT} is not what the plan was made of (digest {digest[:16]})")
        return result
    if (folder / LOG).exists() and len(rows) != result.planned:
        result.faults.append(f"{STEPS} has {len(rows)} steps of a finished run of {result.planned}")
    _replay(result, Plan(PlanSettings(**arguments), layout), rows)
    return result


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path} is missing: {folder} is no folder of a fine-tuning") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error})") from error
    names = {"plan_version", "layout", *(item.name for item in dataclasses.fields(PlanSettings))}
    plan = content.get("plan") if isinstance(content, dict) else None
    if not isinstance(plan, dict) or set(plan) != names or "steps" not in content:
        raise ValueError(f"{path}: plan has not the arguments of a plan; is it of a fine-tuning?")
    return content


def _record(folder: Path) -> list[Row]:
    path = folder / STEPS
    try:
        return read_steps(path)
    except FileNotFoundError:
        return []  # stopped before the first step
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error})") from error


def _replay(result: Audit, plan: Plan, rows: Iterable[Row]) -> None:
    layout = plan.layout
    size = len(layout.languages)
    pairs = np.zeros(size * size, dtype=np.int64)
    for step, (kind, source, _, digest) in enumerate(rows):
        batch = plan(step)
        for name, stored, made in (
            ("kind", kind, batch.kind),
            ("source", source, batch.source),
            ("digest", digest, batch.digest()[:DIGEST_LENGTH]),
        ):
            if stored != made:
                result.faults.append(f"step {step}: {name} is {stored}, and the plan has {made}")
        result.kinds[batch.kind] += 1
        result.sources[layout.source_names[batch.source]] += 1
        pair = batch.query_language * size + batch.passage_language
        pairs += np.bincount(pair, minlength=len(pairs))
        passages = batch.item if layout.passage_id is None else layout.passage_id[batch.item]
        result.clashes += len(np.unique(passages)) < len(batch)
    for pair in np.flatnonzero(pairs):
        query, passage = divmod(int(pair), size)
        result.languages[layout.languages[query], layout.languages[passage]] = int(pairs[pair])


def text(result: Audit) -> str:
    """The audit as lines for the terminal."""
    plan = result.arguments
    own = {pair: n for pair, n in result.languages.items() if pair[0] == pair[1]}
    lines = [
        f"{result.folder}",
        f"plan: {plan['sampling']}, alpha {plan['alpha']}, {plan['batch_size']} examples a batch, "
        f"order {plan['order']}, seed {plan['seed']}",
        f"steps: {result.recorded:,} recorded of {result.planned:,}",
        f"kinds: {_shares(result.kinds)}",
        f"sources: {_shares(result.sources)}",
        f"examples within a language: {_shares(Counter({a: n for (a, _), n in own.items()}))}",
        f"examples across languages: {_across(result.languages)}",
        f"batches with a passage twice: {result.clashes}",
    ]
    lines += result.faults[:_SHOWN]
    if len(result.faults) > _SHOWN:
        lines.append(f"... and {len(result.faults) - _SHOWN} more")
    if not result.recorded:
        lines.append("no step is recorded: there was nothing to compare")
    elif not result.faults:
        lines.append("every recorded step is what the plan makes")
    return "\n".join(lines)


def _across(languages: Counter[tuple[str, str]]) -> str:
    across = Counter({f"{a} {b}": n for (a, b), n in languages.items() if a != b})
    return f"{len(across)} pairs; {_shares(across)}" if across else "none"


def _shares(counts: Counter[str]) -> str:
    total = counts.total()
    shown = [f"{name} {n:,} ({n / total:.1%})" for name, n in _sorted(counts)[:_SHOWN]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "") if counts else "none"


def _sorted(counts: Counter) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
