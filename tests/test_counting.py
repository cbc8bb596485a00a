"""All forms of the counting step find the same, and the right one is chosen."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
import torch

from hbt import counting, counting_numpy, counting_torch
from hbt.counting import TileCounts, TilePairs, make_layout, tie_ids, tie_places
from hbt.counting_numpy import LANE

FORMS = (
    "counting_torch",
    pytest.param(
        "counting_numba",
        marks=pytest.mark.skipif(not find_spec("numba"), reason="numba is not installed"),
    ),
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    ),
)


def load_form(name: str) -> tuple[ModuleType, str]:
    """A module that counts, and the device it is to count on."""
    module = import_module(f"hbt.{'counting_torch' if name == 'cuda' else name}")
    return module, "cuda" if name == "cuda" else "cpu"


def test_tie_ids_are_hashes() -> None:
    assert tie_ids(["en-17"]) == ["933bfced22f52afb"]
    assert len(set(tie_ids([f"p{number}" for number in range(1000)]))) == 1000


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("levels", [1, 50, 10**6])
def test_the_forms_agree(form: str, levels: int) -> None:
    """numpy on the CPU is the measure; numba, torch and CUDA find the same."""
    generator = np.random.default_rng(levels)
    language = np.r_[np.zeros(10, int), np.full(LANE * 8 * 2 + 100, 2)]  # none of language 1
    names = [f"p{row}" for row in range(len(language))]
    layout = make_layout(language, tie_places(names), 3)
    scores = np.full((9, layout.width), -np.inf, dtype=np.float32)
    scores[:, layout.column] = generator.integers(0, levels, (9, len(language)))
    scores[0, layout.column] = 7
    row = np.sort(generator.integers(0, 9, 60))
    passage = generator.integers(0, len(language), 60)
    column = layout.column[passage]
    own = language[passage]
    own[::7] = -1  # the relevant passage is in another part of the pool
    pairs = TilePairs(row, scores[row, column], own, layout.tie_place[column])
    tile = torch.from_numpy(scores)
    expected, found = (TileCounts.zeros(60, 3) for _ in range(2))
    counting_numpy.count_tile(tile, pairs, layout, 10, expected)
    module, device = load_form(form)
    for times, k in enumerate((1, 10, 300), start=1):
        columns, values = module.count_tile(tile.to(device), pairs, layout, k, found)
        for name in ("higher", "tied", "earlier"):
            total = times * getattr(expected, name)  # each call adds
            np.testing.assert_array_equal(getattr(found, name), total, err_msg=name)
        order = np.lexsort((np.broadcast_to(layout.tie_place, scores.shape), -scores), axis=1)
        np.testing.assert_array_equal(columns, order[:, :k])
        np.testing.assert_array_equal(values, np.take_along_axis(scores, columns, axis=1))
    real = scores[:, layout.column]
    above = (real[row] > real[row, passage][:, None]) & (language == 2)
    np.testing.assert_array_equal(expected.higher[:, 2], above.sum(axis=1))
    if levels == 10**6:
        assert expected.higher[:, 2].max() > LANE * 8
        assert not found.tied[row > 0].any() or (own < 0).any()


def test_the_kernel_is_chosen_by_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert counting.form_of("numpy", cpu, 1e12) is counting_numpy
    assert counting.form_of("auto", cuda, 1e12) is counting_torch
    with pytest.raises(ValueError, match="kernel is 'c', not one of auto, numba, numpy"):
        counting.form_of("c", cpu, 1e12)
    monkeypatch.setattr(counting, "find_spec", lambda name: None)
    assert counting.form_of("auto", cpu, 1e12) is counting_numpy
    with pytest.raises(ValueError, match=r'"numba" needs the package numba: pip install'):
        counting.form_of("numba", cpu, 1e12)
    monkeypatch.undo()
    pytest.importorskip("numba")
    assert counting.form_of("auto", cpu, 1e12).__name__ == "hbt.counting_numba"
    monkeypatch.delitem(sys.modules, "hbt.counting_numba", raising=False)
    assert counting.form_of("auto", cpu, 1e3) is counting_numpy  # not worth the start
