"""Writing shards of embeddings, also from texts that do not fit in memory; resumable.

What is read again is in `hbt.shards`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hbt.counting import tie_ids
from hbt.shards import (
    DTYPES,
    FORMAT,
    INDEX,
    FileShard,
    digest_of_ids,
    open_shards,
    read_index,
)
from hbt.whole_files import new_file, write_text

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_TEXTS = 8192  # encoded between two moves of the progress line


def add_shard(
    folder: str | Path,
    embeddings: np.ndarray,
    ids: Sequence[str] | None = None,
    *,
    dtype: str = "float16",
    about: dict[str, Any] | None = None,
    source_sha256: str = "",
) -> FileShard:
    """Write one more shard; files first, then the index, each by renaming a finished file.

    Args:
        folder: made if it is not there.
        embeddings: array (n_rows, dimension).
        ids: names of the rows, without line breaks.
        dtype: one of `DTYPES`, what is written.
        about: facts that must be the same for all shards of the folder, kept in its index.
        source_sha256: of what was encoded, if it should be known later.

    Raises:
        ValueError: embeddings are empty or not finite in that type, a name is doubled or has a
            line break, or the folder's other shards have another dimension, type or `about`.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, not one of {', '.join(DTYPES)}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    new = {"format": FORMAT, "about": about or {}, "shards": []}
    index = read_index(folder) if (folder / INDEX).exists() else new
    if index["about"] != new["about"]:
        raise ValueError(f"{folder} holds shards of {index['about']}, not of {new['about']}")
    with np.errstate(over="ignore"):  # what float16 cannot hold is found below
        values = np.ascontiguousarray(embeddings, dtype=dtype)
    name = f"{len(index['shards']):05d}"
    _check_new(folder, index["shards"], values, ids)
    entry = {
        "name": name,
        "n_rows": len(values),
        "dimension": values.shape[1],
        "dtype": dtype,
        "sha256": hashlib.sha256(values).hexdigest(),
        "ids_sha256": digest_of_ids(ids),
        "source_sha256": source_sha256,
    }
    with new_file(folder / f"{name}.npy") as partial, partial.open("wb") as stream:
        np.save(stream, values)
    if ids is not None:
        write_text(folder / f"{name}.ids.txt", "".join(f"{one}\n" for one in ids))
    index["shards"].append(entry)
    write_text(folder / INDEX, json.dumps(index, indent=1, ensure_ascii=False) + "\n")
    return FileShard(folder, **entry)


def _check_new(
    folder: Path, shards: list[dict[str, Any]], values: np.ndarray, ids: Sequence[str] | None
) -> None:
    if values.ndim != 2 or not values.size:
        raise ValueError(f"embeddings have shape {values.shape}; (rows, dimension) is needed")
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"row {int(np.argmin(finite))} of the embeddings is not finite as {values.dtype}"
        )
    for field, value in (("dimension", values.shape[1]), ("dtype", values.dtype.name)):
        if shards and shards[0][field] != value:
            raise ValueError(f"{folder} has shards of {field} {shards[0][field]}, not {value}")
    if shards and bool(shards[0]["ids_sha256"]) != (ids is not None):
        raise ValueError(f"{folder}: all shards have ids, or none")
    if ids is None:
        return
    if len(ids) != len(values):
        raise ValueError(f"there are {len(ids)} ids for {len(values)} embeddings")
    broken = next((name for name in ids if "\n" in name or "\r" in name), None)
    if broken is not None:
        raise ValueError(f"the id {broken!r} has a line break")
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        doubled = next(name for name in ids if name in seen or seen.add(name))
        raise ValueError(f"the id {doubled!r} occurs twice")


