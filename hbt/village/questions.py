"""Queries: ask for one part of a fact by giving some of the others, often in other words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hbt.village import frames
from hbt.village.draws import Draws
from hbt.village.facts import PERSONS, SLOTS, Fact
from hbt.village.society import Society

ASKED_BY: Mapping[str, str] = {
    "agent": "who",
    "recipient": "who",
    "object": "what",
    "place": "where",
    "part": "when",
    "number": "how_many",
}
"""Slot -> the question word that asks for it; "when" asks for part of day and day together."""


@dataclass(frozen=True)
class Question:
    """One question on a fact.

    Attributes:
        fact: row of the fact in its split.
        asked: the slot that is asked for.
        kind_word: a wider word beside the question word ("what animal"), or None.
        given: slot -> word, in the order of `SLOTS`; no slot of the answer is among them.
    """

    fact: int
    asked: str
    kind_word: str | None
    given: Mapping[str, str]


def words_for(society: Society, slot: str, value: str | None) -> tuple[str, ...]:
    """All words that a query may use for what a slot holds, its own word first."""
    if value is None:
        return ()
    if slot in PERSONS:
        return (value, *society.people[value].titles)
    return (value, *frames.OTHER_WORDS.get(value, ()))


class Pool:
    """The facts that compete, findable by slot and word, so that a question fits only one.

    With `families_apart`, a fact competes with its own family only.
    """

    def __init__(
        self, society: Society, facts: Sequence[Fact], families_apart: bool = False
    ) -> None:
        self._families = [fact.family for fact in facts] if families_apart else [0] * len(facts)
        self._rows: dict[tuple[str, str], set[int]] = {}
        for row, fact in enumerate(facts):
            for slot, value in zip(SLOTS, fact.content, strict=True):
                for word in words_for(society, slot, value):
                    self._rows.setdefault((slot, word), set()).add(row)

    def is_clear(self, given: Mapping[str, str], row: int) -> bool:
        """Are the given parts true of the fact in this row and of no competing one?"""
        fitting = set.intersection(*(self._rows[item] for item in given.items()))
        return all(self._families[r] != self._families[row] for r in fitting - {row})


def ask(
    society: Society,
    draws: Draws,
    fact: Fact,
    row: int,
    pool: Pool | None,
    query_parts: tuple[int, int],
    synonym_share: float,
    besides: str | None = None,
) -> Question:
    """A question on the fact in a row of a split.

    Fewest and most parts given are `query_parts`, `synonym_share` of those that have another word
    get it, and the slot `besides` is not asked for. In a `pool` of facts that compete, parts are
    added, then put in the passage's own words, until the question fits no other of them.

    Raises:
        ValueError: every question on the fact fits another one too.
    """
    for asked in draws.shuffled(_askable(fact, besides)):
        hidden = {"part", "day"} if asked == "part" else {asked}
        slots = [s for s in SLOTS if getattr(fact, s) is not None and s not in hidden]
        needed = _needed(fact, asked)
        # A question names the deed or the thing: "who at market?" would be none.
        slots = draws.shuffled(slots)
        core = next(slot for slot in slots if slot in ("verb", "object"))
        slots.sort(key=lambda slot: (slot not in needed, slot != core))
        low, high = query_parts
        n_given = max(low + int(draws.uniform() * (high - low + 1)), len(needed))
        given = {s: _word(society, draws, fact, s, synonym_share) for s in slots[:n_given]}
        for slot in slots[n_given:]:
            if pool is None or pool.is_clear(given, row):
                break
            given[slot] = _word(society, draws, fact, slot, synonym_share)
        for slot in list(given):
            if pool is None or pool.is_clear(given, row):
                break
            given[slot] = getattr(fact, slot)
        if pool is None or pool.is_clear(given, row):
            ordered = {slot: given[slot] for slot in SLOTS if slot in given}
            kind_word = _kind_word(draws, fact, asked, synonym_share)
            return Question(row, asked, kind_word, ordered)
    raise ValueError(f"no question fits only one fact: {fact}")


def _askable(fact: Fact, besides: str | None) -> list[str]:
    if fact.own == PERSONS:  # twins with exchanged persons: who does it, or to whom
        return [slot for slot in PERSONS if slot != besides]
    closed = {besides, *fact.own, *(("part",) if "day" in fact.own else ())}
    return [slot for slot in ASKED_BY if getattr(fact, slot) is not None and slot not in closed]


def _needed(fact: Fact, asked: str) -> set[str]:
    """The slots without which the question would fit a twin, or count nothing."""
    return (set(fact.own) - {asked}) | ({"object"} if asked == "number" else set())


def _word(society: Society, draws: Draws, fact: Fact, slot: str, synonym_share: float) -> str:
    """The word of the passage, or another one for the same.

    A person's title serves only where the passage tells it.
    """
    value = getattr(fact, slot)
    others = words_for(society, slot, value)[1:]
    if slot in PERSONS:
        told = {concept for detail in fact.details for concept in detail[1:]}
        role, kind, *wider = others
        others = (*(w for w in (role, kind) if w in told), *(wider if role in told else ()))
        if slot == "recipient":
            others = ()
    if not others or not draws.chance(synonym_share):
        return value
    return draws.choice(others)


def _kind_word(draws: Draws, fact: Fact, asked: str, synonym_share: float) -> str | None:
    wanted = draws.chance(synonym_share)
    if not wanted:
        return None
    if asked == "object":
        others = frames.OTHER_WORDS.get(fact.object or "", ())
        return next((word for word in others if word in frames.KIND_WORDS), None)
    if asked == "part":
        return "season" if fact.day in frames.SEASONS else "day"
    return {"place": "place", "agent": "person"}.get(asked)
