"""Tiny checkpoints with the published ones' classes and files, the whole way from hub to report.

They are downloaded from a stand-in for the hub, trained, killed and resumed, selected, evaluated on
all four benchmarks and reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hub_files
import numpy as np
import pytest
from hub_stand_in import StandIn, hub_environment, hub_stand_in
from tiny_checkpoints import files_of, tiny_labse, tiny_xlm_r
from tiny_texts import WORDS, all_texts, tiny_items

from hbt.encoders import encode, load
from hbt.golden_tokens import SENTENCES
from hbt.selection import read_scores
from hbt.sources import origins
from hbt.sources.lareqa import MLQA_R, XQUAD_R
from hbt.suite.audit import audit
from hbt.suite.cli import main

WORKER = Path(__file__).with_name("real_models_worker.py")
REVISION = "c" * 40
N_QUESTIONS = 7
BENCHMARKS = "[xquad-r, mlqa-r, 'miracl-hard-negatives:sw,yo', 'mldr:hi']"
MODELS = {
    "xlm-r-base": ("FacebookAI/xlm-roberta-base", tiny_xlm_r, "paper-xlm-r-hybrid"),
    "labse": ("sentence-transformers/LaBSE", tiny_labse, "paper-labse-hybrid"),
}


def lareqa_file(language: str, questions: list[int]) -> bytes:
    """Paragraphs of two sentences, each with a question, in LAReQA's layout."""
    pairs = [[row for row in questions if row // 2 == pair] for pair in range(128)]
    paragraphs = [_paragraph(language, rows) for rows in pairs if rows]
    return json.dumps({"data": [{"title": "T", "paragraphs": paragraphs}]}).encode()


def _paragraph(language: str, rows: list[int]) -> dict[str, Any]:
    items = tiny_items()
    own = language if language in WORDS else list(WORDS)[sum(map(ord, language)) % 4]
    sentences = [f"{items.passages[own][row]} {language}" for row in rows]
    starts = np.cumsum([0, *(len(sentence) + 1 for sentence in sentences)]).tolist()
    return {
        "context": " ".join(sentences),
        "sentences": sentences,
        "sentence_breaks": [
            [start, start + len(sentence)]
            for start, sentence in zip(starts, sentences, strict=False)
        ],
        "qas": [
            {
                "id": f"question-{row}",
                "question": f"{items.queries[own][row]} {language}",
                "answers": [{"answer_start": starts[place], "text": "x"}],
            }
            for place, row in enumerate(rows)
        ],
    }


def serve(stand_in: StandIn) -> dict[str, Any]:
    """The four benchmarks in the real layout; returns their counts."""
    every = list(range(N_QUESTIONS))
    chosen = {"xquad-r": dict.fromkeys(XQUAD_R.counts, every)}
    chosen["mlqa-r"] = {
        language: [row for row in every if (row - column) % 7 in (0, 1, 3)]  # each pair once
        for column, language in enumerate(MLQA_R.counts)
    }
    for origin in (origins.XQUAD_R_ORIGIN, origins.MLQA_R_ORIGIN):
        files = {
            f"{origin.inside}/{language}.json": lareqa_file(language, rows)
            for language, rows in chosen[origin.name].items()
        }
        stand_in.files.setdefault(origin.repository, {})[origin.revision] = files
    for origin, files in (
        (origins.MIRACL_HARD_NEGATIVES_ORIGIN, hub_files.hard_negatives()),
        (origins.MLDR_ORIGIN, hub_files.mldr()),
    ):
        stand_in.add(origin.repository, origin.revision, files)
        stand_in.large |= {path for path in files if path.endswith((".gz", ".parquet"))}
    counts: dict[str, Any] = {
        name: {language: [len(rows), len(rows)] for language, rows in of.items()}
        for name, of in chosen.items()
    }
    return counts | {"relevant": {"xquad-r": [11, 11], "mlqa-r": [3, 3]}}


@dataclass
class Place:
    folder: Path
    stand_in: StandIn

    def run(self, *arguments: str, world: int = 1, kill_at: int | None = None) -> str:
        """`hbt ARGUMENTS` in so many new processes, as a user with an empty cache; its output."""
        command = [sys.executable]
        if world > 1:
            command += ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
            command += [f"--nproc-per-node={world}"]
        command += [str(WORKER), str(self.folder / "counts.json"), *arguments]
        environment = os.environ | hub_environment(self.stand_in, self.folder / "cache")
        environment |= {
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        if kill_at is not None:
            environment["KILL_AT"] = str(kill_at)
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=400, check=False
        )
        self.code = done.returncode
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("real-models")
    texts = [*all_texts(), *SENTENCES.values()]
    with hub_stand_in() as stand_in:
        for name, (hub_id, make, _) in MODELS.items():
            stand_in.add(hub_id, REVISION, files_of(make(folder / name, texts)))
            stand_in.large |= {
                path for path in stand_in.files[hub_id][REVISION] if "model." in path
            }
        (folder / "counts.json").write_text(json.dumps(serve(stand_in)), encoding="utf-8")
        items = tiny_items(negatives=1)  # the paper's configs train on triplets
        for language in items.languages:
            query, negative = items.queries[language], items.negatives[0][language]
            rows = [
                {
                    "id": str(row),
                    "query": query[row],
                    "passage": passage,
                    "negative": negative[row],
                }
                for row, passage in enumerate(items.passages[language])
                if passage is not None
            ]
            hub_files.write(folder / "parallel", {f"{language}.jsonl": hub_files.jsonl(rows)})
        yield Place(folder, stand_in)


def arguments(place: Place, name: str) -> list[str]:
    changes = {
        "data.training": f"'parallel:{place.folder / 'parallel'}'",
        "data.languages": "null",
        "data.held_out": 16,
        "sampling.batch_size": 16,
        "training.steps": 40,
        "training.learning_rate": 0.006,
        "training.precision": "float32",
        "training.checkpoint_every": 4,
        "selection.every": 8,
        "evaluation.benchmarks": BENCHMARKS,
        "evaluation.run_depth": 5,
    }
    sets = [part for each in changes.items() for part in ("--set", f"{each[0]}={each[1]}")]
    return ["train", MODELS[name][2], "--out", str(place.folder / "out" / name), *sets]


@pytest.mark.parametrize(("name", "world"), [("xlm-r-base", 2), ("labse", 1)])
def test_from_the_hub_to_the_report(name: str, world: int, place: Place) -> None:
    out = place.folder / "out" / name
    killed = place.run(*arguments(place, name), world=world, kill_at=13)
    assert place.code != 0, killed
    assert not (out / "training" / "training.json").exists()
    printed = place.run(*arguments(place, name), world=world)
    assert place.code == 0, printed

    training = json.loads((out / "training" / "training.json").read_text(encoding="utf-8"))
    assert training["resumed_at"] == [12]
    assert len(audit(out / "training").faults) == 0
    losses = np.loadtxt(out / "training" / "steps.tsv", skiprows=1, usecols=3, delimiter="\t")
    assert len(losses) == 40
    assert losses[-6:].mean() < 0.9 * losses[:6].mean()
    assert list(read_scores(out / "training")) == [8, 16, 24, 32, 40]

    golden = place.folder / "cache" / "golden-tokens" / f"{MODELS[name][0].replace('/', '--')}.json"
    assert json.loads(golden.read_text(encoding="utf-8"))["revision"] == REVISION
    card = (out / "training" / "best" / "README.md").read_text(encoding="utf-8")
    assert f"{MODELS[name][0]} at {REVISION}" in card
    model = load(out / "training" / "best")
    assert ("Dense" in [type(module).__name__ for module in model]) == (name == "labse")
    assert model.prompts["query"] == "Query: "
    embeddings = encode(model, ["dog", "кошка"], "query")
    assert np.abs(embeddings[0] - embeddings[1]).max() > 0.01

    results = {path.stem for path in (out / "evaluation").glob("*.json")}
    assert results == {"XQuAD-R", "MLQA-R", "MIRACL-hard-negatives", "MLDR-test"}
    cells = json.loads((out / "evaluation" / "XQuAD-R.json").read_text(encoding="utf-8"))["by_pair"]
    assert len(cells) == 132
    assert {path.stem for path in (out / "evaluation" / "mteb").glob("*.json")} == results
    _report(out, name)


def _report(out: Path, name: str) -> None:
    paper = "XLM-R" if name == "xlm-r-base" else "LaBSE"
    files = [f"{paper}:hybrid={out / 'evaluation' / each}.json" for each in ("XQuAD-R", "MLQA-R")]
    assert main(["report", *files, "--out", str(out / "report"), "--format", "markdown"]) == 0
    text = (out / "report" / "report.md").read_text(encoding="utf-8")
    assert f"{paper} on XQuAD-R, 1 seed" in text
    assert "not run" in text


def test_changed_tokens_are_noticed_before_training(place: Place) -> None:
    """A new revision at the hub with a lower-casing tokenizer."""
    hub_id, other = MODELS["labse"][0], "d" * 40
    files = dict(place.stand_in.files[hub_id][REVISION])
    state = json.loads(files["tokenizer.json"])
    state["normalizer"]["lowercase"] = True
    settings = json.loads(files["tokenizer_config.json"]) | {"do_lower_case": True}
    files["tokenizer.json"] = json.dumps(state).encode()
    files["tokenizer_config.json"] = json.dumps(settings).encode()
    given = arguments(place, "labse")
    given += ["--set", "training.steps=4", "--set", "evaluation.benchmarks=[]"]
    out = given.index("--out") + 1
    given[out] = str(place.folder / "unchanged")
    first = place.run(*given)
    assert place.code == 0, first
    given[out] = str(place.folder / "changed")
    place.stand_in.add(hub_id, other, files)
    try:
        printed = place.run(*given)
        assert place.code == 2, printed
        assert "makes other tokens than when" in printed
        assert f"revision {REVISION}" in printed
        assert f"revision {other}" in printed
        assert not (place.folder / "changed" / "training" / "settings.json").exists()
        assert place.run(*given, "--accept-tokens")
        assert place.code == 0
    finally:
        place.stand_in.newest[hub_id] = REVISION
