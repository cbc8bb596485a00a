"""What the profile `paper` needs, and what of it is missing: found before anything heavy starts.

A notebook that cannot run says so in its first cell, in a list with a remedy for each point, and
stops there. That is no failure of the notebook: the strict runner calls it "not run". `hbt results`
says the same in one sentence.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hbt.suite.disk_space import Room

PAPER_NOTEBOOKS = ("02_baseline_training", "03_hybrid_batching", "05_bias_analysis")
SETS = ("xquad-r", "mlqa-r")
OTHERS = "smoke, classroom or full"


@dataclass(frozen=True)
class Missing:
    """Something that is not there.

    Attributes:
        what: what is missing, in a few words.
        remedy: how to get it.
    """

    what: str
    remedy: str


class NotReadyError(Exception):
    """Something does not run at this profile, here; the message is one sentence with the reasons.

    Attributes:
        missing: what it lacks.
    """

    def __init__(self, missing: list[Missing]) -> None:
        super().__init__("; ".join(f"{each.what} ({each.remedy})" for each in missing))
        self.missing = missing

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback: the cell has already said everything."""
        return [f"{type(self).__name__}: the notebook stops here, see the list above"]


def require_paper(notebook: str, data: str, data_dir: str) -> None:
    """Stop a notebook where the profile `paper` cannot run; print what is missing, and a remedy.

    A model that is not on this machine yet is downloaded.

    Args:
        notebook: its name.
        data: as `hbt.suite.session.begin` got it.
        data_dir: as well.

    Raises:
        NotReadyError: something is missing; nothing was written.
    """
    try:
        if notebook not in PAPER_NOTEBOOKS:
            numbers = ", ".join(name[:2] for name in PAPER_NOTEBOOKS)
            remedy = f"take {OTHERS}; paper is for {numbers}"
            raise NotReadyError([Missing("it has no profile paper", remedy)])
        for line in prepare_paper(data, data_dir, notebook):
            print(line)
    except NotReadyError as error:
        print(f"{notebook} does not run at the profile paper here. It needs:")
        for each in error.missing:
            print(f"- {each.what}: {each.remedy}")
        print(f"Nothing was written. The profiles {OTHERS} run without all this.", flush=True)
        raise


def prepare_paper(data: str, data_dir: str, task: str) -> list[str]:
    """See to it that all is there that the profile `paper` needs; a model is downloaded.

    Returns how much disk will be filled, and how much is free, as a sentence for each file system.

    Args:
        data: "village" or "real".
        data_dir: the folder of real text, or "".
        task: a notebook's name, or `hbt.suite.paper_profile.RESULTS`.

    Raises:
        NotReadyError: something is missing; nothing was written.
    """
    from hbt.suite import checkpoints
    from hbt.suite.paper_profile import chosen_encoder

    encoder = chosen_encoder()
    missing = find_missing(data, data_dir, encoder, task)
    if not missing and checkpoints.local_folder(encoder) is None:
        print(f"{encoder} is downloaded into the hub's cache", file=sys.stderr, flush=True)
        try:
            checkpoints.download(encoder)
        except ValueError as error:
            missing = [Missing(str(error), "run it again when the cause is gone")]
    if missing:
        raise NotReadyError(missing)
    return [str(room) for room in _rooms(data_dir, task)]


def find_missing(data: str, data_dir: str, encoder: str, task: str) -> list[Missing]:
    """What is lacking to run at the profile `paper`; empty when it can.

    Args:
        data: "village" or "real".
        data_dir: the folder of real text, or "".
        encoder: name on the hub, or folder.
        task: as in `prepare_paper`.
    """
    device, *rest = (_no_device(), _no_model(encoder), *_no_data(data, data_dir))
    if not any(rest):
        rest = _no_room(data_dir, task)  # how much is needed is known when the rest is there
    return [each for each in (device, *rest) if each is not None]


