"""`hbt doctor`: is this machine fit for the suite, and how to mend what is not.

Ten lines, one for each thing to look at; `no` in the first column means unfit.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hbt.suite import machine
from hbt.suite.stages import cache_directory

PYTHON_FROM, PYTHON_BELOW = (3, 11), (3, 14)
LEAST_MEMORY_GB = 2.0
LEAST_FREE_MEMORY_GB = 1.2
LEAST_FREE_DISK_GB = 2.0
REAL_SETS = ("xquad-r", "mlqa-r", "ntrex")
_GIGABYTE = 2**30


@dataclass(frozen=True)
class Finding:
    """One line of the doctor.

    Attributes:
        subject: what was looked at.
        told: what was found.
        mend: how to mend it; "" where the machine is fit.
    """

    subject: str
    told: str
    mend: str = ""

    def __str__(self) -> str:
        line = f"{'no ' if self.mend else 'ok '} {self.subject:<9} {self.told}"
        return f"{line} -> {self.mend}" if self.mend else line


def examine(data_dir: str = "", constraints: Path | None = None) -> list[Finding]:
    """Look at everything; one finding each.

    Args:
        data_dir: folder of real data to look for; "" means `HBT_DATA_DIR`, if that is set.
        constraints: file of pins; None means constraints.txt of the checkout.
    """
    pins = constraints or _constraints_file()
    checks: list[Callable[[], Finding]] = [
        _python,
        lambda: _packages(pins),
        _kernel,
        _threads,
        _memory,
        _disk,
        _gpu,
        _village,
        lambda: _real_data(data_dir or os.environ.get("HBT_DATA_DIR", "")),
        _cache,
    ]
    return [check() for check in checks]


def _python() -> Finding:
    told = f"{platform.python_version()} at {sys.prefix}"
    if PYTHON_FROM <= sys.version_info[:2] < PYTHON_BELOW:
        return Finding("python", told)
    return Finding("python", told, "make the environment with Python 3.11, 3.12 or 3.13")


def _constraints_file() -> Path:
    beside_package = Path(__file__).resolve().parents[2] / "constraints.txt"
    return beside_package if beside_package.exists() else Path("constraints.txt")


def _packages(pins: Path) -> Finding:
    missing = [name for name in machine.PACKAGES if not machine.installed_version(name)]
    if missing:
        mend = "install the suite: pip install -c constraints.txt '.[suite]'"
        return Finding("packages", f"{_listed(missing)} missing", mend)
    if not pins.exists():
        return Finding("packages", "all there; no constraints.txt here to compare versions with")
    wanted = read_pins(pins)
    other = [
        f"{name} {found} instead of {version}"
        for name, version in wanted.items()
        if (found := machine.installed_version(name)) and found.partition("+")[0] != version
    ]
    if other:
        return Finding("packages", _listed(other), f"pip install -c {pins.name} '.[suite]'")
    return Finding("packages", f"all there, {len(wanted)} pins of {pins.name} kept")


def read_pins(path: Path) -> dict[str, str]:
    """The `name==version` lines of a constraints file that hold for this Python.

    Raises:
        ValueError: a line is no requirement.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    pins = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text or text.startswith("-"):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            raise ValueError(f"{path}: line {number} is no requirement: {text}") from None
        version = str(requirement.specifier).removeprefix("==")
        if requirement.marker is None or requirement.marker.evaluate():
            pins[requirement.name] = version.partition("+")[0]
    return pins


def _kernel() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    mend = "python -m ipykernel install --sys-prefix"
    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Finding("kernel", "there is no kernel python3", mend)
    # A bare "python" is replaced by this Python when the kernel starts.
    is_ours = program.startswith("python") or Path(program).absolute() == Path(sys.executable)
    if not is_ours and not Path(program).exists():
        return Finding("kernel", f"python3 starts {program}, which is not there", mend)
    if not is_ours and Path(program).resolve() != Path(sys.executable).resolve():
        return Finding("kernel", f"python3 starts another Python, {program}", mend)
    return Finding("kernel", "python3 starts this Python")


