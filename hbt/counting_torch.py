"""The counting step in torch, for any device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbt.counting import Layout, TileCounts, TilePairs

if TYPE_CHECKING:
    from torch import Tensor


def count_tile(
    scores: Tensor, pairs: TilePairs, layout: Layout, k: int, counts: TileCounts
) -> tuple[np.ndarray, np.ndarray]:
    """Count one tile on the device that has it; as in `hbt.counting_numpy`."""
    import torch

    device, slots = scores.device, pairs.slot
    n_slots = int(slots.max(initial=-1)) + 1
    row = torch.from_numpy(pairs.row).to(device)
    slot = torch.from_numpy(slots).to(device)
    wanted = torch.full((len(scores), n_slots), torch.inf, device=device)
    wanted[row, slot] = torch.from_numpy(pairs.score).to(device)
    place = torch.zeros((len(scores), n_slots), dtype=torch.int32, device=device)
    place[row, slot] = torch.from_numpy(pairs.tie_place).to(device)
    tie_place = torch.from_numpy(layout.tie_place).to(device)
    shape = (3, len(scores), n_slots, len(layout.begin))
    totals = torch.zeros(shape, dtype=torch.int64, device=device)
    for language in np.flatnonzero(layout.end > layout.begin):
        columns = slice(int(layout.begin[language]), int(layout.end[language]))
        part, order = scores[:, columns], tie_place[columns]
        for number in range(n_slots):
            score = wanted[:, number, None]
            equal = part == score
            totals[0, :, number, language] = (part > score).sum(dim=1)
            totals[1, :, number, language] = equal.sum(dim=1)
            totals[2, :, number, language] = (equal & (order < place[:, number, None])).sum(1)
    higher, tied, earlier = totals[:, row, slot].cpu().numpy()
    inside = np.flatnonzero(pairs.own >= 0)
    tied[inside, pairs.own[inside]] -= 1
    for total, more in ((counts.higher, higher), (counts.tied, tied), (counts.earlier, earlier)):
        total += more
    return top_k(scores, k, layout)


def top_k(scores: Tensor, k: int, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """First k columns of each row in trec order, with their scores: two arrays (n_rows, k)."""
    import torch

    more = min(k + 1, layout.width)  # one more, to see a tie at the edge
    values, columns = (part.cpu().numpy() for part in torch.topk(scores, more, dim=1))
    chosen = columns[:, :k].copy()
    for row in np.flatnonzero((values[:, 1:] == values[:, :-1]).any(axis=1)):
        line, edge = scores[row].cpu().numpy(), values[row, k - 1]
        above, at_edge = np.flatnonzero(line > edge), np.flatnonzero(line == edge)
        open_places = k - len(above)
        if open_places < len(at_edge):
            places = layout.tie_place[at_edge]
            at_edge = at_edge[np.argpartition(places, open_places - 1)[:open_places]]
        found = np.concatenate([above, at_edge])
        chosen[row] = found[np.lexsort((layout.tie_place[found], -line[found]))]
    return chosen, values[:, :k]
