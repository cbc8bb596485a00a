"""What a training did, step by step, and the two files in which it is kept.

`training.json` has the settings, the seconds and the memory; `steps.tsv` one line for every step:
step, kind, source, loss and the digest of the batch.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

LOG = "training.json"
STEPS = "steps.tsv"
DIGEST_LENGTH = 16  # hexadecimal digits kept of a digest; 64 bits do not agree by chance

Row = tuple[str, int, float, str]
"""Kind, source, loss and digest of a step."""


@dataclass(frozen=True)
class TrainingLog:
    """What a training did, step by step.

    Attributes:
        kind: kind of each step's batch, n_steps strings.
        source: int64 (n_steps,), index of the source that the batch came from.
        loss: float32 (n_steps,).
        digest: first 16 digits of the digest of each batch, n_steps strings.
        seconds: of the training loop, over all attempts.
        preparation_seconds: of tokenising and setting up, of the last attempt.
        peak_memory_mb: largest resident memory of the process so far.
        resumed_at: steps at which the training was taken up again.
    """

    kind: tuple[str, ...]
    source: np.ndarray
    loss: np.ndarray
    digest: tuple[str, ...]
    seconds: float
    preparation_seconds: float
    peak_memory_mb: float
    resumed_at: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.loss)

    def frame(self) -> pd.DataFrame:
        """Columns step, kind, source, loss, digest."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in ("kind", "source", "loss", "digest")}
        return pd.DataFrame({"step": np.arange(len(self)), **columns})

    def mean_loss(self, kind: str, last: int | None = None) -> float:
        """Mean loss over the (last) steps of a kind; nan if there are none."""
        values = self.loss[np.array([name == kind for name in self.kind])][-last if last else 0 :]
        return float(values.mean()) if len(values) else float("nan")

    def write(self, folder: Path, settings: dict[str, Any]) -> None:
        """Write `training.json` into a folder, beside the `steps.tsv` that is there."""
        content = {
            "settings": settings,
            "steps": len(self),
            "kinds": dict(Counter(self.kind)),
            "seconds": round(self.seconds, 3),
            "preparation_seconds": round(self.preparation_seconds, 3),
            "milliseconds_per_step": round(1000 * self.seconds / len(self), 3),
            "peak_memory_mb": round(self.peak_memory_mb, 1),
            "resumed_at": list(self.resumed_at),
        }
        write_json(folder / LOG, content)

    @classmethod
    def read(cls, folder: Path) -> TrainingLog:
        """The log of a finished training, from its folder."""
        content = json.loads((folder / LOG).read_text(encoding="utf-8"))
        rows = read_steps(folder / STEPS)
        names = ("seconds", "preparation_seconds", "peak_memory_mb")
        timings = {name: content[name] for name in names}
        return cls(**as_columns(rows), **timings, resumed_at=tuple(content["resumed_at"]))


def _line(step: int, row: Row) -> str:
    kind, source, loss, digest = row
    return f"{step}\t{kind}\t{source}\t{loss:.9g}\t{digest}\n"


def read_steps(path: Path, steps: int | None = None) -> list[Row]:
    """The rows of a `steps.tsv`, or those of the first steps; a line cut short is none.

    Raises:
        ValueError: a line is no row, or is not of its step.
    """
    content = path.read_text(encoding="utf-8")
    lines = content[: content.rfind("\n") + 1].splitlines()[1:]
    rows = []
    for number, line in enumerate(lines[:steps]):
        try:
            step, kind, source, loss, digest = line.split("\t")
            row = (kind, int(source), float(loss), digest)
        except ValueError:
            raise ValueError(f"{path}: line {number + 2} is no row of a step: {line!r}") from None
        if step != str(number):
            raise ValueError(f"{path}: line {number + 2} is of step {step}, not of {number}")
        rows.append(row)
    return rows


def append_steps(path: Path, first: int, rows: list[Row]) -> None:
    """Add the rows of the steps from the first on to a file that `cut_steps` has begun."""
    with path.open("a", encoding="utf-8") as stream:
        stream.writelines(_line(step, row) for step, row in enumerate(rows, first))


def cut_steps(path: Path, steps: int, write: bool = True) -> list[Row]:
    """The rows of the first steps, those before a checkpoint; cuts the file to them if asked to."""
    rows = read_steps(path, steps) if steps else []
    if not write:
        return rows
    content = "step\tkind\tsource\tloss\tdigest\n" + "".join(map(_line, range(steps), rows))
    _write(path, content)
    return rows


def as_columns(rows: list[Row]) -> dict[str, Any]:
    """The columns of a `TrainingLog`."""
    kind, source, loss, digest = zip(*rows, strict=True)
    return {
        "kind": kind,
        "source": np.array(source, dtype=np.int64),
        "loss": np.array(loss, dtype=np.float32),
        "digest": digest,
    }


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in MB (2**20 bytes)."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    _write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, content: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(content, encoding="utf-8")
    partial.replace(path)
