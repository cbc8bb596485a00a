"""Texts as token ids: a tokenizer trained on the corpus at hand, and ids kept ready for batches.

Training draws the same texts again and again. Here they are tokenised once, kept as one array of
ids, and a batch is a lookup; what the model gets equals what its own `preprocess` would make.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hbt.corpus import CorpusError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from torch import Tensor

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")  # ids 0 to 4; the first four as XLM-R
_CHUNK = 1024  # texts that are tokenised at a time
_KEEP = 2**26  # bytes of token ids that are kept for the next training
_kept: dict[str, Tokens] = {}
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))


def learn_tokenizer(
    texts: Iterable[str], vocabulary_size: int, algorithm: str = "bpe", max_length: int = 128
) -> Tokenizer:
    """A tokenizer trained on the given texts: equal texts, whatever their order, give equal files.

    Texts are normalised (NFKC), split at spaces and around punctuation, and a character never seen
    is spelt in its UTF-8 bytes, so that no script maps to `<unk>`.

    Args:
        texts: the training text.
        vocabulary_size: tokens, at most; 5 special tokens and 256 bytes are among them.
        algorithm: "bpe", or "unigram" as XLM-R has it. On texts of many languages, some without
            spaces, bpe took a tenth of the time and made fewer tokens of the same texts.
        max_length: tokens kept of a text, <s> and </s> among them where they are added.

    Raises:
        CorpusError: there is no text, or the vocabulary cannot hold its characters.
        ValueError: the algorithm is unknown.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    room = vocabulary_size - len(_BYTES)
    if algorithm not in ("unigram", "bpe"):
        raise ValueError(f"tokenizer {algorithm!r} is neither 'unigram' nor 'bpe'")
    common: dict[str, Any] = {
        "vocab_size": room,
        "special_tokens": list(SPECIAL_TOKENS),
        "show_progress": False,
    }
    if algorithm == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(unk_token="<unk>", **common)
    else:
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        trainer = trainers.BpeTrainer(max_token_length=16, **common)
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()]
    )
    lines = sorted(texts)
    characters = len({character for line in lines for character in line})
    if not characters or characters + len(SPECIAL_TOKENS) > room:
        raise CorpusError(
            f"vocabulary_size is {vocabulary_size}, too small for 256 bytes, "
            f"{len(SPECIAL_TOKENS)} special tokens and {characters} characters"
            if characters
            else "there is no text to train a tokenizer on"
        )
    tokenizer.train_from_iterator(lines, trainer)
    return _with_bytes(tokenizer, algorithm, max_length)


