"""Embedding all texts of a batch sorted by length, in groups: less padding, the same embeddings.

A batch pads each column to its longest text. On real text, with short questions, long passages and
a few very long ones, half of what a transformer computes is padding. Which texts are in the batch
is the plan's matter and stays; here only the order in which the encoder sees them changes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def cut_by_length(lengths: np.ndarray, groups: int) -> list[int]:
    """Where to cut sorted lengths into at most so many groups, so that padding is least.

    Exact, by dynamic programming over the distinct lengths: a group of texts costs its size times
    its longest text. Ties are won by fewer groups.

    Args:
        lengths: int array (n,), ascending, n at least 1.
        groups: at least 1.

    Returns:
        Ends of the groups, ascending; the last one is n.
    """
    longest, first = np.unique(lengths, return_index=True)  # (m,)
    ends = np.append(first[1:], len(lengths))  # texts up to and with each distinct length
    starts = np.append(0, ends[:-1])
    cost = longest[:, None] * (ends[:, None] - starts)  # (m, m): from distinct length j to i
    cost = np.where(np.tri(len(longest), dtype=bool), cost, np.iinfo(np.int64).max // 2)
    best, choices = cost[:, 0], []
    for _ in range(min(groups, len(longest)) - 1):
        before = np.append(0, best[:-1])  # the cheapest way to end just before j
        totals = before + cost
        choice = totals.argmin(axis=1)
        better = totals.min(axis=1) < best
        choices.append(np.where(better, choice, -1))
        best = np.where(better, totals.min(axis=1), best)
    cuts, end = [], len(longest) - 1
    for choice in reversed(choices):
        if choice[end] > 0:
            cuts.append(int(ends[end]))
            end = choice[end] - 1
    return sorted([*cuts, int(ends[end])])


def embed_by_length(
    model: torch.nn.Module, columns: Iterable[dict[str, Tensor]], groups: int
) -> list[Tensor]:
    """The embeddings of each column, from at most so many passes over all texts of the batch.

    Args:
        model: a sentence-transformers model, or one wrapped for several processes.
        columns: features of each column: input_ids and attention_mask, int64 (n, length), padded
            at the end. Columns in another form are embedded one by one, as they are.
        groups: passes, at most. 1 is a single pass over all columns.

    Returns:
        For each column (n, D), in its order; equal to what one pass a column gives, but for how
        floating point numbers are added up.
    """
    columns = list(columns)
    if not all(set(column) == {"input_ids", "attention_mask"} for column in columns):
        return [model(column)["sentence_embedding"] for column in columns]
    width = max(column["input_ids"].shape[1] for column in columns)
    ids, mask = (
        torch.cat([_widened(column[name], width) for column in columns])
        for name in ("input_ids", "attention_mask")
    )  # (all texts, width)
    lengths = mask.sum(dim=1).cpu().numpy()
    order = np.argsort(lengths, kind="stable")
    rows = torch.from_numpy(order).to(ids.device)
    parts, start = [], 0
    for end in cut_by_length(lengths[order], groups):
        chosen, longest = rows[start:end], int(lengths[order[end - 1]])
        features = {
            "input_ids": ids[chosen, :longest],
            "attention_mask": mask[chosen, :longest],
        }
        parts.append(model(features)["sentence_embedding"])
        start = end
    embeddings = torch.cat(parts)[torch.argsort(rows)]
    return list(embeddings.split([len(column["input_ids"]) for column in columns]))


def _widened(values: Tensor, width: int) -> Tensor:
    """With columns of 0 at the end; what they hold is masked, and cut off for short groups."""
    return torch.nn.functional.pad(values, (0, width - values.shape[1]))
