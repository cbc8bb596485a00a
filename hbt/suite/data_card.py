"""Data cards: what a world is made of, under which licence, and what is known to be wrong with it.

Beside them two tables: how much is in each part, and which texts two parts share.

After "Datasheets for Datasets" (Gebru et al. 2021), cut down to what a class should ask of data
before it trains on them. The counts are counted; the other lines are written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from hbt import village
from hbt.suite.worlds import BENCHMARKS

if TYPE_CHECKING:
    import pandas as pd

    from hbt.corpus import Benchmark
    from hbt.suite.worlds import World

_VILLAGE = {
    "texts of the village": {
        "what": "facts of an invented world, told and asked about by a program",
        "licence": "as this project (MIT)",
        "cite": "this project",
        "known faults": "synthetic; words are not inflected, there is no article and no copula; "
        "one narrow world with much repetition; a training question is told apart from "
        "near-duplicates only and may fit another fact as well",
        "do not use it for": "claims about how hard one real language is beside another",
    },
    "words of the village": {
        "licence": "CC BY 4.0 (hbt/village/LICENSE)",
        "cite": "GATITOS, Google Research; Jones et al. 2023, EMNLP",
        "known faults": "one word for each concept, chosen where the list has several; names are "
        "the project's; the other columns are the project's own",
        "do not use it for": "a dictionary",
    },
}
_REAL = {
    "XQuAD-R": {
        "what": "questions on Wikipedia paragraphs; a passage is one sentence",
        "licence": "CC BY-SA 4.0",
        "cite": "LAReQA, Roy et al. 2020; XQuAD, Artetxe et al. 2020",
        "known faults": "translated from English by people; sentences are split crudely, so that "
        "some passages are a few characters long; an answer can run past the end of its sentence; "
        "some questions repeat; a few Greek ones are still in English",
        "do not use it for": "training, where it is the test",
    },
    "MLQA-R": {
        "what": "questions on Wikipedia paragraphs; a passage is one sentence",
        "licence": "CC BY-NC 4.0 as shipped; upstream took the set back without a reason",
        "cite": "LAReQA, Roy et al. 2020; MLQA, Lewis et al. 2020",
        "known faults": "a question exists in two to four languages, always in English; parts "
        "overlap XQuAD-R and are dropped; answers can run past their sentence",
        "do not use it for": "passing on, or anything commercial",
    },
    "NTREX-128": {
        "what": "news sentences, aligned, with their documents",
        "licence": "CC BY-SA 4.0",
        "cite": "Federmann, Kocmi and Xin 2022; Barrault et al. 2019",
        "known faults": "translated from English, so each language reads a little like English; "
        "one domain, one year; some lines are not normalised Unicode",
        "do not use it for": "judging translations of this very test set",
    },
}
FIELDS = ("what", "languages", "size", "licence", "cite", "known faults", "do not use it for")


def data_card(world: World) -> pd.DataFrame:
    """The card of a world: the column "field" and a column for each source.

    Args:
        world: what `hbt.suite.worlds.load_world` gave; its benchmarks are read.
    """
    import pandas as pd

    is_village = world.settings.data == "village"
    card = {name: dict(lines) for name, lines in (_VILLAGE if is_village else _REAL).items()}
    for name, lines in (_count_village if is_village else _count_real)(world).items():
        card[name].update(lines)
    columns = {name: [lines[field] for field in FIELDS] for name, lines in card.items()}
    return pd.DataFrame({"field": list(FIELDS), **columns})


def _count_village(world: World) -> dict[str, dict[str, str]]:
    lexicon = village.lexicon()
    taken = [language.code for language in lexicon.languages if language.words != "own"]
    size = len(lexicon.concepts)
    foreign = sum(
        not lexicon.marked(code, row.concept) for code in taken for row in lexicon.concepts
    )
    texts = (
        f"fine-tuning: {len(world.training):,} items; "
        f"{_benchmark_size('development', world.benchmark('development'))}; "
        f"{_benchmark_size('test', world.benchmark('test'))}; "
        f"pre-training: {len(world.pretraining):,} sentences, "
        f"{world.settings.low_resource_share:.0%} of them in a low-resource language"
    )
    return {
        "texts of the village": {"languages": _languages(world), "size": texts},
        "words of the village": {
            "what": f"one table: a row for each of {size} concepts, a column for each language",
            "languages": f"{len(lexicon.languages)}; {len(taken)} columns are taken from GATITOS: "
            + " ".join(taken),
            "size": f"{size * len(lexicon.languages):,} words; {foreign:,} of the "
            f"{size * len(taken):,} in the low-resource columns are GATITOS's, the rest is marked "
            "as the project's",
        },
    }


def _count_real(world: World) -> dict[str, dict[str, str]]:
    training, test = world.training, world.benchmark("test")
    copies = training.available.sum(axis=1)
    return {
        "XQuAD-R": {
            "languages": f"{len(test.languages)}: {' '.join(test.languages)}",
            "size": _benchmark_size("test", test),
        },
        "MLQA-R": {
            "languages": f"{len(training.languages)}: {' '.join(training.languages)}",
            "size": f"fine-tuning: {len(training):,} items, each in {copies.min()} to "
            f"{copies.max()} languages; "
            + _benchmark_size("development", world.benchmark("development")),
        },
        "NTREX-128": {
            "languages": _languages(world),
            "size": f"pre-training: {len(world.pretraining):,} sentences of "
            f"{len(np.unique(world.pretraining.document)):,} documents, "
            f"{world.settings.low_resource_share:.0%} of them in a low-resource language; "
            + _benchmark_size("low-resource", world.benchmark("low-resource")),
        },
    }


def _languages(world: World) -> str:
    return (
        f"{len(world.pretraining.languages)}: {len(world.training_languages)} fine-tuned on, "
        f"{len(world.unseen_languages)} evaluated only, "
        f"{len(world.low_resource_languages)} low-resource"
    )


def _benchmark_size(name: str, benchmark: Benchmark) -> str:
    return (
        f"{name}: {len(benchmark.query_texts):,} queries, {len(benchmark.passage_texts):,} passages"
    )


def part_sizes(world: World) -> pd.DataFrame:
    """How much is in each part of a world, a row for each; an empty text where nothing is counted.

    Columns: part, languages, queries, passages, relevant to a query (as a text: "11", "2 to 4"),
    sentences. Texts are counted over all languages; a passage that items share counts once.
    """
    import pandas as pd

    from hbt.corpus import benchmark_from_items

    text = world.pretraining
    parts = {"fine-tuning": benchmark_from_items(world.training, "fine-tuning")}
    parts |= {name: world.benchmark(name) for name in BENCHMARKS}
    n_sentences = sum(sum(map(bool, text.texts[code])) for code in text.languages)
    rows: list[tuple[str, int, int | str, int | str, str, int | str]]
    rows = [("pre-training", len(text.languages), "", "", "", n_sentences)]
    for name, part in parts.items():
        relevant = np.bincount(part.relevant_query)  # (n_queries,)
        low, high = relevant.min(), relevant.max()
        span = str(low) if low == high else f"{low} to {high}"
        n_queries, n_passages = len(part.query_texts), len(part.passage_texts)
        rows.append((name, len(part.languages), n_queries, n_passages, span, ""))
    columns = ["part", "languages", "queries", "passages", "relevant to a query", "sentences"]
    return pd.DataFrame(rows, columns=columns)


def shared_texts(world: World) -> pd.DataFrame:
    """How many texts are, letter for letter, in two parts of a world; a row for each two parts.

    Columns: part, other part, passages in both, queries in both. The sentences of pre-training
    are compared with passages and with queries. The low-resource benchmark is left out: it is
    another view of test text (the village) or text of its own (NTREX).
    """
    import pandas as pd

    sentences = _different(world.pretraining.texts.values())
    items = world.training
    parts = {
        "pre-training": (sentences, sentences),
        "fine-tuning": (_different(items.passages.values()), _different(items.queries.values())),
    }
    for name in ("development", "test"):
        part = world.benchmark(name)
        parts[name] = (set(part.passage_texts), set(part.query_texts))
    rows = [
        (one, other, *(len(a & b) for a, b in zip(parts[one], parts[other], strict=True)))
        for one, other in combinations(parts, 2)
    ]
    columns = ["part", "other part", "passages in both", "queries in both"]
    return pd.DataFrame(rows, columns=columns)


def _different(columns: Iterable[Sequence[str | None]]) -> set[str]:
    return {text for column in columns for text in column if text is not None}
