"""Real text as a world: fine-tune on MLQA-R, test on XQuAD-R, pre-train on NTREX.

| part | from | kept apart by |
| --- | --- | --- |
| training, development | MLQA-R, without what overlaps XQuAD-R | connected paragraphs |
| test | XQuAD-R, all of it | another data set; the overlap is searched for and dropped |
| pre-training, low-resource | NTREX-128 | documents: 100 and 23 |
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hbt import sources
from hbt.corpus import Benchmark, ParallelItems, ParallelText
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
        """`development`, `test` or `low-resource`."""
        if name == "low-resource":
            return sources.ntrex_benchmark(self.held_out)
        return self.development if name == "development" else self.test


def read(folder: Path) -> RealText:
    """Read all parts from a folder that has xquad-r, mlqa-r and ntrex.

    Raises:
        CorpusError: a file is missing, broken, or holds other counts than were published.
    """
    test = sources.read_xquad_r(folder)
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
    training = sources.mlqa_r_items(folder, drop=drop)
    low_resource = sources.ntrex_low_resource(folder)
    unseen = tuple(code for code in test.languages if code not in training.languages)
    high_resource = (*training.languages, *unseen)
    text = sources.read_ntrex(folder, (*high_resource, *low_resource))
    pretraining, held_out = sources.split_documents(text, HELD_OUT_DOCUMENTS)
    names = sources.ntrex_language_names(folder)
    return RealText(
        training=training,
        development=lareqa_benchmark(development, sources.MLQA_R),
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


def _is_development(cluster: int) -> bool:
    """A fixed draw by the cluster's number, the same on every machine."""
    draw = hashlib.sha256(f"development-{cluster}".encode()).digest()[:4]
    return int.from_bytes(draw, "big") < DEVELOPMENT_SHARE * 2**32
