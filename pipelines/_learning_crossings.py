"""Where two learning curves cross, and how sure that is: the sizes at which neither is clearly ahead."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 1e-12  # mean differences up to this are rounding: nobody leads
_BETWEEN = 32  # places between two sizes at which the difference is looked at


CROSSING_COLUMNS = [
    "first",
    "second",
    "leader",
    "leader_at_smallest",
    "size",
    "low",
    "high",
    "n_crossings",
    "n_splits",
    "sentence",
]


@dataclass(frozen=True)
class Crossing:
    """Where the curve that leads at the largest size takes the lead for good.

    Parameters
    ----------
    leads_first, leads_last : int
        Sign of the mean difference at the smallest and the largest size; 0 is level.
    size : float
        Training images per class at which the leader at the largest size takes the lead for good, between two measured
        sizes by straight lines over the logarithm of the size; NaN where it leads at every size measured.
    low, high : float
        Interval of that size: from where the leader is no longer clearly behind to where it is clearly ahead for good.
        0 means "below the smallest size measured", infinity "above the largest, or never"; NaN with a single split or
        no leader.
    n_crossings : int
        How often the lead changes between the sizes measured.
    level : float
        The last size measured at which the two are exactly level, if the leader leads from there on; else NaN.
    """

    leads_first: int
    leads_last: int
    size: float
    low: float
    high: float
    n_crossings: int
    level: float = math.nan


def find_crossing(
    sizes: NDArray[np.float64], differences: NDArray[np.float64], *, confidence: float, ratio: float
) -> Crossing:
    """Locate the crossing of two curves.

    Parameters
    ----------
    sizes : ndarray, `(n_sizes,)`
        Training images per class, ascending; at least two.
    differences : ndarray, `(n_splits, n_sizes)`
        Score of the one minus score of the other, on the same split.
    confidence : float
        Coverage of the interval.
    ratio : float
        What the splits share, as the corrected t-test takes it (see `corrected_t`); 0 where they share nothing.

    Notes
    -----
    The interval inverts a test: it holds the sizes at which the corrected t interval of the difference contains 0
    (Nadeau & Bengio 2003), after the last size at which the leader is clearly behind. Between two measured sizes each
    split's difference is linear in the logarithm of the size.
    """
    mean = _cleaned(differences.mean(axis=0))
    signs = np.sign(mean).astype(int)
    leader = int(signs[-1])
    changes = signs[signs != 0]
    n_crossings = int((np.diff(changes) != 0).sum())
    if leader == 0:
        return Crossing(int(signs[0]), leader, np.nan, np.nan, np.nan, n_crossings)
    taken = _taken(np.log(sizes), leader * mean)
    size = taken if 0 < taken < np.inf else np.nan
    behind = np.flatnonzero(leader * mean <= 0)
    level = float(sizes[behind[-1]]) if len(behind) and mean[behind[-1]] == 0 else np.nan
    n_splits = len(differences)
    if n_splits < 2:
        return Crossing(int(signs[0]), leader, size, np.nan, np.nan, n_crossings, level)
    places = _places(np.log(sizes))
    leads = leader * np.array([np.interp(places, np.log(sizes), split) for split in differences])
    error = np.sqrt((1 / n_splits + ratio) * leads.var(axis=0, ddof=1))
    reach = stats.t.isf((1 - confidence) / 2, n_splits - 1) * error
    middle = _cleaned(leads.mean(axis=0))
    low, high = _taken(places, middle + reach), _taken(places, middle - reach)
    return Crossing(int(signs[0]), leader, size, low, high, n_crossings, level)


def _places(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of the sizes, with some between each two."""
    steps = np.arange(0, len(logs) - 1 + 0.5 / _BETWEEN, 1 / _BETWEEN)
    return np.interp(steps, np.arange(len(logs)), logs)


def _cleaned(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(differences) <= LEVEL, 0.0, differences)


def _taken(logs: NDArray[np.float64], leads: NDArray[np.float64]) -> float:
    """Return the size from which *leads*, `(n_sizes,)`, stay positive.

    0 where they are positive throughout, infinity where they are not at the largest size.
    """
    behind = np.flatnonzero(leads <= 0)
    if not len(behind):
        return 0.0
    last = int(behind[-1])
    if last == len(leads) - 1:
        return math.inf
    before, after = leads[last], leads[last + 1]
    return float(np.exp(logs[last] - before / (after - before) * (logs[last + 1] - logs[last])))


def crossing_row(
    first: str,
    second: str,
    crossing: Crossing | None,
    sizes: NDArray[np.float64],
    n_splits: int,
    confidence: float,
) -> dict[str, Any]:
    """Return one row of `LearningCurves.crossings`; the differences were *second* minus *first*."""
    row: dict[str, Any] = dict.fromkeys(CROSSING_COLUMNS, float("nan"))
    row |= {"first": first, "second": second, "leader": None, "leader_at_smallest": None}
    row |= {"n_crossings": 0, "n_splits": n_splits}
    if crossing is None:
        sentence = f"{first} and {second} cannot be compared: they have no two sizes with scores on the same splits."
        return row | {"sentence": sentence}
    names = {1: second, -1: first, 0: None}
    row |= {
        "leader": names[crossing.leads_last],
        "leader_at_smallest": names[crossing.leads_first],
        "size": crossing.size,
        "low": crossing.low,
        "high": crossing.high,
        "n_crossings": crossing.n_crossings,
    }
    return row | {"sentence": _sentence(row, sizes, confidence, crossing.level)}


def _sentence(row: dict[str, Any], sizes: NDArray[np.float64], confidence: float, level: float) -> str:
    """Say the crossing in plain words."""
    low, high = f"{sizes[0]:g}", f"{sizes[-1]:g}"
    leader, size = row["leader"], row["size"]
    other = row["first"] if leader == row["second"] else row["second"]
    if leader is None:
        return f"{row['first']} and {row['second']} are level at {high} training images per class."
    often = f"; the lead changes {row['n_crossings']} times" if row["n_crossings"] > 1 else ""
    if not math.isnan(level):
        following = f"{sizes[sizes > level][0]:g}"
        text = f"{leader} is ahead of {other} from {following} training images per class on, level at {level:g}{often}"
    elif math.isnan(size):
        text = f"{leader} is ahead of {other} at every size measured, {low} to {high} training images per class"
    else:
        text = f"{leader} is ahead of {other} from {_rounded(size)} training images per class on{often}"
    if math.isnan(row["low"]):
        return f"{text} (one split: no interval)."
    edges = (
        f"below {low}" if row["low"] == 0 else _rounded(row["low"]),
        f"above {high}" if math.isinf(row["high"]) else _rounded(row["high"]) if row["high"] else f"below {low}",
    )
    if math.isnan(size) and row["high"] == 0:
        return f"{text}, clearly at each ({100 * confidence:g} % intervals)."
    told = f"({100 * confidence:g} % interval: {edges[0]} to {edges[1]})"
    return (
        f"{text} {told}." if not math.isnan(size) else f"{text}, but other draws could put the lead elsewhere {told}."
    )


def _rounded(size: float) -> str:
    return f"{size:.1f}" if size < 10 else f"{size:.0f}"
