"""How the batches of a plan are drawn: the choices, and their names."""

from __future__ import annotations

import numbers
import sys
from dataclasses import dataclass

SAMPLINGS = ("X-X-mono", "X-Y", "hybrid", "X-X")
ORDERS = ("passes", "independent")
PAIR_DRAWS = ("item-first", "pair-first")

MONOLINGUAL = "monolingual"
CROSS_LINGUAL = "cross-lingual"
MIXED = "mixed"
"""Kinds of batches; a mixed one has monolingual examples of several languages."""


@dataclass(frozen=True)
class PlanSettings:
    """How batches are drawn; with an `ItemLayout`, all that a plan depends on.

    Attributes:
        sampling: one of `SAMPLINGS`.
        alpha: probability of a monolingual batch; used by hybrid only.
        batch_size: examples in a batch, over all processes.
        seed: 0 to 2**64 - 1.
        order: "passes": every item of a stream comes once before any comes again, in a new
            random order each pass; the items left over when no batch can be filled are dropped,
            others each pass. "independent": each batch is drawn anew.
        language_temperature: a monolingual batch of a source is of a language with probability
            proportional to n ** t, n being the source's items that have it; 0 is uniform.
        source_temperature: a batch is of a source with probability proportional to n ** t, n being
            the source's items that batches of the kind can use: all for a monolingual batch,
            those in two or more languages for a cross-lingual one.
        pair_draw: for X-Y and hybrid. "item-first": draw the item, then one of the ordered pairs
            of languages that it has, all equally likely. "pair-first": draw one of the
            source's ordered pairs, all equally likely, then an item that has it; items with few
            languages, and items of rare languages, are then used unequally. So no pass exists,
            and unless `one_pair_per_batch` the order must be "independent".
        one_pair_per_batch: for X-Y and hybrid: all examples of a cross-lingual batch have one
            language pair, drawn with the probability that `pair_draw` gives to an example.

    Raises:
        ValueError: a value is not one of those named here.
    """

    sampling: str = "hybrid"
    alpha: float = 0.5
    batch_size: int = 64
    seed: int = 0
    order: str = "passes"
    language_temperature: float = 0.0
    source_temperature: float = 1.0
    pair_draw: str = "item-first"
    one_pair_per_batch: bool = False

    def __post_init__(self) -> None:
        for name, known in (("sampling", SAMPLINGS), ("order", ORDERS), ("pair_draw", PAIR_DRAWS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {known}")
        self._check_number("alpha", float, 0, 1)
        self._check_number("batch_size", int, 1, 2**32)
        self._check_number("seed", int, 0, 2**64 - 1)
        self._check_number("language_temperature", float, 0, sys.float_info.max)
        self._check_number("source_temperature", float, 0, sys.float_info.max)
        if not isinstance(self.one_pair_per_batch, bool):
            raise ValueError(
                f"one_pair_per_batch is {self.one_pair_per_batch!r}, not true or false"
            )
        if self.order == "passes" and self.pair_before_item:
            raise ValueError(
                "pair_draw 'pair-first' uses items unequally, so it has no passes: "
                "take order 'independent' or one_pair_per_batch"
            )

    def _check_number(self, name: str, kind: type, low: int, high: float) -> None:
        """Check a number and make it plain, so that equal settings also look equal in a file."""
        value = getattr(self, name)
        fits = numbers.Integral if kind is int else numbers.Real
        if not isinstance(value, fits) or isinstance(value, bool) or not low <= value <= high:
            whole = "a whole number" if kind is int else "a number"
            raise ValueError(f"{name} is {value!r}, not {whole} from {low} to {high}")
        object.__setattr__(self, name, kind(value))

    @property
    def pair_before_item(self) -> bool:
        """Does each example of a cross-lingual batch draw its language pair before its item?"""
        crosses = self.sampling in ("X-Y", "hybrid")
        return crosses and self.pair_draw == "pair-first" and not self.one_pair_per_batch

    def kinds(self) -> dict[str, float]:
        """The kinds of batches that can come, with their probabilities."""
        if self.sampling == "X-X":
            return {MIXED: 1.0}
        alpha = {"X-X-mono": 1.0, "X-Y": 0.0, "hybrid": self.alpha}[self.sampling]
        both = {MONOLINGUAL: alpha, CROSS_LINGUAL: 1.0 - alpha}
        return {kind: probability for kind, probability in both.items() if probability > 0}
