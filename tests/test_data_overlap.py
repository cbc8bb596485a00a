"""`hbt data overlap`: text that a benchmark and training data share."""

from __future__ import annotations

from pathlib import Path

import hub_files
import numpy as np
import pytest

from hbt.corpus import Benchmark
from hbt.sources import write_beir
from hbt.sources.separation import SharedTexts, shared_texts
from hbt.sources.training_data import training_items
from hbt.suite.cli import main

LONG = "one two three four five six seven eight nine ten"


def benchmark() -> Benchmark:
    """English and Chinese; passage p2 is relevant to nothing."""
    return Benchmark(
        name="test",
        languages=("en", "zh", "sw"),
        query_texts=[
            "Who is THERE?",
            "Who?",
            "谁在那里，你知道吗？他们都说没有人知道",
            "Nani yuko",
        ],
        query_language=np.array([0, 0, 1, 2]),
        query_item=np.arange(4),
        query_cluster=np.arange(4),
        passage_texts=[f"{LONG} eleven.", "天", "nobody is there at all", "Yuko"],
        passage_language=np.array([0, 1, 0, 2]),
        relevant_query=np.arange(4),
        relevant_passage=np.array([0, 0, 1, 3]),
        grade=np.ones(4, dtype=np.int64),
        query_ids=["q0", "q1", "q2", "q3"],
        passage_ids=["p0", "p1", "p2", "p3"],
    )


def training(folder: Path, passages: dict[str, list[tuple[str, str]]]) -> str:
    for code, pairs in passages.items():
        records = [
            {"id": str(row), "query": query, "passage": passage}
            for row, (query, passage) in enumerate(pairs)
        ]
        hub_files.write(folder, {f"{code}.jsonl": hub_files.jsonl(records)})
    return f"parallel:{folder}"


def test_same_words_and_shared_runs_are_counted(tmp_path: Path) -> None:
    name = training(
        tmp_path / "mine",
        {
            "en": [
                ("who is there", "Nobody is there, at all"),  # the query; a passage of no query
                ("who", f"zero {LONG}"),  # too short to count; a run of ten words
                ("when?", "one two three four five six seven eight nine"),  # nine are too few
            ],
            "zh": [("他说：你知道吗？他们都说没有人知道，是吗", "天")],  # 15 characters in a row
            "de": [("wer ist da", "niemand")],
        },
    )
    assert shared_texts(training_items(name), benchmark()) == [
        SharedTexts("en", 6, 2, 1, 1, 0, 1, LONG),
        SharedTexts("zh", 2, 1, 1, 0, 0, 0, ""),
    ]
    name = training(tmp_path / "mine", {"zh": [("谁在那里你知道吗他们都说没有人知道", "x")]})
    (_, chinese) = shared_texts(training_items(name), benchmark())
    assert (chinese.same_queries, chinese.runs) == (1, 1)
    assert chinese.example == "谁在那里你知道吗他们都说没有人知道"[:16]


def test_the_command_says_what_is_shared(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    test = str(write_beir(benchmark(), tmp_path / "test"))
    clean = training(tmp_path / "clean", {"en": [("new question", "new passage")]})
    words = ["data", "overlap", "--benchmark", test, "--training"]
    assert main([*words, clean]) == 0
    assert "clean (training) against test" in capsys.readouterr().out
    leaky = training(tmp_path / "leaky", {"en": [("Who is there", LONG)]})
    assert main([*words, leaky]) == 1
    out = capsys.readouterr().out
    assert "en 2 2 1 1 0 1" in " ".join(out.split())
    assert f"en: {LONG}" in out
    foreign = training(tmp_path / "foreign", {"de": [("neue Frage", "neu")]})
    assert main([*words, foreign]) == 2
    assert "foreign and test have no language in common" in capsys.readouterr().err
    assert main([*words, "squad"]) == 2
    assert "training data 'squad' is none of" in capsys.readouterr().err


def test_the_real_sets_are_kept_apart(shared_data: Path) -> None:
    from hbt.suite.benchmarks import load_benchmark

    items = training_items("mlqa-r", shared_data, ["en", "de"])
    rows = shared_texts(items, load_benchmark("xquad-r", data_dir=shared_data))
    assert [(row.language, row.queries, row.same_queries, row.runs) for row in rows] == [
        ("de", 1_190, 0, 0),
        ("en", 1_190, 0, 0),
    ]
