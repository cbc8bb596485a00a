"""What `hbt bench preparation` measures: ids that are made, and the same ids found again."""

from __future__ import annotations

import json
from pathlib import Path

from hbt.suite.bench import preparation
from hbt.suite.cli import main


def test_ids_are_made_and_then_found(tmp_path: Path) -> None:
    result = tmp_path / "preparation.json"
    arguments = ["--items", "33000", "--languages", "1", "--json", str(result)]
    assert main(["bench", "preparation", *arguments]) == 0
    found = json.loads(result.read_text(encoding="utf-8"))
    made, kept = found["rows"]
    assert (made["ids"], kept["ids"]) == ("made", "kept")
    assert 0 < kept["seconds"] < made["seconds"]  # reading is no tokenising
    assert found["ids_megabytes"] > 2 * 33_000 * 4 * 8 / 2**20  # a text has more than 8 tokens
    assert preparation.table(found).startswith("66,000 texts, ")
