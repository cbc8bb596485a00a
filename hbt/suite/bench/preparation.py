"""`hbt bench preparation`: memory and seconds until training data of a size is ready for batches.

The texts are made and short, and lie on disk as mMARCO's do. Counted is what a process
takes beside the encoder: with files of token ids to be made, and with files that are there.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from hbt.suite.bench.output import add_json, report, whole_number

NAME = "preparation"
ITEMS, LANGUAGES = 500_000, 7
_PRIMES = (3, 7, 11, 13, 17, 19)


def add(actions: argparse._SubParsersAction) -> None:
    """Add the measurement's parser."""
    parser = actions.add_parser(NAME, help="setting up training data: memory, seconds, disk")
    for option, default in (("items", ITEMS), ("languages", LANGUAGES)):
        parser.add_argument(
            f"--{option}", default=default, type=whole_number, metavar="N", help="how many"
        )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    result = measure(options.items, options.languages)
    return report(result, table(result), options)


def measure(items: int = ITEMS, languages: int = LANGUAGES) -> dict[str, Any]:
    """MB and seconds of setting up so many items, with token ids to be made and with ids kept."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from hbt.suite import machine

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_texts(folder, items, languages)
        rows = []
        for case in ("made", "kept"):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                rows.append({"ids": case, **pool.submit(timed, folder, items).result()})
        ids = sum(path.stat().st_size for path in (folder / "cache").rglob("*") if path.is_file())
    return {
        "items": items,
        "languages": languages,
        "rows": rows,
        "ids_megabytes": round(ids / 2**20, 1),
        "calibration_seconds": round(machine.calibration_seconds(), 4),
        "versions": machine.versions(),
    }


def timed(folder: Path, n_items: int) -> dict[str, float]:
    """MB and seconds of `hbt.trainer.Examples` over the texts in a folder."""
    import time

    import numpy as np

    os.environ["HBT_CACHE_DIR"] = str(folder / "cache")
    from hbt.corpus import ParallelItems
    from hbt.encoders import EncoderSettings, build, train_tokenizer
    from hbt.sources.arrow_texts import ArrowTexts, open_column
    from hbt.suite.bench.made_pool import memory_increase
    from hbt.trainer import Examples

    sides: dict[str, dict[str, ArrowTexts]] = {"query": {}, "passage": {}}
    for path in sorted(folder.glob("*.arrow")):
        side, _, code = path.stem.partition("-")
        row_of, texts = open_column(path)
        sides[side][code] = ArrowTexts(texts, np.arange(n_items), row_of)
    numbers = np.arange(n_items)
    items = ParallelItems(
        "made", tuple(sides["query"]), numbers, 0 * numbers, ("made",), *sides.values()
    )
    settings = EncoderSettings(vocabulary_size=2000)
    few = [text for side in sides.values() for column in side.values() for text in column[:300]]
    train_tokenizer(few, settings).save(str(folder / "tokenizer.json"))
    model = build(settings, folder, seed=0)
    started = time.perf_counter()
    megabytes = memory_increase(lambda: Examples(model, items))
    seconds = time.perf_counter() - started
    return {"megabytes": round(megabytes, 1), "seconds": round(seconds, 2)}


def table(result: dict[str, Any]) -> str:
    """The measurement as text."""
    texts = 2 * result["items"] * result["languages"]
    lines = [f"{texts:,} texts, {result['ids_megabytes']:,.0f} MB of token ids on disk"]
    lines += [
        f"token ids {row['ids']}: {row['megabytes']:,.0f} MB, {row['seconds']:,.1f} s"
        for row in result["rows"]
    ]
    return "\n".join(lines)


def _write_texts(folder: Path, items: int, languages: int) -> None:
    from hbt.sources.arrow_texts import write_column

    for side in ("query", "passage"):
        for number in range(languages):
            code = f"l{number}"
            rows = (
                (i, f"{side} {code} {' '.join(str(i * p % 9973) for p in _PRIMES)} {i}")
                for i in range(items)
            )
            write_column(rows, folder / f"{side}-{code}.arrow", "made texts")
