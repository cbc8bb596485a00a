"""Remedies for language bias without training: take out of embeddings what tells their language.

Three of them, each fitted on some embeddings with their languages and applied to any others: fit on
text that is not the test. All return float32 rows, of length 1 where asked.

| remedy | takes away |
|---|---|
| centring | the mean of the embedding's language |
| LIR | the main directions of the embedding's language, its own for each |
| LSAR | the directions in which the means of all languages differ, the same for each |

Centring moves the origin, LIR removes whatever is common within a language, meaning included, and
LSAR needs no language when it is applied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def centre_by_language(
    embeddings: np.ndarray, language: np.ndarray, *, normalise: bool = True
) -> np.ndarray:
    """Subtract the mean of each language, of these very embeddings: float32 (n, dimension).

    `Centring` parts fitting from applying; arguments as there.
    """
    return Centring.fit(embeddings, language).apply(embeddings, language, normalise=normalise)


@dataclass(frozen=True)
class Centring:
    """Subtract the mean embedding of the language: e - m_l.

    The baseline of LSAR (Xie et al., EMNLP 2022, arXiv 2401.05792).

    Attributes:
        mean: float64 (n_languages, dimension), NaN for languages that were not fitted.
    """

    mean: np.ndarray

    @staticmethod
    def fit(embeddings: np.ndarray, language: np.ndarray) -> Centring:
        """Means of the given embeddings.

        Args:
            embeddings: float array (n, dimension).
            language: int array (n,), index of the language of each row.

        Raises:
            ValueError: shapes do not fit, nothing is given, or a value is not finite.
        """
        return Centring(_language_means(*_checked(embeddings, language)))

    def apply(
        self, embeddings: np.ndarray, language: np.ndarray, *, normalise: bool = True
    ) -> np.ndarray:
        """The embeddings without their language's mean: float32 (n, dimension).

        Args:
            embeddings: float array (n, dimension).
            language: int array (n,), as for `fit`.
            normalise: give each row length 1 again; rows of zeros stay zeros.

        Raises:
            ValueError: as `fit`, or a language that was not fitted.
        """
        embeddings, language = _checked(embeddings, language, self.mean.shape[1])
        _check_fitted(language, ~np.isnan(self.mean[:, 0]))
        return _finished(embeddings - self.mean[language], normalise)


@dataclass(frozen=True)
class LIR:
    """Language information removal: e - C_l C_l^T e.

    The columns of C_l are the first r right singular vectors of the matrix of embeddings of
    language l (not centred, so that the first is close to the direction of their mean).

    Source: Yang et al., EMNLP 2021 (arXiv 2109.04727), who use 10,000 sentences of each language
    and find r = 1 best.

    Attributes:
        components: float64 (n_languages, r, dimension), orthonormal rows; NaN for languages that
            were not fitted.
    """

    components: np.ndarray

    @staticmethod
    def fit(embeddings: np.ndarray, language: np.ndarray, r: int = 1) -> LIR:
        """Main directions of each language of the given embeddings.

        Args:
            embeddings: float array (n, dimension).
            language: int array (n,), index of the language of each row.
            r: directions to remove; no language can have fewer rows.

        Raises:
            ValueError: as `Centring.fit`, or r is below 1 or above the dimension or the number of
                rows of a language.
        """
        embeddings, language = _checked(embeddings, language)
        dimension = embeddings.shape[1]
        present, size = np.unique(language, return_counts=True)
        if not 1 <= r <= min(dimension, int(size.min())):
            raise ValueError(
                f"r is {r}; with dimension {dimension} and {size.min()} rows of language "
                f"{present[size.argmin()]} it can be 1 to {min(dimension, int(size.min()))}"
            )
        components = np.full((int(present.max()) + 1, r, dimension), np.nan)
        for each in present:
            here = embeddings[language == each].astype(np.float64)
            # eigenvectors of a dimension x dimension matrix: however many rows there are
            _, vectors = np.linalg.eigh(here.T @ here)  # in rising order
            components[each] = vectors[:, ::-1][:, :r].T
        return LIR(components)

    def apply(
        self, embeddings: np.ndarray, language: np.ndarray, *, normalise: bool = True
    ) -> np.ndarray:
        """The embeddings without their language's directions: as `Centring.apply`."""
        embeddings, language = _checked(embeddings, language, self.components.shape[2])
        _check_fitted(language, ~np.isnan(self.components[:, 0, 0]))
        result = np.empty(embeddings.shape, dtype=np.float64)
        for each in np.unique(language):
            here = language == each
            result[here] = _without(embeddings[here], self.components[each])
        return _finished(result, normalise)


