"""The profile `paper`: what it needs, what it says where that is missing, and that it trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_checkpoints import tiny_labse, tiny_xlm_r

from hbt.corpus import CorpusError, ParallelItems
from hbt.encoders import EncoderSettings, encode
from hbt.sources import MLQA_R, XQUAD_R
from hbt.suite import checkpoints, real_text, runner
from hbt.suite.experiment import load_model, model_folder, run
from hbt.suite.paper_profile import ENCODER_VARIABLE, announcement, chosen_encoder, training_data
from hbt.suite.profiles import Profile, profile_settings
from hbt.suite.recipe import pretraining_stage
from hbt.suite.requirements import PAPER_NOTEBOOKS, NotReadyError, find_missing, require_paper
from hbt.suite.session import begin
from hbt.suite.worlds import load_world

REPOSITORY = Path(__file__).resolve().parent.parent
XLM_R = "FacebookAI/xlm-roberta-base"
NOTEBOOK = "03_hybrid_batching"


def checkpoint(folder: Path) -> Path:
    """A folder that looks like one; nothing reads its weights here."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache of the hub, and no encoder named."""
    from huggingface_hub import constants

    for name in (ENCODER_VARIABLE, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """All that the profile needs, faked: a GPU, a checkpoint, the names of the data's files."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    monkeypatch.setenv(ENCODER_VARIABLE, str(checkpoint(tmp_path / "encoder")))
    for each in (XQUAD_R, MLQA_R):
        (tmp_path / "data" / each.folder).mkdir(parents=True)
        for language in each.counts:
            (tmp_path / "data" / each.folder / f"{language}.json").write_text("{}")
    return tmp_path / "data"


def lacks(data_dir: Path | str, data: str = "real") -> list[str]:
    found = find_missing(data, str(data_dir), chosen_encoder(), NOTEBOOK)
    assert all(each.remedy for each in found)
    return [each.what for each in found]


def test_nothing_is_missing(complete: Path) -> None:
    assert lacks(complete) == []


def no_gpu(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def old_gpu(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
    )
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a Tesla T4")


def offline(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setenv(ENCODER_VARIABLE, "labse")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def no_network(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.delenv(ENCODER_VARIABLE)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody answers at this port


def no_weights(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    (data.parent / "encoder" / "model.safetensors").unlink()


def no_such_name(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setenv(ENCODER_VARIABLE, "xlm-r-bas")


def no_language(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    (data / "mlqa-r" / "vi.json").unlink()


def no_set(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    (data / "xquad-r").rename(data / "xquad")


def half_of_mmarco(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    (data / "mmarco").mkdir()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (no_gpu, "a GPU: torch finds no CUDA device"),
        (old_gpu, "bfloat16, which a Tesla T4 cannot compute in"),
        (
            offline,
            "the model sentence-transformers/LaBSE: it is not in the hub's cache, and HF_HUB",
        ),
        (no_network, f"the model {XLM_R}: it is not in the hub's cache, and it could not be down"),
        (no_weights, "a model: "),
        (no_such_name, "a model: 'xlm-r-bas' is no short name, no owner/name and no folder"),
        (no_language, "mlqa-r: "),
        (no_set, "xquad-r: "),
        (half_of_mmarco, "mmarco: "),
    ],
)
def test_each_thing_that_is_missing_is_told(
    complete: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable, what: str
) -> None:
    spoil(monkeypatch, complete)
    (told,) = lacks(complete)
    assert told.startswith(what)


def test_data_that_is_not_given_is_told(complete: Path, tmp_path: Path) -> None:
    assert lacks("", data="village") == ["real text: data is 'village'"]
    assert lacks("") == ["real text: data_dir is empty"]
    (told,) = lacks(tmp_path / "nowhere")
    assert told.endswith("nowhere' is no folder")


@pytest.mark.parametrize("notebook", ["01_data_preparation", "04_low_resource_scaling"])
def test_two_notebooks_have_no_profile_paper(complete: Path, notebook: str) -> None:
    with pytest.raises(NotReadyError, match="it has no profile paper"):
        require_paper(notebook, "real", str(complete))


@pytest.mark.parametrize("notebook", PAPER_NOTEBOOKS)
def test_the_others_say_so_before_their_first_cell(notebook: str) -> None:
    source = (REPOSITORY / "notebooks" / "source" / f"{notebook}.py").read_text(encoding="utf-8")
    introduction, _, rest = source.partition('# %% tags=["parameters"]')
    assert "# At the profile `paper` the same cells train " in introduction
    assert "# smoke, classroom, full or paper" in rest


def test_a_model_in_the_hubs_cache_needs_no_network(
    complete: Path, monkeypatch: pytest.MonkeyPatch, hub: Path
) -> None:
    no_network(monkeypatch, complete)
    model = hub / "models--FacebookAI--xlm-roberta-base"
    checkpoint(model / "snapshots" / "c0ffee")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("c0ffee")
    assert lacks(complete) == []
    assert checkpoints.version(XLM_R) == "c0ffee"


def test_a_model_that_the_hub_gives_is_not_missing(
    complete: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import HfApi, ModelInfo

    asked = []
    monkeypatch.delenv(ENCODER_VARIABLE)

    def answer(api: HfApi, name: str, timeout: float, files_metadata: bool) -> ModelInfo:
        asked.append(name)
        siblings = [{"rfilename": "model.safetensors", "size": 7}]
        return ModelInfo(id=name, siblings=siblings)

    monkeypatch.setattr(HfApi, "model_info", answer)
    assert lacks(complete) == []
    assert set(asked) == {XLM_R}


def test_the_first_cell_lists_it_and_stops(
    complete: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
) -> None:
    no_gpu(monkeypatch, complete)
    out = tmp_path / "out"
    with pytest.raises(NotReadyError) as stopped:
        begin(NOTEBOOK, profile="paper", out_dir=str(out))
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in printed if line.startswith("- ")] == [
        "- a GPU",
        "- real text",
    ]
    assert "\n" not in str(stopped.value)
    assert str(stopped.value).startswith("a GPU: torch finds no CUDA device (an NVIDIA card")
    assert len(stopped.value._render_traceback_()) == 1
    assert not out.exists()


def test_the_first_cell_says_what_runs(
    complete: Path, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    session = begin(NOTEBOOK, profile="paper", data="real", data_dir=str(complete), out_dir=out)
    disk, _, printed = capsys.readouterr().out.partition("\n")
    assert disk.startswith("0.0 GB of disk are needed (46 models: 0.0 GB in ")
    assert printed == announcement(session.settings) + "\n"
    owner = {line.split()[0]: line for line in printed.splitlines()}
    for name, of in (
        ("sampling.batch_size", "100 "),
        ("training.learning_rate", "3e-05 "),
        ("training.weight_decay", "0.01 "),
        ("sampling.alpha", "0.5 "),
        ("model.query_prefix", "Query: "),
    ):
        assert f"  {of}" in owner[name]
        assert "  paper: " in owner[name]
    for name in ("model.name", "data.training", "training.steps", "training.scale", "seeds"):
        assert "  ours: " in owner[name]
    assert "HBT_PAPER_ENCODER" in owner["model.name"]
    training = session.settings.base.training
    assert (training.plan.batch_size, training.learning_rate) == (100, 3e-5)
    assert (training.weight_decay, training.precision) == (0.01, "bfloat16")
    assert session.settings.seeds == (0, 1, 2, 3, 4)
    assert session.settings.encoder == "encoder"


def test_the_strict_runner_reports_not_run(tmp_path: Path) -> None:
    """The real notebook, in a kernel that sees no GPU, on the command line."""
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hub"),
        "HBT_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(REPOSITORY),
    }
    command = ["notebooks", "run", "03", "--profile", "paper", "--out", "out"]
    command += ["--notebooks", str(REPOSITORY / "notebooks")]
    done = subprocess.run(
        [sys.executable, "-m", "hbt", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    told = done.stderr.splitlines()[-1]
    assert told.startswith(f"hbt: {NOTEBOOK}: not run: a GPU: torch finds no CUDA device (")
    assert f"; the model {XLM_R}: it is not in the hub's cache, and HF_HUB_OFFLINE is set (" in told
    assert "; real text: data is 'village' (" in told
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "cache").exists()


def test_some_that_ran_and_some_that_did_not_exit_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    names = []

    def pretend(plan: runner.Plan, *_: object) -> dict:
        names.append(plan.name)
        problem = f"{plan.name}: not run: no luck" if plan.name.startswith("03") else ""
        entry = {"name": plan.name, "title": "", "question": "", "problem": problem}
        entry |= {"status": "not run" if problem else "passed", "reused": False, "seconds": 1.0}
        entry |= {"peak_rss_mb": 1.0, "stages": {"made": 0, "reused": 0}, "headline": []}
        return entry | {"html": "", "figures": [], "records": []}

    monkeypatch.setattr(runner, "run_notebook", pretend)
    request = {"profile": "paper", "out": Path("out"), "folder": REPOSITORY / "notebooks"}
    assert runner.run(runner.Request(**request)) == 2
    assert names == ["02_baseline_training", NOTEBOOK, "05_bias_analysis"]
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "03_hybrid_batching: not run: no luck"
    assert "no profile paper: 01_data_preparation, 04_low_resource_scaling" in printed.err
    suite = json.loads(Path("out/suite.json").read_text())
    assert suite["memory_limit_mb"] is suite["budget_seconds"] is None
    assert [each["status"] for each in suite["notebooks"]] == ["passed", "not run", "passed"]


def test_another_encoder_is_another_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, complete: Path
) -> None:
    """A finished notebook is not taken for one with another encoder, or other weights."""
    request = runner.Request("03", "paper", "real", str(complete), folder=REPOSITORY / "notebooks")

    def digest() -> str:
        (plan,) = runner.make_plans(request)
        return plan.data_digest

    found = [digest()]
    (tmp_path / "encoder" / "model.safetensors").write_bytes(b"other weights")
    found.append(digest())
    monkeypatch.setenv(ENCODER_VARIABLE, "labse")
    found.append(digest())
    assert len(set(found)) == 3


def test_the_encoder_is_named_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert chosen_encoder() == XLM_R
    monkeypatch.setenv(ENCODER_VARIABLE, "labse")
    assert chosen_encoder() == "sentence-transformers/LaBSE"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv(ENCODER_VARIABLE, "mine")
    assert chosen_encoder() == str(tmp_path / "mine")
    with pytest.raises(ValueError, match="the profile paper reads real text, not data 'village'"):
        profile_settings("paper")


def test_mmarco_is_taken_where_it_is(tmp_path: Path) -> None:
    assert training_data(str(tmp_path)) == "mlqa-r"
    (tmp_path / "mmarco").mkdir()
    assert training_data(str(tmp_path)) == "mmarco"


@pytest.fixture(scope="module")
def tiny(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """The profile with a tiny checkpoint of XLM-R's files, on real text, and few small steps."""
    folder = tmp_path_factory.mktemp("tiny")
    texts = real_text.read_for_published(shared_data, "mlqa-r").training.queries
    lines = [line for column in texts.values() for line in column if line]
    tiny_xlm_r(folder / "xlm-r", lines, vocabulary_size=4000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HBT_CACHE_DIR", str(folder / "cache"))
        patch.setenv(ENCODER_VARIABLE, str(folder / "xlm-r"))
        profile = profile_settings("paper", "real", str(shared_data))
        small = {"batch_size": 8, "steps": 6, "precision": "float32", "learning_rate": 1e-3}
        yield Profile(**{**vars(profile), "base": profile.base.replace(**small)})


def test_the_experiments_of_both_notebooks_train_and_score(tiny: Profile) -> None:
    """Those of 02 (X-X-mono, X-Y), and of 03 (hybrid, and with twice the steps)."""
    systems = {
        "X-X-mono": tiny.system("X-X-mono", 0),
        "X-Y": tiny.system("X-Y", 0),
        "hybrid x2": tiny.system("hybrid", 0, alpha=0.5, steps=12),
    }
    results = {name: run(each, languages=("en", "el")) for name, each in systems.items()}
    for name, result in results.items():
        cells = result.scores[result.scores.metric.eq("mAP")].groupby("setting").size()
        assert cells.to_dict() == {"monolingual": 2, "cross-lingual": 2, "multilingual": 2}, name
    values = {name: result.per_query.mAP.to_numpy() for name, result in results.items()}
    names = list(values)
    assert all(
        not np.array_equal(values[one], values[other])
        for place, one in enumerate(names)
        for other in names[:place]
    )
    assert set(results["X-Y"].loss.kind) == {"cross-lingual"}
    assert set(results["hybrid x2"].loss.kind) == {"monolingual", "cross-lingual"}
    assert len(results["hybrid x2"].loss) == 12


def test_the_published_encoder_is_one_for_all_seeds(tiny: Profile) -> None:
    world = load_world(tiny.base.world)
    first, second = (tiny.system("X-Y", seed) for seed in (0, 1))
    assert pretraining_stage(first, world).key == pretraining_stage(second, world).key
    model = load_model(first.replace(training=None))
    assert (model.prompts["query"], model.prompts["passage"]) == ("Query: ", "Passage: ")
    assert model.max_seq_length == 256
    texts = ["Where is the cat?", "Wer backt Brot?"]
    original = checkpoints.load_published(tiny.base.encoder)
    assert np.array_equal(encode(model, texts, "query"), encode(original, texts, "query"))
    assert not (model_folder(first.replace(training=None)).parents[2] / "tokenizer").exists()


def test_the_real_world_without_ntrex(
    tiny: Profile, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = load_world(tiny.base.world)
    assert world.unseen_languages == ("el", "ru", "th", "tr")
    assert len(world.pretraining) == 0
    assert [world.language_names[code] for code in ("el", "zh")] == ["Greek", "Chinese"]
    with pytest.raises(CorpusError, match="no low-resource benchmark"):
        world.benchmark("low-resource")
    column = {"en": ["a question"], "ru": ["вопрос"]}
    items = ParallelItems(
        "mMARCO", ("en", "ru"), np.arange(1), np.zeros(1, dtype=int), ("mMARCO",), column, column
    )
    monkeypatch.setattr("hbt.sources.training_data.training_items", lambda name, folder: items)
    parts = real_text.read_for_published(shared_data, "mmarco")
    assert parts.training is items
    assert parts.test.languages[:2] == ("en", "ru")
    assert len(parts.test.languages) == 11
    assert len(parts.unseen_languages) == 9


def test_labse_keeps_its_head(tmp_path: Path) -> None:
    folder = tiny_labse(tmp_path / "labse", ["who bakes bread ?", "wer backt brot ?"])
    settings = EncoderSettings(f"path:{folder}", max_length=64, query_prefix="Query: ")
    model = checkpoints.load_published(settings)
    assert [type(module).__name__ for module in model] == [
        "Transformer",
        "Pooling",
        "Dense",
        "Normalize",
    ]
    assert model[1].get_config_dict()["pooling_mode"] == "cls"
    assert model.max_seq_length == 64
