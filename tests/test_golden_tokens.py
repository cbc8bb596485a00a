"""Golden tokenisation: a change of a vocabulary or of its case is noticed, and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tiny_checkpoints import wordpiece
from tiny_texts import all_texts
from tokenizers import Tokenizer

from hbt.golden_tokens import SENTENCES, TokensChanged, check_golden, compare, golden_ids
from hbt.sources.lareqa import MLQA_R, XQUAD_R
from hbt.sources.miracl import MIRACL_LANGUAGES
from hbt.sources.mldr import MLDR_LANGUAGES

TEXTS = [*all_texts(), *SENTENCES.values()]


def model_of(tokenizer: Tokenizer) -> SentenceTransformer:
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=4)])


def test_there_is_a_sentence_for_every_language_of_the_benchmarks() -> None:
    assert set(SENTENCES) >= {*XQUAD_R.counts, *MLQA_R.counts, *MIRACL_LANGUAGES, *MLDR_LANGUAGES}
    assert len(set(SENTENCES.values())) == len(SENTENCES)


def test_the_first_load_writes_and_a_later_one_compares(tmp_path: Path) -> None:
    model = model_of(wordpiece(TEXTS))
    path = check_golden(model, "owner/tiny", "abc", folder=tmp_path)
    held = json.loads(path.read_text(encoding="utf-8"))
    assert path.name == "owner--tiny.json"
    assert held["ids"] == golden_ids(model)
    assert held["revision"] == "abc"
    assert set(held["versions"]) == {"transformers", "tokenizers", "sentence-transformers"}
    before = path.read_bytes()
    check_golden(model, "owner/tiny", "abc", folder=tmp_path)
    assert path.read_bytes() == before


def test_a_changed_vocabulary_is_noticed_and_can_be_accepted(tmp_path: Path) -> None:
    tokenizer = wordpiece(TEXTS)
    check_golden(model_of(tokenizer), "tiny", "abc", folder=tmp_path)
    state = json.loads(tokenizer.to_str())
    words = state["model"]["vocab"]
    words["Anna"], words["12"] = words["12"], words["Anna"]
    changed = model_of(Tokenizer.from_str(json.dumps(state)))
    with pytest.raises(TokensChanged, match=r"en: from token 0 on \[\d+.*was \[") as caught:
        check_golden(changed, "tiny", "def", folder=tmp_path)
    assert "revision abc" in str(caught.value)
    assert "revision def" in str(caught.value)
    assert "--accept-tokens" in str(caught.value)
    check_golden(changed, "tiny", "def", folder=tmp_path, accept=True)
    check_golden(changed, "tiny", "def", folder=tmp_path)


def test_a_cased_tokenizer_that_lower_cases_is_noticed(tmp_path: Path) -> None:
    cased = wordpiece(TEXTS)
    check_golden(model_of(cased), "tiny", folder=tmp_path)
    state = json.loads(cased.to_str())
    state["normalizer"]["lowercase"] = True
    with pytest.raises(TokensChanged) as caught:
        check_golden(model_of(Tokenizer.from_str(json.dumps(state))), "tiny", folder=tmp_path)
    assert "en: " in str(caught.value)
    assert "zh: " not in str(caught.value)  # which has no case


def test_compare_shows_the_first_difference() -> None:
    assert compare({"en": [1, 2, 3]}, {"en": [1, 2, 3], "xx": [4]}) == []
    assert compare({"en": [1, 9]}, {"en": [1, 2, 3]}) == ["en: from token 1 on [9], was [2, 3]"]
    assert compare({"en": [1, 2]}, {"en": [1, 2, 3]}) == ["en: from token 2 on [], was [3]"]
    long = list(range(9))
    assert compare({"en": []}, {"en": long})[0].endswith("was [0, 1, 2, 3, 4, 5, ...]")


def test_languages_pinned_later_are_added(tmp_path: Path) -> None:
    model = model_of(wordpiece(TEXTS))
    path = check_golden(model, "tiny", folder=tmp_path)
    held = json.loads(path.read_text(encoding="utf-8"))
    del held["ids"]["yo"]
    path.write_text(json.dumps(held), encoding="utf-8")
    check_golden(model, "tiny", folder=tmp_path)
    assert json.loads(path.read_text(encoding="utf-8"))["ids"] == golden_ids(model)


@pytest.mark.parametrize("content", ["", "[]", '{"ids": {"en": 3}}', '{"ids": 3}'])
def test_a_broken_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"tiny\.json is no file of golden tokens"):
        check_golden(model_of(wordpiece(TEXTS)), "tiny", folder=tmp_path)


def test_the_files_lie_below_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path))
    path = check_golden(model_of(wordpiece(TEXTS)), "tiny")
    assert path == tmp_path / "golden-tokens" / "tiny.json"


@pytest.mark.parametrize("profile", ["smoke", "classroom"])
def test_the_villages_tokenizers_make_the_pinned_ids(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokenizers that the suite trains, on a sentence of each of the village's languages."""
    from hbt.suite.experiment import tokenizer_folder
    from hbt.suite.profiles import profile_settings
    from hbt.suite.worlds import load_world

    monkeypatch.setenv("HBT_CACHE_DIR", str(tmp_path))
    base = profile_settings(profile).base
    tokenizer = Tokenizer.from_file(str(tokenizer_folder(base) / "tokenizer.json"))
    pretraining = load_world(base.world).pretraining
    sentences = {
        language: next(filter(None, texts)) for language, texts in pretraining.texts.items()
    }
    found = {language: tokenizer.encode(text).ids for language, text in sentences.items()}
    pinned = Path(__file__).with_name("golden_tokens") / f"village-{profile}.json"
    held = json.loads(pinned.read_text(encoding="utf-8"))
    assert held["sentences"] == sentences
    assert compare(found, held["ids"]) == []
    assert set(held["ids"]) == set(sentences)
