"""The configs of `hbt train`: what ships is complete and says where it comes from; bad input."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from hbt.models import MODELS
from hbt.sources.mmarco import PAPER_LANGUAGES
from hbt.suite.config_files import shipped_configs
from hbt.suite.train_check import check_names
from hbt.suite.train_config import SECTIONS, DataSection, TrainConfig, read_config

PAPER = [name for name in shipped_configs() if name.startswith("paper-")]
SMALL = "model: {name: static}\ndata: {training: village}\n"


def write(folder: Path, text: str, name: str = "own.yaml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_both_models_and_three_samplings_ship() -> None:
    found = {(read_config(name).model.name, read_config(name).sampling.sampling) for name in PAPER}
    assert found == {
        (model, sampling)
        for model in ("xlm-r-base", "labse")
        for sampling in ("hybrid", "X-Y", "X-X-mono")
    }
    assert "village" in shipped_configs()


@pytest.mark.parametrize("name", PAPER)
def test_every_value_of_a_paper_config_says_where_it_comes_from(name: str) -> None:
    config = read_config(name)
    values = config.values()
    fields = {f"{section}.{field}" for section in SECTIONS for field in values[section]}
    assert set(config.provenance) == fields
    kinds = [source.partition(":")[0] for source in config.provenance.values()]
    assert kinds.count("paper") >= 12
    assert kinds.count("ours") >= 20


@pytest.mark.parametrize("name", PAPER)
def test_what_is_marked_as_the_papers_is_the_papers(name: str) -> None:
    """Section 3.1 of arXiv 2408.10536, and equation 1."""
    config = read_config(name)
    assert config.sampling.alpha == 0.5
    assert config.sampling.batch_size == 100
    assert config.training.learning_rate == 3e-5
    assert config.training.weight_decay == 0.01
    assert not config.training.symmetric
    assert config.data.languages == ["en", "ar", "zh", "de", "es", "ru", "hi"]
    assert config.model.query_prefix == "Query: "
    assert config.model.passage_prefix == "Passage: "
    assert config.evaluation.benchmarks == ["xquad-r", "mlqa-r"]
    assert config.model.name in MODELS
    assert config.model.pooling == MODELS[config.model.name].pooling


def test_samplings_of_a_model_differ_in_the_sampling_alone() -> None:
    for model in ("xlm-r", "labse"):
        hybrid, other = (read_config(f"paper-{model}-{each}") for each in ("hybrid", "x-y"))
        plan = dataclasses.replace(other.sampling, sampling="hybrid")
        training = dataclasses.replace(other.training, plan=plan)
        same = {"sampling": plan, "training": training, "out": hybrid.out, "source": hybrid.source}
        assert dataclasses.replace(other, **same) == hybrid


def test_a_change_on_the_command_line_is_ours(tmp_path: Path) -> None:
    changes = ["training.learning_rate=3e-4", "sampling.seed=7", "data.languages=[en, de]"]
    config = read_config("paper-xlm-r-hybrid", changes, out=str(tmp_path))
    assert config.training.learning_rate == 3e-4
    assert config.sampling.seed == config.training.seed == 7
    assert config.training.plan is config.sampling
    assert config.data.languages == ["en", "de"]
    assert config.out == str(tmp_path)
    assert config.provenance["training.learning_rate"] == "ours: set on the command line"
    assert config.provenance["sampling.alpha"].startswith("paper")


def test_a_change_in_a_file_is_ours(tmp_path: Path) -> None:
    text = "base: paper-xlm-r-x-y\ndata: {training: mmarco+miracl, negatives: 1, languages: [en]}\n"
    text += 'provenance: {data.languages: "ours: one is enough"}\n'
    given = read_config(write(tmp_path, text)).provenance
    assert given["data.training"] == "ours: set in own.yaml"
    assert given["data.languages"] == "ours: one is enough"
    shipped = read_config("paper-xlm-r-x-y").provenance
    assert given["data.negatives"] == shipped["data.negatives"], "it was not changed"
    assert given.keys() == shipped.keys()
    above = write(tmp_path, "base: own.yaml\nsampling: {alpha: 1}\n", "above.yaml")
    assert read_config(above).provenance["data.training"] == "ours: set in own.yaml"
    assert read_config(above).provenance["sampling.alpha"] == "ours: set in above.yaml"
    wrong = write(tmp_path, "base: paper-xlm-r-x-y\ntraining: {epochs: 3}\n", "wrong.yaml")
    with pytest.raises(ValueError, match=r"training\.epochs is unknown; fields are"):
        read_config(wrong)
    with pytest.raises(ValueError, match=r"training\.epochs is unknown; fields are"):
        read_config("paper-xlm-r-x-y", ["training.epochs=3"])


def test_the_documented_example_is_a_config(tmp_path: Path) -> None:
    page = Path(__file__).parents[1].joinpath("docs", "training.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    config = read_config(write(tmp_path, text, "mine.yaml"))
    assert config.data.training == "mmarco+miracl:bn,fi,sw,te,th"
    assert config.data.languages == list(PAPER_LANGUAGES)
    assert config.sampling.batch_size % 4 == 0
    assert config.provenance["sampling.source_temperature"] == "ours: set in mine.yaml"


def test_the_documented_example_of_ones_own_data_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[1].joinpath("docs", "training.md").read_text(encoding="utf-8")
    text = page.partition("folder of one's own\n")[2].partition("```yaml\n")[2].partition("```")[0]
    path = write(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for code in ("sw", "yo"):
        record = '{"id": "1", "query": "q", "passage": "p"}\n'
        write(tmp_path / "mine", record, f"{code}.jsonl")
    config = read_config(path)
    assert config.data == DataSection("parallel:mine", held_out=200)
    assert "the texts of parallel:mine" in check_names(config)
    with pytest.raises(
        ValueError, match=r"data: .*has no language 'ar', only sw, yo \(data\.languages"
    ):
        check_names(read_config(path, ["data.languages=[ar]"]))


def test_defaults_bases_and_paths(tmp_path: Path) -> None:
    write(tmp_path, SMALL + "sampling: {alpha: 0.25, batch_size: 8}\n", "below.yaml")
    above = write(tmp_path, "base: below.yaml\nsampling: {alpha: 1}\n", "above.yaml")
    config = read_config(above)
    assert isinstance(config, TrainConfig)
    assert (config.sampling.alpha, config.sampling.batch_size) == (1.0, 8)
    assert config.out == "runs/above"
    assert read_config(above, ["out=elsewhere"]).out == "elsewhere"
    assert config.selection.benchmark is None


BAD = {
    "no file": (None, [], r"there is no such file, and it is none of .*paper-labse-hybrid"),
    "no yaml": ("a: [", [], "cannot be read"),
    "no sections": ("- 1", [], "has no sections"),
    "twice": (SMALL + "model: {name: labse}\n", [], "model comes twice"),
    "section": (SMALL + "optimiser: {}\n", [], "optimiser is none of model, data"),
    "no fields": (SMALL + "sampling: 3\n", [], "sampling is 3, fields with values"),
    "field": (SMALL + "training: {epochs: 3}\n", [], r"training\.epochs is unknown; fields are st"),
    "missing": ("data: {training: village}\n", [], r"model\.name is missing"),
    "plan": (SMALL + "training: {plan: {}}\n", [], r"training\.plan is unknown"),
    "text": (SMALL + "training: {steps: many}\n", [], r"training\.steps is 'many', a whole number"),
    "truth": (SMALL + "training: {steps: true}\n", [], r"training\.steps is True, a whole number"),
    "no": (
        "model: {name: static}\ndata: {training: village, languages: [en, no]}\n",
        [],
        r"data\.languages is False, text is needed; quote it",
    ),
    "range": (SMALL + "sampling: {alpha: 1.5}\n", [], r"sampling: alpha is 1\.5"),
    "held-out": (SMALL + "selection: {benchmark: held-out}\n", [], r"data\.held_out is 0"),
    "metric": (
        SMALL + "selection: {benchmark: village, metric: x}\n",
        [],
        r"selection\.metric: no metric 'x'; mAP",
    ),
    "setting": (
        SMALL + "selection: {benchmark: village, setting: x}\n",
        [],
        r"selection\.setting 'x'",
    ),
    "every": (
        SMALL + "selection: {benchmark: village, every: 3}\ntraining: {accumulation: 2}\n",
        [],
        r"selection\.every is 3, no multiple",
    ),
    "depth": (SMALL + "evaluation: {run_depth: -1}\n", [], r"evaluation\.run_depth is -1"),
    "base": ("base: own.yaml\n", [], "is a base of itself"),
    "source": (
        SMALL + "provenance: {model.name: mine}\n",
        [],
        "provenance of model.name is 'mine'",
    ),
    "place": (
        SMALL + "provenance: {model.x: 'ours: y'}\n",
        [],
        r"'model\.x', and there is no such",
    ),
    "set": (SMALL, ["alpha=3"], "--set alpha=3: section.field=value is needed"),
    "set section": (SMALL, ["trainig.steps=3"], r"trainig is none of model, data, sampling, tr"),
    "set nothing": (
        SMALL,
        ["training.steps"],
        "--set training.steps: section.field=value is needed",
    ),
    "set field": (SMALL, ["sampling.beta=3"], r"sampling\.beta is unknown"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_sentence(case: str, tmp_path: Path) -> None:
    text, changes, message = BAD[case]
    path = str(tmp_path / "none.yaml") if text is None else write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as caught:
        read_config(path, changes)
    assert "\n" not in str(caught.value)


def test_reading_a_config_imports_nothing_heavy() -> None:
    code = (
        "import sys; from hbt.suite.train_config import read_config; read_config('village'); "
        "print({'torch', 'pandas', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
