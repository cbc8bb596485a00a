"""The paper's claims as values, read from claims.toml: what is compared, and which sign is claimed.

A claim about scores is a list of comparisons, one for each model, benchmark and setting. A claim
about data or method names a check, a function of `hbt.suite.paper.checks`.
"""

from __future__ import annotations

import functools
import itertools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbt.suite.paper import tables

FILE = Path(__file__).with_name("claims.toml")
SIGNS = {"+": 1, "-": -1}


@dataclass(frozen=True)
class Contrast:
    """First minus second, and the sign that is claimed for it.

    Attributes:
        first, second: samplings.
        metric: as in `hbt.suite.paper.tables.Published`.
        setting: "monolingual", "cross-lingual" or "multilingual".
        languages: query languages it is about; empty for all.
        sign: 1 or -1.
    """

    first: str
    second: str
    metric: str
    setting: str
    languages: tuple[str, ...]
    sign: int

    def __str__(self) -> str:
        """As a reader says it: "hybrid minus X-Y, multilingual mAP (el, vi)"."""
        only = f" ({', '.join(self.languages)})" if self.languages else ""
        metric = self.metric.replace("_", " ")
        return f"{self.first} minus {self.second}, {self.setting} {metric}{only}"


@dataclass(frozen=True)
class Comparison:
    """A contrast on one of the paper's models and benchmarks."""

    contrast: Contrast
    model: str
    benchmark: str

    @property
    def published(self) -> float:
        """First minus second in the published tables by language."""
        first, second = self.scores
        return first - second

    @property
    def scores(self) -> tuple[float, float]:
        """The published scores of first and second.

        Raises:
            ValueError: no table prints them.
        """
        found = [
            tables.score(
                self.model,
                sampling,
                self.benchmark,
                self.contrast.setting,
                self.contrast.metric,
                self.contrast.languages,
            )
            for sampling in (self.contrast.first, self.contrast.second)
        ]
        if found[0] is None or found[1] is None:
            raise ValueError(f"no table has {self.contrast} of {self.model} on {self.benchmark}")
        return found[0], found[1]


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        number: "1" to "11", or "a" to "f".
        words: the claim in our words.
        source: where the paper makes it.
        measured: how it is measured here.
        required: does a run that disagrees fail the report?
        comparisons: what is compared; empty for a claim that a check tests.
        check: name of a function of `hbt.suite.paper.checks`, or empty.
    """

    number: str
    words: str
    source: str
    measured: str
    required: bool
    comparisons: tuple[Comparison, ...]
    check: str


@functools.cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of the file."""
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(_claim(each) for each in content["claim"])


def _claim(entry: dict[str, Any]) -> Claim:
    expanded = [_expanded(each) for each in entry.get("comparison", ())]
    return Claim(
        number=entry["number"],
        words=entry["words"],
        source=entry["source"],
        measured=entry["measured"],
        required=entry["required"],
        comparisons=tuple(itertools.chain.from_iterable(expanded)),
        check=entry.get("check", ""),
    )


def _expanded(entry: dict[str, Any]) -> list[Comparison]:
    """Every combination of the lists of an entry, for each of the paper's models."""
    return [
        Comparison(
            Contrast(
                first=first,
                second=second,
                metric=entry["metric"],
                setting=setting,
                languages=tuple(entry.get("languages", ())),
                sign=SIGNS[entry["sign"]],
            ),
            model=model,
            benchmark=benchmark,
        )
        for model, benchmark, setting, first, second in itertools.product(
            tables.MODELS, entry["benchmark"], entry["setting"], entry["first"], entry["second"]
        )
    ]
