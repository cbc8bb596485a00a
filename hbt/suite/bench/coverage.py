"""`hbt bench coverage`: how often intervals and tests are right on data whose truth is known."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.suite.bench.output import add_json, report

if TYPE_CHECKING:
    import numpy as np

NAME = "coverage"
SEEDS = (1, 2, 3, 4, 5, 10)
SHARES = (0.0, 0.2, 0.5, 0.8)
"""Share of the variance of a one-seed mean that comes from the seed."""
UNITS = 240
ITEMS_IN_A_CLUSTER = 5
CORRELATIONS = (0.0, 0.1, 0.3)
_BLOCK = 250  # trials at a time; keeps memory small


def add(actions: argparse._SubParsersAction) -> None:
    """Add the measurement's parser."""
    parser = actions.add_parser(NAME, help="how often intervals hold a truth that is known")
    for option, default, what in (
        ("--trials", 2000, "simulated experiments for each number"),
        ("--resamples", 2000, "resamples for each interval"),
        ("--seed", 0, "of the simulation"),
    ):
        parser.add_argument(option, type=int, default=default, metavar="N", help=what)
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the first table as PNG")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from hbt.suite.bench import coverage_report

    result = measure(trials=options.trials, resamples=options.resamples, seed=options.seed)
    if options.figure is not None:
        coverage_report.draw(result, options.figure)
    return report(result, coverage_report.text(result), options)


def measure(*, trials: int = 2000, resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Simulate experiments around a true mean of zero, and count what the intervals say.

    Item effects have standard deviation 1, and so has the noise of a seed on an item; the seeds'
    own effects are as large as each row's seed_share asks.

    Raises:
        ValueError: fewer than two trials, or no resample.
    """
    if trials < 2:
        raise ValueError(f"trials must be at least 2, not {trials}")
    import numpy as np

    started = time.perf_counter()
    random = np.random.default_rng(seed)
    result: dict[str, Any] = {
        "trials": trials,
        "resamples": resamples,
        "seed": seed,
        "units": UNITS,
        "items_in_a_cluster": ITEMS_IN_A_CLUSTER,
        "coverage": [
            _coverage(n_seeds, share, items, trials, resamples, random)
            for items in ("normal", "skewed")
            for share in SHARES
            for n_seeds in SEEDS
        ],
        "clusters": [_clusters(each, trials, resamples, random) for each in CORRELATIONS],
        "tests": [
            _tests(n_seeds, share, trials, resamples, random)
            for n_seeds in (1, 5, 10)
            for share in (SHARES if n_seeds > 1 else SHARES[:1])
        ],
        "versions": {name: metadata.version(name) for name in ("numpy", "scipy")},
    }
    return result | {"seconds": round(time.perf_counter() - started, 1)}


def simulated(
    n_seeds: int, share: float, items: str, trials: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n_seeds, UNITS, trials) and the seeds' own effects (n_seeds, trials)."""
    import numpy as np

    shape = (n_seeds, UNITS, trials)
    noise = random.normal(size=shape)
    if items == "normal":
        of_items = random.normal(size=(1, *shape[1:]))
    else:
        of_items = random.exponential(size=(1, *shape[1:])) - 1
    seed_sd = np.sqrt(2 / UNITS * share / (1 - share))  # 2: items and noise, of one seed
    of_seeds = seed_sd * random.normal(size=(n_seeds, 1, trials))
    return of_seeds + of_items + noise, of_seeds[:, 0]


def _blocks(trials: int) -> Iterator[int]:
    for start in range(0, trials, _BLOCK):
        yield min(_BLOCK, trials - start)


def _ends(values: np.ndarray, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Low and high end of each trial's interval: float64 (2, trials)."""
    import numpy as np

    from hbt.uncertainty import resample_cells

    drawn = resample_cells(values, resamples=resamples, seed=int(random.integers(2**31)))
    return np.array([(each.low, each.high) for each in drawn.intervals()]).T


def _coverage(
    n_seeds: int,
    share: float,
    items: str,
    trials: int,
    resamples: int,
    random: np.random.Generator,
) -> dict[str, Any]:
    population = these = 0
    for block in _blocks(trials):
        values, of_seeds = simulated(n_seeds, share, items, block, random)
        low, high = _ends(values, resamples, random)
        population += int(((low <= 0) & (high >= 0)).sum())
        truth = of_seeds.mean(axis=0)
        these += int(((low <= truth) & (truth <= high)).sum())
    row = {"items": items, "seed_share": share, "n_seeds": n_seeds}
    return row | {"population": population / trials, "these_seeds": these / trials}


def _clusters(
    correlation: float, trials: int, resamples: int, random: np.random.Generator
) -> dict[str, Any]:
    """Items of a paragraph that share a part of their effect, drawn by paragraph and by item."""
    import numpy as np

    held = {"by_cluster": 0, "by_item": 0}
    for block in _blocks(trials):
        shared = np.sqrt(correlation) * random.normal(size=(UNITS, 1, block))
        own = random.normal(size=(UNITS, ITEMS_IN_A_CLUSTER, block))
        items = shared + np.sqrt(1 - correlation) * own
        units = {"by_cluster": items.mean(axis=1), "by_item": items.reshape(-1, block)}
        for name, values in units.items():
            low, high = _ends(values[None], resamples, random)
            held[name] += int(((low <= 0) & (high >= 0)).sum())
    return {"correlation": correlation} | {name: count / trials for name, count in held.items()}


def _tests(
    n_seeds: int, share: float, trials: int, resamples: int, random: np.random.Generator
) -> dict[str, Any]:
    """False positives of both p where nothing differs, and findings at the detectable effect."""
    import numpy as np

    from hbt.significance import minimum_detectable_effect, permutation_tests
    from hbt.uncertainty import resample_cells

    flips = turned = found = 0
    for block in _blocks(trials):
        values, _ = simulated(n_seeds, share, "normal", block, random)
        each = [values[..., [at]] for at in range(block)]
        draw = {"resamples": resamples, "seed": int(random.integers(2**31))}
        flips += sum(test.p <= 0.05 for test in permutation_tests(each, **draw))
        turned += int((resample_cells(values, **draw).p_values() <= 0.05).sum())
        effect = np.mean([minimum_detectable_effect(one) for one in each])
        moved, _ = simulated(n_seeds, share, "normal", block, random)
        found += int((_ends(moved + effect, resamples, random)[0] > 0).sum())
    return {
        "seed_share": share,
        "n_seeds": n_seeds,
        "false_positives_sign_flips": flips / trials,
        "false_positives_interval": turned / trials,
        "power_at_detectable_effect": found / trials,
    }
