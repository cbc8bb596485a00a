"""`hbt train` on the village: what it leaves, that it resumes, and what it says to bad input."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import hub_files
import numpy as np
import pytest

from hbt.corpus import CorpusError
from hbt.encoders import load
from hbt.selection import read_scores
from hbt.sources import mldr, read_run, write_beir
from hbt.suite.benchmarks import load_benchmark, obtain_benchmark
from hbt.suite.cli import main
from hbt.suite.evaluate import System, evaluate_system
from hbt.suite.evaluation_report import report_values

SHORT = ["--set", "training.steps=60", "--set", "selection.every=20"]
SHORT += ["--set", "training.checkpoint_every=20", "--set", "evaluation.run_depth=20"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("train") / "out"
    assert main(["train", "village", "--out", str(out), *SHORT]) == 0
    return out


def test_it_leaves_the_best_model_with_its_card(trained: Path) -> None:
    scores = read_scores(trained / "training")
    assert list(scores) == [20, 40, 60]
    summary = json.loads((trained / "train.json").read_text(encoding="utf-8"))
    assert summary["model"] == "training/best"
    assert summary["config"]["training"]["steps"] == 60
    best = max(scores.values())
    assert f"{best:.4f}" in summary["chosen"]
    card = (trained / "training" / "best" / "README.md").read_text(encoding="utf-8")
    settings = json.loads((trained / "training" / "settings.json").read_text(encoding="utf-8"))
    for fact in (
        "| sampling | hybrid |",
        "| alpha | 0.5 |",
        "| seed | 0 |",
        f"| layout | {settings['plan']['layout']} |",
        f"| sha256 of the data | {settings['data']} |",
        "| data | village |",
        "| hard negatives of an item | 0 |",
        f"multilingual mAP on village development of {best:.4f}",
        "| torch | ",
        'language: ["ar", "zh", "en",',
    ):
        assert fact in card


def test_the_results_are_those_of_hbt_evaluate(trained: Path) -> None:
    benchmark = load_benchmark("village", profile="smoke")
    outcome = evaluate_system(benchmark, System("model", str(trained / "training" / "best")))
    expected = report_values(outcome)
    found = json.loads((trained / "evaluation" / "village-test.json").read_text(encoding="utf-8"))
    for name in ("settings", "by_language", "by_pair", "benchmark_sha256"):
        assert found[name] == json.loads(json.dumps(expected[name])), name
    assert found["rank_distance"]["value"] == expected["rank_distance"]["value"]
    assert (
        found["bias"]["measures"].keys() == expected["bias"]["measures"].keys()
    )  # and each of them is the same, though it was counted from deeper lists
    for name, measure in expected["bias"]["measures"].items():
        assert found["bias"]["measures"][name]["value"] == measure["value"], name


def test_the_run_is_the_top_of_the_ranking(trained: Path) -> None:
    benchmark = load_benchmark("village", profile="smoke")
    path = trained / "evaluation" / "village-test.run.gz"
    run = read_run(path, benchmark)
    assert (np.diff(run.offset) == 20).all()
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        first = stream.readline().split()
    assert first[0] == benchmark.query_ids[0]
    assert first[3] == "1"


def test_the_mteb_layout_has_a_row_for_each_cell(trained: Path) -> None:
    path = trained / "evaluation" / "mteb" / "village-test.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    own = json.loads((trained / "evaluation" / "village-test.json").read_text(encoding="utf-8"))
    rows = {row["hf_subset"]: row for row in result["scores"]["test"]}
    assert len(rows) == len(own["by_pair"])
    assert result["task_name"] == "village test (hbt)"
    for cell in own["by_pair"]:
        row = rows[f"{cell['query_language']}-{cell['passage_language']}"]
        assert row["main_score"] == row["map"] == cell["mAP"]
        assert row["ndcg_at_10"] == cell["nDCG@10"]
    assert rows["ar-de"]["languages"] == ["ara-Arab", "deu-Latn"]
    assert len(rows["ar-all"]["languages"]) == len(own["languages"])


def test_a_finished_training_is_not_done_again_and_another_is_refused(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "training" / "steps.tsv").stat().st_mtime_ns
    assert main(["train", "village", "--out", str(trained), *SHORT]) == 0
    assert (trained / "training" / "steps.tsv").stat().st_mtime_ns == before
    changed = ["--set", "sampling.alpha=1"]
    assert main(["train", "village", "--out", str(trained), *SHORT, *changed]) == 2
    assert "holds a training with plan.alpha 0.5, not 1.0" in capsys.readouterr().err
    changed = ["--set", "selection.metric=R@10"]
    assert main(["train", "village", "--out", str(trained), *SHORT, *changed]) == 2
    assert "another selection of checkpoints" in capsys.readouterr().err


def test_anew_and_without_selection(tmp_path: Path) -> None:
    short = ["--set", "training.steps=8", "--set", "training.checkpoint_every=0"]
    short += ["--set", "evaluation.benchmarks=[]"]
    arguments = ["train", "village", "--out", str(tmp_path), *short]
    assert main([*arguments, "--set", "selection.every=4"]) == 0
    assert (tmp_path / "training" / "best").is_dir()
    assert main([*arguments, "--anew", "--set", "selection.benchmark=null"]) == 0
    assert not (tmp_path / "training" / "best").exists()
    summary = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))
    assert summary["model"] == "training/model"
    assert summary["files"] == []
    assert load(tmp_path / "training" / "model").get_embedding_dimension() == 64


def test_check_and_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "paper-labse-x-y", "--check", "--out", str(tmp_path / "o")]) == 0
    assert not (tmp_path / "o").exists()
    assert main(["train", "nothing.yaml"]) == 2
    assert "there is no such file" in capsys.readouterr().err
    arguments = ["train", "village", "--out", str(tmp_path / "o")]
    assert main([*arguments, "--set", f"model.name={tmp_path / 'none'}"]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert main([*arguments, "--set", "data.training=wikipedia"]) == 2
    assert "'wikipedia' is none of mlqa-r, mmarco" in capsys.readouterr().err
    assert main([*arguments, "--set", "data.languages=[en, xx]"]) == 2
    assert "xx" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


NOT_THERE = {
    "evaluation.benchmarks=[nofolder]": "village: evaluation.benchmarks: benchmark 'nofolder'",
    "evaluation.benchmarks=['mldr:hi,xx']": "evaluation.benchmarks: mldr has no language 'xx'",
    "evaluation.benchmarks=['mldr:hi,hi']": "'mldr:hi,hi' names hi twice",
    "evaluation.benchmarks=[beir]": "beir has no queries.jsonl",
    "evaluation.benchmarks=[trec]": "trec has no topics.jsonl",
    "selection.benchmark=nofolder": "selection.benchmark: benchmark 'nofolder' is none of",
    "selection.split=dev": "selection.benchmark: village has no split 'dev'",
    "data.training=wikipedia": "data: training data 'wikipedia' is none of",
    "data.training=parallel:nofolder": "data: nofolder is not a folder",
    "data.languages=[en, xx]": "has no language 'xx', only",
    "data.profile=tiny": "data: profile 'tiny' is not one of smoke",
    "data.negatives=1": "data: village has no hard negatives",
}


@pytest.mark.parametrize("change", NOT_THERE)
@pytest.mark.parametrize("check", [True, False], ids=["check", "train"])
def test_what_is_not_there_is_said_before_the_training(
    change: str,
    check: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, file in (("beir", "corpus.jsonl"), ("trec", "ids.tsv")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).touch()
    arguments = ["train", "village", "--out", "o", "--set", change]
    assert main(arguments + ["--check"] * check) == 2
    printed = capsys.readouterr()
    assert NOT_THERE[change] in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_a_benchmark_is_read_before_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_beir(load_benchmark("village", profile="smoke"), tmp_path / "beir")
    out = ["--out", str(tmp_path / "o"), "--set", f"evaluation.benchmarks=[{folder}]"]
    assert main(["train", "village", "--check", *out]) == 0
    (folder / "corpus.jsonl").write_text("{}\n", encoding="utf-8")
    assert main(["train", "village", "--check", *out]) == 0
    assert f"not checked: the model, static; the contents of village, {folder}" in (
        capsys.readouterr().out
    )
    assert main(["train", "village", *out]) == 2
    assert "corpus.jsonl, line 1" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_streamed_benchmarks_are_opened_and_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hub_files.write(tmp_path / "mldr", hub_files.mldr())
    monkeypatch.setattr(mldr, "check_mldr_count", lambda *_: None)
    obtain_benchmark("mldr:hi", data_dir=tmp_path)
    (folder / "mldr-v1.0-hi" / "corpus.jsonl.gz").unlink()
    with pytest.raises(CorpusError, match=r"has no mldr-v1\.0-hi/corpus\.jsonl\.gz"):
        obtain_benchmark("mldr:hi", data_dir=tmp_path)


def test_processes_have_to_divide_the_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert main(["train", "village", "--out", str(tmp_path / "o")]) == 2
    message = "village: sampling.batch_size is 64, no multiple of 3, the number of processes"
    assert message in capsys.readouterr().err
