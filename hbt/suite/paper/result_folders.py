"""A folder of `hbt results` as a run: its scores and differences, checked line by line."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbt.encoders import KINDS
from hbt.suite.paper.claims import Contrast
from hbt.suite.paper.runs import LABELLED, Measured, Run, known_model, number
from hbt.suite.paper.trained_on import TRAIN_FILE, of_results, read_train_file

COLUMNS = ("setting", "metric", "estimate", "low", "high", "over", "n_seeds")
OVER = ("seeds and items", "items")
BENCHMARKS = {"village": "village", "real": "XQuAD-R"}  # the test of each world

Table = dict[tuple[str, str, str], Measured]  # system or difference, setting, metric


@dataclass(frozen=True)
class FolderRun(Run):
    """A run of a folder; its scores are over all languages only.

    Attributes beside those of `Run`:
        scores, differences: as the folder's tables have them.
    """

    scores: Table
    differences: Table

    def difference(self, contrast: Contrast) -> Measured | None:
        """First minus second; None where the folder has no such line."""
        if contrast.languages:
            return None
        place = (contrast.setting, contrast.metric)
        found = self.differences.get((f"{contrast.first} minus {contrast.second}", *place))
        if found is not None:
            return found
        reverse = self.differences.get((f"{contrast.second} minus {contrast.first}", *place))
        return None if reverse is None else -reverse

    def score(self, sampling: str, setting: str, metric: str) -> Measured | None:
        """Mean over languages; None where the folder has no such line."""
        return self.scores.get((sampling, setting, metric))


def read_folder(folder: Path, label: str = "") -> FolderRun:
    """The run of a folder with run.json, samplings.csv and differences.csv.

    Args:
        folder: what `hbt results --out` wrote.
        label: the model it is of; read from run.json where not given.

    Raises:
        ValueError: a file is missing or broken; the message names file, line and field.
    """
    run = _run_file(folder / "run.json")
    data, encoder, profile = (
        _text(run, folder, *keys)
        for keys in (
            ("profile", "base", "world", "data"),
            ("profile", "base", "encoder", "kind"),
            ("profile", "name"),
        )
    )
    if data not in BENCHMARKS:
        raise ValueError(f"{folder / 'run.json'}: data {data!r} is none of village, real")
    if label and encoder in KINDS:
        raise ValueError(f"{folder} is of the encoder {encoder}, made from scratch: not {label}")
    differences = read_table(folder / "differences.csv", "difference")
    notes = []
    if trained_on := run["profile"]["base"]["world"].get("training"):
        notes.append(f"Fine-tuned on {trained_on} alone; the paper trains on other sets, too.")
    if profile == "smoke":
        notes.append("The smoke profile only proves that all runs: its numbers judge no claim.")
    if any(each.over == "items" for each in differences.values()):
        notes.append("Fewer than five seeds: its intervals are over items only.")
    return FolderRun(
        name=f"{folder.resolve().name} ({data}, {encoder.removeprefix('path:')}, {profile})",
        model=label or known_model(encoder),
        benchmark=BENCHMARKS[data],
        synthetic=data == "village",
        judges=profile != "smoke",
        comparable=data == "real",
        notes=tuple(notes),
        trained=(of_results(run, folder / "run.json"),),
        scores=read_table(folder / "samplings.csv", "system"),
        differences=differences,
    )


def read_table(path: Path, first: str) -> Table:
    """A table of intervals: (first column, setting, metric) -> number.

    Args:
        path: a CSV file with `COLUMNS`, and seed_sd where it is known.
        first: the column that names the row, "system" or "difference".

    Raises:
        ValueError: it is missing or broken.
    """
    table: Table = {}
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            missing = [name for name in (first, *COLUMNS) if name not in (reader.fieldnames or ())]
            if missing:
                raise ValueError(f"{path} has no column {missing[0]!r}")
            for record in reader:
                place = f"{path}, line {reader.line_num}"
                key = (record[first], record["setting"], record["metric"])
                if None in record or None in record.values():
                    raise ValueError(f"{place} has not as many fields as the first line")
                if key in table:
                    raise ValueError(f"{place}: {', '.join(key)} comes a second time")
                table[key] = _measured(record, place)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read: {_reason(error)}") from error
    if not table:
        raise ValueError(f"{path} has no line below its first")
    return table


def _measured(record: dict[str, str], place: str) -> Measured:
    value = {"estimate": number(record["estimate"], f"{place}: estimate")}
    for name in ("low", "high", "seed_sd"):
        text = record.get(name) or ""
        value[name] = number(text, f"{place}: {name}") if text else None
    low, high = value["low"], value["high"]
    if (low is None) != (high is None) or (low is not None and low > high):
        raise ValueError(f"{place}: low {record['low']!r} and high {record['high']!r} do not fit")
    n_seeds = number(record["n_seeds"], f"{place}: n_seeds")
    if n_seeds < 1 or n_seeds != int(n_seeds):
        raise ValueError(f"{place}: n_seeds is {record['n_seeds']!r}, not a whole number above 0")
    if record["over"] not in OVER:
        raise ValueError(f"{place}: over is {record['over']!r}, not one of {', '.join(OVER)}")
    return Measured(value["estimate"], low, high, record["over"], int(n_seeds), value["seed_sd"])


def _run_file(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(
            f"{path.parent} has no run.json: it is no folder that `hbt results` wrote"
            + _files_hint(path.parent)
        ) from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {_reason(error)}") from error


def _files_hint(folder: Path) -> str:
    """How to name the evaluations that lie in a folder; empty where there are none."""
    label = LABELLED
    if (folder / TRAIN_FILE).is_file():
        content = read_train_file(folder)
        label = f"XLM-R:{content['config']['sampling']['sampling']}="
        names = [each for each in content.get("files") or () if Path(each).suffix == ".json"]
        names = [each for each in names if "mteb" not in Path(each).parts]
    else:
        names = sorted(each.name for each in folder.glob("*.json"))
    if not names:
        return ""
    return f"; name files of `hbt evaluate` one by one, as in {label}{folder / names[0]}"


def _text(run: Any, folder: Path, *keys: str) -> str:
    for key in keys:
        run = run.get(key) if isinstance(run, dict) else None
    if not isinstance(run, str):
        raise ValueError(f"{folder / 'run.json'} has no text at {'.'.join(keys)}")
    return run


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
