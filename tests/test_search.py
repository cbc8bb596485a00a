"""Top-k over shards: equal to a full sort, whatever the blocks, also after a stop."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hbt import best, near
from hbt.counting import tie_ids
from hbt.near import BACKENDS
from hbt.search import TopK, exact_scores, top_k
from hbt.shard_writer import add_shard


def full_sort(
    queries: np.ndarray, passages: np.ndarray, k: int, ids: list[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """All scores of one query at a time, sorted by score, then name descending or row."""
    found, values = [], []
    names = tie_ids(ids) if ids else None
    for query in queries.astype(np.float32):
        scores = [
            np.float32(np.multiply(query, row, dtype=np.float64).sum())
            for row in passages.astype(np.float32)
        ]
        order = list(range(len(passages)))
        if names:
            order.sort(key=names.__getitem__, reverse=True)
        order.sort(key=lambda row: -scores[row])
        found.append(order[:k])
        values.append([scores[row] for row in order[:k]])
    return np.array(found), np.array(values, dtype=np.float32)


def random_pool(n: int, dimension: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dimension)).astype(np.float32)


def same(found: TopK, wanted: tuple[np.ndarray, np.ndarray]) -> bool:
    return bool((found.passage == wanted[0]).all() and (found.score == wanted[1]).all())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pool_by_hand(backend: str) -> None:
    pool = [np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [-1.0, 0.0], [1.0, 0.0]])]
    found = top_k(np.array([[1.0, 0.0], [0.0, 2.0]]), pool, 3, backend=backend)
    assert found.passage.tolist() == [[0, 2, 4], [1, 2, 0]]
    assert found.score.tolist() == [[1, 1, 1], [2, 2, 0]]
    assert found.ids is None
    everything = top_k(np.array([[1.0, 0.0]]), pool, 10, backend=backend)
    assert everything.passage.tolist() == [[0, 2, 4, 1, 3]]


def test_ties_are_in_the_order_of_hashed_names() -> None:
    ids = [f"en-{number}" for number in range(40)]
    passages = np.ones((40, 3))
    found = top_k(np.ones((1, 3)), [passages[:15], passages[15:]], 7, ids=ids, block_rows=4)
    names = dict(zip(tie_ids(ids), ids, strict=True))
    wanted = [names[name] for name in sorted(names, reverse=True)[:7]]
    assert found.ids == [wanted]
    assert [ids[row] for row in found.passage[0]] == wanted


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_cut_of_the_pool_moves_a_result(data: st.DataObject) -> None:
    n, dimension = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 9))
    seed = data.draw(st.integers(0, 2**20))
    passages = random_pool(n, dimension, seed)
    if data.draw(st.booleans()):  # many ties
        passages = np.round(passages)
    passages = passages[np.random.default_rng(seed).integers(0, n, n)]  # some rows twice
    passages = passages.astype(data.draw(st.sampled_from([np.float16, np.float32, np.float64])))
    queries = random_pool(data.draw(st.integers(1, 6)), dimension, seed + 1)
    queries[0] *= data.draw(st.sampled_from([0, 1, 1e-30, 1e15]))
    k = data.draw(st.integers(1, 70))
    ids = [f"p{row}" for row in range(n)] if data.draw(st.booleans()) else None
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=4)))
    found = top_k(
        queries,
        np.split(passages, cuts),
        k,
        ids=ids,
        backend=data.draw(st.sampled_from(BACKENDS)),
        block_rows=data.draw(st.integers(1, 70)),
    )
    assert same(found, full_sort(queries, passages, k, ids))


@pytest.mark.parametrize("dimension", [3, 64, 100, 768])
def test_a_score_depends_on_its_two_vectors_alone(dimension: int) -> None:
    queries, passages = random_pool(257, dimension, 1), random_pool(257, dimension, 2)
    together = exact_scores(queries, passages)
    for rows in (1, 2, 3, 5, 64):
        for start in range(0, 40, rows):
            part = exact_scores(queries[start : start + rows], passages[start : start + rows])
            assert (part == together[start : start + rows]).all()
    true = (queries.astype(np.longdouble) * passages).sum(axis=1)
    assert np.allclose(together, true.astype(float), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_scores_that_differ_less_than_float32_products_err(backend: str) -> None:
    """Scores a few last bits apart, whose order a float32 product gets wrong."""
    one = random_pool(1, 768, 3)
    passages = one + random_pool(400, 768, 4) * np.float32(1e-5)
    queries = one + random_pool(20, 768)
    wanted = full_sort(queries, passages, 5)
    products = np.argsort(-(queries @ passages.T), axis=1, kind="stable")[:, :5]
    assert (np.sort(products) != np.sort(wanted[0])).any()  # the product alone is not enough
    for block_rows in (90, 400):
        pool = [passages[:150], passages[150:]]
        assert same(top_k(queries, pool, 5, backend=backend, block_rows=block_rows), wanted)


def test_the_margin_bounds_the_error_of_float32_products() -> None:
    """Vectors of one sign, for which errors add up, at several dimensions."""
    for dimension in (1, 7, 300, 4000):
        queries, passages = abs(random_pool(20, dimension)), abs(random_pool(50, dimension, 1))
        true = queries.astype(np.float64) @ passages.astype(np.float64).T
        norms = np.linalg.norm(passages, axis=1)
        margin = near._margin(near._norms(queries), norms, passages)
        assert (abs(queries @ passages.T - true) <= margin[:, None]).all()
        one_by_one = np.zeros(true.shape, dtype=np.float32)
        for column in range(dimension):  # the worst order of addition
            one_by_one += queries[:, column, None] * passages[None, :, column]
        assert (abs(one_by_one - true) <= margin[:, None]).all()


def test_more_queries_than_one_product_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "QUERIES", 8)
    monkeypatch.setattr(near, "_HITS", 5)
    queries, passages = random_pool(21, 12), random_pool(700, 12, 1)
    for backend in BACKENDS:
        found = top_k(queries, passages, 9, backend=backend, block_rows=600)
        assert same(found, full_sort(queries, passages, 9))


def fill(folder: Path, n: int = 90, shard_rows: int = 20, dtype: str = "float16") -> np.ndarray:
    """A folder of shards and what it holds, as float32."""
    passages = random_pool(n, 8).astype(dtype)
    for start in range(0, n, shard_rows):
        rows = range(start, min(start + shard_rows, n))
        add_shard(folder, passages[start : rows.stop], [f"p{row}" for row in rows], dtype=dtype)
    return passages.astype(np.float32)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_folder_of_shards(tmp_path: Path, dtype: str) -> None:
    passages, queries = fill(tmp_path / "pool", dtype=dtype), random_pool(5, 8, 1)
    found = top_k(queries, tmp_path / "pool", 10, block_rows=7)
    ids = [f"p{row}" for row in range(90)]
    assert same(found, full_sort(queries, passages, 10, ids))
    assert found.ids == [[ids[row] for row in line] for line in found.passage]


class Stop(Exception):
    pass


def stopping(pool: list[np.ndarray], after: int) -> Iterator[np.ndarray]:
    yield from pool[:after]
    raise Stop


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_stopped_search_goes_on(
    tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    passages, queries = random_pool(95, 8), random_pool(5, 8, 1)
    pool = np.split(passages, [20, 40, 60, 80])
    state = tmp_path / "state"
    with pytest.raises(Stop):
        top_k(queries, stopping(pool, after), 10, state=state, block_rows=8, save_rows=16)
    assert (state / best.STATE).exists() == (after > 0)
    searched = []
    real = near.TorchFinder.near

    def counted(self: near.TorchFinder, block: np.ndarray, kth: np.ndarray) -> Iterator[near.Pairs]:
        searched.append(len(block))
        return real(self, block, kth)

    monkeypatch.setattr(near.TorchFinder, "near", counted)
    found = top_k(queries, pool, 10, state=state, block_rows=8)
    assert same(found, full_sort(queries, passages, 10))
    saved = {0: 0, 1: 16, 3: 56}[after]  # blocks of 8, 8, 4 rows: saved at the end of two
    assert sum(searched) == 95 - saved
    again = top_k(queries, pool, 10, state=state)
    assert sum(searched) == 95 - saved  # finished: nothing is searched again
    assert same(again, (found.passage, found.score))


def test_a_finished_search_takes_in_new_shards(tmp_path: Path) -> None:
    passages, queries = random_pool(60, 8), random_pool(5, 8, 1)
    top_k(queries, [passages[:40]], 10, state=tmp_path)
    found = top_k(queries, [passages[:40], passages[40:]], 10, state=tmp_path, backend="faiss")
    assert same(found, full_sort(queries, passages, 10))


KILLED = """
import os, signal, sys
from hbt import near
from hbt.search import top_k
import numpy as np

