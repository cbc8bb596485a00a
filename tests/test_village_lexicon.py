from __future__ import annotations

import gzip
import unicodedata
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from hbt.corpus import CorpusError
from hbt.village import gatitos
from hbt.village.lexicon import Concept, Language, Lexicon, add_column, languages, load, validate

TRAINING = ["ar", "zh", "en", "de", "hi", "ru", "es", "th", "tr"]
EVALUATED_ONLY = ["el", "vi"]
RELATED = ["scn", "vec", "fo", "li", "bho", "crh", "szl", "shn"]
UNRELATED = ["gn", "wo", "ee", "tn", "fj", "bm", "kr", "to"]
TAKEN = RELATED + UNRELATED

# What the validator says of the lexicon as it is: the languages have no single word there, or, in
# Wolof, one word for two things.
KNOWN_FAULTS = {
    "English (en) has 'how many' for 'how_many': several words.",
    "Russian (ru) has 'сливочное масло' for 'butter': several words.",
    "Turkish (tr) has 'ne zaman' for 'when': several words.",
    "Faroese (fo) has 'hvussu nógv' for 'how_many': several words.",
    "Crimean Tatar (crh) has 'satın almaq' for 'buy': several words.",
    "Wolof (wo) has one word, 'tund', for both 'mountain' and 'hill'.",
    "Bambara (bm) has 'taa bɔ' for 'visit': several words.",
    "Kanuri (kr) has 'kura kəristanbe' for 'priest': several words.",
    "Kanuri (kr) has 'tada dimibe' for 'lamb': several words.",
    "Kanuri (kr) has 'kəri karaabe' for 'wolf': several words.",
    "Kanuri (kr) has 'tada kəskabe' for 'fruit': several words.",
    "Kanuri (kr) has 'nji samibe' for 'rain': several words.",
    "Tongan (to) has 'tokotaha kaihaʻa' for 'thief': several words.",
    "Tongan (to) has 'fakatau atu' for 'sell': several words.",
}


def small_lexicon(**columns: str) -> Lexicon:
    """Words for and, cat, dog in English and in the languages given, "/" between the words."""
    names = ("and", "cat", "dog")
    columns = {"en": "and/cat/dog", **columns}
    words = {
        code: dict(zip(names, column.split("/"), strict=True)) for code, column in columns.items()
    }
    return Lexicon(languages(), tuple(Concept(name, "thing", name) for name in names), words)


def test_the_languages_are_those_of_the_paper_and_sixteen_more():
    by_role: dict[str, list[str]] = {}
    for language in languages():
        by_role.setdefault(language.role, []).append(language.code)
    assert by_role == {
        "training": TRAINING,
        "evaluated only": EVALUATED_ONLY,
        "low-resource": TAKEN,
    }
    nearest = {language.code: language.nearest for language in languages() if language.nearest}
    assert list(nearest) == RELATED
    assert set(nearest.values()) <= set(TRAINING)
    assert all(language.nearest_source and language.order_source for language in languages())


def test_languages_without_spaces_and_word_orders():
    rows = {language.code: language for language in languages()}
    assert [code for code, row in rows.items() if not row.spaces] == ["zh", "th", "shn"]
    assert {row.word_order for row in rows.values()} == {"SVO", "SOV", "VSO", "VOS"}
    assert (rows["hi"].word_order, rows["hi"].adposition) == ("SOV", "after")
    assert (rows["fj"].word_order, rows["to"].word_order) == ("VOS", "VSO")


def test_every_concept_has_a_word_in_every_language():
    lexicon = load()
    assert list(lexicon.words) == [language.code for language in lexicon.languages]
    names = [row.concept for row in lexicon.concepts]
    assert len(set(names)) == len(names)
    assert sum(row.category != "name" for row in lexicon.concepts) >= 260
    for code in lexicon.words:
        assert all(lexicon.word(code, name) for name in names)


def test_what_the_validator_says_of_the_lexicon_is_known():
    assert set(validate(load())) == KNOWN_FAULTS


