"""The village: a world of facts, told and asked about in 27 languages, all from one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from hbt.corpus import Benchmark, CorpusError, ParallelItems, ParallelText, benchmark_from_items
from hbt.village.draws import Draws
from hbt.village.facts import SLOTS, Fact, FactSettings, Ledger
from hbt.village.families import draw_facts, swapped
from hbt.village.lexicon import Lexicon, load
from hbt.village.questions import ASKED_BY, Pool, Question, ask
from hbt.village.realise import Clause, Grammar, Writer
from hbt.village.society import Society, settle
from hbt.village.stories import Sentence, tell

SPLITS = ("training", "development", "test", "swap_probe")


@dataclass(frozen=True)
class VillageSettings:
    """Size and difficulty of a village.

    Attributes:
        seed: of everything that is drawn.
        train_facts, development_facts, test_facts: facts of each split. More facts in
            development and test are a larger pool, hence harder.
        swap_pairs: pairs of passages in the swap probe.
        pretraining_sentences: sentences of pre-training text.
        sentences_per_document: of the pre-training text.
        zipf: exponent of all draws of concepts; larger is more repetitive, hence harder.
        near_duplicate_share: share of facts that have a twin which differs in one content word.
        synonym_share: how often a part of a query has another word than the passage.
        query_parts: fewest and most parts that a query gives; a question that would fit another
            fact of its split is given more.
        details: fewest and most further clauses in a passage.
        person_share: share of facts between two persons.
        second_question_share: share of facts that are asked about twice; the two items share
            their passage.
        training_swap_share: share of the training facts between two persons that have a twin with
            the two exchanged, as in the swap probe.
    """

    seed: int = 0
    train_facts: int = 3000
    development_facts: int = 500
    test_facts: int = 500
    swap_pairs: int = 100
    pretraining_sentences: int = 6000
    sentences_per_document: int = 8
    zipf: float = 0.8
    near_duplicate_share: float = 0.4
    synonym_share: float = 0.5
    query_parts: tuple[int, int] = (2, 3)
    details: tuple[int, int] = (1, 2)
    person_share: float = 0.25
    second_question_share: float = 0.25
    training_swap_share: float = 0.1

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name.endswith("_share") and not 0 <= value <= 1:
                raise ValueError(f"VillageSettings: {item.name} must be from 0 to 1, not {value}")
            if item.name in ("query_parts", "details"):
                least = 1 if item.name == "query_parts" else 0
                object.__setattr__(self, item.name, tuple(value))
                if len(value) != 2 or not least <= value[0] <= value[1]:
                    raise ValueError(
                        f"VillageSettings: {item.name} must be (fewest, most), not {value}"
                    )
            elif value < (least := int(item.name == "sentences_per_document")):
                raise ValueError(
                    f"VillageSettings: {item.name} must be at least {least}, not {value}"
                )


@dataclass(frozen=True, eq=False, repr=False)
class World:
    """All facts of a village and the questions on them; texts are written when asked for.

    Attributes:
        facts: split -> facts. The parts of an item are in
            `facts[split][questions[split][item].fact]`.
        questions: split -> questions, one per item.
        reserved: the facts that pre-training text keeps away from.
    """

    settings: VillageSettings
    lexicon: Lexicon
    society: Society
    facts: Mapping[str, tuple[Fact, ...]]
    questions: Mapping[str, tuple[Question, ...]]
    reserved: Ledger

    def codes(self, *roles: str) -> tuple[str, ...]:
        """Codes of the languages in the given roles; of all where none is given."""
        known = self.lexicon.languages
        return tuple(row.code for row in known if not roles or row.role in roles)

    def items(self, split: str, languages: Sequence[str] | None = None) -> ParallelItems:
        """The questions of a split with their passages, in the given languages.

        Raises:
            CorpusError: there is no such split or language.
        """
        if split not in SPLITS:
            raise CorpusError(f"the village has no split {split!r}, only {', '.join(SPLITS)}")
        languages = self._default(split) if languages is None else tuple(languages)
        facts, questions = self.facts[split], self.questions[split]
        told: dict[Grammar, list[tuple[Clause, ...]]] = {}
        asked: dict[Grammar, list[Clause]] = {}
        passages, queries = {}, {}
        for code in languages:
            writer = Writer(self.lexicon, self.lexicon.language(code))
            grammar = writer.grammar
            if grammar not in told:
                told[grammar] = [grammar.passage(fact) for fact in facts]
                asked[grammar] = [grammar.question_on(facts[q.fact], q) for q in questions]
            texts = [writer.passage(clauses) for clauses in told[grammar]]
            passages[code] = [texts[question.fact] for question in questions]
            queries[code] = [writer.query(clause) for clause in asked[grammar]]
        return ParallelItems(
            name=f"village {split.replace('_', ' ')}",
            languages=languages,
            passage_id=np.array([question.fact for question in questions], dtype=np.int64),
            source=np.zeros(len(questions), dtype=np.int64),
            source_names=("village",),
            queries=queries,
            passages=passages,
        )

    def _default(self, split: str) -> tuple[str, ...]:
        return self.codes("training", *(() if split == "training" else ("evaluated only",)))

    def benchmark(self, split: str, languages: Sequence[str] | None = None) -> Benchmark:
        """The questions and the pool of a split; twins are one cluster.

        Languages are the training languages and the two that are only evaluated, unless given.
        """
        items = self.items(split, languages)
        families = [self.facts[split][question.fact].family for question in self.questions[split]]
        return benchmark_from_items(items, items.name, np.array(families, dtype=np.int64))

    @cached_property
    def training(self) -> ParallelItems:
        """Fine-tuning data in the nine training languages."""
        return self.items("training")

    @cached_property
    def development(self) -> Benchmark:
        """What difficulty and learning rates are fixed on."""
        return self.benchmark("development")

    @cached_property
    def test(self) -> Benchmark:
        """What results are reported on."""
        return self.benchmark("test")

    @cached_property
    def swap_probe(self) -> Benchmark:
        """Pairs of passages of the same words that tell who did it to whom the other way round.

        An encoder that sees a bag of words gives both the same score.
        """
        return self.benchmark("swap_probe")

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """The pre-training text before it is written in a language."""
        chosen = self.settings
        facts = FactSettings(chosen.seed, (0, 0), chosen.person_share)
        return tuple(
            tell(
                self.society,
                facts,
                chosen.pretraining_sentences,
                chosen.sentences_per_document,
                chosen.synonym_share,
                self.reserved,
            )
        )

    @cached_property
    def pretraining(self) -> ParallelText:
        """Aligned sentences in all languages, without any fact of development, test or probe."""
        ordered: dict[Grammar, list[Clause]] = {}
        texts: dict[str, list[str | None]] = {}
        for code in self.codes():
            writer = Writer(self.lexicon, self.lexicon.language(code))
            if writer.grammar not in ordered:
                ordered[writer.grammar] = [s.clause(writer.grammar) for s in self.sentences]
            texts[code] = [
                writer.query(clause) if sentence.question else writer.passage((clause,))
                for sentence, clause in zip(self.sentences, ordered[writer.grammar], strict=True)
            ]
        document = np.array([sentence.document for sentence in self.sentences], dtype=np.int64)
        return ParallelText("village pre-training text", self.codes(), texts, document)

    def describe(self, fact: Fact, question: Question | None = None) -> dict[str, str]:
        """What a fact, or a question on it, says: part -> English words."""
        english = {row.concept: row.english for row in self.lexicon.concepts}
        values = dict(zip(SLOTS, fact.content, strict=True)) if question is None else question.given
        told = {slot: english.get(value, value) for slot, value in values.items() if value}
        if question:
            word = english[ASKED_BY[question.asked]]
            kind = f" {english[question.kind_word]}" if question.kind_word else ""
            return {"asks": f"{word}{kind}", **told}
        role = self.society.people[fact.agent].role
        return {**told, "agent": f"{told['agent']} ({english[role]})"}

    def gloss(self, split: str, item: int, language: str) -> dict[str, list[tuple[str, str]]]:
        """An item word by word: "query" and "passage" -> (word, English word) in its order."""
        writer = Writer(self.lexicon, self.lexicon.language(language))
        english = {row.concept: row.english for row in self.lexicon.concepts}
        question = self.questions[split][item]
        fact = self.facts[split][question.fact]
        passage = [c for clause in writer.grammar.passage(fact) for c in clause]
        query = writer.grammar.question_on(fact, question)
        return {
            name: [(w, english.get(c, c)) for w, c in zip(writer.words(cs), cs, strict=True)]
            for name, cs in (("query", query), ("passage", passage))
        }


def make(settings: VillageSettings | None = None, lexicon: Lexicon | None = None) -> World:
    """Make a village; the same settings and lexicon give the same world everywhere.

    Facts of the test split depend on no other split, those of development on test only, and so on:
    more training facts leave the benchmarks as they are.

    Raises:
        ValueError: more facts are asked for than the village has.
    """
    settings = settings or VillageSettings()
    society = settle(settings.seed, settings.zipf)
    reserved, learnt = Ledger(), Ledger()
    common = (settings.seed, settings.details, settings.person_share)
    evaluated = FactSettings(*common, settings.near_duplicate_share)
    trained = FactSettings(*common, settings.near_duplicate_share, settings.training_swap_share)
    probed = FactSettings(settings.seed, settings.details, 1.0)
    facts = {
        "test": draw_facts(society, evaluated, "test", settings.test_facts, (reserved,)),
        "development": draw_facts(
            society, evaluated, "development", settings.development_facts, (reserved,)
        ),
        "swap_probe": draw_facts(
            society, probed, "swap_probe", 2 * settings.swap_pairs, (reserved,), swapped
        ),
        "training": draw_facts(
            society, trained, "training", settings.train_facts, (reserved, learnt)
        ),
    }
    questions = {split: _ask_all(society, settings, split, facts[split]) for split in SPLITS}
    return World(settings, lexicon or load(), society, facts, questions, reserved)


def _ask_all(
    society: Society, settings: VillageSettings, split: str, facts: tuple[Fact, ...]
) -> tuple[Question, ...]:
    """One question per fact, two on some; in training only twins need to be told apart."""
    pool = Pool(society, facts, families_apart=split == "training")
    synonym_share = 0.0 if split == "swap_probe" else settings.synonym_share
    questions = []
    for row, fact in enumerate(facts):
        draws = Draws(settings.seed, f"{split} questions", row)
        common = (society, draws, fact, row, pool, settings.query_parts, synonym_share)
        questions.append(ask(*common))
        if split != "swap_probe" and draws.chance(settings.second_question_share):
            questions.append(ask(*common, besides=questions[-1].asked))
    return tuple(questions)
