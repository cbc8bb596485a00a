#!/usr/bin/env python3
"""Set the suite up in .venv: `python3 tools/install.py`, or any of the Makefile's targets.

Standard library only, because nothing is installed yet; and no syntax newer than Python 3.7, so
that an old Python can still say which one is needed. A second call finds the stamp and does
nothing; an installation that was cut off is made again from the start.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ((3, 11), (3, 12), (3, 13))
EXTRAS = "suite,test"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_INDEX = "https://download.pytorch.org/whl/cu130"
# For a Python without ensurepip (Debian and Ubuntu leave it out): pip starts from its own wheel.
PIP_WHEEL = (
    "https://files.pythonhosted.org/packages/07/25/"
    "ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/pip-26.3-py3-none-any.whl"
)
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"


class SetupError(Exception):
    """Something the user can mend; its text is one sentence for the terminal."""


def fits(version: tuple[int, ...]) -> bool:
    """Whether the suite supports this version of Python."""
    return tuple(version[:2]) in PYTHONS


def version_of(python: str) -> tuple[int, ...] | None:
    """Version of an interpreter; None where it does not start (a shim without a Python, say)."""
    question = "import sys; print(*sys.version_info[:3])"
    try:
        answer = subprocess.run([python, "-c", question], capture_output=True, timeout=30)
        numbers = tuple(int(part) for part in answer.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return numbers if answer.returncode == 0 and len(numbers) == 3 else None


def find_python() -> str:
    """Path of a Python that fits: the one that runs this file, else one from the PATH."""
    if fits(sys.version_info[:3]):
        return sys.executable
    for major, minor in reversed(PYTHONS):
        found = shutil.which(f"python{major}.{minor}")
        if found and fits(version_of(found) or ()):
            return found
    here = ".".join(str(part) for part in sys.version_info[:3])
    raise SetupError(
        f"hbt needs Python 3.11, 3.12 or 3.13, but {sys.executable} is {here} and none of those is "
        "on the PATH: install one (https://www.python.org/downloads/) and name it, for example "
        "`make run PYTHON=python3.12` or `python3.12 tools/install.py`."
    )


def torch_pin(root: Path) -> str:
    """The line of constraints.txt that pins torch."""
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("torch=="):
            return line.split(";")[0].strip()
    raise SetupError(f"{root / 'constraints.txt'} has no line that starts with torch==.")


def digest(root: Path, torch: str) -> str:
    """What an installation depends on: the pins, this file, the folder, the build of torch."""
    state = hashlib.sha256(f"{root}\n{torch}\n".encode())
    for name in ("pyproject.toml", "constraints.txt", "tools/install.py"):
        state.update((root / name).read_bytes())
    return state.hexdigest()


def python_in(venv: Path) -> Path:
    """The interpreter of a virtual environment on this system."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def read_stamp(venv: Path) -> dict[str, str]:
    """What the last installation wrote; empty where there is none, or where it is broken."""
    try:
        return dict(json.loads((venv / "hbt-install.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def write_stamp(venv: Path, **fields: str) -> None:
    """Replace the stamp as a whole, so that it is never half written."""
    new = venv / "hbt-install.json.new"
    new.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    new.replace(venv / "hbt-install.json")


def index_answers(address: str, seconds: float = 3.0) -> bool:
    """One quick try, in a thread because looking a name up knows no time limit."""
    answered = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(address, timeout=seconds) as page:
                answered.append(page.status == 200)
        except (OSError, ValueError):
            answered.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds + 1)
    return bool(answered and answered[0])


def torch_arguments(torch: str, platform: str, pin: str) -> list[list[str]]:
    """Arguments for `pip install`, to be tried in this order, that give torch of the asked kind.

    PyPI's torch is the CPU build on macOS and Windows and the CUDA build on Linux. PyTorch's own
    indexes are asked for torch alone (`--no-deps`); its dependencies come from PyPI, pinned.
    """
    plain = ["-c", "constraints.txt", pin]
    if torch == "cuda":
        if platform == "darwin":
            raise SetupError(
                "There is no CUDA build of torch for macOS: leave TORCH=cuda away "
                "(the ordinary build uses the GPU of Apple's chips)."
            )
        if platform == "win32":
            return [["--no-deps", "--index-url", CUDA_INDEX, pin]]
        return [plain]
    if platform == "linux":
        if index_answers(f"{CPU_INDEX}/torch/"):
            patience = ["--retries", "1", "--timeout", "20"]
            return [["--no-deps", *patience, "--index-url", CPU_INDEX, pin], plain]
        print(
            f"  {CPU_INDEX} did not answer, so plain {pin} is installed; where it comes from PyPI\n"
            "  it brings CUDA libraries along (2.7 GB instead of 0.2 GB).",
            flush=True,
        )
    return [plain]


def installed_torch(python: Path) -> str:
    """Version of torch that an environment has; "" for none."""
    question = "import importlib.metadata as m; print(m.version('torch'))"
    answer = subprocess.run([str(python), "-c", question], capture_output=True, text=True)
    return answer.stdout.strip()


def install_torch(pip: list[str], torch: str, pin: str, root: Path) -> None:
    """Install torch from the first place that gives it."""
    attempts = torch_arguments(torch, sys.platform, pin)
    for number, arguments in enumerate(attempts, start=1):
        try:
            call([*pip, *arguments], root)
            return
        except subprocess.CalledProcessError:
            if number == len(attempts):
                raise
            print("  that failed; trying PyPI", flush=True)


def call(command: list[str], root: Path) -> None:
    """Run a command in the repository with its output in view."""
    subprocess.run(command, cwd=root, check=True)


def has_ensurepip(python: str) -> bool:
    """Debian and Ubuntu ship Python's venv module without the pip that it installs."""
    return subprocess.run([python, "-c", "import ensurepip"], capture_output=True).returncode == 0


def bootstrap_pip(python: Path, venv: Path, root: Path) -> None:
    """Put pip into an environment that was made without it, from pip's own wheel."""
    wheel = venv / PIP_WHEEL.rsplit("/", 1)[1]
    try:
        with urllib.request.urlopen(PIP_WHEEL, timeout=30) as answer:
            content = answer.read()
        if hashlib.sha256(content).hexdigest() != PIP_SHA256:
            raise OSError("what came is not the file that was published")
        wheel.write_bytes(content)
    except OSError as error:
        raise SetupError(
            f"This Python has no ensurepip and pip could not be fetched from PyPI ({error}): "
            "install your system's package for virtual environments (Debian, Ubuntu: "
            "`sudo apt install python3-venv`) and try again."
        ) from error
    call([str(python), f"{wheel}/pip", "install", "--no-index", str(wheel)], root)
    wheel.unlink()


def create_environment(python: str, venv: Path, root: Path) -> None:
    """Make .venv from nothing, whatever stood there."""
    command = [python, "-m", "venv", "--clear", str(venv)]
    if has_ensurepip(python):
        call(command, root)
    else:
        call([*command, "--without-pip"], root)
        bootstrap_pip(python_in(venv), venv, root)


def check_import(venv: Path, torch: str, root: Path) -> None:
    """Import what was installed, once, so that a broken installation never gets a stamp."""
    question = "import hbt, torch; print(torch.__version__, torch.version.cuda or 'cpu')"
    command = [str(python_in(venv)), "-c", question]
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        raise SetupError(f"The installation ended, but importing hbt and torch fails: {reason}")
    version, kind = answer.stdout.split()
    if torch == "cuda" and kind == "cpu":
        raise SetupError(
            f"TORCH=cuda was asked for, but pip found torch {version} without CUDA: look for a "
            "find-links or index setting in `pip config list`."
        )
    print(f"  torch {version} ({kind})", flush=True)


def install(root: Path, torch: str, python: str | None = None) -> bool:
    """Bring root/.venv to the pinned state; False when nothing was to be done."""
    venv, wanted = root / ".venv", digest(root, torch)
    stamp, inside = read_stamp(venv), python_in(venv)
    if stamp.get("state") == "complete" and stamp.get("digest") == wanted and inside.exists():
        return False
    pin = torch_pin(root)
    python = python or find_python()
    # An environment that someone else made, or an older state of ours, is updated in place; one
    # that was left half made, lies in another folder now, or has the other torch, is not trusted.
    reusable = (
        stamp.get("state") != "installing"
        and stamp.get("torch", torch) == torch
        and stamp.get("root", str(root)) == str(root)
        and fits(version_of(str(inside)) or ())
    )
    if reusable:
        print(f"[1/4] updating {venv}", flush=True)
    else:
        if stamp.get("state") == "installing":
            print("The last installation was interrupted; it starts again.", flush=True)
        print(f"[1/4] creating {venv} with {python}", flush=True)
        create_environment(python, venv, root)
    write_stamp(venv, state="installing", digest=wanted, torch=torch, root=str(root))

    pip = [str(inside), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    print(f"[2/4] {pin}, {torch} build", flush=True)
    if installed_torch(inside).partition("+")[0] == pin.partition("==")[2]:
        print("  is there", flush=True)
    else:
        install_torch(pip, torch, pin, root)
    print("[3/4] the other packages, at the versions of constraints.txt", flush=True)
    pip += ["-c", "constraints.txt"]
    call([*pip, "setuptools"], root)
    call([*pip, "--no-build-isolation", "--editable", f".[{EXTRAS}]"], root)
    print("[4/4] checking", flush=True)
    check_import(venv, torch, root)
    write_stamp(venv, state="complete", digest=wanted, torch=torch, root=str(root))
    return True


def main(arguments: list[str] | None = None) -> int:
    """0: done, or nothing to do; 1: a step failed; 2: something the user can mend."""
    parser = argparse.ArgumentParser(description="Install hbt and its exact pins into .venv.")
    parser.add_argument(
        "--torch",
        metavar="cpu|cuda",
        default=os.environ.get("TORCH") or "cpu",
        help="build of torch; the environment variable TORCH says the same (default: cpu)",
    )
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        if options.torch not in ("cpu", "cuda"):
            raise SetupError(f"TORCH={options.torch} is neither cpu nor cuda.")
        if install(ROOT, options.torch):
            print(f"Set up in {time.monotonic() - started:.0f} s.", flush=True)
    except SetupError as error:
        print(f"install: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        command = f"`{' '.join(map(str, error.cmd))}` failed (exit status {error.returncode})"
        print(f"install: {command}, as said above; a next call starts over.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("install: interrupted; a next call starts over.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
