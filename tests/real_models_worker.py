"""`hbt` on data sets that are tiny: `real_models_worker.py COUNTS.json ARGUMENTS ...`.

The published counts are replaced by those of the stand-in's files; nothing else is. With KILL_AT in
the environment the first process is killed at that step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

from hbt import sources
from hbt.sources import lareqa, miracl, mldr, pins
from hbt.suite.cli import main


def use_tiny_counts(counts: dict[str, dict[str, list[int]]]) -> None:
    pins._known_files = dict  # hashes of the real files
    for lareqa_set in (lareqa.XQUAD_R, lareqa.MLQA_R):
        lareqa_set.counts.update(counts[lareqa_set.folder])
        object.__setattr__(lareqa_set, "relevant", tuple(counts["relevant"][lareqa_set.folder]))
    for module, name in (
        (sources, "read_miracl_hard_negatives"),
        (sources, "read_mldr"),
        (miracl, "hard_negatives_task"),
        (mldr, "mldr_task"),
    ):
        setattr(module, name, partial(getattr(module, name), check_count=False))


def kill_at(step: int) -> None:
    from hbt.trainer import PlanTrainer

    compute_loss = PlanTrainer.compute_loss

    def killing(trainer: PlanTrainer, *arguments: object, **named: object) -> object:
        if trainer.state.global_step >= step and os.environ.get("RANK", "0") == "0":
            os.kill(os.getpid(), signal.SIGKILL)
        return compute_loss(trainer, *arguments, **named)

    PlanTrainer.compute_loss = killing


if __name__ == "__main__":
    use_tiny_counts(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    if "KILL_AT" in os.environ:
        kill_at(int(os.environ["KILL_AT"]))
    sys.exit(main(sys.argv[2:]))
