"""MIRACL (Zhang et al. 2023): Wikipedia passages in 18 languages, questions by native speakers.

Monolingual: a question's relevant passages are in its own language. A passage id is "X#Y",
paragraph Y of article X; its text is title and text with a blank between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from hbt.corpus import Benchmark, CorpusError
from hbt.sources.files import member
from hbt.sources.hub import list_files, locate
from hbt.sources.lines import json_lines
from hbt.sources.origins import (
    MIRACL_CORPUS_ORIGIN,
    MIRACL_HARD_NEGATIVES_ORIGIN,
    MIRACL_ORIGIN,
)
from hbt.sources.rows import read_parquet, read_tsv
from hbt.sources.streamed import StreamedTask, collect_judgments, load_benchmark, read_judgments

# Passages, files of the corpus, queries of dev: the README of project-miracl/miracl (the paper's
# Table 11 has ar as 2,869 and en and es the wrong way round).
_SIZES = {
    "ar": (2_061_414, 5, 2_896),
    "bn": (297_265, 1, 411),
    "de": (15_866_222, 32, 305),
    "en": (32_893_221, 66, 799),
    "es": (10_373_953, 21, 648),
    "fa": (2_207_172, 5, 632),
    "fi": (1_883_509, 4, 1_271),
    "fr": (14_636_953, 30, 343),
    "hi": (506_264, 2, 350),
    "id": (1_446_315, 3, 960),
    "ja": (6_953_614, 14, 860),
    "ko": (1_486_752, 3, 213),
    "ru": (9_543_918, 20, 1_252),
    "sw": (131_924, 1, 482),
    "te": (518_079, 2, 828),
    "th": (542_166, 2, 733),
    "yo": (49_043, 1, 119),
    "zh": (4_934_368, 10, 393),
}
# Passages and queries of the hard negatives, as mteb counts them.
_HARD_SIZES = {
    "ar": (192_103, 1_000),
    "bn": (297_265, 411),
    "de": (71_277, 305),
    "en": (178_768, 799),
    "es": (146_750, 648),
    "fa": (133_596, 632),
    "fi": (194_415, 1_000),
    "fr": (75_357, 343),
    "hi": (63_066, 350),
    "id": (168_173, 960),
    "ja": (185_319, 860),
    "ko": (43_293, 213),
    "ru": (219_114, 1_000),
    "sw": (131_924, 482),
    "te": (101_961, 828),
    "th": (116_649, 733),
    "yo": (49_043, 119),
    "zh": (81_309, 393),
}
MIRACL_LANGUAGES = tuple(_SIZES)
DEV_ONLY = ("de", "yo")
"""The languages without a training split."""


def miracl_topic_paths(language: str, split: str = "dev") -> list[str]:
    """Paths of the queries and of the judgments of a language."""
    _check(language, split)
    place, name = f"miracl-v1.0-{language}", f"miracl-v1.0-{language}-{split}.tsv"
    return [f"{place}/topics/topics.{name}", f"{place}/qrels/qrels.{name}"]


def miracl_corpus_paths(language: str) -> list[str]:
    """Paths of the files with the passages of a language."""
    _check(language)
    n_files = _SIZES[language][1]
    return [f"miracl-corpus-v1.0-{language}/docs-{i}.jsonl.gz" for i in range(n_files)]


def miracl_queries(
    language: str, split: str = "dev", folder: str | Path | None = None
) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Queries (id -> text) and judgments (query id -> passage id -> 1 or 0).

    Args:
        language: one of `MIRACL_LANGUAGES`.
        split: "dev" or "train".
        folder: as for `hbt.sources.hub.locate`.

    Raises:
        CorpusError: an unknown language or split, or a file is missing or broken.
    """
    topics, qrels = locate(MIRACL_ORIGIN, miracl_topic_paths(language, split), folder)
    queries: dict[str, str] = {}
    for query, text in read_tsv(topics, 2):
        if query in queries:
            raise CorpusError(f"{topics}: query {query!r} comes a second time")
        queries[query] = text
    return queries, read_judgments(qrels)


def miracl_passages(
    language: str, folder: str | Path | None = None, *, check_count: bool = True
) -> Iterator[tuple[str, str]]:
    """The stream of (id, text) of all passages of a language, file by file.

    Args:
        language: one of `MIRACL_LANGUAGES`.
        folder: as for `hbt.sources.hub.locate`.
        check_count: at the end, compare the number of passages with the published one.

    Raises:
        CorpusError: an unknown language, a missing or broken file, or another number of passages.
    """
    files = locate(MIRACL_CORPUS_ORIGIN, miracl_corpus_paths(language), folder)
    found = 0
    for path in files:
        for place, record in json_lines(path):
            title = member(record, "title", str, place)
            text = member(record, "text", str, place)
            yield member(record, "docid", str, place), f"{title} {text}".strip()
            found += 1
    if check_count and found != _SIZES[language][0]:
        n_passages = _SIZES[language][0]
        raise CorpusError(f"{files[0].parent} has {found:,} passages, MIRACL has {n_passages:,}")


