"""InfoNCE over in-batch negatives, with a mask for negatives that are none.

`info_nce` compares embeddings that are already there, so that it can be checked by hand on a 3 x 3
matrix; `MaskedInfoNCELoss` is the same behind a model, as sentence-transformers' trainer wants it,
and `CachedMaskedInfoNCELoss` the same again for batches whose activations do not fit in memory.

The paper (arXiv 2408.10536, equation 1) prints the loss in one direction, query to passage, and
without a temperature. Cosines lie between -1 and 1, and a softmax over them alone is almost flat,
so an implementation must have a scale; which, the paper does not say. The default here is 20, the
default of sentence-transformers (a temperature of 0.05). Whether other queries' positives count as
negatives is not explicit there either ("in-batch negatives"); here they do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.util import all_gather, all_gather_with_grad, get_rank
from torch import Tensor
from torch.nn import functional

from hbt.length_groups import embed_by_length


def info_nce(
    query_embeddings: Tensor,
    passage_embeddings: Tensor,
    passage_id: Tensor,
    scale: float = 20.0,
    symmetric: bool = False,
    *,
    hard_negatives: Tensor | None = None,
    negative_id: Tensor | None = None,
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
        hard_negatives: (N, D), further candidates for every query.
        negative_id: int64 (N,), their passage ids, masked like the others; None if none of them
            is relevant to any query of the batch.
        rows: the queries (and passages, if symmetric) whose losses are averaged; the others only
            serve as negatives. One process of several passes its own rows of the gathered batch.

    Returns:
        A scalar.

    Raises:
        ValueError: the first three, or hard negatives and their ids, differ in their rows.
    """
    size = len(query_embeddings)
    if not size == len(passage_embeddings) == len(passage_id):
        raise ValueError(
            f"info_nce needs one passage and one passage id per query, not {size} queries, "
            f"{len(passage_embeddings)} passages and {len(passage_id)} passage ids"
        )
    extra = 0 if hard_negatives is None else len(hard_negatives)
    if negative_id is not None and len(negative_id) != extra:
        raise ValueError(f"info_nce has {len(negative_id)} ids for {extra} hard negatives")
    with torch.autocast(query_embeddings.device.type, enabled=False):  # bfloat16 cosines would tie
        embeddings = [query_embeddings, passage_embeddings]
        embeddings += [] if hard_negatives is None else [hard_negatives]
        units = [_unit(column) for column in embeddings]
        return _info_nce(units, passage_id, negative_id, scale, symmetric, rows)


def _unit(embeddings: Tensor) -> Tensor:
    """Embeddings at length 1, in float32 at least."""
    wide = torch.promote_types(embeddings.dtype, torch.float32)
    return functional.normalize(embeddings.to(wide), dim=-1)


def _info_nce(
    units: list[Tensor],
    passage_id: Tensor,
    negative_id: Tensor | None,
    scale: float,
    symmetric: bool,
    rows: slice,
) -> Tensor:
    """`info_nce` of embeddings of length 1: queries, passages and, if any, hard negatives."""
    queries, passages, *hard_negatives = units
    own = torch.arange(len(queries), device=queries.device)[rows]  # (b,)
    mine = passage_id[own, None]  # (b, 1)
    others = own[:, None] != torch.arange(len(queries), device=own.device)  # never the positive
    masked = (mine == passage_id) & others  # (b, B)

    scores = (scale * queries[rows] @ passages.T).masked_fill(masked, -torch.inf)  # (b, B)
    for negatives in hard_negatives:
        further = scale * queries[rows] @ negatives.T  # (b, N)
        if negative_id is not None:
            further = further.masked_fill(mine == negative_id, -torch.inf)
        scores = torch.cat([scores, further], dim=1)
    loss = functional.cross_entropy(scores, own)
    if symmetric:
        back = scale * passages[rows] @ queries.T  # (b, B)
        loss = (loss + functional.cross_entropy(back.masked_fill(masked, -torch.inf), own)) / 2
    return loss


@dataclass(frozen=True)
class _Batch:
    """What is compared: the columns of all processes, and the rows of this one."""

    embeddings: list[Tensor]
    """Queries and passages, (B, D) each, and, if any, all hard negatives, (N, D)."""
    passage_id: Tensor
    negative_id: Tensor | None
    rows: slice


def _arrange(embeddings: list[Tensor], labels: Tensor | None, gather: bool) -> _Batch:
    """Columns of embeddings and their labels, as `info_nce` wants them.

    Raises:
        ValueError: there are fewer than two columns, no passage ids, or not one for each column.
    """
    if len(embeddings) < 2:
        raise ValueError(f"the loss needs a query and a passage column, got {len(embeddings)}")
    if labels is None:
        raise ValueError("the loss needs the passage id of every row in a column named 'label'")
    if labels.ndim == 2 and labels.shape[1] != len(embeddings) - 1:
        raise ValueError(
            f"label has {labels.shape[1]} passage ids a row for a passage and "
            f"{len(embeddings) - 2} hard negatives"
        )
    size, rows = len(labels), slice(0, len(labels))
    if gather:
        embeddings = [all_gather_with_grad(column) for column in embeddings]
        labels = all_gather(labels)
        rows = slice(get_rank() * size, (get_rank() + 1) * size)
    queries, passages, *hard_negatives = embeddings
    columns = [queries, passages] + ([torch.cat(hard_negatives)] if hard_negatives else [])
    if labels.ndim == 1:
        return _Batch(columns, labels, None, rows)
    return _Batch(columns, labels[:, 0], labels[:, 1:].T.reshape(-1), rows)


