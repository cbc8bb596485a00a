"""Shared fixtures. Real data lies outside the project: tests that use it skip where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real data sets (xquad-r, mlqa-r, ntrex, ...); skips where there is none."""
    named = os.environ.get("HBT_DATA_DIR")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not (folder / "xquad-r").is_dir():
        pytest.skip(f"no real data at {folder}: set HBT_DATA_DIR to the folder that has xquad-r")
    return folder
