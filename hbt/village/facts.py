"""Facts: who does what to which thing, where, when, how many.

Two facts that agree in all of their slots but one are near-duplicates. They arise on purpose only,
as twins of one family, and a family lies in one split: `Ledger` finds every other fact that comes
so close to a fact that is already there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hbt.village import frames
from hbt.village.draws import Draws
from hbt.village.frames import Verb
from hbt.village.society import Society

SLOTS = (
    "agent", "verb", "object", "recipient", "number", "quality", "place", "part", "day",
)  # fmt: skip
NUMBERS = tuple(str(number) for number in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50))
PERSONS = ("agent", "recipient")
"""The slots that twins with exchanged persons differ in."""

Detail = tuple[str, ...]
"""A further clause: its form, then the concepts it is made of."""


@dataclass(frozen=True)
class Fact:
    """One happening; every slot holds a concept (the number: digits) or None.

    Attributes:
        details: further clauses that the passage tells beside the happening itself.
        family: equal for near-duplicates (and swapped twins) of each other.
        own: the slot in which a twin differs from the first of its family, for both of them.
    """

    agent: str
    verb: str
    object: str | None
    recipient: str | None
    number: str | None
    quality: str | None
    place: str
    part: str
    day: str
    details: tuple[Detail, ...] = ()
    family: int = -1
    own: tuple[str, ...] = ()

    @property
    def content(self) -> tuple[str | None, ...]:
        """The values of all slots, in the order of `SLOTS`."""
        return tuple(getattr(self, slot) for slot in SLOTS)

    @property
    def frame(self) -> Verb:
        """The restrictions that hold for the fact's verb."""
        if self.recipient is None:
            return frames.DEEDS[self.verb]
        return (frames.MEETINGS if self.object is None else frames.TRANSFERS)[self.verb]


@dataclass
class Ledger:
    """All facts so far, findable by what is left of them when one slot is covered.

    Number and quality do not count here, since a fact may be without them and then would be told
    along with one that has them; words that a query could take for one another count as one.
    """

    _family: dict[tuple, tuple[str, int]] = field(default_factory=dict)

    def free(self, fact: Fact, owner: tuple[str, int]) -> bool:
        """Is the fact at least two slots away from every fact of other owners?"""
        return all(self._family.get(key, owner) == owner for key in _keys(fact))

    def enter(self, fact: Fact, owner: tuple[str, int]) -> None:
        """Note the fact under its owner: (split, family)."""
        for key in _keys(fact):
            self._family.setdefault(key, owner)


def _keys(fact: Fact) -> list[tuple]:
    core = tuple(
        frames.SENSE.get(value or "", value)
        for slot, value in zip(SLOTS, fact.content, strict=True)
        if slot not in ("number", "quality")
    )
    keys: list[tuple] = [(at, *core[:at], *core[at + 1 :]) for at in range(len(core))]
    if fact.recipient:  # the same two persons with their parts exchanged
        keys.append(("persons", *sorted((fact.agent, fact.recipient)), *core[1:3], *core[4:]))
    return keys


@dataclass(frozen=True)
class FactSettings:
    """What decides how facts of a split are drawn; see `VillageSettings` for the meaning."""

    seed: int
    details: tuple[int, int]
    person_share: float
    near_duplicate_share: float = 0.0
    swap_share: float = 0.0


def draw_fact(
    society: Society,
    draws: Draws,
    settings: FactSettings,
    agent: str | None = None,
    day: str | None = None,
) -> Fact:
    """One fact that respects the restrictions of its verb, without its details."""
    agent = agent or society.draw(draws, tuple(society.people))
    role = society.people[agent].role
    recipient = None
    kinds: Mapping[str, Verb] = frames.DEEDS
    if draws.chance(settings.person_share):
        kinds = frames.TRANSFERS if draws.chance(0.5) else frames.MEETINGS
        recipient = society.draw(draws, tuple(n for n in society.people if n != agent))
    own = tuple(name for name, verb in kinds.items() if role in verb.roles)
    shared = tuple(name for name, verb in kinds.items() if not verb.roles)
    verb = society.draw(draws, own if own and draws.chance(0.5) else shared)
    frame = kinds[verb]
    thing = society.draw(draws, frame.objects) if frame.objects else None
    number = quality = None
    if thing and thing not in frames.UNCOUNTABLE and draws.chance(0.6):
        number = draws.zipf(NUMBERS, society.exponent)
    if thing and draws.chance(0.7):
        quality = society.draw(draws, frames.qualities_of(thing))
    return Fact(
        agent=agent,
        verb=verb,
        object=thing,
        recipient=recipient,
        number=number,
        quality=quality,
        place=society.draw(draws, frame.places),
        part=society.draw(draws, frames.PARTS_OF_DAY),
        day=day or society.draw(draws, (*frames.WEEKDAYS, *frames.SEASONS)),
    )


def draw_details(
    society: Society, draws: Draws, settings: FactSettings, fact: Fact
) -> tuple[Detail, ...]:
    """Further clauses about the person, the thing, the place or the season of a fact."""
    low, high = settings.details
    wanted = low + int(draws.uniform() * (high - low + 1))
    forms = draws.shuffled(("home", "trait", "company", "also", "thing", "near", "weather"))
    details = (draw_detail(society, draws, fact, form) for form in forms)
    return tuple(detail for detail in details if detail)[:wanted]


def draw_detail(society: Society, draws: Draws, fact: Fact, form: str) -> Detail | None:
    """One clause of the given form, or None where the fact gives no occasion for it."""
    person = society.people[fact.agent]
    if form == "home":
        return ("home", person.name, draws.choice((person.role, person.kind)), person.home)
    if form == "trait":
        trait = draws.choice(person.traits)
        opposite = frames.OPPOSITES.get(trait) if draws.chance(0.3) else None
        return ("trait", person.role, trait, *((opposite,) if opposite else ()))
    if form == "company":
        verb = draws.choice(frames.ALONE)
        return ("company", person.role, verb, draws.choice(person.relations))
    if form == "also":
        other = draw_fact(society, draws, _ALONE, agent=fact.agent)
        same = other.verb == fact.verb or other.object == fact.object
        return None if same else ("also", person.role, other.verb, str(other.object))
    if form == "thing" and fact.object and fact.quality:
        opposite = frames.OPPOSITES.get(fact.quality)
        return ("thing", fact.object, fact.quality, opposite) if opposite else None
    if form == "near" and fact.place in society.beside:
        return ("near", fact.place, society.beside[fact.place])
    if form == "weather" and fact.day in frames.SEASONS:
        seen = draws.shuffled(frames.WEATHER[fact.day])
        return ("weather", fact.place, *seen[: draws.choice((1, 2))])
    return None


_ALONE = FactSettings(seed=0, details=(0, 0), person_share=0.0)
