"""Parallel items of real words in four scripts, small enough to train on in a second."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from hbt.corpus import ParallelItems, ParallelText

WORDS = {
    "en": (
        "dog cat horse fish bird cow sheep duck",
        "river house garden forest market school bridge field",
        "sleeps runs eats waits",
        "who",
    ),
    "ru": (
        "собака кошка лошадь рыба птица корова овца утка",
        "река дом сад лес рынок школа мост поле",
        "спит бежит ест ждёт",
        "кто",
    ),
    "hi": (
        "कुत्ता बिल्ली घोड़ा मछली चिड़िया गाय भेड़ बत्तख",
        "नदी घर बगीचा जंगल बाज़ार विद्यालय पुल खेत",
        "सोता दौड़ता खाता रुकता",
        "कौन",
    ),
    "zh": ("狗 猫 马 鱼 鸟 牛 羊 鸭", "河 房子 花园 森林 市场 学校 桥 田野", "睡觉 跑 吃 等", "谁"),
}
FACTS = list(itertools.product(range(8), range(8), range(4)))  # animal, place, what it does


def _sentence(language: str, fact: tuple[int, int, int], question: bool) -> str:
    animals, places, verbs, who = WORDS[language]
    animal, place, verb = fact
    words = [animals.split()[animal], verbs.split()[verb], places.split()[place]]
    return " ".join([who, *words[::-1]]) + "?" if question else " ".join(words) + "."


def tiny_items(n_items: int = 256, negatives: int = 0) -> ParallelItems:
    """Items 5 and 6 share their passage id; every tenth item lacks Chinese.

    The hard negatives of an item are passages of other items, one of them its neighbour's.
    """
    facts = FACTS[:n_items]

    def side(question: bool, other: int = 0) -> dict[str, list[str | None]]:
        return {
            language: [
                None
                if language == "zh" and row % 10 == 9
                else _sentence(language, facts[(row + other) % n_items], question)
                for row in range(n_items)
            ]
            for language in WORDS
        }

    passage_id = np.arange(len(facts)) + 100
    passage_id[6] = passage_id[5]
    others = [1 + 7 * number for number in range(negatives)]
    return ParallelItems(
        name="tiny",
        languages=tuple(WORDS),
        passage_id=passage_id,
        source=np.zeros(len(facts), dtype=np.int64),
        source_names=("tiny",),
        queries=side(True),
        passages=side(False),
        negatives=tuple(side(False, other) for other in others),
        negative_id=np.stack([np.roll(passage_id, -other) for other in others], axis=1)
        if others
        else None,
    )


def tiny_text() -> ParallelText:
    """The passages alone, aligned, in documents of eight sentences."""
    items = tiny_items()
    return ParallelText("tiny text", items.languages, items.passages, np.arange(len(items)) // 8)


def all_texts() -> list[str]:
    items = tiny_items()
    columns = [side[language] for side in (items.queries, items.passages) for language in WORDS]
    return [text for column in columns for text in column if text is not None]


def tiny_tokenizer(folder: Path) -> Path:
    """The folder, with a tokenizer in it that was trained on all the texts."""
    from hbt.encoders import EncoderSettings, train_tokenizer

    tokenizer = train_tokenizer(all_texts(), EncoderSettings(vocabulary_size=600))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder
