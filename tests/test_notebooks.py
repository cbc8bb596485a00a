"""Every notebook runs headlessly at the smoke profile, on the village and on real text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
NAMES = tuple(path.stem for path in sorted((REPOSITORY / "notebooks" / "source").glob("*.py")))


@pytest.fixture(scope="session")
def stage_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One stage cache for all workers: notebooks share what they can, under a lock."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if os.environ.get("PYTEST_XDIST_WORKER") else folder
    return folder / "stages"


def run_notebook(name: str, out: Path, cache: Path, *arguments: str) -> dict[str, object]:
    """The notebook's entry in suite.json after a run that must succeed."""
    command = [sys.executable, "-m", "hbt", "notebooks", "run", name, "--profile", "smoke"]
    environment = {**os.environ, "HBT_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--out", str(out), *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (entry,) = json.loads((out / "suite.json").read_text())["notebooks"]
    return entry


def test_there_are_five() -> None:
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05"]


@pytest.mark.parametrize("name", NAMES)
def test_on_the_village(name: str, tmp_path: Path, stage_cache: Path) -> None:
    entry = run_notebook(name, tmp_path / "out", stage_cache)
    assert entry["status"] == "passed"
    assert entry["peak_rss_mb"] < 1000
    assert entry["records"]
    assert entry["figures"]


@pytest.mark.parametrize("name", NAMES)
def test_on_real_text(name: str, tmp_path: Path, stage_cache: Path, shared_data: Path) -> None:
    arguments = ("--data", "real", "--data-dir", str(shared_data))
    entry = run_notebook(name, tmp_path / "out", stage_cache, *arguments)
    assert entry["status"] == "passed"
