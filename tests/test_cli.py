"""The command line: quick help, one sentence for bad input, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hbt.suite import cli, parameters


def hbt(*arguments: str, **options: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "hbt", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom hbt.suite.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as error:\n    assert error.code == 0\n"
        "print(sorted(name.partition('.')[0] for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for heavy in ("numpy", "torch", "pandas", "matplotlib", "nbformat", "psutil", "tqdm"):
        assert f"'{heavy}'" not in done.stdout.splitlines()[-1]


def test_help_answers_within_half_a_second() -> None:
    def seconds() -> float:
        started = time.perf_counter()
        assert hbt("--help").returncode == 0
        return time.perf_counter() - started

    assert min(seconds() for _ in range(5)) < 0.5


def test_bad_input_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    done = hbt("notebooks", "run", "all", "--profile", "huge", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "hbt: profile 'huge' is not one of smoke, classroom, full, paper\n"
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["notebooks", "build", "--notebooks", "nowhere"], "nowhere: there is no such folder"),
        (
            ["notebooks", "run", "all", "-p", "alpha"],
            "-p alpha: write name=value with a JSON value",
        ),
        (["notebooks", "run", "all", "-p", "a=hi"], "-p a=hi: 'hi' is not a finite JSON value"),
        (["notebooks", "run", "all", "-p", "a=NaN"], "-p a=NaN: 'NaN' is not a finite JSON value"),
        (["notebooks", "run", "all", "-P", "no.json"], "no.json: cannot be read"),
        (["data", "check", "--data-dir", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_every_command_tells_bad_input(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"hbt: {sentence}")


def test_usage_errors_exit_2(capsys: pytest.CaptureFixture) -> None:
    for arguments in ([], ["notebooks"], ["notebooks", "run", "all", "--timeout", "-3"]):
        with pytest.raises(SystemExit) as error:
            cli.main(arguments)
        assert error.value.code == 2
    assert "'-3' is not a number above 0" in capsys.readouterr().err


def test_the_request_is_what_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hbt.suite import runner

    file = tmp_path / "given.json"
    file.write_text(json.dumps({"seed": 1, "alpha": 0.25, "03_try": {"alpha": 0.75}}))
    taken = []
    monkeypatch.setattr(runner, "run", lambda request: taken.append(request) or 0)
    typed = (
        f"notebooks run 03 --profile full -P {file} -p seed=7 --timeout 60 --fresh --out {tmp_path}"
    )
    assert cli.main(typed.split()) == 0
    (request,) = taken
    assert (request.name, request.profile, request.data) == ("03", "full", "village")
    assert request.given == {"seed": 7, "alpha": 0.25, "03_try": {"alpha": 0.75}}
    assert (request.timeout, request.fresh, request.out) == (60.0, True, tmp_path)
    assert request.command == f"hbt {typed}"
    assert parameters.for_notebook(request.given, "03_try", ["03_try"]) == {
        "seed": 7,
        "alpha": 0.75,
    }
    assert parameters.for_notebook(request.given, "02_x", ["02_x", "03_try"])["alpha"] == 0.25


SOURCE = """# ---
# hbt:
#   title: A sample
#   question: Does it run?
#   minutes: 3
#   records: [slope]
#   figures: [line]
# ---

# %% [markdown]
# # A sample of 3 minutes
# ## Goals
# **Predict, then run.** The slope.

# %% tags=["parameters"]
profile: str = "classroom"  # smoke, classroom, full or paper
seed: int = 0
data: str = "village"
data_dir: str = ""
out_dir: str = ""
slope: float = 1.0

# %%
from hbt.suite.session import begin

session = begin(
    "01_sample", profile=profile, seed=seed, data=data, data_dir=data_dir, out_dir=out_dir
)

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots()
axes.plot([0.0, slope])
session.show(figure, "line", alt="A line that rises from zero.")
session.record("slope", slope)

# %% [markdown]
# What to see: it rises.
# **Predict, then run.** Is the work kept?

# %%
import json, os

with open(os.environ["HBT_STAGE_LOG"], "a") as log:
    for action in ("made", "reused", "reused"):
        print(json.dumps({"stage": "scores", "action": action, "seconds": 0.1}), file=log)

# %% [markdown]
# ## Recap

# %%
session.finish()
"""


def test_from_a_source_to_a_page(tmp_path: Path) -> None:
    """Build, check and run a notebook as a user does, with the figures of a real session."""
    (tmp_path / "notebooks/source").mkdir(parents=True)
    (tmp_path / "notebooks/source/01_sample.py").write_text(SOURCE, encoding="utf-8")
    environment = {**os.environ, "HBT_CACHE_DIR": str(tmp_path / "cache"), "MPLBACKEND": "Agg"}
    options = {"cwd": tmp_path, "env": environment}
    assert hbt("notebooks", "build", **options).stdout == "01_sample.ipynb: written\n"
    checked = hbt("notebooks", "check", **options)
    assert checked.returncode == 0, checked.stdout
    done = hbt("notebooks", "run", "all", "--profile", "smoke", "-p", "slope=2", **options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "slope = 2.000" in done.stdout
    assert "2 reused, 1 made" in done.stdout
    latest = tmp_path / "runs/latest"
    page = (latest / "01_sample/01_sample.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 1  # the inline backend does not show it a second time
    assert 'alt="A line that rises from zero."' in page
    assert (latest / "01_sample/figures/line.png").stat().st_size > 1000
    again = hbt("notebooks", "run", "all", "--profile", "smoke", "-p", "slope=2", **options)
    assert "01_sample: reused, nothing has changed" in again.stderr


def test_doctor_exits_by_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from hbt.suite import doctor

    findings = [doctor.Finding("disk", "9 GB free"), doctor.Finding("memory", "1 GB", "buy some")]
    monkeypatch.setattr(doctor, "examine", lambda data_dir: findings[:1])
    assert cli.main(["doctor"]) == 0
    monkeypatch.setattr(doctor, "examine", lambda data_dir: findings)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "no  memory    1 GB -> buy some"


def test_a_package_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """As after `pip install .` without extras; a fault of our own is no missing package."""
    monkeypatch.setitem(sys.modules, "bm25s", None)
    evaluation = ["evaluate", "--benchmark", "village", "--profile", "smoke", "--bm25"]
    assert cli.main(evaluation) == 2
    told = capsys.readouterr().err
    assert told.startswith("hbt: bm25s is not installed: hbt evaluate needs the extras train and")
    monkeypatch.setitem(sys.modules, "hbt.suite.evaluate", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main(evaluation)


def test_an_interrupt_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from hbt.suite import doctor

    def interrupt(data_dir: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", interrupt)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "hbt: interrupted\n"


def test_real_data_is_counted(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from hbt import sources

    monkeypatch.setattr(sources, "overlapping_paragraphs", lambda xquad, mlqa: {})  # takes seconds
    assert cli.main(["data", "check", "--data-dir", os.fspath(shared_data)]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "XQuAD-R 11 13090 13014 11 for each query" in rows
    assert "MLQA-R 7 4199 20534 2 to 4 for each query" in rows
