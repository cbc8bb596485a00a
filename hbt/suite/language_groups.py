"""Groups of languages in the study of low-resource languages, and the directions of retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hbt.suite.worlds import World

if TYPE_CHECKING:
    import pandas as pd

GROUPS = ("high-resource", "in, related", "in, unrelated", "out, related", "out, unrelated")


def language_groups(world: World, count: int, seed: int) -> dict[str, tuple[str, ...]]:
    """The languages of each of GROUPS when `count` low-resource languages are in pre-training."""
    inside = set(world.low_resource_order(seed)[:count])
    groups: dict[str, tuple[str, ...]] = {GROUPS[0]: world.evaluated_languages}
    for name in GROUPS[1:]:
        place, kinship = name.split(", ")
        groups[name] = tuple(
            code
            for code in world.low_resource_languages
            if (code in inside) == (place == "in")
            and world.is_related(code) == (kinship == "related")
        )
    return groups


def directions(scores: pd.DataFrame, codes: Sequence[str], world: World) -> dict[str, pd.DataFrame]:
    """The cells of a group of languages in each direction; see `hbt.suite.low_resource_results`."""
    high = world.evaluated_languages
    cross = scores.setting.eq("cross-lingual")
    from_group, to_group = scores.query_language.isin(codes), scores.passage_language.isin(codes)
    return {
        "monolingual": scores[scores.setting.eq("monolingual") & from_group],
        "to high-resource": scores[cross & from_group & scores.passage_language.isin(high)],
        "from high-resource": scores[cross & to_group & scores.query_language.isin(high)],
        "multilingual": scores[scores.setting.eq("multilingual") & from_group],
    }
