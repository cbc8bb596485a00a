"""`hbt bench training` with a tiny model: the same loss and gradients, the same batches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hbt.suite.cli import main


def test_a_tiny_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "result.json"
    sizes = ["--shape", "tiny", "--batch", "6", "--length", "32", "--steps", "2", "--groups", "3"]
    assert main(["bench", "training", *sizes, "--json", str(file)]) == 0
    result = json.loads(file.read_text(encoding="utf-8"))
    equality = result["equality"]
    assert equality["equal"] is True
    assert equality["stock_loss"] == pytest.approx(equality["our_loss"], rel=1e-5)
    assert equality["gradient_difference"] < 1e-9
    assert equality["largest_gradient"] > 1e-6
    stock, ours = result["trainers"]["stock"], result["trainers"]["ours"]
    for row in (stock, ours):
        assert len(row["step_seconds"][0]) == 3
        mean = sum(row["step_seconds"][0][1:]) / 2
        assert row["seconds_per_step"] == pytest.approx(mean)
        assert row["examples_per_second"] == pytest.approx(6 / mean)
        assert 50 < row["peak_rss_mb"] < 8192
    assert result["speed_up"] == ours["examples_per_second"] / stock["examples_per_second"]
    assert result["tokens"] <= ours["padded_tokens"] < stock["padded_tokens"]
    cpu = [row["cpu_seconds_per_step"] for row in (stock, ours)]
    assert result["cpu_speed_up"] == cpu[0] / cpu[1]
    assert result["data"] == "village"
    assert result["share_of_peak"] is None or result["device"] != "CPU"
    assert "loss and gradients of the first batch agree" in capsys.readouterr().out


def test_bad_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "training", "--batch", "0"])
    assert "'0' is not a whole number above 0" in capsys.readouterr().err
    assert main(["bench", "training", "--shape", "tiny", "--data-dir", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
