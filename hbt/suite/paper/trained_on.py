"""What a run was fine-tuned on, as its own files say it, and whether that holds text of its test.

A folder of `hbt results` says it in run.json. A file of `hbt evaluate` does not; the folder of
`hbt train` that it, or the model that it is of, lies in does: in train.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.corpus import CorpusError

if TYPE_CHECKING:
    from hbt.corpus import Benchmark, ParallelItems
    from hbt.sources.separation import SharedTexts

TRAIN_FILE = "train.json"  # `hbt.suite.train_outputs.SUMMARY`
LAREQA = ("xquad-r", "mlqa-r")
_DEPTH = 3  # folders between train.json and a model or an evaluation, at most

Texts = tuple["ParallelItems", "Benchmark"]


@dataclass(frozen=True)
class Trained:
    """A training behind a run.

    Attributes:
        training, test: names of what was trained on and of what it was tested on.
        read: both, from the folder of real data; it never downloads.
        digests: sha256 of both, as the run had them; "" where its files do not say.
    """

    training: str
    test: str
    read: Callable[[Path | None], Texts]
    digests: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Compared:
    """Text of a training against text of its test.

    Attributes:
        run: name of the run.
        training, test: as in `Trained`.
        synthetic: is their text made by a program?
        rows: what they share, by language; empty where they were not compared.
        reason: why they were not; empty where they were.
    """

    run: str
    training: str
    test: str
    synthetic: bool
    rows: Sequence[SharedTexts] = ()
    reason: str = ""


def compare_texts(
    run: str, trained: Trained, data_dir: Path | None, synthetic: bool = False
) -> Compared:
    """What a training shares with its test; or the reason, where their text is not at hand."""
    from hbt.sources.separation import shared_texts

    names = (run, trained.training, trained.test, synthetic)
    try:
        parts = trained.read(data_dir)
        for part, digest in zip(parts, trained.digests, strict=True):
            if digest and part.digest() != digest:
                raise CorpusError(f"{part.name} is here not the text that the run had")
        rows = shared_texts(*parts)
        if not rows:
            raise CorpusError(f"{parts[0].name} and {parts[1].name} have no language in common")
    except ValueError as error:
        reason = str(error)
        return Compared(*names, reason=reason.replace(str(data_dir), "DATA_DIR"))
    return Compared(*names, rows=rows)


def of_results(run: dict[str, Any], path: Path) -> Trained:
    """The training of a folder of `hbt results`.

    Args:
        run: content of its run.json.
        path: that file, for messages.
    """
    world = run["profile"]["base"]["world"]
    digests = run.get("digests") or {}
    is_village = world["data"] == "village"

    def read(data_dir: Path | None) -> Texts:
        from hbt.suite.worlds import load_world

        if not is_village:
            _need(data_dir)
        found = load_world(_settings(world, "" if is_village else str(data_dir), path))
        return found.training, found.benchmark("test")

    return Trained(
        training="the village" if is_village else world.get("training") or "MLQA-R",
        test="its test" if is_village else "XQuAD-R",
        read=read,
        digests=(digests.get("training", ""), digests.get("test", "")),
    )


def _settings(world: dict[str, Any], data_dir: str, path: Path) -> Any:
    from hbt.suite.worlds import WorldSettings
    from hbt.village import VillageSettings

    village = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in world.get("village", {}).items()
    }
    try:
        made = VillageSettings(**village)
        return WorldSettings(**world | {"village": made, "data_dir": data_dir})
    except (TypeError, ValueError) as error:
        raise CorpusError(f"{path}: profile.base.world is not understood: {error}") from error


def train_folder(path: Path, source: str) -> Path | None:
    """The folder of `hbt train` that wrote a file of `hbt evaluate`, or the model that it is of.

    Args:
        path: the file.
        source: `system.source` of the file.
    """
    model = Path(source.partition("=")[2] or source).absolute() if source else None
    starts = [path.absolute(), *([model] if model is not None and model.is_dir() else ())]
    for start in starts:
        for folder in (start, *start.parents)[: _DEPTH + 1]:
            if (folder / TRAIN_FILE).is_file():
                content = read_train_file(folder)
                files = [content.get("model"), *(content.get("files") or ())]
                if start.relative_to(folder).as_posix() in files:
                    return folder
    return None


def read_train_file(folder: Path) -> dict[str, Any]:
    """What `hbt train` wrote at its end.

    Raises:
        ValueError: it cannot be read, or says nothing of data and sampling.
    """
    path = folder / TRAIN_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["config"]["data"]["training"], content["config"]["sampling"]["sampling"]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path} cannot be read: {reason}") from error
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} has no config.data and config.sampling") from error
    return content


def of_evaluation(path: Path, content: dict[str, Any], folder: Path | None) -> Trained:
    """The training behind a file of `hbt evaluate`.

    Args:
        path: the file.
        content: what it holds.
        folder: of `hbt train`, see `train_folder`; None where there is none.
    """
    test = content["benchmark"]
    digest = content.get("benchmark_sha256", "")
    if folder is None:

        def nothing(data_dir: Path | None) -> Texts:
            raise CorpusError(f"no {TRAIN_FILE} of `hbt train` belongs to {path.name}")

        return Trained("", test, nothing)
    data = read_train_file(folder)["config"]["data"]

    def read(data_dir: Path | None) -> Texts:
        benchmark = _benchmark(test, data, data_dir)  # first: training data may be large
        return _items(data, data_dir), benchmark

    shown = re.sub(r"(?<=:)[^+]*/", "", data["training"])  # a reader's folders are his own
    return Trained(shown, test, read, (_digest(folder), digest))


def _items(data: dict[str, Any], data_dir: Path | None) -> ParallelItems:
    from hbt.suite.train_config import DataSection
    from hbt.suite.train_data import VILLAGE, read_items, split_items

    if data["training"] != VILLAGE:
        _need(data_dir)
    known = {each.name for each in fields(DataSection)}
    values = {name: value for name, value in data.items() if name in known}
    section = DataSection(**values | {"folder": None if data_dir is None else str(data_dir)})
    return split_items(read_items(section), section.held_out)[0]


def _benchmark(test: str, data: dict[str, Any], data_dir: Path | None) -> Benchmark:
    from hbt.suite.benchmarks import load_benchmark

    name = test.lower()
    if name.startswith("village"):
        return load_benchmark("village", profile=data.get("profile", "classroom"))
    if name not in LAREQA:
        raise CorpusError(
            f"only {' and '.join(LAREQA)} are read here: `hbt data overlap --training "
            f"{data['training']}` compares with {test}"
        )
    return load_benchmark(name, data_dir=_need(data_dir))


def _digest(folder: Path) -> str:
    """sha256 of the items that were trained on, as the training's folder has it."""
    try:
        settings = json.loads((folder / "training" / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    found = settings.get("data") if isinstance(settings, dict) else None
    return found if isinstance(found, str) else ""


def _need(data_dir: Path | None) -> Path:
    if data_dir is None:
        raise CorpusError("needs the data: give --data-dir")
    return data_dir