def miracl_task(
    language: str,
    split: str = "dev",
    folder: str | Path | None = None,
    *,
    check_count: bool = True,
) -> StreamedTask:
    """A language of MIRACL, its passages as a stream.

    Args:
        language: one of `MIRACL_LANGUAGES`.
        split: "dev" or "train".
        folder: as for `hbt.sources.hub.locate`.
        check_count: compare the numbers of dev queries and passages with the published ones.

    Raises:
        CorpusError: as `miracl_queries`, or another number of queries.
    """
    queries, judgments = miracl_queries(language, split, folder)
    if check_count and split == "dev" and len(queries) != _SIZES[language][2]:
        raise CorpusError(
            f"MIRACL {language} has {_SIZES[language][2]} dev queries, not {len(queries)}"
        )
    passages = partial(miracl_passages, language, folder, check_count=check_count)
    return StreamedTask(f"MIRACL {language} {split}", language, queries, judgments, passages)


def hard_negatives_task(
    language: str, folder: str | Path | None = None, *, check_count: bool = True
) -> StreamedTask:
    """A language of MIRACL's hard negatives: the dev queries over a small pool.

    mteb's copy: pools of the first 250 of BM25, mE5-large and e5-mistral for each query; ar, fi
    and ru have 1,000 queries.

    Args:
        language: one of `MIRACL_LANGUAGES`.
        folder: as for `hbt.sources.hub.locate`; it has `{language}-corpus`, `{language}-queries`
            and `{language}-qrels` with parquet files.
        check_count: compare the numbers of queries and passages with the published ones.

    Raises:
        CorpusError: an unknown language, or a file is missing or broken.
    """
    _check(language)
    origin, name = MIRACL_HARD_NEGATIVES_ORIGIN, f"MIRACL hard negatives {language}"

    def files(part: str) -> list[Path]:
        paths = list_files(origin, f"{language}-{part}", folder)
        return locate(origin, [path for path in paths if path.endswith(".parquet")], folder)

    def passages() -> Iterator[tuple[str, str]]:
        found = 0
        for path in files("corpus"):
            for passage, text, title in read_parquet(path, ("_id", "text"), ("title",)):
                yield str(passage), f"{title or ''} {text}".strip()
                found += 1
        if check_count and found != _HARD_SIZES[language][0]:
            raise CorpusError(f"{name}: {found:,} passages, not {_HARD_SIZES[language][0]:,}")

    queries = {
        str(query): text
        for path in files("queries")
        for query, text in read_parquet(path, ("_id", "text"))
    }
    if check_count and len(queries) != _HARD_SIZES[language][1]:
        raise CorpusError(f"{name}: {len(queries):,} queries, not {_HARD_SIZES[language][1]:,}")
    rows = (
        (str(path), str(query), str(passage), grade)
        for path in files("qrels")
        for query, passage, grade in read_parquet(path, ("query-id", "corpus-id", "score"))
    )
    return StreamedTask(name, language, queries, collect_judgments(rows), passages)


def read_miracl_hard_negatives(
    languages: Sequence[str] = MIRACL_LANGUAGES,
    folder: str | Path | None = None,
    *,
    check_count: bool = True,
) -> Benchmark:
    """MIRACL's hard negatives in memory; see `hard_negatives_task`.

    All 18 languages are about 2.4 million passages.
    """
    tasks = [hard_negatives_task(code, folder, check_count=check_count) for code in languages]
    return load_benchmark(tasks, "MIRACL hard negatives")


def read_miracl(
    languages: Sequence[str],
    split: str = "dev",
    folder: str | Path | None = None,
    *,
    check_count: bool = True,
) -> Benchmark:
    """Whole languages of MIRACL in memory: for yo, sw, bn, hi, te and th; see `miracl_task`."""
    tasks = [miracl_task(code, split, folder, check_count=check_count) for code in languages]
    return load_benchmark(tasks, f"MIRACL {split}")


def _check(language: str, split: str = "dev") -> None:
    if language not in _SIZES:
        raise CorpusError(f"MIRACL has no language {language!r}, only {MIRACL_LANGUAGES}")
    if split not in ("dev", "train") or (split == "train" and language in DEV_ONLY):
        raise CorpusError(f"MIRACL {language} has no split {split!r}")
