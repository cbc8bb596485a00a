"""The installer, with its commands recorded instead of run."""

from __future__ import annotations

import http.server
import importlib.util
import json
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def installer() -> types.ModuleType:
    location = REPOSITORY / "tools" / "install.py"
    specification = importlib.util.spec_from_file_location("install_for_test", location)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository as far as the installer looks at one."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "install.py").write_text("# the installer\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("# a comment\nnumpy==2.4.6\ntorch==2.13.0\n")
    return tmp_path


@pytest.fixture
def recorded(installer: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Every command the installer would run; making an environment leaves an interpreter's file."""
    commands: list[list[str]] = []

    def call(command: list[str], root: Path) -> None:
        commands.append(command)
        if "venv" in command:
            inside = installer.python_in(root / ".venv")
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.touch()

    monkeypatch.setattr(installer, "call", call)
    monkeypatch.setattr(installer, "has_ensurepip", lambda python: True)
    monkeypatch.setattr(installer, "index_answers", lambda address: False)
    monkeypatch.setattr(installer, "installed_torch", lambda python: "")
    monkeypatch.setattr(installer, "check_import", lambda venv, torch, root: None)
    monkeypatch.setattr(
        installer, "version_of", lambda python: (3, 11, 2) if Path(python).exists() else None
    )
    monkeypatch.setattr(installer.sys, "platform", "linux")
    return commands


def test_a_first_call_creates_installs_and_stamps(installer, root, recorded) -> None:
    assert installer.install(root, "cpu", python="python3.11")
    venv, torch, setuptools, everything = recorded
    assert venv == ["python3.11", "-m", "venv", "--clear", str(root / ".venv")]
    assert torch[1:4] == ["-m", "pip", "install"]
    assert torch[-3:] == ["-c", "constraints.txt", "torch==2.13.0"]
    assert setuptools[-3:] == ["-c", "constraints.txt", "setuptools"]
    assert everything[-2:] == ["--editable", ".[suite,test]"]
    assert "--no-build-isolation" in everything
    assert installer.read_stamp(root / ".venv")["state"] == "complete"


def test_a_second_call_runs_nothing(installer, root, recorded) -> None:
    installer.install(root, "cpu", python="python3.11")
    recorded.clear()
    assert not installer.install(root, "cpu", python="python3.11")
    assert recorded == []


def test_new_pins_update_in_place(installer, root, recorded) -> None:
    installer.install(root, "cpu", python="python3.11")
    recorded.clear()
    (root / "constraints.txt").write_text("numpy==2.5.0\ntorch==2.13.0\n")
    assert installer.install(root, "cpu", python="python3.11")
    assert not [command for command in recorded if "venv" in command]
    assert len(recorded) == 3


def test_another_build_of_torch_starts_over(installer, root, recorded) -> None:
    installer.install(root, "cpu", python="python3.11")
    recorded.clear()
    assert installer.install(root, "cuda", python="python3.11")
    assert "--clear" in recorded[0]


def test_a_moved_folder_starts_over(installer, root, recorded, tmp_path_factory) -> None:
    installer.install(root, "cpu", python="python3.11")
    moved = tmp_path_factory.mktemp("elsewhere") / "copy"
    root.rename(moved)
    recorded.clear()
    assert installer.install(moved, "cpu", python="python3.11")
    assert "--clear" in recorded[0]


def test_a_torch_that_is_there_is_not_looked_for(installer, root, recorded, monkeypatch) -> None:
    installer.install(root, "cpu", python="python3.11")
    recorded.clear()
    (root / "constraints.txt").write_text("numpy==2.5.0\ntorch==2.13.0\n")
    monkeypatch.setattr(installer, "installed_torch", lambda python: "2.13.0+cpu")
    assert installer.install(root, "cpu", python="python3.11")
    assert [command[-1] for command in recorded] == ["setuptools", ".[suite,test]"]


def test_an_environment_of_the_users_own_is_kept(installer, root, recorded) -> None:
    inside = installer.python_in(root / ".venv")
    inside.parent.mkdir(parents=True)
    inside.touch()
    assert installer.install(root, "cpu", python="python3.11")
    assert not [command for command in recorded if "venv" in command]


def test_an_interrupted_installation_starts_over(
    installer, root, recorded, monkeypatch, capsys
) -> None:
    whole = installer.call

    def cut_off(command: list[str], folder: Path) -> None:
        whole(command, folder)
        if "--editable" in command:
            raise KeyboardInterrupt

    monkeypatch.setattr(installer, "call", cut_off)
    with pytest.raises(KeyboardInterrupt):
        installer.install(root, "cpu", python="python3.11")
    assert installer.read_stamp(root / ".venv")["state"] == "installing"
    monkeypatch.setattr(installer, "call", whole)
    recorded.clear()
    assert installer.install(root, "cpu", python="python3.11")
    assert "--clear" in recorded[0]
    assert "interrupted; it starts again" in capsys.readouterr().out


def test_a_broken_stamp_counts_as_none(installer, root) -> None:
    (root / ".venv").mkdir()
    for content in ("", "{", "[1]"):
        (root / ".venv" / "hbt-install.json").write_text(content)
        assert installer.read_stamp(root / ".venv") == {}


@pytest.mark.parametrize(
    ("torch", "platform", "answers", "expected"),
    [
        ("cpu", "linux", True, ["index-url", "plain"]),
        ("cpu", "linux", False, ["plain"]),
        ("cpu", "darwin", True, ["plain"]),
        ("cpu", "win32", True, ["plain"]),
        ("cuda", "linux", True, ["plain"]),
        ("cuda", "win32", True, ["index-url"]),
    ],
)
def test_where_torch_comes_from(installer, monkeypatch, torch, platform, answers, expected) -> None:
    monkeypatch.setattr(installer, "index_answers", lambda address: answers)
    attempts = installer.torch_arguments(torch, platform, "torch==2.13.0")
    kinds = ["index-url" if "--index-url" in attempt else "plain" for attempt in attempts]
    assert kinds == expected
    for attempt in attempts:
        assert attempt[-1] == "torch==2.13.0"
        if "--index-url" in attempt:  # only torch comes from there
            index = attempt[attempt.index("--index-url") + 1]
            assert index == (installer.CPU_INDEX if torch == "cpu" else installer.CUDA_INDEX)
            assert "--no-deps" in attempt


def test_cuda_on_a_mac_is_one_sentence(installer) -> None:
    with pytest.raises(installer.SetupError, match="no CUDA build of torch for macOS"):
        installer.torch_arguments("cuda", "darwin", "torch==2.13.0")


def test_an_index_that_breaks_off_falls_back_on_pypi(
    installer, root, recorded, monkeypatch
) -> None:
    monkeypatch.setattr(installer, "index_answers", lambda address: True)
    whole = installer.call

    def failing(command: list[str], folder: Path) -> None:
        whole(command, folder)
        if "--index-url" in command:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(installer, "call", failing)
    assert installer.install(root, "cpu", python="python3.11")
    assert "--index-url" in recorded[1]
    assert recorded[2][-3:] == ["-c", "constraints.txt", "torch==2.13.0"]


def test_the_quick_try_is_quick(installer, monkeypatch) -> None:
    over = threading.Event()

    def hangs(address: str, timeout: float) -> None:
        over.wait()
        raise OSError("too late")

    monkeypatch.setattr(installer.urllib.request, "urlopen", hangs)
    started = time.monotonic()
    assert not installer.index_answers("https://example.invalid/", seconds=-0.9)
    assert time.monotonic() - started < 5
    over.set()


def test_the_quick_try_takes_an_answer_for_yes_and_an_error_for_no(installer) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/cpu/torch/" else 404)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert installer.index_answers(f"{address}/cpu/torch/")
        assert not installer.index_answers(f"{address}/cuda/torch/")
        server.shutdown()
    assert not installer.index_answers(f"{address}/cpu/torch/")
    assert not installer.index_answers("no address at all")


def test_an_unfit_python_is_one_sentence(installer, monkeypatch) -> None:
    monkeypatch.setattr(installer.sys, "version_info", (3, 10, 4, "final", 0))
    monkeypatch.setattr(installer.shutil, "which", lambda name: None)
    with pytest.raises(
        installer.SetupError, match=r"needs Python 3\.11, 3\.12 or 3\.13, but .* 3\.10\.4"
    ):
        installer.find_python()


def test_an_unfit_python_looks_for_another_one(installer, monkeypatch) -> None:
    monkeypatch.setattr(installer.sys, "version_info", (3, 14, 0, "final", 0))
    found = {"python3.13": "/shims/python3.13", "python3.12": "/usr/bin/python3.12"}
    monkeypatch.setattr(installer.shutil, "which", found.get)
    # a shim is on the PATH whether or not its Python is installed
    versions = {"/shims/python3.13": None, "/usr/bin/python3.12": (3, 12, 4)}
    monkeypatch.setattr(installer, "version_of", versions.get)
    assert installer.find_python() == "/usr/bin/python3.12"


def test_version_of_asks_the_interpreter(installer, tmp_path) -> None:
    assert installer.version_of(sys.executable) == tuple(sys.version_info[:3])
    assert installer.version_of(str(tmp_path / "python")) is None


def test_without_ensurepip_pip_comes_from_its_wheel(installer, root, recorded, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(installer, "has_ensurepip", lambda python: False)
    monkeypatch.setattr(installer, "bootstrap_pip", lambda *arguments: asked.append(arguments))
    installer.create_environment("python3.11", root / ".venv", root)
    assert recorded == [
        ["python3.11", "-m", "venv", "--clear", str(root / ".venv"), "--without-pip"]
    ]
    assert asked == [(installer.python_in(root / ".venv"), root / ".venv", root)]


@pytest.mark.parametrize("content", [None, b"another file"])
def test_a_pip_that_does_not_come_is_one_sentence(
    installer, root, recorded, monkeypatch, tmp_path, content
) -> None:
    wheel = tmp_path / "pip-1.0-py3-none-any.whl"
    if content is not None:
        wheel.write_bytes(content)
    monkeypatch.setattr(installer, "PIP_WHEEL", wheel.as_uri())
    (root / ".venv").mkdir()
    with pytest.raises(installer.SetupError, match=r"no ensurepip .* python3-venv"):
        installer.bootstrap_pip(installer.python_in(root / ".venv"), root / ".venv", root)
    assert recorded == []


def test_main_prints_one_sentence_and_exits_two(installer, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TORCH", "tpu")
    assert installer.main([]) == 2
    assert capsys.readouterr().err == "install: TORCH=tpu is neither cpu nor cuda.\n"


def test_main_names_the_command_that_failed(installer, monkeypatch, capsys) -> None:
    def failing(root: Path, torch: str) -> bool:
        raise subprocess.CalledProcessError(3, ["python", "-m", "pip", "install"])

    monkeypatch.delenv("TORCH", raising=False)
    monkeypatch.setattr(installer, "install", failing)
    assert installer.main([]) == 1
    assert "`python -m pip install` failed (exit status 3)" in capsys.readouterr().err


def test_the_stamp_is_plain_json(installer, tmp_path) -> None:
    installer.write_stamp(tmp_path, state="complete", digest="d")
    content = json.loads((tmp_path / "hbt-install.json").read_text())
    assert content == {"state": "complete", "digest": "d"}
    assert [path.name for path in tmp_path.iterdir()] == ["hbt-install.json"]
