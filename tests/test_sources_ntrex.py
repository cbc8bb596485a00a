"""NTREX: both layouts, the split by documents, and the retrieval task made of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from hbt import sources
from hbt.corpus import CorpusError, ParallelText

DOCUMENTS = [f"doc.{row * 123 // 1997}" for row in range(1997)]


def sentences(code: str) -> list[str]:
    return [f"{code} sentence {row}" for row in range(1997)]


def write_upstream(root: Path) -> Path:
    (root / "NTREX-128").mkdir(parents=True)
    (root / "NTREX-additional").mkdir()
    for place, code, kind in (
        ("NTREX-128", "eng", "src"),
        ("NTREX-128", "deu", "ref"),
        ("NTREX-128", "bem", "ref"),
        ("NTREX-128", "sna-Latn", "ref"),
        ("NTREX-128", "spa", "ref-2"),
        ("NTREX-additional", "gsw-BE", "ref"),
    ):
        lines = "".join(f" {text}\u0083\r\n" for text in sentences(code))
        path = root / place / f"newstest2019-{kind}.{code}.txt"
        path.write_bytes(lines.encode())
    (root / "DOCUMENT_IDS.tsv").write_text("".join(f"{name}\n" for name in DOCUMENTS))
    (root / "LANGUAGES.tsv").write_text("bem Bemba\nckb-Arab  Central Kurdish (Sorani)\n")
    return root


def write_table(path: Path, values: list[str]) -> None:
    text = "".join(f"{number:04d}\t{value}\n" for number, value in enumerate(values, start=1))
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def write_copies(root: Path) -> Path:
    root.mkdir(parents=True)
    for code in ("eng", "deu", "bem", "sna-Latn", "gsw-BE"):
        write_table(root / f"{code}.tsv.gz", sentences(code))
    write_table(root / "docs.tsv", DOCUMENTS)
    header = "code\tname\tin_xlmr\n"
    rows = "bem\tBemba\tno\ndeu\tGerman\tyes\ngsw-BE\tBern German\tvariety\nzul\tZulu\tno\n"
    (root / "languages.tsv").write_text(header + rows)
    return root


def test_both_layouts_give_the_same_text(tmp_path: Path) -> None:
    upstream = write_upstream(tmp_path / "up" / "NTREX")
    copies = write_copies(tmp_path / "data" / "ntrex")
    text = sources.read_ntrex(upstream)
    assert text.languages == ("bem", "deu", "eng", "gsw-BE", "sna-Latn")
    assert text.texts["deu"][1996] == "deu sentence 1996"
    assert text.document[[0, 16, 17, 1996]].tolist() == [0, 0, 1, 122]
    for folder in (upstream.parent, upstream / "NTREX-128", copies, copies.parent):
        assert sources.read_ntrex(folder).digest() == text.digest()


def test_languages_are_keyed_by_the_code_that_was_asked_for(tmp_path: Path) -> None:
    folder = write_copies(tmp_path / "ntrex")
    text = sources.read_ntrex(folder, ["de", "bem"])
    assert text.languages == ("de", "bem")
    assert text.texts["de"][3] == "deu sentence 3"
    with pytest.raises(CorpusError, match="no language 'fr'"):
        sources.read_ntrex(folder, ["fr"])


def test_low_resource_languages_and_names(tmp_path: Path) -> None:
    copies = write_copies(tmp_path / "ntrex")
    upstream = write_upstream(tmp_path / "NTREX-clone")
    assert sources.ntrex_low_resource(copies) == ("bem",)
    assert sources.ntrex_low_resource(upstream) == ("bem", "sna-Latn")
    assert sources.ntrex_language_names(copies)["gsw-BE"] == "Bern German"
    names = sources.ntrex_language_names(upstream)
    assert names == {"eng": "English", "bem": "Bemba", "ckb-Arab": "Central Kurdish (Sorani)"}


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="has no NTREX files"):
        sources.read_ntrex(tmp_path)
    folder = write_copies(tmp_path / "ntrex")
    write_table(folder / "bem.tsv.gz", sentences("bem")[:-1])
    with pytest.raises(CorpusError, match=r"bem\.tsv\.gz has 1996 lines, NTREX has 1997"):
        sources.read_ntrex(folder)
    write_table(folder / "bem.tsv.gz", [*sentences("bem")[:-1], " "])
    with pytest.raises(CorpusError, match=r"bem\.tsv\.gz: sentence 1997 is empty"):
        sources.read_ntrex(folder)
    (folder / "bem.tsv.gz").write_bytes(gzip.compress(b"no id here\n" * 1997))
    with pytest.raises(CorpusError, match=r"bem\.tsv\.gz: line 1 must start with 0001"):
        sources.read_ntrex(folder)
    write_table(folder / "docs.tsv", ["one"] * 1997)
    with pytest.raises(CorpusError, match=r"docs\.tsv has 1 documents, NTREX has 123"):
        sources.read_ntrex(folder, ["en"])
    (folder / "docs.tsv").unlink()
    with pytest.raises(CorpusError, match=r"has no docs\.tsv or DOCUMENT_IDS\.tsv"):
        sources.read_ntrex(folder)


def small_text() -> ParallelText:
    """Documents of 4, 5 and 1 sentences; German lacks sentence 1."""
    english = [f"e{row}" for row in range(10)]
    german: list[str | None] = [f"d{row}" for row in range(10)]
    german[1] = None
    document = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 2])
    return ParallelText("small", ("en", "de"), {"en": english, "de": german}, document)


def test_every_second_sentence_of_a_window_asks_for_the_others() -> None:
    items = sources.ntrex_items(small_text(), window=4)
    assert items.queries["en"] == ["e1", "e3", "e5", "e7"]
    assert items.passages["en"] == ["e0 e2", "e0 e2", "e4 e6 e8", "e4 e6 e8"]
    assert items.queries["de"] == [None, "d3", "d5", "d7"]
    assert items.passages["de"] == [None, "d0 d2", "d4 d6 d8", "d4 d6 d8"]
    assert items.passage_id.tolist() == [0, 0, 1, 1]
    pairs = sources.ntrex_items(small_text(), ["en"], window=2)
    assert pairs.queries["en"] == ["e1", "e3", "e5", "e8"]
    assert pairs.passages["en"] == ["e0", "e2", "e4 e6", "e7"]
    with pytest.raises(CorpusError, match="window must be at least 2"):
        sources.ntrex_items(small_text(), window=1)


def test_benchmark_clusters_by_document_and_counts_parallel_windows() -> None:
    benchmark = sources.ntrex_benchmark(small_text())
    assert benchmark.query_texts == ["e1", "e3", "e5", "e7", "d3", "d5", "d7"]
    assert benchmark.query_cluster.tolist() == [0, 0, 1, 1, 0, 1, 1]
    assert benchmark.passage_texts == ["e0 e2", "e4 e6 e8", "d0 d2", "d4 d6 d8"]
    assert np.bincount(benchmark.relevant_query).tolist() == [2] * 7


def test_split_keeps_documents_whole_and_grows_by_nesting() -> None:
    text = small_text()
    training, held_out = sources.split_documents(text, held_out=1, seed=3)
    assert set(training.document) | set(held_out.document) == {0, 1, 2}
    assert not set(training.document) & set(held_out.document)
    assert len(training) + len(held_out) == 10
    assert held_out.texts["en"] == [
        f"e{r}" for r in np.flatnonzero(text.document == held_out.document[0])
    ]
    _, larger = sources.split_documents(text, held_out=2, seed=3)
    assert set(held_out.document) < set(larger.document)
    for wrong in (0, 3):
        with pytest.raises(CorpusError, match="held_out must be from 1 to 2"):
            sources.split_documents(text, held_out=wrong)


def test_ntrex_is_what_was_published(shared_data: Path) -> None:
    codes = [*sources.NTREX_CODES, "bem"]
    text = sources.read_ntrex(shared_data, codes)
    assert text.languages == tuple(codes)
    assert (len(text), len(np.unique(text.document))) == (1_997, 123)
    assert text.texts["de"][0].startswith("Mitglieder der Nationalversammlung für Wales")
    low_resource = sources.ntrex_low_resource(shared_data)
    assert len(low_resource) == 33
    assert low_resource == sources.ntrex.NOT_IN_XLMR
    assert sources.ntrex_language_names(shared_data)["bem"] == "Bemba"

    training, held_out = sources.split_documents(text)
    assert len(np.unique(training.document)) == 100
    assert len(np.unique(held_out.document)) == 23
    assert (len(training), len(held_out)) == (1_628, 369)
    benchmark = sources.ntrex_benchmark(held_out)
    assert len(benchmark.query_texts) == 12 * 173
    assert len(benchmark.passage_texts) == 12 * 93
    assert (np.bincount(benchmark.relevant_query) == 12).all()
    assert not set(benchmark.query_texts) & set(benchmark.passage_texts)
