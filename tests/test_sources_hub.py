"""Downloads: the real client against a stand-in for the hub, in processes of their own."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_stand_in import StandIn, hub_environment, hub_stand_in

from hbt.corpus import CorpusError
from hbt.sources import hub
from hbt.sources.pins import LOCK, Lock, Origin, file_hash, known_hash, read_lock

OLD, NEW = "a" * 40, "b" * 40
OPEN = Origin("toy", "hub", "someone/toy")
SMALL, LARGE = b"small\n", b"large\n" * 50_000


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with hub_stand_in() as stand_in:
        stand_in.large.add("data/large.bin")
        yield stand_in


@pytest.fixture
def toy(server: StandIn) -> StandIn:
    server.files.clear()
    server.faults.clear()
    server.asked.clear()
    server.ranges.clear()
    server.logins.clear()
    server.add("someone/toy", OLD, {"data/small.txt": SMALL, "data/large.bin": LARGE})
    server.add("someone/code", OLD, {"set/one.json": LARGE})
    return server


HEAD = """
import json, sys
from hbt.corpus import CorpusError
from hbt.sources import hub, pins
from hbt.sources.pins import Origin
from huggingface_hub import constants

constants.DOWNLOAD_CHUNK_SIZE = 10_000  # bytes that arrive before a cut are on the disk
toy = Origin("toy", "hub", "someone/toy")
code = Origin("code", "github", "someone/code", "a" * 40, inside="set")

def get(origin, *paths, folder=None):
    try:
        return [path.read_bytes()[:6].decode() for path in hub.locate(origin, paths, folder)]
    except CorpusError as error:
        return f"{type(error).__name__}: {error}"
