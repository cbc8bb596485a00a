"""LAReQA's sets: what is read, how it is linked, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hbt import sources
from hbt.corpus import Benchmark, CorpusError

TINY = sources.LareqaSet("Tiny", "tiny", {"en": (3, 5), "de": (2, 4)}, relevant=(1, 2))


def paragraph(sentences: list[str], questions: list[tuple[str, str, int]]) -> dict[str, Any]:
    """Sentences joined by a blank; a question is (id, text, index of its sentence)."""
    starts = np.cumsum([0] + [len(sentence) + 1 for sentence in sentences])
    return {
        "context": " ".join(sentences),
        "sentences": sentences,
        "sentence_breaks": [
            [int(start), int(start) + len(sentence)]
            for start, sentence in zip(starts, sentences, strict=False)
        ],
        "qas": [
            {
                "id": question_id,
                "question": text,
                "answers": [{"answer_start": int(starts[index]), "text": "x"}],
            }
            for question_id, text, index in questions
        ],
    }


def tiny_data() -> dict[str, dict[str, Any]]:
    """German has question a and b; its second paragraph holds what is English's first."""
    english = [
        paragraph(["Ann runs.", "Ben sits."], [("a", "Who runs?", 0), ("b", "Who sits?", 1)]),
        paragraph(["One.", "Two.", "Three."], [("c", "Which is last?", 2)]),
    ]
    german = [
        paragraph(["Nichts.", "Leer."], []),
        paragraph(["Ann läuft.", "Ben sitzt."], [("b", "Wer sitzt?", 1), ("a", "Wer läuft?", 0)]),
    ]
    return {
        language: {"data": [{"title": "T", "paragraphs": paragraphs}]}
        for language, paragraphs in (("en", english), ("de", german))
    }


