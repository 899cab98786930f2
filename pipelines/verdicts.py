"""Better, equivalent or undecided: what a comparison says about every pair of pipelines, and how surely."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eyecraft.features._checks import check_choice, check_number

from ._student import Estimate
from ._verdict_best import against
from ._verdict_pairs import Pair, judge_pairs
from ._verdict_words import sentence

if TYPE_CHECKING:
    from .comparison import Comparison

_COLUMNS = {
    "first": "str",
    "second": "str",
    "verdict": "str",
    "slight": "bool",
    "difference": "float64",
    "low": "float64",
    "high": "float64",
    "p": "float64",
    "p_holm": "float64",
    "probability_better": "float64",
    "probability_equivalent": "float64",
    "probability_worse": "float64",
    "effect_size": "float64",
    "smallest_detectable": "float64",
    "n_more_splits": "Int64",
    "n_splits": "int64",
    "test": "str",
    "standard_deviation": "float64",
    "standard_error": "float64",
    "degrees_of_freedom": "float64",
    "p_mcnemar": "float64",
    "p_permutation": "float64",
    "sentence": "str",
    "note": "str",
}
_TURNED = {
    "first": "second",
    "low": "high",
    "probability_better": "probability_worse",
}
_OPPOSITE = {"better": "worse"}


@dataclass(frozen=True, eq=False, repr=False)
class Verdicts:
    """What is known about every pair of pipelines; made by `verdicts`.

    Attributes
    ----------
    metric : str
    rope : float
        Differences up to this size make no practical difference.
    alpha : float
        Level of the tests.
    pairs : DataFrame
        See `frame`.
    """

    metric: str
    rope: float
    alpha: float
    pairs: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return one row per pair, the pairs of the best pipeline first.

        Returns
        -------
        frame : DataFrame
            ``first, second``: the first has the higher mean on the splits that both finished. ``verdict``: "better"
            (the first), "equivalent" or "undecided"; ``slight``: better, but probably by less than ``rope``.
            ``difference`` (of means) with the ends ``low, high`` of its
            interval at ``1 - alpha``, for this pair alone; ``p`` (two-sided) and ``p_holm``;
            ``probability_better, probability_equivalent, probability_worse``; ``effect_size`` (difference over its
            standard deviation from split to split, or from image to image where there is one split);
            ``smallest_detectable`` (found with a power of 80 %); ``n_more_splits`` (0 if settled; missing if 1,000 more
            would not do, or where there are no splits to test by); ``n_splits`` that both finished; ``test``
            ("corrected t", "McNemar", "permutation", or "none"); ``standard_deviation`` of single differences,
            ``standard_error`` (corrected) and ``degrees_of_freedom`` of their mean; ``p_mcnemar, p_permutation`` (one
            split only); ``sentence``; ``note`` (what to bear in mind, or nothing).
            A number that cannot be had is missing, and the sentence says why.
        """
        return self.pairs.copy()

    def between(self, one: str, other: str) -> pd.Series:
        """Return the row of two pipelines as seen from *one*: its verdict may then be "worse".

        Raises
        ------
        ValueError
            A name is not among the pipelines, or both are the same.
        """
        names = self.names
        check_choice("one", one, names)
        check_choice("other", other, [name for name in names if name != one])
        pairs = self.pairs
        found = pairs[(pairs["first"] == one) & (pairs["second"] == other)]
        return found.iloc[0] if len(found) else _turned(pairs, one, other)

    def against(self, one: str | None = None) -> pd.DataFrame:
        """Judge one pipeline against each of the others, these comparisons alone.

        That is what a choice rests on: n comparisons have to hold at once, in place of all n (n + 1) / 2 pairs.

        Parameters
        ----------
        one : str, optional
            The best unless told.

        Returns
        -------
        frame : DataFrame
            One row per other pipeline, best first, as seen from *one*: ``verdict`` ("better", "equivalent",
            "undecided" or "worse"), ``slight, difference``; ``low, high``, intervals that hold all together with a
            probability of at least ``1 - alpha``; ``p`` and ``p_adjusted`` (Holm, over these alone);
            ``probability_better, probability_equivalent, probability_worse``; ``n_more_splits``.

        Notes
        -----
        Where *one* has the highest mean, "better" says that the other is ruled out as the best: with a probability of
        at least ``1 - alpha`` the truly best pipeline is *one* or among those not ruled out [1]_. That *one* itself is
        the best is shown only if all the others are ruled out.

        .. [1] S. S. Gupta (1965), On some multiple decision (selection and ranking) rules, Technometrics 7(2), 225-245
        """
        names = self.names
        if one is not None or names:
            one = names[0] if one is None else one
            check_choice("one", one, names)
        others = [name for name in names if name != one]
        return against({other: self.between(str(one), other) for other in others}, self.rope, self.alpha)

    def matrix(self) -> pd.DataFrame:
        """Return verdicts with a row and a column per pipeline, best first: row against column, "" on the diagonal."""
        names = self.names
        table = pd.DataFrame("", index=names, columns=names)
        for pair in self.pairs.itertuples():
            table.loc[pair.first, pair.second] = pair.verdict
            table.loc[pair.second, pair.first] = _OPPOSITE.get(pair.verdict, pair.verdict)
        return table

    def power(self, difference: float) -> pd.Series:
        """Return for each pair how probable it is that a run like this one finds a true difference of that size.

        Found means ``p <= alpha / n`` for n pairs, which Holm's procedure always accepts. This is the power for the
        spread that was seen, and the lowest over splits that depend on each other as strongly as the correction allows
        for, or less: over many runs, at least the mean of what they promise is found. Missing where nothing was tested.

        Parameters
        ----------
        difference : float
            In the unit of the metric: 0.03 for three points of accuracy.
        """
        check_number("difference", difference)
        tested = self.pairs["p"].notna()
        alpha = self.alpha / max(1, int(tested.sum()))
        columns = [self.pairs[f"standard_{part}"] for part in ("error", "deviation")]
        power = [
            Estimate(0.0, error, df, sd).power(difference, alpha) if known else np.nan
            for known, error, sd, df in zip(tested, *columns, self.pairs["degrees_of_freedom"], strict=True)
        ]
        return pd.Series(power, index=self.pairs.index, name="power", dtype="float64")

    @property
    def names(self) -> list[str]:
        """The pipelines, best first."""
        return list(dict.fromkeys([*self.pairs["first"], *self.pairs["second"]]))

    def __repr__(self) -> str:
        told = self.pairs["sentence"] + (" " + self.pairs["note"]).where(self.pairs["note"] != "", "")
        return "\n".join(told) if len(told) else "There are no two pipelines to compare."


