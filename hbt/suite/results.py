"""The tables of a profile, as files: what results/ holds and the notebooks draw behind live runs.

    hbt results --profile full --out results/village

Every table is written whole or not at all, beside `run.json`, which says what made it: command,
versions, settings, digests of the data. Sweeps reuse the stages of the notebooks.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt import comparisons
from hbt.sampling import SAMPLINGS
from hbt.significance import holm
from hbt.suite import checkpoints, machine, results_page, tables
from hbt.suite.checkpoints import PATH
from hbt.suite.experiment import Experiment, Result, bm25, run_all
from hbt.suite.low_resource_results import (
    low_resource_changes,
    low_resource_scores,
    low_resource_table,
)
from hbt.suite.paper_profile import whose
from hbt.suite.profiles import Profile
from hbt.suite.recipe import is_published
from hbt.suite.stages import plain
from hbt.suite.worlds import load_world
from hbt.whole_files import write_text

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("mAP", "R@1", "R@10", "nDCG@10", "MRR")
TWICE = "hybrid, twice the steps"
TABLES = ("bm25", "samplings", "differences", "alpha")
LOW_RESOURCE = ("low_resource", "low_resource_changes")
"""Of profiles that pre-train their encoder; the published one of `paper` has seen what it has."""


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
    for metrics in (METRICS, (tables.RANK_DISTANCE,)):
        gathered = {name: tables.unit_table(runs, metrics) for name, runs in results.items()}
        means.append(comparisons.interval_table(gathered, resamples=resamples))
        differences.append(comparisons.difference_table(gathered, pairs, resamples=resamples))
    table = pd.concat(differences)
    table = table.assign(p_holm=holm(table.p.to_numpy()))  # over both, the whole table
    return {"samplings": pd.concat(means), "differences": table}


def alpha_table(profile: Profile) -> pd.DataFrame:
    """The curve over alpha: mAP in the three settings, and the rank distance."""
    import pandas as pd

    measures = (("mAP", tables.SETTINGS), (tables.RANK_DISTANCE, ("multilingual",)))
    rows = []
    for alpha in profile.alphas:
        runs = [profile.system("hybrid", seed, alpha=alpha) for seed in profile.seeds]
        system = {"hybrid": run_all(runs, "test", f"alpha {alpha}")}
        for metric, settings in measures:
            found = tables.interval_table(system, metric, settings, resamples=profile.resamples)
            rows.append(found.assign(alpha=alpha))
    return pd.concat(rows)


def bm25_table(profile: Profile) -> pd.DataFrame:
    """BM25 on the test: every metric and setting, with the interval over items."""
    import pandas as pd

    results = [bm25(profile.base.world)]
    parts = [
        comparisons.interval_table(
            {"BM25": tables.unit_table(results, metrics)}, resamples=profile.resamples
        )
        for metrics in (METRICS, (tables.RANK_DISTANCE,))
    ]
    return pd.concat(parts)


def tables_of(profile: Profile) -> tuple[str, ...]:
    """The names of the tables that a profile makes."""
    return (*TABLES, *(LOW_RESOURCE if profile.low_resource_counts else ()))


@contextmanager
def _folder_for(folder: Path) -> Iterator[None]:
    """Makes it before hours are spent on what cannot be written; gone again if all fails."""
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} cannot be made ({error.strerror})") from error
    try:
        yield
    finally:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()


def write_results(profile: Profile, folder: Path, command: str) -> list[Path]:
    """Make all tables of a profile and write them; returns the files.

    Beside the tables: their figures, README.md to read, and `run.json` with what made them. Nothing
    is written before all tables are there.

    Raises:
        ValueError: the folder cannot be made, or holds a table that this profile does not make.
    """
    names = tables_of(profile)
    for name in (*TABLES, *LOW_RESOURCE):
        if name not in names and (folder / f"{name}.csv").exists():
            raise ValueError(
                f"{folder} holds {name}.csv, which the profile {profile.name} does not make: name "
                "another folder"
            )
    with _folder_for(folder):
        parts = _tables(profile)
        run = run_values(profile, command)
        figures = results_page.figures(parts)
        files = [write_text(folder / f"{name}.csv", _csv(parts[name])) for name in names]
        for name, figure in figures.items():
            files.append(results_page.draw(folder / f"{name}.png", figure))
        text = json.dumps(run, indent=1, ensure_ascii=False) + "\n"
        files.append(write_text(folder / "README.md", results_page.page_of(folder, run)))
        return [*files, write_text(folder / "run.json", text)]


def _tables(profile: Profile) -> dict[str, pd.DataFrame]:
    parts = {"bm25": bm25_table(profile)}
    parts |= sampling_tables(sampling_results(profile), profile.resamples)
    parts["alpha"] = alpha_table(profile)
    if profile.low_resource_counts:
        parts["low_resource"] = low_resource_table(low_resource_scores(profile))
        parts["low_resource_changes"] = low_resource_changes(profile)
    return parts


def run_values(profile: Profile, command: str) -> dict[str, Any]:
    """What made the tables, as `run.json` holds it.

    Of a published encoder also which version it is, and whose each setting is.
    """
    shown = dataclasses.replace(profile, base=_without_folders(profile.base))
    values = {
        "command": command,
        "profile": shown,
        "versions": machine.versions(),
        "digests": _digests(profile),
    }
    if is_published(profile.base):
        values["settings"] = whose(shown)
    return plain(values)


def _without_folders(base: Experiment) -> Experiment:
    """The paths of a user's folders are nobody else's business."""
    world, kind = dataclasses.replace(base.world, data_dir=""), base.encoder.kind
    if Path(kind.removeprefix(PATH)).is_absolute():
        kind = f"{PATH}FOLDER/{Path(kind).name}"
    return base.replace(world=world, encoder=dataclasses.replace(base.encoder, kind=kind))


def _digests(profile: Profile) -> dict[str, str]:
    world = load_world(profile.base.world)
    digests = {"training": world.training_digest, "test": world.benchmark("test").digest()}
    if is_published(profile.base):
        return digests | {"encoder": checkpoints.version(profile.base.encoder.kind[len(PATH) :])}
    return digests | {
        "pretraining": world.pretraining.digest(),
        "low-resource": world.benchmark("low-resource").digest(),
    }


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format="%.5f")
