"""Published encoders by short name, each with the prefixes, pooling and length that belong to it.

A checkpoint on the hub is one of two things. A *packaged* one brings its modules along (pooling,
LaBSE's dense head, normalisation), and they are kept. A *bare* one, such as XLM-R, is a transformer
alone: pooling and normalisation are put on top of it here.

The pooler that BERT's classes carry is left out when loading. No module here reads it: what LaBSE
calls its pooler is, in the packaged checkpoint, the dense head behind the pooling, and stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.encoders import NO_POOLER, no_bars

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

POOLINGS = ("mean", "cls", "max")

_E5 = {
    "prefixes": "the model's card on the hub, after E5 (arXiv 2402.05672)",
    "pooling": "the model's card on the hub: mean over tokens, then length 1",
    "max_length": "the model's card on the hub; its position table has 514 rows",
}
_BARE = {
    "prefixes": "none belongs to it; the paper has 'Query:' and 'Passage:' (arXiv 2408.10536)",
    "pooling": "ours: mean, as E5 does, whose prefixes the paper takes; the paper names none",
    "max_length": "its position table has 514 rows, and positions count from 2",
}


@dataclass(frozen=True)
class NamedModel:
    """A published encoder.

    Attributes:
        name: short name, as configs write it.
        hub_id: "owner/name" on the hub.
        query_prefix, passage_prefix: what belongs before a text, by its publishers.
        pooling: one of `POOLINGS`.
        max_length: tokens of a text that it reads at most, <s> and </s> among them.
        packaged: does the checkpoint bring pooling and normalisation along?
        dense: does a dense layer with tanh follow the pooling?
        source: "prefixes", "pooling" and "max_length" -> who says so.
    """

    name: str
    hub_id: str
    query_prefix: str
    passage_prefix: str
    pooling: str
    max_length: int
    packaged: bool
    dense: bool
    source: dict[str, str]


MODELS = {
    model.name: model
    for model in (
        NamedModel(
            "xlm-r-base", "FacebookAI/xlm-roberta-base", "", "", "mean", 512, False, False, _BARE
        ),
        NamedModel(
            "xlm-r-large", "FacebookAI/xlm-roberta-large", "", "", "mean", 512, False, False, _BARE
        ),
        NamedModel(
            "labse",
            "sentence-transformers/LaBSE",
            "",
            "",
            "cls",
            256,
            True,
            True,
            {
                "prefixes": "none: it was trained on sentences as they are (arXiv 2007.01852)",
                "pooling": "its modules.json: first token, dense layer with tanh, length 1",
                "max_length": "its sentence_bert_config.json",
            },
        ),
        *(
            NamedModel(
                f"me5-{size}",
                f"intfloat/multilingual-e5-{size}",
                "query: ",
                "passage: ",
                "mean",
                512,
                True,
                False,
                _E5,
            )
            for size in ("small", "base", "large")
        ),
        NamedModel(
            "minilm",
            "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
            "",
            "",
            "mean",
            128,
            True,
            False,
            {
                "prefixes": "none: it was distilled on sentences as they are (arXiv 2004.09813)",
                "pooling": "its modules.json: mean over tokens",
                "max_length": "its sentence_bert_config.json",
            },
        ),
    )
}


def load_model(
    name: str,
    folder: str | Path | None = None,
    *,
    revision: str | None = None,
    query_prefix: str | None = None,
    passage_prefix: str | None = None,
    pooling: str | None = None,
    max_length: int | None = None,
) -> SentenceTransformer:
    """An encoder by short name, by name on the hub, or from a folder, ready to be trained.

    Args:
        name: one of `MODELS`, "owner/name" on the hub, or a folder.
        folder: where the checkpoint of that name lies; None to take it from the hub.
        revision: commit of the hub; None for the newest.
        query_prefix: before every query; None for what the checkpoint brings along, else for what
            `MODELS` says.
        passage_prefix: before every passage, likewise.
        pooling: one of `POOLINGS`; None as for the prefixes, at last "mean".
        max_length: tokens kept of a text; None as for the prefixes.

    Raises:
        ValueError: it cannot be loaded; a named model's checkpoint lacks its dense layer; or the
            pooling is unknown, or would be changed in front of a dense layer; or the model has
            no positions for so many tokens.
    """
    from hbt.tokens import prompt

    known = MODELS.get(name)
    if pooling is not None and pooling not in POOLINGS:
        raise ValueError(f"pooling {pooling!r} is none of {', '.join(POOLINGS)}")
    place = str(folder) if folder else known.hub_id if known else name
    _check_place(place, from_folder=bool(folder))
    with no_bars():
        try:
            model = _load(place, revision, pooling or (known.pooling if known else "mean"))
        except Exception as error:  # a broken file makes the loaders raise whatever they run into
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(f"model {place} cannot be loaded: {reason}") from error
    if known and known.dense and not _has_dense(model):
        raise ValueError(
            f"model {place} has no dense layer behind its pooling, which {known.name} needs: take "
            f"the packaged checkpoint, as {known.hub_id} is"
        )
    if pooling is not None:
        _set_pooling(model, pooling, place)
    most = _positions(model)
    if max_length is not None and most is not None and max_length > most:
        raise ValueError(
            f"model {place} reads at most {most} tokens, and max_length is {max_length}"
        )
    if max_length is not None or (known and not known.packaged):
        model.max_seq_length = max_length or known.max_length
    own = {"query": known.query_prefix, "passage": known.passage_prefix} if known else {}
    given = {"query": query_prefix, "passage": passage_prefix}
    prefixes = {
        role: (prompt(model, role) or own.get(role, "")) if value is None else value
        for role, value in given.items()
    }
    model.prompts = {**prefixes, "document": prefixes["passage"]}
    return model


def _check_place(place: str, from_folder: bool) -> None:
    """Loading a folder that is not there would ask the hub for a model of that name."""
    looks_like_a_path = place.startswith((".", "/", "~")) or place.count("/") > 1 or "\\" in place
    if Path(place).is_dir():
        return
    if from_folder or looks_like_a_path:
        raise ValueError(f"model {place}: there is no such folder")
    if "/" not in place:
        raise ValueError(
            f"model {place!r} is no folder, no owner/name on the hub, and none of the short names "
            f"{', '.join(MODELS)}"
        )


def _load(place: str, revision: str | None, pooling: str) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from sentence_transformers.util import is_sentence_transformer_model

    version: dict[str, Any] = {"revision": revision} if revision else {}
    if is_sentence_transformer_model(place, **version):
        try:
            return SentenceTransformer(place, model_kwargs=NO_POOLER, **version)
        except TypeError:  # an architecture that knows no pooler
            return SentenceTransformer(place, **version)
    every = dict.fromkeys(("processor_kwargs", "config_kwargs"), version)
    try:
        module = Transformer(place, model_kwargs=NO_POOLER | version, **every)
    except TypeError:
        module = Transformer(place, model_kwargs=version, **every)
    width = module.get_embedding_dimension()
    return SentenceTransformer(modules=[module, Pooling(width, pooling_mode=pooling), Normalize()])


def _positions(model: SentenceTransformer) -> int | None:
    """How many tokens a learnt table of positions is for; None for a model that has no such table.

    Tables that count from behind the padding's row, as XLM-R's, have that many rows more.
    """
    for name, module in model.named_modules():
        if name.endswith("embeddings.position_embeddings") and hasattr(module, "num_embeddings"):
            padding = module.padding_idx
            return module.num_embeddings - (0 if padding is None else padding + 1)
    return None


def _has_dense(model: SentenceTransformer) -> bool:
    from sentence_transformers.base.modules import Dense

    return any(isinstance(module, Dense) for module in model)


def _set_pooling(model: SentenceTransformer, pooling: str, place: str) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    for name, module in model.named_children():
        if isinstance(module, Pooling):
            fresh = Pooling(module.embedding_dimension, pooling_mode=pooling)
            if fresh.get_config_dict() == module.get_config_dict():
                return
            if _has_dense(model):
                raise ValueError(
                    f"model {place} has a dense layer made for its own pooling, which cannot "
                    f"become {pooling!r}"
                )
            setattr(model, name, fresh)
            return
    raise ValueError(f"model {place} has no pooling that could become {pooling!r}")


def revision_of(name: str, revision: str | None = None) -> str | None:
    """The commit of the hub that a model of that name was loaded from; None for a folder."""
    from huggingface_hub import try_to_load_from_cache

    hub_id = MODELS[name].hub_id if name in MODELS else name
    if hub_id.count("/") > 1 or Path(hub_id).exists():
        return None
    file = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    return Path(file).parent.name if isinstance(file, str) else None
