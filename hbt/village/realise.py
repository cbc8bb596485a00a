"""From facts to words: simplified, uninflected sentences in the order of each language.

A sentence is first put in order as concepts, which languages with the same grammar share, and then
written with the words of a language. No word is inflected, there are no articles and no copula;
what a language keeps are its words, their order, its script and its marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hbt.village.facts import NUMBERS, SLOTS, Detail, Fact
from hbt.village.lexicon import Language, Lexicon
from hbt.village.questions import ASKED_BY, Question

Clause = tuple[str, ...]
"""Concepts (and digits) in the order in which they are spoken."""

_FULL_STOP = {"Han": "。", "Devanagari": "।", "Thai": "", "Myanmar": "။"}
_QUESTION_MARK = {"Han": "？", "Arabic": "؟", "Greek": ";", "Thai": "", "Myanmar": "။"}
_ORDERS: Mapping[str, tuple[str, ...]] = {
    "SVO": ("subject", "verb", "object", "recipient", "company", "place", "time"),
    "SOV": ("subject", "time", "place", "company", "recipient", "object", "verb"),
    "VSO": ("verb", "subject", "object", "recipient", "company", "place", "time"),
    "VOS": ("verb", "object", "subject", "recipient", "company", "place", "time"),
}


@dataclass(frozen=True)
class Grammar:
    """What decides the order of words; languages that agree in it share their clauses."""

    word_order: str
    adjective_first: bool
    preposition: bool
    question: str

    @classmethod
    def of(cls, language: Language) -> Grammar:
        """The grammar in a language's row of `languages.tsv`."""
        return cls(
            language.word_order,
            language.adjective == "before",
            language.adposition == "before",
            language.question,
        )

    def noun_phrase(self, noun: Clause, quality: str | None, number: str | None) -> Clause:
        """3 red apple, or 3 apple red."""
        adjective = (quality,) if quality else ()
        core = (*adjective, *noun) if self.adjective_first else (*noun, *adjective)
        return ((number,) if number else ()) + core

    def with_adposition(self, word: str, phrase: Clause) -> Clause:
        """At market, or market at."""
        return (word, *phrase) if self.preposition else (*phrase, word)

    def sentence(self, parts: Mapping[str, Clause], question: str | None = None) -> Clause:
        """The parts in order; `question` names the part that holds the question word."""
        order = [name for name in _ORDERS[self.word_order] if name in parts]
        if question and self.question != "in place":
            order.remove(question)
            order.insert(0 if self.question == "first" else len(order), question)
        return tuple(concept for name in order for concept in parts[name])

    def fact(self, fact: Fact, words: Mapping[str, str] | None = None) -> Clause:
        """The happening itself, all slots told; `words` are told in place of the fact's own."""
        slots = dict(zip(SLOTS, fact.content, strict=True))
        return self.sentence(self._parts({**slots, **(words or {})}, fact))

    def question_on(self, fact: Fact, question: Question) -> Clause:
        """The question, in which the question word takes the place of what is asked for."""
        slots: dict[str, str | None] = {**dict.fromkeys(SLOTS), **question.given}
        word = ASKED_BY[question.asked]
        if question.asked == "number":
            return self.sentence(self._parts({**slots, "number": word}, fact), "object")
        asked: Clause = (word, question.kind_word) if question.kind_word else (word,)
        if question.asked == "object" and (slots["number"] or slots["quality"]):
            noun = (question.kind_word or "thing",)
            asked = (word, *self.noun_phrase(noun, slots["quality"], slots["number"]))
        parts = self._parts(slots, fact)
        part = {"agent": "subject", "part": "time"}.get(question.asked, question.asked)
        if part == "recipient" and fact.object:
            asked = self.with_adposition("to", asked)
        if part == "recipient" and not fact.object:
            part = "object"
        return self.sentence({**parts, part: asked}, part)

    def _parts(self, slots: Mapping[str, str | None], fact: Fact) -> dict[str, Clause]:
        """The parts of a sentence on a fact; slots that hold None are left out."""
        parts: dict[str, Clause] = {}
        if slots["agent"]:
            parts["subject"] = (slots["agent"],)
        if slots["verb"]:
            parts["verb"] = (slots["verb"],)
        if slots["recipient"] and fact.object:
            parts["recipient"] = self.with_adposition("to", (slots["recipient"],))
        elif slots["recipient"]:
            parts["object"] = (slots["recipient"],)
        if slots["object"] or slots["quality"] or slots["number"]:
            noun = (slots["object"] or "thing",)
            parts["object"] = self.noun_phrase(noun, slots["quality"], slots["number"])
        if slots["place"]:
            parts["place"] = self.with_adposition("at", (slots["place"],))
        if slots["part"] or slots["day"]:
            parts["time"] = tuple(s for s in (slots["day"], slots["part"]) if s)
        return parts

    def detail(self, detail: Detail) -> Clause:
        """A further clause of a passage."""
        form, first, *rest = detail
        if form == "home":
            role, home = rest
            return (first, role, *self.with_adposition("from", (home,)))
        if form == "near":
            return (first, *self.with_adposition("near", (rest[0],)))
        if form == "weather":
            return (*_joined(rest), *self.with_adposition("at", (first,)))
        if form == "kind":
            return (first, "and", *rest)
        if form == "company":
            verb, relation = rest
            company = self.with_adposition("with", (relation,))
            return self.sentence({"subject": (first,), "verb": (verb,), "company": company})
        if form == "also":
            verb, thing = rest
            parts = {"subject": (first, "also"), "verb": (verb,), "object": (thing,)}
            return self.sentence(parts)
        quality, *opposite = rest  # trait, thing
        return (first, quality, *(word for other in opposite for word in ("not", other)))

    def passage(self, fact: Fact) -> tuple[Clause, ...]:
        """The clauses of a fact's passage: the happening, then its details."""
        return (self.fact(fact), *(self.detail(detail) for detail in fact.details))


def _joined(words: Sequence[str]) -> Clause:
    """A, a and b."""
    return tuple(words) if len(words) < 2 else (*words[:-1], "and", words[-1])


class Writer:
    """Writes clauses with the words, the spaces and the marks of one language."""

    def __init__(self, lexicon: Lexicon, language: Language) -> None:
        self.language = language
        self.grammar = Grammar.of(language)
        self._words = {number: number for number in NUMBERS}
        for row in lexicon.concepts:
            self._words[row.concept] = lexicon.word(language.code, row.concept)
        self._gap = " " if language.spaces else ""
        self._stop = _FULL_STOP.get(language.script, ".")
        self._question_mark = _QUESTION_MARK.get(language.script, "?")
        self._between = "" if language.script == "Han" else " "

    def words(self, clause: Iterable[str]) -> list[str]:
        """The words of a clause; digits stay as they are."""
        return [self._words[concept] for concept in clause]

    def passage(self, clauses: Sequence[Clause]) -> str:
        """The text of some clauses, each ended by the mark of the script."""
        return self._between.join(self._gap.join(self.words(c)) + self._stop for c in clauses)

    def query(self, clause: Clause) -> str:
        """The text of a question."""
        return self._gap.join(self.words(clause)) + self._question_mark
