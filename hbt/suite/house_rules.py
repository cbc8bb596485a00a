"""House rules of the notebooks, checked on their cells without running them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hbt.suite.notebooks import parameters_of, read_header
from hbt.suite.parameters import STANDARD

if TYPE_CHECKING:
    from nbformat import NotebookNode

MOST_LINES = 15
MOST_CODE_CELLS = 40
PREDICTIONS = 2
_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def violations(notebook: NotebookNode, name: str) -> list[str]:
    """Where a notebook breaks the house rules, one line each."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    faults = list(_parameter_faults(notebook, name))
    faults += _heading_faults(notebook)
    if len(code) > MOST_CODE_CELLS:
        faults.append(f"has {len(code)} code cells, more than {MOST_CODE_CELLS}")
    for number, cell in enumerate(code, start=1):
        faults += [f"code cell {number} {fault}" for fault in _cell_faults(cell)]
    faults += _name_faults(notebook, name)
    faults += _reading_faults(notebook)
    return [fault if fault.startswith(f"{name}:") else f"{name}: {fault}" for fault in faults]


def _parameter_faults(notebook: NotebookNode, name: str) -> Iterator[str]:
    try:
        parameters = parameters_of(notebook, name)
    except ValueError as error:
        yield str(error)
        return
    for missing in [each for each in STANDARD if each not in parameters]:
        yield f"its parameters lack {missing!r}"
    for number, cell in _code(notebook):
        if "parameters" not in cell.metadata.get("tags", []):
            for target in sorted(_assigned(cell.source) & set(parameters)):
                yield f"code cell {number} assigns to parameter {target!r}"


def _heading_faults(notebook: NotebookNode) -> Iterator[str]:
    headings = [
        line.lstrip("# ").lower()
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    for word in ("goals", "recap"):
        if not any(word in heading for heading in headings):
            yield f"has no heading with the word {word!r}"
    minutes = notebook.metadata.hbt["minutes"]
    if not re.search(rf"\b{minutes} minutes", "\n".join(_prose(notebook)[:4])):
        yield f"does not say `{minutes} minutes`, as its header does, in its first text cells"
    predictions = [text for text in _prose(notebook) if "predict, then run" in text.lower()]
    if len(predictions) < PREDICTIONS:
        yield f"has {len(predictions)} text cells `Predict, then run`, fewer than {PREDICTIONS}"


def _cell_faults(cell: NotebookNode) -> Iterator[str]:
    n_lines = len(cell.source.splitlines())
    if n_lines == 0:
        yield "is empty"
    if n_lines > MOST_LINES:
        yield f"has {n_lines} lines, more than {MOST_LINES}"
    if "raises-exception" in cell.metadata.get("tags", []):
        yield "has the tag raises-exception"
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        yield f"is not plain Python (line {error.lineno})"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names):
            yield f"has a star import from {node.module}"
        if isinstance(node, ast.ImportFrom | ast.Import):
            for module in _modules(node):
                if module in ("tqdm.notebook", "tqdm.auto", "tqdm.autonotebook"):
                    yield f"imports {module}, whose bars are widgets; use plain tqdm"
        if isinstance(node, ast.Call) and _silences_warnings(node):
            yield "silences warnings"
        if _is_session_call(node, "show") and not _has_alt(node):
            yield "calls session.show without alt text"


def _name_faults(notebook: NotebookNode, name: str) -> Iterator[str]:
    """Records and figures that are named in the code must be declared, and the other way round."""
    header = read_header(dict(notebook.metadata.hbt), name)
    for method, place, declared in (
        ("record", 0, header.records),
        ("show", 1, header.figures),
    ):
        named: set[str] = set()
        computed = False  # a name that is not a literal can be any of the declared ones
        for _, cell in _code(notebook):
            for call in [node for node in _walk(cell.source) if _is_session_call(node, method)]:
                value = _argument(call, place, "name")
                if isinstance(value, ast.Constant):
                    named.add(str(value.value))
                else:
                    computed = True
        field = "records" if method == "record" else "figures"
        for each in sorted(named - set(declared)) if method == "show" else ():
            yield f"shows {each!r}, which hbt.figures does not declare"
        for each in [] if computed else sorted(set(declared) - named):
            yield f"declares {each!r} in hbt.{field} but has no session.{method} of that name"


def _reading_faults(notebook: NotebookNode) -> Iterator[str]:
    """After a figure comes a text that says what to see in it."""
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        if not any(_is_session_call(node, "show") for node in _walk(cell.source)):
            continue
        after = notebook.cells[position + 1 : position + 2]
        if not any(each.cell_type == "markdown" for each in after):
            yield f"no text follows the figure of cell {position + 1}: say what to see in it"


def _code(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return list(enumerate((c for c in notebook.cells if c.cell_type == "code"), start=1))


def _prose(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def _walk(source: str) -> list[ast.AST]:
    try:
        return list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return []


def _assigned(source: str) -> set[str]:
    """Names that a cell binds outside of functions, classes and comprehensions."""
    names: set[str] = set()
    waiting: list[ast.AST] = _walk(source)[:1]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, _SCOPES):
                continue
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            waiting.append(node)
    return names


def _silences_warnings(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    values = [*call.args, *(each.value for each in call.keywords)]
    return name in ("filterwarnings", "simplefilter") and any(
        isinstance(value, ast.Constant) and value.value == "ignore" for value in values
    )


def _is_session_call(node: ast.AST, method: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "session"
    )


def _argument(call: ast.Call, place: int, keyword: str) -> ast.expr | None:
    if len(call.args) > place:
        return call.args[place]
    return next((each.value for each in call.keywords if each.arg == keyword), None)


def _has_alt(call: ast.Call) -> bool:
    alt = _argument(call, 2, "alt")
    if isinstance(alt, ast.Constant):
        return isinstance(alt.value, str) and bool(alt.value.strip())
    return alt is not None


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    return [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
