"""`hbt bench evaluation`: scores of all settings, beside the matrix product and beside peers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbt.suite.bench.output import add_json, best_of, report, whole_number

if TYPE_CHECKING:
    from hbt.suite.bench.evaluation_peers import Values
    from hbt.suite.bench.made_pool import Made

NAME = "evaluation"


def add(actions: argparse._SubParsersAction) -> None:
    """Add the measurement's parser."""
    parser = actions.add_parser(
        NAME, help="exact ranks and scores in all pools, against the matrix product and peers"
    )
    for option, default, what in (
        ("queries", 13_090, "queries (default: as in XQuAD-R, %(default)s)"),
        ("passages", 13_014, "passages (default: as in XQuAD-R, %(default)s)"),
        ("dim", 768, "dimension of the embeddings (default: %(default)s)"),
        ("languages", 11, "languages (default: %(default)s)"),
        ("sample", 200, "queries that a peer evaluates, at most (default: %(default)s)"),
        ("repeats", 3, "runs of which the fastest counts (default: %(default)s)"),
    ):
        parser.add_argument(
            f"--{option}", default=default, type=whole_number, metavar="N", help=what
        )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    result = measure(
        options.queries,
        options.passages,
        options.dim,
        options.languages,
        sample=options.sample,
        repeats=options.repeats,
    )
    return report(result, table(result), options)


def measure(
    queries: int, passages: int, dim: int, languages: int, *, sample: int = 200, repeats: int = 3
) -> dict[str, Any]:
    """Time the matrix product, this evaluation and its peers on made embeddings.

    Returns:
        queries, passages, dim, languages, threads, versions: what was measured, and where.
        matmul_s: seconds of the float32 product alone, in blocks of 512 queries.
        ours_s, ours_without_kernel_s: seconds from embeddings to the scores of all settings and
            metrics and the rank distance; ratio_to_matmul, ratio_without_kernel: over matmul_s.
        first_call_s: the same on a tiny pool, once: what imports and the compiled loops take.
        peak_rss_mb: rise of the resident memory above that with the embeddings.
        mAP: of the multilingual setting, to show how hard the made pool is.
        peers: for each the seconds on the pool of all languages, whether they are extrapolated
            from `sampled_queries`, the largest difference from our values, the same for all pools
            (`..._all_pools`), and how many times ours_s they are; or null, with the reason in
            `left_out`.

    Raises:
        ValueError: fewer queries or passages than languages.
    """
    import torch

    from hbt.counting import KERNELS
    from hbt.suite.bench.made_pool import make, memory_increase

    made = make(queries, passages, dim, languages)
    kernels = [kernel for kernel in KERNELS[1:] if _installed(kernel)]
    small = make(2 * languages, 4 * languages, 8, languages)
    first = best_of(1, lambda: _evaluate(small, kernels[0]))
    peak = memory_increase(lambda: _evaluate(made, kernels[0]))
    work = {"matmul": lambda: _multiply(made)}
    work |= {kernel: lambda kernel=kernel: _evaluate(made, kernel) for kernel in kernels}
    seconds = dict.fromkeys(work, float("inf"))
    for _ in range(repeats):  # in turn: what disturbs the machine for a while disturbs all
        for name, run in work.items():
            seconds[name] = min(seconds[name], best_of(1, run))
    ours, plain = seconds[kernels[0]], seconds["numpy"]
    found, left_out = _measure_peers(made, sample, ours)
    return {
        "queries": queries,
        "passages": passages,
        "dim": dim,
        "languages": languages,
        "threads": torch.get_num_threads(),
        "versions": _versions(),
        "kernel": kernels[0],
        "matmul_s": seconds["matmul"],
        "ours_s": ours,
        "ratio_to_matmul": ours / seconds["matmul"],
        "ours_without_kernel_s": plain,
        "ratio_without_kernel": plain / seconds["matmul"],
        "first_call_s": first,
        "peak_rss_mb": peak,
        "mAP": _evaluate(made, kernels[0]),
        "peers": found,
        "left_out": left_out,
    }


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def _versions() -> dict[str, str]:
    from hbt.suite.bench.evaluation_peers import PEERS
    from hbt.suite.machine import installed_version, versions

    packages = ["numba", *(distribution for distribution, _ in PEERS.values())]
    kept = {name: versions()[name] for name in ("python", "hbt", "numpy", "torch", "pandas")}
    return kept | {name: installed_version(name) for name in packages}


