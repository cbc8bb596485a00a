"""Who lives in the village's world and what lies where: drawn once per seed, the same for all text.

A person keeps trade, home, traits and relations through all passages, and a place its neighbour,
so that what is told in one passage agrees with every other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hbt.village import frames
from hbt.village.draws import Draws


@dataclass(frozen=True)
class Person:
    """One inhabitant.

    Attributes:
        name: concept of the name.
        kind: man, woman, boy or girl.
        role: trade, or student, king or queen.
        home: one of the villages.
        traits: how the person is, most telling first.
        relations: with whom the person is seen.
    """

    name: str
    kind: str
    role: str
    home: str
    traits: tuple[str, ...]
    relations: tuple[str, ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """The words that can stand for the name."""
        return (self.role, self.kind, *frames.OTHER_WORDS.get(self.role, ()))


@dataclass(frozen=True)
class Society:
    """All inhabitants and the map, with the order in which words are frequent.

    Attributes:
        people: name -> person, the most talked about first.
        beside: place -> the place it lies near to.
        rank: concept -> position in the seed's order of frequency.
        exponent: of the Zipfian draws.
    """

    people: Mapping[str, Person]
    beside: Mapping[str, str]
    rank: Mapping[str, int]
    exponent: float
    _sorted: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict, repr=False)

    def draw(self, draws: Draws, candidates: Sequence[str]) -> str:
        """One of the candidates, Zipfian in the seed's order of frequency."""
        key = tuple(candidates)
        if key not in self._sorted:
            self._sorted[key] = tuple(sorted(dict.fromkeys(key), key=self.rank.__getitem__))
        return draws.zipf(self._sorted[key], self.exponent)


def settle(seed: int, exponent: float) -> Society:
    """Draw the inhabitants and the map of a seed's world."""
    draws = Draws(seed, "society")
    concepts = {
        *frames.WOMEN, *frames.MEN, *frames.VILLAGES, *frames.PLACES, *frames.COLOURS,
        *frames.PARTS_OF_DAY, *frames.WEEKDAYS, *frames.SEASONS, *frames.RELATIONS,
        *frames.TRAITS, *frames.ALONE,
    }  # fmt: skip
    for verbs in (frames.DEEDS, frames.TRANSFERS, frames.MEETINGS):
        for name, verb in verbs.items():
            concepts |= {name, *verb.objects, *verb.places}
            concepts |= {q for thing in verb.objects for q in frames.qualities_of(thing)}
    # Sorted first: the order of a set differs from process to process.
    rank = {concept: at for at, concept in enumerate(draws.shuffled(sorted(concepts)))}
    names = draws.shuffled((*frames.WOMEN, *frames.MEN))
    people = {name: _person(name, at, names, draws) for at, name in enumerate(names)}
    beside = {
        place: draws.choice([mark for mark in frames.LANDMARKS if mark != place])
        for place in frames.PLACES
        if place not in ("kitchen", "festival", "wedding")
    }
    return Society(people, beside, {**rank, **{n: i for i, n in enumerate(names)}}, exponent)


def _person(name: str, at: int, names: Sequence[str], draws: Draws) -> Person:
    woman = name in frames.WOMEN
    same = frames.WOMEN if woman else frames.MEN
    before = sum(names.index(other) < at for other in same)
    role = frames.ROLES[at % len(frames.ROLES)]
    if before == 2:  # every world has one king and one queen, known but not the most talked of
        role = "queen" if woman else "king"
    young = before == 1  # and one girl and one boy who study
    if young:
        role = "student"
    kinds = ("girl", "boy") if young else ("woman", "man")
    relations = [r for r in frames.RELATIONS if not (young and r == "child")]
    traits = [t for t in frames.TRAITS if not (role in ("king", "queen") and t == "poor")]
    return Person(
        name=name,
        kind=kinds[0] if woman else kinds[1],
        role=role,
        home=draws.choice(frames.VILLAGES),
        traits=_agreeing(draws.shuffled(traits))[:3],
        relations=tuple(draws.shuffled(relations)[:3]),
    )


def _agreeing(traits: Sequence[str]) -> tuple[str, ...]:
    """Leave out what contradicts an earlier trait."""
    kept: list[str] = []
    for trait in traits:
        if frames.OPPOSITES.get(trait) not in kept:
            kept.append(trait)
    return tuple(kept)
