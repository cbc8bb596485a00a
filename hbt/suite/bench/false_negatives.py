"""How many negatives are none: passages of a batch that answer another of its queries as well.

Counted over an epoch on 2,000 items in four languages, every two of which share their passage. The
samplers see texts that differ between languages, as translations do, and batches of 64 for each
device, whose passages are gathered from all devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

ITEMS, LANGUAGES, BATCH = 2000, 4, 64
DEVICES = (1, 2, 4, 8)


def false_negatives() -> list[dict[str, Any]]:
    """For each sampler and number of devices the false negatives of a query, on average."""
    rows = []
    for name, passages in (
        ("sentence-transformers, default", _one_set("batch_sampler")),
        ("sentence-transformers, NO_DUPLICATES", _one_set("no_duplicates")),
        ("sentence-transformers, NO_DUPLICATES, ROUND_ROBIN", _round_robin()),
        ("hbt, hybrid", None),
    ):
        for devices in DEVICES:
            made = gathered(passages, devices) if passages is not None else _hybrid(devices)
            per_query = np.mean([_extra(batch) for batch in made])
            rows.append(
                {
                    "sampler": name,
                    "devices": devices,
                    "batch_size": BATCH * devices,
                    "per_query": round(float(per_query), 4),
                }
            )
    return rows


def gathered(batches: np.ndarray, devices: int) -> np.ndarray:
    """Passage ids (n, devices * batch_size): so many batches after one another meet, as accelerate
    deals them to processes.
    """
    n = len(batches) // devices
    return batches[: n * devices].reshape(n, devices * batches.shape[1])


def _extra(passage: np.ndarray) -> float:
    """Other passages of the batch with the id of a query's own, on average."""
    _, counts = np.unique(passage, return_counts=True)
    return float((counts * (counts - 1)).sum() / len(passage))


def _texts(language: int) -> dict[str, list[str]]:
    return {
        "query": [f"language {language}, question {item}" for item in range(ITEMS)],
        "passage": [f"language {language}, passage {item // 2}" for item in range(ITEMS)],
    }


def _one_set(sampler: str) -> np.ndarray:
    """Passage ids (n_batches, BATCH) of an epoch over the rows of all languages."""
    import torch
    from datasets import Dataset, concatenate_datasets
    from sentence_transformers.base.sampler import DefaultBatchSampler, NoDuplicatesBatchSampler
    from torch.utils.data import RandomSampler

    generator = torch.Generator().manual_seed(0)
    rows = concatenate_datasets([Dataset.from_dict(_texts(n)) for n in range(LANGUAGES)])
    if sampler == "no_duplicates":
        batches = NoDuplicatesBatchSampler(rows, BATCH, True, generator=generator)
    else:
        batches = DefaultBatchSampler(RandomSampler(rows, generator=generator), BATCH, True)
    return np.array([*batches]) % ITEMS // 2


def _round_robin() -> np.ndarray:
    """The same of a data set for each language, taken in turn."""
    import torch
    from datasets import Dataset
    from sentence_transformers.base.sampler import NoDuplicatesBatchSampler, RoundRobinBatchSampler
    from torch.utils.data import ConcatDataset

    generator = torch.Generator()
    sets = [Dataset.from_dict(_texts(language)) for language in range(LANGUAGES)]
    own = [NoDuplicatesBatchSampler(rows, BATCH, True, generator=generator) for rows in sets]
    batches = RoundRobinBatchSampler(ConcatDataset(sets), own, generator)
    return np.array([*batches]) % ITEMS // 2


def _hybrid(devices: int) -> Iterator[np.ndarray]:
    """The same of a plan whose batches are for all devices."""
    from hbt.sampling import ItemLayout, Plan, PlanSettings

    passage_id = np.arange(ITEMS) // 2
    layout = ItemLayout.from_groups([ITEMS], [0], np.ones((1, LANGUAGES)), passage_id)
    plan = Plan(PlanSettings(batch_size=BATCH * devices), layout)
    for step in range(ITEMS * LANGUAGES // (BATCH * devices)):
        yield passage_id[plan(step).item]
