"""What others need for the same evaluation: embeddings in, scores of every query out.

Each peer is a function of a `Task` and returns the value of a metric for each of its queries and
pools, so that it can be compared with ours. A task's time holds the matrix product too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from hbt.counting import tie_ids
from hbt.suite.bench.made_pool import Made, only_queries

Values = dict[str, np.ndarray]
"""From the name of a metric to its values: one for each query in each pool, queries first."""

BLOCK = 100
"""Queries in one matrix product."""

MIXED = -1
"""The pool of all languages, where others are named by their language's number."""


@dataclass(frozen=True)
class Task:
    """Some queries of a made benchmark in some pools.

    Attributes:
        made: benchmark and embeddings.
        queries: int64 array; the queries.
        pools: languages of the pools, `MIXED` for all passages.
    """

    made: Made
    queries: np.ndarray
    pools: tuple[int, ...]

    def blocks(self) -> Iterator[tuple[Task, np.ndarray]]:
        """A hundred queries at a time and their scores, float32 (n_queries, n_passages)."""
        import torch

        passages = torch.from_numpy(self.made.passages)
        for start in range(0, len(self.queries), BLOCK):
            queries = self.queries[start : start + BLOCK]
            chosen = torch.from_numpy(self.made.queries[queries])
            yield Task(self.made, queries, self.pools), torch.mm(chosen, passages.T).numpy()

    def relevant(self, query: int) -> np.ndarray:
        """Rows of the passages that are relevant to a query, rising."""
        benchmark = self.made.benchmark
        ends = np.searchsorted(benchmark.relevant_query, (query, query + 1))
        return benchmark.relevant_passage[slice(*ends)]

    def rows(self) -> list[np.ndarray]:
        """For each pool the rows of its passages."""
        language = self.made.benchmark.passage_language
        return [np.flatnonzero((language == pool) | (pool == MIXED)) for pool in self.pools]

    def dictionaries(self) -> Iterator[tuple[dict[str, dict[str, int]], dict[str, dict]]]:
        """Judgments and runs as TREC tools take them, a block of queries at a time."""
        names = np.array(tie_ids(self.made.benchmark.passage_ids), dtype=object)
        rows = self.rows()
        named = [names[part].tolist() for part in rows]
        for block, all_scores in self.blocks():
            judged, run = {}, {}
            for query, scores in zip(block.queries, all_scores, strict=True):
                relevant = self.relevant(query)
                for pool, part, own in zip(self.pools, rows, named, strict=True):
                    inside = relevant[np.isin(relevant, part, assume_unique=True)]
                    key = f"{query:08d}/{pool:+04d}"
                    judged[key] = dict.fromkeys(names[inside].tolist(), 1)
                    run[key] = dict(zip(own, scores[part].tolist(), strict=True))
            yield judged, run


def hbt_itself(task: Task) -> Values:
    """The same from `hbt.retrieval` and `hbt.evaluation`, on the very scores of the peers."""
    from hbt.evaluation import evaluate
    from hbt.retrieval import count_from_scores

    benchmark = only_queries(task.made.benchmark, task.queries)
    scores = np.concatenate([block for _, block in task.blocks()])
    counts = count_from_scores(benchmark, lambda rows: scores[rows.start : rows.stop])
    number = {name: pool for pool, name in enumerate(benchmark.languages)}
    table = evaluate(benchmark, counts).per_query
    pool = table["passage_language"].map(lambda name: number.get(name, MIXED))
    table = table[pool.isin(task.pools)].assign(mixed=pool == MIXED, pool=pool)
    table = table.sort_values(["query", "mixed", "pool"])
    values = {name: table[name].to_numpy() for name in ("mAP", "R@1", "R@10", "nDCG@10", "MRR")}
    means = {f"mean {name}": _by_pool(value, task).mean(axis=0) for name, value in values.items()}
    grouped = evaluate(benchmark, counts, metrics=["mAP"], ties="sklearn").per_query
    return {**values, **means, "mAP of ties": grouped.loc[table.index, "mAP"].to_numpy()}


