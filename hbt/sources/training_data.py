"""Training data by name, as an experiment's settings write it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hbt.corpus import CorpusError, ParallelItems

TRAINING_DATA = ("mlqa-r", "mmarco", "parallel:FOLDER")


def training_items(
    name: str,
    data_dir: str | Path | None = None,
    languages: Sequence[str] | None = None,
) -> ParallelItems:
    """The items of a training set.

    Args:
        name: "mlqa-r" (small; paragraphs that overlap XQuAD-R are left out), "mmarco" (natively
            parallel, large) or "parallel:FOLDER" (one's own translations, see
            `hbt.sources.parallel_folder`).
        data_dir: folder around the data of "mlqa-r" and "mmarco"; None for the cache or a
            download.
        languages: codes to keep, in this order. Default: all of "mlqa-r" and of a folder, the
            paper's seven of "mmarco".

    Raises:
        DownloadError: data could not be downloaded.
        CorpusError: an unknown name or language, or a broken file.
    """
    kind, _, folder = name.partition(":")
    if name == "mlqa-r":
        from hbt.sources.hub import locate
        from hbt.sources.lareqa import MLQA_R
        from hbt.sources.origins import MLQA_R_ORIGIN
        from hbt.sources.training_items import mlqa_r_items

        if data_dir is None:
            data_dir = locate(MLQA_R_ORIGIN, [f"{code}.json" for code in MLQA_R.counts])[0].parent
        return mlqa_r_items(data_dir, languages)
    if name == "mmarco":
        from hbt.sources.mmarco import PAPER_LANGUAGES, mmarco_items

        return mmarco_items(languages or PAPER_LANGUAGES, data_dir)
    if kind == "parallel" and folder:
        from hbt.sources.parallel_folder import read_parallel_folder, restrict_items

        items = read_parallel_folder(folder)
        return items if languages is None else restrict_items(items, languages)
    raise CorpusError(f"training data {name!r} is none of {', '.join(TRAINING_DATA)}")
