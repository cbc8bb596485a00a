"""Pre-training: what an encoder learns about languages before it learns to retrieve.

Three objectives, each small stand-ins for something well known:

- `translation-ranking`: a sentence must find its translation among the other sentences of the
  batch. For `static`, and a stand-in for LaBSE's last stage (Feng et al. 2022, arXiv 2007.01852),
  not for XLM-R: it needs parallel text.
- `mlm`: masked tokens are guessed from their own language's context, as in XLM-R (Conneau et al.
  2020, arXiv 1911.02116). No sentence is ever shown beside its translation.
- `mlm+tlm+translation-ranking`: LaBSE's recipe. Half of the masked batches are translation pairs,
  so that a token can be guessed from the other language (TLM, Conneau and Lample 2019, arXiv
  1901.07291); then translation ranking.

Which languages take part is a setting: their number is the K of the study of low-resource
languages. Steps and batch size do not grow with it, so more languages mean less of each.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import CorpusError, ParallelItems, ParallelText
from hbt.sampling import PlanSettings
from hbt.training import MODEL, TrainingSettings, finetune

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

OBJECTIVES = ("translation-ranking", "mlm", "mlm+tlm+translation-ranking")
MASKED, RANKING = "masked", "ranking"  # the folders of the stages


@dataclass(frozen=True)
class PretrainingSettings:
    """All that a pre-training depends on beside the encoder and the text.

    Attributes:
        objective: one of `OBJECTIVES`.
        languages: that take part; empty for all of the text.
        steps: of all stages together.
        batch_size: sentences, blocks of text or translation pairs.
        learning_rate: at its peak; it rises and falls linearly.
        warm_up: share of a stage's steps in which the learning rate rises.
        weight_decay: of AdamW.
        max_gradient_norm: gradients longer than this are shortened to it; 0 for never.
        scale: of translation ranking's loss, see `hbt.losses`; it runs in both directions.
        ranking_share: share of the steps that go to translation ranking where it is one of two.
        length: tokens of a masked block, special tokens included: consecutive sentences of one
            document, as many as fit.
        masked_share: share of a block's tokens to guess (BERT's and XLM-R's .15).
        language_temperature: a masked block is of a language with p ~ n ** t, n being its
            sentences. 0.3 as XLM-R.
        checkpoint_every: steps between checkpoints to resume from; 0 for none.
        seed: of batches, masks and dropout.

    Raises:
        ValueError: the objective is unknown, or a number is out of range.
    """

    objective: str = "translation-ranking"
    languages: tuple[str, ...] = ()
    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 0.01
    warm_up: float = 0.1
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    scale: float = 20.0
    ranking_share: float = 0.5
    length: int = 64
    masked_share: float = 0.15
    language_temperature: float = 0.3
    checkpoint_every: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", tuple(self.languages))
        if self.objective not in OBJECTIVES:
            raise ValueError(f"objective is {self.objective!r}, not one of {OBJECTIVES}")
        for name, low, high in (
            ("steps", 1, np.inf),
            ("batch_size", 1, np.inf),
            ("ranking_share", 0, 1),
            ("length", 8, np.inf),
            ("masked_share", 0, 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value!r}, not from {low} to {high}")


def pretrain(
    model: SentenceTransformer,
    texts: ParallelText,
    settings: PretrainingSettings,
    folder: Path,
    progress: bool = True,
) -> SentenceTransformer:
    """Pre-train the model, in place, and leave it in `folder/model`.

    Each stage works in a folder of its own, `masked` or `ranking`, with a `training.json` and a
    `steps.tsv` (read them with `TrainingLog.read`). A finished stage is not done again, an
    interrupted one continues from its newest checkpoint.

    Args:
        model: an encoder as `hbt.encoders.build` makes it.
        texts: aligned text; `mlm` looks at each language alone.
        settings: the rest.
        folder: where results and checkpoints go.
        progress: draw a progress line on stderr.

    Returns:
        The model.

    Raises:
        CorpusError: the text lacks a language, or too few sentences are in two of them.
        ValueError: the objective needs a transformer and the model is none; or the folder holds
            a pre-training of other text or settings.
    """
    from hbt.encoders import save

    folder = Path(folder)
    text = texts.restrict(settings.languages) if settings.languages else texts
    ranking_steps = {
        "translation-ranking": settings.steps,
        "mlm": 0,
        "mlm+tlm+translation-ranking": round(settings.ranking_share * settings.steps),
    }[settings.objective]
    masked_steps = settings.steps - ranking_steps
    if masked_steps:
        from hbt.masked import train_masked

        masked = dataclasses.replace(settings, steps=masked_steps)
        train_masked(model, text, masked, folder / MASKED, progress)
    if ranking_steps:
        ranking = _ranking_settings(settings, ranking_steps)
        name = "translation ranking"
        finetune(model, translations(text), ranking, folder / RANKING, progress=progress, name=name)
    save(model, folder / MODEL)
    return model


def _ranking_settings(settings: PretrainingSettings, steps: int) -> TrainingSettings:
    plan = PlanSettings(sampling="X-Y", batch_size=settings.batch_size, seed=settings.seed)
    return TrainingSettings(
        plan=plan,
        steps=steps,
        learning_rate=settings.learning_rate,
        warm_up=settings.warm_up,
        weight_decay=settings.weight_decay,
        max_gradient_norm=settings.max_gradient_norm,
        scale=settings.scale,
        symmetric=True,
        checkpoint_every=settings.checkpoint_every,
        seed=settings.seed,
    )


def translations(text: ParallelText) -> ParallelItems:
    """Aligned sentences as items whose query and passage are both the sentence.

    Drawn by X-Y sampling, an example is a sentence with its translation. Sentences that agree in
    a language share their passage id, so that none is a negative of another. Those that exist in
    one language only are left out.

    Raises:
        CorpusError: no sentence exists in two languages.
    """
    rows = [[text.texts[language][row] for language in text.languages] for row in range(len(text))]
    rows = [row for row in rows if sum(sentence is not None for sentence in row) > 1]
    if not rows:
        raise CorpusError(f"{text.name} has no sentence in two of the languages {text.languages}")
    sentence_id = np.arange(len(rows))
    first_with: dict[tuple[int, str], int] = {}
    for number, row in enumerate(rows):
        own = [
            (language, sentence) for language, sentence in enumerate(row) if sentence is not None
        ]
        sentence_id[number] = min(first_with.get(key, number) for key in own)
        for key in own:
            first_with.setdefault(key, int(sentence_id[number]))
    columns = dict(zip(text.languages, map(list, zip(*rows, strict=True)), strict=True))
    return ParallelItems(
        name=f"translations in {text.name}",
        languages=text.languages,
        passage_id=sentence_id,
        source=np.zeros(len(rows), dtype=np.int64),
        source_names=(text.name,),
        queries=columns,
        passages=columns,
    )
