"""Tests of differences: a p by flipping signs, Holm's correction, the smallest detectable effect.

Intervals are in `hbt.uncertainty`. They say how large a difference is; what is here says how easily
chance makes one, and what would have been too small to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hbt.resamples import check_level, checked
from hbt.uncertainty import RESAMPLES, difference
from hbt.units import UnitValues
from hbt.variances import variances

_SAME = 1e-9  # sums that differ by less, relative to the largest, are one sum in another order
_BLOCK = 1_000  # patterns of signs in one matrix product; keeps memory small


@dataclass(frozen=True)
class PermutationTest:
    """A paired sign-flip test of a mean difference.

    Attributes:
        estimate: the macro mean difference, averaged over seeds.
        p: two-sided p.
        n_units: units whose signs were flipped.
        n_flips: how many patterns of signs were looked at.
        exact: whether these were all patterns.
    """

    estimate: float
    p: float
    n_units: int
    n_flips: int
    exact: bool


def permutation_test(
    first: UnitValues | np.ndarray,
    second: UnitValues | np.ndarray,
    counts: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PermutationTest:
    """Paired permutation test of first minus second, by flipping the signs of whole units.

    If it does not matter which system is which, a unit's scores could as well have been the other
    way round, and its differences have the other sign (Fisher 1935, "The design of experiments",
    section 21). A flip turns a unit in all its cells and in all seeds at once. So seeds are held
    fixed: the p is that other questions give such a difference between these very runs by chance,
    and nothing is said about other seeds, however many there are (for these, see
    `hbt.uncertainty.Resamples.p_values`). Flipping seeds instead cannot go below 2 / 2^5 = 0.06
    with five of them.

    Args:
        first: float (n_seeds, n_units, n_cells) or `UnitValues`.
        second: the same of the other system.
        counts: int (n_units, n_cells), number of queries behind each value; 1 where not given.
        resamples: all 2^n_units patterns are looked at if they are no more than that (13 units with
            10,000); else so many are drawn, and the observed one counts as one of them, so that
            the p is valid and never zero (Phipson and Smyth 2010, "Permutation p-values should
            never be zero").
        seed: of the drawn patterns.

    Raises:
        ValueError: as `hbt.uncertainty.paired_difference`.
    """
    values, counts = difference(first, second, counts)
    return permutation_tests([values], counts, resamples=resamples, seed=seed)[0]


def permutation_tests(
    differences: Sequence[UnitValues | np.ndarray],
    counts: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[PermutationTest]:
    """`permutation_test` of many paired differences under the same flips.

    Args:
        differences: each float (n_seeds, n_units, n_cells) or `UnitValues.minus`, all with the same
            number of units.
        counts: queries behind each value of every difference that is an array; 1 where not given.
        resamples: as for `permutation_test`.
        seed: of the drawn patterns.

    Raises:
        ValueError: as `hbt.uncertainty.resample`.
    """
    if not differences:
        raise ValueError("at least one difference is needed, none was given")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")
    shares = [_shares(*checked(each, counts)) for each in differences]
    n_units = len(shares[0])
    if any(len(each) != n_units for each in shares):
        raise ValueError(f"differences of {sorted({len(each) for each in shares})} units")
    shares = np.stack(shares)
    exact = 2.0**n_units <= resamples
    least = np.abs(shares.sum(axis=1)) - _SAME * np.abs(shares).sum(axis=1)
    as_large = np.zeros(len(shares), dtype=int)
    for flips in _all_signs(n_units) if exact else _drawn_signs(n_units, resamples, seed):
        as_large += (np.abs(shares @ flips.T) >= least[:, None]).sum(axis=1)
    n_flips = 2**n_units if exact else resamples
    p = as_large / n_flips if exact else (1 + as_large) / (1 + n_flips)
    return [
        PermutationTest(float(share.sum()), float(each), n_units, n_flips, exact)
        for share, each in zip(shares, p, strict=True)
    ]


def _shares(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """What each unit adds to the macro mean over cells and seeds: float64 (n_units,)."""
    return (values.mean(axis=0) * counts / counts.sum(axis=0)).mean(axis=1)


def _all_signs(n: int) -> Iterator[np.ndarray]:
    """Every pattern of n signs, in blocks: float64 (n_rows, n)."""
    for start in range(0, 2**n, _BLOCK):
        patterns = np.arange(start, min(start + _BLOCK, 2**n))
        yield 1.0 - 2.0 * (patterns[:, None] >> np.arange(n) & 1)


def _drawn_signs(n: int, rows: int, seed: int) -> Iterator[np.ndarray]:
    random = np.random.default_rng(seed)
    for start in range(0, rows, _BLOCK):
        yield 2.0 * random.integers(0, 2, (min(_BLOCK, rows - start), n), dtype=np.int8) - 1.0


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm's correction for many tests: float64 (n,), in the order that came.

    The i-th smallest of n is multiplied by n - i + 1; none falls below a smaller one's, none rises
    above 1. Calling every row with a corrected p below 0.05 a finding makes any false finding in
    the table at most 5 % likely, however the tests depend on each other (Holm 1979, "A simple
    sequentially rejective multiple test procedure").

    Raises:
        ValueError: not a list of numbers from 0 to 1.
    """
    p = np.asarray(p, dtype=float)
    if p.ndim != 1:
        raise ValueError(f"p-values must be a list, not of shape {p.shape}")
    wrong = p[~((p >= 0) & (p <= 1))]
    if len(wrong):
        raise ValueError(f"p-values lie between 0 and 1, not {wrong[0]}")
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    factors = np.arange(len(p), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return corrected


def minimum_detectable_effect(
    values: UnitValues | np.ndarray,
    counts: np.ndarray | None = None,
    *,
    level: float = 0.95,
    power: float = 0.8,
) -> float:
    """The smallest true difference that these data would mostly have shown.

    With a true difference of that size, the interval of that level would leave zero out in a share
    `power` of repetitions with as many units and seeds (Bloom 1995, "Minimum detectable effects"):

        half + t_power * se,   half = sqrt(sum_i (t_i * se_i)^2) * se / sqrt(sum_i se_i^2)

    half is half the length of the interval. i goes over what `hbt.uncertainty.interval` draws:
    units, and seeds from five on; se_i and se are the standard errors of `hbt.variances`. t_i is
    Student's quantile (1 + level) / 2 with n_i - 1 degrees of freedom, and t_power that of
    `power`, with (sum_i se_i^2)^2 / sum_i (se_i^4 / (n_i - 1)) degrees of freedom (Satterthwaite
    1946, Biometrics Bulletin 2). With fewer seeds it speaks, like the interval, of these very
    seeds.

    Args:
        values: the paired differences, float (n_seeds, n_units, n_cells) or `UnitValues.minus`.
        counts: int (n_units, n_cells), number of queries behind each value; 1 where not given.
        level: level of the interval, 0.95 for tests at 0.05.
        power: how often the effect would be shown.

    Returns:
        The effect, in the unit of the values; 0 where nothing varies.

    Raises:
        ValueError: as `hbt.uncertainty.interval`, or a power outside 0 to 1.
    """
    from scipy import stats

    check_level(level)
    if not 0 < power < 1:
        raise ValueError(f"power must lie between 0 and 1, not {power}")
    values, counts = checked(values, counts)
    spread = variances(values, counts, np.zeros(values.shape[2], dtype=int))
    parts = np.array([spread.units[0], spread.seeds[0]])
    if not parts.sum() > 0:
        return 0.0
    freedom = np.array([spread.n_units[0] - 1, max(spread.n_seeds - 1, 1)])
    quantiles = stats.t.ppf((1 + level) / 2, freedom)
    half = np.sqrt((quantiles**2 * parts).sum()) * spread.once[0]
    joint_freedom = parts.sum() ** 2 / (parts**2 / freedom).sum()
    return float(half + stats.t.ppf(power, joint_freedom) * np.sqrt(spread.joint[0]))
