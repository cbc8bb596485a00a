"""The published tables against themselves: printed means, rounding, reductions, counts, errata."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from hbt import sources
from hbt.suite.paper import tables
from hbt.suite.paper.tables import MEAN, MEDIAN, Published

GROUP = ("table", "model", "sampling", "benchmark", "setting", "metric")


def columns(rows: Iterable[Published]) -> dict[tuple, dict[str, Published]]:
    """The printed columns of the tables by language: language -> number."""
    found: dict[tuple, dict[str, Published]] = defaultdict(dict)
    for row in rows:
        if row.table in tables.BY_LANGUAGE:
            found[tuple(getattr(row, name) for name in GROUP)][row.language] = row
    return found


def half_unit(row: Published) -> float:
    """What rounding can do: the means were taken of numbers that were rounded, then rounded."""
    return 10.0**-row.decimals + 1e-9


@pytest.mark.parametrize(("name", "of"), [(MEAN, statistics.mean), (MEDIAN, statistics.median)])
def test_printed_means_and_medians_are_those_of_the_rows(name: str, of: object) -> None:
    checked = 0
    for key, column in columns(tables.published()).items():
        if name in column:
            values = [row.value for code, row in column.items() if code not in (MEAN, MEDIAN)]
            assert of(values) == pytest.approx(column[name].value, abs=half_unit(column[name])), key
            checked += 1
    assert checked == {MEAN: 4 * 18 + 2 * 6 + 2 * 6, MEDIAN: 2 * 6}[name]


def test_every_column_has_every_language() -> None:
    expected = {"XQuAD-R": 11, "MLQA-R": 7, "MIRACL": 15}
    for (*_, benchmark, _, _), column in columns(tables.published()).items():
        assert len(set(column) - {MEAN, MEDIAN}) == expected[benchmark]


@pytest.mark.parametrize("number", [1, 2])
def test_the_short_tables_are_the_long_ones_rounded(number: int) -> None:
    rows = [row for row in tables.published() if row.table == number]
    assert len(rows) == {1: 36, 2: 12}[number]
    for row in rows:
        assert score_of(row) == pytest.approx(row.value, abs=0.5 * 10.0**-row.decimals + 1e-9), row


@pytest.mark.parametrize(
    ("model", "benchmark", "percent"),
    [
        ("XLM-R", "XQuAD-R", 30.1),
        ("XLM-R", "MLQA-R", 21.0),
        ("LaBSE", "XQuAD-R", 15.4),
        ("LaBSE", "MLQA-R", 13.4),
    ],
)
def test_reductions_of_the_rank_distance(model: str, benchmark: str, percent: float) -> None:
    before, after = (
        tables.score(model, sampling, benchmark, "multilingual", "rank_distance")
        for sampling in ("X-X-mono", "hybrid")
    )
    assert 100 * (before - after) / before == pytest.approx(percent, abs=0.05)


def test_errata_are_applied_and_leave_what_is_printed_to_be_seen() -> None:
    cells = [each for each in tables.errata() if each.keys in printed_keys()]
    assert len(cells) == 5
    for corrected, printed in zip(tables.published(), tables.published(False), strict=True):
        keys = tuple(getattr(printed, name) for name in tables.KEYS)
        right = [each for each in cells if each.keys == keys]
        if right:
            assert float(right[0].printed) == printed.value
            assert float(right[0].corrected) == corrected.value != printed.value
        else:
            assert corrected == printed


def printed_keys() -> set[tuple]:
    return {tuple(getattr(row, name) for name in tables.KEYS) for row in tables.published(False)}


def test_the_printed_digits_that_are_an_erratum_do_not_give_the_printed_mean() -> None:
    key = (5, "LaBSE", "hybrid", "XQuAD-R", "monolingual", "mAP")
    column = columns(tables.published(False))[key]
    values = [row.value for code, row in column.items() if code != MEAN]
    assert column["el"].value == 0.8211
    assert abs(statistics.mean(values) - column[MEAN].value) > 0.0007


def test_one_number_of_table_1_was_cut_and_not_rounded() -> None:
    wrong = [
        row
        for row in tables.published(False)
        if row.table in (1, 2) and abs(score_of(row) - row.value) > 0.5 * 10.0**-row.decimals + 1e-9
    ]
    assert [(row.sampling, row.setting, row.value) for row in wrong] == [
        ("X-X-mono", "multilingual", 0.547)
    ]
    assert score_of(wrong[0]) == 0.5479


def score_of(row: Published) -> float:
    found = tables.score(row.model, row.sampling, row.benchmark, row.setting, row.metric)
    assert found is not None
    return found


def test_no_number_is_there_twice_and_all_are_in_range() -> None:
    rows = tables.published(False)
    assert len(printed_keys()) == len(rows)
    for row in rows:
        if row.metric in ("mAP", "R@1", "R@10", "nDCG@10", "R@100"):
            assert 0 < row.value < 1
        assert row.model in ("", *tables.MODELS)
        assert row.sampling in ("", *tables.SAMPLINGS)


def test_scores_of_some_languages_are_their_mean() -> None:
    # Table 3, X-Y, multilingual: el .5638, vi .5817
    both = tables.score("XLM-R", "X-Y", "XQuAD-R", "multilingual", "mAP", ("el", "vi"))
    assert both == pytest.approx((0.5638 + 0.5817) / 2)
    assert tables.score("XLM-R", "X-X", "XQuAD-R", "multilingual", "mAP") is None
    assert tables.score("XLM-R", "X-Y", "MLQA-R", "multilingual", "mAP", ("el",)) is None


def test_counts_are_those_of_the_readers() -> None:
    for lareqa_set in (sources.XQUAD_R, sources.MLQA_R):
        for language, counts in lareqa_set.counts.items():
            found = [
                tables.count(lareqa_set.name, what, [language]) for what in ("queries", "passages")
            ]
            assert tuple(found) == counts
    assert tables.count("XQuAD-R", "passages") == 13_014
    assert tables.count("MIRACL", "queries", ["ar", "en", "es"]) == 2896 + 799 + 648


def test_every_table_has_its_file_and_no_other_is_there() -> None:
    names = {path.name for path in Path(tables.FOLDER).iterdir()}
    assert names == {"errata.csv", *(f"table_{number:02d}.csv" for number in tables.NUMBERS)}