"""


def run(server: StandIn, cache: Path, script: str, **environment: str) -> dict:
    """What a script says with `print(json.dumps(...))`, run against the server."""
    given = hub_environment(server, cache) | {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(script)],
        env=os.environ | given | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def left_behind(cache: Path) -> list[str]:
    """Files below the data that are neither whole and locked nor the lock itself."""
    root = cache / "data" / "toy"
    names = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    locked = set(read_lock(root, OPEN).files)
    return sorted(name for name in names - locked - {LOCK, ".lock"} if ".incoming" not in name)


def test_files_are_pinned_at_the_first_download_and_compared_ever_after(
    toy: StandIn, tmp_path: Path
) -> None:
    both = 'get(toy, "data/small.txt", "data/large.bin")'
    first = run(toy, tmp_path, f"print(json.dumps([{both}, hub.list_files(toy, 'data')]))")
    assert first == [["small\n", "large\n"], ["data/large.bin", "data/small.txt"]]
    lock = read_lock(tmp_path / "data" / "toy", OPEN)
    assert lock.revision == OLD
    assert lock.files["data/large.bin"] == {
        "bytes": len(LARGE),
        "sha256": hashlib.sha256(LARGE).hexdigest(),
    }
    assert left_behind(tmp_path) == []
    assert not (tmp_path / "data" / "toy" / ".incoming").exists()

    # another revision is the newest now: a file that is asked for later still comes from the first
    toy.add("someone/toy", NEW, {"data/small.txt": b"SMALL!"})
    toy.files["someone/toy"][OLD]["data/third.txt"] = b"third\n"
    toy.asked.clear()
    again = run(
        toy,
        tmp_path,
        f"""
        print(json.dumps([{both}, get(toy, "data/third.txt"), hub.list_files(toy, "data")]))
        """,
    )
    assert again == [["small\n", "large\n"], ["third\n"], ["data/large.bin", "data/small.txt"]]
    assert {path for _, path in toy.asked} == {"data/third.txt"}

    # no request at all where all is there; a byte that flips on the disk is found
    offline = run(
        toy,
        tmp_path,
        f"""
        before = {both}
        path = hub.data_home() / "toy" / "data" / "large.bin"
        path.write_bytes(b"L" + path.read_bytes()[1:])
        print(json.dumps([before, {both}, get(toy, "data/fourth.txt")]))
        """,
        HF_HUB_OFFLINE="1",
    )
    assert offline[0] == ["small\n", "large\n"]
    assert "large.bin is not what was downloaded" in offline[1]
    assert "HF_HUB_OFFLINE is set" in offline[2]


def test_a_busy_server_is_waited_for_and_a_cut_download_goes_on(
    toy: StandIn, tmp_path: Path
) -> None:
    toy.faults["api/someone/toy"] = ("busy", 2)
    toy.faults["HEAD data/small.txt"] = ("busy", 1)
    toy.faults["GET data/small.txt"] = ("broken", 1)
    toy.faults["GET data/large.bin"] = ("cut", 1)
    toy.faults["GET set/one.json"] = ("cut", 1)
    found = run(
        toy,
        tmp_path,
        """
        print(json.dumps([
            get(toy, "data/small.txt"), get(toy, "data/large.bin"), get(code, "one.json")
        ]))
        """,
    )
    assert found == [["small\n"], ["large\n"], ["large\n"]]
    assert len(toy.ranges) == 2, "both went on where they were cut"
    assert all(int(each.removeprefix("bytes=").rstrip("-")) > 0 for each in toy.ranges)
    assert (tmp_path / "data" / "code" / "one.json").read_bytes() == LARGE


def test_what_is_not_there_or_wrong_is_named_and_not_kept(toy: StandIn, tmp_path: Path) -> None:
    toy.faults["GET data/large.bin"] = ("flipped", -1)
    toy.faults["GET data/small.txt"] = ("flipped", -1)
    toy.faults["api/someone/busy"] = ("busy", -1)
    toy.add("someone/busy", OLD, {})
    found = run(
        toy,
        tmp_path,
        """
        pins._known_files = lambda: {("code", "one.json"): "md5:" + "0" * 32}
        print(json.dumps({
            "flipped, large": get(toy, "data/large.bin"),
            "flipped, small": get(toy, "data/small.txt"),
            "known hash": get(code, "one.json"),
            "moved": get(toy, "data/gone.txt"),
            "moved on GitHub": get(code, "gone.json"),
            "repository": get(Origin("x", "hub", "someone/nothing"), "a"),
            "revision": get(Origin("y", "hub", "someone/toy", "c" * 40), "data/small.txt"),
            "outside": get(toy, "../escape"),
            "busy": get(Origin("z", "hub", "someone/busy"), "a"),
        }))
        """,
    )
    assert "'../escape' is no path inside the repository" in found.pop("outside")
    assert all(text.startswith("DownloadError: ") for text in found.values()), found
    assert "\n" not in "".join(found.values())
    expected = {
        "flipped, large": "someone/toy, file data/large.bin has the wrong content: sha256:",
        "flipped, small": "someone/toy, file data/small.txt has the wrong content: git:",
        "known hash": "someone/code, file one.json has the wrong content: md5:",
        "moved": "data/gone.txt is not there: it was moved, renamed or taken back (404)",
        "moved on GitHub": "gone.json is not there: it was moved, renamed or taken back (404)",
        "repository": "someone/nothing is not there: no such repository",
        "revision": "is not there at this revision",
        "busy": "the server is busy (429)",
    }
    for case, text in expected.items():
        assert text in found[case], case
    assert left_behind(tmp_path) == []
    for name in ("toy", "code"):
        kept = [p for p in (tmp_path / "data" / name).rglob("*.*") if p.suffix in (".bin", ".txt")]
        assert kept == [], "a wrong file was kept"


def test_no_network_a_cut_line_and_a_full_disk(toy: StandIn, tmp_path: Path) -> None:
    toy.faults["GET set/one.json"] = ("cut", -1)
    script = """
        import resource, shutil
        from huggingface_hub import file_download
        file_download.time.sleep = lambda seconds: None  # the client waits a second between tries
        cut = get(code, "one.json")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))  # a disk that is full
        full = get(toy, "data/large.bin")
        small = get(toy, "data/small.txt")
        shutil.disk_usage = lambda folder: shutil._ntuple_diskusage(9, 9, 3)
        print(json.dumps([cut, full, small, get(toy, "data/large.bin")]))
        """
    cut, full, small, no_room = run(toy, tmp_path, script)
    assert cut.startswith("DownloadError: someone/code, file one.json could not be downloaded")
    assert "goes on where it stopped" in cut
    assert full.startswith("DownloadError: someone/toy, file data/large.bin could not be written")
    assert small == ["small\n"]
    assert "needs 200,000 bytes, but" in no_room, "100,000 had arrived before"
    assert no_room.endswith("has room for 3")
    assert left_behind(tmp_path) == []
    partial = list((tmp_path / "data" / "code" / ".incoming").glob("*.partial"))
    assert len(partial) == 1
    assert 0 < partial[0].stat().st_size < len(LARGE)

    # what had arrived of the cut file is used when the line is good again
    toy.faults.clear()
    toy.ranges.clear()
    assert run(toy, tmp_path, 'print(json.dumps(get(code, "one.json")))') == ["large\n"]
    assert toy.ranges == [f"bytes={partial_size(toy)}-"]

    dead = "http://127.0.0.1:9"
    nowhere = run(
        toy,
        tmp_path / "other",
        'print(json.dumps([get(toy, "data/small.txt"), get(code, "one.json")]))',
        HF_ENDPOINT=dead,
        HBT_GITHUB_ENDPOINT=dead,
    )
    for text in nowhere:
        assert "could not be downloaded: no answer from 127.0.0.1 (" in text
        assert text.endswith("; is there a network?")


def test_a_busy_server_is_left_in_peace_after_a_few_tries(toy: StandIn, tmp_path: Path) -> None:
    toy.faults["GET data/small.txt"] = ("busy", -1)
    toy.faults["GET set/one.json"] = ("busy", -1)
    found = run(
        toy,
        tmp_path,
        """
        import time
        time.sleep = lambda seconds: None
        print(json.dumps([get(toy, "data/small.txt"), get(code, "one.json")]))
        """,
    )
    assert all(text.endswith("the server is busy (429); try again later") for text in found)
    for path in ("data/small.txt", "set/one.json"):
        assert 2 <= toy.asked["GET", path] <= 10, "the client tries again, and so do we no more"


def test_a_login_goes_to_the_hub_alone(toy: StandIn, tmp_path: Path) -> None:
    script = (
        'print(json.dumps([get(toy, "data/small.txt", "data/large.bin"), get(code, "one.json")]))'
    )
    found = run(toy, tmp_path, script, HF_TOKEN="hf_secret")
    assert found == [["small\n", "large\n"], ["large\n"]]
    assert toy.logins["GET", "data/small.txt"] == "Bearer hf_secret"
    assert toy.logins["HEAD", "data/large.bin"] == "Bearer hf_secret"
    assert toy.logins["GET", "data/large.bin"] is None, "its bytes come from another host"
    assert toy.logins["GET", "set/one.json"] is None


@pytest.mark.parametrize("arrived", [100_000, len(LARGE)])
def test_what_had_arrived_before_a_stop_is_used(arrived: int, toy: StandIn, tmp_path: Path) -> None:
    places = {name: tmp_path / "data" / name for name in ("code", "toy")}
    for folder, name in ((places["code"], "one.json"), (places["toy"], "data/large.bin")):
        part = folder / ".incoming" / f"{name}.{OLD[:12]}.partial"
        part.parent.mkdir(parents=True)
        part.write_bytes(LARGE[:arrived])
    script = 'print(json.dumps([get(code, "one.json"), get(toy, "data/large.bin")]))'
    assert run(toy, tmp_path, script) == [["large\n"], ["large\n"]]
    assert (places["code"] / "one.json").read_bytes() == LARGE
    assert (places["toy"] / "data" / "large.bin").read_bytes() == LARGE
    assert set(toy.ranges) == {f"bytes={arrived}-"}
    assert not list(tmp_path.rglob(".incoming"))


def partial_size(toy: StandIn) -> int:
    return int(toy.ranges[0].removeprefix("bytes=").rstrip("-"))


def test_a_folder_is_read_without_any_download(tmp_path: Path) -> None:
    origin = Origin("toy", "hub", "someone/toy", OLD)
    root = tmp_path / "toy"
    (root / "data").mkdir(parents=True)
    (root / "data" / "small.txt").write_bytes(SMALL)
    (root / "flat.txt.gz").write_bytes(gzip.compress(SMALL))
    for folder in (tmp_path, root):
        paths = hub.locate(origin, ["data/small.txt", "deep/flat.txt"], folder)
        assert [path.name for path in paths] == ["small.txt", "flat.txt.gz"]
        assert hub.list_files(origin, "data", folder) == ["data/small.txt"]
    with pytest.raises(CorpusError, match=r"toy: .* has no data/gone\.txt"):
        hub.locate(origin, ["data/gone.txt"], tmp_path)
    with pytest.raises(CorpusError, match="has no files in nothing"):
        hub.list_files(origin, "nothing", tmp_path)

    entry = {"bytes": len(SMALL), "sha256": hashlib.sha256(SMALL).hexdigest()}
    lock = Lock("hub:someone/toy", OLD, {"data/small.txt": entry})
    lock.write(root)
    assert hub.locate(origin, ["data/small.txt"], root)[0].read_bytes() == SMALL
    (root / "data" / "small.txt").write_bytes(b"Small\n")
    with pytest.raises(CorpusError, match="is not what was downloaded"):
        hub.locate(origin, ["data/small.txt"], root)


def test_a_lock_of_something_else_is_refused(tmp_path: Path) -> None:
    Lock("hub:someone/toy", OLD).write(tmp_path)
    assert read_lock(tmp_path, OPEN).revision == OLD
    with pytest.raises(CorpusError, match="is of hub:someone/toy, not hub:other/toy"):
        read_lock(tmp_path, Origin("toy", "hub", "other/toy"))
    with pytest.raises(CorpusError, match=f"is of revision {OLD}, not {NEW}"):
        read_lock(tmp_path, Origin("toy", "hub", "someone/toy", NEW))
    for broken in ("{", "[]", '{"more": 1}', '{"repository": "x", "files": {"a": {}}}'):
        (tmp_path / LOCK).write_text(broken)
        with pytest.raises(CorpusError, match=LOCK):
            read_lock(tmp_path, OPEN)
    with pytest.raises(ValueError, match="neither 'hub' nor 'github'"):
        Origin("x", "gitlab", "a/b")
    with pytest.raises(ValueError, match="needs a revision"):
        Origin("x", "github", "a/b")


def test_hashes_are_those_of_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello\n")
    # printed by sha256sum, md5sum and git hash-object
    assert file_hash(path) == (
        "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    )
    assert file_hash(path, "md5") == "md5:b1946ac92492d2347c6235b4d2611184"
    assert file_hash(path, "git") == "git:ce013625030ba8dba906f756967f9e9ca394464a"
    assert known_hash(Origin("xquad-r", "hub", "a/b"), "nothing.json") is None
