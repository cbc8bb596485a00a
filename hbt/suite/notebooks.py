"""Notebooks from their sources: percent scripts in, .ipynb without outputs out.

`notebooks/source/NN_name.py` is the only source. A cell's id is a digest of what it says, so that
a cell that was not touched keeps its id, wherever it moves, and diffs stay readable.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.suite.parameters import Parameter, read_parameters
from hbt.whole_files import write_text

if TYPE_CHECKING:
    from nbformat import NotebookNode

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_NAME = re.compile(r"\d\d_[a-z0-9_]+")


@dataclass(frozen=True)
class Header:
    """What a notebook says about itself, under `hbt:` in the YAML header of its source.

    Attributes:
        title: as the index page shows it.
        question: the question that the notebook asks.
        minutes: how long a class needs for it.
        records: names that it must record when it runs.
        figures: names that it must show when it runs.
        headline: records shown in the runner's table; the first three records unless given.
    """

    title: str
    question: str
    minutes: int
    records: tuple[str, ...]
    figures: tuple[str, ...]
    headline: tuple[str, ...] = ()


def read_header(values: Any, where: str) -> Header:
    """Check the `hbt` mapping of a source's header or of a notebook's metadata.

    Raises:
        ValueError: it is missing, or a field is unknown, missing or of another type.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{where}: there is no `hbt:` mapping in its header")
    fields = Header.__dataclass_fields__
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ValueError(f"{where}: header field hbt.{unknown[0]} is unknown")
    for name in fields:
        value = values.get(name, [] if name == "headline" else None)
        if name in ("title", "question"):
            sound = isinstance(value, str) and bool(value.strip())
            expected = "a text"
        elif name == "minutes":
            sound, expected = type(value) is int and value > 0, "a whole number above 0"
        else:
            sound = isinstance(value, list) and all(isinstance(item, str) for item in value)
            expected = "a list of names"
        if not sound:
            raise ValueError(f"{where}: header field hbt.{name} must be {expected}, not {value!r}")
    lists = {name: tuple(values.get(name, ())) for name in ("records", "figures", "headline")}
    stray = [name for name in lists["headline"] if name not in lists["records"]]
    if stray:
        raise ValueError(f"{where}: hbt.headline names {stray[0]!r}, which hbt.records does not")
    lists["headline"] = lists["headline"] or lists["records"][:3]
    return Header(values["title"], values["question"], values["minutes"], **lists)


def notebooks_folder(given: Path | None = None) -> Path:
    """The folder with the notebooks: the given one, ./notebooks, or that of the checkout.

    Raises:
        ValueError: there is none.
    """
    beside_package = Path(__file__).resolve().parents[2] / "notebooks"
    for folder in [given] if given else [Path("notebooks"), beside_package]:
        if folder.is_dir():
            return folder
    raise ValueError(
        f"{given}: there is no such folder"
        if given
        else "there is no folder notebooks here: go to the checkout, or name it with --notebooks"
    )


def names(folder: Path) -> list[str]:
    """Names of the generated notebooks, in their order."""
    return sorted(path.stem for path in folder.glob("*.ipynb"))


def resolve(folder: Path, name: str) -> list[str]:
    """Notebooks meant by "all", a name, or the beginning of one (such as 03).

    Raises:
        ValueError: none or several are meant.
    """
    every = names(folder)
    if name == "all" and every:
        return every
    found = [name] if name in every else [each for each in every if each.startswith(name)]
    if len(found) != 1:
        known = ", ".join(every) or "none: run `hbt notebooks build`"
        state = "matches several notebooks" if found else "is no notebook"
        raise ValueError(f"{name!r} {state}; there are {known}")
    return found


def read_notebook(path: Path) -> NotebookNode:
    """A notebook file.

    Raises:
        ValueError: it cannot be read as one.
    """
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise ValueError(f"{path}: cannot be read as a notebook ({_first_line(error)})") from None


def parameters_of(notebook: NotebookNode, where: str) -> dict[str, Parameter]:
    """The parameters of a notebook.

    Raises:
        ValueError: it has not exactly one cell with the tag `parameters`, or a line is wrong.
    """
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1 or tagged[0].cell_type != "code":
        raise ValueError(f"{where}: needs one code cell with the tag `parameters`")
    return read_parameters(tagged[0].source, where)


