"""The doctor: ten lines, each with how to mend what is not fit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hbt.suite import doctor, machine
from hbt.suite.doctor import Finding


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """Constraints that this environment keeps."""
    path = tmp_path / "constraints.txt"
    lines = [f"{name}=={machine.installed_version(name)}" for name in ("numpy", "papermill")]
    path.write_text("\n".join(["# exact pins", *lines, 'colorama==9 ; sys_platform == "none"']))
    return path


def finding(pins: Path, subject: str, data_dir: str = "") -> Finding:
    (found,) = [each for each in doctor.examine(data_dir, pins) if each.subject == subject]
    return found


def test_ten_lines(pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path))
    findings = doctor.examine("", pins)
    assert len(findings) == 10
    assert all("\n" not in str(each) for each in findings)
    assert str(findings[0]).startswith("ok  python    3.1")


def test_a_version_that_is_not_the_pinned_one(pins: Path) -> None:
    assert finding(pins, "packages").mend == ""
    pins.write_text("numpy==0.1\nnotinstalled==3\n")
    found = finding(pins, "packages")
    assert f"numpy {machine.installed_version('numpy')} instead of 0.1" in found.told
    assert "notinstalled" not in found.told
    assert str(found).startswith("no  packages")
    assert " -> pip install -c constraints.txt" in str(found)


def test_a_missing_package(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PACKAGES", ("numpy", "faiss-gpu-of-old"))
    assert finding(pins, "packages").told == "faiss-gpu-of-old missing"


def test_the_build_of_torch_does_not_count_as_another_version(
    pins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "installed_version", lambda name: "2.13.0+cpu")
    pins.write_text("torch==2.13.0\n")
    assert doctor._packages(pins).mend == ""


def test_pins_that_cannot_be_read(pins: Path) -> None:
    pins.write_text("numpy==1.0\n???\n")
    with pytest.raises(ValueError, match="line 2 is no requirement"):
        doctor.read_pins(pins)


@pytest.mark.parametrize(
    ("memory", "mend"),
    [
        ((16 * 2**30, 8 * 2**30), ""),
        ((1 * 2**30, 2**29), "use a machine with at least 2 GB"),
        ((16 * 2**30, 2**29), "close programs until 1.2 GB are free"),
    ],
)
def test_memory(memory: tuple, mend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: memory)
    assert doctor._memory().mend == mend


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    assert "Python 3.11, 3.12 or 3.13" in doctor._python().mend


def test_real_data_is_looked_for(
    pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HBT_DATA_DIR", raising=False)
    assert finding(pins, "real data").mend == ""
    (tmp_path / "xquad-r").mkdir()
    found = finding(pins, "real data", str(tmp_path))
    assert found.told.endswith("has no mlqa-r, ntrex")
    for name in ("mlqa-r", "ntrex"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HBT_DATA_DIR", str(tmp_path))
    assert finding(pins, "real data").mend == ""


def test_the_cache_is_told_by_its_parts(
    pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "cache"))
    empty = finding(pins, "cache")
    assert empty.told == f"0 MB in {tmp_path / 'cache'} (HBT_CACHE_DIR moves it)"
    files = {
        "data/tokens/a.ids": 1,
        "data/arrow/b.arrow": 2,
        "data/mmarco/data/tokens/c.tsv": 3,
        "golden-tokens/d.json": 4,
        "finetuning/key/model/e.pt": 5,
        "scores/key/f.parquet": 6,
    }
    for name, size in files.items():
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * size)
    (tmp_path / "cache" / "data" / "gone").symlink_to(tmp_path / "gone")
    sizes = doctor.cache_sizes(tmp_path / "cache")
    assert list(sizes.values()) == [1, 2, 3, 4, 11]
    monkeypatch.setattr(doctor, "cache_sizes", lambda folder: {"a (b)": 2**21, "c": 0})
    found = finding(pins, "cache")
    assert found.mend == ""
    assert "2 MB in" in found.told
    assert "moves it): 2 MB of a (b); while nothing runs, any folder in it may be del" in found.told


def test_the_kernel_is_this_python(pins: Path) -> None:
    assert finding(pins, "kernel").told == "python3 starts this Python"


def test_a_containers_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"/sys/fs/cgroup/memory.max": 2**30, "/sys/fs/cgroup/memory.current": 2**28}
    monkeypatch.setattr(machine, "_number_in", files.get)
    total, free = machine.memory_bytes()
    assert total == 2**30
    assert free <= 2**30 - 2**28


def test_the_calibration_loop_is_short_and_repeatable() -> None:
    fast, again = machine.calibration_seconds(), machine.calibration_seconds()
    assert 0 < fast < 2
    assert 0.2 < fast / again < 5
