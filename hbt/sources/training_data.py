"""Training data by name, as an experiment's settings write it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hbt.corpus import CorpusError, ParallelItems
from hbt.sources.hub import locate
from hbt.sources.joined import join_items
from hbt.sources.lareqa import MLQA_R
from hbt.sources.miracl import MIRACL_TRAIN_LANGUAGES
from hbt.sources.mldr import MLDR_LANGUAGES
from hbt.sources.mmarco import MMARCO_LANGUAGES, PAPER_LANGUAGES, mmarco_items
from hbt.sources.monolingual_items import miracl_items, mldr_items
from hbt.sources.origins import MLQA_R_ORIGIN
from hbt.sources.pairs_file import read_pairs_file
from hbt.sources.parallel_folder import language_files, read_parallel_folder, restrict_items
from hbt.sources.training_items import mlqa_r_items


@dataclass(frozen=True)
class TrainingSet:
    """A training set that has a name.

    Attributes:
        read: from languages, the folder around the data (None for the cache or a download) and
            the number of hard negatives of each item.
        languages: that it has.
        usual: those that are taken when none are named.
        has_negatives: are there hard negatives in it?
    """

    read: Callable[[Sequence[str], str | Path | None, int], ParallelItems]
    languages: tuple[str, ...]
    usual: tuple[str, ...]
    has_negatives: bool = True


def _mlqa_r(languages: Sequence[str], data_dir: str | Path | None, negatives: int) -> ParallelItems:
    if data_dir is None:
        data_dir = locate(MLQA_R_ORIGIN, [f"{code}.json" for code in MLQA_R.counts])[0].parent
    return mlqa_r_items(data_dir, languages)


def _mmarco(languages: Sequence[str], data_dir: str | Path | None, negatives: int) -> ParallelItems:
    return mmarco_items(languages, data_dir, negatives=negatives)


def _miracl(languages: Sequence[str], data_dir: str | Path | None, negatives: int) -> ParallelItems:
    return miracl_items(languages, data_dir, negatives=negatives)


def _mldr(languages: Sequence[str], data_dir: str | Path | None, negatives: int) -> ParallelItems:
    return mldr_items(languages, data_dir, negatives=negatives)


TRAINING_SETS = {
    "mlqa-r": TrainingSet(_mlqa_r, tuple(MLQA_R.counts), tuple(MLQA_R.counts), False),
    "mmarco": TrainingSet(_mmarco, MMARCO_LANGUAGES, PAPER_LANGUAGES),
    "miracl": TrainingSet(_miracl, MIRACL_TRAIN_LANGUAGES, MIRACL_TRAIN_LANGUAGES),
    "mldr": TrainingSet(_mldr, MLDR_LANGUAGES, MLDR_LANGUAGES),
}
FOLDER, PAIRS = "parallel", "pairs"  # kinds of training data that lie at a path
TRAINING_DATA = (*TRAINING_SETS, f"{FOLDER}:FOLDER", f"{PAIRS}:FILE")
_NAMES = "|".join(map(re.escape, TRAINING_SETS))
_NAMED = rf"(?:{_NAMES})(?::[\w,-]+)?(?:\+|$)"
_BETWEEN = re.compile(rf"\+(?={_NAMED}|(?:{FOLDER}|{PAIRS}):)")  # paths may have a plus


def training_items(
    name: str,
    data_dir: str | Path | None = None,
    languages: Sequence[str] | None = None,
    negatives: int = 0,
) -> ParallelItems:
    """The items of a training set, or of several with a plus between their names.

    Each set is a source of its own in the items: the plan draws a source for each batch, and takes
    cross-lingual batches from those that have items in two or more languages.

    Args:
        name: "mlqa-r" (small; paragraphs that overlap XQuAD-R are left out), "mmarco" (natively
            parallel, large), "miracl" and "mldr" (their train splits, within languages),
            "parallel:FOLDER" (one's own translations, see `hbt.sources.parallel_folder`),
            "pairs:FILE" (any data set with a query and a passage in columns, see
            `hbt.sources.pairs_file`), or several, as "mmarco+miracl". A set with a name may have
            its languages behind a colon, as "mmarco+miracl:sw,te".
        data_dir: folder around the data; None for the cache or a download.
        languages: codes to keep, in this order; of several sets each gives those that it has, but
            for the sets that have languages in `name`. Default: all, and the paper's seven of
            "mmarco".
        negatives: hard negatives of each item; "mmarco", "miracl" and "mldr" have them, and
            "parallel:FOLDER" may. Items with fewer are left out. Beside one of these, "mlqa-r" and
            "pairs:FILE" are taken without any.

    Raises:
        DownloadError: data could not be downloaded.
        CorpusError: an unknown name or language, a set named twice or without any of the
            languages, no set with hard negatives, or a broken file.
    """
    parts = {
        each: partial(found.read, codes, data_dir, negatives * found.has_negatives)
        for each, (found, codes) in chosen_sets(name, languages, negatives).items()
    }
    local = sorted(parts, key=lambda each: _set_of(each) in TRAINING_SETS)  # before downloads
    read = {each: parts[each]() for each in local}
    items = [read[each] for each in parts]
    if len(items) == 1:
        return items[0]
    order = dict.fromkeys(
        [*(languages or ()), *(code for each in items for code in each.languages)]
    )
    return join_items(name, items, tuple(order))


def chosen_sets(
    name: str, languages: Sequence[str] | None = None, negatives: int = 0
) -> dict[str, tuple[TrainingSet, list[str]]]:
    """The sets that a name names, each with the languages to take; no text is read.

    Args:
        name: as for `training_items`.
        languages: the same.
        negatives: the same.

    Raises:
        CorpusError: as `training_items`, but for what is in files of texts.
    """
    names = _BETWEEN.split(name)
    for each in names:
        kind, _, rest = each.partition(":")
        if each not in TRAINING_SETS and not (rest and kind in (*TRAINING_SETS, FOLDER, PAIRS)):
            raise CorpusError(
                f"training data {each!r} is none of {', '.join(TRAINING_DATA)}, nor several of "
                "them with + between"
            )
        if sum(_set_of(other) == _set_of(each) for other in names) > 1:
            raise CorpusError(f"training data {name!r} names {_set_of(each)} twice")
    sets = {each: _opened(each) for each in names}
    if negatives and not any(each.has_negatives for each in sets.values()):
        raise CorpusError(
            f"{name} has no hard negatives, and {negatives} of each item are asked for: ask for 0 "
            "(data.negatives), or name a set that has them, as mmarco"
        )
    chosen = _languages(name, sets, languages)
    return {each: (found, chosen[each]) for each, found in sets.items()}


def _set_of(name: str) -> str:
    """The set that a name without a plus names, without its languages."""
    kind, _, _ = name.partition(":")
    return kind if kind in TRAINING_SETS else name


def _languages(
    name: str, sets: Mapping[str, TrainingSet], languages: Sequence[str] | None
) -> dict[str, list[str]]:
    """The languages to take from each set."""
    named = {each: each.partition(":")[2].split(",") for each in sets if each != _set_of(each)}
    own = {each: list(dict.fromkeys(codes)) for each, codes in named.items()}
    for each, codes in own.items():
        for code in codes:
            if code not in sets[each].languages:
                known = ", ".join(sets[each].languages)
                raise CorpusError(f"{_set_of(each)} has no language {code!r}, only {known}")
    open_to = {each: found for each, found in sets.items() if each not in own}
    offered = dict.fromkeys(code for each in open_to.values() for code in each.languages)
    for code in languages or ():
        if not open_to:
            raise CorpusError(
                f"{name} says its languages itself: name none beside it (data.languages)"
            )
        if code not in offered:
            raise CorpusError(
                f"{name} has no language {code!r}, only {', '.join(offered)} (data.languages; "
                "null for the data's own)"
            )
    chosen = {}
    for each, found in open_to.items():
        chosen[each] = [code for code in languages or found.usual if code in found.languages]
        if not chosen[each]:
            raise CorpusError(f"{each} has none of the languages {', '.join(languages or ())}")
    return own | chosen


def _opened(name: str) -> TrainingSet:
    if _set_of(name) in TRAINING_SETS:
        return TRAINING_SETS[_set_of(name)]
    kind, _, path = name.partition(":")
    if kind == PAIRS:
        pairs = read_pairs_file(path)
        codes = tuple(pairs.files)
        return TrainingSet(
            lambda some, data_dir, _: pairs.items(some, data_dir), codes, codes, False
        )
    codes = tuple(language_files(Path(path)))
    return TrainingSet(
        lambda some, _, number: restrict_items(read_parallel_folder(path, number), some),
        codes,
        codes,
    )