def verdicts(comparison: "Comparison", metric: str | None = None, rope: float = 0.01, alpha: float = 0.05) -> Verdicts:
    """Judge every pair of pipelines: better, equivalent or undecided.

    Parameters
    ----------
    comparison : Comparison
        From `eyecraft.pipelines.compare`.
    metric : str, optional
        One of the comparison's; its first if not given. Higher is better.
    rope : float, default=0.01
        Region of practical equivalence, in the unit of the metric: differences up to one point of accuracy do not
        matter.
    alpha : float, default=0.05
        A pair is *better* if its p, adjusted for the number of pairs, is at most *alpha*; *equivalent*, whatever p is,
        if the difference lies within the region with a probability of at least ``1 - alpha``; *undecided* otherwise.

    Returns
    -------
    Verdicts
        With `Verdicts.frame`. Pipelines that failed are in it; their sentences say so.

    Raises
    ------
    ValueError
        The comparison lacks the metric, or a number is out of range.

    Notes
    -----
    1. Several splits. Over the J splits that both finished, the differences have mean m and variance s² (J - 1).
       Splits share images, so ``s² / J`` is too small; with ``e² = (1/J + n_test/n_train) s²``, t = m / e has J - 1
       degrees of freedom [1]_. The interval is ``m ± t(1 - alpha/2) e``. Sizes that differ between splits enter by
       their means.
    2. The same Student distribution about m is the posterior of the correlated Bayesian t-test [2]_; its mass above,
       within and below the region are the three probabilities.
    3. P-values are adjusted over all pairs that could be tested [3]_. The smallest detectable difference is e times
       the noncentrality with which t exceeds ``t(1 - alpha / (2 n))`` for n pairs in 80 % of runs.
    4. More splits shrink ``1/J`` and leave ``n_test/n_train``: where the difference is small beside that, no number of
       splits settles the matter and more images are needed. The correction is generous where a split tests on more
       images than it trains on; ``benchmarks/false_alarms.py`` measures how often it errs, and what it finds.
    5. One fixed split, such as the official one of a data set. Spread from split to split cannot be seen, and the
       verdict rests on the test images alone: McNemar's exact test [4]_ for accuracy; for mean per-class accuracy the
       two answers to each image are exchanged at random within its class. Interval and probabilities are those of a
       normal distribution, with the sum over classes of ``m / (K n)²`` for the squared error (K classes, m of n images
       answered differently, and one image of an average class added). It says nothing about other training sets, and
       the sentence says so. Other metrics are not tested. One random split (a splitter with ``n_splits=1``) gets no
       verdict: the p-values are told, but the next draw would have other test images.
    6. No spread (the same difference on every split) leaves nothing to test by. The verdict is *equivalent* if all
       answers are the same, else *undecided*.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio (2003), Inference for the generalization error, Machine Learning 52, 239-281,
       https://doi.org/10.1023/A:1024068626366
    .. [2] A. Benavoli, G. Corani, J. Demsar and M. Zaffalon (2017), Time for a change: a tutorial for comparing
       multiple classifiers through Bayesian analysis, JMLR 18(77), https://jmlr.org/papers/v18/16-305.html
    .. [3] S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics
       6, 65-70, https://www.jstor.org/stable/4615733
    .. [4] Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions or
       percentages, Psychometrika 12, 153-157, https://doi.org/10.1007/BF02295996

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from eyecraft.pipelines import compare
    >>> from eyecraft.pipelines.verdicts import verdicts
    >>> pipelines = {
    ...     "always cat": DummyClassifier(strategy="most_frequent"),
    ...     "at random": DummyClassifier(strategy="uniform", random_state=0),
    ... }
    >>> images, labels = np.zeros((90, 6, 6), dtype=np.uint8), ["cat", "cat", "dog"] * 30
    >>> told = verdicts(compare(pipelines, images, labels, cv=5))
    >>> told.frame()[["first", "second", "verdict", "difference", "p"]].round(4)
            first     second    verdict  difference       p
    0  always cat  at random  undecided         0.2  0.1087
    >>> told.frame()["n_more_splits"].tolist()
    [5]
    """
    metrics = list(comparison.protocol["metrics"])
    metric = metrics[0] if metric is None else metric
    check_choice("metric", metric, metrics)
    check_number("rope", rope, at_least=0)
    check_number("alpha", alpha, above=0, at_most=0.5)
    records = [_record(pair, metric, rope, alpha) for pair in judge_pairs(comparison, metric, rope, alpha)]
    frame = pd.DataFrame(
        {name: pd.Series([record[name] for record in records], dtype=kind) for name, kind in _COLUMNS.items()}
    )
    return Verdicts(metric, float(rope), float(alpha), frame)


