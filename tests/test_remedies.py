"""Remedies by hand in two dimensions, as projections, and on a world with a language offset."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hbt import bias, remedies
from hbt.corpus import Benchmark
from hbt.retrieval import count

LANGUAGE = np.array([0, 0, 1, 1])


def test_centring_by_hand() -> None:
    embeddings = np.array([[1.0, 2.0], [3.0, 2.0], [0.0, 5.0], [0.0, 1.0]])
    fitted = remedies.Centring.fit(embeddings, LANGUAGE)
    assert fitted.mean.tolist() == [[2, 2], [0, 3]]
    result = fitted.apply(embeddings, LANGUAGE, normalise=False)
    assert result.dtype == np.float32
    assert result.tolist() == [[-1, 0], [1, 0], [0, 2], [0, -2]]
    assert fitted.apply(embeddings, LANGUAGE).tolist() == [[-1, 0], [1, 0], [0, 1], [0, -1]]
    assert fitted.apply([[5.0, 6.0]], [1], normalise=False).tolist() == [[5, 3]]
    np.testing.assert_array_equal(
        remedies.centre_by_language(embeddings, LANGUAGE), fitted.apply(embeddings, LANGUAGE)
    )


def test_lir_by_hand() -> None:
    # language 0 lies along the first axis, language 1 along the diagonal
    embeddings = np.array([[4.0, 0.1], [-4.0, 0.1], [3.0, 3.0], [1.0, 1.0]])
    fitted = remedies.LIR.fit(embeddings, LANGUAGE)
    np.testing.assert_allclose(np.abs(fitted.components[0, 0]), [1, 0], atol=1e-12)
    np.testing.assert_allclose(np.abs(fitted.components[1, 0]), [0.5**0.5] * 2, atol=1e-12)
    result = fitted.apply(embeddings, LANGUAGE, normalise=False)
    np.testing.assert_allclose(result, [[0, 0.1], [0, 0.1], [0, 0], [0, 0]], atol=1e-6)
    # the same vector loses another part as text of another language
    moved = fitted.apply([[2.0, 0.0], [2.0, 0.0]], [0, 1], normalise=False)
    np.testing.assert_allclose(moved, [[0, 0], [1, -1]], atol=1e-6)


def test_lsar_by_hand() -> None:
    # means (2, 1) and (-2, 1): they differ along the first axis, (0, 1) is common
    embeddings = np.array([[2.0, 0.0], [2.0, 2.0], [-2.0, 1.0], [-2.0, 1.0]])
    fitted = remedies.LSAR.fit(embeddings, LANGUAGE)
    np.testing.assert_allclose(np.abs(fitted.directions), [[1, 0]], atol=1e-12)
    np.testing.assert_allclose(fitted.common, [0, 1], atol=1e-12)
    np.testing.assert_allclose(
        fitted.apply(embeddings, normalise=False), [[0, 0], [0, 2], [0, 1], [0, 1]], atol=1e-6
    )
    np.testing.assert_array_equal(
        fitted.apply(embeddings), fitted.apply(embeddings, LANGUAGE, normalise=True)
    )


def random_embeddings(seed: int, n_languages: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    language = np.concatenate([np.arange(n_languages), random.integers(0, n_languages, 40)])
    language = np.repeat(language, 3)
    offset = random.normal(size=(n_languages, 10))
    return random.normal(size=(len(language), 10)) + offset[language], language


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), r=st.integers(1, 3))
def test_projections_are_idempotent_and_leave_nothing_behind(seed: int, r: int) -> None:
    embeddings, language = random_embeddings(seed)
    for remedy in (
        remedies.LIR.fit(embeddings, language, r),
        remedies.LSAR.fit(embeddings, language, r),
    ):
        once = remedy.apply(embeddings, language, normalise=False)
        twice = remedy.apply(once, language, normalise=False)
        np.testing.assert_allclose(once, twice, atol=1e-5)
        rows = remedy.components if isinstance(remedy, remedies.LIR) else remedy.directions[None]
        for each, basis in enumerate(rows):
            np.testing.assert_allclose(basis @ basis.T, np.eye(r), atol=1e-10)
            left = once[language == each] if len(rows) > 1 else once
            np.testing.assert_allclose(left @ basis.T, 0, atol=1e-5)
        assert (np.linalg.norm(once, axis=1) <= np.linalg.norm(embeddings, axis=1) + 1e-5).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_means_meet_after_centring_and_full_lsar(seed: int) -> None:
    embeddings, language = random_embeddings(seed)
    centred = remedies.Centring.fit(embeddings, language).apply(
        embeddings, language, normalise=False
    )
    fitted = remedies.LSAR.fit(embeddings, language)
    assert fitted.directions.shape == (3, 10)
    projected = fitted.apply(embeddings, normalise=False)
    for each in range(4):
        np.testing.assert_allclose(centred[language == each].mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(projected[language == each].mean(0), fitted.common, atol=1e-5)


@pytest.mark.parametrize("r", [1, 2, 3])
def test_lsar_is_the_decomposition_of_its_source(r: int) -> None:
    """Written out in its two steps, with mu the point of the low-rank plane nearest the origin."""
    embeddings, language = random_embeddings(7)
    means = np.stack([embeddings[language == each].mean(axis=0) for each in range(4)], axis=1)
    first, values, right = np.linalg.svd(means - means.mean(axis=1, keepdims=True))
    low_rank = means.mean(axis=1, keepdims=True) + first[:, :r] * values[:r] @ right[:r]
    dual = np.linalg.pinv(low_rank.T) @ np.ones(4)
    common = dual / (dual @ dual)
    second, _, _ = np.linalg.svd(low_rank - common[:, None])
    fitted = remedies.LSAR.fit(embeddings, language, r)
    np.testing.assert_allclose(
        fitted.directions.T @ fitted.directions, second[:, :r] @ second[:, :r].T, atol=1e-8
    )
    np.testing.assert_allclose(fitted.common, common, atol=1e-8)
    np.testing.assert_allclose(fitted.directions @ fitted.common, 0, atol=1e-10)


def test_lir_components_are_those_of_a_singular_value_decomposition() -> None:
    embeddings, language = random_embeddings(3)
    fitted = remedies.LIR.fit(embeddings, language, 2)
    for each in range(4):
        _, _, right = np.linalg.svd(embeddings[language == each])
        expected = right[:2].T @ right[:2]
        np.testing.assert_allclose(
            fitted.components[each].T @ fitted.components[each], expected, atol=1e-8
        )


def offset_world(strength: float) -> tuple[Benchmark, np.ndarray, np.ndarray]:
    """60 items in 3 languages: meaning, plus what is peculiar to a text, plus a language offset."""
    random = np.random.default_rng(0)
    n_items, n_languages, dimension = 60, 3, 24
    item = np.tile(np.arange(n_items), n_languages)
    language = np.repeat(np.arange(n_languages), n_items)
    meaning = random.normal(size=(n_items, dimension))[item]
    offset = strength * random.normal(size=(n_languages, dimension))[language]
    texts = [meaning + 0.4 * random.normal(size=meaning.shape) + offset for _ in range(2)]
    queries, passages = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in texts)
    relevant_query, relevant_passage = np.nonzero(item[:, None] == item)
    benchmark = Benchmark(
        name="offset",
        languages=("a", "b", "c"),
        query_texts=["q"] * len(item),
        query_language=language,
        query_item=item,
        query_cluster=item,
        passage_texts=["p"] * len(item),
        passage_language=language,
        relevant_query=relevant_query,
        relevant_passage=relevant_passage,
        grade=np.ones(len(relevant_query), dtype=np.int64),
        query_ids=[f"q{row}" for row in range(len(item))],
        passage_ids=[f"p{row}" for row in range(len(item))],
    )
    return benchmark, queries, passages


@pytest.mark.parametrize("kind", [remedies.Centring, remedies.LIR, remedies.LSAR])
def test_bias_falls_in_a_world_with_a_language_offset(kind: type) -> None:
    benchmark, queries, passages = offset_world(1.5)
    language = benchmark.passage_language
    # fitted on half of the passages, applied to all of them and to the queries
    half = benchmark.query_item % 2 == 0
    fitted = kind.fit(passages[half], language[half])
    repaired = fitted.apply(queries, language), fitted.apply(passages, language)
    np.testing.assert_allclose(np.linalg.norm(repaired[0], axis=1), 1, atol=1e-5)

    def measured(embeddings: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
        found = bias.summary(benchmark, count(benchmark, *embeddings), embeddings)["measures"]
        return {key: each["value"] for key, each in found.items()}

    before, after = measured((queries, passages)), measured(repaired)
    assert before["same_language_pairs"] > 0.95
    assert after["same_language_pairs"] < 0.75
    assert before["bias_index"] > 0.5
    assert after["bias_index"] < before["bias_index"] / 3
    assert after["rank_distance"] < before["rank_distance"] / 5
    assert after["mean_rank_correlation"] > before["mean_rank_correlation"] + 50


def test_without_an_offset_there_is_little_to_remove() -> None:
    benchmark, queries, passages = offset_world(0.0)
    fitted = remedies.LSAR.fit(passages, benchmark.passage_language)
    before, after = (
        bias.mean_rank_distance(benchmark, count(benchmark, *pair))
        for pair in ((queries, passages), (fitted.apply(queries), fitted.apply(passages)))
    )
    assert after == pytest.approx(before, rel=0.3)


def test_rows_without_anything_left_stay_zero() -> None:
    embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert not remedies.centre_by_language(embeddings, LANGUAGE).any()


def test_languages_between_may_be_missing() -> None:
    fitted = remedies.LSAR.fit([[1.0, 0.0], [0.0, 1.0]], [0, 5])
    assert fitted.directions.shape == (1, 2)
    with pytest.raises(ValueError, match="language 3 was not fitted"):
        remedies.Centring.fit([[1.0], [2.0]], [0, 5]).apply([[1.0]], [3])
    with pytest.raises(ValueError, match="language 9 was not fitted"):
        remedies.LIR.fit([[1.0], [2.0]], [0, 5]).apply([[1.0]], [9])


@pytest.mark.parametrize(
    ("embeddings", "language", "message"),
    [
        ([[1.0, np.nan]], [0], "not finite in row 0"),
        ([[1.0, 2.0]], [0, 1], r"1 embeddings have languages of shape \(2,\)"),
        ([1.0, 2.0], [0, 1], r"shape \(2,\)"),
        (np.zeros((0, 3)), np.zeros(0, dtype=int), r"shape \(0, 3\)"),
        ([[1.0]], [0.5], "whole numbers"),
        ([[1.0]], [-1], "whole numbers"),
    ],
)
def test_bad_input_is_named(embeddings: list, language: list, message: str) -> None:
    for kind in (remedies.Centring, remedies.LIR, remedies.LSAR):
        with pytest.raises(ValueError, match=message):
            kind.fit(embeddings, language)


def test_ranks_out_of_range_are_named() -> None:
    embeddings, language = random_embeddings(0)
    with pytest.raises(ValueError, match="r is 4; with 4 languages it can be 1 to 3"):
        remedies.LSAR.fit(embeddings, language, 4)
    with pytest.raises(ValueError, match="r is 1; with 1 languages it can be 1 to 0"):
        remedies.LSAR.fit(embeddings, np.zeros_like(language), 1)
    with pytest.raises(ValueError, match="r is 11; with dimension 10"):
        remedies.LIR.fit(np.tile(embeddings, (5, 1)), np.tile(language, 5), 11)
    with pytest.raises(ValueError, match="dimension 3, not 10"):
        remedies.LSAR.fit(embeddings, language).apply(np.ones((2, 3)))
