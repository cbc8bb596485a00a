"""`hbt data check`: what is there is read or compared, what is not there is named."""

from __future__ import annotations

import os
from pathlib import Path

import hub_files
import pytest

from hbt.sources import origins
from hbt.sources.pins import Lock, file_hash
from hbt.suite.cli import main


def check(*words: object) -> int:
    return main(["data", "check", *map(os.fspath, words)])


def downloaded(folder: Path) -> Path:
    """MLDR as `hbt data fetch --out` leaves it."""
    origin = origins.MLDR_ORIGIN
    root = hub_files.write(folder / "mldr", hub_files.mldr())
    lock = Lock(f"{origin.host}:{origin.repository}", str(origin.revision))
    for path in hub_files.mldr():
        sha256 = file_hash(root / path).partition(":")[2]
        lock.files[path] = {"bytes": (root / path).stat().st_size, "sha256": sha256}
    lock.write(root)
    return root


def test_downloads_are_compared_with_their_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    root = downloaded(tmp_path / "data")
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path))
    size = sum(map(len, hub_files.mldr().values()))
    for words in ((), ("--data-dir", tmp_path / "data")):  # the cache, or what is named
        assert check(*words) == 0
        rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
        assert f"mldr {len(hub_files.mldr())} {size:,} {origins.MLDR_ORIGIN.revision}" in rows
    path = root / "mldr-v1.0-hi/dev.jsonl.gz"
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert check() == 2
    assert "dev.jsonl.gz is not what was downloaded" in capsys.readouterr().err
    path.unlink()
    assert check() == 2
    assert "dev.jsonl.gz is missing: it was downloaded before" in capsys.readouterr().err


def test_nothing_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert check("--data-dir", tmp_path) == 2
    assert "has none of the folders xquad-r, mlqa-r, ntrex, nor a data" in capsys.readouterr().err
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "empty"))
    assert check() == 2
    assert f"{tmp_path / 'empty' / 'data'} is not a folder" in capsys.readouterr().err


def test_some_sets_are_enough(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "mlqa-r").symlink_to(shared_data / "mlqa-r")
    downloaded(tmp_path)
    assert check("--data-dir", tmp_path) == 0
    out = capsys.readouterr().out
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "MLQA-R 7 4199 20534 2 to 4 for each query" in rows
    assert "not there: xquad-r, ntrex" in rows
    assert "overlap" not in out, "that takes both sets"
    assert any(row.startswith("mldr ") for row in rows)
