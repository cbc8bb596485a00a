"""The village: an embedded world of real words in 27 languages.

>>> from hbt import village
>>> world = village.make(village.VillageSettings(seed=0))
>>> world.training, world.development, world.test, world.pretraining, world.swap_probe
"""

from hbt.village.facts import Fact
from hbt.village.gatitos import agreement
from hbt.village.generator import SPLITS, VillageSettings, World, make
from hbt.village.lexicon import Concept, Language, Lexicon, add_column, validate
from hbt.village.lexicon import languages as languages
from hbt.village.lexicon import load as lexicon
from hbt.village.questions import Question

__all__ = [
    "SPLITS",
    "Concept",
    "Fact",
    "Language",
    "Lexicon",
    "Question",
    "VillageSettings",
    "World",
    "add_column",
    "agreement",
    "languages",
    "lexicon",
    "make",
    "validate",
]
