"""`hbt bench search`: exact top-k over a pool on disk, torch and faiss beside the product alone."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hbt.suite.bench.output import add_json, best_of, report, whole_number

NAME = "search"
BACKENDS = ("torch", "faiss")


def add(actions: argparse._SubParsersAction) -> None:
    """Add the measurement's parser."""
    parser = actions.add_parser(NAME, help="exact top-k over shards on disk, torch beside faiss")
    for option, default, what in (
        ("--passages", 200_000, "random unit vectors in the pool"),
        ("--dim", 768, "their dimension"),
        ("--queries", 1000, "random unit vectors to search for"),
        ("--k", 100, "passages to find for each"),
        ("--shard-rows", 250_000, "passages in a shard"),
    ):
        parser.add_argument(option, type=whole_number, default=default, metavar="N", help=what)
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16")
    parser.add_argument("--threads", type=whole_number, default=1, metavar="N", help="1 by default")
    parser.add_argument(
        "--backends", nargs="+", choices=BACKENDS, default=BACKENDS, help="both by default"
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="for the shards, deleted after")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.folder is not None and not options.folder.is_dir():
        raise ValueError(f"{options.folder} is no folder")
    result = measure(
        n_passages=options.passages,
        dimension=options.dim,
        n_queries=options.queries,
        k=options.k,
        shard_rows=options.shard_rows,
        dtype=options.dtype,
        threads=options.threads,
        backends=tuple(options.backends),
        folder=options.folder,
    )
    lines = [
        f"{result['passages']:,} x {result['dimension']} {result['dtype']} on disk, "
        f"{result['queries']:,} queries, k = {result['k']}, {result['threads']} thread(s)",
        f"product alone {result['matmul_s']:.1f} s, reading the shards {result['read_s']:.1f} s",
    ]
    for name, one in result["backends"].items():
        lines.append(
            f"{name:6} {one['seconds']:8.1f} s  {one['ratio_to_matmul']:.2f} x the product  "
            f"peak {one['peak_rss_mb']:,.0f} MB"
        )
    lines.append(f"same results: {'yes' if result['equal'] else 'NO'}")
    return report(result, "\n".join(lines), options)


def measure(
    *,
    n_passages: int,
    dimension: int,
    n_queries: int,
    k: int,
    shard_rows: int,
    dtype: str = "float16",
    threads: int = 1,
    backends: tuple[str, ...] = BACKENDS,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Write random unit vectors as shards, then search them with each backend.

    Each search runs in a process of its own, so that its peak of memory is its own; its seconds
    are those of the search, without starting Python. The product alone is that of all queries
    with one block of passages, the best of three, times the number of blocks.
    """
    with tempfile.TemporaryDirectory(prefix="hbt-bench-", dir=folder) as place:
        pool = Path(place) / "pool"
        write_random_shards(pool, n_passages, dimension, shard_rows, dtype)
        matmul_s = _product_seconds(n_passages, dimension, n_queries, threads)
        read_s = _read_seconds(pool)
        found, digests = {}, set()
        for backend in backends:
            one = _search_in_a_process(pool, backend, n_queries, k, threads)
            digests.add(one.pop("digest"))
            found[backend] = {**one, "ratio_to_matmul": one["seconds"] / matmul_s}
    from hbt.suite.machine import versions

    return {
        "passages": n_passages,
        "dimension": dimension,
        "queries": n_queries,
        "k": k,
        "dtype": dtype,
        "shard_rows": shard_rows,
        "threads": threads,
        "matmul_s": matmul_s,
        "read_s": read_s,
        "backends": found,
        "equal": len(digests) == 1,
        "versions": {name: versions()[name] for name in ("python", "numpy", "torch", "faiss-cpu")},
    }


def write_random_shards(
    folder: Path, n_passages: int, dimension: int, shard_rows: int, dtype: str
) -> None:
    """Random directions of length 1, the same for the same arguments."""
    import numpy as np
    from tqdm import tqdm

    from hbt.shard_writer import add_shard

    generator = np.random.Generator(np.random.PCG64(1))
    with tqdm(total=n_passages, desc="writing shards", unit=" passages") as bar:
        for start in range(0, n_passages, shard_rows):
            rows = min(shard_rows, n_passages - start)
            add_shard(folder, _unit_rows(generator, rows, dimension), dtype=dtype)
            bar.update(rows)


def _unit_rows(generator: Any, rows: int, dimension: int) -> Any:
    import numpy as np

    values = generator.standard_normal((rows, dimension), dtype=np.float32)
    values /= np.sqrt(np.einsum("ij,ij->i", values, values))[:, None]
    return values


def _queries(n_queries: int, dimension: int) -> Any:
    import numpy as np

    return _unit_rows(np.random.Generator(np.random.PCG64(2)), n_queries, dimension)


def _product_seconds(n_passages: int, dimension: int, n_queries: int, threads: int) -> float:
    import torch

    from hbt.near import QUERIES
    from hbt.search import BLOCK_ROWS

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    rows, tile = min(BLOCK_ROWS, n_passages), min(QUERIES, n_queries)
    queries, passages = torch.randn(n_queries, dimension), torch.randn(rows, dimension)
    scores = torch.empty(tile, rows)

    def all_queries() -> None:
        for start in range(0, n_queries, tile):
            part = queries[start : start + tile]
            torch.mm(part, passages.T, out=scores[: len(part)])

    try:
        return best_of(3, all_queries) * n_passages / rows
    finally:
        torch.set_num_threads(before)


def _read_seconds(folder: Path) -> float:
    from hbt.search import BLOCK_ROWS
    from hbt.shards import open_shards

    started = time.perf_counter()
    for shard in open_shards(folder):
        for _ in shard.blocks(0, BLOCK_ROWS):
            pass
    return time.perf_counter() - started


def _search_in_a_process(
    pool: Path, backend: str, n_queries: int, k: int, threads: int
) -> dict[str, Any]:
    """Run `_search` in a new process; its last line on stdout is the result."""
    code = (
        "from hbt.suite.bench.search import _search; "
        f"_search({str(pool)!r}, {backend!r}, {n_queries}, {k}, {threads})"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if process.returncode:
        raise RuntimeError(f"the search with {backend} ended with code {process.returncode}")
    return json.loads(process.stdout.splitlines()[-1])


def _search(pool: str, backend: str, n_queries: int, k: int, threads: int) -> None:
    import hashlib

    import torch

    from hbt.search import top_k
    from hbt.shards import open_shards

    torch.set_num_threads(threads)
    if backend == "faiss":
        import faiss

        faiss.omp_set_num_threads(threads)
    queries = _queries(n_queries, open_shards(pool)[0].dimension)
    with tempfile.TemporaryDirectory(prefix="hbt-bench-") as state:
        started = time.perf_counter()
        found = top_k(queries, pool, k, backend=backend, state=state, progress=backend)
        seconds = time.perf_counter() - started
    digest = hashlib.sha256(found.passage.tobytes() + found.score.tobytes()).hexdigest()
    print(json.dumps({"seconds": seconds, "peak_rss_mb": _peak_mb(), "digest": digest}))


def _peak_mb() -> float:
    """Largest resident memory of this process so far, in MB (2**20 bytes)."""
    from hbt.training_log import peak_memory_mb

    status = Path("/proc/self/status")
    if status.exists():  # on Linux, getrusage also counts what the parent had when it forked
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    return peak_memory_mb()
