"""Which checkpoint to keep: the best on a development set, by one named score.

While a training goes on, its model is scored every so many steps on data that is neither trained
on nor reported; the best one so far lies in `best/`, and `selection.tsv` has every score. Ties are
won by the earlier step. A training that is resumed drops the scores after its checkpoint and makes
them again. The callback that does it is `hbt.selection_callback.Selection`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hbt.corpus import Benchmark

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BEST = "best"
SCORES = "selection.tsv"
HEAD = "step\tscore\n"


@dataclass(frozen=True)
class SelectionSettings:
    """How a checkpoint is chosen.

    Attributes:
        setting: monolingual, cross-lingual or multilingual.
        metric: of that setting, as `hbt.evaluation` names it; higher is better.
        every: steps between scores; the last step is always scored.

    Raises:
        ValueError: the setting is unknown or `every` is below 1.
    """

    setting: str = "multilingual"
    metric: str = "mAP"
    every: int = 500

    def __post_init__(self) -> None:
        from hbt.evaluation import SETTINGS, Metric

        if self.setting not in SETTINGS:
            raise ValueError(f"setting {self.setting!r} is none of {', '.join(SETTINGS)}")
        if self.every < 1:
            raise ValueError(f"every is {self.every}, at least 1 is needed")
        Metric.parse(self.metric)


def development_score(
    model: SentenceTransformer, benchmark: Benchmark, settings: SelectionSettings
) -> float:
    """The mean over the cells of the setting.

    Raises:
        ValueError: no query of the benchmark has a relevant passage in such a pool.
    """
    from hbt.encoders import encode
    from hbt.evaluation import evaluate
    from hbt.retrieval import count

    queries = encode(model, benchmark.query_texts, "query")
    passages = encode(model, benchmark.passage_texts, "passage")
    found = evaluate(benchmark, count(benchmark, queries, passages), metrics=(settings.metric,))
    summary = found.summary()
    if settings.setting not in summary.index:
        raise ValueError(f"{benchmark.name} has no {settings.setting} pool to select by")
    return float(summary.loc[settings.setting, settings.metric])


def read_scores(folder: Path) -> dict[int, float]:
    """Step -> score of a training; empty where nothing was scored.

    Raises:
        ValueError: the file is broken.
    """
    path = folder / SCORES
    if not path.is_file():
        return {}
    head, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    try:
        if head + "\n" != HEAD:
            raise ValueError(head)
        return {int(step): float(score) for step, score in (line.split("\t") for line in lines)}
    except ValueError:
        raise ValueError(f"{path} is no table of scores by step") from None
