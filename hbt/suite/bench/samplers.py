"""The contenders of `hbt bench sampling`, each set up and timed in a process of its own."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from hbt.layout import ItemLayout
from hbt.suite.bench.made_pool import memory_increase

SHARES = (1469, 3547, 33298, 59496, 113535, 135557, 176975, 3567659, 35908464)
"""Sizes of the nine sources, of 40 million items; two of them have one language."""
_LANGUAGES, _GROUPS = 110, 100


def nine_sources(items: int) -> ItemLayout:
    """About so many items (13,221 or more) in 110 languages, in groups with random sets of them.

    Every three items share their passage.
    """
    random = np.random.default_rng(0)
    sizes, sources, has = [], [], []
    for source, share in enumerate(SHARES):
        size = max(SHARES[0], share * items // sum(SHARES))
        n_groups = 1 if source in (1, 7) else min(_GROUPS, size)
        for group in range(n_groups):
            sizes.append(size // n_groups + (group < size % n_groups))
            sources.append(source)
            languages = random.random(_LANGUAGES) < 0.7
            languages[0] = True
            has.append(languages if n_groups > 1 else np.arange(_LANGUAGES) == 0)
    passage_id = np.arange(sum(sizes)) // 3
    return ItemLayout.from_groups(sizes, sources, np.array(has), passage_id)


def _plan(order: str) -> Callable[[int, int], Callable[[], Iterator[object]]]:
    def prepare(items: int, batch_size: int) -> Callable[[], Iterator[object]]:
        from hbt.sampling import Plan, PlanSettings

        layout = nine_sources(items)
        given = layout.group_size, layout.group_source, layout.group_has, layout.passage_id

        def set_up() -> Iterator[object]:
            settings = PlanSettings(batch_size=batch_size, order=order)
            return map(Plan(settings, ItemLayout.from_groups(*given)), itertools.count())

        return set_up

    return prepare


class _Rows:
    """Rows that are only counted."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


def _torch(items: int, batch_size: int) -> Callable[[], Iterator[object]]:
    from torch.utils.data import BatchSampler, RandomSampler

    return lambda: iter(BatchSampler(RandomSampler(_Rows(items)), batch_size, drop_last=True))


def _default(items: int, batch_size: int) -> Callable[[], Iterator[object]]:
    from sentence_transformers.base.sampler import DefaultBatchSampler
    from torch.utils.data import RandomSampler

    return lambda: iter(DefaultBatchSampler(RandomSampler(_Rows(items)), batch_size, True))


def _no_duplicates(items: int, batch_size: int) -> Callable[[], Iterator[object]]:
    import torch
    from datasets import Dataset
    from sentence_transformers.base.sampler import NoDuplicatesBatchSampler

    passages = [f"passage {row // 3}" for row in range(items)]
    rows = Dataset.from_dict(
        {"query": [f"question {n}" for n in range(items)], "passage": passages}
    )
    generator = torch.Generator()
    return lambda: iter(NoDuplicatesBatchSampler(rows, batch_size, True, generator=generator))


# how to prepare it, and whether it compares texts
CONTENDERS: dict[str, tuple[Callable[[int, int], Callable[[], Iterator[object]]], bool]] = {
    "hbt, passes": (_plan("passes"), False),
    "hbt, independent draws": (_plan("independent"), False),
    "torch RandomSampler": (_torch, False),
    "sentence-transformers, default": (_default, False),
    "sentence-transformers, NO_DUPLICATES": (_no_duplicates, True),
}


def in_own_process(name: str, items: int, batch_size: int, batches: int) -> dict[str, float]:
    """`timed` of a contender in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(timed, name, items, batch_size, batches).result()


def timed(name: str, items: int, batch_size: int, batches: int) -> dict[str, float]:
    """MB and seconds until the first batch is there, and microseconds of each after it.

    It is set up twice: for its memory, then for its time.

    The batches are timed in three parts, of which the fastest counts: what else the machine does
    can only add to it.
    """
    prepare, _ = CONTENDERS[name]
    set_up = prepare(items, batch_size)
    next(prepare(10_000, 10)())  # imports
    megabytes = memory_increase(lambda: next(set_up()))
    started = time.perf_counter()
    made = set_up()
    next(made)
    seconds = time.perf_counter() - started
    each = max(1, batches // 3)
    fastest = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        count = sum(1 for _ in itertools.islice(made, each))
        if count:
            fastest = min(fastest, (time.perf_counter() - started) / count)
    return {
        "items": items,
        "setup_seconds": round(seconds, 3),
        "megabytes": round(megabytes, 1),
        "microseconds_per_batch": round(1e6 * fastest, 1) if fastest < float("inf") else 0.0,
    }
