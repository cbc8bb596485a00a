"""AdamW that touches only the rows of the embedding matrix that it has to.

XLM-R's embedding matrix has 250,002 rows, two thirds of its base model, and a batch reads some
hundred of them. The dense gradient, its norm, and an update of the whole matrix with both of its
moments move about 7 GB through memory each step, which on a CPU is a good part of the step.

A row that no batch has read yet has moments of zero: for it AdamW is `row *= 1 - rate * decay`, no
more. So gradients are kept for the rows that were read, moments are computed for rows that were
read at any step, and all others are only multiplied. The result is that of `torch.optim.AdamW`.
It pays while the rows read so far are a small part of the matrix; each process of several would
need the others' rows, so it is for one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

_BLOCK = 2048  # rows at a time: what is computed of them stays in the processor's cache


@contextmanager
def row_gradients(model: torch.nn.Module) -> Iterator[None]:
    """While it lasts, the token embeddings of a sentence-transformers model get sparse gradients.

    Raises:
        ValueError: the model's first module is no transformer with token embeddings.
    """
    transformer = getattr(model[0], "model", None)
    if transformer is None:
        raise ValueError(f"row_updates is for a transformer, not {type(model[0]).__name__}")
    embedding = transformer.get_input_embeddings()
    before, embedding.sparse = embedding.sparse, True
    try:
        yield
    finally:
        embedding.sparse = before


LARGE = 2**20
"""Values of a matrix from which on a gradient by rows is worth its while."""


@contextmanager
def bag_gradients(model: torch.nn.Module) -> Iterator[torch.nn.Parameter | None]:
    """While it lasts, a large matrix of a `static` model collects its gradient row by row.

    Queries and passages each bring a gradient of the whole matrix, nearly all of it zeros. By rows
    they are added up first; `as_dense` then makes the one matrix that the optimizer reads. With
    30,000 tokens of 256 values a step took two thirds of the time. Sums in another order differ in
    their last digit.

    Yields:
        The matrix; None where the model has no such matrix, and nothing changes.
    """
    bag = getattr(model[0], "embedding", None)
    if not isinstance(bag, torch.nn.EmbeddingBag) or bag.weight.numel() < LARGE:
        yield None
        return
    before, bag.sparse = bag.sparse, True
    try:
        yield bag.weight
    finally:
        bag.sparse = before


def as_dense(parameter: torch.nn.Parameter | None) -> None:
    """Make the gradient that `bag_gradients` collected an ordinary one."""
    if parameter is not None and parameter.grad is not None and parameter.grad.is_sparse:
        parameter.grad = parameter.grad.to_dense()


class RowAdamW(torch.optim.AdamW):
    """`torch.optim.AdamW`, with sparse gradients of matrices; see the module's docstring."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient."""
        sparse = [
            (group, parameter, parameter.grad)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None and parameter.grad.is_sparse
        ]
        for _, parameter, _ in sparse:
            parameter.grad = None
        result = super().step(closure)
        for group, parameter, gradient in sparse:
            self._update_rows(group, parameter, gradient.coalesce())
            parameter.grad = gradient
        return result

    def read_before(self, parameter: Tensor, rows: Tensor) -> None:
        """Treat the rows as read at some step before: their moments are computed from now on."""
        self._state_of(parameter)["seen"][rows] = 1

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = _zeros(parameter), _zeros(parameter)
            state["seen"] = torch.zeros(len(parameter), device=parameter.device)
        return state

    def _update_rows(self, group: dict[str, Any], parameter: Tensor, gradient: Tensor) -> None:
        state = self._state_of(parameter)
        state["step"] += 1
        read = gradient.indices()[0]  # ascending, no row twice
        state["seen"][read] = 1
        beta1, beta2 = group["betas"]
        rate, step = float(group["lr"]), float(state["step"])
        if group["weight_decay"]:
            parameter.mul_(1 - rate * group["weight_decay"])
        for rows in state["seen"].nonzero()[:, 0].split(_BLOCK):
            values = parameter.new_zeros((len(rows), parameter.shape[1]))  # (r, D)
            first, last = torch.searchsorted(read, rows[[0, -1]] + torch.tensor([0, 1]).to(rows))
            values[torch.searchsorted(rows, read[first:last])] = gradient.values()[first:last]
            mean = state["exp_avg"][rows].lerp_(values, 1 - beta1)
            square = state["exp_avg_sq"][rows].mul_(beta2)
            square.addcmul_(values, values, value=1 - beta2)
            state["exp_avg"][rows], state["exp_avg_sq"][rows] = mean, square
            width = square.sqrt_().div_((1 - beta2**step) ** 0.5).add_(group["eps"])
            parameter.index_add_(0, rows, mean.div_(width), alpha=-rate / (1 - beta1**step))


def _zeros(like: Tensor) -> Tensor:
    """Zeros of the same shape; on a CPU, rows never written take no memory."""
    if like.device.type == "cpu" and like.dtype == torch.float32:
        return torch.from_numpy(np.zeros(like.shape, dtype=np.float32))
    return torch.zeros_like(like)


def clip_gradients(parameters: Iterator[Tensor], longest: float) -> Tensor:
    """`torch.nn.utils.clip_grad_norm_` for sparse gradients too; returns the norm before."""
    with_gradient = [parameter for parameter in parameters if parameter.grad is not None]
    values = []
    for parameter in with_gradient:
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            values.append(parameter.grad.values())
        else:
            values.append(parameter.grad)
    norm = torch.nn.utils.get_total_norm(values)
    share = torch.clamp(longest / (norm + 1e-6), max=1.0)
    torch._foreach_mul_(values, share)
    return norm
