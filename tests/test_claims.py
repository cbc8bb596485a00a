"""Claims as data, verdicts on numbers made by hand, and the checks of data and method."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from hbt.corpus import Benchmark, ParallelItems, benchmark_from_items
from hbt.suite.paper import checks, tables
from hbt.suite.paper.checks import CHECKS, Given
from hbt.suite.paper.claims import Claim, Comparison, Contrast, claims
from hbt.suite.paper.compare import Judged, judge, points_at, published_scores, verdict, worst
from hbt.suite.paper.runs import Measured, Run, known_model, number
from hbt.suite.paper.trained_on import Trained

MULTILINGUAL = Contrast("hybrid", "X-Y", "mAP", "multilingual", (), 1)


def measured(low: float | None, high: float | None) -> Measured:
    estimate = 0.0 if low is None or high is None else (low + high) / 2
    return Measured(estimate, low, high, "items", 1)


@dataclass(frozen=True)
class HandMade(Run):
    """A run that answers as it is told."""

    name: str = "made by hand"
    model: str = "XLM-R"
    benchmark: str = "XQuAD-R"
    synthetic: bool = False
    judges: bool = True
    comparable: bool = True
    notes: tuple[str, ...] = ()
    trained: tuple[Trained, ...] = ()
    differences: dict[Contrast, Measured] = field(default_factory=dict)
    scores: dict[tuple[str, str, str], Measured] = field(default_factory=dict)

    def difference(self, contrast: Contrast) -> Measured | None:
        return self.differences.get(contrast)

    def score(self, sampling: str, setting: str, metric: str) -> Measured | None:
        return self.scores.get((sampling, setting, metric))


def claim(number: str) -> Claim:
    (found,) = [each for each in claims() if each.number == number]
    return found


def judged(number: str, *runs: HandMade) -> Judged:
    (found,) = judge([claim(number)], Given(runs))
    return found


def test_the_claims_are_the_eleven_and_the_six() -> None:
    assert [each.number for each in claims()] == [*map(str, range(1, 12)), *"abcdef"]
    for each in claims():
        assert each.words.endswith(".")
        assert each.source
        assert each.measured
        assert bool(each.comparisons) != bool(each.check)
    assert {each.check for each in claims()} - {""} == set(CHECKS)


def test_every_comparison_has_its_numbers_in_print() -> None:
    counts = {each.number: len(each.comparisons) for each in claims() if each.comparisons}
    assert counts == {
        **{"8": 8, "9": 24, "10": 4, "11": 4},
        **{"a": 4, "b": 8, "c": 24, "d": 8, "e": 8, "f": 8},
    }
    for each in claims():
        for comparison in each.comparisons:
            assert np.isfinite(comparison.published)


def test_print_goes_against_its_own_claims_in_two_places() -> None:
    against = {
        (comparison.model, comparison.benchmark, str(comparison.contrast))
        for each in claims()
        for comparison in each.comparisons
        if comparison.published * comparison.contrast.sign <= 0
    }
    assert against == {
        ("XLM-R", "XQuAD-R", "hybrid minus X-Y, multilingual mAP"),
        ("LaBSE", "MLQA-R", "hybrid minus X-Y, multilingual R@10"),
    }
    ahead = Comparison(MULTILINGUAL, "XLM-R", "XQuAD-R")
    assert ahead.published == pytest.approx(-0.0007)
    assert ahead.scores == (0.5927, 0.5934)


def test_a_comparison_without_print_says_so() -> None:
    contrast = dataclasses.replace(MULTILINGUAL, first="X-X")
    with pytest.raises(ValueError, match="no table has X-X minus X-Y"):
        _ = Comparison(contrast, "XLM-R", "XQuAD-R").published


@pytest.mark.parametrize(
    ("low", "high", "sign", "expected"),
    [
        (0.001, 0.009, 1, "agree"),
        (0.001, 0.009, -1, "disagree"),
        (-0.009, -0.001, -1, "agree"),
        (-0.009, -0.001, 1, "disagree"),
        (-0.001, 0.009, 1, "within noise"),
        (-0.009, 0.001, -1, "within noise"),
        (0.0, 0.009, 1, "within noise"),
        (-0.009, 0.0, 1, "within noise"),
        (0.0, 0.0, 1, "within noise"),
        (None, None, 1, "no interval"),
    ],
)
def test_verdicts(low: float | None, high: float | None, sign: int, expected: str) -> None:
    assert verdict(measured(low, high), sign) == expected
    if low is not None:
        assert verdict(-measured(low, high), -sign) == expected


def test_what_is_not_there_is_not_run() -> None:
    assert verdict(None, 1) == "not run"
    assert worst([]) == "not run"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["agree", "not run"], "agree"),
        (["agree", "within noise"], "within noise"),
        (["within noise", "disagree", "agree"], "disagree"),
        (["agree", "no interval"], "no interval"),
        (["not run", "not run"], "not run"),
    ],
)
def test_a_claim_is_as_good_as_its_worst_comparison(verdicts: list[str], expected: str) -> None:
    assert worst(verdicts) == expected


def answers(number: str, answer: Callable[[Contrast], Measured | None]) -> dict:
    found = {comparison.contrast for comparison in claim(number).comparisons}
    return {each: answer(each) for each in found if answer(each) is not None}


def for_the_claim(contrast: Contrast) -> Measured:
    return measured(0.01, 0.03) if contrast.sign > 0 else measured(-30.0, -10.0)


def test_a_run_of_the_same_model_and_benchmark_is_a_replication() -> None:
    found = judged("10", HandMade(differences=answers("10", for_the_claim)))
    assert (found.replicated, found.in_direction, found.fails) == ("agree", "not run", False)
    runs = [row.run and row.run.name for row in found.rows]
    assert runs == ["made by hand", None, None, None]
    assert [row.verdict for row in found.rows] == ["agree", "not run", "not run", "not run"]


def test_the_village_is_compared_in_direction_and_replicates_nothing() -> None:
    run = HandMade(
        model="XLM-R",  # whatever it calls itself
        benchmark="village",
        synthetic=True,
        differences=answers("10", for_the_claim),
        scores={("hybrid", "multilingual", "mAP"): measured(0.5, 0.6)},
    )
    found = judged("10", run)
    assert (found.replicated, found.in_direction) == ("not run", "agree")
    (row,) = [row for row in found.rows if row.run is not None]
    assert len(row.published) == 4
    assert not row.is_replication
    assert all(score.ours is None for score in published_scores([run]))
    assert judged("f", run).in_direction == "not run"  # MIRACL is not of the village's shape


@pytest.mark.parametrize(
    ("changes", "n_published"),
    [
        ({"model": "static"}, 2),  # another encoder: both models, on its benchmark
        ({"comparable": False}, 1),  # another pool: its own model alone
        ({"benchmark": "my-data"}, 0),
        ({}, 0),
    ],
)
def test_what_else_is_compared_in_direction(changes: dict, n_published: int) -> None:
    run = HandMade(**changes)
    assert sum(points_at(run, each) for each in claim("10").comparisons) == n_published


def test_a_required_claim_fails_when_a_run_disagrees() -> None:
    against = answers("10", lambda contrast: -for_the_claim(contrast))
    assert judged("10", HandMade(differences=against)).fails
    assert judged("10", HandMade(synthetic=True, differences=against)).fails
    assert not judged("8", HandMade(differences={MULTILINGUAL: measured(-0.02, -0.01)})).fails
    smoke = judged("10", HandMade(judges=False, differences=against))
    assert (smoke.replicated, smoke.fails) == ("not run", False)
    assert smoke.rows[0].verdict == "disagree"
    unsure = answers("10", lambda contrast: measured(-5.0, 5.0))
    assert not judged("10", HandMade(differences=unsure)).fails


def test_ours_stands_beside_the_means_in_print_of_a_replication_only() -> None:
    run = HandMade(scores={("hybrid", "multilingual", "mAP"): measured(0.58, 0.60)})
    filled = [each for each in published_scores([run]) if each.ours is not None]
    assert len(published_scores([])) == len(published_scores([run])) == 96
    assert [each.published.value for each in filled] == [0.5927]
    assert filled[0].published.table == 3


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("path:FacebookAI/xlm-roberta-base", "XLM-R"),
        ("path:sentence-transformers/LaBSE", "LaBSE"),
        ("mini-labse", "mini-labse"),
        ("path:runs/my-labse", "path:runs/my-labse"),
    ],
)
def test_models_are_known_by_their_published_names_only(name: str, model: str) -> None:
    assert known_model(name) == model


@pytest.mark.parametrize("text", ["", "abc", "nan", "inf", None, True, [1]])
def test_numbers_are_finite(text: object) -> None:
    with pytest.raises(ValueError, match=r"^here is .* not a number$"):
        number(text, "here")


def items(texts: dict[str, list[str | None]]) -> ParallelItems:
    n_items = len(next(iter(texts.values())))
    numbers = np.arange(n_items)
    questions = {
        code: [None if text is None else f"who {text}" for text in column]
        for code, column in texts.items()
    }
    return ParallelItems("by hand", tuple(texts), numbers, 0 * numbers, ("one",), questions, texts)


def benchmark(texts: dict[str, list[str | None]]) -> Benchmark:
    return benchmark_from_items(items(texts), "by hand")


def test_settings_are_pairs_in_which_a_query_has_an_answer() -> None:
    whole = benchmark({"en": ["a", "b"], "de": ["c", "d"], "ar": ["e", "f"]})
    assert checks.count_settings(whole) == (3, 6)
    assert checks.copies_of_questions(whole) == (3, 3)
    holes = benchmark({"en": ["a", "b"], "de": ["c", None], "ar": [None, "f"]})
    assert checks.count_settings(holes) == (3, 4)  # no question is in German and in Arabic
    assert checks.copies_of_questions(holes) == (2, 2)


def test_the_hybrid_plan_mixes_kinds_and_never_within_a_batch() -> None:
    finding = checks.mixed_batches(Given())
    assert finding.holds is True
    assert "of 1000 batches" in finding.detail


@pytest.mark.parametrize("name", ["languages", "separation", "unseen_samples", "settings"])
def test_checks_of_data_are_not_run_without_data(name: str) -> None:
    assert CHECKS[name](Given()).holds is None


def test_benchmarks_of_the_runs() -> None:
    runs = [HandMade(benchmark=name) for name in tables.BENCHMARKS]
    assert checks.benchmarks(Given(runs)).holds is True
    found = checks.benchmarks(Given(runs[:2]))
    assert (found.holds, found.detail) == (None, "no run on MIRACL")


def test_mean_average_precision_of_the_runs() -> None:
    there = {
        ("hybrid", setting, "mAP"): measured(0.4, 0.6)
        for setting in ("monolingual", "cross-lingual", "multilingual")
    }
    runs = [HandMade(benchmark=name, scores=there) for name in ("XQuAD-R", "MLQA-R")]
    assert checks.mean_average_precision(Given(runs)).holds is True
    assert checks.mean_average_precision(Given(runs[:1])).holds is None
    found = checks.mean_average_precision(Given([*runs, HandMade(name="empty")]))
    assert found.holds is False
    assert "empty has no monolingual mAP" in found.detail


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("languages", "MLQA-R has 7 languages, a question exists in 2 to 4 of them"),
        ("settings", "MLQA-R has 42 cross-lingual and 7 monolingual settings"),
    ],
)
def test_checks_hold_on_the_real_data(name: str, detail: str, shared_data: Path) -> None:
    finding = CHECKS[name](Given(data_dir=shared_data))
    assert finding.holds is True
    assert detail in finding.detail
