"""What this machine is: versions, threads, memory, and how fast it is beside the reference."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "hbt",
    "numpy",
    "pandas",
    "torch",
    "transformers",
    "sentence-transformers",
    "datasets",
    "tokenizers",
    "faiss-cpu",
    "seaborn",
    "matplotlib",
    "jupyterlab",
    "ipywidgets",
    "ipykernel",
    "nbclient",
    "papermill",
)
REFERENCE_SECONDS = 0.026
"""What `calibration_seconds` gives on the machine whose budgets the profiles state: two cores of a
virtual server, Debian 12, Python 3.11, numpy 2."""

_NO_LIMIT = 2**60  # control groups write "no limit" as a very large number


def versions() -> dict[str, str]:
    """Python and the packages whose version can move a number; "" where one is missing."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        found[name] = installed_version(name)
    return found


def installed_version(package: str) -> str:
    """Version of an installed package, without importing it; "" if there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def n_threads() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> tuple[int, int]:
    """Total and free memory for this process; a container's limit counts, not its host's memory."""
    import psutil

    system = psutil.virtual_memory()
    total, free = system.total, system.available
    for limit_file, used_file in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        limit, used = _number_in(limit_file), _number_in(used_file)
        if limit is not None and limit < min(total, _NO_LIMIT):
            total, free = limit, min(free, limit - (used or 0))
    return total, max(free, 0)


def _number_in(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None


def give_back_memory() -> None:
    """Give what the process has freed back to the system, where it does not do so by itself.

    On Linux, glibc keeps what was freed in between to use it again. After some trainings in one
    notebook that is a quarter of the process, which counts against its limit.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
        if trim is not None:
            trim(0)


def calibration_seconds(repeats: int = 7) -> float:
    """Seconds of a small fixed loop, half Python and half numpy: the fastest of some repeats."""
    import numpy as np

    generator = np.random.Generator(np.random.PCG64(0))
    matrix = generator.standard_normal((256, 256)).astype(np.float32)
    rows = generator.integers(0, 50_000, 200_000)
    table = generator.standard_normal((50_000, 8)).astype(np.float32)
    fastest = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        total = 0
        for number in range(150_000):
            total += number & 7
        for _ in range(10):
            matrix @ matrix
        table[rows].sum(axis=0)
        fastest = min(fastest, time.perf_counter() - started)
    return fastest
