"""What each measure of language bias sees, what it is blind to, and what else moves it, as data.

`larger_pool` and `better_retrieval` say what becomes of the value of a biased system when passages
that are relevant to nothing are added to the pool, in all languages alike, and when all relevant
passages are scored higher by the same amount: "up", "down", "moves" (either way) or "none". Tests
hold each of them against a simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measure:
    """A measure, with R relevant passages of a query among D in the pool, in L languages.

    Attributes:
        keys: its keys in `hbt.bias.summary`.
        name: as the field writes it.
        source: where it is from.
        range: values that it can have.
        better: which end is less biased.
        oracle: its mean where the relevant passages stand on top in random order.
        sees: what it looks at.
        blind_to: what it cannot tell.
        larger_pool: what a larger pool does to it.
        better_retrieval: what better retrieval does to it, bias untouched.
    """

    keys: tuple[str, ...]
    name: str
    source: str
    range: str
    better: str
    oracle: str
    sees: str
    blind_to: str
    larger_pool: str
    better_retrieval: str


MEASURES = (
    Measure(
        keys=("rank_distance",),
        name="rank distance",
        source="arXiv 2305.09025, 2408.10536",
        range="R - 1 to D - 1",
        better="lower",
        oracle="R - 1",
        sees="how far apart a query's best and worst relevant passage stand",
        blind_to="which language is in front; whether bias or bad retrieval put them apart",
        larger_pool="up",
        better_retrieval="down",
    ),
    Measure(
        keys=("max_rank",),
        name="Max@R",
        source="arXiv 2604.05684",
        range="R to D",
        better="lower",
        oracle="R",
        sees="where the worst relevant passage stands",
        blind_to="which language that is, and all other relevant passages",
        larger_pool="up",
        better_retrieval="down",
    ),
    Measure(
        keys=("max_rank_normalised",),
        name="Max@R, normalised",
        source="arXiv 2604.05684",
        range="0 to 100",
        better="higher",
        oracle="100",
        sees="the same on a logarithmic scale from R to D",
        blind_to="the same",
        larger_pool="down",
        better_retrieval="up",
    ),
    Measure(
        keys=("complete",),
        name="Complete@k",
        source="arXiv 2604.05684",
        range="0 to 1 (k at least R)",
        better="higher",
        oracle="1",
        sees="whether all relevant passages are in the top k",
        blind_to="by how much it was missed, and which language is missing",
        larger_pool="down",
        better_retrieval="up",
    ),
    Measure(
        keys=("target_language_recall",),
        name="TLR@k",
        source="arXiv 2606.18801",
        range="0 to 1 (k / R_target where less)",
        better="higher",
        oracle="1 (k at least R)",
        sees="how much of what is relevant in other languages is in the top k",
        blind_to="the own language: bad retrieval everywhere looks like bias",
        larger_pool="down",
        better_retrieval="up",
    ),
    Measure(
        keys=("peer",),
        name="PEER",
        source="arXiv 2405.00978",
        range="0 to 1",
        better="higher",
        oracle="about 1/2; a constant where every language has one relevant passage",
        sees="whether some language's relevant passages stand before another's",
        blind_to="which language; anything, where every language has one relevant passage",
        larger_pool="moves",
        better_retrieval="moves",
    ),
    Measure(
        keys=("peer_not_relevant",),
        name="PEER of grade 0, @k",
        source="arXiv 2405.00978",
        range="0 to 1",
        better="higher",
        oracle="1 (k at most R)",
        sees="whether wrong passages of some language stand before another's in the top k",
        blind_to="which language; a top k in one language alone, which is 1, as if it were fair",
        larger_pool="moves",
        better_retrieval="up",
    ),
    Measure(
        keys=("mean_rank_correlation",),
        name="MRC@k",
        source="arXiv 2509.06195",
        range="-100 to 100; about -75 for unrelated rankings",
        better="higher",
        oracle="0 (k = R)",
        sees="whether parallel queries rank alike what either of them ranks high",
        blind_to="a language that is in front for all queries; what is relevant",
        larger_pool="down",
        better_retrieval="up",
    ),
    Measure(
        keys=("removal_difference", "removal_same", "removal_other"),
        name="removal test",
        source="arXiv 2004.05484",
        range="-1 to 1",
        better="near 0",
        oracle="0",
        sees="how much of AP hangs on the relevant passage in the query's language",
        blind_to="bias between other languages; the order among relevant passages on top",
        larger_pool="moves",
        better_retrieval="down",
    ),
    Measure(
        keys=("bias_index", "own_language_surplus"),
        name="language mix of the top k",
        source="here; total variation distance",
        range="0 to 1; surplus -1 to 1",
        better="near 0",
        oracle="0",
        sees="which languages fill the top k, right and wrong, beside an unbiased mix",
        blind_to="the order within the top k and all below it; bias if all of the top is relevant "
        "and all that is relevant is in it",
        larger_pool="moves",
        better_retrieval="down",
    ),
    Measure(
        keys=("same_language_first", "same_language_pairs"),
        name="same-language preference",
        source="the question of arXiv 2605.07249; Mann-Whitney",
        range="0 to 1",
        better="near n_own / R (first), near 1/2 (pairs)",
        oracle="n_own / R; 1/2",
        sees="the order of equally relevant passages: own language against the others",
        blind_to="wrong passages between and before them; how far apart they stand; bias between "
        "other languages",
        larger_pool="none",
        better_retrieval="none",
    ),
)

COLUMNS = {
    "name": "measure",
    "range": "range",
    "better": "less biased",
    "oracle": "on the oracle",
    "sees": "what it sees",
    "blind_to": "what it is blind to",
    "larger_pool": "a larger pool",
    "better_retrieval": "better retrieval, same bias",
}


def measure_table() -> pd.DataFrame:
    """`MEASURES` as a table to show: one row for each measure, columns as in the documentation."""
    import pandas as pd

    rows = [[getattr(measure, name) for name in COLUMNS] for measure in MEASURES]
    return pd.DataFrame(rows, columns=list(COLUMNS.values()))
