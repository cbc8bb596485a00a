"""How much disk a run of the profile `paper` fills, and whether it is there, before it starts.

Kept are the encoder, a fine-tuned model of the same size for each training, and mMARCO's texts in
the form that they are drawn from. While a model trains, its checkpoints come on top: weights and
AdamW's two moments of each. Models that an earlier run left are not counted again. Not counted at
all are the tables of scores, some megabytes for each model, and token ids, a fraction of the texts.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.suite import checkpoints
from hbt.suite.checkpoints import PATH
from hbt.suite.recipe import Experiment, canonical, pretraining_stage
from hbt.suite.stages import cache_directory, fingerprint, plain, seal_of

if TYPE_CHECKING:
    from hbt.suite.profiles import Profile

GIGABYTE = 1e9
KEPT_CHECKPOINTS = 2
"""`hbt.training` keeps two, and the next is written before the older one goes."""
COPIES = 3  # in a checkpoint: the weights, and the two moments of AdamW


@dataclass(frozen=True)
class Need:
    """Room for something.

    Attributes:
        what: in a few words.
        folder: where it is written; perhaps not there yet.
        size: bytes.
    """

    what: str
    folder: Path
    size: int


@dataclass(frozen=True)
class Room:
    """What one file system has to take.

    Attributes:
        needs: what is written to it.
        free: bytes that are free.
    """

    needs: tuple[Need, ...]
    free: int

    @property
    def size(self) -> int:
        """Bytes that are needed."""
        return sum(need.size for need in self.needs)

    def __str__(self) -> str:
        """As a reader is told it: what is needed, for what, and what is found."""
        parts = "; ".join(
            f"{need.what}: {_text(need.size)} in {need.folder}" for need in self.needs
        )
        return f"{_text(self.size)} of disk are needed ({parts}), {_text(self.free)} are free"


def rooms(needs: Iterable[Need]) -> list[Room]:
    """The needs by file system, each with what is free there; without needs of nothing."""
    found: dict[int, list[Need]] = {}
    for need in needs:
        if need.size:
            found.setdefault(_existing(need.folder).stat().st_dev, []).append(need)
    return [
        Room(tuple(each), shutil.disk_usage(_existing(each[0].folder)).free)
        for each in found.values()
    ]


def needs(profile: Profile, experiments: Iterable[Experiment]) -> list[Need]:
    """What a run of these experiments writes, all with the encoder of the profile's base.

    Raises:
        ValueError: the encoder is neither on this machine nor does the hub say how large it is.
    """
    name = profile.base.encoder.kind.removeprefix(PATH)
    size = checkpoints.loaded_bytes(checkpoints.file_sizes(name))
    found = []
    if checkpoints.local_folder(name) is None:
        from huggingface_hub import constants

        found.append(Need(f"the encoder {name}", Path(constants.HF_HUB_CACHE), size))
    cache, number = cache_directory(), unfinished(profile.base, experiments)
    found.append(Need(f"{number} models", cache, number * size))
    if number and profile.base.training.checkpoint_every:
        what = "checkpoints of the model in training"
        found.append(Need(what, cache, (KEPT_CHECKPOINTS + 1) * COPIES * size))
    return [*found, _texts(profile)]


def unfinished(base: Experiment, experiments: Iterable[Experiment]) -> int:
    """How many models are still to be kept: one for each training, and the encoder they start from.

    Trainings count by all their settings but the steps, since how many some of them have is known
    only when the data are read.
    """
    distinct = {fingerprint([canonical(each.training), each.seed]): each for each in experiments}
    planned = Counter(_alike(canonical(each.training), each.seed) for each in distinct.values())
    if checkpoints.local_folder(base.encoder.kind.removeprefix(PATH)) is None:
        return 1 + planned.total()
    start = pretraining_stage(base, None)  # of a published encoder: whatever the world is
    finished: Counter[str] = Counter()
    for fields in _sealed("finetuning"):
        if fields["parent"] == start.key:
            finished[_alike(fields["training"], fields["seed"])] += 1
    return (not start.folder().is_dir()) + (planned - finished).total()


def _sealed(stage: str) -> Iterator[dict[str, Any]]:
    """The fields of the finished stages of a name; what has no readable seal is made anew."""
    for folder in (cache_directory() / stage).glob("*/"):
        if not folder.name.endswith(".partial"):
            with suppress(OSError, ValueError, KeyError):
                yield seal_of(folder)["fields"]


def _alike(training: object, seed: int) -> str:
    return fingerprint([{**plain(training), "steps": None}, seed])


def _texts(profile: Profile) -> Need:
    """The tables of mMARCO as arrow files, about as large; nothing once they are made."""
    from hbt.sources.arrow_texts import converted_name
    from hbt.sources.hub import data_home, locate
    from hbt.sources.mmarco import PAPER_LANGUAGES, mmarco_paths
    from hbt.sources.origins import MMARCO_ORIGIN

    world = profile.base.world
    folder = data_home() / "arrow"
    if world.training != "mmarco":
        return Need("texts", folder, 0)
    files = locate(MMARCO_ORIGIN, mmarco_paths(PAPER_LANGUAGES), world.data_dir)
    size = 0
    for path in files:
        made = (folder / converted_name(path, ending) for ending in (".arrow", ".i4"))
        size += 0 if any(each.is_file() for each in made) else path.stat().st_size
    return Need("mMARCO's texts", folder, size)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.resolve()
    return next(each for each in (folder, *folder.parents) if each.exists())


def _text(size: int) -> str:
    return f"{size / GIGABYTE:.1f} GB"
