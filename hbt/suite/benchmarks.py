"""A benchmark by its name or its folder, for the commands that take `--benchmark`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hbt.corpus import Benchmark

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

    kind, _, languages = name.partition(":")
    if kind in STREAMED:
        return _streamed(kind, languages.split(",") if languages else None, data_dir, split)
    is_folder = name not in NAMES
    if language is not None and not is_folder:
        raise ValueError(f"--language is for a folder; the records of {name} have languages")
    if name == VILLAGE:
        return _village(split, profile)
    if not is_folder:
        if split != "test":
            raise ValueError(f"{name} has no split {split!r}, only test")
        read = sources.read_xquad_r if name == XQUAD_R else sources.read_mlqa_r
        return read(data_dir or sources.fetch(name))
    folder = Path(name)
    if not name or not folder.is_dir():
        raise ValueError(
            f"benchmark {name!r} is none of {', '.join((*NAMES, *STREAMED))}, and no folder"
        )
    if any((folder / f"ids.tsv{ending}").is_file() for ending in ("", ".gz")):
        return sources.read_trec(folder)
    return sources.read_beir(folder, split=split, language=language)


def _streamed(
    kind: str, languages: Sequence[str] | None, data_dir: str | Path, split: str
) -> Benchmark:
    from hbt import sources
    from hbt.sources.miracl import MIRACL_LANGUAGES
    from hbt.sources.mldr import MLDR_LANGUAGES

    folder = data_dir or None
    if kind == "mldr":
        return sources.read_mldr(languages or MLDR_LANGUAGES, split, folder)
    if split not in ("test", "dev"):
        raise ValueError(f"{kind} has no split {split!r}, only dev, whose judgments are public")
    if kind == "miracl":
        return sources.read_miracl(languages or MIRACL_LANGUAGES, "dev", folder)
    return sources.read_miracl_hard_negatives(languages or MIRACL_LANGUAGES, folder)


def _village(split: str, profile: str) -> Benchmark:
    from hbt import village
    from hbt.suite.profiles import profile_settings
    from hbt.suite.worlds import load_world

    if split not in VILLAGE_SPLITS:
        raise ValueError(f"village has no split {split!r}, only {', '.join(VILLAGE_SPLITS)}")
    settings = profile_settings(profile).base.world
    if split == "swap_probe":
        return village.make(settings.village).swap_probe
    return load_world(settings).benchmark(split)
