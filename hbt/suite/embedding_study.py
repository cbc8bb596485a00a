"""What lies where in the space of embeddings: maps, shares of variance, order of words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import Benchmark
from hbt.suite.experiment import Experiment, embeddings

if TYPE_CHECKING:
    import pandas as pd


def parallel_copies(benchmark: Benchmark) -> np.ndarray:
    """Rows of the passages that say the same: int64 (n_meanings, n_languages).

    Raises:
        ValueError: some query does not have one relevant passage in each language.
    """
    rows = benchmark.relevant_passage
    if len(rows) != len(benchmark.query_texts) * len(benchmark.languages):
        raise ValueError(f"{benchmark.name}: not one relevant passage of each language to a query")
    rows = rows.reshape(-1, len(benchmark.languages))
    languages = benchmark.passage_language[rows]
    if (np.sort(languages, axis=1) != np.arange(len(benchmark.languages))).any():
        raise ValueError(f"{benchmark.name}: a query has two relevant passages of one language")
    return np.unique(np.take_along_axis(rows, np.argsort(languages, axis=1), axis=1), axis=0)


def map_points(
    experiment: Experiment, benchmark: Benchmark, rows: np.ndarray
) -> tuple[np.ndarray, float]:
    """Some passages on their first two principal components, and the variance these keep.

    Returns:
        float array (n_rows, 2), and a share, 0 to 1.
    """
    from sklearn.decomposition import PCA

    pca = PCA(n_components=2)
    points = pca.fit_transform(embeddings(experiment, benchmark)[1][rows])
    return points, float(pca.explained_variance_ratio_.sum())


def variance_shares(points: np.ndarray) -> tuple[float, float]:
    """Shares of the variance that the means of languages, and those of meanings, explain.

    Args:
        points: float array (n_meanings, n_languages, dimension), parallel copies side by side.
    """
    points = points - points.mean(axis=(0, 1))
    total = float((points**2).sum())
    by_language = len(points) * float((points.mean(axis=0) ** 2).sum()) / total
    by_meaning = points.shape[1] * float((points.mean(axis=1) ** 2).sum()) / total
    return by_language, by_meaning


def swap_scores(experiment: Experiment, probe: Benchmark) -> dict[str, pd.DataFrame]:
    """Does the right passage stand before its twin of the same words? The village's swap probe.

    Args:
        experiment: the model.
        probe: a benchmark in which passages 0 and 1, 2 and 3, ... are twins of one language.

    Returns:
        "with" and "without" (spaces between words) -> one row per query of these languages: right
        (1, 0, or 1/2 for a tie) and tied.
    """
    import pandas as pd

    from hbt import village

    own = (
        probe.passage_language[probe.relevant_passage] == probe.query_language[probe.relevant_query]
    )
    passage = probe.relevant_passage[own]  # (n_queries,), the copy in the query's language
    queries, passages = embeddings(experiment, probe)
    lead = (queries * (passages[passage] - passages[passage ^ 1])).sum(axis=1)
    tied = np.abs(lead) < 1e-5
    frame = pd.DataFrame({"right": np.where(tied, 0.5, lead > 0), "tied": tied})
    spaced = [language.code for language in village.languages() if language.spaces]
    with_spaces = np.isin(np.array(probe.languages)[probe.query_language], spaced)
    return {"with": frame[with_spaces], "without": frame[~with_spaces]}
