"""`hbt train` on data in several languages with MIRACL and MLDR beside it, from an empty cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hub_files
import pytest
from hub_stand_in import StandIn, hub_environment, hub_stand_in

from hbt.sources import origins
from hbt.training_log import STEPS, read_steps

N = 24  # questions of a source in a language, as many as three batches need
WORKER = Path(__file__).with_name("mix_worker.py")
REVISION = "e" * 40
CONFIG = """
model: {name: static, dimension: 16, vocabulary_size: 300}
data: {training: mmarco+miracl+mldr, languages: [en, de, sw]}
sampling: {sampling: hybrid, alpha: 0.5, batch_size: 8}
training: {steps: 60}
"""


@dataclass
class Place:
    """A folder, an empty cache, and a stand-in for the hub."""

    folder: Path
    stand_in: StandIn

    def hbt(self, *arguments: str, world: int = 1) -> str:
        """`hbt ARGUMENTS` in so many new processes; its output."""
        command = [sys.executable]
        if world > 1:
            command += ["-m", "torch.distributed.run", "--standalone"]
            command += ["--local-addr=127.0.0.1", f"--nproc-per-node={world}"]
        done = subprocess.run(
            [*command, str(WORKER), "sizes.json", *arguments],
            env=os.environ
            | hub_environment(self.stand_in, self.folder / "cache")
            | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("mix")
    sizes: dict[str, dict[str, dict[str, int]]] = {"miracl": {}, "mldr": {}}
    topics, corpus, long = {}, {}, {}
    for code in ("sw", "en"):
        questions, passages = hub_files.miracl_training(code, N)
        topics |= questions
        corpus |= passages
        sizes["miracl"][code] = {"passages": N + 2, "files": 1, "train": N + 1}
    for code in ("de", "en"):
        long |= hub_files.mldr_training(code, N)
        sizes["mldr"][code] = {"train": N}
    (folder / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")
    (folder / "mix.yaml").write_text(CONFIG, encoding="utf-8")
    with hub_stand_in() as stand_in:
        for origin, files in (
            (origins.MMARCO_ORIGIN, hub_files.mmarco_training(N)),
            (origins.MIRACL_ORIGIN, topics),
            (origins.MIRACL_CORPUS_ORIGIN, corpus),
            (origins.MLDR_ORIGIN, long),
        ):
            stand_in.add(origin.repository, origin.revision or REVISION, files)
            stand_in.large |= {path for path in files if path.endswith(".gz")}
        yield Place(folder, stand_in)


def test_two_processes_train_on_a_mix(place: Place) -> None:
    assert "train.json" in place.hbt("train", "mix.yaml", "--out", "two", world=2)
    for (method, path), times in place.stand_in.asked.items():
        assert method != "GET" or times == 1, f"{path} was downloaded twice"
    assert "every recorded step is what the plan makes" in place.hbt(
        "audit", "two/training", "--json", "audit.json"
    )
    found = json.loads((place.folder / "audit.json").read_text(encoding="utf-8"))
    assert found["recorded"] == 60
    assert found["clashes"] == 0
    assert found["sources"].keys() == {"mMARCO", "MIRACL", "MLDR"}
    assert found["pairs"].keys() == {"en en", "de de", "sw sw", "en de", "de en"}
    cross_lingual = 8 * found["kinds"]["cross-lingual"]
    assert found["pairs"]["en de"] + found["pairs"]["de en"] == cross_lingual
    assert 0 < found["kinds"]["cross-lingual"] <= found["sources"]["mMARCO"]


def test_one_process_draws_what_two_draw(place: Place) -> None:
    place.hbt("train", "mix.yaml", "--out", "one")
    one, two = (read_steps(place.folder / name / "training" / STEPS) for name in ("one", "two"))
    assert len(one) == 60
    assert [digest for *_, digest in one] == [digest for *_, digest in two]
