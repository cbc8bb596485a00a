"""The generator: what a village promises about its facts, its questions and its sentences.

Most tests write with made-up words, `goat_de` for goat in German: a text shows its concepts.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from hbt import village
from hbt.corpus import CorpusError, ParallelItems
from hbt.village import frames
from hbt.village.draws import Draws
from hbt.village.facts import SLOTS, Fact, FactSettings, Ledger, draw_fact
from hbt.village.families import draw_facts, near_duplicate
from hbt.village.lexicon import Lexicon
from hbt.village.questions import ASKED_BY, Pool, words_for
from hbt.village.realise import Grammar, Writer
from hbt.village.society import settle

SMALL = village.VillageSettings(
    seed=3, train_facts=300, development_facts=120, test_facts=120, swap_pairs=30,
    pretraining_sentences=600, sentences_per_document=8, zipf=0.8, near_duplicate_share=0.4,
    synonym_share=0.5, query_parts=(2, 3), details=(1, 2), person_share=0.25,
    second_question_share=0.25, training_swap_share=0.1,
)  # fmt: skip
ENGLISH = Grammar("SVO", adjective_first=True, preposition=True, question="first")


@pytest.fixture(scope="module")
def made_up() -> Lexicon:
    """The village's concepts and languages with made-up words."""
    real = village.lexicon()
    words = {
        language.code: {row.concept: f"{row.concept}_{language.code}" for row in real.concepts}
        for language in real.languages
    }
    return dataclasses.replace(real, words=words)


@pytest.fixture(scope="module")
def world(made_up: Lexicon) -> village.World:
    return village.make(SMALL, made_up)


def passage_words(fact: Fact) -> Counter[str]:
    return Counter(concept for clause in ENGLISH.passage(fact) for concept in clause)


def pairs(facts: tuple[Fact, ...]) -> Iterator[tuple[Fact, Fact]]:
    """The two facts of each family that has two."""
    for first, second in itertools.pairwise(facts):
        if first.family == second.family:
            yield first, second


def differing(first: Fact, second: Fact) -> list[str]:
    together = zip(SLOTS, first.content, second.content, strict=True)
    return [slot for slot, one, other in together if one != other]


def test_all_is_a_pure_function_of_settings_and_lexicon(
    world: village.World, made_up: Lexicon
) -> None:
    again = village.make(SMALL, made_up)
    assert again.facts == world.facts
    assert again.questions == world.questions
    assert again.training.digest() == world.training.digest()
    assert again.pretraining.digest() == world.pretraining.digest()
    other = village.make(dataclasses.replace(SMALL, seed=4), made_up)
    assert other.facts["test"] != world.facts["test"]


def test_digests_are_pinned(world: village.World) -> None:
    told = hashlib.sha256()
    for split in village.SPLITS:
        told.update(repr([(f.content, f.details) for f in world.facts[split]]).encode())
        asked = [(q.fact, q.asked, q.kind_word, list(q.given.items())) for q in
                 world.questions[split]]  # fmt: skip
        told.update(repr(asked).encode())
    told.update(repr([sentence.clause(ENGLISH) for sentence in world.sentences]).encode())
    assert told.hexdigest()[:16] == "571ce005fea6607d"


def test_more_training_facts_leave_the_benchmarks_as_they_are(
    world: village.World, made_up: Lexicon
) -> None:
    larger = village.make(dataclasses.replace(SMALL, train_facts=400), made_up)
    assert larger.facts["test"] == world.facts["test"]
    assert larger.questions["development"] == world.questions["development"]
    assert larger.facts["training"][:299] == world.facts["training"][:299]
    assert larger.sentences == world.sentences


def test_splits_stay_two_words_apart(world: village.World) -> None:
    seen: dict[tuple, tuple[str, int]] = {}
    for split in village.SPLITS:
        for fact in world.facts[split]:
            for at in range(len(SLOTS)):
                key = (at, *fact.content[:at], *fact.content[at + 1 :])
                owner = (split, fact.family)
                assert seen.setdefault(key, owner) == owner


