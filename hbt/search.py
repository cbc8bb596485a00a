"""Exact top-k over a pool that does not fit in memory, streamed in shards; resumable.

**Score.** The score of a query and a passage is their inner product, added up in float64 and then
rounded to float32. It depends on the two vectors alone. So neither the size of blocks or shards,
nor the number of threads, nor the device or the library that multiplies can change a result, and
equal embeddings always tie. (A float32 product does not have this property, see `hbt.products`:
its last bits depend on the shape of the blocks.)

**Search.** Computing all scores in that way would take far too long. A float32 product of each
block finds the candidates, which are all passages within the product's proven error of the k-th
score so far (see `hbt.near`), and only they are scored. So the result equals a full sort by score.

**Ties** are in the order of trec_eval on the names of `hbt.counting.tie_ids`; passages without
names are in their own order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hbt.best import Best, Progress
from hbt.counting import tie_ids
from hbt.near import Finder, NotFiniteError, finder
from hbt.products import checked, full_precision
from hbt.shards import Shard, as_shards

BLOCK_ROWS = 2**15
"""Passages in one product; with 1,024 queries its scores take 128 MiB."""

SAVE_ROWS = 2**18
"""Passages after which the state is written."""

_PAIRS = 1024  # scored at a time: some megabytes, which a processor's cache can hold


@dataclass(frozen=True)
class TopK:
    """The first k passages of every query, best first.

    Attributes:
        passage: int64 array (n_queries, k), rows of the pool, counted over all shards.
        score: float32 array (n_queries, k).
        ids: the names of those passages, a list per query; None if the pool has no names.
    """

    passage: np.ndarray
    score: np.ndarray
    ids: list[list[str]] | None = None


def top_k(
    queries: np.ndarray,
    pool: str | Path | Iterable[Any],
    k: int = 100,
    *,
    ids: Sequence[str] | None = None,
    state: str | Path | None = None,
    device: str | None = None,
    backend: str = "torch",
    block_rows: int = BLOCK_ROWS,
    save_rows: int = SAVE_ROWS,
    progress: str | None = None,
) -> TopK:
    """The first k passages of every query, equal to a full sort.

    Memory: about queries x (dimension x 4 + k x 100) bytes, one block of passages as stored and as
    float32, its scores for at most 1,024 queries, and the names of one shard. It does not grow with
    the pool.

    Args:
        queries: array (n_queries, dimension); used as float32.
        pool: folder of shards (see `hbt.shards`), an array (n_passages, dimension), or an iterable
            of such arrays, of which each is held only while it is searched.
        k: passages per query; all of a smaller pool.
        ids: names of the passages of arrays; a folder has its own.
        state: folder where the search is kept after every `save_rows` passages. A search that was
            stopped goes on from there, with the same result. A finished one goes on too, if
            shards were added to the end of the pool.
        device: "cpu" (the default) or, for the backend torch, a device such as "cuda".
        backend: "torch" (a product, then a comparison with the k-th score) or "faiss" (its flat
            search per block); both give the same result.
        block_rows: passages in one product.
        save_rows: see `state`.
        progress: names a progress line on stderr, in passages.

    Raises:
        ValueError: embeddings are not finite or their shapes do not fit, the pool is empty, or the
            state is of other queries, another k or another pool.
    """
    queries = checked(queries, len(queries), "queries")
    for name, value in (("k", k), ("block_rows", block_rows), ("save_rows", save_rows)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it begins at 1")
    if not len(queries):
        raise ValueError("there are no queries")
    find = finder(backend, queries, k, device)
    folder = Path(state) if state is not None else None
    search = Progress.begin(queries, k, folder)
    shards = as_shards(pool, ids)
    n_passages = _stream(
        shards, queries, find, search, folder, block_rows, save_rows, progress=progress
    )
    found = slice(0, min(k, n_passages))
    passage, score = search.best.passage[:, found].copy(), search.best.score[:, found].copy()
    return TopK(passage, score, _names(passage, shards, ids))


def _stream(
    shards: Iterable[Shard],
    queries: np.ndarray,
    find: Finder,
    search: Progress,
    folder: Path | None,
    block_rows: int,
    save_rows: int,
    *,
    progress: str | None,
) -> int:
    """Search all blocks that `search` has not seen; returns the number of passages in the pool."""
    from tqdm import tqdm

    begun, saved = 0, search.n_done
    total = sum(shard.n_rows for shard in shards) if isinstance(shards, list) else None
    with (
        full_precision(),
        tqdm(
            total=total,
            initial=search.n_done,
            desc=progress,
            unit=" passages",
            disable=progress is None,
        ) as bar,
    ):
        for number, shard in enumerate(shards):
            _check_shard(shard, number, queries.shape[1], search, folder)
            skip = min(search.n_done - begun, shard.n_rows)
            names = shard.ids() if skip < shard.n_rows else None
            for block in _blocks(shard, skip, block_rows):
                own = None if names is None else names[skip : skip + len(block)]
                try:
                    _take(block, search.n_done, own, queries, find, search.best)
                except NotFiniteError as error:
                    raise ValueError(f"{shard.name}, row {skip + error.row}: {error}") from None
                skip += len(block)
                search.n_done += len(block)
                bar.update(len(block))
                if folder is not None and search.n_done - saved >= save_rows:
                    search.save(folder)
                    saved = search.n_done
            begun += shard.n_rows
    if search.n_done != begun:
        raise ValueError(_other_pool(folder, "it is smaller than the one searched before"))
    if not begun:
        raise ValueError("the pool has no passages")
    search.best.merge()
    if folder is not None and search.n_done != saved:
        search.save(folder)
    return begun


def exact_scores(queries: np.ndarray, passages: np.ndarray) -> np.ndarray:
    """Scores of pairs: two arrays (n_pairs, dimension) in, float32 array (n_pairs,) out.

    Products of float32 numbers are exact in float64. numpy adds up a row in an order that depends
    on its length alone.
    """
    products = queries.astype(np.float64)
    products *= passages
    return products.sum(axis=1).astype(np.float32)


def _check_shard(
    shard: Shard, number: int, dimension: int, search: Progress, folder: Path | None
) -> None:
    if shard.dimension != dimension:
        raise ValueError(
            f"queries have dimension {dimension}, {shard.name} of the pool {shard.dimension}"
        )
    if folder is None:
        return
    digest = shard.digest()
    if number == len(search.shards):
        search.shards.append(digest)
    elif search.shards[number] != digest:
        raise ValueError(_other_pool(folder, f"{shard.name} is not the one searched before"))


def _other_pool(folder: Path | None, why: str) -> str:
    return f"{folder} is the state of a search in another pool: {why}; take another folder"


def _blocks(shard: Shard, start: int, height: int) -> Iterator[np.ndarray]:
    """Blocks of the shard from a row on; float16 or float32."""
    for block in shard.blocks(start, height):
        if block.dtype not in (np.float16, np.float32):
            block = block.astype(np.float32)
        yield np.require(block, requirements=("C", "W"))  # torch wants to write


def _take(
    block: np.ndarray,
    first_passage: int,
    names: Sequence[str] | None,
    queries: np.ndarray,
    find: Finder,
    best: Best,
) -> None:
    """Search one block, whose rows are passages from `first_passage` on, with these names."""
    for query, column in find.near(block, best.kth):
        for first in range(0, len(query), _PAIRS):
            rows, columns = query[first : first + _PAIRS], column[first : first + _PAIRS]
            score = exact_scores(queries[rows], block[columns])
            passage = first_passage + columns
            place = passage.astype(np.uint64) if names is None else _places(columns, names)
            best.add(rows, score, place, passage)


def _places(columns: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Places among equal scores, uint64: names of `tie_ids` descending."""
    distinct, back = np.unique(columns, return_inverse=True)
    keys = [int(key, 16) for key in tie_ids([names[column] for column in distinct])]
    return ~np.array(keys, dtype=np.uint64)[back]


def _names(
    passage: np.ndarray, shards: Iterable[Shard], ids: Sequence[str] | None
) -> list[list[str]] | None:
    """Names of the passages that were found, read from one shard after the other."""
    if ids is not None:
        return [[ids[row] for row in line] for line in passage]
    if not isinstance(shards, list):
        return None
    found = np.full(passage.shape, None, dtype=object)
    begun = 0
    for shard in shards:
        here = (passage >= begun) & (passage < begun + shard.n_rows)
        if here.any():
            names = shard.ids()
            if names is None:
                return None
            found[here] = [names[row - begun] for row in passage[here]]
        begun += shard.n_rows
    return found.tolist()
