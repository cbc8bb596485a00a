"""Notebooks from sources: stable ids, no outputs, and the house rules."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from hbt.suite import notebooks
from hbt.suite.house_rules import violations

HEADER = """# ---
# hbt:
#   title: A sample
#   question: Does it build?
#   minutes: 3
#   records: [mean]
#   figures: [line]
# ---
"""
CELLS = """
# %% [markdown]
# # A sample
# This takes 3 minutes.
# ## Goals

# %% tags=["parameters"]
profile: str = "classroom"  # smoke, classroom, full or paper
seed: int = 0
data: str = "village"
data_dir: str = ""
out_dir: str = ""
alphas: list[float] = [0.0, 0.5]

# %% [markdown]
# **Predict, then run.** Which is larger?

# %%
session.record("mean", sum(alphas))

# %% [markdown]
# **Predict, then run.** Where is the peak?

# %%
session.show(figure, "line", alt="A line.")

# %% [markdown]
# What to see: a line.
# ## Recap
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of notebooks with one good source."""
    write(tmp_path, HEADER + CELLS)
    return tmp_path


def write(folder: Path, text: str, name: str = "01_sample") -> Path:
    (folder / "source").mkdir(exist_ok=True)
    path = folder / "source" / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def ids(folder: Path) -> dict[str, str]:
    notebook = notebooks.generate(folder / "source" / "01_sample.py")
    return {cell.source: cell.id for cell in notebook.cells}


def test_build_writes_a_valid_notebook_without_outputs(folder: Path) -> None:
    assert notebooks.build(folder) == ["01_sample.ipynb: written"]
    notebook = nbformat.read(folder / "01_sample.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.hbt == {
        "title": "A sample",
        "question": "Does it build?",
        "minutes": 3,
        "records": ["mean"],
        "figures": ["line"],
        "headline": ["mean"],
    }
    assert set(notebook.metadata) == {"kernelspec", "language_info", "hbt"}
    assert [cell.cell_type for cell in notebook.cells][:3] == ["markdown", "code", "markdown"]
    assert notebook.cells[1].metadata.tags == ["parameters"]
    for cell in notebook.cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
    assert notebooks.build(folder) == ["01_sample.ipynb: unchanged"]
    assert notebooks.check(folder) == []


def test_the_header_may_lie_in_jupytexts_own_part(folder: Path) -> None:
    lines = [line.replace("# ", "#   ", 1) for line in HEADER.splitlines()[1:-1]]
    write(folder, "\n".join(["# ---", "# jupyter:", *lines, "# ---", CELLS]))
    header = notebooks.generate(folder / "source/01_sample.py").metadata.hbt
    assert header["title"] == "A sample"


def test_untouched_cells_keep_their_ids(folder: Path) -> None:
    before = ids(folder)
    assert len(set(before.values())) == len(before)
    added = CELLS.replace(
        "# %% [markdown]\n# **Predict",
        "# %%\n1 + 1\n\n# %%\n1 + 1\n\n# %% [markdown]\n# **Predict",
        1,
    )
    write(folder, HEADER + added)
    notebook = notebooks.generate(folder / "source" / "01_sample.py")
    after = {cell.source: cell.id for cell in notebook.cells}
    assert {source: after[source] for source in before} == before
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)  # equal cells differ


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("#   minutes: 3", "#   minutes: soon", "hbt.minutes must be a whole number above 0"),
        ("#   minutes: 3", "#   minuets: 3", "header field hbt.minuets is unknown"),
        ("#   question: Does it build?\n", "", "hbt.question must be a text, not None"),
        ("#   records: [mean]", "#   records: [no]", "hbt.records must be a list of names"),
        ("# hbt:", "# else:", "there is no `hbt:` mapping in its header"),
        ("#   figures: [line]", "#   figures: []\n#   headline: [x]", "hbt.headline names 'x'"),
    ],
)
def test_a_wrong_header_is_refused(folder: Path, old: str, new: str, sentence: str) -> None:
    """YAML's `no` is the value False, also where a name was meant."""
    write(folder, HEADER.replace(old, new) + CELLS)
    with pytest.raises(ValueError, match=sentence.replace("?", ".")):
        notebooks.build(folder)
    assert not (folder / "01_sample.ipynb").exists()
    assert any(sentence in problem for problem in notebooks.check(folder))