def test_marks_are_stripped_and_told():
    lexicon = load()
    assert lexicon.words["ee"]["who"] == "*ameka"
    assert lexicon.word("ee", "who") == "ameka"
    assert lexicon.marked("ee", "who")
    assert not lexicon.marked("ee", "water")
    assert lexicon.marked("de", "water")
    assert all(
        lexicon.marked(code, row.concept)
        for code in lexicon.words
        for row in lexicon.concepts
        if row.category == "name"
    )


def test_the_lexicon_is_frozen_and_says_what_it_lacks():
    lexicon = load()
    with pytest.raises(FrozenInstanceError):
        lexicon.concepts = ()
    with pytest.raises(CorpusError, match="no language 'xx', only ar zh en"):
        lexicon.language("xx")
    with pytest.raises(CorpusError, match="no word for 'dragon' in language 'en'"):
        lexicon.word("en", "dragon")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"de": "und//Hund"}, "German (de) has no word for 'cat'."),
        ({"de": "und/Hund/hund"}, "German (de) has one word, 'hund', for both 'cat' and 'dog'."),
        ({"de": "und/*Hund/Hund"}, "German (de) has one word, 'Hund', for both 'cat' and 'dog'."),
        ({"de": "und/eine Katze/Hund"}, "German (de) has 'eine Katze' for 'cat': several words."),
        ({"de": "und/Katze(f/Hund"}, "German (de) has 'Katze(f' for 'cat': left-over '('."),
        ({"de": "und/Katze|Kater/Hund"}, "German (de) has 'Katze|Kater' for 'cat': left-over '|'."),
        (
            {"kr": "-a/fatu/kəri"},
            "Kanuri (kr) has '-a' for 'and': a hyphen or apostrophe at its edge.",
        ),
        (
            {"hi": "और/кот/कुत्ता"},
            "Hindi (hi) has 'кот' for 'cat': 'к' is not of the Devanagari script.",
        ),
        (
            {"ru": "и/кoт/пёс"},  # a Latin o
            "Russian (ru) has 'кoт' for 'cat': 'o' is not of the Cyrillic script.",
        ),
        (
            {"es": "y/ga\u0301to/perro"},
            "Spanish (es) has 'ga\u0301to' for 'cat': not normalised to NFC.",
        ),
        ({"xx": "a/b/c"}, "Column 'xx' has no row in the table of languages."),
    ],
)  # fmt: skip
def test_each_fault_is_one_sentence(columns: dict[str, str], sentence: str):
    assert validate(small_lexicon(**columns), ["en", *columns]) == [sentence]


@pytest.mark.parametrize(
    "columns",
    [
        {"de": "und/Katze/*Hund"},
        {"vi": "và/con mèo/chó"},  # syllables stand apart
        {"gn": "ha/mbarakaja/jagua'i"},
        {"wo": "ak/mbaam-xuux/xaj"},
        {"to": "mo/pusi/kulīʻa"},
        {"shn": "လႄႈ/မႅဝ်/မႃ"},
        {"hi": "और/बिल्ली/कुत्ता"},
    ],
)
def test_good_words_of_many_scripts_pass(columns: dict[str, str]):
    assert validate(small_lexicon(**columns), ["en", *columns]) == []


def test_faults_of_a_language_row():
    lexicon = small_lexicon(de="und/Katze/Hund")
    rows = [
        replace(row, word_order="SVOX", nearest="fo", role="seen") if row.code == "de" else row
        for row in lexicon.languages
    ]
    lexicon = replace(lexicon, languages=tuple(rows))
    assert validate(lexicon, ["de"]) == [
        "German (de): word_order is 'SVOX', which is none of SVO, SOV, VSO, VOS.",
        "German (de): role is 'seen', which is none of training, evaluated only, low-resource.",
        "German (de): nearest is 'fo', which is no training language.",
    ]
    assert "Thai (th) has no column of words." in validate(lexicon)


@pytest.fixture
def luxembourgish() -> Language:
    return replace(load().language("de"), code="lb", name="Luxembourgish", nearest="de")