class MaskedInfoNCELoss(MultipleNegativesRankingLoss):
    """MultipleNegativesRankingLoss that knows which passages are the same.

    The training data has the columns query, passage, any number of hard negatives, and `label`,
    which carries the passage id of each row's passage, or a list: that id and one for each hard
    negative. Negatives with the passage id of the query's own passage are masked; without ids of
    their own, hard negatives never are. Without clashes the value and the gradient equal those of
    the parent class with the same scale.

    Args:
        model: the encoder.
        scale: multiplies the cosine, see the module's docstring.
        symmetric: also from passage to query, the two averaged.
        gather_across_devices: take negatives from the batches of all processes.
        length_groups: embed the texts of all columns together, sorted by length, in at most so
            many passes (see `hbt.length_groups`); 0 for one pass a column, unsorted.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        scale: float = 20.0,
        symmetric: bool = False,
        gather_across_devices: bool = False,
        length_groups: int = 0,
    ) -> None:
        super().__init__(
            model,
            scale=scale,
            gather_across_devices=gather_across_devices,
            directions=_directions(symmetric),
            partition_mode="per_direction",
        )
        self.symmetric = symmetric
        self.length_groups = length_groups

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Embed the columns and compare them."""
        if not self.length_groups:
            return super().forward(sentence_features, labels)
        columns = embed_by_length(self.model, sentence_features, self.length_groups)
        return self.compute_loss_from_embeddings(columns, labels)

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """Loss of the columns' embeddings, each (B, D), with the passage ids, int64 (B,).

        Raises:
            ValueError: there are fewer than two columns, no passage ids, or not one per column.
        """
        batch = _arrange(embeddings, labels, self.gather_across_devices)
        return info_nce(
            *batch.embeddings[:2],
            batch.passage_id,
            self.scale,
            self.symmetric,
            hard_negatives=batch.embeddings[2] if len(batch.embeddings) > 2 else None,
            negative_id=batch.negative_id,
            rows=batch.rows,
        )


class CachedMaskedInfoNCELoss(CachedMultipleNegativesRankingLoss):
    """`MaskedInfoNCELoss` with the memory of a small batch: value and gradient are the same.

    Texts are embedded twice, a mini-batch at a time, first without and then with gradients (Gao et
    al. 2021, arXiv 2101.06983); scores are made in blocks of so many rows. An encoder whose input
    has no batch dimension (`static`) cannot be cut and needs no cutting.

    Args:
        model: the encoder.
        mini_batch_size: texts embedded at a time; it changes memory and speed, nothing else.
        scale, symmetric, gather_across_devices: as for `MaskedInfoNCELoss`.

    Raises:
        ValueError: the encoder is static.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        mini_batch_size: int = 32,
        scale: float = 20.0,
        symmetric: bool = False,
        gather_across_devices: bool = False,
    ) -> None:
        super().__init__(
            model,
            scale=scale,
            mini_batch_size=mini_batch_size,
            gather_across_devices=gather_across_devices,
            directions=_directions(symmetric),
            partition_mode="per_direction",
        )
        self.symmetric = symmetric

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """Loss of the columns' embeddings, given in mini-batches; see the parent class."""
        columns = [torch.cat(mini_batches) for mini_batches in reps]
        batch = _arrange(columns, labels, self.gather_across_devices)
        with torch.autocast(columns[0].device.type, enabled=False):
            units = [_unit(column) for column in batch.embeddings]
            # Gradients of the blocks meet here, so that processes exchange them once, not per block
            leaves = [column.detach().requires_grad_(with_backward) for column in units]
            total = torch.zeros((), dtype=units[0].dtype, device=units[0].device)
            for rows in self._blocks(batch.rows):
                ids = (batch.passage_id, batch.negative_id)
                part = _info_nce(leaves, *ids, self.scale, self.symmetric, rows)
                part = part * ((rows.stop - rows.start) / len(columns[0]))
                if with_backward:
                    part.backward()
                total = total + part.detach()
            if with_backward:
                torch.autograd.backward(units, [leaf.grad for leaf in leaves])
        return total

    def _blocks(self, rows: slice) -> list[slice]:
        starts = range(rows.start, rows.stop, self.mini_batch_size)
        return [slice(start, min(start + self.mini_batch_size, rows.stop)) for start in starts]


def _directions(symmetric: bool) -> tuple[str, ...]:
    return ("query_to_doc", "doc_to_query") if symmetric else ("query_to_doc",)
