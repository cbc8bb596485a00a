"""Published encoders: where a checkpoint lies on this machine, which one it is, and loading it.

A checkpoint has a short name of `hbt.models.MODELS`, a name on the hub, or a folder. What a stage
depends on is its version: the commit that the hub's cache holds, or the state of the folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from hbt.encoders import EncoderSettings
from hbt.models import MODELS, load_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PATH = "path:"  # what the kind of a loaded encoder begins with, see `EncoderSettings`
SECONDS = 10.0  # to wait for the hub's answer
_ON_THE_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def full_name(name: str) -> str:
    """The name on the hub for a short name; an absolute path for a folder; else as it is."""
    if name in MODELS:
        return MODELS[name].hub_id
    return str(Path(name).resolve()) if Path(name).is_dir() else name


def is_hub_name(name: str) -> bool:
    """Could this be "owner/name" on the hub?"""
    return _ON_THE_HUB.fullmatch(name) is not None


def local_folder(name: str) -> Path | None:
    """Where the checkpoint lies: its folder, or its newest one in the hub's cache; None if nowhere.

    Args:
        name: as `full_name` gives it.
    """
    folder = Path(name)
    if not folder.is_dir():
        if not is_hub_name(name):
            return None
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(name, "config.json")
        if not isinstance(found, str):  # never asked for, or known not to be there
            return None
        folder = Path(found).parent
    complete = (folder / "config.json").is_file() or (folder / "modules.json").is_file()
    return folder if complete and any(_weights(folder)) else None


def _weights(folder: Path) -> list[Path]:
    return [path for pattern in _WEIGHTS for path in folder.rglob(pattern)]


def version(name: str) -> str:
    """Which checkpoint it is: a commit of the hub, or the digest of a folder.

    The digest is of names, sizes and times of change: weights of gigabytes are not read for it.

    Raises:
        ValueError: it is not on this machine.
    """
    from hbt.suite.reuse import folder_digest

    folder = local_folder(name)
    if folder is None:
        raise ValueError(f"model {name} is neither a folder with weights nor in the hub's cache")
    return folder_digest(folder)[:20] if Path(name).is_dir() else folder.name


def file_sizes(name: str) -> dict[str, int]:
    """Path -> bytes of a checkpoint's files: those on this machine, else those of the hub.

    Args:
        name: as `full_name` gives it.

    Raises:
        ValueError: the hub would not give it now; the message says why in some words.
    """
    from huggingface_hub import HfApi, constants

    from hbt.sources.hub_errors import DownloadError, explain

    folder = local_folder(name)
    if folder is not None:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
    offline = (os.environ.get("HF_HUB_OFFLINE"), os.environ.get("TRANSFORMERS_OFFLINE"))
    if constants.HF_HUB_OFFLINE or "1" in offline:
        raise ValueError("HF_HUB_OFFLINE is set")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    try:
        found = api.model_info(name, timeout=SECONDS, files_metadata=True)
    except Exception as error:
        told = explain(error, "it")
        if not isinstance(told, DownloadError):
            raise
        raise ValueError(str(told)) from error
    return {each.rfilename: each.size or 0 for each in found.siblings or ()}


def loaded_bytes(sizes: Mapping[str, int]) -> int:
    """How much of a checkpoint is loaded: safetensors where there are any, else PyTorch's weights.

    A repository may hold its weights several times over, for other frameworks as well.
    """
    for pattern in _WEIGHTS:
        found = [size for path, size in sizes.items() if fnmatch(Path(path).name, pattern)]
        if found:
            return sum(found)
    return 0


def load_published(encoder: EncoderSettings) -> SentenceTransformer:
    """A checkpoint with the prefixes and the length of an encoder's settings.

    Its pooling is its own; that of a bare transformer is what `hbt.models` says.

    Raises:
        ValueError: it is not on this machine, or cannot be loaded.
    """
    name = encoder.kind.removeprefix(PATH)
    commit = None if Path(name).is_dir() else version(name)
    short = {model.hub_id: model.name for model in MODELS.values()}
    return load_model(
        short.get(name, name),
        revision=commit,
        query_prefix=encoder.query_prefix,
        passage_prefix=encoder.passage_prefix,
        max_length=encoder.max_length,
    )


def download(name: str) -> None:
    """Bring a model of the hub into its cache.

    Raises:
        ValueError: it cannot be loaded.
    """
    short = {model.hub_id: model.name for model in MODELS.values()}
    load_model(short.get(name, name))
