"""Metrics of rankings that end after k passages, as a search in a large pool gives them.

nDCG@10 and Recall@100, which MIRACL reports, need no more. What needs the rank of every relevant
passage is refused: a relevant passage beyond the k-th has some rank, and it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hbt import metrics as formulas
from hbt.evaluation import Metric


def scores_at_k(
    rankings: Sequence[Sequence[str]],
    grades: Sequence[Mapping[str, int]],
    metrics: Sequence[str] = ("nDCG@10", "R@100"),
) -> dict[str, np.ndarray]:
    """Scores of every query.

    Args:
        rankings: ids of the first passages of each query, best first, as in `TopK.ids`.
        grades: for each query the judged passages and their grades; those above 0 are relevant.
            The pool may lack some of them: they count as not found, as in trec_eval.
        metrics: names with a cut-off that `hbt.evaluation.Metric.parse` knows: R@k, Success@k and
            nDCG@k.

    Returns:
        For each metric a float64 array (n_queries,).

    Raises:
        ValueError: a metric is unknown, needs full ranks or more than the rankings have; a query
            has no relevant passage; a ranking has an id twice.
    """
    if len(rankings) != len(grades):
        raise ValueError(f"there are {len(rankings)} rankings and grades of {len(grades)} queries")
    depth = min(map(len, rankings), default=0)
    parsed = [_at_most(Metric.parse(name), depth) for name in metrics]
    ranks, gains, group, all_gains, all_group = [], [], [], [], []
    for query, (ranking, judged) in enumerate(zip(rankings, grades, strict=True)):
        rank_of = {name: rank for rank, name in enumerate(ranking, start=1)}
        if len(rank_of) < len(ranking):
            raise ValueError(f"the ranking of query {query} has a passage twice")
        relevant = {name: grade for name, grade in judged.items() if grade > 0}
        if not relevant:
            raise ValueError(f"query {query} has no relevant passage; leave it out by name")
        found = [name for name in relevant if name in rank_of]
        ranks += [rank_of[name] for name in found]
        gains += [relevant[name] for name in found]
        group += [query] * len(found)
        all_gains += relevant.values()
        all_group += [query] * len(relevant)
    n_relevant = np.bincount(np.array(all_group, dtype=np.int64))
    values = {}
    for metric in parsed:
        if metric.name == "nDCG":
            values[str(metric)] = formulas.ndcg(
                ranks, gains, metric.k, all_gains, group=group, all_group=all_group
            )
        else:
            formula = formulas.recall if metric.name == "R" else formulas.success
            values[str(metric)] = formula(ranks, metric.k, n_relevant, group=group)
    return values


def _at_most(metric: Metric, depth: int) -> Metric:
    """The metric, if rankings of that depth are enough for it."""
    if metric.k is None:
        raise ValueError(
            f"{metric} needs the ranks of all relevant passages; these rankings end after {depth}"
        )
    if metric.k > depth:
        raise ValueError(f"{metric} needs {metric.k} passages; these rankings end after {depth}")
    return metric