@dataclass(frozen=True)
class LSAR:
    """Low-rank subtraction: e - M_s M_s^T e, with M_s what the language means differ in.

    The means, a column for each of L languages, are written as M = mu 1^T + M_s Gamma^T with r
    orthonormal columns M_s and mu orthogonal to them. The best M_s in the sense of least squares
    spans the first r left singular vectors of the centred means M - m 1^T, where m is the mean of
    the means; mu is the part of m that is orthogonal to it. With r = L - 1, all there can be, the
    means of all languages fall on mu.

    Source: Xie et al., EMNLP 2022 (arXiv 2401.05792), who take r = L; the last of those singular
    values is zero, so that its direction means nothing and is left out here.

    Attributes:
        directions: float64 (r, dimension), orthonormal rows: M_s transposed.
        common: float64 (dimension,), mu.
    """

    directions: np.ndarray
    common: np.ndarray

    @staticmethod
    def fit(embeddings: np.ndarray, language: np.ndarray, r: int | None = None) -> LSAR:
        """Directions between the language means of the given embeddings.

        Args:
            embeddings: float array (n, dimension).
            language: int array (n,), index of the language of each row; two or more languages.
            r: directions to remove, at most the number of languages less one (the default) and
                the dimension.

        Raises:
            ValueError: as `Centring.fit`, or r is out of range.
        """
        mean = _language_means(*_checked(embeddings, language))
        mean = mean[~np.isnan(mean[:, 0])]
        most = min(len(mean) - 1, mean.shape[1])
        r = most if r is None else r
        if not 1 <= r <= most:
            raise ValueError(f"r is {r}; with {len(mean)} languages it can be 1 to {most}")
        centre = mean.mean(axis=0)
        _, _, vectors = np.linalg.svd(mean - centre, full_matrices=False)
        return LSAR(vectors[:r], _without(centre[None], vectors[:r])[0])

    def apply(
        self,
        embeddings: np.ndarray,
        language: np.ndarray | None = None,
        *,
        normalise: bool = True,
    ) -> np.ndarray:
        """The embeddings without these directions: as `Centring.apply`; no language is needed."""
        if language is None:
            language = np.zeros(len(embeddings), dtype=np.int64)
        embeddings, _ = _checked(embeddings, language, self.directions.shape[1])
        return _finished(_without(embeddings, self.directions), normalise)


def _without(embeddings: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Rows (n, dimension) without their part along orthonormal directions (r, dimension)."""
    return embeddings - (embeddings @ directions.T) @ directions


def _language_means(embeddings: np.ndarray, language: np.ndarray) -> np.ndarray:
    """Mean of each language: float64 (n_languages, dimension), NaN where there is none."""
    present = np.unique(language)
    means = np.full((int(present.max()) + 1, embeddings.shape[1]), np.nan)
    for each in present:
        means[each] = embeddings[language == each].mean(axis=0, dtype=np.float64)
    return means


def _finished(embeddings: np.ndarray, normalise: bool) -> np.ndarray:
    if normalise:
        length = np.linalg.norm(embeddings, axis=1, keepdims=True)
        embeddings = np.divide(embeddings, length, out=np.zeros_like(embeddings), where=length > 0)
    return embeddings.astype(np.float32)


def _check_fitted(language: np.ndarray, fitted: np.ndarray) -> None:
    known = np.isin(language, np.flatnonzero(fitted))
    if not known.all():
        raise ValueError(f"language {language[~known][0]} was not fitted")


def _checked(
    embeddings: np.ndarray, language: np.ndarray, dimension: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    embeddings, language = np.asarray(embeddings), np.asarray(language)
    if embeddings.ndim != 2 or not embeddings.size:
        raise ValueError(f"embeddings have shape {embeddings.shape}; (n, dimension) is needed")
    if dimension is not None and embeddings.shape[1] != dimension:
        raise ValueError(f"embeddings have dimension {embeddings.shape[1]}, not {dimension}")
    if language.shape != (len(embeddings),):
        raise ValueError(f"{len(embeddings)} embeddings have languages of shape {language.shape}")
    if not np.issubdtype(language.dtype, np.integer) or language.min() < 0:
        raise ValueError("languages are given by their index, whole numbers from 0")
    if not np.isfinite(embeddings).all():
        row = int(np.argmin(np.isfinite(embeddings).all(axis=1)))
        raise ValueError(f"embeddings are not finite in row {row}")
    return embeddings, language