def _with_bytes(tokenizer: Tokenizer, algorithm: str, max_length: int) -> Tokenizer:
    """The same tokenizer with byte fallback, a fixed order of ids, truncation and <s> ... </s>."""
    from tokenizers import Tokenizer, processors

    state = json.loads(tokenizer.to_str())
    model = state["model"]
    if algorithm == "unigram":
        head, pieces = model["vocab"][: len(SPECIAL_TOKENS)], model["vocab"][len(SPECIAL_TOKENS) :]
        model["vocab"] = head + _without_chance(pieces)
        lowest = model["vocab"][-1][1]
        model["vocab"] += [(byte, lowest) for byte in _BYTES]
    else:
        for byte in _BYTES:
            model["vocab"][byte] = len(model["vocab"])
    model["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    tokenizer.enable_truncation(max_length)
    return tokenizer


def _without_chance(pieces: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Pieces and log probabilities of a unigram trainer, freed of what differs from run to run.

    The trainer adds up in the order of a hash map, which moves the last digits; and it gives the
    characters that no segmentation uses the lowest score plus 0, 1, 2, ... times 0.0001, in that
    order too. So scores are rounded, these characters share the lowest, and equal scores are
    ordered by their text.
    """
    characters = sum(len(piece) == 1 for piece, _ in pieces)
    lowest = round(min(score for _, score in pieces), 6)
    unused = lowest + 0.0001 * characters
    scores = {
        piece: lowest if len(piece) == 1 and score < unused else round(score, 6)
        for piece, score in pieces
    }
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def prompt(model: SentenceTransformer, role: str) -> str:
    """The prefix that the model wants before a "query" or a "passage"; empty for none."""
    names = {"query": ("query",), "passage": ("passage", "document", "corpus")}
    if role not in names:
        raise ValueError(f"role {role!r} is neither 'query' nor 'passage'")
    return next((model.prompts[name] for name in names[role] if model.prompts.get(name)), "")


@dataclass(frozen=True)
class Tokens:
    """Texts as token ids; equal texts share theirs.

    Attributes:
        ids: int32 array (n_tokens,), one distinct text after the other.
        starts, lengths: int64 arrays (n_texts,): text i is ids[starts[i] : starts[i] + lengths[i]].
        pad_id: what fills up rows; None for models that take rows of any length (`static`).
    """

    ids: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    pad_id: int | None

    def __len__(self) -> int:
        return len(self.starts)

    def features(self, rows: np.ndarray) -> dict[str, Tensor]:
        """The given texts as the model's input, equal to what its `preprocess` makes of them."""
        import torch

        lengths = self.lengths[rows]
        offsets = np.cumsum(lengths) - lengths
        places = np.arange(lengths.sum()) + np.repeat(self.starts[rows] - offsets, lengths)
        flat = self.ids[places].astype(np.int64)
        if self.pad_id is None:
            return {"input_ids": torch.from_numpy(flat), "offsets": torch.from_numpy(offsets)}
        mask = np.arange(lengths.max()) < lengths[:, None]  # (rows, longest)
        padded = np.full(mask.shape, self.pad_id, dtype=np.int64)
        padded[mask] = flat
        attention = torch.from_numpy(mask.astype(np.int64))
        return {"input_ids": torch.from_numpy(padded), "attention_mask": attention}


def tokenise(model: SentenceTransformer, texts: Sequence[str], role: str) -> Tokens:
    """The texts as the model reads them, with the role's prefix, cut at the model's length.

    Raises:
        ValueError: the model's first module is neither a StaticEmbedding nor a Transformer.
    """
    prefix, (ids_of, pad_id) = prompt(model, role), reader(model)
    distinct: dict[str, int] = {}
    row_of = np.array([distinct.setdefault(text, len(distinct)) for text in texts], dtype=np.int64)
    inputs = [prefix + text for text in distinct]
    parts, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    for start in range(0, len(inputs), _CHUNK):  # encodings take far more memory than their ids
        rows = ids_of(inputs[start : start + _CHUNK])
        lengths.append(np.fromiter(map(len, rows), np.int64, len(rows)))
        size = int(lengths[-1].sum())
        parts.append(np.fromiter(itertools.chain.from_iterable(rows), np.int32, size))
    length = np.concatenate(lengths)
    starts = np.cumsum(length) - length
    return Tokens(np.concatenate(parts), starts[row_of], length[row_of], pad_id)


def tokenise_columns(
    model: SentenceTransformer, columns: Sequence[Sequence[str]], role: str
) -> Tokens:
    """The texts of all columns, one column after the other.

    The ids of a column are kept in memory for the next training of this process that reads it
    with the same tokenizer: samplings, seeds and sets of languages are compared on the same texts.
    """
    module = model[0]
    tokenizer = getattr(module.tokenizer, "backend_tokenizer", module.tokenizer)
    key_of = hashlib.sha256(tokenizer.to_str().encode())
    key_of.update(f"{model.max_seq_length}\x1f{prompt(model, role)}\x1d".encode())
    parts = []
    for column in columns:
        digest = key_of.copy()
        digest.update("\x1f".join(column).encode())
        key = digest.hexdigest()
        parts.append(_kept.pop(key) if key in _kept else tokenise(model, column, role))
        _kept[key] = parts[-1]  # now the one used last
    while sum(tokens.ids.nbytes + 2 * tokens.starts.nbytes for tokens in _kept.values()) > _KEEP:
        del _kept[next(iter(_kept))]
    before = np.cumsum([0, *(len(part.ids) for part in parts)])
    return Tokens(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.starts + start for part, start in zip(parts, before, strict=False)]),
        np.concatenate([part.lengths for part in parts]),
        parts[0].pad_id,
    )


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
