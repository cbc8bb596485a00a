"""YAML files with sections: found by name, merged over their base, changed, and typed.

What belongs into the sections is `hbt.suite.train_config`'s matter.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

_SHIPPED = resources.files("hbt.suite") / "configs"


def shipped_configs() -> list[str]:
    """Names of the configs that ship with the package."""
    names = (entry.name for entry in _SHIPPED.iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def read_sections(
    name: str, beside: Path | None = None, seen: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The content of a file, merged over that of its base."""
    import yaml

    if name in seen:
        raise ValueError(f"config {name} is a base of itself")
    path = Path(name) if beside is None or Path(name).is_absolute() else beside / name
    try:
        if path.is_file():
            text, folder = path.read_text(encoding="utf-8"), path.parent
        elif name in shipped_configs():
            entry = _SHIPPED.joinpath(f"{name}.yaml")
            text, folder = entry.read_text(encoding="utf-8"), None
        else:
            shipped = ", ".join(shipped_configs())
            raise ValueError(f"config {name}: there is no such file, and it is none of {shipped}")
        content = yaml.load(text, Loader=_loader())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"config {name} cannot be read: {reason}") from error
    if not isinstance(content, dict):
        raise ValueError(f"config {name} has no sections")
    base = content.pop("base", None)
    if base is None:
        return content
    if not isinstance(base, str):
        raise ValueError(f"{name}: base is {base!r}, the name of another config is needed")
    below = read_sections(base, folder, (*seen, name))
    return _merged(below, content, Path(name).name)


def _loader() -> Any:
    """PyYAML's safe loader, which does not let a key come twice."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key) for key, _ in node.value]
            doubled = [key for key in keys if keys.count(key) > 1]
            if doubled:
                raise yaml.YAMLError(f"{doubled[0]} comes twice")
            return super().construct_mapping(node, deep)

    return Loader


def _merged(below: dict[str, Any], above: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Both, `above` first; what it changes no longer comes from where it came below."""
    merged, changed = {**below, **above}, {}
    for key, value in above.items():
        under = below.get(key)
        if isinstance(value, dict) and isinstance(under, dict):
            merged[key] = under | value
            if key != "provenance":
                new = (each for each in value if value[each] != under.get(each))
                changed |= {f"{key}.{each}": f"ours: set in {name}" for each in new}
    held, own = below.get("provenance"), above.get("provenance", {})
    if isinstance(held, dict) and isinstance(own, dict):
        merged["provenance"] = held | changed | own
    return merged


def apply_change(content: dict[str, Any], change: str, sections: Mapping[str, Any]) -> None:
    """Change one value as "section.field=value" says."""
    import yaml

    place, equals, text = change.partition("=")
    section, dot, name = place.strip().partition(".")
    if equals and dot and section not in sections:
        raise ValueError(f"--set {change}: {section} is none of {', '.join(sections)}")
    if not equals or (not dot and section != "out"):
        raise ValueError(f"--set {change}: section.field=value is needed, as sampling.alpha=0.5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"--set {change}: {' '.join(str(error).split())}") from error
    if not dot:
        content[section] = value
        return
    content[section] = (content.get(section) or {}) | {name: value}
    held = content.get("provenance")
    if isinstance(held, dict):
        content["provenance"] = held | {place.strip(): "ours: set on the command line"}


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def typed(value: Any, hint: Any, place: str) -> Any:
    """The value if it has the type; a number written as 3e-5, text to YAML, becomes one.

    Raises:
        ValueError: it has another type.
    """
    if isinstance(hint, types.UnionType):  # X | None
        hint, nothing = typing.get_args(hint)
        if value is None and nothing is type(None):
            return None
    if typing.get_origin(hint) is list:
        if not isinstance(value, list):
            raise ValueError(f"{place} is {value!r}, a list of texts is needed")
        return [typed(each, typing.get_args(hint)[0], place) for each in value]
    if hint is float and isinstance(value, str | int) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        quoted = "; quote it, as YAML reads no as false" if hint is str else ""
        raise ValueError(f"{place} is {value!r}, {_WORDS[hint]} is needed{quoted}")
    return value
