"""Claims 4 and 5: text of a test in what a run was really fine-tuned on, as its files say it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import hub_files
import numpy as np
import pytest
from test_claims import HandMade

from hbt.corpus import Benchmark, CorpusError, ParallelItems, benchmark_from_items
from hbt.sources.parallel_folder import read_parallel_folder
from hbt.suite import benchmarks
from hbt.suite.paper import checks, runs
from hbt.suite.paper.checks import Given
from hbt.suite.paper.trained_on import Trained, of_results, train_folder

LONG = "one two three four five six seven eight nine ten"


def items(passages: list[str], name: str = "by hand") -> ParallelItems:
    """English items, whose questions nobody else asks."""
    numbers = np.arange(len(passages))
    queries = {"en": [f"what {name} is this {row}" for row in numbers]}
    sides = (queries, {"en": passages})
    return ParallelItems(name, ("en",), numbers, 0 * numbers, ("one",), *sides)


def trained(passages: list[str], digests: tuple[str, str] = ("", "")) -> Trained:
    """A training on some passages; its test has a long one and a short one."""
    test = benchmark_from_items(items([f"{LONG} eleven", "a short answer"], "test"), "test")
    return Trained("set", "test", lambda _: (items(passages, "set"), test), digests)


def findings(*parts: Trained, synthetic: bool = False) -> tuple[checks.Finding, checks.Finding]:
    given = Given([HandMade(synthetic=synthetic, trained=parts)])
    return checks.separation(given), checks.unseen_samples(given)


def test_what_is_shared_is_counted_by_run_and_by_text() -> None:
    apart, unseen = findings(trained(["new", f"zero {LONG}", f"{LONG} zero", "A SHORT answer!"]))
    assert apart.holds is unseen.holds is False
    counted = "2 of 8 texts of set share a run with test, in 1 language that both have"
    assert apart.detail == f"made by hand: {counted}"
    assert "1 of 4 questions and answers of test are in set, case" in unseen.detail


def test_each_claim_has_a_verdict_of_its_own() -> None:
    apart, unseen = findings(trained(["a short answer"]))
    assert (apart.holds, unseen.holds) == (True, False)
    apart, unseen = findings(trained([f"zero {LONG}"]))
    assert (apart.holds, unseen.holds) == (False, True)
    apart, unseen = findings(trained(["new"]))
    assert (apart.holds, unseen.holds) == (True, True)


def test_one_run_that_shares_outweighs_one_that_is_not_known() -> None:
    def missing(_: Path | None) -> tuple[ParallelItems, Benchmark]:
        raise CorpusError("set: there is no such file")

    clean, seen = trained(["new"]), trained(["a short answer"])
    unknown = Trained("set", "test", missing)
    assert findings(clean, unknown)[1].holds is None
    assert "set: there is no such file" in findings(clean, unknown)[1].detail
    assert findings(clean, unknown, seen)[1].holds is False


def test_text_of_another_digest_is_not_looked_at() -> None:
    known = items(["new"], "set").digest()
    assert findings(trained(["new"], (known, "")))[0].holds is True
    found = findings(trained(["new"], (known[::-1], "")))[0]
    assert (found.holds, found.detail) == (
        None,
        "made by hand: set is here not the text that the run had",
    )


def test_synthetic_text_is_counted_but_not_judged() -> None:
    apart, unseen = findings(trained(["a short answer"]), synthetic=True)
    assert apart.holds is unseen.holds is None
    assert "1 of 4 questions" in unseen.detail
    assert unseen.detail.endswith("not judged")


def test_a_run_without_files_that_say_it_is_not_run() -> None:
    assert checks.separation(Given([HandMade()])).detail == "no run says what it was fine-tuned on"


def test_hard_negatives_are_training_text() -> None:
    plain = items(["new", "newer"])
    numbers = np.arange(2)[:, None]
    with_negatives = ParallelItems(
        **{name: getattr(plain, name) for name in ("name", "languages", "passage_id", "source")},
        source_names=plain.source_names,
        queries=plain.queries,
        passages=plain.passages,
        negatives=({"en": ["a short answer", "other"]},),
        negative_id=numbers + 7,
    )
    test = benchmark_from_items(items(["a short answer"], "test"), "test")
    for training, seen in ((plain, 0), (with_negatives, 1)):
        (found,) = Given(
            [HandMade(trained=(Trained("set", "test", lambda _, t=training: (t, test)),))]
        ).compared
        assert sum(row.same_passages for row in found.rows) == seen


def test_the_real_world_needs_data_and_names_what_it_was_trained_on(tmp_path: Path) -> None:
    def run(**world: object) -> dict[str, object]:
        return {"profile": {"base": {"world": {"data": "real", **world}}}}

    assert of_results(run(), tmp_path).training == "MLQA-R"
    found = of_results(run(training="mmarco+miracl"), tmp_path)
    assert found.training == "mmarco+miracl"
    with pytest.raises(CorpusError, match="give --data-dir"):
        found.read(None)
    with pytest.raises(CorpusError, match="is not understood"):
        of_results(run(moon=1), tmp_path / "run.json").read(tmp_path)


@pytest.fixture
def training_folder(tmp_path: Path) -> Callable[..., Path]:
    """What `hbt train` leaves of a training on a folder of one's own, and its evaluation."""

    def make(*, sampling: str = "hybrid", held_out: int = 0, digest: str = "") -> Path:
        own = tmp_path / "own"
        records = [
            {"id": str(row), "query": f"who is number {row}", "passage": passage}
            for row, passage in enumerate(["the first", "a short answer", LONG])
        ]
        hub_files.write(own, {"en.jsonl": hub_files.jsonl(records)})
        out = tmp_path / "run"
        data = {"training": f"parallel:{own}", "folder": None, "held_out": held_out}
        summary = {
            "config": {"data": data, "sampling": {"sampling": sampling}},
            "model": "training/model",
            "files": ["evaluation/XQuAD-R.json"],
        }
        write(out / "train.json", summary)
        write(out / "training" / "settings.json", {"data": digest})
        (out / "training" / "model").mkdir(exist_ok=True)
        evaluation = {
            "benchmark": "XQuAD-R",
            "n_queries": 1,
            "n_passages": 1,
            "languages": ["en"],
            "by_language": [{"query_language": "en", "n_queries": 1}],
            "by_pair": [],
        }
        write(out / "evaluation" / "XQuAD-R.json", evaluation)
        model = {"kind": "model", "source": str(out / "training" / "model")}
        write(tmp_path / "elsewhere.json", evaluation | {"system": model})
        return out

    return make


