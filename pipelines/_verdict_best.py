"""One pipeline, mostly the best, against each of the others: fewer comparisons than all pairs, and the ones that matter
to whoever has to choose."""

import numpy as np
import pandas as pd
from scipy import stats

from ._holm import holm
from ._student import Estimate
from ._verdict_pairs import CORRECTED_T, UNDECIDED, judged

TOO_WIDE = 2.0
"""With fewer splits than `enough_splits` an interval is more than so many times as wide as many splits make it."""

_MOST = 50

_COLUMNS = (
    "verdict",
    "slight",
    "difference",
    "low",
    "high",
    "p",
    "p_adjusted",
    "probability_better",
    "probability_equivalent",
    "probability_worse",
    "n_more_splits",
)


def against(seen: dict[str, pd.Series], rope: float, alpha: float) -> pd.DataFrame:
    """Judge the pairs of one pipeline alone, all of them together.

    Parameters
    ----------
    seen : dict of Series
        By the other pipeline, the pair as in `Verdicts.frame`, from the side of the one.
    rope, alpha : float

    Returns
    -------
    DataFrame
        See `Verdicts.against`.
    """
    tested = {other: pair["p"] for other, pair in seen.items() if not np.isnan(pair["p"])}
    adjusted, _ = holm(np.array([*tested.values()], dtype=float))
    p_adjusted = dict(zip(tested, adjusted.tolist(), strict=True))
    n_left = max(1, int((adjusted > alpha).sum()))
    rows = [_judged(pair, p_adjusted.get(other), (len(tested), n_left), rope, alpha) for other, pair in seen.items()]
    kinds = dict.fromkeys(_COLUMNS, "float64") | {"verdict": "str", "slight": "bool", "n_more_splits": "Int64"}
    return pd.DataFrame(rows, index=list(seen), columns=list(_COLUMNS)).astype(kinds)


def _judged(
    pair: pd.Series, p_adjusted: float | None, counts: tuple[int, int], rope: float, alpha: float
) -> dict[str, object]:
    """Judge one of the pairs; *counts* says how many there are, and how many of them Holm's procedure leaves open.

    The intervals go with Holm's procedure: those of open pairs share alpha among them; those of the others hold for all
    pairs at once, and end at 0 if need be.
    """
    numbers = {name: pair[name] for name in _COLUMNS if name in pair}
    if p_adjusted is None:
        return numbers | {"p_adjusted": np.nan}
    sd, error, df = (pair[name] for name in ("standard_deviation", "standard_error", "degrees_of_freedom"))
    shared = (error / sd) ** 2 - 1 / pair["n_splits"] if pair["test"] == CORRECTED_T else 0.0
    estimate = Estimate(pair["difference"], error, df, sd, shared)
    verdict, slight = judged(estimate, p_adjusted, rope, alpha)
    n_tests, n_left = counts
    low, high = estimate.interval(alpha / (n_left if p_adjusted > alpha else n_tests))
    if p_adjusted <= alpha:
        low, high = (max(low, 0.0), high) if estimate.mean > 0 else (low, min(high, 0.0))
    more = pair["n_more_splits"]
    if pair["test"] == CORRECTED_T:
        found = estimate.more_splits(alpha / n_left, alpha, rope) if verdict == UNDECIDED else 0
        more = pd.NA if found is None else found
    return numbers | {
        "verdict": verdict,
        "slight": slight,
        "low": low,
        "high": high,
        "p_adjusted": p_adjusted,
        "n_more_splits": more,
    }


def enough_splits(n_pipelines: int, alpha: float = 0.05) -> int:
    """Return how many splits it takes, at least, to tell the best of so many pipelines from the others.

    From few splits the spread itself is hardly known, and the more so the surer one has to be: the quantile of
    Student's distribution at ``alpha / (n_pipelines - 1)`` then is a multiple of the normal one. With as many splits as
    returned, it is at most twice that.

    Examples
    --------
    >>> [enough_splits(n) for n in (2, 5, 10, 20)]
    [4, 5, 5, 6]
    """
    tail = alpha / max(1, n_pipelines - 1) / 2
    widest = TOO_WIDE * stats.norm.isf(tail)
    return next(n for n in range(3, _MOST) if n == _MOST - 1 or stats.t.isf(tail, n - 1) <= widest)


def few_splits(n_pipelines: int, n_splits: int, alpha: float = 0.05) -> str:
    """Say that so few splits cannot tell so many pipelines apart, and how many would do; nothing if they are enough.

    Examples
    --------
    >>> few_splits(5, 3)
    '3 splits are too few to tell 5 pipelines apart: intervals are 3.5 times as wide as many splits would make ...'
    >>> few_splits(5, 10)
    ''
    """
    enough = enough_splits(n_pipelines, alpha)
    if n_pipelines < 2 or n_splits >= enough:
        return ""
    advice = f"Ask for {enough} splits or more."
    if n_splits < 2:
        return f"One split cannot show how scores vary from split to split. {advice}"
    tail = alpha / (n_pipelines - 1) / 2
    times = stats.t.isf(tail, n_splits - 1) / stats.norm.isf(tail)
    return (
        f"{n_splits} splits are too few to tell {n_pipelines} pipelines apart: intervals are {times:.2g} times as wide "
        f"as many splits would make them. {advice}"
    )