def generate(source: Path) -> NotebookNode:
    """The notebook of one percent script: stable cell ids, no outputs, no widget state.

    Raises:
        ValueError: its name, header or text is not as it must be.
    """
    import jupytext
    import nbformat
    import yaml

    if not _NAME.fullmatch(source.stem):
        raise ValueError(f"{source}: a source is named NN_name.py, in small letters")
    try:
        read = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    except Exception as error:
        raise ValueError(f"{source}: cannot be read as a script ({_first_line(error)})") from None
    cells = list(read.cells)
    header = read.metadata.get("hbt")
    if header is None and cells and cells[0].cell_type == "raw":
        header = (yaml.safe_load(cells.pop(0).source.strip("-\n")) or {}).get("hbt")
    metadata = {
        key: _listed(value) for key, value in asdict(read_header(header, source.stem)).items()
    }
    notebook = nbformat.v4.new_notebook()
    notebook.nbformat_minor = 5
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}, "hbt": metadata}
    )
    notebook.cells = _with_stable_ids(cells)
    return notebook


def _with_stable_ids(cells: list[NotebookNode]) -> list[NotebookNode]:
    import nbformat

    seen: Counter[str] = Counter()
    made = []
    for cell in cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        new = getattr(nbformat.v4, f"new_{cell.cell_type}_cell")(cell.source)
        new.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        tags = cell.metadata.get("tags", [])
        new.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        made.append(new)
    return made


def as_text(notebook: NotebookNode) -> str:
    """The notebook as its file holds it."""
    import nbformat

    return nbformat.writes(notebook).rstrip("\n") + "\n"


def build(folder: Path) -> list[str]:
    """Write every notebook whose source has changed; returns what was done, a line each.

    Raises:
        ValueError: a source is not as it must be; then nothing is written.
    """
    made = {folder / f"{path.stem}.ipynb": as_text(generate(path)) for path in _sources(folder)}
    done = []
    for target, text in made.items():
        if target.exists() and target.read_text(encoding="utf-8") == text:
            done.append(f"{target.name}: unchanged")
            continue
        write_text(target, text)
        done.append(f"{target.name}: written")
    return done


def check(folder: Path) -> list[str]:
    """What is wrong with the notebooks of a folder, one line each; empty when all is well.

    Each must be what its source makes, and keep the house rules.

    Raises:
        ValueError: there are no sources.
    """
    from hbt.suite.house_rules import violations

    problems: list[str] = []
    sources = _sources(folder)
    for name in sorted(set(names(folder)) - {path.stem for path in sources}):
        problems.append(f"{name}: has no source in {folder / 'source'}")
    for path in sources:
        try:
            notebook = generate(path)
        except ValueError as error:
            problems.append(str(error))
            continue
        problems += _differences(folder / f"{path.stem}.ipynb", notebook)
        problems += violations(notebook, path.stem)
    return problems


def _differences(target: Path, wanted: NotebookNode) -> list[str]:
    remedy = "run `hbt notebooks build`"
    if not target.exists():
        return [f"{target.stem}: was never generated; {remedy}"]
    if target.read_text(encoding="utf-8") == as_text(wanted):
        return []
    found = read_notebook(target)
    if any(cell.get("outputs") or cell.get("execution_count") for cell in found.cells):
        return [f"{target.stem}: the file holds outputs; {remedy}"]
    for number, (mine, its) in enumerate(zip(wanted.cells, found.cells, strict=False), start=1):
        if mine != its:
            start = _first_line(mine.source)[:60]
            return [f"{target.stem}: cell {number} ({start}) differs from the source; {remedy}"]
    return [f"{target.stem}: differs from its source; {remedy}"]


def _sources(folder: Path) -> list[Path]:
    found = sorted((folder / "source").glob("*.py"))
    if not found:
        raise ValueError(f"{folder / 'source'}: there are no sources (NN_name.py)")
    return found


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _first_line(text: object) -> str:
    return (str(text).strip().splitlines() or [""])[0]
