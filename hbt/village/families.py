"""Splits full of facts: single ones, near-duplicates and twins with exchanged persons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hbt.village import frames
from hbt.village.draws import Draws
from hbt.village.facts import (
    NUMBERS,
    PERSONS,
    Fact,
    FactSettings,
    Ledger,
    draw_details,
    draw_fact,
)
from hbt.village.frames import Verb
from hbt.village.society import Society

_ATTEMPTS = 200


def draw_facts(
    society: Society,
    settings: FactSettings,
    split: str,
    n_facts: int,
    ledgers: tuple[Ledger, ...],
    always: Callable[[Society, Draws, Fact], Fact | None] | None = None,
) -> tuple[Fact, ...]:
    """`n_facts` facts of a split, each apart from all that the ledgers hold.

    Fact i depends on the seed, the split, i and the facts before it only: with fewer facts one
    gets the first of them. The last ledger takes up the new facts. `always` gives every fact a
    twin; without it, facts have a near-duplicate or a swapped twin as often as the settings say.

    Raises:
        ValueError: the village has not so many facts.
    """
    twin = always or _sometimes(settings)
    facts: list[Fact] = []
    while len(facts) < n_facts:
        owner = (split, len(facts))
        for attempt in range(_ATTEMPTS):
            draws = Draws(settings.seed, split, len(facts), attempt)
            fact = draw_fact(society, draws, settings)
            if not all(ledger.free(fact, owner) for ledger in ledgers):
                continue
            details = draw_details(society, draws, settings, fact)
            fact = replace(fact, family=len(facts), details=details)
            second = twin(society, draws, fact)
            if second and not all(ledger.free(second, owner) for ledger in ledgers):
                second = None
            if second or not always:
                break
        else:
            raise ValueError(
                f"the village has no room for {n_facts} facts of its {split} split: only "
                f"{len(facts)} were found that differ in two words from all others"
            )
        for new in (replace(fact, own=second.own), second) if second else (fact,):
            ledgers[-1].enter(new, owner)
            facts.append(new)
    return tuple(facts[:n_facts])


def _sometimes(settings: FactSettings) -> Callable[[Society, Draws, Fact], Fact | None]:
    """Twins so often that the stated share of facts belongs to a pair."""
    # When q of the families are pairs, 2q / (1 + q) of the facts are in pairs.
    near = settings.near_duplicate_share / (2 - settings.near_duplicate_share)
    swap = settings.swap_share / (2 - settings.swap_share)

    def twin(society: Society, draws: Draws, fact: Fact) -> Fact | None:
        if fact.recipient and draws.chance(swap):
            return swapped(society, draws, fact)
        return near_duplicate(society, draws, fact) if draws.chance(near) else None

    return twin


def near_duplicate(society: Society, draws: Draws, fact: Fact) -> Fact | None:
    """The fact with one content word changed, in a slot that no other clause speaks of."""
    told = {concept for detail in fact.details for concept in detail[1:]}
    if any(detail[0] == "weather" for detail in fact.details):
        told.add(fact.day)  # no snow in summer
    frame, role = fact.frame, society.people[fact.agent].role
    for slot in draws.shuffled(("verb", "object", "number", "quality", "place", "part", "day")):
        value = getattr(fact, slot)
        if value is None or value in told:
            continue
        sense = frames.SENSE.get(value, value)
        others = tuple(
            other
            for other in _alternatives(fact, frame, role, slot)
            if frames.SENSE.get(other, other) != sense and other not in (*told, *fact.content)
        )
        if others:
            return replace(fact, **{slot: _draw_value(society, draws, slot, others)}, own=(slot,))
    return None


def _draw_value(society: Society, draws: Draws, slot: str, others: tuple[str, ...]) -> str:
    """A value for a slot; the smaller a number, the more frequent."""
    if slot == "number":
        return draws.zipf(others, society.exponent)
    return society.draw(draws, others)


def _alternatives(fact: Fact, frame: Verb, role: str, slot: str) -> tuple[str, ...]:
    """What a slot could hold when all the others stay as they are."""
    if slot == "verb":
        kinds = frames.DEEDS if fact.recipient is None else (
            frames.MEETINGS if fact.object is None else frames.TRANSFERS
        )  # fmt: skip
        return tuple(
            name
            for name, verb in kinds.items()
            if (not verb.roles or role in verb.roles)
            and (fact.object is None or fact.object in verb.objects)
            and fact.place in verb.places
        )
    if slot == "object":
        return tuple(
            thing
            for thing in frame.objects
            if (fact.number is None or thing not in frames.UNCOUNTABLE)
            and (fact.quality is None or fact.quality in frames.qualities_of(thing))
        )
    if slot == "quality":
        return frames.qualities_of(fact.object or "")
    if slot == "day":
        return frames.WEEKDAYS if fact.day in frames.WEEKDAYS else frames.SEASONS
    return {"number": NUMBERS, "place": frame.places, "part": frames.PARTS_OF_DAY}[slot]


def swapped(society: Society, _draws: Draws, fact: Fact) -> Fact | None:
    """The same words with the two persons exchanged, where the verb lets either do it."""
    roles = fact.frame.roles
    if fact.recipient is None or (roles and society.people[fact.recipient].role not in roles):
        return None
    return replace(fact, agent=fact.recipient, recipient=fact.agent, own=PERSONS)
