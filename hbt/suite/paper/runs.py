"""What was run, as the report sees it: a run answers for a contrast or a score, or says nothing.

A run is a folder of `hbt results` (`result_folders`) or the files of `hbt evaluate` on one
benchmark (`evaluation_runs`). On the command line each may have a label in front: `XLM-R=FOLDER`
says which of the paper's models a folder is of, `XLM-R:hybrid=FILE.json` says the sampling too.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hbt.suite.paper.claims import Contrast
from hbt.suite.paper.trained_on import Trained

LABELLED = "XLM-R:hybrid="
"""What stands before a file of `hbt evaluate`, as an example."""
# Names under which the paper's models are published; a folder's own name proves nothing.
KNOWN_MODELS = {
    "xlm-roberta-base": "XLM-R",
    "xlm-roberta-large": "XLM-R",
    "facebookai/xlm-roberta-base": "XLM-R",
    "facebookai/xlm-roberta-large": "XLM-R",
    "labse": "LaBSE",
    "sentence-transformers/labse": "LaBSE",
}


@dataclass(frozen=True)
class Measured:
    """A number that was measured.

    Attributes:
        estimate: mean over seeds.
        low, high: its 95 % interval; None where there is none.
        over: what the interval is over: "seeds and items", "items", "seeds", or empty.
        n_seeds: number of seeds behind it.
        seed_sd: standard deviation over seeds (n - 1); None where it is not known.
    """

    estimate: float
    low: float | None
    high: float | None
    over: str
    n_seeds: int
    seed_sd: float | None = None

    def __neg__(self) -> Measured:
        """The same difference the other way round."""
        low = None if self.high is None else -self.high
        high = None if self.low is None else -self.low
        return Measured(-self.estimate, low, high, self.over, self.n_seeds, self.seed_sd)


@dataclass(frozen=True)
class Run(ABC):
    """A run: what it is, and what it says when it is asked.

    Attributes:
        name: as the reader knows it.
        model: one of the paper's models, or what else was trained.
        benchmark: one of the paper's benchmarks, "village", or another name.
        synthetic: is its text made by a program?
        judges: do its verdicts count for a claim? Those of the smoke profile do not.
        comparable: are queries and pool those of the paper? Else only directions are compared.
        notes: what a reader must know, one sentence each.
        trained: the trainings behind it, one for each text that was trained on.
    """

    name: str
    model: str
    benchmark: str
    synthetic: bool
    judges: bool
    comparable: bool
    notes: tuple[str, ...]
    trained: tuple[Trained, ...]

    @abstractmethod
    def difference(self, contrast: Contrast) -> Measured | None:
        """First minus second; None where it was not measured."""

    @abstractmethod
    def score(self, sampling: str, setting: str, metric: str) -> Measured | None:
        """Mean over the languages of the benchmark; None where it was not measured."""


def read_runs(arguments: Sequence[str]) -> list[Run]:
    """The runs that the arguments of `hbt report` name.

    Args:
        arguments: folders of `hbt results` and JSON files of `hbt evaluate`, each with a label
            (`LABEL=PATH`) where it needs one. Files with equal labels are seeds, in that order.

    Raises:
        ValueError: something is not there, broken, or has no label where it needs one.
    """
    from hbt.suite.paper.evaluation_runs import read_evaluations
    from hbt.suite.paper.result_folders import read_folder

    runs: list[Run] = []
    files: list[tuple[str, Path]] = []
    for argument in arguments:
        label, path = _parted(argument)
        if path.is_dir():
            runs.append(read_folder(path, label))
        elif path.is_file():
            files.append((label, path))
        else:
            raise ValueError(f"{path}: there is no such file or folder")
    runs += read_evaluations(files)
    names = Counter(run.name for run in runs)
    double = [name for name, times in names.items() if times > 1]
    if double:
        raise ValueError(f"two runs have the name {double[0]!r}: rename a folder")
    return runs


def _parted(argument: str) -> tuple[str, Path]:
    label, equals, rest = argument.partition("=")
    if not equals or Path(argument).exists():
        return "", Path(argument)
    return label.strip(), Path(rest)


def known_model(name: str) -> str:
    """The paper's name of a published model, else the name as it is."""
    return KNOWN_MODELS.get(name.removeprefix("path:").lower(), name)


def number(text: object, place: str) -> float:
    """A finite number.

    Raises:
        ValueError: it is none; the message begins with `place`.
    """
    try:
        value = float(text) if not isinstance(text, bool) else math.nan
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{place} is {text!r}, not a number")
    return value