def _record(pair: Pair, metric: str, rope: float, alpha: float) -> dict[str, Any]:
    estimate = pair.estimate
    low, high = (np.nan, np.nan) if estimate is None else estimate.interval(alpha)
    better, equivalent, worse = pair.probabilities or (np.nan, np.nan, np.nan)
    return {
        "first": pair.first,
        "second": pair.second,
        "verdict": pair.verdict,
        "slight": pair.slight,
        "difference": pair.difference,
        "low": low,
        "high": high,
        "p": pair.p,
        "p_holm": pair.p_holm,
        "probability_better": better,
        "probability_equivalent": equivalent,
        "probability_worse": worse,
        "effect_size": np.nan if estimate is None else estimate.mean / estimate.sd,
        "smallest_detectable": pair.smallest,
        "n_more_splits": pd.NA if pair.n_more is None else pair.n_more,
        "n_splits": len(pair.splits),
        "test": pair.test,
        "standard_deviation": np.nan if estimate is None else estimate.sd,
        "standard_error": np.nan if estimate is None else estimate.error,
        "degrees_of_freedom": np.nan if estimate is None else estimate.df,
        "p_mcnemar": pair.p_mcnemar,
        "p_permutation": pair.p_permutation,
        "sentence": sentence(pair, metric, rope, alpha),
        "note": " ".join(pair.notes),
    }


def _turned(pairs: pd.DataFrame, one: str, other: str) -> pd.Series:
    """Return the row of ``(other, one)`` with the sides exchanged."""
    row = pairs[(pairs["first"] == other) & (pairs["second"] == one)].iloc[0].copy()
    for left, right in _TURNED.items():
        row[left], row[right] = row[right], row[left]
    for signed in ("difference", "low", "high", "effect_size"):
        row[signed] = -row[signed]
    row["verdict"] = _OPPOSITE.get(row["verdict"], row["verdict"])
    return row