def encode_to_shards(
    model: SentenceTransformer,
    texts: Iterable[tuple[str, str]],
    folder: str | Path,
    *,
    role: str = "passage",
    shard_rows: int = 100_000,
    dtype: str = "float16",
    batch_size: int = 128,
    progress: str | None = None,
    total: int | None = None,
) -> list[FileShard]:
    """Encode a corpus of any size; what a stopped run has written is not encoded again.

    Memory: the model, the texts, tokens and embeddings of one shard, and eight bytes per passage
    (to find doubled ids).

    Args:
        model: as for `hbt.encoders.encode`.
        texts: (id, text) pairs, read once and in the same order at every call.
        folder: of the shards; after a stop, the one of before.
        role: "passage" or "query".
        shard_rows: passages in a shard, and what a stop costs at most.
        dtype: of the files, see `hbt.shards.DTYPES`. float16 halves them; a component of a unit
            vector moves by 0.0005 of itself at most.
        batch_size: as for `hbt.encoders.encode`.
        progress: names a progress line on stderr, in passages.
        total: number of passages, where known, for that line.

    Returns:
        All shards of the folder.

    Raises:
        ValueError: the folder's shards are of other texts, another model or other settings, or an
            id occurs twice; shards written before stay.
    """
    from tqdm import tqdm

    from hbt.encoders import encode

    if shard_rows < 1:
        raise ValueError(f"shard_rows is {shard_rows}; it begins at 1")
    folder = Path(folder)
    about: dict[str, Any] = {
        "model": model_digest(model),
        "role": role,
        "shard_rows": shard_rows,
        "dtype": dtype,
    }
    done: list[FileShard] = []
    if (folder / INDEX).exists():
        _check_about(folder, about)
        done = open_shards(folder)
    keys, pairs, number = np.zeros(0, dtype=np.uint64), iter(texts), 0
    with tqdm(total=total, desc=progress, unit=" passages", disable=progress is None) as bar:
        while part := list(itertools.islice(pairs, shard_rows)):
            ids = [name for name, _ in part]
            keys = _with_new_keys(keys, ids)
            source = _digest_of_texts(part)
            if number >= len(done):
                values = []
                for start in range(0, len(part), _TEXTS):
                    some = [text for _, text in part[start : start + _TEXTS]]
                    values.append(encode(model, some, role, batch_size))
                    bar.update(len(some))
                values = np.concatenate(values)
                add_shard(folder, values, ids, dtype=dtype, about=about, source_sha256=source)
            elif done[number].source_sha256 != source:
                raise ValueError(f"{done[number].file} is of other texts than these")
            else:
                bar.update(len(part))
            number += 1
    if number < len(done):
        raise ValueError(f"{folder} has {len(done)} shards; these texts fill {number}")
    if not number:
        raise ValueError("there are no texts to encode")
    return open_shards(folder)


def model_digest(model: SentenceTransformer) -> str:
    """sha256 of all weights, of the prompts and of the length at which texts are cut."""
    import torch

    total = hashlib.sha256(repr((sorted(model.prompts.items()), model.max_seq_length)).encode())
    for name, values in sorted(model.state_dict().items()):
        total.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        total.update(values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return total.hexdigest()


def _check_about(folder: Path, about: dict[str, Any]) -> None:
    before = read_index(folder)["about"]
    for field, value in about.items():
        if before.get(field) != value:
            raise ValueError(
                f"{folder} has shards of another {field} ({before.get(field)!r}, now {value!r}); "
                "go on with the same or take another folder"
            )


def _digest_of_texts(pairs: Sequence[tuple[str, str]]) -> str:
    total = hashlib.sha256()
    for name, text in pairs:
        total.update(f"{name}\x1f{text}\x1d".encode())
    return total.hexdigest()


def _with_new_keys(keys: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    """The sorted keys of all ids so far, as uint64; raises if an id was there already."""
    new = np.array([int(name, 16) for name in tie_ids(ids)], dtype=np.uint64)
    at = np.minimum(np.searchsorted(keys, new), max(len(keys) - 1, 0))
    old = keys[at] == new if len(keys) else np.zeros(len(new), dtype=bool)
    if old.any():
        raise ValueError(f"the id {ids[int(np.argmax(old))]!r} occurs twice in the texts")
    return np.sort(np.concatenate([keys, new]), kind="stable")