def test_pretraining_tells_no_fact_of_evaluation_nor_one_a_word_away(world: village.World) -> None:
    evaluated = [f for split in ("test", "development", "swap_probe") for f in world.facts[split]]
    covered = {
        (at, *fact.content[:at], *fact.content[at + 1 :])
        for fact in evaluated
        for at in range(len(SLOTS))
    }
    for sentence in world.sentences:
        content = sentence.fact.content
        for at in range(len(SLOTS)):
            assert (at, *content[:at], *content[at + 1 :]) not in covered
    test_texts = set(world.benchmark("test", ["en"]).passage_texts)
    first_clauses = {text.split(". ")[0].rstrip(".") for text in test_texts}
    assert not first_clauses & {str(t).rstrip(".") for t in world.pretraining.texts["en"]}


def test_restrictions_are_respected(world: village.World) -> None:
    for split in village.SPLITS:
        for fact in world.facts[split]:
            verb, role = fact.frame, world.society.people[fact.agent].role
            assert fact.place in verb.places
            assert not verb.roles or role in verb.roles
            assert fact.object in verb.objects or (fact.object is None and not verb.objects)
            assert (fact.recipient is not None) == verb.recipient
            assert fact.agent != fact.recipient
            if fact.number:
                assert fact.object not in frames.UNCOUNTABLE
            if fact.quality:
                assert fact.quality in frames.qualities_of(str(fact.object))


def test_a_person_is_the_same_in_all_passages(world: village.World) -> None:
    homes: dict[str, set[str]] = {}
    for facts in world.facts.values():
        for fact in facts:
            for form, who, *rest in fact.details:
                if form == "home":
                    homes.setdefault(who, set()).add(rest[1])
    assert homes
    assert all(len(found) == 1 for found in homes.values())


def test_near_duplicates_differ_in_exactly_one_content_word(world: village.World) -> None:
    found = list(pairs(world.facts["test"]))
    assert found
    for first, second in found:
        assert differing(first, second) == list(first.own) == list(second.own)
        lost = passage_words(first) - passage_words(second)
        assert lost == Counter({getattr(first, first.own[0]): 1})


def test_the_share_of_near_duplicates_is_as_stated() -> None:
    society = settle(0, 0.8)
    settings = FactSettings(0, (1, 2), 0.25, near_duplicate_share=0.5)
    facts = draw_facts(society, settings, "trial", 1000, (Ledger(),))
    share = sum(bool(fact.own) for fact in facts) / len(facts)
    assert share == pytest.approx(0.5, abs=0.06)
    without = dataclasses.replace(settings, near_duplicate_share=0.0)
    none = draw_facts(society, without, "trial", 200, (Ledger(),))
    assert not any(fact.own for fact in none)


def test_swapped_passages_have_the_same_words(world: village.World) -> None:
    facts = world.facts["swap_probe"]
    assert len(list(pairs(facts))) == SMALL.swap_pairs == len(facts) // 2
    for first, second in pairs(facts):
        assert passage_words(first) == passage_words(second)
        assert differing(first, second) == ["agent", "recipient"]
        assert (first.agent, first.recipient) == (second.recipient, second.agent)
    for question in world.questions["swap_probe"]:
        fact = facts[question.fact]
        asked, other = ("agent", "recipient") if question.asked == "agent" else (
            "recipient", "agent")  # fmt: skip
        assert question.asked == asked
        assert question.given[other] == getattr(fact, other)


def test_a_bag_of_words_is_at_chance_on_the_swap_probe(world: village.World) -> None:
    probe = world.swap_probe
    bags = [Counter(re.findall(r"\w+", text)) for text in probe.passage_texts]
    for query, passage in zip(probe.relevant_query, probe.relevant_passage, strict=True):
        if probe.query_language[query] == probe.passage_language[passage] == 2:
            assert sum(bag == bags[passage] for bag in bags) == 2


