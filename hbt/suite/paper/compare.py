"""Verdicts: what the interval of our difference says about the sign that the paper claims.

| verdict | when |
| --- | --- |
| agree | the interval lies on the claimed side of zero |
| within noise | the interval holds zero |
| disagree | the interval lies on the other side |
| no interval | measured, but with fewer than five seeds and without scores by query |
| not run | there is no such number; the cell stays empty |

A **replication** is a run of the same model on the same benchmark with the same pool. Everything
else, another encoder or the synthetic village, is compared in **direction** alone: it never stands
for a published number. A claim is as good as the worst of its measured comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hbt.suite.paper import tables
from hbt.suite.paper.checks import CHECKS, Finding, Given
from hbt.suite.paper.claims import Claim, Comparison, Contrast
from hbt.suite.paper.runs import Measured, Run

AGREE, NOISE, DISAGREE = "agree", "within noise", "disagree"
NO_INTERVAL, NOT_RUN = "no interval", "not run"
WORST_FIRST = (DISAGREE, NOISE, NO_INTERVAL, AGREE)
PARALLEL = ("XQuAD-R", "MLQA-R")  # the benchmarks that the village has the shape of


@dataclass(frozen=True)
class Row:
    """One contrast, the published differences it stands beside, and what a run measured.

    Attributes:
        contrast: what is compared.
        published: the comparisons in print; one for a replication.
        run: the run; None where there is none.
        ours: what it measured; None where it did not.
    """

    contrast: Contrast
    published: tuple[Comparison, ...]
    run: Run | None
    ours: Measured | None

    @property
    def is_replication(self) -> bool:
        """Is it about one published number, and not about its direction alone?"""
        return self.run is None or replicates(self.run, self.published[0])

    @property
    def verdict(self) -> str:
        """What the interval says about the claimed sign."""
        return verdict(self.ours, self.contrast.sign)


@dataclass(frozen=True)
class Judged:
    """A claim with everything that was found about it.

    Attributes:
        claim: the claim.
        rows: its comparisons; empty for a claim that a check tests.
        finding: what the check found; None for a claim about scores.
    """

    claim: Claim
    rows: tuple[Row, ...]
    finding: Finding | None

    @property
    def judging(self) -> list[Row]:
        """The rows that count for the claim."""
        return [row for row in self.rows if row.run is None or row.run.judges]

    @property
    def replicated(self) -> str:
        """The verdict of replications, or of the check."""
        if self.finding is not None:
            return {True: AGREE, False: DISAGREE, None: NOT_RUN}[self.finding.holds]
        return worst(row.verdict for row in self.judging if row.is_replication)

    @property
    def in_direction(self) -> str:
        """The verdict of all other runs."""
        return worst(row.verdict for row in self.judging if not row.is_replication)

    @property
    def fails(self) -> bool:
        """Is it required, and does something disagree?"""
        return self.claim.required and DISAGREE in (self.replicated, self.in_direction)


@dataclass(frozen=True)
class Score:
    """A published mean with what a replication measured, if anything."""

    published: tables.Published
    run: Run | None
    ours: Measured | None


def verdict(ours: Measured | None, sign: int) -> str:
    """What an interval says about a claimed sign; see the table on top.

    Args:
        ours: the difference with its interval.
        sign: 1 or -1, what is claimed.
    """
    if ours is None:
        return NOT_RUN
    if ours.low is None or ours.high is None:
        return NO_INTERVAL
    if ours.low <= 0 <= ours.high:
        return NOISE
    return AGREE if (ours.low > 0) == (sign > 0) else DISAGREE


def worst(verdicts: Iterable[str]) -> str:
    """The verdict of a claim: the worst of those that were measured, "not run" if none was."""
    found = set(verdicts)
    return next((each for each in WORST_FIRST if each in found), NOT_RUN)


def replicates(run: Run, comparison: Comparison) -> bool:
    """Is it the same model on the same benchmark, with the same queries and pool?"""
    return (
        run.comparable
        and not run.synthetic
        and (run.model, run.benchmark) == (comparison.model, comparison.benchmark)
    )


def points_at(run: Run, comparison: Comparison) -> bool:
    """May the run's direction be put beside a published one, without being a replication of it?

    The village stands beside XQuAD-R and MLQA-R, whose shape it has. Other text stands beside its
    own benchmark, unless it is of the other of the paper's two models.
    """
    if run.synthetic:
        return comparison.benchmark in PARALLEL
    other_model = run.model in tables.MODELS and run.model != comparison.model
    return (
        run.benchmark == comparison.benchmark
        and not other_model
        and not replicates(run, comparison)
    )


def judge(claims: Sequence[Claim], given: Given) -> list[Judged]:
    """Every claim with its rows or its check's finding."""
    return [
        Judged(
            claim=claim,
            rows=tuple(_rows(claim.comparisons, given.runs)),
            finding=CHECKS[claim.check](given) if claim.check else None,
        )
        for claim in claims
    ]


def _rows(comparisons: Sequence[Comparison], runs: Sequence[Run]) -> Iterable[Row]:
    """First the published comparisons, each with its replications, then directions by run."""
    for comparison in comparisons:
        found = [run for run in runs if replicates(run, comparison)]
        for run in found or [None]:
            ours = None if run is None else run.difference(comparison.contrast)
            yield Row(comparison.contrast, (comparison,), run, ours)
    for run in runs:
        beside: dict[Contrast, list[Comparison]] = {}
        for comparison in comparisons:
            if points_at(run, comparison):
                beside.setdefault(comparison.contrast, []).append(comparison)
        for contrast, published in beside.items():
            yield Row(contrast, tuple(published), run, run.difference(contrast))


def published_scores(runs: Sequence[Run]) -> list[Score]:
    """Every mean in print, with ours beside it where a run is a replication of it."""
    rows = []
    for printed in tables.published():
        if printed.table in tables.BY_LANGUAGE and printed.language == tables.MEAN:
            found = [
                run
                for run in runs
                if run.comparable
                and (run.model, run.benchmark) == (printed.model, printed.benchmark)
            ]
            for run in found or [None]:
                ours = (
                    None
                    if run is None
                    else run.score(printed.sampling, printed.setting, printed.metric)
                )
                rows.append(Score(printed, run, ours))
    return rows
