"""Token ids of columns: in memory and in files alike, made once, whole or not there at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tiny_texts import all_texts, tiny_items, tiny_tokenizer

from hbt import token_columns, tokens
from hbt.corpus import CorpusError
from hbt.encoders import EncoderSettings, build
from hbt.sources.arrow_texts import ArrowTexts, open_column, write_column
from hbt.token_columns import tokenise_columns
from hbt.tokens import distinct, features_of, tokenise

ITEMS = tiny_items()


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(token_columns, "_kept", {})
    return tmp_path / "data" / "tokens"


def kept(cache: Path) -> list[Path]:
    """Files of token ids, and what was left half-written."""
    return [path for path in cache.iterdir() if path.suffix != ".lock"]


def new_model(tokenizer: Path, kind: str = "mini-mlm", **settings: object) -> SentenceTransformer:
    return build(EncoderSettings(kind=kind, dimension=16, layers=1, **settings), tokenizer, seed=0)


@pytest.mark.parametrize("kind", ["static", "mini-mlm"])
@pytest.mark.parametrize("in_memory", [10, 1000])
def test_texts_of_many_columns_are_what_the_model_makes_of_them(
    tokenizer: Path, cache: Path, kind: str, in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_columns, "IN_MEMORY", in_memory)
    model = new_model(tokenizer, kind)
    columns = tokenise_columns(model, ITEMS.passages, "passage")
    assert cache.exists() == (in_memory == 10)
    for each in columns:
        assert each.ids.flags.owndata == each.bounds.flags.owndata == (in_memory == 1000)
    random = np.random.default_rng(0)
    column, rows = random.integers(0, 4, 40), random.integers(0, len(ITEMS), 40)
    texts = [
        ITEMS.passages[ITEMS.languages[language]][row] or ""
        for language, row in zip(column, rows, strict=True)
    ]
    expected = model.preprocess(texts, prompt=model.prompts["passage"])
    found = features_of(columns, column, rows)
    for name, values in found.items():
        assert torch.equal(values, expected[name]), name
    assert len({tuple(columns[0][row]) for row in range(len(ITEMS))}) == len(ITEMS)


@pytest.mark.parametrize("in_memory", [10, 1000])
def test_columns_are_tokenised_once(
    tokenizer: Path, in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_columns, "IN_MEMORY", in_memory)
    columns = {"a": all_texts()[:20], "b": all_texts()[200:230]}
    model = new_model(tokenizer, query_prefix="never before: ")
    first, second = tokenise_columns(model, columns, "query")
    passages = tokenise_columns(model, columns, "passage")
    model.encode(["the model was used in between"])
    monkeypatch.setattr(token_columns, "tokenise", None)
    monkeypatch.setattr(token_columns, "id_chunks", None)
    again = tokenise_columns(model, {"b": columns["b"], "other name": columns["a"]}, "query")
    for found, expected in zip(again, (second, first), strict=True):
        assert found.lengths.tolist() == expected.lengths.tolist()
        np.testing.assert_array_equal(found.ids, expected.ids)
    assert passages[0].lengths.sum() != first.lengths.sum()
    for other, texts in (
        (model, all_texts()[1:21]),  # another text is not taken for one of these
        (model, [*columns["a"][1:], columns["a"][0]]),  # nor another order
        (new_model(tokenizer, query_prefix="other: "), columns["a"]),
        (new_model(tokenizer, query_prefix="never before: ", max_length=5), columns["a"]),
    ):
        with pytest.raises(TypeError):
            tokenise_columns(other, {"a": texts}, "query")


def test_one_writes_and_the_others_wait(
    tokenizer: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_columns, "IN_MEMORY", 10)
    calls, waiting = [], threading.Barrier(3)

    def slow(*arguments: object) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        calls.append(threading.get_ident())
        for chunk in tokens.id_chunks(*arguments):
            threading.Event().wait(0.3)
            yield chunk

    found = []

    def work() -> None:
        model = new_model(tokenizer)
        waiting.wait()
        found.append(tokenise_columns(model, {"en": all_texts()[:30]}, "query")[0])

    monkeypatch.setattr(token_columns, "id_chunks", slow)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(found) == 3
    assert all(np.array_equal(each.ids, found[0].ids) for each in found)
    assert len(kept(cache)) == 1


def test_nothing_half_written_is_used(
    tokenizer: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_columns, "IN_MEMORY", 10)
    model, columns = new_model(tokenizer), {"en": all_texts()[:30]}

    def full(*arguments: object) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield next(tokens.id_chunks(*arguments))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(token_columns, "id_chunks", full)
        with pytest.raises(CorpusError, match=r"cannot be written \(No space left on device\)"):
            tokenise_columns(model, columns, "query")
    assert kept(cache) == []
    tokenise_columns(model, columns, "query")
    (path,) = kept(cache)
    whole = path.read_bytes()
    for broken in (whole[:-4], whole[:-8], whole[:-16], whole[8:], b""):
        path.write_bytes(broken)
        with pytest.raises(CorpusError, match=rf"{path.name} is broken: remove it"):
            tokenise_columns(model, columns, "query")
    path.write_bytes(whole)
    assert len(tokenise_columns(model, columns, "query")[0]) == 30


def test_a_progress_line_for_what_goes_to_a_file(
    tokenizer: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_columns, "IN_MEMORY", 10)
    columns = {"en": all_texts()[:9], "de": all_texts()[:30]}
    tokenise_columns(new_model(tokenizer), columns, "passage", progress=True)
    shown = capsys.readouterr().err
    assert "token ids, de passage: 100%" in shown
    assert "token ids, en" not in shown


def test_texts_on_disk_are_tokenised_once_each(tmp_path: Path, tokenizer: Path) -> None:
    texts = [(number, text) for number, text in enumerate(all_texts()[:30]) if number != 3]
    write_column(texts, tmp_path / "texts.arrow", "texts")
    row_of, column = open_column(tmp_path / "texts.arrow")
    keys = np.array([7, 3, 29, 7, 0])
    on_disk = ArrowTexts(column, keys, row_of)
    assert list(on_disk) == [on_disk[row] for row in range(5)]
    assert on_disk[1] is None
    different, text = distinct(on_disk)
    assert [different[row] for row in text] == list(on_disk)
    assert len(different) == len(list(different)) == 4
    model = new_model(tokenizer)
    expected = tokenise(model, [each or "" for each in on_disk], "query")
    found = tokenise(model, on_disk, "query")
    assert len(found.bounds) == len(expected.bounds) == 5
    for row in range(5):
        assert found[row].tolist() == expected[row].tolist()
    assert len({tuple(found[row]) for row in range(5)}) == 4


def test_no_texts_are_no_error(tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_columns, "IN_MEMORY", -1)
    (found,) = tokenise_columns(new_model(tokenizer), {"en": []}, "query")
    assert len(found) == len(found.ids) == 0