def write(folder: Path, data: dict[str, Any], packed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for language, content in data.items():
        raw = json.dumps(content).encode()
        if packed:
            (folder / f"{language}.json.gz").write_bytes(gzip.compress(raw))
        else:
            (folder / f"{language}.json").write_bytes(raw)
    return folder


def read_tiny(folder: Path) -> Benchmark:
    return sources.lareqa_benchmark(sources.read_paragraphs(folder, TINY), TINY)


def test_sentences_are_passages_and_questions_are_linked_by_id(tmp_path: Path) -> None:
    benchmark = read_tiny(write(tmp_path, tiny_data()))
    assert benchmark.languages == ("en", "de")
    assert benchmark.query_ids == ["en-a", "en-b", "en-c", "de-b", "de-a"]
    assert benchmark.passage_ids[:3] == ["en-p0000-s000", "en-p0000-s001", "en-p0001-s000"]
    relevant = {query_id: [] for query_id in benchmark.query_ids}
    for query, passage in zip(benchmark.relevant_query, benchmark.relevant_passage, strict=True):
        relevant[benchmark.query_ids[query]].append(benchmark.passage_texts[passage])
    assert relevant == {
        "en-a": ["Ann runs.", "Ann läuft."],
        "en-b": ["Ben sits.", "Ben sitzt."],
        "en-c": ["Three."],
        "de-b": ["Ben sits.", "Ben sitzt."],
        "de-a": ["Ann runs.", "Ann läuft."],
    }
    assert benchmark.query_item.tolist() == [0, 1, 2, 1, 0]
    clusters = benchmark.query_cluster
    assert clusters[0] == clusters[1] == clusters[3] == clusters[4] != clusters[2]


def test_layouts_give_the_same_benchmark(tmp_path: Path) -> None:
    plain = read_tiny(write(tmp_path / "own", tiny_data()))
    packed = read_tiny(write(tmp_path / "packed", tiny_data(), packed=True))
    around = read_tiny(write(tmp_path / "data" / "tiny", tiny_data()).parent)
    assert plain.digest() == packed.digest() == around.digest()


def test_answer_past_the_end_of_its_sentence_counts_by_its_start(tmp_path: Path) -> None:
    data = tiny_data()
    answer = data["en"]["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]
    answer.update(answer_start=4, text="runs. Ben")
    benchmark = read_tiny(write(tmp_path, data))
    assert benchmark.passage_texts[benchmark.relevant_passage[0]] == "Ann runs."


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere is not a folder"):
        read_tiny(tmp_path / "nowhere")
    write(tmp_path, {"en": tiny_data()["en"]})
    with pytest.raises(CorpusError, match=r"has no de\.json or \.json\.gz"):
        read_tiny(tmp_path)
    raw = gzip.compress(json.dumps(tiny_data()["de"]).encode())
    packed = tmp_path / "de.json.gz"
    packed.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(CorpusError, match=r"de\.json\.gz is cut off"):
        read_tiny(tmp_path)
    packed.write_bytes(b"no gzip at all")
    with pytest.raises(CorpusError, match=r"de\.json\.gz is not a sound gzip file"):
        read_tiny(tmp_path)
    packed.write_bytes(gzip.compress(b"\xff\xfe"))
    with pytest.raises(CorpusError, match=r"de\.json\.gz is not UTF-8"):
        read_tiny(tmp_path)
    packed.write_bytes(gzip.compress(b'{"data": ['))
    with pytest.raises(CorpusError, match=r"de\.json\.gz is not JSON.*line 1, column 11"):
        read_tiny(tmp_path)


def change_sentences(record: dict[str, Any]) -> None:
    record["sentences"].append("more")


def change_breaks(record: dict[str, Any]) -> None:
    record["sentence_breaks"][0] = [0]


def empty_sentence(record: dict[str, Any]) -> None:
    record["sentences"][0] = " "


def no_question_text(record: dict[str, Any]) -> None:
    del record["qas"][0]["question"]


def answer_outside(record: dict[str, Any]) -> None:
    record["qas"][0]["answers"][0]["answer_start"] = 900


def two_answers(record: dict[str, Any]) -> None:
    record["qas"][0]["answers"] *= 2


def same_id(record: dict[str, Any]) -> None:
    record["qas"][1]["id"] = "a"


def id_of_the_wrong_type(record: dict[str, Any]) -> None:
    record["qas"][1]["id"] = 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_sentences, "3 sentences and 2 breaks"),
        (change_breaks, r"sentence_breaks\[0\] is no pair"),
        (empty_sentence, r"sentences\[0\] is no text"),
        (no_question_text, r"qas\[0\] has no 'question'"),
        (answer_outside, "answer_start 900 lies in 0 sentences"),
        (two_answers, "2 answers, 1 expected"),
        (same_id, "id a comes a second time"),
        (id_of_the_wrong_type, r"qas\[1\]: 'id' must be str, not int"),
    ],
)
def test_bad_records_are_named(tmp_path: Path, change: Any, message: str) -> None:
    data = tiny_data()
    change(data["en"]["data"][0]["paragraphs"][0])
    with pytest.raises(CorpusError, match=rf"en\.json, data\[0\], paragraphs\[0\].*{message}"):
        read_tiny(write(tmp_path, data))


def test_counts_must_be_the_published_ones(tmp_path: Path) -> None:
    data = tiny_data()
    data["de"]["data"][0]["paragraphs"].pop(0)
    with pytest.raises(CorpusError, match=r"de\.json has 2 sentences, Tiny has 4"):
        read_tiny(write(tmp_path, data))
    strict = sources.LareqaSet("Tiny", "tiny", TINY.counts, relevant=(2, 2))
    with pytest.raises(CorpusError, match=r"question c exists in 1 languages \(en\), Tiny has 2"):
        sources.read_paragraphs(write(tmp_path, tiny_data()), strict)


def test_one_sentence_shared_anywhere_is_one_passage_id() -> None:
    connected = sources.lareqa.connected
    groups = [["en x", "de y"], ["en z"], ["hi w", "de y"], ["hi w", "en q"], ["en z"], []]
    assert connected(groups) == [0, 1, 0, 0, 1, 2]
    assert connected([["a"], ["b"], ["a", "b"], ["c"]]) == [0, 0, 0, 1]


def test_words_keep_their_combining_marks() -> None:
    assert sources.words("«Straße», don't 3.5!") == ["strasse", "don", "t", "3", "5"]
    assert sources.words("हिन्दी में") == ["हिन्दी", "में"]


