"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hbt.corpus import CorpusError
from hbt.whole_files import made_once, new_file, new_folder, write_text


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "below" / "file.txt"
    with new_file(target) as partial:
        partial.write_text("half")
        assert not target.exists()
        partial.write_text("whole")
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["file.txt"]
    assert write_text(target, "zwei\r\ntürkçe\n") == target
    assert target.read_bytes() == "zwei\r\ntürkçe\n".encode()


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    write_text(target, "before")
    with pytest.raises(ZeroDivisionError):
        _half_write(target)
    assert target.read_text() == "before"
    with (
        pytest.raises(
            CorpusError, match=r"file\.txt cannot be written \(No space left on device\)"
        ),
        new_file(target),
        open("/dev/full", "wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["file.txt"]


def _half_write(target: Path) -> None:
    with new_file(target) as partial:
        partial.write_text("half")
        raise ZeroDivisionError


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match=r"below cannot be written \(File exists\)"):
        write_text(tmp_path / "file" / "below", "x")
    with pytest.raises(CorpusError, match="below cannot be written"):
        made_once(tmp_path / "file" / "below", lambda partial: partial.touch())
    (tmp_path / "folder").mkdir()
    with pytest.raises(CorpusError, match=r"folder cannot be written \(Is a directory\)"):
        write_text(tmp_path / "folder", "x")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_folder_is_new_or_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new"):
        with new_folder(tmp_path / name) as partial:
            (partial / "a").write_text(name)
        assert (tmp_path / name / "a").read_text() == name
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o755
    with pytest.raises(CorpusError, match="new is already there"), new_folder(tmp_path / "new"):
        pass
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "third"):
        raise ZeroDivisionError
    assert sorted(os.listdir(tmp_path)) == ["empty", "new"]


MAKE = """
import sys, time
from pathlib import Path
from hbt.whole_files import made_once

def make(partial):
    with open("made", "a") as log:
        log.write("x")
    time.sleep(0.5)
    partial.write_text("made")

print(made_once(Path("below") / "target[1]", make).read_text())
"""


def test_one_of_several_processes_makes_it(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    left = tmp_path / "below" / "target[1].123.partial"  # by a process that was killed
    left.write_text("half")
    command = [sys.executable, "-c", MAKE]
    running = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in running:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert out == "made\n"
    assert (tmp_path / "made").read_text() == "x"
    assert not left.exists()
    made_once(tmp_path / "below" / "target[1]", lambda partial: pytest.fail("it is there"))


def test_what_cannot_be_made_is_not_there(tmp_path: Path) -> None:
    def make(partial: Path) -> None:
        partial.write_text("half")
        raise CorpusError("the source is broken")

    with pytest.raises(CorpusError, match="the source is broken"):
        made_once(tmp_path / "target", make)
    assert not list(tmp_path.glob("target*partial"))
    assert not (tmp_path / "target").exists()
    assert made_once(tmp_path / "target", lambda partial: partial.touch()).is_file()
