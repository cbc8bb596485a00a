"""Training on two processes by torchrun, and training that is killed: equal to what it should be.

The processes run `process_worker.py`; the tests look at what they left.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from process_worker import SETTINGS, items_of, new_model, run_all, settings_of
from tiny_texts import tiny_items, tiny_tokenizer

from hbt.sampling import CROSS_LINGUAL, MONOLINGUAL, ItemLayout, Plan, unpack
from hbt.trainer import Examples

WORKER = Path(__file__).with_name("process_worker.py")
ITEMS = tiny_items()
EXACT = {"double": True}
ACCUMULATED = {"double": True, "training": {"accumulation": 2}}
CACHED = {"double": True, "training": {"mini_batch": 5}}
TRIPLETS = {"double": True, "negatives": 2, "training": {"length_groups": 2}}
CACHED_TRIPLETS = {"double": True, "negatives": 1, "training": {"mini_batch": 5, "accumulation": 2}}
MIXED_TRIPLETS = {"double": True, "negatives": 1, "mix": True}
ONE_PAIR = {"dropout": 0.1, "plan": {"one_pair_per_batch": True}}
OTHER_SEED = {"double": True, "plan": {"seed": 4}}
RUNS = {
    "exact": EXACT,
    "accumulated": ACCUMULATED,
    "cached": CACHED,
    "triplets": TRIPLETS,
    "cached-triplets": CACHED_TRIPLETS,
    "mixed-triplets": MIXED_TRIPLETS,
    "one-pair": ONE_PAIR,
    "other-seed": OTHER_SEED,
}
STOPPED = {
    "straight": {"stock": True, "dropout": 0.1, "pooler": True},
    "resumed": {"stock": True, "dropout": 0.1, "pooler": True, "stop": 7},
}
STOCK = {
    "stock": {"stock": True, "double": True},
    "split": {"stock": True, "double": True, "split_batches": True},
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def launch(world: int, runs: dict, tokenizer: Path, out: Path, killed: bool = False) -> None:
    """Run the worker in so many processes; asserts that it ends as it should."""
    out.mkdir(exist_ok=True)
    if world == 1 and not killed:  # this process will do
        run_all(runs, tokenizer, out)
        return
    spec = out / "spec.json"
    spec.write_text(json.dumps({"tokenizer": str(tokenizer), "out": str(out), "runs": runs}))
    command = [sys.executable]
    if world > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
        command += [f"--nproc-per-node={world}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [*command, str(WORKER), str(spec)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode != 0) == killed, done.stderr[-3000:]
    if killed:
        assert "SIGKILL" in done.stderr or done.returncode == -9, done.stderr[-3000:]


def left(out: Path, name: str, world: int) -> list[dict[str, np.ndarray]]:
    ranks = []
    for rank in range(world):
        with np.load(out / f"{name}.{rank}.npz") as held:
            ranks.append(dict(held))
    return ranks


@pytest.fixture(scope="module")
def two(tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("two")
    launch(2, RUNS | STOCK | STOPPED, tokenizer, out)
    return out


@pytest.fixture(scope="module")
def one(tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("one")
    launch(1, RUNS | STOCK | STOPPED, tokenizer, out)
    return out


def test_the_runs_can_show_something(tokenizer: Path, two: Path) -> None:
    """Token rows are distinct, the loss falls, parameters change, another seed differs."""
    examples = Examples(new_model(tokenizer, {}), ITEMS)
    rows = {tuple(tokens[row]) for tokens in examples.queries for row in range(len(ITEMS))}
    assert len(rows) > 900
    for name in RUNS:
        first, second = left(two, name, 2)
        assert np.abs(first["after"] - first["before"]).max() > 0.01
        assert first["loss"][-6:].mean() < 0.9 * first["loss"][:6].mean()
        np.testing.assert_array_equal(first["after"], second["after"])  # processes stay together
        assert (first["batches"] != second["batches"]).any()  # and have work of their own
    exact, other = left(two, "exact", 2)[0], left(two, "other-seed", 2)[0]
    assert np.abs(exact["after"] - other["after"]).max() > 0.01
    assert not set(exact["digest"]) & set(other["digest"])


@pytest.mark.parametrize("name", RUNS)
def test_processes_share_kind_pair_and_batch(two: Path, name: str) -> None:
    settings, items = settings_of(RUNS[name]), items_of(RUNS[name])
    plan = Plan(settings.plan, ItemLayout.from_items(items))
    parts = [rank["batches"] for rank in left(two, name, 2)]
    assert parts[0].shape == (settings.steps, settings.plan.batch_size // 2)
    kinds, sources = set(), set()
    for step in range(settings.steps):
        batch = plan(step)
        kinds.add(batch.kind)
        item, query, passage = unpack(np.concatenate([part[step] for part in parts]), 4)
        np.testing.assert_array_equal(item, batch.item)
        np.testing.assert_array_equal(query, batch.query_language)
        np.testing.assert_array_equal(passage, batch.passage_language)
        assert len(set(items.passage_id[item])) == settings.plan.batch_size
        sources |= set(items.source[item])
        assert (items.source[item] == batch.source).all()
        pairs = []
        for part in parts:  # what a process sees on its own
            _, own_query, own_passage = unpack(part[step], 4)
            same = own_query == own_passage
            assert same.all() if batch.kind == MONOLINGUAL else not same.any()
            pairs.append(set(zip(own_query, own_passage, strict=True)))
        if batch.kind == MONOLINGUAL or settings.plan.one_pair_per_batch:
            assert pairs[0] == pairs[1]
            assert len(pairs[0]) == 1
    assert kinds == {MONOLINGUAL, CROSS_LINGUAL}
    assert len(sources) == len(items.source_names)


@pytest.mark.parametrize(
    "name", ["exact", "accumulated", "cached", "triplets", "cached-triplets", "mixed-triplets"]
)
def test_two_processes_equal_one_with_the_whole_batch(one: Path, two: Path, name: str) -> None:
    alone, shared = left(one, name, 1)[0], left(two, name, 2)[0]
    np.testing.assert_array_equal(alone["digest"], shared["digest"])
    np.testing.assert_allclose(shared["loss"], alone["loss"], rtol=1e-6)
    np.testing.assert_allclose(shared["after"], alone["after"], rtol=0, atol=1e-6)


def test_accumulated_batches_are_averaged_and_cached_gradients_are_the_same(one: Path) -> None:
    exact, accumulated = left(one, "exact", 1)[0], left(one, "accumulated", 1)[0]
    np.testing.assert_array_equal(exact["batches"], accumulated["batches"])
    assert accumulated["loss"][0] == exact["loss"][0]  # no step was made before either
    assert np.abs(accumulated["after"] - exact["after"]).max() > 1e-3
    cached = left(one, "cached", 1)[0]
    np.testing.assert_allclose(cached["after"], exact["after"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", STOCK)
def test_the_stock_trainer_shares_batches_too(one: Path, two: Path, name: str) -> None:
    """Each process has its part of one batch, and together they learn what one would."""
    alone, parts = left(one, name, 1)[0], left(two, name, 2)
    together = np.concatenate([part["labels"] for part in parts], axis=1)
    np.testing.assert_array_equal(together, alone["labels"])
    assert together.shape == (24, 32)
    assert all(len(set(labels)) == 32 for labels in together.tolist())
    mean = np.mean([part["loss"] for part in parts], axis=0)
    np.testing.assert_allclose(mean, alone["loss"], rtol=1e-6)
    for part in parts:
        np.testing.assert_allclose(part["after"], alone["after"], rtol=0, atol=1e-6)
    assert np.abs(alone["after"] - alone["before"]).max() > 0.01
    assert mean[-6:].mean() < 0.9 * mean[:6].mean()


@pytest.mark.parametrize("world", [1, 2])
def test_the_stock_trainer_resumes_exactly(one: Path, two: Path, world: int) -> None:
    out = {1: one, 2: two}[world]
    straight, resumed = left(out, "straight", world), left(out, "resumed", world)
    for whole, rest in zip(straight, resumed, strict=True):
        np.testing.assert_array_equal(rest["labels"], whole["labels"][10:])  # two a step, from 5
        np.testing.assert_array_equal(rest["loss"], whole["loss"][10:])
        np.testing.assert_array_equal(rest["after"], whole["after"])
        assert np.abs(whole["after"] - whole["before"]).max() > 0.01


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"negatives": 2, "mix": True, "training": {"accumulation": 2, "length_groups": 2}},
    ],
    ids=["pairs", "accumulated-triplets"],
)
@pytest.mark.parametrize("world", [1, 2])
def test_killed_and_resumed_equals_never_killed(
    world: int, options: dict, tokenizer: Path, tmp_path: Path
) -> None:
    kill_at = random.SystemRandom().randrange(5, SETTINGS.steps - 1)
    options = options | {"dropout": 0.1}
    out = tmp_path / "out"
    launch(world, {"run": options | {"kill_at": kill_at}}, tokenizer, out, killed=True)
    assert not (out / "run.0.npz").exists()
    launch(world, {"run": options, "straight": options}, tokenizer, out)
    for resumed, straight in zip(
        left(out, "run", world), left(out, "straight", world), strict=True
    ):
        start = int(resumed["resumed_at"][0])
        assert 4 <= start <= kill_at + 1, kill_at
        np.testing.assert_array_equal(resumed["after"], straight["after"], str(kill_at))
        np.testing.assert_array_equal(resumed["loss"], straight["loss"], str(kill_at))
        np.testing.assert_array_equal(resumed["digest"], straight["digest"], str(kill_at))
        np.testing.assert_array_equal(resumed["batches"], straight["batches"][start:])
    assert resumed["loss"][-6:].mean() < resumed["loss"][:6].mean()
