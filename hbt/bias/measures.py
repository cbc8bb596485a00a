"""Every measure that is a mean over queries, by its key, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hbt.bias.completeness import complete, max_rank, max_rank_normalised, target_language_recall
from hbt.bias.consistency import Scores, mean_rank_correlation
from hbt.bias.distance import QUANTILES, rank_distance
from hbt.bias.equal_rank import NOT_RELEVANT, peer, peer_is_constant
from hbt.bias.mix import own_language_surplus
from hbt.bias.preference import same_language_preference
from hbt.bias.ranks import by_query_language, macro_mean, n_relevant, tied_share
from hbt.bias.removal import removal_test
from hbt.corpus import Benchmark
from hbt.retrieval import Counts, check_counts

if TYPE_CHECKING:
    from hbt.cut_runs import Listed

MOST_TIES = 0.05
"""Above this share of relevant passages in ties, the rule of ties makes the rank distance."""


@dataclass(frozen=True)
class Found:
    """A measure of every query, or why there is none.

    Attributes:
        values: float64 (n_queries,), NaN where the query has none; None where no query has one.
        reason: why there are no values.
        more: further plain values for `summary`.
    """

    values: np.ndarray | None
    reason: str | None = None
    more: dict[str, Any] = field(default_factory=dict)


def measures_of_queries(
    benchmark: Benchmark,
    counts: Counts,
    scores: Scores | None,
    k: int,
    listed: Listed | None,
) -> dict[str, Found]:
    """Key -> measure; arguments as for `hbt.bias.summary`."""
    check_counts(benchmark, counts)
    most = int(n_relevant(benchmark, counts).max(initial=0))
    deep = max(k, most, 1)
    preference = same_language_preference(benchmark, counts)
    removal = removal_test(benchmark, counts)
    first = {
        "expected": macro_mean(benchmark, preference.first_expected),
        "expected_by_query_language": by_query_language(benchmark, preference.first_expected),
    }
    all_ranks, found_by_k, found_by_deep, top = _known(benchmark, listed, k, deep)
    lonely = "no query has relevant passages both in its own and in another language"
    single = "no query has two relevant passages"
    alone = "no query has a relevant passage in {} language beside another relevant one"
    distance = _found(rank_distance(benchmark, counts), all_ranks, single)
    if distance.values is not None:
        distance.more.update(_spread(benchmark, counts, distance.values, listed))
    return {
        "rank_distance": distance,
        "max_rank": _found(max_rank(benchmark, counts), all_ranks),
        "max_rank_normalised": _found(max_rank_normalised(benchmark, counts), all_ranks),
        "complete": _found(complete(benchmark, counts, deep), found_by_deep, more={"k": deep}),
        "target_language_recall": _found(
            target_language_recall(benchmark, counts, k),
            found_by_k,
            "no query has a relevant passage in another language",
            {"k": k},
        ),
        "peer": _peer(benchmark, counts, all_ranks),
        "peer_not_relevant": _found(
            peer(benchmark, counts, k, weights={NOT_RELEVANT: 1.0}), top, more={"k": k}
        ),
        "mean_rank_correlation": _correlation(benchmark, counts, scores, k),
        "removal_same": _found(removal.same, all_ranks, alone.format("its own")),
        "removal_other": _found(removal.other, all_ranks, alone.format("another")),
        "removal_difference": _found(removal.difference, all_ranks, lonely),
        "own_language_surplus": _found(
            own_language_surplus(benchmark, counts, k), top, more={"k": k}
        ),
        "same_language_first": _found(preference.first, all_ranks, lonely, first),
        "same_language_pairs": _found(preference.pairs, all_ranks, lonely, {"expected": 0.5}),
    }


def _found(
    values: np.ndarray,
    known: np.ndarray,
    empty: str = "no query has a relevant passage",
    more: dict[str, Any] | None = None,
) -> Found:
    """The values, unless there are none or a run leaves some open."""
    defined = ~np.isnan(values)
    if not defined.any():
        return Found(None, empty)
    if not known[defined].all():
        open_queries, n = int((~known & defined).sum()), int(defined.sum())
        return Found(None, f"the run lists too little for {open_queries} of {n} queries")
    return Found(values, None, dict(more or {}))


def _known(
    benchmark: Benchmark, listed: Listed | None, k: int, deep: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Which queries have known: all relevant ranks, those up to k, those up to deep, the top k."""
    if listed is None:
        return (np.ones(len(benchmark.query_texts), dtype=bool),) * 4
    ranks, top = listed.all_relevant(benchmark), listed.top(k)
    return ranks, ranks | top, ranks | listed.top(deep), top


def _peer(benchmark: Benchmark, counts: Counts, known: np.ndarray) -> Found:
    values, constant = peer(benchmark, counts), peer_is_constant(benchmark, counts)
    defined = ~np.isnan(values)
    if defined.any() and constant[defined].all():
        return Found(
            None,
            "no language has two relevant passages of one grade for a query: PEER is the same "
            "for every ranking",
        )
    share = float(constant[defined].mean()) if defined.any() else 0.0
    return _found(values, known, more={"share_constant": share})


def _correlation(benchmark: Benchmark, counts: Counts, scores: Scores | None, k: int) -> Found:
    if scores is None:
        return Found(None, "needs the scores")
    values = mean_rank_correlation(benchmark, counts, scores, k)
    everything = np.ones(len(values), dtype=bool)
    return _found(values, everything, "no item has queries in two languages", {"k": k})


def _spread(
    benchmark: Benchmark, counts: Counts, distance: np.ndarray, listed: Listed | None
) -> dict[str, Any]:
    """What `summary` says of rank distance beside its mean."""
    kept = distance[~np.isnan(distance)]
    names = [f"q{100 * quantile:g}" for quantile in QUANTILES]
    more: dict[str, Any] = {
        "median": float(np.median(kept)),
        "quantiles": dict(zip(names, np.quantile(kept, QUANTILES).tolist(), strict=True)),
        "interpret": True,
        "note": None,
    }
    if listed is not None and not listed.above_last.all():
        return more | {"note": "relevant passages at the end of the lists may tie with others"}
    averaged = rank_distance(benchmark, counts, "average")
    more["by_ties"] = {
        "trec": macro_mean(benchmark, distance),
        "average": macro_mean(benchmark, averaged),
    }
    if tied_share(counts) > MOST_TIES:
        more["interpret"] = False
        more["note"] = (
            f"{tied_share(counts):.0%} of the relevant passages are tied: the rule of ties makes "
            "this number, not the system"
        )
    return more
