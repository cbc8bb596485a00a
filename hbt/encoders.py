"""Encoders: small ones built from scratch, or any that has a name or a folder.

Three kinds are made here, all on a tokenizer trained on the corpus at hand:

- `static`: the mean of token embeddings, no attention and no word order; trains in seconds;
- `mini-mlm`: a small transformer of XLM-R's shape, to be pre-trained with MLM on each language;
- `mini-labse`: the same architecture, to be pre-trained with MLM, TLM and translation ranking.

`path:NAME_OR_FOLDER` loads a sentence-transformers or transformers model. All are plain
sentence-transformers models: saved and loaded as their folders, with the prefixes of queries and
passages recorded as prompts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hbt.tokens import SPECIAL_TOKENS, learn_tokenizer, prompt, tokenise

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

# No embedding here uses the pooler on top of BERT-like models, and an unused parameter silently
# spoils the first gradient under DistributedDataParallel.
NO_POOLER = {"add_pooling_layer": False}
MAX_LENGTH = 128  # tokens of a text, unless settings say otherwise
KINDS = ("static", "mini-mlm", "mini-labse")


@dataclass(frozen=True)
class EncoderSettings:
    """What an encoder is, apart from its seed and its training text.

    Attributes:
        kind: one of `KINDS`, or "path:" and a name or folder.
        dimension: length of an embedding; also the width of a transformer.
        layers, heads: of a transformer; its feed-forward layers are four times as wide as it is.
        dropout: of a transformer in training. 0 by default: these models see so little text that
            they cannot overfit it.
        pooling: how a transformer's token embeddings become one: "mean", "cls" or "max" (the paper
            does not say; mean is what E5, whose prefixes it takes, does).
        max_length: tokens kept of a text, what is longer is cut (the paper gives no length);
            None is 128 for an encoder built here, and what a loaded one brings along.
        tokenizer: "bpe" or, as XLM-R, "unigram"; see `hbt.tokens.learn_tokenizer`.
        vocabulary_size: tokens, at most; the special tokens and 256 bytes are among them.
        query_prefix, passage_prefix: put before every text. None is the kind's own: for a
            transformer "query: " and "passage: " (the paper, after E5, has "Query:" and
            "Passage:"); for a loaded model what it brings along; none for `static`, where a
            constant word only adds the same vector to every sum.
    """

    kind: str = "static"
    dimension: int = 64
    layers: int = 2
    heads: int = 4
    dropout: float = 0.0
    pooling: str = "mean"
    max_length: int | None = None
    tokenizer: str = "bpe"
    vocabulary_size: int = 8000
    query_prefix: str | None = None
    passage_prefix: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS and not self.kind.startswith("path:"):
            raise ValueError(
                f"encoder kind {self.kind!r} is none of {', '.join(KINDS)}, path:NAME_OR_FOLDER"
            )
        if self.dimension % self.heads and self.kind in KINDS[1:]:
            raise ValueError(f"dimension {self.dimension} is no multiple of {self.heads} heads")


def train_tokenizer(texts: Iterable[str], settings: EncoderSettings) -> Tokenizer:
    """The tokenizer that an encoder of these settings needs, see `hbt.tokens.learn_tokenizer`.

    Save it with `tokenizer.save(str(folder / "tokenizer.json"))`.
    """
    length = settings.max_length or MAX_LENGTH
    return learn_tokenizer(texts, settings.vocabulary_size, settings.tokenizer, length)


def build(settings: EncoderSettings, tokenizer_folder: Path, seed: int) -> SentenceTransformer:
    """A new encoder with random weights from the seed; a "path:" one is loaded instead.

    Args:
        settings: what to build.
        tokenizer_folder: holds the `tokenizer.json` of `train_tokenizer`; unused for "path:".
        seed: of the initial weights.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize

    if settings.kind.startswith("path:"):
        return load(settings.kind.removeprefix("path:"), settings)
    make = _static if settings.kind == "static" else _transformer
    modules = [*make(settings, Path(tokenizer_folder) / "tokenizer.json", seed), Normalize()]
    model = SentenceTransformer(modules=modules)
    default = ("", "") if settings.kind == "static" else ("query: ", "passage: ")
    _set_prompts(model, settings, default)
    return model


