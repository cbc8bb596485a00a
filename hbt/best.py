"""The k best of a stream, for many queries at once, with a state that is kept on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from hbt.whole_files import new_file

STATE = "top_k.npz"
_LAST = np.uint64(2**64 - 1)


class Best:
    """The best k passages that each query has seen.

    Attributes:
        score: float32 array (n_queries, k), falling; minus infinity where nothing was seen yet.
        place: uint64 array (n_queries, k), the place of each passage among equal scores.
        passage: int64 array (n_queries, k), rows of the pool.
    """

    def __init__(self, n_queries: int, k: int) -> None:
        self.score = np.full((n_queries, k), -np.inf, dtype=np.float32)
        self.place = np.full((n_queries, k), _LAST, dtype=np.uint64)
        self.passage = np.full((n_queries, k), -1, dtype=np.int64)
        self._waiting: list[tuple[np.ndarray, ...]] = []
        self._n_waiting = 0

    @property
    def kth(self) -> np.ndarray:
        """Scores that a passage must reach, float32 array (n_queries,)."""
        return self.score[:, -1]

    def add(
        self, query: np.ndarray, score: np.ndarray, place: np.ndarray, passage: np.ndarray
    ) -> None:
        """See more pairs: four arrays (n_pairs,). They are merged when there are enough of them."""
        kth, last = self.score[query, -1], self.place[query, -1]
        better = (score > kth) | ((score == kth) & (place < last))
        self._waiting.append(tuple(part[better] for part in (query, score, place, passage)))
        self._n_waiting += int(np.count_nonzero(better))
        if self._n_waiting > self.score.size // 4:  # a merge sorts all: do it seldom
            self.merge()

    def merge(self) -> None:
        """Take what waits into the lists."""
        if not self._n_waiting:
            return
        query, score, place, passage = (
            np.concatenate(part) for part in zip(*self._waiting, strict=True)
        )
        self._waiting, self._n_waiting = [], 0
        k = self.score.shape[1]
        touched, query = np.unique(query, return_inverse=True)
        group = np.concatenate([np.repeat(np.arange(len(touched)), k), query])
        columns = [
            np.concatenate([getattr(self, name)[touched].ravel(), new])
            for name, new in (("score", score), ("place", place), ("passage", passage))
        ]
        order = np.lexsort((columns[2], columns[1], -columns[0], group))
        starts = np.searchsorted(group[order], np.arange(len(touched)))
        chosen = order[starts[:, None] + np.arange(k)]  # every group has k of before
        self.score[touched], self.place[touched], self.passage[touched] = (
            column[chosen] for column in columns
        )


@dataclass
class Progress:
    """How far a search has come.

    Attributes:
        request: what identifies the queries and k, see `request_digest`.
        shards: digests of the shards that were begun.
        n_done: passages that were searched.
        best: what was found in them.
    """

    request: str
    shards: list[str]
    n_done: int
    best: Best

    @staticmethod
    def begin(queries: np.ndarray, k: int, folder: Path | None) -> Progress:
        """A new search, or the one that the folder has.

        Raises:
            ValueError: the folder's is of other queries or another k, or cannot be read.
        """
        request = f"k={k} queries={queries.shape} {hashlib.sha256(queries).hexdigest()}"
        new = Progress(request, [], 0, Best(len(queries), k))
        if folder is None or not (folder / STATE).exists():
            return new
        file = folder / STATE
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
                about = json.loads(str(kept["about"]))
                if about["request"] != request:
                    raise _OtherSearch
                new.shards, new.n_done = about["shards"], about["n_done"]
                for name in ("score", "place", "passage"):
                    getattr(new.best, name)[:] = kept[name]
        except _OtherSearch:
            raise ValueError(
                f"{file} is the state of a search for other queries or another k; "
                "take another folder for this one, or remove it"
            ) from None
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise ValueError(f"{file} cannot be read ({error}); remove it to begin anew") from None
        return new

    def save(self, folder: Path) -> None:
        """Write the state, whole or not at all."""
        self.best.merge()
        folder.mkdir(parents=True, exist_ok=True)
        about = {"request": self.request, "shards": self.shards, "n_done": self.n_done}
        with new_file(folder / STATE) as partial, partial.open("wb") as stream:
            np.savez(
                stream,
                about=json.dumps(about),
                score=self.best.score,
                place=self.best.place,
                passage=self.best.passage,
            )


class _OtherSearch(Exception):
    pass
