"""Token ids of training data of any size: made language by language, kept, and made once.

A small column stays in memory. A large one goes to files below the cache, which are read through
the page cache and shared: by the samplings and seeds that train on the same texts, by a run that
is resumed, by the processes of one run. The one that comes first writes, the others wait for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from tqdm import tqdm

from hbt.corpus import CorpusError
from hbt.sources.hub import data_home
from hbt.tokens import Tokens, distinct, id_chunks, prompt, reader, tokenise
from hbt.whole_files import made_once

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

IN_MEMORY = 2**15  # texts of a column that stays in memory, at most
_KEEP = 2**26  # bytes of token ids in memory that are kept for the next training
_kept: dict[str, Tokens] = {}


def tokenise_columns(
    model: SentenceTransformer,
    columns: Mapping[str, Sequence[str | None]],
    role: str,
    progress: bool = False,
) -> list[Tokens]:
    """The texts of each column as token ids, see `hbt.tokens.tokenise`.

    Ids are found again by the texts, the tokenizer, the prefix and the versions of the libraries.

    Args:
        model: whose tokenizer and prefix apply.
        columns: language -> texts.
        role: "query" or "passage".
        progress: draw a progress line on stderr for each column that goes to a file.

    Raises:
        CorpusError: a file cannot be written, or is broken.
        ValueError: the model cannot be tokenised for.
    """
    reading = _reading(model, role)
    found = []
    for language, texts in columns.items():
        if len(texts) > IN_MEMORY:
            line = f"token ids, {language} {role}" if progress else None
            found.append(_filed(model, texts, role, reading, line))
        else:
            found.append(_remembered(model, texts, role, reading))
    return found


def _reading(model: SentenceTransformer, role: str) -> bytes:
    """All but the texts that ids depend on."""
    import tokenizers
    import transformers

    tokenizer = model[0].tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    state = json.loads(backend.to_str())
    if backend is not tokenizer:  # these change when it is used; the model's length counts
        state |= {"truncation": getattr(tokenizer, "truncation_side", None), "padding": None}
    rest = [model.max_seq_length, prompt(model, role)]
    versions = [tokenizers.__version__, transformers.__version__]
    return json.dumps([state, rest, versions], sort_keys=True).encode()


def _key(reading: bytes, different: Sequence[str | None], text: np.ndarray) -> str:
    total = hashlib.sha256(reading)
    for each in different:
        total.update(b"\x1f" + (each or "").encode())
    total.update(b"\x1d" + np.ascontiguousarray(text, dtype="<i4").tobytes())
    return total.hexdigest()


def _remembered(
    model: SentenceTransformer, texts: Sequence[str | None], role: str, reading: bytes
) -> Tokens:
    """A column in memory, perhaps from a training before.

    Samplings, seeds and sets of languages are compared on the same texts in one process.
    """
    key = _key(reading, *distinct(texts))
    tokens = _kept.pop(key) if key in _kept else tokenise(model, texts, role)
    _kept[key] = tokens  # now the one used last
    while sum(each.ids.nbytes + each.text.nbytes for each in _kept.values()) > _KEEP:
        del _kept[next(iter(_kept))]
    return tokens


def _filed(
    model: SentenceTransformer,
    texts: Sequence[str | None],
    role: str,
    reading: bytes,
    line: str | None,
) -> Tokens:
    """A column on disk."""
    different, text = distinct(texts)
    path = data_home() / "tokens" / _key(reading, different, text)

    def make(partial: Path) -> None:
        bar = tqdm(desc=line, total=len(different), unit=" texts", disable=line is None)
        with bar, partial.open("wb") as stream:
            _write(stream, id_chunks(model, different, role), text, bar)

    ids, bounds, text = _mapped(made_once(path, make))
    return Tokens(ids, bounds, text, reader(model)[1])


def _write(
    stream: BinaryIO,
    chunks: Iterable[tuple[np.ndarray, np.ndarray]],
    text: np.ndarray,
    bar: tqdm,
) -> None:
    """Ids and `text` as int32, filled up to 8 bytes; bounds, sizes of ids and `text` as int64."""
    lengths = [np.zeros(1, np.int64)]
    for ids, length in chunks:
        stream.write(ids.astype("<i4", copy=False).tobytes())
        lengths.append(length)
        bar.update(len(length))
    bounds = np.cumsum(np.concatenate(lengths))
    stream.write(text.astype("<i4", copy=False).tobytes())
    stream.write(bytes(-stream.tell() % 8))
    stream.write(np.append(bounds, [bounds[-1], len(text)]).astype("<i8").tobytes())


def _mapped(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, bounds and `text` of a file, memory-mapped.

    Raises:
        CorpusError: the file is broken.
    """
    whole = np.asarray(np.memmap(path, "u1", "r")) if path.stat().st_size else np.zeros(0, "u1")
    n_ids, n_text = whole[-16:].view("<i8") if len(whole) % 8 == 0 and len(whole) else (0, -1)
    middle = 4 * (n_ids + n_text)
    bounds = whole[middle + -middle % 8 : -16].view("<i8") if 0 <= n_text <= len(whole) else []
    if not len(bounds) or bounds[0] != 0 or bounds[-1] != n_ids:
        raise CorpusError(f"{path} is broken: remove it, and it is made again")
    numbers = whole[:middle].view("<i4")
    return numbers[:n_ids], bounds, numbers[n_ids:]
