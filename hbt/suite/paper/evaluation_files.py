"""Files of `hbt evaluate` as the report reads them: means over cells, and scores of every query.

A cell is a query language with a pool. A mean is over cells, each with the same weight, as in the
paper; so it is in `hbt.evaluation` and `hbt.uncertainty`, which the scores of every query go to.
Where no question of a language has an answer in a pool there is no cell, and the mean is over the
others (`empty_cells`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hbt.evaluation import CROSS_LINGUAL, SETTINGS
from hbt.suite.paper.runs import number
from hbt.suite.tables import RANK_DISTANCE

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EvaluationFile:
    """One JSON file of `hbt evaluate`.

    Attributes:
        path: where it lies.
        content: what it holds.
    """

    path: Path
    content: dict[str, Any]

    @property
    def per_query(self) -> Path:
        """Where the scores of every query are, if they were written."""
        return self.path.with_suffix(".parquet")

    @property
    def languages(self) -> tuple[str, ...]:
        """The query languages."""
        return tuple(row["query_language"] for row in self.content["by_language"])

    def mean(self, setting: str, metric: str, languages: Sequence[str]) -> float | None:
        """Mean over the cells of some query languages, each with the same weight.

        None where a language is not in the file, or a cell has questions but no value.

        Raises:
            ValueError: a value is no number.
        """
        if not set(languages) <= set(self.languages):
            return None
        rows = self.distances() if metric == RANK_DISTANCE else self._cells(setting, metric)
        kept = [(row, value) for row, value in rows if row["query_language"] in languages]
        if not kept or any(value is None for _, value in kept):
            return None
        place = f"{self.path}: {{}} {setting} {metric}"
        values = [number(value, place.format(row["query_language"])) for row, value in kept]
        return float(np.mean(values))

    def _cells(self, setting: str, metric: str) -> list[tuple[dict[str, Any], Any]]:
        rows = self.content["by_pair"]
        return [(row, row.get(metric)) for row in rows if row["setting"] == setting]

    def distances(self) -> list[tuple[dict[str, Any], Any]]:
        """Rows of languages with their rank distance, where a query has two relevant passages."""
        if (self.content.get(RANK_DISTANCE) or {}).get("value") is None:
            return []  # not known, as for a run that is cut off
        rows = [(row, row.get(RANK_DISTANCE)) for row in self.content["by_language"]]
        return [(row, value) for row, value in rows if value is not None]


def empty_cells(file: EvaluationFile, languages: Sequence[str]) -> list[str]:
    """A sentence for each setting in which some cells have no question with an answer.

    Settings that have no cell at all were not asked about, as the cross-lingual one on MIRACL.
    """
    sentences = []
    for setting in SETTINGS:
        rows = [row for row in file.content["by_pair"] if row["setting"] == setting]
        found = sum(row["query_language"] in languages for row in rows)
        pools = len(file.content["languages"]) - 1 if setting == CROSS_LINGUAL else 1
        every = len(languages) * pools
        if 0 < found < every:
            sentences.append(
                f"{setting.capitalize()} means are over {found} of {every} pairs of a query "
                "language and a pool: in the others no question has an answer."
            )
    found = sum(row["query_language"] in languages for row, _ in file.distances())
    if 0 < found < len(languages):
        sentences.append(
            f"Rank distances are over {found} of {len(languages)} query languages: in the others "
            "no question has two answers."
        )
    return sentences


@functools.lru_cache(maxsize=16)
def frame(path: Path, setting: str) -> pd.DataFrame:
    """The scores of every query in a setting."""
    import pandas as pd

    try:
        return pd.read_parquet(path, filters=[("setting", "==", setting)])
    except (OSError, ValueError) as error:  # what its reader raises for broken files is one of them
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} cannot be read: {reason}") from error


def read_file(path: Path) -> EvaluationFile:
    """One file.

    Raises:
        ValueError: it cannot be read, or lacks what `hbt evaluate` writes.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path} cannot be read: {reason}") from error
    kinds = {
        "benchmark": str,
        "n_queries": int,
        "n_passages": int,
        "by_language": list,
        "by_pair": list,
    }
    for field, kind in kinds.items():
        if not isinstance(content, dict) or not isinstance(content.get(field), kind):
            raise ValueError(f"{path} has no {field}: it is no file that `hbt evaluate` wrote")
    for row in content["by_language"]:
        if not (
            isinstance(row, dict)
            and isinstance(row.get("query_language"), str)
            and isinstance(row.get("n_queries"), int)
        ):
            raise ValueError(f"{path}: a row of by_language lacks query_language or n_queries")
    for row in content["by_pair"]:
        if not (isinstance(row, dict) and {"setting", "query_language"} <= set(row)):
            raise ValueError(f"{path}: a row of by_pair lacks setting or query_language")
    return EvaluationFile(path, content)