def write(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("place", ["run/evaluation/XQuAD-R.json", "elsewhere.json"])
@pytest.mark.parametrize(("held_out", "seen"), [(0, 2), (1, 1)])
def test_a_file_of_an_evaluation_finds_its_training(
    training_folder: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    held_out: int,
    seen: int,
) -> None:
    """Its test is read by name; what was held out was not trained on."""
    own = read_parallel_folder(training_folder(held_out=held_out).parent / "own")
    training_folder(held_out=held_out, digest=own.part(range(3 - held_out)).digest())
    test = benchmark_from_items(items([LONG, "a short answer"], "test"), "test")
    asked = []
    monkeypatch.setattr(
        benchmarks, "load_benchmark", lambda name, **rest: asked.append((name, rest)) or test
    )
    found = runs.read_runs([f"XLM-R:hybrid={tmp_path / place}"])
    given = Given(found, tmp_path)
    assert f"{seen} of 4 questions" in checks.unseen_samples(given).detail
    assert checks.unseen_samples(given).holds is False
    assert checks.separation(given).holds is (held_out == 1)
    assert asked == [("xquad-r", {"data_dir": tmp_path})]  # read once for both claims
    assert checks.separation(Given(found)).holds is None
    assert "give --data-dir" in checks.separation(Given(found)).detail


def test_a_file_of_no_training_is_not_run(training_folder: Callable, tmp_path: Path) -> None:
    out = training_folder()
    other = out / "evaluation" / "other.json"  # beside the training's own, but not one of them
    other.write_bytes((out / "evaluation" / "XQuAD-R.json").read_bytes())
    found = checks.separation(Given(runs.read_runs([f"XLM-R:hybrid={other}"]), tmp_path))
    assert found.holds is None
    assert "no train.json of `hbt train` belongs to other.json" in found.detail


def test_paths_of_the_reader_stay_out_of_the_page(
    training_folder: Callable, tmp_path: Path
) -> None:
    path = training_folder() / "evaluation" / "XQuAD-R.json"
    found = checks.separation(Given(runs.read_runs([f"XLM-R:hybrid={path}"]), tmp_path))
    assert found.holds is None
    assert "DATA_DIR" in found.detail
    assert str(tmp_path) not in found.detail
    (run,) = runs.read_runs([f"XLM-R:hybrid={path}"])
    assert run.trained[0].training == "parallel:own"


def test_a_folder_of_a_training_is_told_how_to_name_its_evaluation(
    training_folder: Callable,
) -> None:
    out = training_folder(sampling="X-Y")
    with pytest.raises(ValueError, match=f"as in XLM-R:X-Y={out}/evaluation/XQuAD-R.json$"):
        runs.read_runs([str(out)])


def test_a_label_that_the_training_contradicts_is_refused(training_folder: Callable) -> None:
    out = training_folder(sampling="X-Y")
    path = out / "evaluation" / "XQuAD-R.json"
    assert runs.read_runs([f"XLM-R:X-Y={path}"])
    with pytest.raises(ValueError, match=r"is of a training with X-Y, says .*: not XLM-R:hybrid"):
        runs.read_runs([f"XLM-R:hybrid={path}"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "train.json cannot be read: "), ("[]", "train.json has no config.data and config.sam")],
)
def test_a_broken_train_file_is_one_sentence(
    training_folder: Callable, text: str, sentence: str
) -> None:
    out = training_folder()
    (out / "train.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=sentence):
        train_folder(out / "evaluation" / "XQuAD-R.json", "")