def _multiply(made: Made) -> None:
    """The product alone, as it is fastest: into one block that stays in memory."""
    import torch

    from hbt.products import BLOCK_ROWS

    queries, passages = torch.from_numpy(made.queries), torch.from_numpy(made.passages).T
    block = torch.empty((BLOCK_ROWS, passages.shape[1]))
    for start in range(0, len(queries), BLOCK_ROWS):
        chosen = queries[start : start + BLOCK_ROWS]
        torch.mm(chosen, passages, out=block[: len(chosen)])


def _evaluate(made: Made, kernel: str) -> float:
    """All settings, all metrics and the rank distance; returns mAP in the multilingual setting."""
    from hbt.bias import rank_distance
    from hbt.evaluation import MULTILINGUAL, evaluate
    from hbt.retrieval import count

    counts = count(made.benchmark, made.queries, made.passages, kernel=kernel)
    result = evaluate(made.benchmark, counts)
    rank_distance(made.benchmark, counts)
    return float(result.summary().loc[MULTILINGUAL, "mAP"])


def _measure_peers(
    made: Made, sample: int, ours_s: float
) -> tuple[dict[str, dict[str, Any] | None], dict[str, str]]:
    """Each peer on the mixed pool and on all pools; the reasons why some are left out."""
    import numpy as np
    from tqdm import tqdm

    from hbt.suite.bench.evaluation_peers import MIXED, PEERS, Task, hbt_itself
    from hbt.suite.machine import installed_version

    n_queries, n_languages = len(made.queries), len(made.benchmark.languages)
    chosen = np.unique(np.linspace(0, n_queries - 1, min(sample, n_queries)).astype(int))
    tasks = {
        "": Task(made, chosen, (MIXED,)),
        "_all_pools": Task(made, chosen, (*range(n_languages), MIXED)),
    }
    expected = {name: hbt_itself(task) for name, task in tasks.items()}
    found: dict[str, dict[str, Any] | None] = dict.fromkeys(PEERS)
    left_out = {}
    for peer, (distribution, function) in tqdm(PEERS.items(), desc="peers", leave=False):
        if not installed_version(distribution):
            left_out[peer] = f'{distribution} is not installed: pip install "hbt[bench]"'
            continue
        row: dict[str, Any] = {
            "sampled_queries": len(chosen),
            "extrapolated": len(chosen) < n_queries,
        }
        for name, task in tasks.items():
            function(Task(made, chosen[:2], task.pools))  # imports and compiles
            values: list[Values] = []
            once = best_of(1, lambda f=function, t=task, v=values: v.append(f(t)))
            row[f"seconds{name}"] = once * n_queries / len(chosen)
            row[f"times_ours{name}"] = row[f"seconds{name}"] / ours_s
            row[f"max_abs_difference{name}"] = _difference(values[0], expected[name])
        found[peer] = row
    return found, left_out


def _difference(theirs: Values, ours: Values) -> float:
    return max(float(abs(values - ours[name]).max()) for name, values in theirs.items())


def table(result: Mapping[str, Any]) -> str:
    """The result as the table of docs/evaluation.md."""
    head = (
        f"{result['queries']:,} queries, {result['passages']:,} passages, dimension "
        f"{result['dim']}, {result['languages']} languages, {result['threads']} threads; "
        f"mAP of the multilingual setting {result['mAP']:.2f}"
    )
    lines = ["", "| | seconds | of the product |", "|---|---|---|"]
    for name, key, ratio in (
        ("float32 matrix product alone", "matmul_s", None),
        (f"all settings, metrics, rank distance ({result['kernel']})", "ours_s", "ratio_to_matmul"),
        ("the same without numba", "ours_without_kernel_s", "ratio_without_kernel"),
    ):
        times = f"{result[ratio]:.2f} times" if ratio else ""
        lines.append(f"| {name} | {result[key]:.2f} | {times} |")
    lines += ["", f"Peak memory above the embeddings: {result['peak_rss_mb']:.0f} MB.", ""]
    lines += [
        "| peer | mixed pool | all pools | times ours, mixed | all | largest difference |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in result["peers"].items():
        if row is None:
            lines.append(f"| {name} | left out: {result['left_out'][name]} | | | | |")
            continue
        about = "about " if row["extrapolated"] else ""
        difference = max(row["max_abs_difference"], row["max_abs_difference_all_pools"])
        lines.append(
            f"| {name} | {about}{row['seconds']:,.0f} s | {about}{row['seconds_all_pools']:,.0f} s "
            f"| {row['times_ours']:,.0f} | {row['times_ours_all_pools']:,.0f} | {difference:.0e} |"
        )
    if any(row and row["extrapolated"] for row in result["peers"].values()):
        sampled = max(row["sampled_queries"] for row in result["peers"].values() if row)
        lines += ["", f"Seconds with 'about' are extrapolated from {sampled} queries."]
    return "\n".join([head, *lines])
