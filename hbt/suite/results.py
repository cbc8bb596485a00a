"""The tables of a profile, as files: what results/ holds and the notebooks draw behind live runs.

    hbt results --profile full --out results/village

Every table is written whole or not at all, beside `run.json`, which says what made it: command,
versions, settings, digests of the data. Sweeps reuse the stages of the notebooks.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hbt.sampling import SAMPLINGS
from hbt.suite import machine, plots, tables
from hbt.suite.experiment import Experiment, Result, bm25, run_all
from hbt.suite.profiles import Profile
from hbt.suite.stages import plain
from hbt.suite.worlds import World, load_world
from hbt.uncertainty import MINIMUM_SEEDS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

METRICS = ("mAP", "R@1", "R@10", "nDCG@10", "MRR")
TWICE = "hybrid, twice the steps"
GROUPS = ("high-resource", "in, related", "in, unrelated", "out, related", "out, unrelated")


def sampling_results(profile: Profile) -> dict[str, list[Result]]:
    """All four samplings on the test, one result a seed, and hybrid with twice the steps.

    Hybrid sees half as many cross-lingual examples a step as X-Y; with twice the steps, as many.
    """
    twice = 2 * profile.base.training.steps
    systems = {name: [profile.system(name, seed) for seed in profile.seeds] for name in SAMPLINGS}
    systems[TWICE] = [profile.system("hybrid", seed, steps=twice) for seed in profile.seeds]
    return {name: run_all(runs, "test", name) for name, runs in systems.items()}


def sampling_tables(results: dict[str, list[Result]], resamples: int) -> dict[str, pd.DataFrame]:
    """`samplings` and `differences`, with intervals; every metric and the rank distance."""
    import pandas as pd

    pairs = [
        ("hybrid", "X-X-mono"),
        ("hybrid", "X-Y"),
        ("X-Y", "X-X-mono"),
        ("X-X", "X-X-mono"),
        (TWICE, "X-Y"),
    ]
    means, differences = [], []
    for metric in (*METRICS, tables.RANK_DISTANCE):
        settings = tables.SETTINGS if metric != tables.RANK_DISTANCE else ("multilingual",)
        arguments = {"metric": metric, "settings": settings, "resamples": resamples}
        means.append(tables.interval_table(results, **arguments))
        differences.append(tables.difference_table(results, pairs, **arguments))
    return {"samplings": pd.concat(means), "differences": pd.concat(differences)}


def alpha_table(profile: Profile) -> pd.DataFrame:
    """The curve over alpha: mAP in the three settings, and the rank distance."""
    import pandas as pd

    rows = []
    for alpha in profile.alphas:
        runs = [profile.system("hybrid", seed, alpha=alpha) for seed in profile.seeds]
        system = {"hybrid": run_all(runs, "test", f"alpha {alpha}")}
        for metric, settings in (
            ("mAP", tables.SETTINGS),
            (tables.RANK_DISTANCE, ("multilingual",)),
        ):
            found = tables.interval_table(
                system, metric, settings=settings, resamples=profile.resamples
            )
            rows.append(found.assign(alpha=alpha))
    return pd.concat(rows)


def language_groups(world: World, count: int, seed: int) -> dict[str, tuple[str, ...]]:
    """The languages of each of GROUPS when `count` low-resource languages are in pre-training."""
    inside = set(world.low_resource_order(seed)[:count])
    groups: dict[str, tuple[str, ...]] = {GROUPS[0]: world.evaluated_languages}
    for name in GROUPS[1:]:
        place, kinship = name.split(", ")
        groups[name] = tuple(
            code
            for code in world.low_resource_languages
            if (code in inside) == (place == "in")
            and world.is_related(code) == (kinship == "related")
        )
    return groups


def low_resource_scores(profile: Profile, metric: str = "mAP") -> pd.DataFrame:
    """Scores by number of low-resource languages in pre-training, seed, group and direction.

    Columns K, seed, group, direction, metric, value: the macro mean over the group's cells.
    Directions: `monolingual`; `to high-resource` (queries of the group, passages of the
    high-resource languages); `from high-resource` (the reverse); `multilingual` (the pool of all
    languages).
    """
    import pandas as pd

    world = load_world(profile.base.world)
    rows = []
    for count in profile.low_resource_counts:
        runs = [profile.scaled(count, seed) for seed in profile.seeds]
        results = run_all(runs, "low-resource", f"K = {count}")
        for seed, result in zip(profile.seeds, results, strict=True):
            scores = result.scores[result.scores.metric.eq(metric)]
            for name, codes in language_groups(world, count, seed).items():
                for direction, cells in directions(scores, codes, world).items():
                    if len(cells):
                        rows.append((count, seed, name, direction, metric, cells.value.mean()))
    columns = ["K", "seed", "group", "direction", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def directions(scores: pd.DataFrame, codes: Sequence[str], world: World) -> dict[str, pd.DataFrame]:
    """The cells of a group of languages in each direction; see `low_resource_scores`."""
    high = world.evaluated_languages
    cross = scores.setting.eq("cross-lingual")
    from_group, to_group = scores.query_language.isin(codes), scores.passage_language.isin(codes)
    return {
        "monolingual": scores[scores.setting.eq("monolingual") & from_group],
        "to high-resource": scores[cross & from_group & scores.passage_language.isin(high)],
        "from high-resource": scores[cross & to_group & scores.query_language.isin(high)],
        "multilingual": scores[scores.setting.eq("multilingual") & from_group],
    }


def low_resource_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of `low_resource_scores`, with a t interval over seeds.

    Which languages are in a group differs from seed to seed, so seeds are the unit, and the
    interval holds the choice of languages. Without at least five seeds there is no interval.
    """
    import pandas as pd

    rows = []
    keys = ["K", "group", "direction", "metric"]
    for key, values in scores.groupby(keys, sort=False).value:
        rows.append((*key, *mean_interval(values.to_numpy()), len(values)))
    return pd.DataFrame(rows, columns=[*keys, "estimate", "low", "high", "n_seeds"])


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Mean and Student's t interval of independent values; NaN ends with fewer than five."""
    from scipy import stats

    mean = float(np.mean(values))
    if len(values) < MINIMUM_SEEDS:
        return mean, float("nan"), float("nan")
    half = stats.sem(values) * stats.t.ppf((1 + level) / 2, len(values) - 1)
    return mean, float(mean - half), float(mean + half)


