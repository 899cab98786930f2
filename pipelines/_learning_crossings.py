"""Where two learning curves cross, and how sure that is: bootstrap over the splits."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 1e-12  # mean differences up to this are rounding: nobody leads


CROSSING_COLUMNS = [
    "first",
    "second",
    "leader",
    "leader_at_smallest",
    "size",
    "low",
    "high",
    "share",
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
        sizes by straight lines over the logarithm of the size; NaN where the curves do not cross.
    low, high : float
        Percentile interval of that size over resampled splits. 0 means "below the smallest size measured", infinity
        "above the largest, or never"; NaN with a single split or no leader.
    n_crossings : int
        How often the lead changes between the sizes measured.
    share : float
        Share of the resamples in which the lead changes inside the sizes measured; NaN with a single split.
    """

    leads_first: int
    leads_last: int
    size: float
    low: float
    high: float
    n_crossings: int
    share: float


def find_crossing(
    sizes: NDArray[np.float64],
    differences: NDArray[np.float64],
    *,
    n_resamples: int,
    confidence: float,
    random_state: int | None,
) -> Crossing:
    """Locate the crossing of two curves.

    Parameters
    ----------
    sizes : ndarray, `(n_sizes,)`
        Training images per class, ascending; at least two.
    differences : ndarray, `(n_splits, n_sizes)`
        Score of the one minus score of the other, on the same split.
    n_resamples, confidence, random_state : int, float, int
        Resamples of the splits, with replacement; coverage of the interval; seed.
    """
    mean = _cleaned(differences.mean(axis=0))
    signs = np.sign(mean).astype(int)
    leader = int(signs[-1])
    changes = signs[signs != 0]
    n_crossings = int((np.diff(changes) != 0).sum())
    nowhere = Crossing(int(signs[0]), leader, np.nan, np.nan, np.nan, n_crossings, np.nan)
    if leader == 0:
        return nowhere
    taken = _taken(np.log(sizes), leader * mean[None])[0]
    size = float(taken) if 0 < taken < np.inf and n_crossings else np.nan
    if len(differences) < 2:
        return Crossing(int(signs[0]), leader, size, np.nan, np.nan, n_crossings, np.nan)
    rng = np.random.default_rng(random_state)
    draws = rng.multinomial(len(differences), np.full(len(differences), 1 / len(differences)), size=n_resamples)
    found = _taken(np.log(sizes), leader * _cleaned(draws @ differences / len(differences)))
    tail = (1 - confidence) / 2
    # order statistics: infinities cannot be interpolated
    low = float(np.quantile(found, tail, method="lower"))
    high = float(np.quantile(found, 1 - tail, method="higher"))
    inside = float(np.mean((found > 0) & np.isfinite(found)))
    return Crossing(int(signs[0]), leader, size, low, high, n_crossings, inside)


def _cleaned(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(differences) <= LEVEL, 0.0, differences)


def _taken(logs: NDArray[np.float64], leads: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the size from which each row of *leads*, `(n_rows, n_sizes)`, stays positive.

    0 where it is positive throughout, infinity where it is not positive at the largest size.
    """
    behind = leads <= 0
    last = leads.shape[1] - 1 - np.argmax(behind[:, ::-1], axis=1)  # the last size at which it does not lead
    rows = np.arange(len(leads))
    following = np.minimum(last + 1, leads.shape[1] - 1)
    before, after = leads[rows, last], leads[rows, following]
    step = np.divide(-before, after - before, out=np.zeros(len(leads)), where=after > before)
    size = np.exp(logs[last] + step * (logs[following] - logs[last]))
    size = np.where(behind[:, -1], np.inf, size)
    return np.where(behind.any(axis=1), size, 0.0)


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
        "share": crossing.share,
        "n_crossings": crossing.n_crossings,
    }
    return row | {"sentence": _sentence(row, sizes, confidence)}


def _sentence(row: dict[str, Any], sizes: NDArray[np.float64], confidence: float) -> str:
    """Say the crossing in plain words."""
    low, high = f"{sizes[0]:g}", f"{sizes[-1]:g}"
    leader, size = row["leader"], row["size"]
    other = row["first"] if leader == row["second"] else row["second"]
    if leader is None:
        return f"{row['first']} and {row['second']} are level at {high} training images per class."
    if math.isnan(size):
        text = f"{leader} is ahead of {other} at every size measured, {low} to {high} training images per class"
    else:
        often = f"; the lead changes {row['n_crossings']} times" if row["n_crossings"] > 1 else ""
        text = f"{leader} is ahead of {other} from {_rounded(size)} training images per class on{often}"
    if math.isnan(row["low"]):
        return f"{text} (one split: no interval)."
    edges = (
        f"below {low}" if row["low"] == 0 else _rounded(row["low"]),
        f"above {high}" if math.isinf(row["high"]) else _rounded(row["high"]) if row["high"] else f"below {low}",
    )
    if math.isnan(size) and row["high"] == 0:
        return f"{text}, in {100 * confidence:g} % of the resamples or more."
    told = f"({100 * confidence:g} % interval: {edges[0]} to {edges[1]})"
    return (
        f"{text} {told}." if not math.isnan(size) else f"{text}, but other draws could put the lead elsewhere {told}."
    )


def _rounded(size: float) -> str:
    return f"{size:.1f}" if size < 10 else f"{size:.0f}"
