"""hbt.suite.data_card: every source has every line, and the counts are those of the world."""

import dataclasses

from hbt.corpus import ParallelText
from hbt.suite.data_card import FIELDS, data_card, part_sizes, shared_texts
from hbt.suite.worlds import WorldSettings, load_world
from hbt.village import VillageSettings

TINY = VillageSettings(
    train_facts=12, development_facts=6, test_facts=5, swap_pairs=2, pretraining_sentences=40
)


def _check(card):
    assert list(card.field) == list(FIELDS)
    assert card.map(lambda text: isinstance(text, str) and bool(text)).all(axis=None)
    return card.set_index("field")


def test_village_card_counts_its_world_and_names_gatitos():
    world = load_world(WorldSettings(village=TINY, low_resource_share=0.5))
    card = _check(data_card(world))
    texts, words = card["texts of the village"], card["words of the village"]
    assert f"fine-tuning: {len(world.training)} items" in texts["size"]
    assert "pre-training: 40 sentences, 50% of them" in texts["size"]
    assert f"test: {len(world.benchmark('test').query_texts)} queries" in texts["size"]
    assert texts["languages"].startswith("27: 9 fine-tuned on, 2 evaluated only, 16 low-resource")
    assert "GATITOS" in words["cite"]
    assert "CC BY 4.0" in words["licence"]
    assert words["languages"].endswith("scn vec fo li bho crh szl shn gn wo ee tn fj bm kr to")


def test_part_sizes_count_texts_in_all_languages():
    world = load_world(WorldSettings(village=TINY, low_resource_share=0.5))
    sizes = part_sizes(world).set_index("part")
    assert sizes.sentences["pre-training"] == 40 * 11 + 20 * 16
    assert sizes.queries["fine-tuning"] == 9 * len(world.training)
    assert sizes.passages["fine-tuning"] == 9 * 12
    assert sizes.passages["test"] == 11 * 5
    assert sizes.passages["low-resource"] == 27 * 5
    assert list(sizes["relevant to a query"]) == ["", "9", "11", "11", "27"]


def test_shared_texts_finds_a_leak():
    world = load_world(WorldSettings(village=TINY))
    assert not shared_texts(world)["passages in both"].any()
    leak = world.benchmark("test").passage_texts[0]
    text = ParallelText("leak", ("ar",), {"ar": [leak, None]}, world.pretraining.document[:2])
    found = shared_texts(dataclasses.replace(world, pretraining=text))
    leaking = found[found["passages in both"] > 0]
    assert leaking.values.tolist() == [["pre-training", "test", 1, 0]]


def test_real_card_counts_the_published_sets(shared_data):
    world = load_world(WorldSettings("real", str(shared_data)))
    card = _check(data_card(world))
    assert card["XQuAD-R"]["size"] == "test: 13,090 queries, 13,014 passages"
    assert card["XQuAD-R"]["languages"].startswith("11: ")
    assert "each in 2 to 4 languages" in card["MLQA-R"]["size"]
    assert "BY-NC" in card["MLQA-R"]["licence"]
    assert "sentences of 100 documents" in card["NTREX-128"]["size"]
