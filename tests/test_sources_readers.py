"""Readers of MIRACL, MLDR, Belebele, MKQA, OLDI Seed and of any pairs, from folders."""

from __future__ import annotations

from pathlib import Path

import hub_files
import numpy as np
import pytest

from hbt.corpus import CorpusError
from hbt.sources import belebele, hub_pairs, miracl, mkqa, mldr, oldi, rows
from hbt.sources.streamed import StreamedTask, load_benchmark


def test_miracl_keeps_ids_as_texts_and_reads_titles(tmp_path: Path) -> None:
    hub_files.write(tmp_path / "miracl", hub_files.miracl())
    hub_files.write(tmp_path / "miracl-corpus", hub_files.miracl_corpus())
    task = miracl.miracl_task("sw", folder=tmp_path, check_count=False)
    assert task.queries == {"007": "Nani?", "8": "Wapi?"}
    assert task.judgments == {"007": {"2#0": 1, "2#1": 0}, "8": {"2#1": 0}}
    assert list(task.passages()) == [("2#0", "Mji Ni mji."), ("2#1", "Mji Ni kubwa.")]
    assert len(list(task.passages())) == 2, "a stream starts again"
    benchmark = miracl.read_miracl(["sw"], folder=tmp_path, check_count=False)
    assert benchmark.query_ids == ["007"], "a query without a relevant passage is left out"
    assert benchmark.passage_ids == ["2#0", "2#1"]
    assert benchmark.relevant_passage.tolist() == [0]
    with pytest.raises(CorpusError, match="sw: dev queries: there are 2, published are 482"):
        miracl.miracl_task("sw", folder=tmp_path)
    with pytest.raises(CorpusError, match="sw: passages: there are 2, published are 131,924"):
        list(miracl.miracl_passages("sw", tmp_path))
    with pytest.raises(CorpusError, match=r"has no miracl-corpus-v1\.0-yo/docs-0"):
        list(miracl.miracl_passages("yo", tmp_path))
    for language, split in (("xx", "dev"), ("yo", "train"), ("sw", "test")):
        with pytest.raises(CorpusError, match="MIRACL"):
            miracl.miracl_queries(language, split, tmp_path)


def test_miracl_is_what_was_published(shared_data: Path) -> None:
    judged = 0
    for language in miracl.MIRACL_LANGUAGES:
        queries, judgments = miracl.miracl_queries(
            language, "dev", shared_data / "miracl-judgments"
        )
        assert queries.keys() == judgments.keys()
        assert all(max(grades.values()) == 1 for grades in judgments.values())
        assert len(queries) == miracl._SIZES[language].dev
        judged += sum(map(len, judgments.values()))
    assert judged == 130_408
    assert sum(sizes.passages for sizes in miracl._SIZES.values()) == 106_332_152
    assert sum(sizes.dev for sizes in miracl._SIZES.values()) == 13_495
    assert sum(sizes.train for sizes in miracl._SIZES.values()) == 40_203
    assert sum(sizes.train for sizes in mldr._SIZES.values()) == 41_434
    assert sum(sizes.documents for sizes in mldr._SIZES.values()) == 493_709
    assert sum(sizes.test for sizes in mldr._SIZES.values()) == 3_800
    assert sum(size for size, _ in miracl._HARD_SIZES.values()) == 2_449_382


def test_hard_negatives_of_several_files_and_languages(tmp_path: Path) -> None:
    hub_files.write(tmp_path / "miracl-hard-negatives", hub_files.hard_negatives())
    benchmark = miracl.read_miracl_hard_negatives(["yo", "sw"], tmp_path, check_count=False)
    assert benchmark.languages == ("yo", "sw")
    assert benchmark.passage_ids[:3] == ["yo-1#0", "yo-1#1", "yo-1#2"]
    assert benchmark.passage_texts[:3] == ["A yo one", "yo two", "C yo three"]
    assert benchmark.query_ids == ["yo-0#0", "yo-1#0", "sw-0#0", "sw-1#0"]
    assert benchmark.relevant_passage.tolist() == [2, 1, 5, 4]
    with pytest.raises(CorpusError, match="yo: queries: there are 2, published are 119"):
        miracl.hard_negatives_task("yo", tmp_path)
    (tmp_path / "miracl-hard-negatives/yo-corpus/dev-00001-of-00002.parquet").unlink()
    with pytest.raises(CorpusError, match="no passage with the id 'yo-1#2'"):
        miracl.read_miracl_hard_negatives(["yo", "sw"], tmp_path, check_count=False)