def test_a_query_never_contains_its_answer(world: village.World) -> None:
    for split in village.SPLITS:
        for question in world.questions[split]:
            fact = world.facts[split][question.fact]
            hidden = ("part", "day") if question.asked == "part" else (question.asked,)
            clause = ENGLISH.question_on(fact, question)
            assert ASKED_BY[question.asked] in clause
            for slot in hidden:
                assert slot not in question.given
                assert getattr(fact, slot) not in clause
            if question.asked in ("agent", "recipient"):
                asked = world.society.people[getattr(fact, question.asked)]
                others = world.society.people[fact.agent], world.society.people.get(
                    fact.recipient or "")  # fmt: skip
                told_of_others = {t for p in others if p and p != asked for t in p.titles}
                assert not (set(asked.titles) - told_of_others) & set(clause)


@pytest.mark.parametrize("split", ["development", "test", "swap_probe"])
def test_a_question_fits_one_fact_of_its_split_only(world: village.World, split: str) -> None:
    facts = world.facts[split]
    for question in world.questions[split]:
        fitting = [
            row
            for row, fact in enumerate(facts)
            if all(
                word in words_for(world.society, slot, getattr(fact, slot))
                for slot, word in question.given.items()
            )
        ]
        assert fitting == [question.fact]


def test_a_pool_knows_when_a_question_is_clear() -> None:
    society = settle(0, 0.8)
    fact = Fact("anna", "buy", "goat", None, None, None, "market", "noon", "monday", family=0)
    twin = dataclasses.replace(fact, object="cow")
    far = dataclasses.replace(fact, object="book", family=2)
    pool = Pool(society, [fact, twin, far])
    assert pool.is_clear({"agent": "anna", "object": "goat"}, 0)
    assert not pool.is_clear({"agent": "anna", "object": "animal"}, 0)
    assert not pool.is_clear({"verb": "get"}, 2)
    apart = Pool(society, [fact, twin, far], families_apart=True)
    assert apart.is_clear({"verb": "get"}, 2)
    assert not apart.is_clear({"verb": "get"}, 0)


def test_queries_use_other_words_as_often_as_told(made_up: Lexicon) -> None:
    def share_of_own_words(synonym_share: float) -> float:
        chosen = dataclasses.replace(SMALL, synonym_share=synonym_share)
        world = village.make(chosen, made_up)
        facts = world.facts["training"]
        same = [
            word == getattr(facts[question.fact], slot)
            for question in world.questions["training"]
            for slot, word in question.given.items()
            if slot in ("verb", "object") and getattr(facts[question.fact], slot) in
            frames.OTHER_WORDS
        ]  # fmt: skip
        return sum(same) / len(same)

    assert share_of_own_words(0.0) == 1.0
    assert share_of_own_words(1.0) < 0.1
    assert share_of_own_words(0.5) == pytest.approx(0.5, abs=0.1)


def test_some_facts_are_asked_about_twice_and_share_a_passage(world: village.World) -> None:
    items = world.training
    counts = Counter(items.passage_id.tolist())
    assert set(counts.values()) == {1, 2}
    assert sum(n == 2 for n in counts.values()) / len(counts) == pytest.approx(0.25, abs=0.08)
    questions = world.questions["training"]
    for first, second in itertools.pairwise(questions):
        if first.fact == second.fact:
            assert first.asked != second.asked
    passages = items.passages["de"]
    for row in np.flatnonzero(np.diff(items.passage_id) == 0):
        assert passages[row] == passages[row + 1]


def test_sizes_languages_and_clusters(world: village.World) -> None:
    assert isinstance(world.training, ParallelItems)
    assert len(world.training.languages) == 9
    assert world.training.available.all()
    assert len(set(world.training.passage_id.tolist())) == 300
    test = world.test
    assert test.languages == world.codes("training", "evaluated only")
    assert len(test.passage_texts) == 11 * 120
    assert Counter(Counter(test.relevant_query.tolist()).values()) == {11: len(test.query_texts)}
    for first, second in pairs(world.facts["test"]):
        assert first.family == second.family
    assert len(set(test.query_cluster.tolist())) < len(set(test.query_item.tolist()))
    assert world.benchmark("test", ["wo", "en"]).languages == ("wo", "en")
    assert len(world.pretraining) == 600
    assert world.pretraining.languages == world.codes()
    assert Counter(world.pretraining.document.tolist()) == dict.fromkeys(range(75), 8)
    with pytest.raises(CorpusError, match="no split 'dev'"):
        world.items("dev")
    with pytest.raises(CorpusError, match="no language 'xx'"):
        world.items("test", ["xx"])


