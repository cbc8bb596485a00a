"""Encoders: built from a seed, saved and loaded as sentence-transformers folders, encoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tiny_texts import all_texts

from hbt.encoders import KINDS, EncoderSettings, build, encode, load, save, train_tokenizer
from hbt.tokens import tokenise

SIZES = {"dimension": 32, "layers": 1, "vocabulary_size": 600, "max_length": 40}


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = train_tokenizer(all_texts(), EncoderSettings(**SIZES))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_seed_decides_and_saving_changes_nothing(
    kind: str, tokenizer_folder: Path, tmp_path: Path
) -> None:
    settings = EncoderSettings(kind=kind, **SIZES)
    state = torch.random.get_rng_state()
    model = build(settings, tokenizer_folder, seed=0)
    assert torch.equal(torch.random.get_rng_state(), state)  # no global state
    texts = all_texts()[::40]
    embeddings = encode(model, texts, "query")
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (len(texts), 32)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    assert len(np.unique(embeddings.round(5), axis=0)) == len(texts)
    again, other = (build(settings, tokenizer_folder, seed) for seed in (0, 1))
    np.testing.assert_array_equal(encode(again, texts, "query"), embeddings)
    assert np.abs(encode(other, texts, "query") - embeddings).max() > 0.1
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(encode(loaded, texts, "query"), embeddings)
    assert sum(p.numel() for p in loaded.parameters()) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("kind", ["static", "mini-mlm"])
def test_encode_equals_sentence_transformers_with_its_prompts(
    kind: str, tokenizer_folder: Path
) -> None:
    settings = EncoderSettings(
        kind=kind, query_prefix="who asks: ", passage_prefix="it says: ", **SIZES
    )
    model = build(settings, tokenizer_folder, seed=0)
    texts = [*all_texts()[:30], "a text that is longer than the model reads " * 5]
    queries, passages = encode(model, texts, "query"), encode(model, texts, "passage", batch_size=4)
    assert np.abs(queries - passages).max() > 0.01
    np.testing.assert_allclose(queries, model.encode_query(texts), atol=1e-6)
    np.testing.assert_allclose(passages, model.encode_document(texts), atol=1e-6)
    assert model.training is False or model.train() is model


@pytest.mark.parametrize("kind", ["static", "mini-mlm"])
def test_tokens_equal_what_the_model_makes_of_texts(kind: str, tokenizer_folder: Path) -> None:
    model = build(EncoderSettings(kind=kind, **SIZES), tokenizer_folder, seed=0)
    texts = [*all_texts()[:50], "a text that is longer than the model reads " * 5]
    tokens = tokenise(model, texts, "passage")
    rows = np.array([3, 50, 0, 3, 17])
    features = tokens.features(rows)
    prefix = "" if kind == "static" else "passage: "
    theirs = model.preprocess([texts[row] for row in rows], prompt=prefix)
    assert len(tokens) == 51
    for name, values in features.items():
        assert torch.equal(values, theirs[name]), name
    assert set(theirs) - set(features) <= {"modality", "prompt_length"}


def test_equal_texts_are_encoded_once_and_order_is_kept(tokenizer_folder: Path) -> None:
    model = build(EncoderSettings(kind="mini-mlm", **SIZES), tokenizer_folder, seed=0)
    texts = all_texts()[:9]
    once = encode(model, texts, "query", batch_size=2)
    twice = encode(model, [*texts, *texts[::-1]], "query", batch_size=2)
    np.testing.assert_array_equal(twice[:9], once)
    np.testing.assert_array_equal(twice[9:], once[::-1])


def test_static_has_no_prefix_and_transformers_have_the_paper_s(tokenizer_folder: Path) -> None:
    static = build(EncoderSettings(**SIZES), tokenizer_folder, 0)
    assert set(static.prompts.values()) == {""}
    transformer = build(EncoderSettings(kind="mini-labse", **SIZES), tokenizer_folder, 0)
    assert transformer.prompts["query"] == "query: "
    assert transformer.prompts["passage"] == "passage: "


def test_any_model_is_loaded_by_its_folder(tokenizer_folder: Path, tmp_path: Path) -> None:
    """A plain transformers folder, with the pooler that nothing uses."""
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_folder / "tokenizer.json"),
        pad_token="<pad>",
        unk_token="<unk>",
    )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        pad_token_id=1,
    )
    BertModel(config).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    settings = EncoderSettings(kind=f"path:{tmp_path / 'bert'}", max_length=9)
    model = build(settings, tmp_path, seed=0)
    assert isinstance(model, SentenceTransformer)
    assert not [name for name, _ in model.named_parameters() if "pooler" in name]
    assert model.max_seq_length == 9
    assert model.prompts["query"] == "query: "
    save(model, tmp_path / "saved")
    asked = EncoderSettings(kind=f"path:{tmp_path / 'saved'}", passage_prefix="p: ")
    loaded = build(asked, tmp_path, seed=0)
    assert (loaded.prompts["query"], loaded.prompts["passage"]) == ("query: ", "p: ")
    assert loaded.max_seq_length == 9
    texts = all_texts()[:5]
    np.testing.assert_array_equal(encode(loaded, texts, "query"), encode(model, texts, "query"))


def test_bad_settings_are_refused_in_one_sentence(tokenizer_folder: Path) -> None:
    with pytest.raises(ValueError, match="'mini' is none of static, mini-mlm, mini-labse, path:"):
        EncoderSettings(kind="mini")
    with pytest.raises(ValueError, match="dimension 30 is no multiple of 4 heads"):
        EncoderSettings(kind="mini-mlm", dimension=30)
    model = build(EncoderSettings(**SIZES), tokenizer_folder, 0)
    with pytest.raises(ValueError, match="role 'document' is neither"):
        encode(model, ["a"], "document")