def test_mldr_streams_documents_and_takes_judgments_from_the_records(tmp_path: Path) -> None:
    hub_files.write(tmp_path / "mldr", hub_files.mldr())
    benchmark = mldr.read_mldr(["hi"], folder=tmp_path, check_count=False)
    assert benchmark.query_ids == ["q-hi-0"]
    assert benchmark.passage_texts == ["पहला", "यह वह है"]
    assert benchmark.relevant_passage.tolist() == [1]
    assert list(mldr.mldr_task("hi", "dev", tmp_path, check_count=False).queries) == ["q-hi-9"]
    with pytest.raises(CorpusError, match="MLDR hi: test queries: there are 1, published are 200"):
        mldr.mldr_task("hi", folder=tmp_path)
    with pytest.raises(CorpusError, match="MLDR hi: documents: there are 2, published are 3,806"):
        list(mldr.mldr_passages("hi", tmp_path))
    for language, split in (("xx", "dev"), ("hi", "train")):
        with pytest.raises(CorpusError, match="MLDR"):
            mldr.mldr_task(language, split, tmp_path)
    path = tmp_path / "mldr/mldr-v1.0-hi/corpus.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(CorpusError, match="is cut off"):
        list(mldr.mldr_passages("hi", tmp_path))


def test_belebele_is_parallel_whatever_the_order_of_the_files(tmp_path: Path) -> None:
    root = hub_files.write(tmp_path / "belebele", hub_files.belebele())
    found = belebele.read_belebele(["eng_Latn", "fur_Latn"], tmp_path, check_count=False)
    assert len(found.query_texts) == 6
    assert len(found.passage_texts) == 4
    for query, passages in zip(
        range(6), np.split(found.relevant_passage, range(2, 12, 2)), strict=True
    ):
        link = found.query_texts[query].split()[1]
        assert {found.passage_texts[row].split()[-1] for row in passages} == {link}
        assert {found.passage_language[row] for row in passages} == {0, 1}
    by_item = {text.split(" ", 1)[1] for text in found.query_texts}
    assert len(set(found.query_item.tolist())) == len(by_item) == 3
    assert len(set(found.query_cluster.tolist())) == 2
    with pytest.raises(CorpusError, match="3 questions on 2 passages, Belebele has 900 on 488"):
        belebele.read_belebele(["eng_Latn"], tmp_path)
    path = root / "data" / "fur_Latn.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(CorpusError, match="eng_Latn and fur_Latn differ by 'y-1'"):
        belebele.read_belebele(["eng_Latn", "fur_Latn"], tmp_path, check_count=False)


def test_mkqa_keeps_questions_with_short_answers(tmp_path: Path) -> None:
    hub_files.write(tmp_path / "mkqa", hub_files.mkqa())
    questions = mkqa.read_mkqa(["en", "de"], tmp_path, check_count=False)
    assert [question.name for question in questions] == ["-5", "7"]
    assert questions[0].queries == {"en": "question -5", "de": "Frage -5"}
    assert questions[0].answers == {"en": ("Answer", "The  Answer", "answer"), "de": ("Answer",)}
    with pytest.raises(CorpusError, match="has 3 questions, MKQA has 10000"):
        mkqa.read_mkqa(["en"], tmp_path)
    with pytest.raises(CorpusError, match="has no 'fr'"):
        mkqa.read_mkqa(["fr"], tmp_path, check_count=False)
    assert mkqa.contains_answer("It was the ANSWER, then.", ["The  answer"], "en")
    assert not mkqa.contains_answer("It was answered.", ["answer", "", "?"], "en")
    assert mkqa.contains_answer("我住在北京市。", ["北京"], "zh_cn")


def test_oldi_seed_is_what_was_published(shared_data: Path) -> None:
    text = oldi.read_oldi_seed(["fur_Latn", "eng_Latn"], shared_data)
    assert (len(text), len(np.unique(text.document))) == (6_193, 203)
    assert text.texts["eng_Latn"][0].startswith("Lillian Diana Gish")
    with pytest.raises(CorpusError, match=r"has no mni_Beng\.tsv"):
        oldi.read_oldi_seed(["mni_Beng"], shared_data)


