"""The model and the data of `hbt bench training`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hbt.corpus import ParallelItems

_VOCABULARY = {"village": 8000, "MLQA-R": 30_000}


def prepare(folder: Path, shape: tuple[int, int, int, int | None], spec: dict[str, Any]) -> str:
    """Write the model and what is to be done into a folder; returns what the data is.

    The model is a sentence-transformers one of XLM-R's classes, with random weights and a tokenizer
    trained on the data.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    from hbt.encoders import NO_POOLER, no_bars, save
    from hbt.tokens import learn_tokenizer

    items, name = items_of(spec["data_dir"])
    columns = [side[code] for side in (items.queries, items.passages) for code in items.languages]
    texts = [text for column in columns for text in column if text is not None]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=learn_tokenizer(texts, _VOCABULARY[name], max_length=512),
        model_max_length=512,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
        mask_token="<mask>",
    )
    width, layers, heads, rows = shape
    config = XLMRobertaConfig(
        vocab_size=rows or len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=514,
        type_vocab_size=1,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    bare = folder / "bare"
    with no_bars():
        XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(bare)
        tokenizer.save_pretrained(bare)
        module = Transformer(str(bare), model_kwargs=NO_POOLER, max_seq_length=spec["length"])
    model = SentenceTransformer(modules=[module, Pooling(width), Normalize()])
    model.prompts = {"query": "Query: ", "passage": "Passage: ", "document": "Passage: "}
    save(model, folder / "model")
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    return name


def items_of(data_dir: str) -> tuple[ParallelItems, str]:
    """MLQA-R of the folder, else the village's training items; and which of them it is."""
    if data_dir:
        from hbt.sources import mlqa_r_items

        return mlqa_r_items(data_dir), "MLQA-R"
    from hbt.suite.profiles import profile_settings
    from hbt.suite.worlds import load_world

    return load_world(profile_settings("smoke").base.world).training, "village"
