"""The claims that are not comparisons, as functions that a reader can run.

Each gets what the report was given and returns what it found. A check without what it needs says
so and is "not run"; it never assumes.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hbt.suite.paper import tables
from hbt.suite.paper.runs import Run
from hbt.suite.paper.trained_on import Compared, compare_texts

if TYPE_CHECKING:
    from hbt.corpus import Benchmark

LANGUAGES = {"XQuAD-R": 11, "MLQA-R": 7}
PLAN_STEPS = 1000


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        holds: does the claim hold? None where it was not checked.
        detail: what was counted, or what is missing.
    """

    holds: bool | None
    detail: str


@dataclass(frozen=True)
class Given:
    """What the checks may look at.

    Attributes:
        runs: the runs of the report.
        data_dir: folder with xquad-r, mlqa-r and ntrex; None where it was not given.
    """

    runs: Sequence[Run] = ()
    data_dir: Path | None = None

    @functools.cached_property
    def compared(self) -> list[Compared]:
        """What the trainings of the runs share with their tests; two claims are about it."""
        return [
            compare_texts(run.name, trained, self.data_dir, run.synthetic)
            for run in self.runs
            for trained in run.trained
        ]


NO_DATA = Finding(None, "needs the data: give --data-dir")


def mixed_batches(given: Given) -> Finding:
    """Claim 1: does the hybrid plan draw batches of one language and of language pairs, apart?"""
    from hbt.corpus import ParallelItems
    from hbt.sampling import CROSS_LINGUAL, MONOLINGUAL, ItemLayout, Plan, PlanSettings

    n_items, languages = 40, ("ar", "de", "en")
    texts = {code: [f"{code} {item}" for item in range(n_items)] for code in languages}
    numbers = np.arange(n_items)
    items = ParallelItems("plan", languages, numbers, 0 * numbers, ("one",), texts, texts)
    settings = PlanSettings(sampling="hybrid", alpha=0.5, batch_size=8, seed=0)
    plan = Plan(settings, ItemLayout.from_items(items))
    batches = [plan(step) for step in range(PLAN_STEPS)]
    kinds = Counter(batch.kind for batch in batches)
    pure = all(
        len({*batch.query_language, *batch.passage_language}) == 1
        if batch.kind == MONOLINGUAL
        else (batch.query_language != batch.passage_language).all()
        for batch in batches
    )
    return Finding(
        pure and set(kinds) == {MONOLINGUAL, CROSS_LINGUAL},
        f"alpha 0.5: {kinds[MONOLINGUAL]} of {PLAN_STEPS} batches are of one language, in the "
        f"other {kinds[CROSS_LINGUAL]} every query differs in language from its passage",
    )


def benchmarks(given: Given) -> Finding:
    """Claim 2: which of the three benchmarks do the runs evaluate on, with the paper's pools?"""
    found = [
        name
        for name in tables.BENCHMARKS
        if any(run.comparable and run.benchmark == name for run in given.runs)
    ]
    if len(found) == len(tables.BENCHMARKS):
        return Finding(True, f"runs on {', '.join(found)}")
    missing = ", ".join(name for name in tables.BENCHMARKS if name not in found)
    return Finding(None, f"no run on {missing}")


def languages(given: Given) -> Finding:
    """Claim 3: how many languages have the two sets, and in how many does a question exist?"""
    found = _lareqa(given)
    if found is None:
        return NO_DATA
    details, holds = [], True
    for name, benchmark in found.items():
        low, high = copies_of_questions(benchmark)
        each = f"all {low}" if low == high else f"{low} to {high}"
        details.append(
            f"{name} has {len(benchmark.languages)} languages, a question exists in {each} of them"
        )
        holds &= len(benchmark.languages) == LANGUAGES[name]
    return Finding(holds, "; ".join(details))


def copies_of_questions(benchmark: Benchmark) -> tuple[int, int]:
    """Smallest and largest number of languages in which a question exists."""
    pairs = {*zip(benchmark.query_item.tolist(), benchmark.query_language.tolist(), strict=True)}
    copies = Counter(item for item, _ in pairs)
    return min(copies.values()), max(copies.values())


def separation(given: Given) -> Finding:
    """Claim 4: does what a run was fine-tuned on share long runs of words with its test?"""
    return _over_runs(given, shared_runs)


