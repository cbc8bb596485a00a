"""What can happen in the village: who can do what to which things, where, and how things are.

Everything here is a plain table of concept names from `lexicon.tsv`. The tables are what keeps the
text from reading like dice: a thief steals, a farmer harvests wheat, nobody reads a river.
`OTHER_WORDS` says which word a query may use in place of the word of the passage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WOMEN = _words("anna fatima elena amina sofia priya leyla olga nadia mariam lucia zeynep")
MEN = _words("omar ivan pedro ravi hassan tomas kwame viktor samuel yusuf arjun sione")
VILLAGES = _words("belmar tarvi kasel sundra nilpur varda miraz dovan tolen ruvia hanlo amberi")
ROLES = _words(
    "farmer merchant teacher carpenter soldier doctor singer priest nurse artist guard"
    " engineer thief"
)
"""What a person is; the world adds one king, one queen and two students."""

FARM_ANIMALS = _words("goat cow horse donkey sheep lamb pig chicken duck")
PETS = _words("dog cat rabbit")
WILD = _words("bird pigeon fish rabbit snake mouse bee wolf lion")
CROPS = _words("wheat rice beans onion tomato apple banana")
DAIRY = _words("egg milk cheese butter honey")
DISHES = _words("bread cake soup rice meat egg beans")
DRINKS = _words("water milk tea coffee")
PANTRY = _words("salt sugar oil flour")
CLOTHES = _words("shirt shoes belt trousers gloves")
JEWELLERY = _words("ring necklace")
TEXTS = _words("book letter message paper")
TALES = _words("story legend song")
PICTURES = _words("picture painting")
TOYS = _words("ball doll")
VEHICLES = _words("boat car bicycle")
CONTAINERS = _words("bag sack box bottle")
TABLEWARE = _words("cup glass spoon knife")
FURNITURE = _words("table chair")
TOOLS = _words("rope broom brush scissors arrow")
HOUSEHOLD = _words("lamp blanket key soap umbrella medicine")
FOUND = _words("flower seed wood")

FOOD = tuple(dict.fromkeys((*CROPS, *DAIRY, *DISHES, *PANTRY)))
PORTABLE = (*CONTAINERS, *TABLEWARE, *TOOLS, *HOUSEHOLD, *TEXTS, *TOYS)
GOODS = (*FOOD, *CLOTHES, *JEWELLERY, *PORTABLE, *FURNITURE, *FARM_ANIMALS, "flower", "picture")
UNCOUNTABLE = frozenset(
    _words(
        "wheat rice milk cheese butter honey bread soup meat water tea coffee salt sugar oil flour"
        " wood gold soap medicine paper"
    )
)
"""Things of which there is no number."""

COLOURS = _words("red blue green yellow white black brown")
_THING = (*_words("new old ancient big small dirty beautiful expensive precious"), *COLOURS)
QUALITIES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    (*FARM_ANIMALS, *PETS, *WILD): _words("big huge small old strong hungry clever white black"
                                          " brown beautiful"),
    (*FOOD, *DRINKS): _words("good bad hot cold sweet rotten spoiled expensive"),
    CLOTHES: (*_THING, *_words("long short wet damp dry")),
    (*TEXTS, *TALES): _words("new old ancient long short good bad famous beautiful"),
    (*PICTURES, *JEWELLERY): _words("new old ancient big small beautiful expensive precious"),
    CONTAINERS: (*_THING, "full", "empty", "heavy"),
    ("gold", *FOUND): _words("big small dry wet damp heavy good beautiful"),
}  # fmt: skip
"""Group of things -> how they can be; whatever is in no group is like `_THING`."""

OPPOSITES = dict(
    pair.split("/")
    for pair in _words(
        "new/old old/new big/small small/big huge/small long/short short/long hot/cold cold/hot"
        " wet/dry dry/wet full/empty empty/full good/bad bad/good rich/poor poor/rich"
        " happy/angry angry/happy"
    )
)
TRAITS = _words("happy tired hungry clever brave famous angry rich poor strong")
RELATIONS = _words("friend brother mother father neighbour guest child")
ALONE = _words("work rest sleep dance go travel")
"""What one does without a thing."""

PARTS_OF_DAY = _words("morning noon evening night")
WEEKDAYS = _words("monday tuesday wednesday thursday friday saturday sunday")
SEASONS = _words("spring summer autumn winter")
WEATHER = {
    "spring": _words("rain wind sun"),
    "summer": _words("sun wind"),
    "autumn": _words("wind rain"),
    "winter": _words("snow wind"),
}
INDOORS = _words("house kitchen school church hospital library shop")
OUTDOORS = _words("garden yard forest river stream sea beach mountain hill island road bridge")
PLACES = (*INDOORS, *OUTDOORS, *_words("market station city village festival wedding"))
LANDMARKS = _words("river forest mountain hill sea road bridge market church school station garden")
"""What other places lie near to."""
TRADE_PLACES = (*_words("market shop city festival station"), *VILLAGES)


@dataclass(frozen=True)
class Verb:
    """What a deed allows: which roles (all where empty), which things, which places.

    Attributes:
        objects: things it can be done to; none for a verb between two persons.
        places: where it happens.
        roles: who does it; empty for everybody.
        recipient: does it need a second person (to whom, or whom)?
    """

    objects: tuple[str, ...]
    places: tuple[str, ...]
    roles: tuple[str, ...] = ()
    recipient: bool = False


_MEETING = (*INDOORS, *OUTDOORS, *_words("market station festival wedding"), *VILLAGES)

DEEDS: Mapping[str, Verb] = {
    "buy": Verb((*GOODS, *VEHICLES), TRADE_PLACES),
    "choose": Verb((*CLOTHES, *JEWELLERY, *TEXTS, *PICTURES, *TOYS, *FARM_ANIMALS), TRADE_PLACES),
    "find": Verb(
        (*PORTABLE, *JEWELLERY, *PETS, "flower", "gold"), (*OUTDOORS, "station", "market")
    ),
    "take": Verb(PORTABLE, (*INDOORS, "station", "market")),
    "bring": Verb((*PORTABLE, *DISHES, "flower"), (*INDOORS, "festival", "wedding", "market")),
    "carry": Verb((*CONTAINERS, *FURNITURE, *CROPS, "wood"), (*OUTDOORS, "station", "market")),
    "need": Verb((*PORTABLE, *CLOTHES, *PANTRY), PLACES),
    "see": Verb((*WILD, *PETS, *FARM_ANIMALS, *VEHICLES), (*OUTDOORS, "city", *VILLAGES)),
    "look": Verb((*PICTURES, *JEWELLERY, *VEHICLES, "flower"), (*INDOORS, *TRADE_PLACES)),
    "love": Verb((*TALES, *PICTURES, *PETS), PLACES),
    "wash": Verb(
        (*CLOTHES, *TABLEWARE, "car", "window", "bottle", "blanket", "dog", "horse"),
        _words("river stream house yard kitchen garden"),
    ),
    "eat": Verb(
        (*DISHES, "apple", "banana", "tomato", "cheese", "honey"),
        _words("kitchen house garden festival wedding market school beach hill"),
    ),
    "drink": Verb(DRINKS, _words("kitchen house garden festival wedding station hospital road")),
    "cook": Verb(_words("soup rice meat egg beans onion"), _words("kitchen house yard festival")),
    "bake": Verb(_words("bread cake"), (*_words("kitchen house wedding"), *VILLAGES)),
    "collect": Verb((*FOUND, "egg", "apple", "honey", "paper"), (*OUTDOORS, *VILLAGES)),
    "gather": Verb((*FOUND, *CROPS), OUTDOORS),
    "catch": Verb((*WILD, "chicken", "duck"), (*OUTDOORS, *VILLAGES)),
    "cut": Verb(
        _words("bread cake cheese meat onion tomato paper rope flower"),
        _words("kitchen house garden school shop"),
    ),
    "read": Verb((*TEXTS, "story", "legend"), _words("library school house garden church station")),
    "sell": Verb(
        (*GOODS, *VEHICLES), TRADE_PLACES, _words("merchant farmer carpenter artist thief")
    ),
    "count": Verb(
        (*CONTAINERS, *FARM_ANIMALS, *JEWELLERY, "book", "arrow"),
        _words("market shop house yard station library bridge"),
        _words("merchant farmer guard soldier thief king queen"),
    ),
    "harvest": Verb(CROPS, (*_words("garden hill island"), *VILLAGES), ("farmer",)),
    "hunt": Verb(
        _words("bird rabbit wolf lion duck"),
        _words("forest mountain hill island river"),
        _words("soldier guard farmer king"),
    ),
    "chop": Verb(_words("wood meat onion"), _words("forest yard kitchen"), ("carpenter", "farmer")),
    "build": Verb(
        (*FURNITURE, *VEHICLES, "box", "lamp", "window"),
        (*_words("yard house shop beach"), *VILLAGES),
        ("carpenter", "engineer"),
    ),
    "make": Verb(
        (*DAIRY[2:4], *CLOTHES, *JEWELLERY, *TOYS, *TOOLS, "soap", "medicine"),
        _words("house shop kitchen yard school"),
        _words("carpenter farmer artist doctor merchant"),
    ),
    "steal": Verb(
        (*JEWELLERY, *CONTAINERS, "gold", "horse", "bicycle", "cheese", "painting", "key"),
        _words("market shop house church station road wedding library"),
        ("thief",),
    ),
    "study": Verb(
        (*TEXTS, "legend", "painting"),
        _words("school library house hospital church"),
        _words("student teacher priest doctor engineer nurse"),
    ),
    "write": Verb(
        (*TEXTS[:3], *TALES),
        _words("school library house church garden station"),
        _words("student teacher priest singer engineer queen"),
    ),
}
TRANSFERS: Mapping[str, Verb] = {
    "give": Verb((*PORTABLE, *JEWELLERY, *DISHES, "flower", "picture"), PLACES, (), True),
    "send": Verb(
        (*TEXTS, *CONTAINERS, *JEWELLERY, "flower"), ("station", "city", *VILLAGES), (), True
    ),
    "bring": Verb((*PORTABLE, *DISHES, "flower"), (*INDOORS, "festival", "wedding"), (), True),
    "sell": Verb(
        (*GOODS, *VEHICLES), TRADE_PLACES, _words("merchant farmer carpenter artist"), True
    ),
}
MEETINGS: Mapping[str, Verb] = {
    verb: Verb((), _MEETING, (), True)
    for verb in _words("help visit follow greet meet see ask love")
}


def _other_words() -> dict[str, tuple[str, ...]]:
    pairs = _words(
        "bring/carry collect/gather cut/chop build/make hunt/catch read/study greet/meet see/look"
        " bag/sack cup/glass letter/message picture/painting story/legend broom/brush"
        " river/stream mountain/hill garden/yard beach/sea big/huge old/ancient wet/damp"
        " rotten/spoiled expensive/precious soldier/warrior"
    )
    one_way = {
        "animal": (*FARM_ANIMALS[:7], *PETS, "mouse", "bee", "wolf", "lion", "snake", "fish"),
        "bird": _words("chicken duck pigeon"),
        "fruit": _words("apple banana"),
        "grain": _words("wheat rice"),
        "food": _words("bread cake soup meat egg beans cheese butter honey onion tomato flour"),
        "clothes": CLOTHES,
        "jewelry": JEWELLERY,
        "thing": (*TOYS, *FURNITURE, "box", "bottle", "rope", "arrow", "umbrella", "key", "lamp"),
        "get": _words("buy find take steal"),
        "cook": ("bake",),
        "collect": ("harvest",),
        "artist": ("singer",),
    }
    table: dict[str, list[str]] = {}
    for pair in pairs:
        first, second = pair.split("/")
        table.setdefault(first, []).append(second)
        table.setdefault(second, []).append(first)
    for wider, narrower in one_way.items():
        for word in narrower:
            table.setdefault(word, []).append(wider)
    return {word: tuple(others) for word, others in table.items()}


OTHER_WORDS: Mapping[str, tuple[str, ...]] = _other_words()
"""Word of a passage -> words of like or wider meaning that a query may use in its place."""


def _groups() -> dict[str, str]:
    """Word -> the first word of all those that other words lead to from it, in facts."""
    told = {word for verbs in (DEEDS, TRANSFERS, MEETINGS) for word in verbs}
    for verb in (*DEEDS.values(), *TRANSFERS.values()):
        told |= {*verb.objects, *verb.places}
    told |= {quality for qualities in (_THING, *QUALITIES.values()) for quality in qualities}
    group = {word: word for word in sorted(told)}
    for word in group:
        for other in OTHER_WORDS.get(word, ()):
            if other in told:
                old, new = sorted((group[word], group[other]))[::-1]
                group = {w: new if g == old else g for w, g in group.items()}
    return group


SENSE: Mapping[str, str] = _groups()
"""Word of a fact -> one word for all that a query could take for it ("collect" for "gather")."""

KIND_WORDS = _words("animal bird fruit grain food clothes jewelry thing")
"""The wider words that can stand beside "what" to say which kind of thing is asked for."""


def qualities_of(thing: str) -> tuple[str, ...]:
    """How a thing can be."""
    for group, qualities in QUALITIES.items():
        if thing in group:
            return qualities
    return _THING