def _no_device() -> Missing | None:
    import torch

    if not torch.cuda.is_available():
        remedy = f"an NVIDIA card and a build of torch with CUDA; this is torch {torch.__version__}"
        return Missing("a GPU: torch finds no CUDA device", remedy)
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        name = torch.cuda.get_device_name()
        return Missing(f"bfloat16, which {name} cannot compute in", "a card of Ampere or later")
    return None


def _no_model(encoder: str) -> Missing | None:
    from hbt.suite.checkpoints import file_sizes, is_hub_name, local_folder
    from hbt.suite.paper_profile import ENCODER_VARIABLE

    other = f"or name a folder that holds it in {ENCODER_VARIABLE}"
    if local_folder(encoder) is not None:
        return None
    if Path(encoder).is_dir():
        return Missing(f"a model: {encoder} has no config.json with weights", "name its own folder")
    if not is_hub_name(encoder):
        return Missing(
            f"a model: {encoder!r} is no short name, no owner/name and no folder",
            f"set {ENCODER_VARIABLE} to one, or leave it empty",
        )
    try:
        file_sizes(encoder)
    except ValueError as fault:
        return Missing(
            f"the model {encoder}: it is not in the hub's cache, and {fault}",
            f"run `hf download {encoder}` where there is a network, {other}",
        )
    return None


def _no_data(data: str, data_dir: str) -> list[Missing | None]:
    fetch = "; ".join(f"hbt data fetch {name} --out DIR" for name in SETS)
    if data != "real" or not data_dir:
        what = f"real text: data is {data!r}" if data != "real" else "real text: data_dir is empty"
        return [Missing(what, f"data 'real', and data_dir DIR with {', '.join(SETS)} ({fetch})")]
    if not Path(data_dir).is_dir():
        return [Missing(f"real text: data_dir {data_dir!r} is no folder", f"make it: {fetch}")]
    return [*(_no_lareqa(Path(data_dir) / name) for name in SETS), _no_mmarco(data_dir)]


def _no_lareqa(folder: Path) -> Missing | None:
    from hbt.sources import MLQA_R, XQUAD_R
    from hbt.sources.files import plain_or_gzip

    languages = {each.folder: each.counts for each in (XQUAD_R, MLQA_R)}[folder.name]
    for language in languages:
        if plain_or_gzip(folder / f"{language}.json") is None:
            remedy = f"hbt data fetch {folder.name} --out {folder.parent}"
            return Missing(f"{folder.name}: {folder} has no {language}.json", remedy)
    return None


def _no_mmarco(data_dir: str) -> Missing | None:
    """A folder mmarco that is there must be whole: what is trained on must not be a surprise."""
    from hbt.corpus import CorpusError
    from hbt.sources.hub import locate
    from hbt.sources.mmarco import PAPER_LANGUAGES, mmarco_paths
    from hbt.sources.origins import MMARCO_ORIGIN
    from hbt.suite.paper_profile import training_data

    if training_data(data_dir) != "mmarco":
        return None
    try:
        locate(MMARCO_ORIGIN, mmarco_paths(PAPER_LANGUAGES), data_dir)
    except CorpusError as error:
        languages = " ".join(PAPER_LANGUAGES)
        fetch = f"hbt data fetch mmarco --languages {languages} --out {data_dir}"
        return Missing(str(error), f"{fetch}, or take the folder mmarco away to train on MLQA-R")
    return None


def _no_room(data_dir: str, task: str) -> list[Missing]:
    remedy = "free some, or name another folder in HBT_CACHE_DIR (models) or HF_HOME (the encoder)"
    return [
        Missing(f"disk space: {room}", remedy)
        for room in _rooms(data_dir, task)
        if room.size > room.free
    ]


def _rooms(data_dir: str, task: str) -> list[Room]:
    from hbt.suite.disk_space import needs, rooms
    from hbt.suite.paper_profile import planned
    from hbt.suite.profiles import profile_settings

    profile = profile_settings("paper", "real", data_dir)
    return rooms(needs(profile, planned(profile, task)))
