"""The gradient of a large embedding matrix, collected by rows and made whole once a step.

XLM-R's embedding matrix has 250,002 rows of 768 values, and a batch reads some hundred of them. Yet
queries and passages each bring a gradient of the whole matrix, nearly all of it zeros, and the two
are added up: on a CPU gigabytes are moved for nothing. Here the rows that were read are added up
first, and then written into one matrix, kept from step to step, that the optimizer reads as it
reads any gradient. Sums in another order differ in their last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

LARGE = 2**20
"""Values of a matrix from which on a gradient by rows is worth its while."""


class RowGradient:
    """The matrix whose gradient is collected by rows."""

    def __init__(self, weight: torch.nn.Parameter) -> None:
        self.weight = weight
        self._whole: Tensor | None = None
        self._written: Tensor | None = None  # rows of the whole matrix that are not zero

    def clip(self, parameters: Iterable[torch.nn.Parameter], longest: float) -> Tensor:
        """`torch.nn.utils.clip_grad_norm_` of all parameters, then `make_whole`.

        The norm of a gradient by rows is that of its rows, so that the matrix is not read.

        Returns:
            The norm before.
        """
        if self.weight.grad is not None and self.weight.grad.is_sparse:
            self.weight.grad = self.weight.grad.coalesce()
        gradients = [each.grad for each in parameters if each.grad is not None]
        values = [each.values() if each.is_sparse else each for each in gradients]
        norm = torch.nn.utils.get_total_norm(values)
        torch._foreach_mul_(values, torch.clamp(longest / (norm + 1e-6), max=1.0))
        self.make_whole()
        return norm

    def make_whole(self) -> None:
        """Give the parameter an ordinary gradient in place of one by rows, if it has one."""
        gradient = self.weight.grad
        if gradient is None or not gradient.is_sparse:
            self._whole = None  # a batch before was added to it: its rows are not known
            return
        gradient = gradient.coalesce()
        if self._whole is None:
            self._whole = torch.zeros_like(self.weight)
        elif self._written is not None:
            self._whole[self._written] = 0
        self._written = gradient.indices()[0]
        self._whole[self._written] = gradient.values()
        self.weight.grad = self._whole


@contextmanager
def gradient_by_rows(model: torch.nn.Module) -> Iterator[RowGradient | None]:
    """While it lasts, a large token matrix of a sentence-transformers model gets its gradient so.

    Yields:
        The matrix; None where the model has no such matrix, and nothing changes.
    """
    table = _token_matrix(model)
    if table is None or table.weight.numel() < LARGE or not table.weight.requires_grad:
        yield None
        return
    before, table.sparse = table.sparse, True
    try:
        yield RowGradient(table.weight)
    finally:
        table.sparse = before


def _token_matrix(model: torch.nn.Module) -> torch.nn.Embedding | torch.nn.EmbeddingBag | None:
    """Of a `static` encoder or a transformer; None for others, and where an output shares it."""
    first = model[0]
    table = getattr(first, "embedding", None)
    if isinstance(table, torch.nn.EmbeddingBag):
        return table
    transformer = getattr(first, "model", None)
    find = getattr(transformer, "get_input_embeddings", None)
    table = find() if find else None
    shared = getattr(transformer, "get_output_embeddings", lambda: None)() is not None
    return table if type(table) is torch.nn.Embedding and not shared else None