def test_overlap_counts_shared_runs_and_ignores_case_and_punctuation() -> None:
    left = {"l0": "A cat, a dog and a bird sang.", "l1": "nothing here"}
    right = {"r0": "Then a Dog and a BIRD sang", "r1": "a cat a dog", "r2": "a bird"}
    rows = sources.check_overlap(left, right, length=4)
    assert [(row.left, row.right, row.runs) for row in rows] == [("l0", "r0", 3), ("l0", "r1", 1)]
    assert rows[0].example == "a dog and a"
    rows = sources.check_overlap({"x": "天地 玄黄。"}, {"y": "地玄黄"}, unit="character", length=3)
    assert [(row.runs, row.example) for row in rows] == [(1, "地玄黄")]
    with pytest.raises(ValueError, match="unit must be"):
        sources.check_overlap(left, right, unit="byte")
    with pytest.raises(ValueError, match="length must be"):
        sources.check_overlap(left, right, length=0)


def test_xquad_r_is_what_was_published(shared_data: Path) -> None:
    benchmark = sources.read_xquad_r(shared_data)
    assert benchmark.languages == ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
    assert (len(benchmark.query_texts), len(benchmark.passage_texts)) == (13_090, 13_014)
    relevant = np.zeros((13_090, 11), dtype=int)
    languages = benchmark.passage_language[benchmark.relevant_passage]
    np.add.at(relevant, (benchmark.relevant_query, languages), 1)
    assert (relevant == 1).all()
    assert len(np.unique(benchmark.query_item)) == 1_190
    assert len(np.unique(benchmark.query_cluster)) == 240
    # "308" of "gave up just 308 points" stands in the first sentence of the first paragraph.
    row = benchmark.query_ids.index("en-56beb4343aeaaa14008c925b")
    passages = benchmark.relevant_passage[benchmark.relevant_query == row]
    assert [benchmark.passage_ids[p] for p in passages] == [
        f"{language}-p0000-s000" for language in benchmark.languages
    ]
    assert sources.read_xquad_r(shared_data / "xquad-r").digest() == benchmark.digest()


def test_mlqa_r_is_what_was_published(shared_data: Path) -> None:
    benchmark = sources.read_mlqa_r(shared_data)
    assert (len(benchmark.query_texts), len(benchmark.passage_texts)) == (4_199, 20_534)
    per_item = np.bincount(benchmark.query_item)
    assert np.bincount(per_item).tolist() == [0, 0, 65, 263, 820]
    per_query = np.bincount(benchmark.relevant_query)
    assert (per_query == per_item[benchmark.query_item]).all()
    assert len(np.unique(benchmark.query_cluster)) == 933


def test_paragraphs_shared_with_xquad_r_stay_out_of_training(shared_data: Path) -> None:
    xquad, mlqa = sources.read_xquad_r(shared_data), sources.read_mlqa_r(shared_data)
    rows = sources.overlapping_paragraphs(xquad, mlqa)
    assert list(rows) == ["ar", "de", "en", "es", "hi", "vi", "zh"]
    assert {row.left for row in rows["en"]} == {"en-p0092", "en-p0200"}
    assert not rows["zh"]
    overlapping = {row.right for found in rows.values() for row in found}
    assert overlapping == set(sources.MLQA_R_OVERLAPS)

    every = sources.mlqa_r_items(shared_data, drop=())
    kept = sources.mlqa_r_items(shared_data)
    assert (len(every), len(kept)) == (1_148, 1_143)
    gone = set(every.queries["en"]) - set(kept.queries["en"])
    assert "How do you call a number that is higher than 1 and is not prime?" in gone
    with pytest.raises(CorpusError, match="no paragraph 'en-p9999'"):
        sources.mlqa_r_items(shared_data, drop=("en-p9999",))


def test_mlqa_r_items_are_the_questions_with_their_sentences(shared_data: Path) -> None:
    items = sources.mlqa_r_items(shared_data)
    per_item = items.available.sum(axis=1)
    assert (per_item.min(), per_item.max()) == (2, 4)
    first_with: dict[tuple[str, str], int] = {}
    for column, language in enumerate(items.languages):
        for item in np.flatnonzero(items.available[:, column]):
            text = items.passages[language][item]
            passage_id = first_with.setdefault((language, text), items.passage_id[item])
            assert passage_id == items.passage_id[item]
    assert len(np.unique(items.passage_id)) == 1_135

    two = sources.mlqa_r_items(shared_data, languages=("vi", "de"))
    assert two.languages == ("vi", "de")
    assert two.available.sum(axis=0).tolist() == [508, 508]
    with pytest.raises(CorpusError, match="no language 'ru'"):
        sources.mlqa_r_items(shared_data, languages=("ru",))
