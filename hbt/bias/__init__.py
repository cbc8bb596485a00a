"""Measures of language bias: does a query's language decide which passages it finds?

All of them look at the multilingual pool, the passages of all languages together, and none of them
sees everything: `MEASURES` says for each what it sees, what it is blind to, and what else moves it.
A measure of a query is an array (n_queries,), NaN where it is not defined; `summary` has them all.
"""

from hbt.bias.completeness import complete, max_rank, max_rank_normalised, target_language_recall
from hbt.bias.consistency import mean_rank_correlation
from hbt.bias.distance import (
    QUANTILES,
    mean_rank_distance,
    rank_distance,
    rank_distance_by_language,
    rank_distance_per_query,
    rank_distance_quantiles,
)
from hbt.bias.equal_rank import kruskal_wallis, peer, peer_is_constant
from hbt.bias.measures import MOST_TIES
from hbt.bias.mix import bias_index, language_mix, own_language_surplus, same_language
from hbt.bias.overview import per_query, summary
from hbt.bias.preference import same_language_preference
from hbt.bias.properties import MEASURES, Measure, measure_table
from hbt.bias.ranks import (
    TIE_RULES,
    by_query_language,
    macro_mean,
    multilingual_ranks,
    per_query_table,
    tied_share,
)
from hbt.bias.removal import removal_by_language, removal_test

__all__ = [
    "MEASURES",
    "MOST_TIES",
    "QUANTILES",
    "TIE_RULES",
    "Measure",
    "bias_index",
    "by_query_language",
    "complete",
    "kruskal_wallis",
    "language_mix",
    "macro_mean",
    "max_rank",
    "max_rank_normalised",
    "mean_rank_correlation",
    "mean_rank_distance",
    "measure_table",
    "multilingual_ranks",
    "own_language_surplus",
    "peer",
    "peer_is_constant",
    "per_query",
    "per_query_table",
    "rank_distance",
    "rank_distance_by_language",
    "rank_distance_per_query",
    "rank_distance_quantiles",
    "removal_by_language",
    "removal_test",
    "same_language",
    "same_language_preference",
    "summary",
    "target_language_recall",
    "tied_share",
]
