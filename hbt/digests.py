"""Digests of content: the same texts and numbers give the same sha256 on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np


def content_digest(
    languages: Sequence[str],
    names: Sequence[str],
    arrays: Iterable[np.ndarray],
    texts: Iterable[str],
) -> str:
    """sha256 of whole numbers and texts in their order, as 64 hexadecimal digits.

    Args:
        languages: language codes.
        names: names of sources, or nothing.
        arrays: whole numbers; read as little-endian int64.
        texts: texts; a missing one is the empty text.
    """
    total = hashlib.sha256()
    for part in (*languages, "\x1d", *names, "\x1d"):
        total.update(part.encode() + b"\x1f")
    for array in arrays:
        total.update(np.ascontiguousarray(array, dtype="<i8").tobytes() + b"\x1d")
    for text in texts:
        total.update(text.encode() + b"\x1f")
    return total.hexdigest()
