"""Run a process and watch the time and memory of its whole tree; end it when it is over."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

SECONDS_BETWEEN_LOOKS = 0.2
MEGABYTE = 2**20


@dataclass
class Watched:
    """What became of a process.

    Attributes:
        exit_code: as the system gives it; negative for a signal.
        seconds: from start to end.
        peak_rss_mb: highest resident memory of the kernel and its children, in units of 2**20
            bytes; this is what a notebook costs wherever it runs, and what the limit is for.
        tree_peak_rss_mb: the same with papermill's own process.
        stopped: "" when it ended by itself, else "time" or "memory".
    """

    exit_code: int = 0
    seconds: float = 0.0
    peak_rss_mb: float = 0.0
    tree_peak_rss_mb: float = 0.0
    stopped: str = ""


def watch(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    timeout: float,
    memory_limit_mb: float,
    look: Callable[[Watched], None],
) -> Watched:
    """Run a command to its end, or end it with all its children at a limit.

    Args:
        command: program and arguments.
        environment: all of its environment.
        folder: where it runs.
        log: file that gets its output.
        timeout: wall limit in seconds.
        memory_limit_mb: limit for `peak_rss_mb`.
        look: called several times a second with what is known so far.
    """
    import psutil

    seen = Watched()
    started = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    root = psutil.Process(process.pid)
    family: dict[int, psutil.Process] = {}
    try:
        while process.poll() is None:
            _measure(root, family, seen)
            seen.seconds = time.perf_counter() - started
            if seen.seconds > timeout:
                seen.stopped = "time"
            elif seen.peak_rss_mb > memory_limit_mb:
                seen.stopped = "memory"
            if seen.stopped:
                break
            look(seen)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_BETWEEN_LOOKS)
    finally:
        _end([root, *family.values()])
        seen.exit_code = process.wait()
    seen.seconds = time.perf_counter() - started
    return seen


def _measure(root: psutil.Process, family: dict[int, psutil.Process], seen: Watched) -> None:
    """Add up the memory of all living members; remember them, so that none outlives the run."""
    import psutil

    with contextlib.suppress(psutil.Error):
        for child in root.children(recursive=True):
            family.setdefault(child.pid, child)
    own, kernels = _memory(root), 0
    for member in list(family.values()):
        kernels += _memory(member)
    highest = max((_highest(member) for member in family.values()), default=0)
    seen.peak_rss_mb = max(seen.peak_rss_mb, kernels / MEGABYTE, highest / MEGABYTE)
    seen.tree_peak_rss_mb = max(seen.tree_peak_rss_mb, (own + kernels) / MEGABYTE, seen.peak_rss_mb)


def _memory(process: psutil.Process) -> int:
    import psutil

    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _highest(process: psutil.Process) -> int:
    """The system's own high-water mark, which also knows of peaks between two looks (Linux)."""
    try:
        if process.is_running():
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def _end(processes: list[psutil.Process]) -> None:
    import psutil

    alive = [
        process for process in processes if process.is_running() and process.pid != os.getpid()
    ]
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(alive, timeout=1)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
