"""LAReQA's removal test: how much is lost when one relevant passage is taken out of the pool?

Where the passage in the query's language carries the score, taking it away costs much, and taking
away a copy in another language costs little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbt.bias.ranks import mean_of, own_language
from hbt.corpus import Benchmark

if TYPE_CHECKING:
    import pandas as pd

    from hbt.retrieval import Counts


@dataclass(frozen=True)
class Removal:
    """Loss of average precision of each query: float64 arrays (n_queries,).

    Attributes:
        same: when a relevant passage in the query's language is taken away; the mean where there
            are several, each taken away alone. NaN where there is none, or no other.
        other: the same for passages in other languages.
        difference: same - other, 0 without bias, above 0 where the own language carries the score.
    """

    same: np.ndarray
    other: np.ndarray
    difference: np.ndarray


def removal_test(benchmark: Benchmark, counts: Counts) -> Removal:
    """Average precision in the multilingual pool, less what it is without one relevant passage.

    The passage is neither in the pool nor relevant any more, so those behind it move up one rank.
    Between -1 and 1: a loss is below 0 where a badly ranked passage goes. All relevant passages on
    top make every loss 0, in whatever order they stand.

    Source: LAReQA (arXiv 2004.05484).
    """
    own = own_language(benchmark, counts)
    loss, n_queries = removal_losses(counts), len(benchmark.query_texts)
    kept = ~np.isnan(loss)
    same, other = (
        mean_of(loss[which], counts.relevant_query[which], n_queries)
        for which in (kept & own, kept & ~own)
    )
    return Removal(same, other, same - other)


def removal_losses(counts: Counts) -> np.ndarray:
    """Loss of its query's average precision without each relevant passage: (n_relevant,).

    NaN where it is the only one. With ranks r_1 < r_2 < ... of R relevant passages, AP is the mean
    of j / r_j, and without the i-th it is

        (sum over j < i of j / r_j + sum over j > i of (j - 1) / (r_j - 1)) / (R - 1)
    """
    query = counts.relevant_query
    rank = 1.0 + counts.before.sum(axis=1)
    order = np.lexsort((rank, query))
    sorted_query, sorted_rank = query[order], rank[order]
    begin = np.searchsorted(sorted_query, sorted_query)
    end = np.searchsorted(sorted_query, sorted_query, side="right")
    position = np.arange(len(order)) - begin + 1.0
    number = end - begin
    # running sums over all pairs at once, with a zero in front; differences are sums of a query
    as_is = np.r_[0.0, np.cumsum(position / sorted_rank)]
    moved_up = np.r_[0.0, np.cumsum((position - 1) / np.maximum(sorted_rank - 1, 1))]
    here = np.arange(len(order))
    before, behind = as_is[here] - as_is[begin], moved_up[end] - moved_up[here + 1]
    with_it = (as_is[end] - as_is[begin]) / number
    without = np.full(len(order), np.nan)
    np.divide(before + behind, number - 1, out=without, where=number > 1)
    loss = np.empty(len(order))
    loss[order] = with_it - without
    return loss


def removal_by_language(benchmark: Benchmark, counts: Counts) -> pd.DataFrame:
    """Mean loss by query language and language of the removed passage.

    Returns:
        Columns query_language, removed_language, loss (mean over the removed passages), n_removed;
        one row for each pair of languages in which something was removed.
    """
    import pandas as pd

    loss = removal_losses(counts)
    names = np.array(benchmark.languages, dtype=object)
    n_languages = len(names)
    kept = ~np.isnan(loss)
    query_language = benchmark.query_language[counts.relevant_query]
    cell = query_language * n_languages + benchmark.passage_language[counts.relevant_passage]
    means = mean_of(loss[kept], cell[kept], n_languages**2)
    filled = np.flatnonzero(~np.isnan(means))
    return pd.DataFrame(
        {
            "query_language": names[filled // n_languages],
            "removed_language": names[filled % n_languages],
            "loss": means[filled],
            "n_removed": np.bincount(cell[kept], minlength=n_languages**2)[filled],
        }
    )
