"""Shards of embeddings: written whole, read back, and filled from texts in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_texts import all_texts

from hbt.shard_writer import add_shard, encode_to_shards
from hbt.shards import INDEX, open_shards


def values(n: int, dimension: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dimension))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_shards_are_read_as_they_were_written(tmp_path: Path, dtype: str) -> None:
    first, second = values(7), values(3, seed=1)
    add_shard(tmp_path, first, ["a", "b", "ß", "日本", "e f", "", "g"], dtype=dtype)
    add_shard(tmp_path, second, ["h", "i", "j"], dtype=dtype)
    one, two = open_shards(tmp_path)
    assert (one.n_rows, two.n_rows, one.dimension, one.dtype) == (7, 3, 4, dtype)
    assert one.ids() == ["a", "b", "ß", "日本", "e f", "", "g"]
    assert two.ids() == ["h", "i", "j"]
    for start, height in [(0, 3), (2, 2), (6, 9), (0, 100)]:
        blocks = list(one.blocks(start, height))
        assert all(len(block) <= height and block.dtype == dtype for block in blocks)
        assert (np.concatenate(blocks) == first[start:].astype(dtype)).all()
    assert (np.load(two.file) == second.astype(dtype)).all()  # plain .npy files
    one.verify()
    assert one.digest() != two.digest()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00000.ids.txt",
        "00000.npy",
        "00001.ids.txt",
        "00001.npy",
        INDEX,
    ]


def test_shards_without_names(tmp_path: Path) -> None:
    assert add_shard(tmp_path, values(2)).ids() is None
    with pytest.raises(ValueError, match="all shards have ids, or none"):
        add_shard(tmp_path, values(1), ["a"])


def test_bad_shards_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    add_shard(tmp_path, values(2), ["a", "b"])
    before = sorted(tmp_path.iterdir())
    nan, large = values(2), values(2)
    nan[1, 2], large[1, 0] = np.nan, 1e5
    cases = [
        ((values(2), ["c"]), {}, "1 ids for 2 embeddings"),
        ((values(2), ["c", "c"]), {}, "'c' occurs twice"),
        ((values(2), ["c", "d\n"]), {}, "line break"),
        ((values(2, 5), ["c", "d"]), {}, "dimension 4, not 5"),
        ((values(2), ["c", "d"]), {"dtype": "float32"}, "dtype float16, not float32"),
        ((values(2), ["c", "d"]), {"dtype": "int8"}, "dtype is 'int8'"),
        ((values(2), ["c", "d"]), {"about": {"role": "query"}}, "holds shards of"),
        ((nan, ["c", "d"]), {}, "row 1 of the embeddings is not finite as float16"),
        ((large, ["c", "d"]), {}, "row 1 of the embeddings is not finite as float16"),
        ((values(0), []), {}, "have shape"),
        ((values(2)[0], ["c"]), {}, "have shape"),
    ]
    for arguments, options, message in cases:
        with pytest.raises(ValueError, match=message):
            add_shard(tmp_path, *arguments, **options)
    assert sorted(tmp_path.iterdir()) == before
    assert len(open_shards(tmp_path)) == 1


def test_damage_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"shards.json is missing"):
        open_shards(tmp_path)
    shard = add_shard(tmp_path, values(50), [f"p{row}" for row in range(50)])
    whole = shard.file.read_bytes()
    shard.file.write_bytes(whole[:-3])
    with pytest.raises(ValueError, match=r"00000.npy is cut short: it should have 50"):
        list(shard.blocks(0, 8))
    shard.file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"00000.npy has changed"):
        shard.verify()
    np.save(shard.file, values(50))
    with pytest.raises(ValueError, match=r"00000.npy is not what shards.json says"):
        list(shard.blocks(0, 8))
    shard.file.write_bytes(b"not an array")
    with pytest.raises(ValueError, match=r"00000.npy is not a .npy file"):
        list(shard.blocks(0, 8))
    shard.file.unlink()
    with pytest.raises(ValueError, match=r"00000.npy is missing"):
        list(shard.blocks(0, 8))
    names = tmp_path / "00000.ids.txt"
    names.write_text(names.read_text().replace("p17", "p18"))
    with pytest.raises(ValueError, match="does not hold the names that were written"):
        shard.ids()
    index = tmp_path / INDEX
    index.write_text(index.read_text()[:40])
    with pytest.raises(ValueError, match=r"shards.json cannot be read"):
        open_shards(tmp_path)
    index.write_text(json.dumps({"format": 1, "shards": [{"name": "00000"}]}))
    with pytest.raises(ValueError, match=r"shards.json has an unknown form"):
        open_shards(tmp_path)
    index.write_text(json.dumps({"format": 99}))
    with pytest.raises(ValueError, match="not an index of shards of format 1"):
        open_shards(tmp_path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> object:
    from hbt.encoders import EncoderSettings, build, train_tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    encoder = EncoderSettings(dimension=16, vocabulary_size=600)
    train_tokenizer(all_texts(), encoder).save(str(folder / "tokenizer.json"))
    return build(encoder, folder, seed=0)


def corpus(n: int = 100) -> list[tuple[str, str]]:
    return [(f"p{row}", text) for row, text in enumerate(all_texts()[:n])]


def stopping(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield from pairs
    raise KeyboardInterrupt


def test_a_stopped_encoding_goes_on(tmp_path: Path, model: object) -> None:
    from hbt.encoders import encode

    pairs = corpus()
    with pytest.raises(KeyboardInterrupt):
        encode_to_shards(model, stopping(pairs[:70]), tmp_path, shard_rows=30)
    assert [shard.n_rows for shard in open_shards(tmp_path)] == [30, 30]
    written = [shard.file.stat().st_mtime_ns for shard in open_shards(tmp_path)]
    shards = encode_to_shards(model, iter(pairs), tmp_path, shard_rows=30)
    assert [shard.n_rows for shard in shards] == [30, 30, 30, 10]
    assert [shard.file.stat().st_mtime_ns for shard in shards[:2]] == written
    assert [name for shard in shards for name in shard.ids()] == [name for name, _ in pairs]
    found = np.concatenate([np.load(shard.file) for shard in shards])
    wanted = encode(model, [text for _, text in pairs], "passage")
    assert len(np.unique(wanted, axis=0)) > 50  # the texts are told apart
    assert np.allclose(found, wanted, atol=1e-3)


def test_the_shards_of_another_corpus_or_model_are_refused(tmp_path: Path, model: object) -> None:
    import torch

    pairs = corpus()
    encode_to_shards(model, pairs, tmp_path, shard_rows=60)
    others = [*pairs[:5], ("p5", "another text"), *pairs[6:]]
    with pytest.raises(ValueError, match=r"00000.npy is of other texts"):
        encode_to_shards(model, others, tmp_path, shard_rows=60)
    with pytest.raises(ValueError, match="has 2 shards; these texts fill 1"):
        encode_to_shards(model, pairs[:60], tmp_path, shard_rows=60)
    with pytest.raises(ValueError, match="of another shard_rows"):
        encode_to_shards(model, pairs, tmp_path, shard_rows=50)
    with pytest.raises(ValueError, match="of another role"):
        encode_to_shards(model, pairs, tmp_path, shard_rows=60, role="query")
    weights = next(iter(model.parameters()))  # type: ignore[attr-defined]
    with torch.no_grad():
        weights[0, 0] += 1
        try:
            with pytest.raises(ValueError, match="of another model"):
                encode_to_shards(model, pairs, tmp_path, shard_rows=60)
        finally:
            weights[0, 0] -= 1


def test_doubled_ids_are_found_across_shards(tmp_path: Path, model: object) -> None:
    pairs = corpus(50)
    with pytest.raises(ValueError, match="'p3' occurs twice in the texts"):
        encode_to_shards(model, [*pairs, pairs[3]], tmp_path / "a", shard_rows=25)
    with pytest.raises(ValueError, match="'p3' occurs twice"):
        encode_to_shards(model, [*pairs, pairs[3]], tmp_path / "b", shard_rows=100)
    with pytest.raises(ValueError, match="no texts"):
        encode_to_shards(model, [], tmp_path / "c")
    with pytest.raises(ValueError, match="shard_rows is 0"):
        encode_to_shards(model, pairs, tmp_path / "c", shard_rows=0)


def test_from_texts_to_scores(tmp_path: Path, model: object) -> None:
    """What the documentation shows: encode a corpus, search it, score the first k."""
    from hbt.cut_ranking import scores_at_k
    from hbt.encoders import encode
    from hbt.search import top_k

    texts = list(dict.fromkeys(all_texts()))[:120]
    pairs = [(f"p{row}", text) for row, text in enumerate(texts)]
    encode_to_shards(model, iter(pairs), tmp_path / "pool", shard_rows=50, dtype="float32")
    queries = encode(model, texts[:40], "query")
    found = top_k(queries, tmp_path / "pool", 100, state=tmp_path / "search")
    own = [{f"p{row}": 1} for row in range(40)]
    scores = scores_at_k(found.ids, own, ("nDCG@10", "R@100"))
    # a static encoder ignores word order, so another text can be as near as the text itself
    near_itself = np.isclose(found.score[:, 0], 1, atol=1e-5)
    assert near_itself.all()
    assert scores["R@100"].mean() == 1
    others = [{f"p{row}": 1} for row in range(80, 120)]
    assert scores["nDCG@10"].mean() > 0.8 > scores_at_k(found.ids, others)["nDCG@10"].mean()
