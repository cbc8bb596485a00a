"""Measures of language bias: does a query's language decide which passages it finds?"""

from hbt.bias.distance import (
    QUANTILES,
    mean_rank_distance,
    rank_distance,
    rank_distance_by_language,
    rank_distance_per_query,
    rank_distance_quantiles,
)
from hbt.bias.mix import language_mix, same_language
from hbt.bias.ranks import (
    TIE_RULES,
    by_query_language,
    macro_mean,
    multilingual_ranks,
    per_query_table,
    tied_share,
)

__all__ = [
    "QUANTILES",
    "TIE_RULES",
    "by_query_language",
    "language_mix",
    "macro_mean",
    "mean_rank_distance",
    "multilingual_ranks",
    "per_query_table",
    "rank_distance",
    "rank_distance_by_language",
    "rank_distance_per_query",
    "rank_distance_quantiles",
    "same_language",
    "tied_share",
]
