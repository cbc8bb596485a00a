"""`hbt bench search` on a pool of a second."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hbt.suite.cli import main


def test_both_backends_find_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = tmp_path / "shards", tmp_path / "result.json"
    folder.mkdir()
    sizes = {"--passages": 700, "--dim": 8, "--queries": 5, "--k": 10, "--shard-rows": 300}
    options = [str(part) for option in sizes.items() for part in option]
    assert main(["bench", "search", *options, "--folder", str(folder), "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["equal"] is True
    assert set(result["backends"]) == {"torch", "faiss"}
    for one in result["backends"].values():
        assert one["seconds"] > 0
        assert one["ratio_to_matmul"] == one["seconds"] / result["matmul_s"]
        assert 50 < one["peak_rss_mb"] < 4096
    assert result["command"].startswith("hbt bench search --passages 700")
    assert not list(folder.iterdir())  # the shards are gone
    assert "same results: yes" in capsys.readouterr().out


def test_bad_options(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["bench", "search", "--folder", str(tmp_path / "none")]) == 2
    assert "none is no folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["bench", "search", "--k", "0"])
    assert "'0' is not a whole number above 0" in capsys.readouterr().err
