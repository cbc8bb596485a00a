"""Every data set by its name: `hbt data fetch` against the stand-in, then the real readers."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import hub_files
from hub_stand_in import StandIn, hub_environment, hub_stand_in

from hbt.sources import catalogue, origins
from hbt.sources.pins import AT_FIRST_DOWNLOAD
from hbt.suite.data_fetch import card_text

SOME = "e" * 40

SCRIPT = """
import json, sys
from hbt.sources import belebele, hub_pairs, miracl, mkqa, mldr, mmarco, pins
from hbt.sources.training_data import training_items
from hbt.sources.catalogue import fetch

pins._known_files = dict  # tiny files are not the real ones
hard = miracl.read_miracl_hard_negatives(["sw", "yo"], check_count=False)
small = miracl.read_miracl(["sw"], check_count=False)
long = mldr.read_mldr(["hi"], check_count=False)
both = belebele.read_belebele(["eng_Latn", "fur_Latn"], check_count=False)
parallel = mmarco.mmarco_items(["en", "de"])
questions = mkqa.read_mkqa(["en", "de"], check_count=False)
pairs = hub_pairs.read_hub_pairs("someone/pairs", {"en": "data/*.parquet"})
print(json.dumps({
    "hard": hard.query_ids, "small": small.passage_texts, "long": long.query_ids,
    "both": len(both.query_texts), "parallel": list(parallel.passages["de"]),
    "questions": [question.name for question in questions], "pairs": pairs.queries["en"],
    "fetched": fetch("mldr", ["hi"]).name,
}))
"""


def served(stand_in: StandIn) -> None:
    for origin, files in (
        (origins.MIRACL_ORIGIN, hub_files.miracl()),
        (origins.MIRACL_CORPUS_ORIGIN, hub_files.miracl_corpus()),
        (origins.MIRACL_HARD_NEGATIVES_ORIGIN, hub_files.hard_negatives()),
        (origins.MLDR_ORIGIN, hub_files.mldr()),
        (origins.MMARCO_ORIGIN, hub_files.mmarco()),
        (origins.BELEBELE_ORIGIN, hub_files.belebele()),
        (origins.MKQA_ORIGIN, hub_files.mkqa()),
    ):
        inside = f"{origin.inside}/" if origin.inside else ""
        files = {f"{inside}{path}": data for path, data in files.items()}
        stand_in.add(origin.repository, origin.revision or SOME, files)
        stand_in.large |= {path for path in files if path.endswith((".gz", ".parquet"))}
    pairs = hub_files.as_parquet({"query": ["q?"], "positive": ["p"]})
    stand_in.add("someone/pairs", SOME, {"data/train.parquet": pairs, "pairs.py": b"1 / 0\n"})


def test_all_readers_download_what_they_read(tmp_path: Path) -> None:
    with hub_stand_in() as stand_in:
        served(stand_in)
        for _ in range(2):  # the second time nothing is asked for
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT],
                env=os.environ | hub_environment(stand_in, tmp_path),
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.returncode == 0, done.stderr
            found = json.loads(done.stdout.splitlines()[-1])
            assert found == {
                "hard": ["sw-0#0", "sw-1#0", "yo-0#0", "yo-1#0"],
                "small": ["Mji Ni mji.", "Mji Ni kubwa."],
                "long": ["q-hi-0"],
                "both": 6,
                "parallel": [f"german passage {number}" for number in (1, 0, 3)],
                "questions": ["-5", "7"],
                "pairs": ["q?"],
                "fetched": "mldr",
            }
            stand_in.asked.clear()
            stand_in.files.clear()
        assert not stand_in.asked
        assert not list(tmp_path.rglob("*.py")), "no script of a data set was downloaded"


def test_fetch_checks_the_real_files_against_their_printed_hashes(
    shared_data: Path, tmp_path: Path
) -> None:
    files = {
        f"xquad-r/{path.name.removesuffix('.gz')}": gzip.decompress(path.read_bytes())
        for path in (shared_data / "xquad-r").glob("*.json.gz")
    }
    origin = origins.XQUAD_R_ORIGIN
    real = {
        f"miracl-v1.0-yo/{kind}/{path.name.removesuffix('.gz')}": gzip.decompress(path.read_bytes())
        for kind in ("topics", "qrels")
        for path in (shared_data / "miracl-judgments").glob(f"{kind}.*-yo-dev.tsv.gz")
    }
    with hub_stand_in() as stand_in:
        stand_in.add(origin.repository, str(origin.revision), files)
        stand_in.add(origins.MIRACL_ORIGIN.repository, SOME, real)
        given = os.environ | hub_environment(stand_in, tmp_path)

        def hbt(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "hbt", "data", *arguments]
            return subprocess.run(
                command, env=given, capture_output=True, text=True, timeout=120, cwd=tmp_path
            )

        assert hbt("fetch", "xquad-r", "--languages", "de", "--out", "out").returncode == 0
        done = hbt("fetch", "xquad-r", "--out", "out")
        assert done.returncode == 0, done.stderr
        assert "xquad-r:   9%|" in done.stderr, "one of eleven was there"
        assert "11/11" in done.stderr
        size = sum(map(len, files.values()))
        assert f"xquad-r: 11 files, {size:,} bytes, revision {origin.revision}" in done.stdout
        from hbt.sources import read_xquad_r

        assert len(read_xquad_r(tmp_path / "out").query_texts) == 13_090
        assert hbt("fetch", "miracl", "--languages", "yo").returncode == 0
        exported = hbt("export", "--benchmark", "xquad-r", "--format", "ids")  # by download
        assert exported.stdout.count("\n") == 1 + 13_090 + 13_014
        assert (tmp_path / "data" / "xquad-r" / "en.json").is_file()

        files["xquad-r/de.json"] = files["xquad-r/de.json"].replace(b"a", b"b", 1)
        wrong = hbt("fetch", "xquad-r", "--languages", "de", "--out", "wrong")
        assert wrong.returncode == 2
        assert "file de.json has the wrong content: sha256:" in wrong.stderr
        assert "Traceback" not in wrong.stderr
        unknown = hbt("fetch", "squad")
        assert unknown.returncode == 2
        assert "there is no data set 'squad', only xquad-r, mlqa-r," in unknown.stderr


def test_cards_say_what_is_pinned() -> None:
    for name, card in catalogue.CARDS.items():
        assert card.name == name == card.origin.name
        text = card_text([name])
        assert card.licence in text
        assert card.origin.revision or f"pinned: {AT_FIRST_DOWNLOAD}" in text
        assert card.paths(card.languages)
    assert "hashes: printed sha256" in card_text(["xquad-r"])
    assert "hashes: printed md5 and the hub's own" in card_text(["mmarco"])
    assert "hashes: the hub's own" in card_text(["mldr"])
    assert card_text().count("licence:") == len(catalogue.CARDS)
    topics = catalogue.CARDS["miracl"].paths(["sw", "yo"])
    assert [path.rpartition("-")[2] for path in topics] == ["dev.tsv"] * 4 + ["train.tsv"] * 2
    files = catalogue.CARDS["mldr"].paths(["hi"])
    names = ("corpus", "dev", "test", "train")
    assert files == [f"mldr-v1.0-hi/{name}.jsonl.gz" for name in names]
