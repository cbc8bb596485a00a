"""A tokenizer trained on the corpus at hand, the same for the same texts, with no script lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hbt.corpus import CorpusError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")  # ids 0 to 4; the first four as XLM-R
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
