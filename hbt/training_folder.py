"""The folder of a training: what it is a training of, and what its plan draws from."""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from hbt.layout import ItemLayout
from hbt.training_log import LOG, STEPS, write_json

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MODEL = "model"
CHECKPOINTS = "checkpoints"
SETTINGS = "settings.json"
LAYOUT = "layout.npz"
_ARRAYS = ("group_size", "group_source", "group_has", "passage_id", "order")
_NAMES = ("languages", "source_names")


def weights_digest(model: SentenceTransformer) -> str:
    """sha256 of all weights; training that is taken up again must start from the same ones."""
    total = hashlib.sha256()
    for name, values in model.state_dict().items():
        total.update(name.encode())
        total.update(values.detach().cpu().float().contiguous().numpy())  # not copied
    return total.hexdigest()


def claim(
    folder: Path,
    identity: dict[str, Any],
    resume: bool,
    defaults: dict[str, Any] | None = None,
) -> None:
    """Make the folder ready for this training; refuse to continue another one.

    Args:
        folder: of the training.
        identity: all that the training depends on, plain values.
        resume: continue what is there.
        defaults: what settings that an older folder does not name were at that time.

    Raises:
        ValueError: the folder holds a training whose identity differs.
    """
    if not resume and folder.exists():
        for name in (LOG, STEPS, SETTINGS, LAYOUT):
            (folder / name).unlink(missing_ok=True)
        for name in (MODEL, CHECKPOINTS):
            shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / SETTINGS).exists():
        before = _flat(defaults or {})
        held = _flat(json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
        for name, value in _flat(json.loads(json.dumps(identity))).items():
            found = held.get(name, before.get(name))
            if found != value:
                raise ValueError(
                    f"{folder} holds a training with {name} {found!r}, not {value!r}: "
                    "take another folder, or begin anew with resume=False"
                )
        return
    write_json(folder / SETTINGS, identity)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in values.items():
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def write_layout(layout: ItemLayout, folder: Path) -> None:
    """Keep what the plan draws from, whole or not at all, so that a run can be replayed alone."""
    partial = folder / f"{LAYOUT}.partial"
    arrays = {name: getattr(layout, name) for name in _ARRAYS}
    names = {name: np.array(getattr(layout, name), dtype=np.str_) for name in _NAMES}
    with partial.open("wb") as stream:
        held = {name: array for name, array in arrays.items() if array is not None}
        np.savez_compressed(stream, **held, **names)
    partial.replace(folder / LAYOUT)


def read_layout(folder: Path) -> ItemLayout:
    """The layout that `write_layout` left.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    path = folder / LAYOUT
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            arrays = {name: held.get(name) for name in _ARRAYS}
            names = {name: tuple(held[name].tolist()) for name in _NAMES}
            return ItemLayout(**arrays, **names)
    except FileNotFoundError as error:
        raise ValueError(
            f"{path} is missing: an older version wrote this run and kept no layout"
        ) from error
    except (OSError, ValueError, KeyError, AttributeError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read ({error})") from error