def bm25_table(profile: Profile) -> pd.DataFrame:
    """BM25 on the test: every metric and setting, with the interval over items."""
    import pandas as pd

    system = {"BM25": [bm25(profile.base.world)]}
    parts = [
        tables.interval_table(system, metric, resamples=profile.resamples) for metric in METRICS
    ]
    distance = tables.interval_table(
        system, tables.RANK_DISTANCE, ("multilingual",), resamples=profile.resamples
    )
    return pd.concat([*parts, distance])


def write_results(profile: Profile, folder: Path, command: str) -> list[Path]:
    """Make all tables of a profile and write them, with `run.json`; returns the files."""
    started = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, pd.DataFrame] = {"bm25": bm25_table(profile)}
    parts |= sampling_tables(sampling_results(profile), profile.resamples)
    parts["alpha"] = alpha_table(profile)
    parts["low_resource"] = low_resource_table(low_resource_scores(profile))
    files = [_write(folder / f"{name}.csv", _csv(table)) for name, table in parts.items()]
    files += [_draw(folder / f"{name}.png", figure) for name, figure in figures(parts).items()]
    run = {
        "command": command,
        "profile": plain(dataclasses.replace(profile, base=_without_folder(profile.base))),
        "versions": machine.versions(),
        "digests": _digests(profile),
        "seconds": round(time.perf_counter() - started, 1),
    }
    text = json.dumps(run, indent=1, ensure_ascii=False) + "\n"
    return [*files, _write(folder / "run.json", text)]


def figures(parts: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    """The main figures of a profile's tables: `samplings`, `alpha` and `low_resource`."""
    import pandas as pd

    plots.set_style()
    systems = pd.concat([parts["samplings"], parts["bm25"]])
    systems = systems[systems.metric.eq("mAP")]
    curve = parts["alpha"][parts["alpha"].metric.eq("mAP")]
    counts = parts["low_resource"]
    return {
        "samplings": plots.interval_plot(systems, group="system", value_label="mAP"),
        "alpha": plots.curve(
            curve, x="alpha", series="setting", x_label="alpha", value_label="mAP, hybrid"
        ),
        "low_resource": plots.curve(
            counts[counts.direction.ne("monolingual")],
            x="K",
            series="group",
            facet="direction",
            x_label="K, low-resource languages in pre-training",
            value_label="mAP, hybrid",
        ),
    }


def _draw(path: Path, figure: Figure) -> Path:
    import matplotlib.pyplot as plt

    partial = path.with_name(f"{path.name}.partial")
    figure.savefig(partial, format="png", metadata={"Software": None})
    plt.close(figure)
    return partial.replace(path)


def _without_folder(base: Experiment) -> Experiment:
    """The path of a user's data folder is nobody else's business."""
    return base.replace(world=dataclasses.replace(base.world, data_dir=""))


def _digests(profile: Profile) -> dict[str, str]:
    world = load_world(profile.base.world)
    return {
        "training": world.training.digest(),
        "pretraining": world.pretraining.digest(),
        "test": world.benchmark("test").digest(),
        "low-resource": world.benchmark("low-resource").digest(),
    }


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format="%.5f")


def _write(path: Path, text: str) -> Path:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    return partial.replace(path)
