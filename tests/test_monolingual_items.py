"""MIRACL's and MLDR's train splits as training data, and mixes with data in several languages."""

from __future__ import annotations

import shutil
from pathlib import Path

import hub_files
import pytest

from hbt.corpus import CorpusError
from hbt.sources import miracl, mldr, origins
from hbt.sources.monolingual_items import miracl_items, mldr_items
from hbt.sources.pins import Lock, file_hash
from hbt.sources.stored_pairs import stored_items
from hbt.sources.training_data import training_items

N = 5


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data of MIRACL (sw, en), MLDR (hi, de, en) and mMARCO (en, de), with counts of their own."""
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path / "cache"))
    for code in ("sw", "en"):
        topics, corpus = hub_files.miracl_training(code, N)
        hub_files.write(tmp_path / "data" / "miracl", topics)
        hub_files.write(tmp_path / "data" / "miracl-corpus", corpus)
        sizes = miracl._SIZES[code]._replace(passages=N + 2, files=1, train=N + 1)
        monkeypatch.setitem(miracl._SIZES, code, sizes)
    for code in ("hi", "de", "en"):
        hub_files.write(tmp_path / "data" / "mldr", hub_files.mldr_training(code, N))
        monkeypatch.setitem(mldr._SIZES, code, mldr._SIZES[code]._replace(train=N))
    hub_files.write(tmp_path / "data" / "mmarco", hub_files.mmarco())
    return tmp_path / "data"


def test_a_question_of_miracl_is_an_item_for_each_relevant_passage(folder: Path) -> None:
    items = miracl_items(["sw", "en"], folder)
    assert items.name == "MIRACL"
    assert items.source_names == ("MIRACL",)
    assert items.languages == ("sw", "en")
    expected = [(i, i) for i in range(N)] + [(0, 1)]  # the last question has no passage
    expected.sort()
    found = sorted(zip(items.queries["sw"][: N + 1], items.passages["sw"][: N + 1], strict=True))
    assert found == [(f"sw question {i}?", f"Title {j} sw passage {j}.") for i, j in expected]
    assert list(items.queries["sw"][N + 1 :]) == [None] * (N + 1)
    assert items.available.sum(axis=0).tolist() == [N + 1, N + 1]
    assert (items.available.sum(axis=1) == 1).all()


def test_items_that_answer_one_question_share_a_passage_id(folder: Path) -> None:
    items = miracl_items(["sw"], folder)
    ids = {}
    for query, number in zip(items.queries["sw"], items.passage_id.tolist(), strict=True):
        ids.setdefault(query, set()).add(number)
    assert ids["sw question 0?"] == ids["sw question 1?"], "passage 1 is relevant to both"
    assert len(set.union(*ids.values())) == N - 1
    two = mldr_items(["hi"], folder)
    assert list(two.queries["hi"]) == [f"hi question {i}?" for i in range(N)]
    assert list(two.passages["hi"]) == [f"hi document {min(i, N - 2)}" for i in range(N)]
    assert two.passage_id.tolist() == [0, 1, 2, 3, 3]


def test_hard_negatives(folder: Path) -> None:
    items = miracl_items(["sw"], folder, negatives=1)
    assert list(items.queries["sw"]) == list(miracl_items(["sw"], folder).queries["sw"])
    (others,) = items.negatives
    assert list(others["sw"]) == [f"Title {N} sw passage {N}."] * (N + 1)
    assert items.negative_id is not None
    assert len(set(items.negative_id.ravel().tolist())) == 1, "it is one passage"
    assert not set(items.negative_id.ravel().tolist()) & set(items.passage_id.tolist())
    long = mldr_items(["hi"], folder, negatives=1)
    assert list(long.negatives[0]["hi"]) == [f"hi other document {i}" for i in range(N)]
    for read, code in ((miracl_items, "sw"), (mldr_items, "hi")):
        with pytest.raises(CorpusError, match="no question with a relevant passage and 2 hard"):
            read([code], folder, negatives=2)


def test_a_negative_that_is_relevant_elsewhere_has_its_passage_id() -> None:
    rows = [("a", "A", "B"), ("b", "B", "C"), ("c", "C", "D"), ("c", "E", "D")]
    items = stored_items("x", "en", "", lambda: rows, negatives=1)
    assert items.passage_id.tolist() == [0, 1, 2, 2], "one question, two passages"
    assert items.negative_id is not None
    assert items.negative_id.ravel().tolist() == [1, 2, 3, 3]


def test_pairs_are_read_once_and_again_when_a_file_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = miracl_items(["sw"], folder).digest()
    monkeypatch.setattr("hbt.sources.monolingual_items.miracl_task", None)
    assert miracl_items(["sw"], folder).digest() == first
    monkeypatch.undo()
    monkeypatch.setenv("HBT_CACHE_DIR", str(folder.parent / "cache"))
    path = folder / "miracl-corpus/miracl-corpus-v1.0-sw/docs-0.jsonl.gz"
    path.write_bytes(hub_files.jsonl_gz([{"docid": "0#0", "title": "", "text": "x"}]))
    monkeypatch.setitem(miracl._SIZES, "sw", miracl._SIZES["sw"]._replace(passages=1, train=N + 1))
    with pytest.raises(CorpusError, match="passage '1#0' of 'sw0' is not in the corpus"):
        miracl_items(["sw"], folder)
    assert not list((folder.parent / "cache").rglob("*.partial"))


def test_a_corpus_may_be_removed_when_its_passages_are_picked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = folder.parent / "home" / "data"
    for origin in (origins.MIRACL_ORIGIN, origins.MIRACL_CORPUS_ORIGIN):  # as after a download
        lock = Lock(f"hub:{origin.repository}", "e" * 40)
        root = shutil.copytree(folder / origin.name, cache / origin.name)
        for path in (each for each in root.rglob("*") if each.is_file()):
            sha256 = file_hash(path).partition(":")[2]
            entry = {"bytes": path.stat().st_size, "sha256": sha256}
            lock.files[path.relative_to(root).as_posix()] = entry
        lock.write(root)
    monkeypatch.setenv("HBT_CACHE_DIR", str(cache.parent))
    first = miracl_items(["sw"]).digest()
    (cache / "miracl-corpus/miracl-corpus-v1.0-sw/docs-0.jsonl.gz").unlink()
    assert miracl_items(["sw"]).digest() == first


def test_counts_and_languages_are_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(miracl._SIZES, "sw", miracl._SIZES["sw"]._replace(train=1_901))
    with pytest.raises(CorpusError, match="sw: train queries: there are 6, published are 1,901"):
        miracl_items(["sw"], folder)
    assert len(miracl_items(["sw"], folder, check_count=False)) == N + 1
    monkeypatch.setitem(mldr._SIZES, "hi", mldr._SIZES["hi"]._replace(train=1_618))
    with pytest.raises(CorpusError, match="hi: train queries: there are 5, published are 1,618"):
        mldr_items(["hi"], folder)
    with pytest.raises(CorpusError, match="MIRACL yo has no split 'train'"):
        miracl_items(["yo"], folder)
    with pytest.raises(CorpusError, match="MLDR has no language 'sw'"):
        mldr_items(["sw"], folder)
    with pytest.raises(CorpusError, match=r"no mldr-v1\.0-it/train\.jsonl\.gz"):
        mldr_items(["it"], folder)


def test_pairs_need_texts(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"x en: pair 2 lacks a text: \('q', ' '\)"):
        stored_items("x", "en", "", lambda: [("q", "p"), ("q", " ")])
    with pytest.raises(
        CorpusError, match="x en has no question with a relevant passage and 0 hard"
    ):
        stored_items("x", "en", "", lambda: [])


def test_texts_of_many_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hbt.sources.stored_pairs._BATCH_BYTES", 100)
    pairs = [(f"question {i}", "ü" * i) for i in range(1, 40)]
    items = stored_items("x", "en", "", lambda: pairs)
    assert list(zip(items.queries["en"], items.passages["en"], strict=True)) == pairs
    assert items.passages["en"].column.num_chunks > 5


def test_a_mix_of_sources(folder: Path) -> None:
    items = training_items("mmarco+miracl+mldr", folder, ["de", "sw", "en"])
    assert items.name == "mmarco+miracl+mldr"
    assert items.languages == ("de", "sw", "en")
    assert items.source_names == ("mMARCO", "MIRACL", "MLDR")
    several = items.available.sum(axis=1) > 1
    assert (several == (items.source == 0)).all()
    assert items.available.sum(axis=0).tolist() == [3 + N, N + 1, 3 + N + 1 + N]
    assert len(set(items.passage_id.tolist())) == 3 + 2 * (N - 1) + 2 * (N - 1)
    with_negatives = training_items("mmarco+miracl+mldr", folder, ["de", "sw", "en"], 1)
    assert len(with_negatives) == len(items), "each has one"
    assert with_negatives.negative_id is not None
    assert len(with_negatives.negatives) == with_negatives.negative_id.shape[1] == 1
    own = [set(with_negatives.passage_id[items.source == each].tolist()) for each in range(3)]
    others = [with_negatives.negative_id[items.source == each] for each in range(3)]
    for each in range(3):
        assert not set.union(*own[:each], *own[each + 1 :]) & set(others[each].ravel().tolist())
    alone = training_items("mldr", folder, ["en", "hi"])
    assert alone.digest() == mldr_items(["en", "hi"], folder).digest()


def test_a_set_of_a_mix_may_name_its_languages(folder: Path) -> None:
    items = training_items("mmarco+miracl:sw+mldr:de", folder, ["en"])
    assert items.languages == ("en", "sw", "de")
    assert items.available.sum(axis=0).tolist() == [3, N + 1, N]
    assert (items.available.sum(axis=1) == 1).all()
    same = training_items("miracl:sw", folder)
    assert same.digest() == training_items("miracl", folder, ["sw"]).digest()
    assert training_items("mldr:hi,en", folder).languages == ("hi", "en")
    for name, languages, message in (
        ("mmarco+miracl:sw,de", ["en"], "miracl has no language 'de', only ar, bn, en"),
        ("miracl:sw+miracl", None, "names miracl twice"),
        ("miracl:sw+mldr:en", ["en"], "says its languages itself"),
        ("mmarco+miracl:sw", ["en", "sw"], "has no language 'sw', only ar, de, en, es"),
        ("miracl:", None, "'miracl:' is none of"),
    ):
        with pytest.raises(CorpusError, match=message):
            training_items(name, folder, languages)


def test_what_has_no_hard_negatives_is_taken_without_beside_what_has(
    folder: Path, tmp_path: Path
) -> None:
    hub_files.write(tmp_path, {"copy/de.jsonl": hub_files.jsonl([{"query": "q?", "passage": "p"}])})
    text = "repository: a/b\nfiles: {de: de.jsonl}\nfolder: copy\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    pairs = f"pairs:{tmp_path / 'mine.yaml'}"
    items = training_items(f"{pairs}+mldr", folder, ["de"], negatives=1)
    assert items.n_negatives.tolist() == [0, 1]
    assert items.negatives[0]["de"][0] is None
    assert items.negatives[0]["de"][1] == "de other document 0"
    with pytest.raises(CorpusError, match=r"pairs:.* has no hard negatives, and 1 of each item"):
        training_items(pairs, folder, negatives=1)


def test_a_folder_in_a_mix_may_have_a_plus_in_its_name(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "a+b+mldr2"
    record = {"id": "1", "query": "q?", "passage": "p"}
    hub_files.write(mine, {"sw.jsonl": hub_files.jsonl([record])})
    items = training_items(f"parallel:{mine}+miracl", folder, ["sw"])
    assert items.source_names == ("a+b+mldr2", "MIRACL")
    assert len(items) == 1 + N + 1


def test_names_and_languages_of_a_mix(folder: Path, tmp_path: Path) -> None:
    for name, languages, message in (
        ("mmarco+squad", None, "training data 'mmarco.squad' is none of mlqa-r, mmarco, miracl"),
        ("miracl+", None, "'miracl.' is none of"),
        ("mldr+miracl+mldr", None, "names mldr twice"),
        ("miracl+mldr", ["sw", "xx"], "miracl.mldr has no language 'xx', only ar, bn, en, es"),
        ("miracl+mldr", ["sw"], "mldr has none of the languages sw"),
        ("miracl", ["de"], "miracl has no language 'de'"),
    ):
        with pytest.raises(CorpusError, match=message):
            training_items(name, folder, languages)
    with pytest.raises(CorpusError, match=r"mlqa-r has no hard negatives, and 2 .* ask for 0"):
        training_items("mlqa-r", folder, negatives=2)
    assert not (tmp_path / "cache").exists(), "nothing is read before the names are known"
