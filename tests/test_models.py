"""Named encoders: what is put on top of a checkpoint, and what of it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_checkpoints import tiny_labse, tiny_xlm_r
from tiny_texts import all_texts

from hbt.encoders import encode, load, save
from hbt.models import MODELS, POOLINGS, load_model
from hbt.tokens import prompt

TEXTS = ["dog sleeps river.", "кто лес ест собака?", "狗吃河。", "dog"]


@pytest.fixture(scope="module")
def xlm_r(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_xlm_r(tmp_path_factory.mktemp("xlm-r") / "model", all_texts())


@pytest.fixture(scope="module")
def labse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_labse(tmp_path_factory.mktemp("labse") / "model", all_texts())


def test_every_named_model_says_where_its_values_come_from() -> None:
    for name, model in MODELS.items():
        assert model.name == name
        assert model.hub_id.count("/") == 1
        assert model.pooling in POOLINGS
        assert set(model.source) == {"prefixes", "pooling", "max_length"}
        assert all(len(words) > 20 for words in model.source.values())
        assert model.packaged or not model.dense
    assert {name for name, model in MODELS.items() if model.dense} == {"labse"}
    assert {name for name, model in MODELS.items() if model.query_prefix} == {
        "me5-small",
        "me5-base",
        "me5-large",
    }


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_bare_checkpoint_gets_pooling_and_length(xlm_r: Path, pooling: str) -> None:
    """Against transformers alone."""
    from transformers import AutoModel, AutoTokenizer

    model = load_model("xlm-r-base", xlm_r, pooling=pooling)
    assert model.max_seq_length == 512
    tokens = AutoTokenizer.from_pretrained(xlm_r)(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(xlm_r).eval()(**tokens).last_hidden_state
    mask = tokens["attention_mask"][:, :, None]
    pooled = hidden[:, 0] if pooling == "cls" else (hidden * mask).sum(1) / mask.sum(1)
    expected = torch.nn.functional.normalize(pooled, dim=-1).numpy()
    np.testing.assert_allclose(encode(model, TEXTS, "query"), expected, atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    assert not [name for name, _ in model.named_parameters() if "pooler" in name]


def test_labse_is_first_token_dense_layer_and_length_1(labse: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    model = load_model("labse", labse)
    assert [type(module).__name__ for module in model] == [
        "Transformer",
        "Pooling",
        "Dense",
        "Normalize",
    ]
    assert model.max_seq_length == 256
    tokens = AutoTokenizer.from_pretrained(labse)(TEXTS, padding=True, return_tensors="pt")
    head = SentenceTransformer(str(labse))[2].linear
    with torch.inference_mode():
        first = AutoModel.from_pretrained(labse).eval()(**tokens).last_hidden_state[:, 0]
        dense = torch.tanh(first @ head.weight.T + head.bias)
    expected = torch.nn.functional.normalize(dense, dim=-1).numpy()
    np.testing.assert_allclose(encode(model, TEXTS, "query"), expected, atol=1e-5)
    assert not [name for name, _ in model.named_parameters() if "pooler" in name]


def test_prefixes_are_the_given_ones_then_the_checkpoints_then_the_named_ones(
    xlm_r: Path, tmp_path: Path
) -> None:
    given = load_model("xlm-r-base", xlm_r, query_prefix="Query: ", passage_prefix="")
    assert (prompt(given, "query"), prompt(given, "passage")) == ("Query: ", "")
    assert prompt(load_model("me5-base", xlm_r), "passage") == "passage: "
    assert prompt(load_model("me5-base", xlm_r, passage_prefix=""), "passage") == ""
    save(given, tmp_path / "saved")
    again = load_model("me5-base", tmp_path / "saved", max_length=16)
    assert prompt(again, "query") == "Query: "
    assert again.max_seq_length == 16
    np.testing.assert_array_equal(
        encode(load(tmp_path / "saved"), TEXTS, "query"), encode(given, TEXTS, "query")
    )


def test_bad_input_is_named(xlm_r: Path, labse: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'last' is none of mean, cls, max"):
        load_model("xlm-r-base", xlm_r, pooling="last")
    with pytest.raises(ValueError, match="no dense layer behind its pooling, which labse needs"):
        load_model("labse", xlm_r)
    with pytest.raises(ValueError, match="cannot become 'mean'"):
        load_model("labse", labse, pooling="mean")
    with pytest.raises(ValueError, match="there is no such folder"):
        load_model("xlm-r-base", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty cannot be loaded: \w"):
        load_model("xlm-r-base", tmp_path / "empty")
    with pytest.raises(ValueError, match=r"'xlmr' is no folder, .* short names xlm-r-base, xlm-r"):
        load_model("xlmr")
    (tmp_path / "empty" / "config.json").write_text('{"model_type": "xlm-roberta"}')
    (tmp_path / "empty" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"empty cannot be loaded: \w"):
        load_model("xlm-r-base", tmp_path / "empty")


def test_no_more_tokens_than_the_model_has_positions(xlm_r: Path, labse: Path) -> None:
    long = [" ".join(["dog"] * 2000)]
    for name, folder in (("xlm-r-base", xlm_r), ("labse", labse)):
        whole = load_model(name, folder, max_length=512)
        assert np.isfinite(encode(whole, long, "query")).all()  # up to the last position
        with pytest.raises(ValueError, match="reads at most 512 tokens, and max_length is 513"):
            load_model(name, folder, max_length=513)
        whole.max_seq_length = 513
        with pytest.raises((IndexError, RuntimeError)):  # what is spared
            encode(whole, long, "query")
