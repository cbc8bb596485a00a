"""InfoNCE over in-batch negatives, with a mask for negatives that are none.

`info_nce` compares embeddings that are already there, so that it can be checked by hand on a 3 x 3
matrix; `MaskedInfoNCELoss` is the same behind a model, as sentence-transformers' trainer wants it.

The paper (arXiv 2408.10536, equation 1) prints the loss in one direction, query to passage, and
without a temperature. Cosines lie between -1 and 1, and a softmax over them alone is almost flat,
so an implementation must have a scale; which, the paper does not say. The default here is 20, the
default of sentence-transformers (a temperature of 0.05). Whether other queries' positives count as
negatives is not explicit there either ("in-batch negatives"); here they do.
"""

from __future__ import annotations

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.util import all_gather, all_gather_with_grad, get_rank
from torch import Tensor
from torch.nn import functional


def info_nce(
    query_embeddings: Tensor,
    passage_embeddings: Tensor,
    passage_id: Tensor,
    scale: float = 20.0,
    symmetric: bool = False,
    *,
    hard_negatives: Tensor | None = None,
    rows: slice = slice(None),
) -> Tensor:
    """Mean over queries of -log softmax of the scaled cosine with the query's own passage.

    For query i with passage i, over the candidates C(i) = {i} and all j with another passage id::

        loss_i = -log( exp(scale cos(q_i, p_i)) / sum_{j in C(i)} exp(scale cos(q_i, p_j)) )

    Passages with the same passage id as passage i (its parallel copies, or the same passage under
    another question) are no negatives of query i and are left out. The formula is that of
    van den Oord et al. 2018 (arXiv 1807.03748) with in-batch negatives.

    Args:
        query_embeddings: (B, D), any length; cosines are taken.
        passage_embeddings: (B, D); row i belongs to query i.
        passage_id: int64 (B,).
        scale: multiplies the cosine; the inverse of the temperature.
        symmetric: average with the same loss from passage to query.
        hard_negatives: (N, D), further candidates for every query; they carry no passage id
            and are never masked, so they must not be relevant to any query of the batch.
        rows: the queries (and passages, if symmetric) whose losses are averaged; the others only
            serve as negatives. One process of several passes its own rows of the gathered batch.

    Returns:
        A scalar.

    Raises:
        ValueError: the three do not have the same number of rows.
    """
    size = len(query_embeddings)
    if not size == len(passage_embeddings) == len(passage_id):
        raise ValueError(
            f"info_nce needs one passage and one passage id per query, not {size} queries, "
            f"{len(passage_embeddings)} passages and {len(passage_id)} passage ids"
        )
    with torch.autocast(query_embeddings.device.type, enabled=False):  # bfloat16 cosines would tie
        queries, passages = _unit(query_embeddings), _unit(passage_embeddings)
        extra = None if hard_negatives is None else _unit(hard_negatives)
        return _info_nce(queries, passages, extra, passage_id, scale, symmetric, rows)


def _unit(embeddings: Tensor) -> Tensor:
    """Embeddings at length 1, in float32 at least."""
    wide = torch.promote_types(embeddings.dtype, torch.float32)
    return functional.normalize(embeddings.to(wide), dim=-1)


def _info_nce(
    queries: Tensor,
    passages: Tensor,
    hard_negatives: Tensor | None,
    passage_id: Tensor,
    scale: float,
    symmetric: bool,
    rows: slice,
) -> Tensor:
    size = len(queries)
    own = torch.arange(size, device=queries.device)[rows]  # (b,)
    same = passage_id[own, None] == passage_id  # (b, B)
    masked = same & (own[:, None] != torch.arange(size, device=own.device))  # never the positive

    scores = scale * queries[rows] @ passages.T  # (b, B)
    scores = scores.masked_fill(masked, -torch.inf)
    if hard_negatives is not None:
        scores = torch.cat([scores, scale * queries[rows] @ hard_negatives.T], dim=1)  # (b, B + N)
    loss = functional.cross_entropy(scores, own)
    if symmetric:
        back = scale * passages[rows] @ queries.T  # (b, B)
        loss = (loss + functional.cross_entropy(back.masked_fill(masked, -torch.inf), own)) / 2
    return loss


class MaskedInfoNCELoss(MultipleNegativesRankingLoss):
    """MultipleNegativesRankingLoss that knows which passages are the same.

    The training data has the columns query, passage, any number of hard negatives, and `label`,
    which carries the passage id of each row's passage. Negatives with the same passage id are
    masked. Without clashes the value and the gradient equal those of the parent class with the
    same scale.

    Args:
        model: the encoder.
        scale: multiplies the cosine, see the module's docstring.
        symmetric: also from passage to query, the two averaged.
        gather_across_devices: take negatives from the batches of all processes.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        scale: float = 20.0,
        symmetric: bool = False,
        gather_across_devices: bool = False,
    ) -> None:
        super().__init__(
            model,
            scale=scale,
            gather_across_devices=gather_across_devices,
            directions=("query_to_doc", "doc_to_query") if symmetric else ("query_to_doc",),
            partition_mode="per_direction",
        )
        self.symmetric = symmetric

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """Loss of the columns' embeddings, each (B, D), with the passage ids, int64 (B,).

        Raises:
            ValueError: there are fewer than two columns, or no passage ids.
        """
        if len(embeddings) < 2:
            raise ValueError(f"the loss needs a query and a passage column, got {len(embeddings)}")
        if labels is None:
            raise ValueError("the loss needs the passage id of every row in a column named 'label'")
        size, rows = len(labels), slice(None)
        if self.gather_across_devices:
            embeddings = [all_gather_with_grad(column) for column in embeddings]
            labels = all_gather(labels)
            rows = slice(get_rank() * size, (get_rank() + 1) * size)
        return info_nce(
            embeddings[0],
            embeddings[1],
            labels,
            self.scale,
            self.symmetric,
            hard_negatives=torch.cat(embeddings[2:]) if len(embeddings) > 2 else None,
            rows=rows,
        )