def _static(settings: EncoderSettings, tokenizer_file: Path, seed: int) -> list[Any]:
    import torch
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    generator = torch.Generator().manual_seed(seed)
    shape = (tokenizer.get_vocab_size(), settings.dimension)
    weights = torch.randn(shape, generator=generator) * settings.dimension**-0.5  # of length 1
    return [StaticEmbedding(tokenizer, embedding_weights=weights)]


def _transformer(settings: EncoderSettings, tokenizer_file: Path, seed: int) -> list[Any]:
    import torch
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    length = settings.max_length or MAX_LENGTH
    names = dict(zip(("bos", "pad", "eos", "unk", "mask"), SPECIAL_TOKENS, strict=True))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_file),
        model_max_length=length,
        cls_token="<s>",
        sep_token="</s>",
        **{f"{role}_token": token for role, token in names.items()},
    )
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.dimension,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.dimension,
        max_position_embeddings=length + 2,  # positions count from the pad id + 1
        type_vocab_size=1,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(seed)
        with no_bars():
            XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            module = Transformer(folder, model_kwargs=NO_POOLER, max_seq_length=settings.max_length)
    return [module, Pooling(settings.dimension, pooling_mode=settings.pooling)]


def load(name_or_folder: str | Path, settings: EncoderSettings | None = None) -> Any:
    """Load a sentence-transformers or transformers model, by name or from a folder.

    With settings, their prefixes and length replace what the model brings along; a transformer
    without prompts of its own gets "query: " and "passage: ".
    """
    from sentence_transformers import SentenceTransformer

    with no_bars():
        try:
            model = SentenceTransformer(str(name_or_folder), model_kwargs=NO_POOLER)
        except TypeError:  # an architecture that knows no pooler
            model = SentenceTransformer(str(name_or_folder))
    if settings is not None:
        if settings.max_length is not None:
            model.max_seq_length = settings.max_length
        own = (prompt(model, "query"), prompt(model, "passage"))
        _set_prompts(model, settings, own if any(own) else ("query: ", "passage: "))
    return model


def save(model: SentenceTransformer, folder: str | Path) -> None:
    """Write the model as a sentence-transformers folder, which `load` reads."""
    with no_bars():
        model.save_pretrained(str(folder), create_model_card=False)


@contextmanager
def no_bars() -> Iterator[None]:
    """Without the progress bars that transformers draws for every file it reads or writes."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _set_prompts(
    model: SentenceTransformer, settings: EncoderSettings, default: tuple[str, str]
) -> None:
    query, passage = settings.query_prefix, settings.passage_prefix
    query, passage = (default[0] if query is None else query), passage or ""
    if settings.passage_prefix is None:
        passage = default[1]
    model.prompts = {"query": query, "passage": passage, "document": passage}


def encode(
    model: SentenceTransformer,
    texts: Sequence[str],
    role: str,
    batch_size: int = 128,
    progress: str | None = None,
) -> np.ndarray:
    """Embeddings of texts in a role ("query" or "passage"), of length 1.

    Equal texts are encoded once. `progress` names a progress line on stderr.

    Returns:
        float32 array (len(texts), dimension).
    """
    import torch
    from tqdm import tqdm

    distinct: dict[str, int] = {}
    row_of = np.array([distinct.setdefault(text, len(distinct)) for text in texts], dtype=np.int64)
    tokens = tokenise(model, list(distinct), role)
    order = np.argsort(-tokens.lengths, kind="stable")  # alike lengths: little padding
    if tokens.pad_id is None:
        batch_size = max(batch_size, 8192)  # no padding, hardly any memory
    output = np.zeros((len(distinct), model.get_embedding_dimension()), dtype=np.float32)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for start in tqdm(range(0, len(order), batch_size), progress, disable=progress is None):
            rows = order[start : start + batch_size]
            features = {key: value.to(model.device) for key, value in tokens.features(rows).items()}
            embeddings = model(features)["sentence_embedding"]
            output[rows] = torch.nn.functional.normalize(embeddings.float(), dim=-1).cpu().numpy()
    model.train(was_training)
    return output[row_of]
