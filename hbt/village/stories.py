"""Pre-training text: short documents about one person's days, aligned in all languages.

No sentence tells a fact of development, test or the swap probe, nor one that is only a slot away.
Words and their other words are mixed, kinds are named ("goat and sheep animal") and some sentences
are questions, so that every word of the lexicon is met.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hbt.village import frames
from hbt.village.draws import Draws
from hbt.village.facts import Detail, Fact, FactSettings, Ledger, draw_detail, draw_fact
from hbt.village.questions import Question, ask, words_for
from hbt.village.realise import Clause, Grammar
from hbt.village.society import Society

_ATTEMPTS = 1000
_FORMS = ("home", "trait", "company", "also", "thing", "near", "weather")


@dataclass(frozen=True)
class Sentence:
    """One sentence of a document: a fact, a question on it, or a detail."""

    document: int
    fact: Fact
    words: tuple[tuple[str, str], ...] = ()
    """Slots of the fact that are told in another word than the fact's."""
    question: Question | None = None
    detail: Detail | None = None

    def clause(self, grammar: Grammar) -> Clause:
        """The sentence in the order of a language."""
        if self.question:
            return grammar.question_on(self.fact, self.question)
        if self.detail:
            return grammar.detail(self.detail)
        return grammar.fact(self.fact, dict(self.words))


def tell(
    society: Society,
    settings: FactSettings,
    n_sentences: int,
    sentences_per_document: int,
    synonym_share: float,
    reserved: Ledger,
) -> Iterator[Sentence]:
    """`n_sentences` different sentences; the first of them are the same for a larger number.

    Raises:
        ValueError: the village has not so much to tell.
    """
    told: set[tuple] = set()
    count = attempt = 0
    while count < n_sentences:
        document = count // sentences_per_document
        draws = Draws(settings.seed, "pretraining", count, attempt)
        sentence = _draw(society, settings, document, draws, synonym_share)
        detail, question = sentence.detail, sentence.question
        key = detail or (sentence.fact.content, sentence.words, question and str(question))
        if key not in told and reserved.free(sentence.fact, ("pretraining", 0)):
            told.add(key)
            yield sentence
            count, attempt = count + 1, 0
        elif (attempt := attempt + 1) == _ATTEMPTS:
            raise ValueError(
                f"the village has only {count} different sentences to tell, not {n_sentences}"
            )


def _draw(
    society: Society, settings: FactSettings, document: int, draws: Draws, synonym_share: float
) -> Sentence:
    """One sentence of a document, which has one hero and tells of two of their days."""
    plan = Draws(settings.seed, "documents", document)
    hero = society.draw(plan, tuple(society.people))
    days = [society.draw(plan, (*frames.WEEKDAYS, *frames.SEASONS)) for _ in range(2)]
    fact = draw_fact(society, draws, settings, agent=hero, day=draws.choice(days))
    kind = draws.uniform()
    if kind < 0.12:
        question = ask(society, draws, fact, 0, None, (2, 3), synonym_share)
        return Sentence(document, fact, question=question)
    if kind < 0.3:
        detail = draw_detail(society, draws, fact, draws.choice(_FORMS))
        if detail:
            return Sentence(document, fact, detail=detail)
    if kind < 0.34 and fact.object:
        kinds = [k for k in frames.OTHER_WORDS.get(fact.object, ()) if k in frames.KIND_WORDS]
        if kinds:
            return Sentence(document, fact, detail=_naming(draws, fact.object, kinds[0]))
    words = tuple(
        (slot, draws.choice(others))
        for slot in ("agent", "verb", "object", "quality", "place")
        if (others := words_for(society, slot, getattr(fact, slot))[1:])
        and draws.chance(synonym_share)
    )
    return Sentence(document, fact, words)


def _naming(draws: Draws, thing: str, kind: str) -> Detail:
    """A thing beside another of its kind, and the name of the kind."""
    alike = [o for o, kinds in frames.OTHER_WORDS.items() if kind in kinds and o != thing]
    return ("kind", thing, draws.choice(alike), kind)