real, seen = near.TorchFinder.near, []

def near_then_die(self, block, kth):
    seen.append(block)
    if len(seen) > 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, block, kth)

near.TorchFinder.near = near_then_die
top_k(np.load(sys.argv[1]), sys.argv[2], 10, state=sys.argv[3], block_rows=5, save_rows=10)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_a_killed_search_goes_on(tmp_path: Path) -> None:
    passages, queries = fill(tmp_path / "pool"), random_pool(5, 8, 1)
    np.save(tmp_path / "queries.npy", queries)
    arguments = [tmp_path / "queries.npy", tmp_path / "pool", tmp_path / "state"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with np.load(tmp_path / "state" / best.STATE) as state:
        assert (state["passage"] >= 0).all()
    found = top_k(queries, tmp_path / "pool", 10, state=tmp_path / "state")
    assert same(found, full_sort(queries, passages, 10, [f"p{row}" for row in range(90)]))


def test_the_state_of_another_search_is_refused(tmp_path: Path) -> None:
    passages, queries = random_pool(60, 8), random_pool(5, 8, 1)
    pool = [passages[:30], passages[30:]]
    top_k(queries, pool, 10, state=tmp_path)
    with pytest.raises(ValueError, match=r"top_k.npz is the state of a search for other queries"):
        top_k(queries + 1, pool, 10, state=tmp_path)
    with pytest.raises(ValueError, match="or another k"):
        top_k(queries, pool, 11, state=tmp_path)
    with pytest.raises(ValueError, match="shard 1 is not the one searched before"):
        top_k(queries, [passages[:30], passages[30:] + 1], 10, state=tmp_path)
    with pytest.raises(ValueError, match="shard 0 is not the one"):
        top_k(queries, pool, 10, ids=[str(row) for row in range(60)], state=tmp_path)
    with pytest.raises(ValueError, match="smaller than the one searched before"):
        top_k(queries, pool[:1], 10, state=tmp_path)
    (tmp_path / best.STATE).write_bytes((tmp_path / best.STATE).read_bytes()[:500])
    with pytest.raises(ValueError, match=r"top_k.npz cannot be read .*remove it"):
        top_k(queries, pool, 10, state=tmp_path)


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_that_are_not_finite_are_named(backend: str) -> None:
    for value in (np.nan, np.inf, 1e30):
        passages = random_pool(20, 4)
        passages[13, 2] = value
        with pytest.raises(ValueError, match=r"shard 1, row 3: a value is not finite"):
            top_k(random_pool(2, 4), [passages[:10], passages[10:]], 5, backend=backend)


def test_bad_arguments() -> None:
    queries, pool = random_pool(2, 4), random_pool(9, 4)
    cases = [
        ((queries, pool, 0), {}, "k is 0"),
        ((queries, pool), {"block_rows": 0}, "block_rows is 0"),
        ((queries, pool), {"save_rows": 0}, "save_rows is 0"),
        ((queries[:0], pool), {}, "no queries"),
        ((queries, pool[:0]), {}, "the pool has no passages"),
        ((queries[:, :3], pool), {}, "dimension 3, shard 0 of the pool 4"),
        ((queries, pool), {"backend": "annoy"}, "backend is 'annoy'"),
        ((queries, pool), {"backend": "faiss", "device": "cuda"}, "works on the CPU"),
        ((queries, pool), {"ids": ["a"]}, "1 ids for 9 passages"),
        ((queries * np.nan, pool), {}, "queries have the value nan"),
        ((queries, pool.astype(int)), {}, "shard 0 is int64"),
    ]
    for arguments, options, message in cases:
        with pytest.raises(ValueError, match=message):
            top_k(*arguments, **options)


def test_one_shot_pools_are_read_once() -> None:
    queries, passages = random_pool(3, 5), random_pool(50, 5, 1)
    ids = [f"p{row}" for row in range(50)]
    parts = (passages[start : start + 9] for start in itertools.count(0, 9) if start < 50)
    found = top_k(queries, itertools.islice(parts, 6), 4, ids=ids)
    assert same(found, full_sort(queries, passages, 4, ids))
    assert found.ids[0][0] == ids[found.passage[0, 0]]


def test_memory_does_not_grow_with_the_pool(tmp_path: Path) -> None:
    queries, peaks = random_pool(50, 32), []
    for n in (8_000, 80_000):
        for start in range(0, n, 4_000):
            names = [f"p{row}" for row in range(start, start + 4_000)]
            add_shard(tmp_path / str(n), random_pool(4_000, 32, start), names)
        tracemalloc.start()
        top_k(queries, tmp_path / str(n), 10, backend="faiss", block_rows=1_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 80_000 * 32  # half of what the larger pool takes on disk


def test_a_gpu_finds_the_same() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    queries, passages = random_pool(40, 100), random_pool(3_000, 100, 1)
    on_cpu = top_k(queries, passages, 20, block_rows=900)
    on_gpu = top_k(queries, passages, 20, block_rows=700, device="cuda")
    assert same(on_gpu, (on_cpu.passage, on_cpu.score))