def unseen_samples(given: Given) -> Finding:
    """Claim 5: is a question or an answer of the test in the text that a run was fine-tuned on?"""
    return _over_runs(given, seen_texts)


def shared_runs(found: Compared) -> tuple[int, str]:
    """Number of training texts that share a run with a test, and a sentence that says so."""
    shared, texts = (sum(getattr(row, name) for row in found.rows) for name in ("runs", "training"))
    languages = f"{len(found.rows)} language{'s' * (len(found.rows) > 1)}"
    return shared, (
        f"{shared:,} of {texts:,} texts of {found.training} share a run with {found.test}, "
        f"in {languages} that both have"
    )


def seen_texts(found: Compared) -> tuple[int, str]:
    """Number of texts of a test that are training texts, and a sentence that says so."""
    seen = sum(row.same_queries + row.same_passages for row in found.rows)
    texts = sum(row.queries + row.passages for row in found.rows)
    return seen, (
        f"{seen:,} of {texts:,} questions and answers of {found.test} are in {found.training}, "
        "case and punctuation aside"
    )


def _over_runs(given: Given, counted: Callable[[Compared], tuple[int, str]]) -> Finding:
    """False where the text of a run is shared, None where one's is not known, else True."""
    if not given.compared:
        return Finding(None, "no run says what it was fine-tuned on")
    holds: list[bool | None] = []
    details: dict[str, None] = {}
    for found in given.compared:
        shared, detail = counted(found)
        if found.reason:
            holds.append(None)
            detail = found.reason
        elif found.synthetic:
            detail += "; synthetic, where the same words may tell of another fact: not judged"
        else:
            holds.append(shared == 0)
        details[f"{found.run}: {detail}"] = None
    verdict = False if False in holds else None if None in holds or not holds else True
    return Finding(verdict, ". ".join(details))


def mean_average_precision(given: Given) -> Finding:
    """Claim 6: do the runs on XQuAD-R and MLQA-R have mAP in every setting?"""
    from hbt.suite.tables import SETTINGS

    missing, found = [], []
    for run in given.runs:
        if run.benchmark in LANGUAGES:
            lacking = [
                setting
                for setting in SETTINGS
                if all(run.score(name, setting, "mAP") is None for name in tables.SAMPLINGS)
            ]
            missing += [f"{run.name} has no {setting} mAP" for setting in lacking]
            found.append(run.benchmark)
    if missing:
        return Finding(False, "; ".join(missing))
    absent = [name for name in LANGUAGES if name not in found]
    if absent:
        return Finding(None, f"no run on {', '.join(absent)}")
    return Finding(True, "mAP is there in the three settings of every run on both")


def settings(given: Given) -> Finding:
    """Claim 7: how many cross-lingual and monolingual settings do the two sets have?"""
    found = _lareqa(given)
    if found is None:
        return NO_DATA
    counts = {name: count_settings(benchmark) for name, benchmark in found.items()}
    expected = {name: (size, size * (size - 1)) for name, size in LANGUAGES.items()}
    return Finding(
        counts == expected,
        "; ".join(
            f"{name} has {cross} cross-lingual and {mono} monolingual settings"
            for name, (mono, cross) in counts.items()
        ),
    )


def count_settings(benchmark: Benchmark) -> tuple[int, int]:
    """Numbers of monolingual and of cross-lingual pairs that some query has an answer in."""
    query = benchmark.query_language[benchmark.relevant_query]
    passage = benchmark.passage_language[benchmark.relevant_passage]
    pairs = {*zip(query.tolist(), passage.tolist(), strict=True)}
    monolingual = sum(one == other for one, other in pairs)
    return monolingual, len(pairs) - monolingual


CHECKS: Mapping[str, Callable[[Given], Finding]] = {
    check.__name__: check
    for check in (
        mixed_batches,
        benchmarks,
        languages,
        separation,
        unseen_samples,
        mean_average_precision,
        settings,
    )
}


def _lareqa(given: Given) -> dict[str, Benchmark] | None:
    from hbt import sources

    if given.data_dir is None:
        return None
    return {
        "XQuAD-R": sources.read_xquad_r(given.data_dir),
        "MLQA-R": sources.read_mlqa_r(given.data_dir),
    }
