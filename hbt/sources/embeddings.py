"""Embeddings of a benchmark from an .npz file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from hbt.corpus import Benchmark, CorpusError

NAMES = ("query_embeddings", "passage_embeddings")


def read_embeddings(path: str | Path, benchmark: Benchmark) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of queries and passages, rows in the order of `hbt.sources.id_lines`.

    Args:
        path: an .npz file with `query_embeddings` (n_queries, dimension) and `passage_embeddings`
            (n_passages, dimension), of numbers.
        benchmark: what they are of.

    Raises:
        CorpusError: the file is missing, cut off or no .npz, lacks one of the two, or their
            shapes or values cannot be.
    """
    path = Path(path)
    arrays = []
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                raise CorpusError(f"{path} is no .npz file with {' and '.join(NAMES)}")
            for name in NAMES:
                if name not in found.files:
                    names = ", ".join(found.files) or "nothing"
                    raise CorpusError(f"{path} has no {name}, only {names}")
                arrays.append(found[name])
    except CorpusError:
        raise
    except OSError as error:
        reason = error.strerror or "it is cut off or no .npz file"
        raise CorpusError(f"{path} cannot be read ({reason})") from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise CorpusError(f"{path} is cut off or no .npz file of numbers ({error})") from None
    sizes = (len(benchmark.query_texts), len(benchmark.passage_texts))
    for name, array, size in zip(NAMES, arrays, sizes, strict=True):
        _check(f"{path}: {name}", array, size)
    if arrays[0].shape[1] != arrays[1].shape[1]:
        raise CorpusError(
            f"{path}: query_embeddings have dimension {arrays[0].shape[1]}, "
            f"passage_embeddings {arrays[1].shape[1]}"
        )
    return arrays[0], arrays[1]


def _check(place: str, array: np.ndarray, size: int) -> None:
    if array.dtype.kind not in "fiu":
        raise CorpusError(f"{place} holds {array.dtype}, not numbers")
    if array.ndim != 2 or not array.shape[1]:
        raise CorpusError(f"{place} has shape {array.shape}; ({size}, dimension) is needed")
    if len(array) != size:
        raise CorpusError(f"{place} has {len(array)} rows; the benchmark has {size}")
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argmin(finite.all(axis=1)))
        value = array[row, int(np.argmin(finite[row]))]
        raise CorpusError(f"{place} has the value {value} in row {row}")
