"""`hbt bench resampling`: all intervals and tests of a table of XQuAD-R's size, beside scipy's."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import time
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING, Any

from hbt.suite.bench.output import add_json, report

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from hbt.units import UnitTable, UnitValues

NAME = "resampling"
METRICS = ("mAP", "R@1", "R@10", "nDCG@10", "MRR")
ITEMS, CLUSTERS, LANGUAGES = 1190, 240, 11  # of XQuAD-R


def add(actions: argparse._SubParsersAction) -> None:
    """Add the measurement's parser."""
    parser = actions.add_parser(NAME, help="intervals of a whole table, beside scipy's bootstrap")
    parser.add_argument("--resamples", type=int, default=10_000, metavar="N")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="training seeds")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    result = measure(resamples=options.resamples, n_seeds=options.seeds)
    lines = [
        f"{result['items']:,} items in {result['clusters']} clusters, {result['cells']} cells, "
        f"{len(result['metrics'])} metrics, {result['seeds']} seeds, "
        f"{result['resamples']:,} resamples",
        f"gather the tables of one system        {result['gather_s']:8.2f} s",
    ]
    for counts, seconds in result["tables"].items():
        lines.append(f"counts of queries {counts}")
        lines += [f"  {name:36} {value:8.2f} s" for name, value in seconds.items()]
    peer = result["peers"]["scipy.stats.bootstrap"]
    lines.append(
        f"scipy.stats.bootstrap, all cells       {peer['seconds']:8.2f} s (extrapolated from one), "
        f"ends differ by {peer['max_difference_in_widths']:.1%} of an interval at most"
    )
    return report(result, "\n".join(lines), options)


def measure(*, resamples: int = 10_000, n_seeds: int = 5) -> dict[str, Any]:
    """Time every step from tables of all queries to intervals and tests, on made-up scores.

    Raises:
        ValueError: no resample, or no seed.
    """
    if resamples < 1 or n_seeds < 1:
        raise ValueError(f"at least 1 resample and 1 seed, not {resamples} and {n_seeds}")
    import numpy as np
    from scipy import stats  # noqa: F401  (so that no clock below counts its import)

    from hbt.units import gather

    random = np.random.default_rng(0)
    frames = [made_up(random) for _ in range(n_seeds)]
    gather_s, table = _timed(lambda: gather(frames, METRICS))
    tables = {
        "equal in all cells": _tables(table, resamples, random),
        "of each cell its own": _tables(_thinned(table, random), resamples, random),
    }
    return {
        "items": ITEMS,
        "clusters": CLUSTERS,
        "cells": len(table.cells),
        "metrics": list(METRICS),
        "seeds": n_seeds,
        "resamples": resamples,
        "cores": os.cpu_count(),
        "gather_s": gather_s,
        "tables": tables,
        "peers": {"scipy.stats.bootstrap": _scipy(table, resamples)},
        "versions": {name: metadata.version(name) for name in ("numpy", "pandas", "scipy")},
    }


def made_up(random: np.random.Generator) -> pd.DataFrame:
    """Random scores in the shape of `Evaluation.per_query` on XQuAD-R: 157,080 rows."""
    import numpy as np
    import pandas as pd

    languages = [f"l{number:02}" for number in range(LANGUAGES)]
    pools = np.array([*languages, "all"], dtype=object)
    asked, item, pool = (
        each.ravel()
        for each in np.meshgrid(
            np.arange(LANGUAGES), np.arange(ITEMS), np.arange(LANGUAGES + 1), indexing="ij"
        )
    )
    setting = np.where(pool == LANGUAGES, 2, np.where(pool == asked, 0, 1))
    names = np.array(["monolingual", "cross-lingual", "multilingual"], dtype=object)
    frame = pd.DataFrame(
        {
            "query": asked * ITEMS + item,
            "item": item,
            "cluster": item * CLUSTERS // ITEMS,
            "query_language": pools[asked],
            "setting": names[setting],
            "passage_language": pools[pool],
        }
    )
    scores = {metric: random.random(len(frame)) for metric in METRICS}
    return frame.assign(**scores).sort_values(["setting", "query"], ignore_index=True)


def _thinned(table: UnitTable, random: np.random.Generator) -> UnitTable:
    """The table with counts that differ from cell to cell, as where translations are missing."""
    import numpy as np

    fewer = random.binomial(table.counts, 0.5)
    return dataclasses.replace(table, counts=np.maximum(fewer, 1))


def _tables(table: UnitTable, resamples: int, random: np.random.Generator) -> dict[str, float]:
    """Seconds for each table of one system, or of two systems and their difference."""
    from hbt.comparisons import difference_table, interval_table
    from hbt.uncertainty import interval

    other = dataclasses.replace(table, values=random.random(table.values.shape))
    both = {"first": table, "second": other}
    work: dict[str, Callable[[], object]] = {
        "intervals of all settings": lambda: interval_table({"first": table}, resamples=resamples),
        "intervals of all cells": lambda: interval_table(
            {"first": table}, by_cell=True, resamples=resamples
        ),
        "differences with tests": lambda: difference_table(
            both, [("first", "second")], resamples=resamples
        ),
        "one interval after the other": lambda: [
            interval(table.select(*chosen), resamples=resamples)
            for chosen in itertools.product(table.metrics, table.settings)
        ],
    }
    return {name: _timed(each)[0] for name, each in work.items()}


def _scipy(table: UnitTable, resamples: int) -> dict[str, Any]:
    """One cell's plain percentile interval over clusters by scipy, times the number of cells."""
    import numpy as np
    from scipy import stats

    from hbt.uncertainty import resample_cells

    values: UnitValues = table.select(table.metrics[0], table.settings[0])
    counts = values.counts[:, 0]
    sums = values.values.mean(axis=0)[:, 0] * counts

    def mean(sums: np.ndarray, counts: np.ndarray, axis: int) -> np.ndarray:
        return sums.sum(axis=axis) / counts.sum(axis=axis)

    seconds, found = _timed(
        lambda: (
            stats.bootstrap(
                (sums, counts),
                mean,
                paired=True,
                vectorized=True,
                n_resamples=resamples,
                method="percentile",
                rng=np.random.default_rng(0),
            ).confidence_interval
        )
    )
    over_seeds = values.values.mean(axis=0, keepdims=True)  # one seed: items alone, as scipy's
    ours = resample_cells(over_seeds, values.counts, resamples=resamples).intervals(widen=False)[0]
    apart = max(abs(ours.low - found.low), abs(ours.high - found.high)) / (found.high - found.low)
    n_means = len(table.cells) * len(table.metrics)
    return {
        "seconds": seconds * n_means,
        "extrapolated": True,
        "seconds_of_one_cell": seconds,
        "max_difference_in_widths": float(apart),
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result
