"""Real text as a world: fine-tune on MLQA-R, test on XQuAD-R, pre-train on NTREX.

| part | from | kept apart by |
| --- | --- | --- |
| training, development | MLQA-R, without what overlaps XQuAD-R | connected paragraphs |
| test | XQuAD-R, all of it | another data set; the overlap is searched for and dropped |
| pre-training, low-resource | NTREX-128 | documents: 100 and 23 |

Published encoders bring their pre-training along. For them NTREX is not read, and training may be
another set (`read_for_published`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hbt import sources
from hbt.corpus import Benchmark, CorpusError, ParallelItems, ParallelText
from hbt.sources.lareqa import lareqa_benchmark, paragraph_clusters

DEVELOPMENT_SHARE = 0.15
HELD_OUT_DOCUMENTS = 23

# Low-resource language of NTREX -> a language of XQuAD-R in the same branch of its family
# (Glottolog 5: Turkic; Germanic; Semitic; Indo-Aryan). The others have none.
RELATED = {
    "bak": "tr",
    "tat": "tr",
    "tuk": "tr",
    "fao": "de",
    "ltz": "de",
    "mlt": "ar",
    "tir": "ar",
    "div": "hi",
}
LANGUAGE_NAMES = {
    "ar": "Arabic",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "hi": "Hindi",
    "ru": "Russian",
    "th": "Thai",
    "tr": "Turkish",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
"""Of XQuAD-R, MLQA-R and the paper's mMARCO; those of NTREX come with it."""


@dataclass(frozen=True)
class RealText:
    """The parts of the real world; see the table above."""

    training: ParallelItems
    development: Benchmark
    test: Benchmark
    pretraining: ParallelText
    held_out: ParallelText
    unseen_languages: tuple[str, ...]
    low_resource_languages: tuple[str, ...]
    nearest: dict[str, str]
    language_names: dict[str, str]

    def benchmark(self, name: str) -> Benchmark:
        """`development`, `test` or `low-resource`.

        Raises:
            CorpusError: `low-resource` is asked for, and NTREX was not read.
        """
        if name == "low-resource":
            if not self.low_resource_languages:
                raise CorpusError("there is no low-resource benchmark beside published encoders")
            return sources.ntrex_benchmark(self.held_out)
        return self.development if name == "development" else self.test


def read(folder: Path) -> RealText:
    """Read all parts from a folder that has xquad-r, mlqa-r and ntrex.

    Raises:
        CorpusError: a file is missing, broken, or holds other counts than were published.
    """
    test = sources.read_xquad_r(folder)
    training, development = _read_mlqa_r(folder)
    low_resource = sources.ntrex_low_resource(folder)
    unseen = tuple(code for code in test.languages if code not in training.languages)
    high_resource = (*training.languages, *unseen)
    text = sources.read_ntrex(folder, (*high_resource, *low_resource))
    pretraining, held_out = sources.split_documents(text, HELD_OUT_DOCUMENTS)
    names = sources.ntrex_language_names(folder)
    return RealText(
        training=training,
        development=development,
        test=test.restrict(high_resource),
        pretraining=pretraining,
        held_out=held_out,
        unseen_languages=unseen,
        low_resource_languages=low_resource,
        nearest={code: RELATED.get(code, "") for code in low_resource},
        language_names={
            code: names.get(sources.NTREX_CODES.get(code, code), code) for code in text.languages
        },
    )


def read_for_published(folder: Path, training: str) -> RealText:
    """The parts that a published encoder needs, from a folder that has xquad-r and mlqa-r.

    Args:
        folder: the folder of real text.
        training: "mlqa-r" for the items of `read`; else a name for
            `hbt.sources.training_data.training_items`.

    Raises:
        CorpusError: as `read`, or there is no such training data.
    """
    from hbt.sources.training_data import training_items

    test = sources.read_xquad_r(folder)
    items, development = _read_mlqa_r(folder)
    if training != "mlqa-r":
        items = training_items(training, folder)
    unseen = tuple(code for code in test.languages if code not in items.languages)
    seen = tuple(code for code in items.languages if code in test.languages)
    nothing = ParallelText("no text", (), {}, np.zeros(0, dtype=np.int64))
    return RealText(
        training=items,
        development=development,
        test=test.restrict((*seen, *unseen)),
        pretraining=nothing,
        held_out=nothing,
        unseen_languages=unseen,
        low_resource_languages=(),
        nearest={},
        language_names={
            code: LANGUAGE_NAMES.get(code, code) for code in (*items.languages, *unseen)
        },
    )


def _read_mlqa_r(folder: Path) -> tuple[ParallelItems, Benchmark]:
    """Training items and the development benchmark, without what overlaps XQuAD-R."""
    paragraphs = sources.read_paragraphs(folder, sources.MLQA_R)
    cluster_of = paragraph_clusters(paragraphs)
    overlapping = {cluster_of[name] for name in sources.MLQA_R_OVERLAPS}
    chosen = {
        name
        for name, cluster in cluster_of.items()
        if cluster not in overlapping and _is_development(cluster)
    }
    development = {
        language: [paragraph for paragraph in found if paragraph.name in chosen]
        for language, found in paragraphs.items()
    }
    drop = (*sources.MLQA_R_OVERLAPS, *sorted(chosen))
    items = sources.mlqa_r_items(folder, drop=drop)
    return items, lareqa_benchmark(development, sources.MLQA_R)


def _is_development(cluster: int) -> bool:
    """A fixed draw by the cluster's number, the same on every machine."""
    draw = hashlib.sha256(f"development-{cluster}".encode()).digest()[:4]
    return int.from_bytes(draw, "big") < DEVELOPMENT_SHARE * 2**32
