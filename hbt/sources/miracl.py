"""MIRACL (Zhang et al. 2023): Wikipedia passages in 18 languages, questions by native speakers.

Monolingual: a question's relevant passages are in its own language. A passage id is "X#Y",
paragraph Y of article X; its text is title and text with a blank between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

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
from hbt.sources.streamed import (
    StreamedTask,
    check_number,
    collect_judgments,
    collect_queries,
    counted,
    load_benchmark,
    read_judgments,
)


class _Sizes(NamedTuple):
    passages: int
    files: int  # of the corpus
    train: int  # queries, 0 for no such split
    dev: int


# The README of project-miracl/miracl (the paper's Table 11 has ar as 2,869 dev queries, and en and
# es the wrong way round).
_SIZES = {
    "ar": _Sizes(2_061_414, 5, 3_495, 2_896),
    "bn": _Sizes(297_265, 1, 1_631, 411),
    "de": _Sizes(15_866_222, 32, 0, 305),
    "en": _Sizes(32_893_221, 66, 2_863, 799),
    "es": _Sizes(10_373_953, 21, 2_162, 648),
    "fa": _Sizes(2_207_172, 5, 2_107, 632),
    "fi": _Sizes(1_883_509, 4, 2_897, 1_271),
    "fr": _Sizes(14_636_953, 30, 1_143, 343),
    "hi": _Sizes(506_264, 2, 1_169, 350),
    "id": _Sizes(1_446_315, 3, 4_071, 960),
    "ja": _Sizes(6_953_614, 14, 3_477, 860),
    "ko": _Sizes(1_486_752, 3, 868, 213),
    "ru": _Sizes(9_543_918, 20, 4_683, 1_252),
    "sw": _Sizes(131_924, 1, 1_901, 482),
    "te": _Sizes(518_079, 2, 3_452, 828),
    "th": _Sizes(542_166, 2, 2_972, 733),
    "yo": _Sizes(49_043, 1, 0, 119),
    "zh": _Sizes(4_934_368, 10, 1_312, 393),
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
MIRACL_TRAIN_LANGUAGES = tuple(code for code, sizes in _SIZES.items() if sizes.train)
"""All but de and yo, which have a dev split only."""


def miracl_topic_paths(language: str, split: str = "dev") -> list[str]:
    """Paths of the queries and of the judgments of a language."""
    _check(language, split)
    place, name = f"miracl-v1.0-{language}", f"miracl-v1.0-{language}-{split}.tsv"
    return [f"{place}/topics/topics.{name}", f"{place}/qrels/qrels.{name}"]


def miracl_corpus_paths(language: str) -> list[str]:
    """Paths of the files with the passages of a language."""
    _check(language)
    n_files = _SIZES[language].files
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
    queries = collect_queries((str(topics), *row) for row in read_tsv(topics, 2))
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
    passages = (_passage(*row) for path in files for row in json_lines(path))
    published = _SIZES[language].passages if check_count else None
    return counted(passages, published, f"MIRACL {language}: passages")


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
        check_count: compare the numbers of queries and passages with the published ones.

    Raises:
        CorpusError: as `miracl_queries`, or another number of queries.
    """
    queries, judgments = miracl_queries(language, split, folder)
    if check_count:
        published = getattr(_SIZES[language], split)
        check_number(len(queries), published, f"MIRACL {language}: {split} queries")
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
        rows = (
            (str(passage), f"{title or ''} {text}".strip())
            for path in files("corpus")
            for passage, text, title in read_parquet(path, ("_id", "text"), ("title",))
        )
        published = _HARD_SIZES[language][0] if check_count else None
        return counted(rows, published, f"{name}: passages")

    queries = collect_queries(
        (str(path), str(query), text)
        for path in files("queries")
        for query, text in read_parquet(path, ("_id", "text"))
    )
    if check_count:
        check_number(len(queries), _HARD_SIZES[language][1], f"{name}: queries")
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


def _passage(place: str, record: Any) -> tuple[str, str]:
    title, text = (member(record, key, str, place) for key in ("title", "text"))
    return member(record, "docid", str, place), f"{title} {text}".strip()


def _check(language: str, split: str = "dev") -> None:
    if language not in _SIZES:
        raise CorpusError(f"MIRACL has no language {language!r}, only {MIRACL_LANGUAGES}")
    if split not in ("dev", "train") or not getattr(_SIZES[language], split):
        raise CorpusError(f"MIRACL {language} has no split {split!r}")
