"""Texts as token ids, kept ready for batches.

Training draws the same texts again and again. Here they are tokenised once, kept as one array of
ids, and a batch is a lookup; what the model gets equals what its own `preprocess` would make.
`hbt.token_columns` does so for training data of any size.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbt.tokenizer_training import SPECIAL_TOKENS, learn_tokenizer

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from torch import Tensor

__all__ = [
    "SPECIAL_TOKENS",
    "Tokens",
    "distinct",
    "features_of",
    "id_chunks",
    "learn_tokenizer",
    "prompt",
    "reader",
    "tokenise",
]

_CHUNK = 1024  # texts that are tokenised at a time


def prompt(model: SentenceTransformer, role: str) -> str:
    """The prefix that the model wants before a "query" or a "passage"; empty for none."""
    names = {"query": ("query",), "passage": ("passage", "document", "corpus")}
    if role not in names:
        raise ValueError(f"role {role!r} is neither 'query' nor 'passage'")
    return next((model.prompts[name] for name in names[role] if model.prompts.get(name)), "")


@dataclass(frozen=True)
class Tokens:
    """Texts as token ids; equal texts share theirs. The arrays may be memory-mapped.

    Attributes:
        ids: int32 array (n_tokens,), one distinct text after the other.
        bounds: int64 array (n_distinct + 1,): distinct text d is ids[bounds[d] : bounds[d + 1]].
        text: int32 array (n_texts,): which of the distinct texts each text is.
        pad_id: what fills up rows; None for models that take rows of any length (`static`).
    """

    ids: np.ndarray
    bounds: np.ndarray
    text: np.ndarray
    pad_id: int | None

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, row: int) -> np.ndarray:
        """The ids of a text."""
        distinct = int(self.text[row])
        return self.ids[self.bounds[distinct] : self.bounds[distinct + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """int64 (n_texts,): tokens of each text."""
        return np.diff(self.bounds)[self.text]

    def features(self, rows: np.ndarray) -> dict[str, Tensor]:
        """The given texts as the model's input, equal to what its `preprocess` makes of them."""
        return features_of([self], np.zeros_like(rows), rows)


def features_of(
    columns: Sequence[Tokens], column: np.ndarray, rows: np.ndarray
) -> dict[str, Tensor]:
    """Texts of several columns as the model's input, in one batch.

    Args:
        columns: for one model.
        column: integers (n,), the column that each text comes from.
        rows: integers (n,), its row there.

    Returns:
        What the model's `preprocess` makes of the texts.
    """
    import torch

    starts, lengths = np.empty((2, len(rows)), dtype=np.int64)
    used = np.unique(column)
    for each in used:
        here = column == each
        text = columns[each].text[rows[here]]
        starts[here] = columns[each].bounds[text]
        lengths[here] = columns[each].bounds[text + 1] - starts[here]
    offsets = np.cumsum(lengths) - lengths
    places = np.arange(lengths.sum()) + np.repeat(starts - offsets, lengths)
    column_of = np.repeat(column, lengths)
    flat = np.empty(len(places), dtype=np.int64)
    for each in used:
        here = column_of == each
        flat[here] = columns[each].ids[places[here]]
    pad_id = columns[0].pad_id
    if pad_id is None:
        return {"input_ids": torch.from_numpy(flat), "offsets": torch.from_numpy(offsets)}
    mask = np.arange(lengths.max()) < lengths[:, None]  # (rows, longest)
    padded = np.full(mask.shape, pad_id, dtype=np.int64)
    padded[mask] = flat
    attention = torch.from_numpy(mask.astype(np.int64))
    return {"input_ids": torch.from_numpy(padded), "attention_mask": attention}


def tokenise(model: SentenceTransformer, texts: Sequence[str | None], role: str) -> Tokens:
    """The texts as the model reads them, with the role's prefix, cut at the model's length.

    Raises:
        ValueError: the model's first module is neither a StaticEmbedding nor a Transformer.
    """
    different, text = distinct(texts)
    parts, lengths = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
    for ids, length in id_chunks(model, different, role):
        parts.append(ids)
        lengths.append(length)
    bounds = np.cumsum(np.concatenate(lengths))
    return Tokens(np.concatenate(parts), bounds, text, reader(model)[1])


def distinct(texts: Sequence[str | None]) -> tuple[Sequence[str | None], np.ndarray]:
    """The different texts, and which of them each text is, int32 (n_texts,).

    A missing text is an empty one. A column that lies on disk says it itself, by a method of this
    name, without reading the texts.
    """
    if hasattr(texts, "distinct"):
        return texts.distinct()
    number: dict[str, int] = {}
    which = (number.setdefault(text or "", len(number)) for text in texts)
    text = np.fromiter(which, dtype=np.int32, count=len(texts))
    return list(number), text


def id_chunks(
    model: SentenceTransformer, texts: Iterable[str | None], role: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The ids of the texts, some texts at a time: encodings take far more memory than their ids.

    Yields:
        int32 (n_tokens,), the ids, one text after the other; int64 (n_texts,), tokens of each.

    Raises:
        ValueError: as for `tokenise`.
    """
    prefix, (ids_of, _) = prompt(model, role), reader(model)
    remaining = iter(texts)
    while chunk := [prefix + (text or "") for text in itertools.islice(remaining, _CHUNK)]:
        rows = ids_of(chunk)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = itertools.chain.from_iterable(rows)
        yield np.fromiter(ids, np.int32, int(lengths.sum())), lengths


def reader(
    model: SentenceTransformer,
) -> tuple[Callable[[list[str]], list[list[int]]], int | None]:
    """How the model makes ids of texts, and what it fills up rows with."""
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    module = model[0]
    if isinstance(module, StaticEmbedding):
        _without_cache(module.tokenizer)

        def ids_of(texts: list[str]) -> list[list[int]]:
            encodings = module.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            return [encoding.ids for encoding in encodings]

        return ids_of, None
    if isinstance(module, Transformer) and module.tokenizer is not None:
        keep_ids = {"return_attention_mask": False, "return_token_type_ids": False}
        tokenizer = module.tokenizer
        return (
            lambda texts: tokenizer(texts, truncation=True, **keep_ids)["input_ids"],
            tokenizer.pad_token_id,
        )
    raise ValueError(f"cannot tokenise for a model that begins with {type(module).__name__}")


def _without_cache(tokenizer: Tokenizer) -> None:
    """Keep no pieces of words seen before.

    tokenizers 0.23 keeps those of BPE for each thread and never frees them, not even with the
    tokenizer: 10 MB for every model that was loaded. Without them it was as fast on real text.
    """
    from tokenizers.models import BPE

    if isinstance(tokenizer.model, BPE) and hasattr(tokenizer.model, "_resize_cache"):
        tokenizer.model._resize_cache(0)
