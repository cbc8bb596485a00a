"""What is installed is what is declared, pinned, used and described."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Import names that differ from the name of the distribution.
DISTRIBUTIONS = {
    "faiss": "faiss-cpu",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "pytrec_eval": "pytrec_eval-terrier",
    "IPython": "ipykernel",  # which cannot be installed without it
}
# The packages that the suite promises to use, as import names, with their names on conda-forge.
PROMISED = {
    "jupyterlab": "jupyterlab",
    "ipywidgets": "ipywidgets",
    "torch": "pytorch-cpu",
    "transformers": "transformers",
    "sentence_transformers": "sentence-transformers",
    "datasets": "datasets",
    "faiss": "faiss-cpu",
    "seaborn": "seaborn",
    "papermill": "papermill",
}
HEAVY = ("torch", "transformers", "sentence_transformers", "datasets", "pandas", "matplotlib")


def declared(*without: str) -> list[Requirement]:
    """Requirements of pyproject.toml with its extras, this package and some extras left out."""
    lines = list(PROJECT["dependencies"])
    for extra, more in PROJECT["optional-dependencies"].items():
        lines += [] if extra in without else more
    requirements = [Requirement(line) for line in lines]
    return [requirement for requirement in requirements if requirement.name != "hbt"]


def pins() -> list[Requirement]:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def imports(*folders: str) -> Iterator[tuple[str, Path]]:
    """(top-level module, file) of every absolute import in the Python files of these folders."""
    for folder in folders:
        for file in sorted((REPOSITORY / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    names = [node.module]
                else:
                    continue
                for name in names:
                    yield name.split(".")[0], file.relative_to(REPOSITORY)


@pytest.mark.parametrize(
    ("folders", "without"), [(("hbt", "notebooks/source"), ("test",)), (("tests",), ())]
)
def test_every_import_is_declared(folders: tuple[str, ...], without: tuple[str, ...]) -> None:
    known = {canonicalize_name(requirement.name) for requirement in declared(*without)}
    own = {"hbt", *(path.stem for path in (REPOSITORY / "tests").glob("*.py"))}
    missing = {
        f"{module} ({file})"
        for module, file in imports(*folders)
        if module not in sys.stdlib_module_names
        and module not in own
        and canonicalize_name(DISTRIBUTIONS.get(module, module)) not in known
    }
    assert not missing, f"imported but not in pyproject.toml: {sorted(missing)}"


@pytest.mark.parametrize("module", ["hbt.sampling", "hbt.metrics"])
def test_sampling_and_metrics_load_numpy_alone(module: str) -> None:
    """Whoever takes these two home needs nothing else."""
    script = (
        "import sys; before = set(sys.modules)\n"
        f"import {module}\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - sys.stdlib_module_names))"
    )
    command = [sys.executable, "-c", script]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["hbt", "numpy"]


def test_every_declared_package_is_pinned_exactly() -> None:
    pinned = {canonicalize_name(pin.name) for pin in pins()}
    missing = {r.name for r in declared() if canonicalize_name(r.name) not in pinned}
    assert not missing
    inexact = [str(pin) for pin in pins() if [s.operator for s in pin.specifier] != ["=="]]
    assert not inexact
    for requirement in declared():
        for pin in pins():
            if canonicalize_name(pin.name) == canonicalize_name(requirement.name):
                (version,) = [specifier.version for specifier in pin.specifier]
                assert requirement.specifier.contains(version), f"{pin} is not {requirement}"


def test_what_is_installed_is_what_is_pinned() -> None:
    """Follow the declared packages through what they ask for, and compare each with its pin."""
    wanted = {canonicalize_name(pin.name): pin for pin in pins() if applies(pin)}
    # the extra `bench` is not part of the set-up; what is shared with it is in another extra too
    todo = [(r.name, tuple(r.extras)) for r in declared("bench") if applies(r)]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    differing = []
    while todo:
        name, extras = entry = todo.pop()
        if entry in seen:
            continue
        seen.add(entry)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            differing.append(f"{name} is not installed")
            continue
        pin = wanted.get(canonicalize_name(name))
        # torch's CPU build calls itself 2.13.0+cpu, which is 2.13.0 to a specifier without "+"
        if pin is None:
            differing.append(f"{name} {distribution.version} has no pin")
        elif not pin.specifier.contains(distribution.version, prereleases=True):
            differing.append(f"{name} {distribution.version} is not {pin}")
        for line in distribution.requires or []:
            needed = Requirement(line)
            if any(applies(needed, extra) for extra in ("", *extras)):
                todo.append((needed.name, tuple(needed.extras)))
    assert not differing, sorted(differing)


@pytest.mark.parametrize("file", ["environment.yml", "binder/environment.yml"])
def test_conda_lists_what_pip_lists(file: str) -> None:
    environment = yaml.safe_load((REPOSITORY / file).read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge"]
    lines = environment["dependencies"]
    assert all(isinstance(line, str) for line in lines), "a pip section rebuilds the whole image"
    assert "python=3.12" in lines  # repo2docker reads this form alone
    names = {re.split("[=<>!~ ]", line)[0] for line in lines}
    assert set(PROMISED.values()) <= names
    conda = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
    extras = PROJECT["optional-dependencies"]
    lines_of_pip = PROJECT["dependencies"] + extras["train"] + extras["search"] + extras["suite"]
    expected = {Requirement(line).name for line in lines_of_pip} - {"hbt"}
    assert names - {"python", "pip"} == {conda.get(name, name) for name in expected}


@pytest.mark.parametrize("module", PROMISED)
def test_each_promised_package_is_used(module: str) -> None:
    imported = {name for name, _ in imports("hbt", "notebooks/source")}
    if module == "jupyterlab":  # a program, not a library: the Makefile opens it
        assert "-m jupyterlab" in (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    else:
        assert module in imported


@pytest.mark.parametrize(
    "arguments", [["-c", "import hbt"], ["-c", "import hbt.suite.cli"], ["-m", "hbt", "--help"]]
)
def test_the_package_and_its_help_import_nothing_heavy(arguments: list[str]) -> None:
    # -X importtime names every module on stderr as it is imported; the times are not looked at
    command = [sys.executable, "-X", "importtime", *arguments]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    lines = answer.stderr.splitlines()
    assert answer.returncode == 0, lines[-3:]
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in lines if line.count("|") == 2}
    assert "hbt" in loaded
    assert not loaded & set(HEAVY)


def tracked() -> list[str]:
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout: what belongs to the project is not known")
    command = ["git", "-c", "core.quotepath=off", "ls-files", "-z"]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    return [name for name in answer.stdout.decode().split("\0") if name]


def readme() -> str:
    return (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_readme_draws_the_tree_as_it_is() -> None:
    tree = readme().split("## What lies where")[1].split("```")[1]
    drawn = {line.split()[0] for line in tree.strip().splitlines()}
    files = tracked()
    real = {name.split("/")[0] + "/" for name in files if "/" in name}
    real |= {
        name for name in files if "/" not in name and name not in (".gitignore", ".gitattributes")
    }
    assert drawn == real


def test_the_readme_names_targets_that_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = set(
        re.findall(r"\bmake ([a-z][a-z-]*)", re.sub(r"[^`]*?(`[^`]*`|\Z)", r"\1 ", readme()))
    )
    assert named
    assert named <= targets
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == targets


def test_the_readme_links_to_files_that_exist() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", readme())
    local = [link.split("#")[0] for link in links if not link.startswith(("http", "#"))]
    assert local
    assert not [link for link in local if not (REPOSITORY / link).exists()]


def test_scripts_are_executable_and_have_unix_line_ends() -> None:
    for name in (".ci/run", "binder/postBuild", "binder/start"):
        content = (REPOSITORY / name).read_bytes()
        assert content.startswith(b"#!"), name
        assert b"\r" not in content, name
        if os.name != "nt":
            assert os.access(REPOSITORY / name, os.X_OK), name


def test_binder_installs_the_package_and_hands_over() -> None:
    post_build = (REPOSITORY / "binder/postBuild").read_text(encoding="utf-8").splitlines()
    assert "set -e" in post_build
    assert "pip install --no-deps ." in post_build
    start = (REPOSITORY / "binder/start").read_text(encoding="utf-8").rstrip().splitlines()
    assert start[-1] == 'exec "$@"'


def test_repo2docker_reads_the_binder_folder(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "jupyter-repo2docker"
    if not program.exists():
        pytest.skip("jupyter-repo2docker is not installed (it has no Windows version)")
    # a copy of what it reads: the log names every file of the folder that it is pointed at
    shutil.copytree(REPOSITORY / "binder", tmp_path / "copy" / "binder")
    command = [str(program), "--no-build", "--debug", str(tmp_path / "copy")]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert "Building conda environment for python=3.12" in answer.stderr
    assert "Python version unspecified" not in answer.stderr
    assert '--file "binder/environment.yml"' in answer.stdout
    assert "./binder/postBuild" in answer.stdout
    assert "binder/start" in answer.stdout


def test_citation_and_project_agree() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert " AND ".join(citation["license"]) == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


def test_the_version_is_one() -> None:
    import hbt

    assert hbt.__version__ == PROJECT["version"]


def test_every_file_of_the_package_is_packed() -> None:
    setuptools = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"][
        "setuptools"
    ]
    packed = [
        f"{package.replace('.', '/')}/{pattern}"
        for package, patterns in setuptools["package-data"].items()
        for pattern in patterns
    ]
    loose = [
        name
        for name in tracked()
        if name.startswith("hbt/")
        and not name.endswith(".py")
        and not any(Path(name).match(pattern) for pattern in packed)
    ]
    assert not loose, "not in [tool.setuptools.package-data]"