def test_english_order(made_up: Lexicon) -> None:
    fact = Fact("anna", "buy", "apple", None, "3", "red", "market", "morning", "monday",
                (("near", "market", "river"), ("trait", "baker", "rich", "poor")))  # fmt: skip
    told = "anna buy 3 red apple at market monday morning; market near river; baker rich not poor"
    assert "; ".join(" ".join(clause) for clause in ENGLISH.passage(fact)) == told


@pytest.mark.parametrize(
    ("grammar", "expected"),
    [
        (Grammar("SOV", True, False, "in place"),
         "anna monday morning market at omar to 3 red apple sell"),
        (Grammar("VSO", False, True, "first"),
         "sell anna 3 apple red to omar at market monday morning"),
        (Grammar("VOS", False, True, "in place"),
         "sell 3 apple red anna to omar at market monday morning"),
    ],
)  # fmt: skip
def test_word_orders(grammar: Grammar, expected: str) -> None:
    fact = Fact("anna", "sell", "apple", "omar", "3", "red", "market", "morning", "monday")
    assert " ".join(grammar.fact(fact)) == expected


@pytest.mark.parametrize(
    ("asked", "given", "kind_word", "first", "in_place", "last"),
    [
        ("agent", {"verb": "buy", "object": "fruit"}, None,
         "who buy fruit", "who buy fruit", "buy fruit who"),
        ("object", {"agent": "anna", "verb": "buy", "quality": "red"}, "fruit",
         "what red fruit anna buy", "anna buy what red fruit", "anna buy what red fruit"),
        ("place", {"agent": "anna", "verb": "get"}, None,
         "where anna get", "anna get where", "anna get where"),
        ("part", {"object": "apple", "place": "market"}, "day",
         "when day apple at market", "apple at market when day", "apple at market when day"),
        ("number", {"agent": "anna", "object": "apple"}, None,
         "how_many apple anna", "anna how_many apple", "anna how_many apple"),
    ],
)  # fmt: skip
def test_the_question_word_stands_where_the_language_puts_it(
    asked: str, given: dict[str, str], kind_word: str | None, first: str, in_place: str, last: str
) -> None:
    fact = Fact("anna", "buy", "apple", None, "3", "red", "market", "morning", "monday")
    question = village.Question(0, asked, kind_word, given)
    for position, expected in (("first", first), ("in place", in_place), ("last", last)):
        grammar = dataclasses.replace(ENGLISH, question=position)
        assert " ".join(grammar.question_on(fact, question)) == expected


def test_every_language_tells_every_fact_with_its_own_words() -> None:
    world = village.make(SMALL)
    for split in village.SPLITS:
        items = world.items(split, world.codes())
        assert items.available.all()
        for language in world.lexicon.languages:
            writer = Writer(world.lexicon, language)
            for question in world.questions[split]:
                fact = world.facts[split][question.fact]
                answer = getattr(fact, question.asked)
                asked = writer.words(writer.grammar.question_on(fact, question))
                assert writer.words([answer])[0] not in asked
    texts = world.pretraining.texts
    assert all(len(column) == SMALL.pretraining_sentences for column in texts.values())


@pytest.mark.parametrize("code", ["zh", "th", "shn"])
def test_no_spaces_where_the_script_has_none(code: str) -> None:
    writer = Writer(village.lexicon(), village.lexicon().language(code))
    fact = Fact("anna", "buy", "apple", None, "3", "red", "market", "morning", "monday")
    assert " " not in writer.passage((writer.grammar.fact(fact),))
    assert " " not in writer.query(writer.grammar.fact(fact))


