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

    def _update_rows(self, group: dict[str, Any], parameter: Tensor, gradient: Tensor) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = _zeros(parameter), _zeros(parameter)
            state["seen"] = torch.zeros(len(parameter), device=parameter.device)
        state["step"] += 1
        read = gradient.indices()[0]  # ascending, no row twice
        state["seen"][read] = 1
        rows = state["seen"].nonzero()[:, 0]  # (r,)
        beta1, beta2 = group["betas"]
        rate, step = float(group["lr"]), float(state["step"])

        values = parameter.new_zeros((len(rows), parameter.shape[1]))  # (r, D)
        values[torch.searchsorted(rows, read)] = gradient.values()
        mean = state["exp_avg"][rows].lerp_(values, 1 - beta1)
        square = state["exp_avg_sq"][rows].mul_(beta2).addcmul_(values, values, value=1 - beta2)
        state["exp_avg"][rows], state["exp_avg_sq"][rows] = mean, square

        if group["weight_decay"]:
            parameter.mul_(1 - rate * group["weight_decay"])
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