def test_a_class_adds_a_column(tmp_path: Path, luxembourgish: Language):
    path = tmp_path / "lb.tsv"
    path.write_text("concept\tword\nand\tan\ncat\tKaz\ndog\tKaz\n", encoding="utf-8")
    larger = add_column(path, luxembourgish, small_lexicon())
    assert larger.word("lb", "cat") == "Kaz"
    assert larger.marked("lb", "cat")
    assert validate(larger, ["lb"]) == [
        "Luxembourgish (lb) has one word, 'Kaz', for both 'cat' and 'dog'."
    ]
    of_all = validate(add_column(path, luxembourgish), ["lb"])
    assert "Luxembourgish (lb) has no word for 'who'." in of_all
    assert len(of_all) == len(load().concepts) - 3 + 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("concept\tword\ncatt\tKaz\n", "line 2: no concept is called 'catt'; did you mean 'cat'?"),
        ("concept\tword\nqqqq\tKaz\n", "line 2: no concept is called 'qqqq'$"),
        ("concept\tword\ncat\tKaz\ncat\tBusi\n", "line 3: concept 'cat' is there twice"),
        ("cat\tKaz\ndog\tHond\n", "the first line must name the columns concept and word"),
        ("concept\tword\ncat\n", "line 2 has 1 columns where the header has 2"),
        ("concept\tword\n", "a header line and at least one row are needed"),
    ],
)
def test_a_bad_column_is_one_error(
    tmp_path: Path, luxembourgish: Language, text: str, sentence: str
):
    path = tmp_path / "lb.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=sentence.replace("?", r"\?")) as caught:
        add_column(path, luxembourgish, small_lexicon())
    assert "lb.tsv" in str(caught.value)


def test_a_column_that_is_there_or_cannot_be_read(tmp_path: Path, luxembourgish: Language):
    with pytest.raises(CorpusError, match="already has a language 'en'"):
        add_column(tmp_path / "en.tsv", load().language("en"))
    with pytest.raises(CorpusError, match="cannot be read as a file of UTF-8 text"):
        add_column(tmp_path / "lb.tsv", luxembourgish)


def test_clean_forms():
    assert gatitos.clean_forms("Casa (f.), cà / maison!") == ["casa", "cà", "maison"]
    assert gatitos.clean_forms("काल्हु (बीतल)") == ["काल्हु"]
    assert gatitos.clean_forms("tsᴐ") == ["tsɔ"]
    assert gatitos.clean_forms("...") == []


def write_pairs(path: Path, *pairs: str) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(f"{pair}\n" for pair in pairs)


def test_agreement_counted_by_hand(tmp_path: Path):
    write_pairs(tmp_path / "en.tsv.gz", "1\tCat", "2\tdog", "3\tbird")
    write_pairs(tmp_path / "es.tsv.gz", "1\tgata", "1\tGato (m.)", "2\tcan", "3\tave")
    lexicon = small_lexicon(es="y/gato/perro", de="und/Katze/Hund")
    (spanish,) = gatitos.agreement(lexicon, tmp_path)
    assert (spanish.language, spanish.compared, spanish.agreeing) == ("es", 2, 1)
    assert spanish.share == 0.5
    assert spanish.differing == (("dog", "perro", ("can",)),)


def test_own_columns_agree_with_the_lists_and_taken_ones_come_from_them(shared_data: Path):
    lexicon = load()
    rows = {row.language: row for row in gatitos.agreement(lexicon, shared_data / "gatitos")}
    assert list(rows) == ["hi", "es", *TAKEN]
    for row in rows.values():
        print(f"{row.language}: {row.agreeing} of {row.compared} = {row.share:.3f}")
    assert rows["es"].share > 0.8
    assert rows["hi"].share > 0.65
    for code in TAKEN:
        for concept, word, forms in rows[code].differing:
            (ours,) = gatitos.clean_forms(word)
            inside = any(f" {ours} " in f" {form} " for form in forms)
            assert inside or lexicon.marked(code, concept), (code, concept, word, forms)


def test_the_licence_attributes_the_lists():
    text = (Path(gatitos.__file__).parent / "LICENSE").read_text(encoding="utf-8")
    assert "ec1cfc8ca7c1e26a59f122f4a2a5bb94910bfa15" in text
    assert "CC BY 4.0" in text


def test_words_are_normalised():
    for column in load().words.values():
        assert all(word == unicodedata.normalize("NFC", word) for word in column.values())