def test_oldi_seed_in_the_upstream_layout(tmp_path: Path) -> None:
    n_sentences, n_articles = oldi.N_SENTENCES, oldi.N_ARTICLES
    urls = "".join(f"u{row * n_articles // n_sentences}\n" for row in range(n_sentences))
    (tmp_path / "metadata.tsv").write_text(f"URL\n{urls}")
    (tmp_path / "fur_Latn").write_text("".join(f" s{row}\n" for row in range(n_sentences)))
    text = oldi.read_oldi_seed(["fur_Latn"], tmp_path)
    assert text.texts["fur_Latn"][7] == "s7"
    assert text.document[[0, -1]].tolist() == [0, 202]
    (tmp_path / "fur_Latn").write_text("\n" * n_sentences)
    with pytest.raises(CorpusError, match="sentence 1 is empty"):
        oldi.read_oldi_seed(["fur_Latn"], tmp_path)
    (tmp_path / "fur_Latn").write_text("one\n")
    with pytest.raises(CorpusError, match="has 1 sentences, OLDI Seed has 6193"):
        oldi.read_oldi_seed(["fur_Latn"], tmp_path)


def test_pairs_of_any_data_set(tmp_path: Path) -> None:
    hub_files.write(
        tmp_path,
        {
            "en/train-00000-of-00001.parquet": hub_files.as_parquet(
                {"uid": [1, 2, 3], "question": ["a?", "b?", "c?"], "context": ["A", "B", "A"]}
            ),
            "de/train.jsonl": hub_files.jsonl(
                [{"uid": "2", "question": "b-de?", "context": "B-de", "lang": "de"}]
            ),
            "fr/train.tsv": hub_files.tsv(("uid", "context", "question"), ("03", "C-fr", "c-fr?")),
        },
    )
    files = {"en": "en/*.parquet", "de": "de/*", "fr": "fr/*.tsv"}
    items = hub_pairs.read_hub_pairs("someone/pairs", files, tmp_path, name="uid")
    assert items.queries["en"] == ["a?", "b?", "c?", None]
    assert items.queries["de"] == [None, "b-de?", None, None]
    assert items.passages["fr"] == [None, None, None, "C-fr"], "the id 03 is not 3"
    assert items.passage_id.tolist() == [0, 1, 0, 2]
    alone = hub_pairs.read_hub_pairs("someone/pairs", files, tmp_path)
    assert alone.available.sum(axis=1).tolist() == [1] * 5
    with pytest.raises(CorpusError, match="has no column 'anchor', only"):
        hub_pairs.read_hub_pairs("someone/pairs", files, tmp_path, query="anchor")
    with pytest.raises(CorpusError, match=r"has no file 'x/\*'"):
        hub_pairs.read_hub_pairs("someone/pairs", {"en": "x/*"}, tmp_path)
    (tmp_path / "de/train.jsonl").write_bytes(hub_files.jsonl([{"question": "", "context": "x"}]))
    with pytest.raises(CorpusError, match="row 1: 'question' is no text"):
        hub_pairs.read_hub_pairs("someone/pairs", files, tmp_path)


def test_broken_tables_are_named(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_bytes(b"1\ta\tb\n")
    with pytest.raises(CorpusError, match=r"table\.tsv, line 1 has 3 columns, not 2"):
        list(rows.read_tsv(path, 2))
    with pytest.raises(CorpusError, match="is not a sound parquet file"):
        list(rows.read_parquet(path, ("a",)))
    path.write_bytes(hub_files.as_parquet({"a": [1]}))
    assert list(rows.read_parquet(path, ("a",), ("b",))) == [(1, None)]
    with pytest.raises(CorpusError, match="has no column 'b'"):
        list(rows.read_parquet(path, ("b",)))


def test_streamed_tasks_refuse_what_does_not_fit() -> None:
    with pytest.raises(CorpusError, match="judged query 'q' has no text"):
        StreamedTask("x", "en", {}, {"q": {"p": 1}}, lambda: iter(()))
    task = StreamedTask("x", "en", {"q": "?"}, {"q": {"p": 2}}, lambda: iter([("p", "text")]))
    assert load_benchmark([task], "one").grade.tolist() == [2]
    with pytest.raises(CorpusError, match="a language comes twice"):
        load_benchmark([task, task], "two")
