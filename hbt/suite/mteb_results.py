"""Results in the layout of mteb's files, so that its tables and scripts can read them.

One file for each benchmark: `task_name`, and under `scores` a split with a row for each cell. The
benchmarks are not mteb's tasks of similar names (its XQuADRetrieval retrieves paragraphs within a
language), so that each task is named after its own data, with "(hbt)" behind.
"""

from __future__ import annotations

from typing import Any

from hbt.suite.evaluate import Outcome

_ALL = "all"
_NAMES = {  # ours, at full depth unless it says otherwise -> as mteb writes a retrieval metric
    "mAP": "map",
    "nDCG@10": "ndcg_at_10",
    "R@1": "recall_at_1",
    "R@10": "recall_at_10",
    "R@100": "recall_at_100",
    "MRR": "mrr",
    "Success@10": "hit_rate_at_10",
}
_CODES = {  # of the benchmarks -> as mteb writes a language: ISO 639-3 and script
    "ar": "ara-Arab",
    "bn": "ben-Beng",
    "de": "deu-Latn",
    "el": "ell-Grek",
    "en": "eng-Latn",
    "es": "spa-Latn",
    "fa": "fas-Arab",
    "fi": "fin-Latn",
    "fr": "fra-Latn",
    "hi": "hin-Deva",
    "id": "ind-Latn",
    "it": "ita-Latn",
    "ja": "jpn-Jpan",
    "ko": "kor-Kore",
    "pt": "por-Latn",
    "ru": "rus-Cyrl",
    "sw": "swh-Latn",
    "te": "tel-Telu",
    "th": "tha-Thai",
    "tr": "tur-Latn",
    "vi": "vie-Latn",
    "yo": "yor-Latn",
    "zh": "zho-Hans",
}


def mteb_result(outcome: Outcome, split: str = "test", main: str = "mAP") -> dict[str, Any]:
    """The result of an evaluation, as plain values.

    Args:
        outcome: what was evaluated.
        split: name of the split.
        main: the metric that is the main score.
    """
    from hbt.suite.machine import versions

    rows = []
    keys = ["query_language", "passage_language"]
    for (query, passage), cell in outcome.evaluation.scores.groupby(keys, sort=False):
        values = {
            metric: float(value)
            for metric, value in zip(cell["metric"], cell["value"], strict=True)
            if value == value  # what is not known is left out
        }
        known = {_NAMES[metric]: value for metric, value in values.items() if metric in _NAMES}
        pool = outcome.benchmark.languages if passage == _ALL else (passage,)
        rows.append(
            {
                "hf_subset": f"{query}-{passage}",
                "languages": [_CODES.get(code, code) for code in dict.fromkeys((query, *pool))],
                "main_score": values.get(main),
                **known,
            }
        )
    return {
        "dataset_revision": outcome.benchmark.digest(),
        "task_name": f"{outcome.benchmark.name} (hbt)",
        "mteb_version": None,
        "hbt_version": versions()["hbt"],
        "main_metric": main,
        "scores": {split: rows},
        "evaluation_time": round(outcome.seconds, 3),
        "kg_co2_emissions": None,
    }