def _threads() -> Finding:
    count = machine.n_threads()
    asked = os.environ.get("OMP_NUM_THREADS")
    limited = f", limited to {asked} by OMP_NUM_THREADS" if asked else ""
    slow = "; the profiles' times are for two" if count < 2 else ""
    return Finding("threads", f"{count}{limited}{slow}")


def _memory() -> Finding:
    total, free = (amount / _GIGABYTE for amount in machine.memory_bytes())
    told = f"{total:.1f} GB, {free:.1f} GB free"
    if total < LEAST_MEMORY_GB:
        return Finding("memory", told, f"use a machine with at least {LEAST_MEMORY_GB:.0f} GB")
    if free < LEAST_FREE_MEMORY_GB:
        return Finding("memory", told, f"close programs until {LEAST_FREE_MEMORY_GB} GB are free")
    return Finding("memory", told)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / _GIGABYTE
    told = f"{free:.1f} GB free in this folder"
    if free < LEAST_FREE_DISK_GB:
        return Finding("disk", told, f"free {LEAST_FREE_DISK_GB:.0f} GB, or work in another folder")
    return Finding("disk", told)


def _gpu() -> Finding:
    if not machine.installed_version("torch"):
        return Finding("gpu", "unknown without torch; none is needed below the paper profile")
    import torch

    if torch.cuda.is_available():
        return Finding("gpu", torch.cuda.get_device_name(0))
    return Finding("gpu", f"none for torch {torch.__version__}; only the paper profile needs one")


def _village() -> Finding:
    folder = Path(__file__).resolve().parents[1] / "village"
    missing = [name for name in ("lexicon.tsv", "languages.tsv") if not (folder / name).exists()]
    if missing:
        return Finding("village", f"{_listed(missing)} missing in the package", "install hbt again")
    return Finding("village", "the embedded world is in the package")


def _real_data(data_dir: str) -> Finding:
    if not data_dir:
        return Finding("real data", "none named; only data=real needs it (HBT_DATA_DIR)")
    folder = Path(data_dir)
    missing = [name for name in REAL_SETS if not (folder / name).is_dir()]
    if missing:
        mend = f"name a folder that holds {_listed(list(REAL_SETS))}"
        return Finding("real data", f"{folder} has no {_listed(missing)}", mend)
    return Finding("real data", f"{_listed(list(REAL_SETS))} in {folder}")


def _cache() -> Finding:
    folder = cache_directory()
    place = folder if folder.exists() else folder.parent
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        mend = "set HBT_CACHE_DIR to a folder that you may write to"
        return Finding("cache", f"{folder} cannot be written to", mend)
    sizes = cache_sizes(folder)
    told = f"{sum(sizes.values()) / 2**20:.0f} MB in {folder} (HBT_CACHE_DIR moves it)"
    parts = [f"{size / 2**20:.0f} MB of {what}" for what, size in sizes.items() if size]
    if not parts:
        return Finding("cache", told)
    safe = "while nothing runs, any folder in it may be deleted: it is made or downloaded again"
    return Finding("cache", f"{told}: {', '.join(parts)}; {safe}")


CACHE_PARTS = {
    "token ids (data/tokens)": ("data", "tokens"),
    "texts as arrow files (data/arrow)": ("data", "arrow"),
    "downloads (data)": ("data",),
    "first tokens of models (golden-tokens)": ("golden-tokens",),
    "models and tables (the other folders)": (),
}
"""What the cache holds, and the folders that have it; the first that fits counts."""


def cache_sizes(folder: Path) -> dict[str, int]:
    """Bytes of each of `CACHE_PARTS` in a cache; files that go away meanwhile do not count."""
    sizes = dict.fromkeys(CACHE_PARTS, 0)
    for place, _, names in os.walk(folder):
        inside = Path(place).relative_to(folder).parts
        what = next(what for what, start in CACHE_PARTS.items() if inside[: len(start)] == start)
        for name in names:
            with suppress(OSError):
                sizes[what] += os.stat(os.path.join(place, name)).st_size
    return sizes


def _listed(names: list[str]) -> str:
    return ", ".join(names)
