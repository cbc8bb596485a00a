"""Parameters of a notebook: read from its annotated literals, checked before a kernel starts.

papermill itself only warns about a misspelt parameter and takes any value for any type; here both
are errors. A `parameters` cell holds one plain annotated literal per line:

    profile: str = "classroom"  # smoke, classroom, full or paper
"""

from __future__ import annotations

import ast
import difflib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STANDARD = ("profile", "seed", "data", "data_dir", "out_dir")
"""Parameters that every notebook of the suite has."""

_PLAIN: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
TYPES = (*_PLAIN, *(f"list[{name}]" for name in _PLAIN))


@dataclass(frozen=True)
class Parameter:
    """One line of a `parameters` cell."""

    name: str
    type: str
    default: Any


def read_parameters(source: str, where: str) -> dict[str, Parameter]:
    """The parameters of a cell, in their order.

    Args:
        source: text of the cell.
        where: name of the notebook, for messages.

    Raises:
        ValueError: a line is not one plain annotated literal, or papermill could not read it.
    """
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise ValueError(f"{where}: line {error.lineno} of the parameters is not Python") from None
    lines = source.splitlines()
    found: dict[str, Parameter] = {}
    for statement in statements:
        text = lines[statement.lineno - 1].strip()
        parameter = _read_line(statement, text, where)
        if parameter.name in found:
            raise ValueError(f"{where}: parameter {parameter.name!r} is written twice")
        found[parameter.name] = parameter
    return found


def _read_line(statement: ast.stmt, text: str, where: str) -> Parameter:
    fault = f"{where}: parameter line `{text}` must be one annotated literal, `name: type = value`"
    if (
        not isinstance(statement, ast.AnnAssign)
        or not isinstance(statement.target, ast.Name)
        or statement.value is None
        or statement.lineno != statement.end_lineno
    ):
        raise ValueError(fault)
    annotation, name = ast.unparse(statement.annotation), statement.target.id
    if annotation not in TYPES:
        raise ValueError(f"{where}: parameter {name!r} has type {annotation}, not one of {TYPES}")
    try:
        default = ast.literal_eval(statement.value)
    except ValueError:
        raise ValueError(fault) from None
    if any(mark in ast.unparse(statement.value) for mark in "#="):
        raise ValueError(f"{where}: the value of parameter {name!r} must hold no # and no =")
    parameter = Parameter(name, annotation, default)
    return Parameter(name, annotation, checked(parameter, default, where))


def checked(parameter: Parameter, value: Any, where: str) -> Any:
    """The value, in the parameter's type (an int may stand for a float).

    Raises:
        ValueError: the value has another type or is not finite.
    """
    if parameter.type.startswith("list["):
        inner = parameter.type[5:-1]
        if not isinstance(value, list):
            raise ValueError(_wrong_type(parameter, value, where))
        return [_plain(inner, item, parameter, value, where) for item in value]
    return _plain(parameter.type, value, parameter, value, where)


def _plain(kind: str, item: Any, parameter: Parameter, value: Any, where: str) -> Any:
    if kind == "float" and isinstance(item, int) and not isinstance(item, bool):
        item = float(item)
    if type(item) is not _PLAIN[kind]:
        raise ValueError(_wrong_type(parameter, value, where))
    if kind == "float" and not math.isfinite(item):
        raise ValueError(f"{where}: parameter {parameter.name!r} must be finite, not {item}")
    return item


def _wrong_type(parameter: Parameter, value: Any, where: str) -> str:
    return (
        f"{where}: parameter {parameter.name!r} must be {parameter.type}, "
        f"not {type(value).__name__} {value!r}"
    )


def check_all(
    values: Mapping[str, Any], known: Mapping[str, Parameter], where: str
) -> dict[str, Any]:
    """Values for a notebook's parameters, each known and of its type.

    Raises:
        ValueError: a name is unknown or a value is of another type.
    """
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise ValueError(f"{where}: there is no parameter {name!r}; {hint}")
    return {name: checked(known[name], value, where) for name, value in values.items()}


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """`name=value` with a JSON value, as typed on the command line.

    Raises:
        ValueError: there is no `=`, or the value is not JSON.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"-p {assignment}: write name=value with a JSON value")
        try:
            values[name] = json.loads(text, parse_constant=_refuse_constant)
        except ValueError:
            raise ValueError(
                f"-p {assignment}: {text!r} is not a finite JSON value "
                f"(a text needs its quotes: -p '{name}=\"{text}\"')"
            ) from None
    return values


def read_parameter_file(path: Path) -> dict[str, Any]:
    """A JSON object of parameters; `NAME: {...}` holds those of one notebook only.

    Raises:
        ValueError: the file is missing or is not a JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ValueError(f"{path}: is not valid JSON ({error})") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: must hold one JSON object, not a {type(values).__name__}")
    return values


def for_notebook(given: Mapping[str, Any], notebook: str, notebooks: Sequence[str]) -> dict:
    """Those of the given values that go to one notebook; its own section wins.

    Raises:
        ValueError: the notebook's section is not an object.
    """
    common = {name: value for name, value in given.items() if name not in notebooks}
    own = given.get(notebook, {})
    if not isinstance(own, dict):
        raise ValueError(f"{notebook}: its section of the parameter file must be an object")
    return {**common, **own}


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not finite")