def _by_pool(values: np.ndarray, task: Task) -> np.ndarray:
    return values.reshape(len(task.queries), len(task.pools))


def pytrec_eval(task: Task) -> Values:
    """pytrec_eval, the C code of trec_eval."""
    import pytrec_eval as package

    ours = {"map": "mAP", "recall_1": "R@1", "recall_10": "R@10"}
    ours |= {"ndcg_cut_10": "nDCG@10", "recip_rank": "MRR"}
    values: dict[str, list[float]] = {name: [] for name in ours.values()}
    for judged, run in task.dictionaries():
        wanted = {"map", "recall.1,10", "ndcg_cut.10", "recip_rank"}
        found = package.RelevanceEvaluator(judged, wanted).evaluate(run)
        for theirs, name in ours.items():
            values[name] += [found[key][theirs] for key in judged]
    return {name: np.array(value) for name, value in values.items()}


def ranx(task: Task) -> Values:
    """ranx, compiled by numba."""
    from ranx import Qrels, Run, evaluate

    ours = {"map": "mAP", "recall@1": "R@1", "recall@10": "R@10", "ndcg@10": "nDCG@10"}
    ours |= {"mrr": "MRR"}
    values: dict[str, list[np.ndarray]] = {name: [] for name in ours.values()}
    for judged, run in task.dictionaries():
        found = evaluate(Qrels.from_dict(judged), Run.from_dict(run), list(ours), return_mean=False)
        for theirs, name in ours.items():
            values[name].append(found[theirs])
    return {name: np.concatenate(value) for name, value in values.items()}


def scikit_learn(task: Task) -> Values:
    """scikit-learn's average_precision_score; it has none of the other metrics."""
    from sklearn.metrics import average_precision_score

    rows, values = task.rows(), []
    for block, all_scores in task.blocks():
        for query, scores in zip(block.queries, all_scores, strict=True):
            truth = np.zeros(len(scores), dtype=bool)
            truth[task.relevant(query)] = True
            values += [average_precision_score(truth[part], scores[part]) for part in rows]
    return {"mAP of ties": np.array(values)}


def sentence_transformers(task: Task) -> Values:
    """sentence-transformers' InformationRetrievalEvaluator, which gives means over queries only."""
    import torch
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    made, values = task.made, defaultdict(list)
    ids = made.benchmark.passage_ids
    embeddings = torch.from_numpy(made.queries[task.queries])
    for part in task.rows():
        inside = set(part.tolist())
        judged = {
            str(query): {ids[row] for row in task.relevant(query).tolist() if row in inside}
            for query in task.queries
        }
        evaluator = InformationRetrievalEvaluator(
            dict.fromkeys(judged, ""),
            {ids[row]: "" for row in part},
            judged,
            map_at_k=[len(part)],
            mrr_at_k=[len(part)],
            precision_recall_at_k=[1, 10],
            score_functions={"dot": lambda queries, passages: queries @ passages.T},
            write_csv=False,
        )
        evaluator.embed_inputs = lambda *_, **__: embeddings
        pool = torch.from_numpy(made.passages[part])
        found = evaluator.compute_all_metrics(SimpleNamespace(), corpus_embeddings=pool)["dot"]
        values["mean mAP"].append(found["map@k"][len(part)])
        values["mean R@1"].append(found["recall@k"][1])
        values["mean R@10"].append(found["recall@k"][10])
        values["mean nDCG@10"].append(found["ndcg@k"][10])
        values["mean MRR"].append(found["mrr@k"][len(part)])
    return {name: np.array(value) for name, value in values.items()}


PEERS: dict[str, tuple[str, Callable[[Task], Values]]] = {
    "pytrec_eval": ("pytrec_eval-terrier", pytrec_eval),
    "scikit-learn": ("scikit-learn", scikit_learn),
    "ranx": ("ranx", ranx),
    "sentence-transformers": ("sentence-transformers", sentence_transformers),
}
"""From the name of a peer to its distribution and function."""
