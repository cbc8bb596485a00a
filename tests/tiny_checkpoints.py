"""Tiny checkpoints in the file layout of the published ones: XLM-R bare, LaBSE packaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from hbt.tokens import learn_tokenizer

WIDTH = 32
_SHAPE = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.05,
    "hidden_dropout_prob": 0.0,  # with dropout, models this small learn nothing in 40 steps
    "attention_probs_dropout_prob": 0.0,
}


def tiny_xlm_r(folder: Path, texts: Iterable[str], vocabulary_size: int = 900) -> Path:
    """A bare transformers checkpoint, pooler weights included, as FacebookAI/xlm-roberta-base."""
    from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer

    tokenizer = learn_tokenizer(texts, vocabulary_size, "unigram", 512)
    tokenizer.no_truncation()
    state = json.loads(tokenizer.to_str())
    fast = XLMRobertaTokenizer(
        vocab=[tuple(piece) for piece in state["model"]["vocab"]], model_max_length=512
    )
    torch.manual_seed(1)
    config = XLMRobertaConfig(
        vocab_size=len(fast), max_position_embeddings=514, type_vocab_size=1, **_SHAPE
    )
    XLMRobertaModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def wordpiece(texts: Iterable[str], lowercase: bool = False) -> Tokenizer:
    """A WordPiece tokenizer with BERT's special tokens."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=900, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(sorted(texts), trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def tiny_labse(folder: Path, texts: Iterable[str]) -> Path:
    """A packaged checkpoint: cased BERT, first token, dense layer with tanh, length 1."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import BertConfig, BertModel, BertTokenizer

    bare = folder.with_name(f"{folder.name}-bare")
    vocabulary = wordpiece(texts).get_vocab()
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=False, model_max_length=512)
    torch.manual_seed(2)
    BertModel(BertConfig(vocab_size=len(vocabulary), **_SHAPE)).save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    module = Transformer(str(bare), max_seq_length=256)
    dense = Dense(WIDTH, WIDTH, activation_function=torch.nn.Tanh())
    modules = [module, Pooling(WIDTH, pooling_mode="cls"), dense, Normalize()]
    SentenceTransformer(modules=modules).save_pretrained(str(folder), create_model_card=False)
    shutil.rmtree(bare)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Path -> bytes of all files below a folder, to be served."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
