"""A benchmark by its name or its folder, for the commands that take `--benchmark`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hbt.corpus import Benchmark, CorpusError

XQUAD_R, MLQA_R, VILLAGE = "xquad-r", "mlqa-r", "village"
NAMES = (XQUAD_R, MLQA_R, VILLAGE)
STREAMED = ("miracl", "miracl-hard-negatives", "mldr")
"""Benchmarks within languages, read whole; "NAME:LANGUAGES" names some, as mldr:hi,it."""

VILLAGE_SPLITS = ("test", "development", "swap_probe", "low-resource")


def load_benchmark(
    name: str,
    *,
    data_dir: str | Path = "",
    split: str = "test",
    language: str | None = None,
    profile: str = "classroom",
) -> Benchmark:
    """One of `NAMES` or `STREAMED`, or a folder in BEIR's layout or of `hbt data export`.

    Args:
        name: the name or the folder.
        data_dir: the folder of real data; "" for the cache, or a download.
        split: of a BEIR folder, the judgments; of the village, one of `VILLAGE_SPLITS`.
        language: of a BEIR folder's records that name none.
        profile: the size of the village: smoke, classroom or full.

    Raises:
        CorpusError: the data is missing or broken.
        ValueError: there is no such benchmark, split or profile, or an option has no meaning here.
    """
    from hbt import sources
    from hbt.sources.trec import is_trec

    check_benchmark(name, data_dir=data_dir, split=split, language=language)
    kind, languages = _streamed(name)
    folder = data_dir or None
    if kind == "mldr":
        return sources.read_mldr(languages, split, folder)
    if kind == "miracl":
        return sources.read_miracl(languages, "dev", folder)
    if kind is not None:
        return sources.read_miracl_hard_negatives(languages, folder)
    if name == VILLAGE:
        return _village(split, profile)
    if name in NAMES:
        read = sources.read_xquad_r if name == XQUAD_R else sources.read_mlqa_r
        return read(data_dir or sources.fetch(name))
    if is_trec(Path(name)):
        return sources.read_trec(name)
    return sources.read_beir(name, split=split, language=language)


def check_benchmark(
    name: str,
    *,
    data_dir: str | Path = "",
    split: str = "test",
    language: str | None = None,
) -> None:
    """Can this be a benchmark? Looks at names and at which files a folder has, and reads no text.

    Args:
        name: as for `load_benchmark`.
        data_dir: the same.
        split: the same.
        language: the same.

    Raises:
        CorpusError: an unknown language, or a folder or a file of it is missing.
        ValueError: as `load_benchmark`.
    """
    from hbt.sources.beir import beir_files
    from hbt.sources.files import data_folder
    from hbt.sources.trec import is_trec, trec_files

    kind, _ = _streamed(name)
    if kind is not None or name in NAMES:
        if language is not None and kind is None:
            raise ValueError(f"--language is for a folder; the records of {name} have languages")
        _check_split(kind or name, split)
        if data_dir and name != VILLAGE:
            data_folder(data_dir, ())
        return
    folder = Path(name)
    if not name or not folder.is_dir():
        raise ValueError(
            f"benchmark {name!r} is none of {', '.join((*NAMES, *STREAMED))}, and no folder"
        )
    if is_trec(folder):
        trec_files(folder)
    else:
        beir_files(folder, split)


def obtain_benchmark(
    name: str, *, data_dir: str | Path = "", split: str = "test", profile: str = "classroom"
) -> None:
    """Make sure that a benchmark can be loaded later, on a machine that has no network then.

    Downloads what is missing and reads all; of those in `STREAMED`, which may be large, queries,
    judgments and the first passage of each language.

    Args:
        name: as for `load_benchmark`.
        data_dir: the same.
        split: the same.
        profile: the same.

    Raises:
        CorpusError: as `load_benchmark`.
        ValueError: as `load_benchmark`.
    """
    from hbt.sources.miracl import hard_negatives_task, miracl_task
    from hbt.sources.mldr import mldr_task

    kind, languages = _streamed(name)
    if kind is None:
        load_benchmark(name, data_dir=data_dir, split=split, profile=profile)
        return
    check_benchmark(name, data_dir=data_dir, split=split)
    folder = data_dir or None
    for code in languages:
        if kind == "mldr":
            task = mldr_task(code, split, folder)
        elif kind == "miracl":
            task = miracl_task(code, "dev", folder)
        else:
            task = hard_negatives_task(code, folder)
        next(iter(task.passages()), None)


def _streamed(name: str) -> tuple[str | None, Sequence[str]]:
    """Which of `STREAMED` it is and its languages; none for another benchmark.

    Raises:
        CorpusError: it has no such language.
    """
    from hbt.sources.miracl import MIRACL_LANGUAGES
    from hbt.sources.mldr import MLDR_LANGUAGES

    kind, _, languages = name.partition(":")
    if kind not in STREAMED:
        return None, ()
    known = MLDR_LANGUAGES if kind == "mldr" else MIRACL_LANGUAGES
    codes = languages.split(",") if languages else known
    for code in codes:
        if code not in known:
            raise CorpusError(f"{kind} has no language {code!r}, only {', '.join(known)}")
        if codes.count(code) > 1:
            raise CorpusError(f"benchmark {name!r} names {code} twice")
    return kind, codes


def _check_split(kind: str, split: str) -> None:
    """Raises ValueError where the benchmark of that name has no such split."""
    if kind in ("miracl", "miracl-hard-negatives"):
        fitting, shown = ("test", "dev"), "dev, whose judgments are public"
    else:
        fitting = {VILLAGE: VILLAGE_SPLITS, "mldr": ("dev", "test")}.get(kind, ("test",))
        shown = ", ".join(fitting)
    if split not in fitting:
        raise ValueError(f"{kind} has no split {split!r}, only {shown}")


def _village(split: str, profile: str) -> Benchmark:
    from hbt import village
    from hbt.suite.profiles import profile_settings
    from hbt.suite.worlds import load_world

    settings = profile_settings(profile).base.world
    if split == "swap_probe":
        return village.make(settings.village).swap_probe
    return load_world(settings).benchmark(split)