def test_check_names_what_differs_from_the_source(folder: Path) -> None:
    path = folder / "01_sample.ipynb"
    assert "was never generated" in notebooks.check(folder)[0]
    notebooks.build(folder)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("What to see", "What to think"), encoding="utf-8")
    (problem,) = notebooks.check(folder)
    assert problem.startswith("01_sample: cell 7 (What to see: a line.) differs from the source")
    executed = json.loads(text)
    executed["cells"][3]["execution_count"] = 1
    path.write_text(json.dumps(executed), encoding="utf-8")
    assert "the file holds outputs" in notebooks.check(folder)[0]
    path.write_text(text, encoding="utf-8")
    (folder / "02_other.ipynb").write_text(text, encoding="utf-8")
    assert notebooks.check(folder)[0].startswith("02_other: has no source")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("seed: int = 0\n", "", "its parameters lack 'seed'"),
        ("seed: int = 0", "seed = 0", "must be one annotated literal"),
        ("seed: int = 0", "seed: int | None = 0", "has type int | None, not one of"),
        ("seed: int = 0", "seed: int = 2 + 3", "must be one annotated literal"),
        ("seed: int = 0", "seed: int = 0.5", "parameter 'seed' must be int, not float 0.5"),
        ('data_dir: str = ""', 'data_dir: str = "a#b"', "must hold no # and no ="),
        ("# %%\nsession.record", "# %%\nseed = 1\nsession.record", "assigns to parameter 'seed'"),
        (' tags=["parameters"]', "", "needs one code cell with the tag `parameters`"),
        ("# %%\nsession.record", "# %%\n" + "1\n" * 15 + "session.record", "has 16 lines"),
        ("# ## Goals", "# ## Aims", "has no heading with the word 'goals'"),
        ("# ## Recap", "# Recap", "has no heading with the word 'recap'"),
        ("takes 3 minutes", "takes 4 minutes", "does not say `3 minutes`"),
        ("Predict, then run.** Where", "Predict.** Where", "has 1 text cells `Predict, then run`"),
        ("session.record", "from os import *\nsession.record", "has a star import from os"),
        (
            "session.record",
            "import warnings\nwarnings.filterwarnings('ignore')\nsession.record",
            "code cell 2 silences warnings",
        ),
        (
            "session.record",
            "from tqdm.auto import tqdm\nsession.record",
            "imports tqdm.auto, whose bars are widgets",
        ),
        (', alt="A line."', "", "calls session.show without alt text"),
        ('alt="A line."', 'alt=" "', "calls session.show without alt text"),
        ("# What to see: a line.\n", "# ", None),
        ("# %% [markdown]\n# What to see: a line.\n", "# %%\n", "no text follows the figure"),
        ('"line", alt', '"curve", alt', "shows 'curve', which hbt.figures does not declare"),
        ('"line", alt', '"curve", alt', "declares 'line' in hbt.figures but has no session.show"),
        ('"line", alt', "name, alt", None),
        ('record("mean"', 'record("sum"', "declares 'mean' in hbt.records but has no session.rec"),
        ("# %%\nsession.record", "# %%\nwhile:\nsession.record", "is not plain Python (line 1)"),
        (
            "# %%\nsession.rec",
            '# %% tags=["raises-exception"]\nsession.rec',
            "tag raises-exception",
        ),
    ],
)
def test_the_house_rules(folder: Path, old: str, new: str, sentence: str | None) -> None:
    assert old in CELLS
    write(folder, HEADER + CELLS.replace(old, new, 1))
    notebooks.build(folder)
    problems = notebooks.check(folder)
    if sentence is None:
        assert problems == []
    else:
        assert any(sentence in problem for problem in problems), problems
        assert all(problem.startswith("01_sample: ") for problem in problems)
        assert not any("\n" in problem for problem in problems)


def test_a_loop_variable_inside_a_function_is_no_parameter(folder: Path) -> None:
    inner = "def draw():\n    seed = 3\n    return [data for data in 'ab']\n"
    write(folder, HEADER + CELLS.replace("session.record", inner + "session.record", 1))
    notebook = notebooks.generate(folder / "source" / "01_sample.py")
    assert violations(notebook, "01_sample") == []


def test_too_many_code_cells(folder: Path) -> None:
    write(folder, HEADER + CELLS + "\n# %%\n1\n" * 40)
    notebooks.build(folder)
    assert notebooks.check(folder) == ["01_sample: has 43 code cells, more than 40"]


def test_names_resolve_by_their_beginning(folder: Path) -> None:
    write(folder, HEADER + CELLS, "02_other")
    write(folder, HEADER + CELLS, "02_others")
    notebooks.build(folder)
    assert notebooks.resolve(folder, "all") == ["01_sample", "02_other", "02_others"]
    assert notebooks.resolve(folder, "01") == ["01_sample"]
    assert notebooks.resolve(folder, "02_other") == ["02_other"]
    with pytest.raises(ValueError, match="'02' matches several notebooks"):
        notebooks.resolve(folder, "02")


def test_sources_are_named_by_the_rule(folder: Path) -> None:
    write(folder, HEADER + CELLS, "intro")
    with pytest.raises(ValueError, match="a source is named NN_name"):
        notebooks.build(folder)


def test_the_committed_notebooks_are_what_their_sources_make() -> None:
    folder = Path(__file__).resolve().parent.parent / "notebooks"
    if not list((folder / "source").glob("*.py")):
        pytest.skip("there are no notebooks yet")
    assert notebooks.check(folder) == []
