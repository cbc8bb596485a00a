"""The session of a notebook: where it writes, what it records, how it shows a figure.

    session = begin("01_data_preparation", profile=profile, seed=seed, data=data,
                    data_dir=data_dir, out_dir=out_dir)
    session.record("n_items", 400)
    session.show(figure, "lengths", alt="Histogram of passage lengths: most have 5 to 9 words.")
    session.finish()

Results that a text, a test or a table uses are recorded, one JSON line each, never read off a
picture. A figure reaches the cell whatever backend matplotlib was given: `MPLBACKEND=Agg` in the
environment would otherwise drop every one of them without a word.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.suite import display
from hbt.whole_files import new_file, write_text

if TYPE_CHECKING:
    import pandas as pd

    from hbt.suite.profiles import Profile
    from hbt.suite.worlds import World

PROFILES = ("smoke", "classroom", "full", "paper")
DATA = ("village", "real")
RECORDS_FILE = "records.jsonl"
LONGEST_LIST = 64
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.@-]*")


def begin(
    notebook: str,
    *,
    profile: str = "classroom",
    seed: int = 0,
    data: str = "village",
    data_dir: str = "",
    out_dir: str = "",
) -> Session:
    """Open the session of a notebook; called once, after its parameters.

    Args:
        notebook: its name, such as "01_data_preparation".
        profile: one of PROFILES.
        seed: a whole number from 0.
        data: one of DATA.
        data_dir: folder with the real data; needed where data is "real".
        out_dir: folder to write to, made if missing; "" means runs/NAME in the current folder.

    Raises:
        ValueError: an argument is none of its values; the message names it.
        NotReadyError: the profile is `paper`, and something that it needs is not here; what, and
            how to get it, has been printed, and nothing was written.
    """
    if profile not in PROFILES:
        raise ValueError(f"{notebook}: profile {profile!r} is not one of {', '.join(PROFILES)}")
    if data not in DATA:
        raise ValueError(f"{notebook}: data {data!r} is not one of {', '.join(DATA)}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"{notebook}: seed must be a whole number from 0, not {seed!r}")
    if profile == "paper":
        from hbt.suite.requirements import require_paper

        require_paper(notebook, data, data_dir)
    if data == "real" and not Path(data_dir or "?").is_dir():
        raise ValueError(f"{notebook}: data is 'real' but data_dir {data_dir!r} is no folder")
    if profile in ("smoke", "classroom"):
        _share_the_machine()
    from hbt.suite import plots

    plots.set_style()
    folder = Path(out_dir or Path("runs") / notebook)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    (folder / RECORDS_FILE).write_text("", encoding="utf-8")
    session = Session(notebook, profile, seed, data, data_dir, folder)
    if profile == "paper":
        from hbt.suite.paper_profile import announcement

        print(announcement(session.settings))
    return session


def _share_the_machine() -> None:
    """One thread for the small encoders, unless the environment says otherwise.

    More gain little on such small matrices, and they wait for each other in turns: beside another
    busy process on two cores, a training with two threads took sixteen times as long.
    """
    if not {"torch", "numpy"} & set(sys.modules):  # they read it when they are imported
        os.environ.setdefault("OMP_NUM_THREADS", "1")


class Session:
    """What a notebook needs beside its own code; made by `begin`.

    Attributes:
        notebook, profile, seed, data, data_dir: as given to `begin`.
        out_dir: the folder that it writes to.
    """

    def __init__(
        self, notebook: str, profile: str, seed: int, data: str, data_dir: str, out_dir: Path
    ) -> None:
        self.notebook = notebook
        self.profile = profile
        self.seed = seed
        self.data = data
        self.data_dir = data_dir
        self.out_dir = out_dir
        self._records: dict[str, dict[str, Any]] = {}
        self._written_by: dict[str, object] = {}  # record or figure -> cell execution
        self._figures: dict[str, str] = {}  # name -> alt text
        self._started = time.perf_counter()

    @functools.cached_property
    def settings(self) -> Profile:
        """The profile's numbers: sizes, seeds, sweeps, and the experiments of this run."""
        from hbt.suite.profiles import profile_settings

        return profile_settings(self.profile, self.data, self.data_dir, self.seed)

    @functools.cached_property
    def world(self) -> World:
        """The data of this run, the village or real text, with one interface for both."""
        from hbt.suite.worlds import load_world

        return load_world(self.settings.base.world)

    def record(self, name: str, value: Any, **labels: Any) -> None:
        """Write one JSON line to records.jsonl: name, value and labels.

        Running a cell again replaces what it recorded before.

        Args:
            name: a word such as "mAP" or "loss_at_start".
            value: a finite number, a text, or a short list of these (numpy's are fine).
            labels: what tells values of one name apart, such as sampling="hybrid".

        Raises:
            ValueError: the value or a label is none of these, or the same name and labels are
                recorded twice by one cell.
        """
        _check_name("record", name)
        line = {"name": name, "value": _plain(value, f"record {name!r}")}
        for label, text in labels.items():
            line[label] = _plain(text, f"label {label!r} of record {name!r}")
        key = json.dumps({**line, "value": None}, sort_keys=True)
        self._once(f"record {key}", f"record {name!r} is written twice by one cell: add a label")
        self._records[key] = line
        lines = (json.dumps(each, ensure_ascii=False) for each in self._records.values())
        write_text(self.out_dir / RECORDS_FILE, "".join(f"{each}\n" for each in lines))

    def show(self, figure: Any, name: str, alt: str) -> None:
        """Save a figure as figures/NAME.png, display it with its alt text, and close it.

        Args:
            figure: a matplotlib figure, or an object that has one (`Axes`, seaborn's grids).
            name: a word in small letters, the file's name.
            alt: what a reader who cannot see the figure should know: kind of chart, axes, what
                it shows.

        Raises:
            ValueError: the alt text is empty, or one cell shows two figures of one name.
        """
        _check_name("figure", name)
        if not isinstance(alt, str) or not alt.strip():
            raise ValueError(f"figure {name!r} needs alt text: say what it shows")
        self._once(f"figure {name}", f"figure {name!r} is shown twice by one cell")
        figure = figure if hasattr(figure, "savefig") else figure.figure
        figure = getattr(figure, "figure", figure)
        path = self.out_dir / "figures" / f"{name}.png"
        with new_file(path) as partial:
            figure.savefig(
                partial,
                format="png",
                dpi=display.PIXELS_PER_INCH,
                bbox_inches="tight",
                metadata={"Software": None},  # the same figure gives the same bytes
            )
        _close(figure)
        self._figures[name] = alt
        display.show_image(path.read_bytes(), name, " ".join(alt.split()))

    def table(self, dataframe: pd.DataFrame, name: str = "", caption: str = "") -> None:
        """Display a data frame without its index; with a name, save it as tables/NAME.csv too."""
        if name:
            _check_name("table", name)
            (self.out_dir / "tables").mkdir(exist_ok=True)
            dataframe.to_csv(self.out_dir / "tables" / f"{name}.csv", index=False)
        display.show_table(dataframe, caption)

    def finish(self) -> None:
        """Print what was recorded and the seconds since `begin`."""
        seconds = time.perf_counter() - self._started
        print(
            f"{self.notebook} ({self.profile}, {self.data}) took {seconds:.1f} s; "
            f"figures: {len(self._figures)}, records: {len(self._records)}"
        )
        for line in self._records.values():
            print("  " + display.record_text(line))

    def _once(self, key: str, fault: str) -> None:
        """Refuse a second write of one name by the same execution of a cell."""
        cell = _cell_execution()
        if key in self._written_by and self._written_by[key] == cell:
            raise ValueError(fault)
        self._written_by[key] = cell


def _check_name(kind: str, name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{kind} {name!r}: a name is one word of letters, digits and _ . @ -")


def _plain(value: Any, what: str) -> Any:
    """A value as JSON can hold it."""
    if hasattr(value, "tolist"):  # numpy's and torch's scalars and arrays
        value = value.tolist()
    if isinstance(value, list | tuple):
        if len(value) > LONGEST_LIST:
            raise ValueError(f"{what} has {len(value)} values, more than {LONGEST_LIST}")
        if any(isinstance(each, list | tuple) for each in value):
            raise ValueError(f"{what} is a list of lists: record its numbers one by one")
        return [_plain(each, what) for each in value]
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"{what} must be a number, a text or a list, not {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} is {value}: only finite numbers are recorded")
    return value


def _cell_execution() -> object:
    """Which execution of which cell this is; None outside of a notebook."""
    shell = display.shell()
    return shell.execution_count if shell else None


def _close(figure: Any) -> None:
    """Without this the inline backend shows the figure once more at the end of the cell."""
    import matplotlib.pyplot as plt

    plt.close(figure)