def test_names_are_written_in_the_script_of_the_language() -> None:
    latin = {"en", "de", "es", "tr", "vi"}
    lexicon = village.lexicon()
    for language in lexicon.languages:
        for name in (*frames.WOMEN, *frames.MEN, *frames.VILLAGES):
            word = lexicon.word(language.code, name)
            is_latin = re.search("[A-Za-z]", word) is not None
            assert is_latin == (language.script == "Latin"), (language.code, word)
            assert language.code not in latin or word[0].isupper()


def test_every_concept_of_the_frames_is_in_the_lexicon() -> None:
    known = {row.concept for row in village.lexicon().concepts}
    told = set(frames.SENSE) | set(frames.OTHER_WORDS) | set(frames.KIND_WORDS)
    told |= {word for others in frames.OTHER_WORDS.values() for word in others}
    told |= {*frames.WOMEN, *frames.MEN, *frames.VILLAGES, *frames.ROLES, *frames.TRAITS,
             *frames.RELATIONS, *frames.ALONE, *frames.WEEKDAYS, *frames.SEASONS}  # fmt: skip
    assert told <= known


def test_gloss_and_description_explain_an_item(world: village.World) -> None:
    question = world.questions["test"][0]
    fact = world.facts["test"][question.fact]
    gloss = world.gloss("test", 0, "hi")
    items = world.items("test", ["hi"])
    assert "".join(word for word, _ in gloss["query"]) in items.queries["hi"][0].replace(" ", "")
    assert all(not english.endswith("_hi") for _, english in gloss["passage"])
    assert world.describe(fact)["place"] == fact.place or fact.place in frames.VILLAGES
    assert "asks" in world.describe(fact, question)


def test_draws_follow_their_probabilities() -> None:
    draws = Draws(1, "trial")
    table = Counter(draws.zipf("abc", 1.0) for _ in range(6000))
    assert [table[c] / 6000 for c in "abc"] == pytest.approx([6 / 11, 3 / 11, 2 / 11], abs=0.03)
    assert sorted(draws.shuffled(range(50))) == list(range(50))
    assert [Draws(1, "x", 5).uniform() for _ in range(2)] == [Draws(1, "x", 5).uniform()] * 2
    assert Draws(1, "x", 5).uniform() != Draws(1, "x", 6).uniform()
    assert Draws(1, "x", 5).uniform() != Draws(1, "y", 5).uniform()


def test_a_larger_exponent_repeats_words_more() -> None:
    def most_common_share(exponent: float) -> float:
        society = settle(0, exponent)
        settings = FactSettings(0, (0, 0), 0.0)
        verbs = Counter(
            draw_fact(society, Draws(0, "trial", at), settings).verb for at in range(500)
        )
        return verbs.most_common(1)[0][1] / 500

    assert most_common_share(0.0) < most_common_share(1.5)


def test_a_near_duplicate_leaves_what_the_details_speak_of() -> None:
    society = settle(0, 0.8)
    details = (("near", "market", "river"), ("thing", "apple", "hot", "cold"))
    fact = Fact("anna", "buy", "apple", None, None, "hot", "market", "noon", "monday", details)
    for at in range(20):
        twin = near_duplicate(society, Draws(0, "trial", at), fact)
        assert twin is not None
        assert twin.own[0] in ("verb", "part", "day")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"synonym_share": 1.5}, "synonym_share must be from 0 to 1, not 1.5"),
        ({"query_parts": (3, 2)}, r"query_parts must be \(fewest, most\), not \(3, 2\)"),
        ({"train_facts": -1}, "train_facts must be at least 0, not -1"),
    ],
)
def test_settings_are_checked(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        village.VillageSettings(**change)


def test_too_many_facts_are_an_error_that_says_so() -> None:
    society = settle(0, 5.0)
    settings = FactSettings(0, (0, 0), 0.0)
    with pytest.raises(ValueError, match="no room for 2000 facts of its trial split"):
        draw_facts(society, settings, "trial", 2000, (Ledger(),))
