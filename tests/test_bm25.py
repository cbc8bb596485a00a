"""BM25: its tokens in seven scripts, its scores by hand, its ranks on Thai and Chinese."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from hbt.bm25 import BM25, bm25_scores, tokens
from hbt.corpus import Benchmark
from hbt.retrieval import count_from_scores


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Der Hund, 3 Jahre!", ["der", "hund", "3", "jahre"]),
        ("ＦＵＬＬ ｗｉｄｔｈ ﬁne", ["full", "width", "fine"]),
        ("Ελλάδα 2015", ["ελλάδα", "2015"]),
        ("कुत्ता पीला है।", ["कुत्ता", "पीला", "है"]),  # vowel signs do not cut words
        ("كلبٌ أصفر؟", ["كلبٌ", "أصفر"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("2015年的狗。", ["2015", "年的", "的狗"]),
        ("狗", ["狗"]),
        ("犬はABC", ["犬は", "abc"]),
        ("หมากิน", ["หม", "มา", "าก", "กิ", "ิน"]),
        ("ຫມາ", ["ຫມ", "ມາ"]),
        ("ខ្មែរ", ["ខ្", "្ម", "មែ", "ែរ"]),
        ("မြန်", ["မြ", "ြန", "န်"]),
        ("བོད་ཡིག", ["བོ", "ོད", "ཡི", "ིག"]),
        ("— … !", []),
        ("", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_scores_by_hand() -> None:
    scores = BM25(["red dog", "dog dog cat bird", "fish"], k1=0.9, b=0.4).scores(["dog whale"])
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))  # 2 of 3 passages have "dog"
    mean_length = 7 / 3

    def term(frequency: int, length: int) -> float:
        return idf * frequency / (frequency + 0.9 * (1 - 0.4 + 0.4 * length / mean_length))

    np.testing.assert_allclose(scores, [[term(1, 2), term(2, 4), 0.0]], rtol=1e-6)
    assert scores.dtype == np.float32


def test_nothing_in_common_scores_zero() -> None:
    index = BM25(["a b", "", "c"])
    assert (index.scores(["x y", "", "?"]) == 0).all()
    assert (BM25(["", "!"]).scores(["a"]) == np.zeros((1, 2))).all()
    assert index.scores([]).shape == (0, 3)


def small_benchmark() -> Benchmark:
    passages = {
        "th": ["แมวนอนบนเตียง", "หมากินปลาในบ้าน", "ครูสอนเด็กที่โรงเรียน"],
        "zh": ["猫睡在床上。", "狗在家里吃鱼。", "老师在学校教孩子。"],
    }
    queries = {
        "th": ["อะไรนอนบนเตียง", "หมากินอะไร", "ใครสอนเด็ก"],
        "zh": ["谁睡在床上?", "谁吃鱼?", "谁教孩子?"],
    }
    languages = tuple(passages)
    return Benchmark(
        name="small",
        languages=languages,
        query_texts=[text for language in languages for text in queries[language]],
        query_language=np.repeat([0, 1], 3),
        query_item=np.tile(np.arange(3), 2),
        query_cluster=np.tile(np.arange(3), 2),
        passage_texts=[text for language in languages for text in passages[language]],
        passage_language=np.repeat([0, 1], 3),
        relevant_query=np.repeat(np.arange(6), 2),
        relevant_passage=np.tile([0, 3, 1, 4, 2, 5], 2),
        grade=np.ones(12, dtype=np.int64),
        query_ids=[f"q{row}" for row in range(6)],
        passage_ids=[f"p{row}" for row in range(6)],
    )


def test_thai_and_chinese_find_their_own() -> None:
    benchmark = small_benchmark()
    counts = count_from_scores(benchmark, bm25_scores(benchmark), top_k=2)
    own = benchmark.passage_language[counts.relevant_passage]
    monolingual = own == benchmark.query_language[counts.relevant_query]
    ranks = 1 + counts.before.sum(axis=1)
    np.testing.assert_array_equal(ranks[monolingual], 1)
    # the other language shares no token: its passages tie at zero
    assert (counts.tied[~monolingual].sum(axis=1) >= 2).all()


def test_scores_are_the_same_in_every_process() -> None:
    program = (
        "from hbt.bm25 import BM25; "
        "print(BM25(['a b c d e', 'e d c', 'x']).scores(['e d c b a x']).tobytes().hex())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
