"""A world: everything an experiment reads, with one interface for the village and for real text.

Both worlds hold training items, aligned sentences for pre-training, and benchmarks by name:
`development` (the only one that settings may be chosen on), `test`, and `low-resource`, in which
the languages whose number in pre-training is varied are evaluated beside the others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hbt import village
from hbt.corpus import Benchmark, CorpusError, ParallelItems, ParallelText
from hbt.village import VillageSettings

BENCHMARKS = ("development", "test", "low-resource")


@dataclass(frozen=True)
class WorldSettings:
    """Which world, and how it is made.

    Attributes:
        data: "village" (ships with the package) or "real" (read from `data_dir`).
        data_dir: folder with xquad-r, mlqa-r and ntrex; only for real text.
        village: sizes and difficulty of the village; ignored for real text.
        low_resource_share: share of the pre-training sentences that exist in a low-resource
            language; in all others every sentence exists.
        training: "" for the worlds of the small encoders. Else a name that
            `hbt.sources.training_data.training_items` knows: real text for published encoders,
            which bring their pre-training along, so that `data_dir` needs no ntrex.
    """

    data: str = "village"
    data_dir: str = ""
    village: VillageSettings = field(default_factory=VillageSettings)
    low_resource_share: float = 0.25
    training: str = field(default="", metadata={"later": True})  # see `hbt.suite.stages.plain`


@dataclass(frozen=True)
class World:
    """What an experiment reads.

    Attributes:
        settings: how it was made.
        training: items for fine-tuning, in the training languages.
        pretraining: aligned sentences in all languages; no development or test text in them.
            None at all where a published encoder is trained.
        training_languages: codes in the fine-tuning data ("seen").
        unseen_languages: codes evaluated beside them but never fine-tuned on.
        low_resource_languages: codes whose number in pre-training is varied.
        nearest: low-resource code -> nearest training language, or "" where it has none.
        language_names: code -> English name.
    """

    settings: WorldSettings
    training: ParallelItems
    pretraining: ParallelText
    training_languages: tuple[str, ...]
    unseen_languages: tuple[str, ...]
    low_resource_languages: tuple[str, ...]
    nearest: dict[str, str]
    language_names: dict[str, str]
    _benchmark: Callable[[str], Benchmark] = field(repr=False)

    @functools.cached_property
    def training_digest(self) -> str:
        """The digest of the training items, which takes long where they are millions."""
        return self.training.digest()

    @property
    def evaluated_languages(self) -> tuple[str, ...]:
        """Languages of the development and test benchmarks."""
        return (*self.training_languages, *self.unseen_languages)

    def benchmark(self, name: str = "test") -> Benchmark:
        """One of BENCHMARKS.

        Raises:
            CorpusError: there is no benchmark of that name.
        """
        if name not in BENCHMARKS:
            raise CorpusError(f"benchmark {name!r} is not one of {', '.join(BENCHMARKS)}")
        return self._benchmark(name)

    def is_related(self, language: str) -> bool:
        """Does a low-resource language have a relative among the training languages?"""
        return bool(self.nearest.get(language))

    def low_resource_order(self, seed: int) -> tuple[str, ...]:
        """The low-resource languages in the order in which a seed adds them to pre-training.

        Related and unrelated ones alternate while both last, so that K languages are half and
        half; the order within each group is drawn by the seed, so that an interval over seeds
        includes the choice of languages.
        """
        generator = np.random.Generator(np.random.PCG64(seed))
        groups = [
            [code for code in self.low_resource_languages if self.is_related(code) == related]
            for related in (True, False)
        ]
        shuffled = [[group[i] for i in generator.permutation(len(group))] for group in groups]
        longest = max(len(group) for group in shuffled)
        rounds = [group[i] for i in range(longest) for group in shuffled if i < len(group)]
        return tuple(rounds)


def load_world(settings: WorldSettings) -> World:
    """Make the village or read real text; made once per process.

    Raises:
        CorpusError: `data` is unknown, or real text is asked for without a folder.
    """
    if settings.data == "village":
        return _village(settings)
    if settings.data == "real":
        if not settings.data_dir:
            raise CorpusError("data is 'real' but data_dir is empty: name the folder with xquad-r")
        return _real(settings)
    raise CorpusError(f"data {settings.data!r} is not one of village, real")


@functools.lru_cache(maxsize=2)
def _village(settings: WorldSettings) -> World:
    world = village.make(settings.village)
    languages = village.languages()
    everything = tuple(language.code for language in languages)
    low_resource = world.codes("low-resource")

    @functools.lru_cache(maxsize=4)
    def benchmark(name: str) -> Benchmark:
        if name == "low-resource":
            return world.benchmark("test", everything)
        return world.benchmark(name)

    return World(
        settings=settings,
        training=world.training,
        pretraining=thin_out(world.pretraining, low_resource, settings.low_resource_share),
        training_languages=world.training.languages,
        unseen_languages=world.codes("evaluated only"),
        low_resource_languages=low_resource,
        nearest={language.code: language.nearest for language in languages},
        language_names={language.code: language.name for language in languages},
        _benchmark=benchmark,
    )


@functools.lru_cache(maxsize=2)
def _real(settings: WorldSettings) -> World:
    from hbt.suite import real_text

    folder = Path(settings.data_dir)
    if settings.training:
        parts = real_text.read_for_published(folder, settings.training)
    else:
        parts = real_text.read(folder)

    @functools.lru_cache(maxsize=4)
    def benchmark(name: str) -> Benchmark:
        return parts.benchmark(name)

    return World(
        settings=settings,
        training=parts.training,
        pretraining=thin_out(
            parts.pretraining, parts.low_resource_languages, settings.low_resource_share
        ),
        training_languages=parts.training.languages,
        unseen_languages=parts.unseen_languages,
        low_resource_languages=parts.low_resource_languages,
        nearest=parts.nearest,
        language_names=parts.language_names,
        _benchmark=benchmark,
    )


def thin_out(text: ParallelText, languages: Sequence[str], share: float) -> ParallelText:
    """Keep `share` of the sentences in each of the given languages, all in the others.

    Which ones follows from the language's name alone, so that a language keeps the same sentences
    whatever else is in the text.

    Raises:
        CorpusError: the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise CorpusError(f"low_resource_share {share} is not above 0 and at most 1")
    texts = dict(text.texts)
    for language in languages:
        generator = np.random.Generator(np.random.PCG64(list(language.encode())))
        keep = generator.permutation(len(text)) < round(share * len(text))
        column = text.texts[language]
        texts[language] = [column[row] if keep[row] else None for row in range(len(text))]
    return ParallelText(text.name, text.languages, texts, text.document)
