"""Pipelines ranked over several data sets: average ranks, and which of them differ by more than chance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from eyecraft.features._checks import check_choice, check_number

from ._holm import holm

if TYPE_CHECKING:
    from .comparison import Comparison

_DIGITS = 12  # scores that agree to so many are a tie
_FEWEST = 6  # data sets; below, Wilcoxon's two-sided p cannot reach 0.05


@dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """Ranks of pipelines over several data sets, and the numbers of a rank diagram; made by `rank`.

    Attributes
    ----------
    metric : str
    alpha : float
    scores : DataFrame
        A row per data set, a column per pipeline: mean over splits.
    ranks : DataFrame
        The same shape; 1 is best, ties share their mean.
    friedman_statistic, friedman_p : float or None
        Friedman's test that all pipelines rank alike; None for two pipelines.
    critical_difference : float
        Nemenyi's: average ranks that differ by at least this differ by more than chance.
    pairs : DataFrame
        ``first, second`` (the first ranks better or as well), ``rank_difference, p_nemenyi, p_wilcoxon, p_holm``
        (Wilcoxon's, adjusted over pairs).
    unlike : tuple of str
        Pipelines whose parameters are not the same on all data sets: recipes choose other ones for small images, and
        what is ranked then is the recipe.
    """

    metric: str
    alpha: float
    scores: pd.DataFrame
    ranks: pd.DataFrame
    friedman_statistic: float | None
    friedman_p: float | None
    critical_difference: float
    pairs: pd.DataFrame
    unlike: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return ``pipeline, average_rank, mean_score, n_first`` (data sets where it is best or level), best first."""
        table = pd.DataFrame(
            {
                "average_rank": self.ranks.mean(),
                "mean_score": self.scores.mean(),
                "n_first": self.ranks.eq(self.ranks.min(axis=1), axis=0).sum(),
            }
        )
        table = table.rename_axis("pipeline").reset_index()
        return table.sort_values("average_rank", kind="stable", ignore_index=True)

    @property
    def differ(self) -> bool:
        """Whether the ranks differ by more than chance: Friedman's test, or Wilcoxon's for two pipelines."""
        p = self.pairs["p_wilcoxon"].iloc[0] if self.friedman_p is None else self.friedman_p
        return bool(p <= self.alpha)

    @property
    def fewest_datasets(self) -> int:
        """How many data sets it takes at least: with fewer, the same order on all of them is not more than chance."""
        n_pipelines = self.ranks.shape[1]
        if n_pipelines == 2:
            return next(n for n in range(1, 64) if 2.0 ** (1 - n) <= self.alpha)
        needed = float(stats.chi2.isf(self.alpha, n_pipelines - 1)) / (n_pipelines - 1)
        return int(np.ceil(needed - 1e-9))

    def groups(self, by: str = "nemenyi") -> list[tuple[str, ...]]:
        """Return the bars of a rank diagram: largest runs of neighbours in rank that cannot be told apart.

        Parameters
        ----------
        by : "nemenyi" or "wilcoxon"
            Which p-values to go by; Wilcoxon's are adjusted with Holm's method. Nemenyi's test follows only a Friedman
            test that finds a difference, so without one all pipelines are one group. Two pipelines have Wilcoxon's test
            alone.

        Returns
        -------
        groups : list of tuple of str
            At least two pipelines each, best first; groups may overlap, none lies within another.
        """
        check_choice("by", by, ["nemenyi", "wilcoxon"])
        if by == "nemenyi" and not self.differ:
            return [tuple(self.frame()["pipeline"])]
        p = self.pairs["p_nemenyi" if by == "nemenyi" and self.friedman_p is not None else "p_holm"]
        alike = {frozenset(pair) for pair in self.pairs.loc[p > self.alpha, ["first", "second"]].to_numpy()}
        order, groups, reached = self.frame()["pipeline"].tolist(), [], 0
        for start in range(len(order)):
            end = start + 1
            while end < len(order) and all(frozenset((order[k], order[end])) in alike for k in range(start, end)):
                end += 1
            if end - start > 1 and end > reached:
                groups.append(tuple(order[start:end]))
                reached = end
        return groups

    def sentence(self) -> str:
        """Say in plain words what the ranks show."""
        n_datasets, table = len(self.ranks), self.frame()
        average = table["average_rank"]
        best = table.loc[(average - average.min()).abs() < 1e-9, "pipeline"].tolist()
        names = " and ".join(filter(None, [", ".join(best[:-1]), best[-1]]))
        have = "has the best" if len(best) == 1 else "share the best"
        text = f"{names} {have} average rank ({average.min():.2f} over {n_datasets} data sets)"
        if self.friedman_p is None:
            p = self.pairs["p_wilcoxon"].iloc[0]
            text += f"; Wilcoxon's p is {p:.2g}, {'more' if p <= self.alpha else 'not more'} than chance"
        elif self.friedman_p > self.alpha:
            text += f"; the ranks differ no more than by chance (Friedman p = {self.friedman_p:.2g})"
        else:
            text += (
                f"; the ranks differ by more than chance (Friedman p = {self.friedman_p:.2g}), two of them where they "
                f"are at least {self.critical_difference:.2f} apart"
            )
        if n_datasets < _FEWEST:
            text += f"; with {n_datasets} data sets Wilcoxon's p cannot fall below {2.0 ** (1 - n_datasets):g}"
        if self.unlike:
            text += f"; not the same parameters on all data sets: {', '.join(self.unlike)}"
        return f"{text}."

    def __repr__(self) -> str:
        return f"{self.sentence()}\n{self.frame().to_string(index=False, float_format='{:.3f}'.format)}"


def rank(
    comparisons: "Mapping[str, Comparison] | Iterable[Comparison]", metric: str | None = None, alpha: float = 0.05
) -> Ranking:
    """Rank the same pipelines over several data sets.

    Parameters
    ----------
    comparisons : mapping of name to Comparison, or several of them
        Of the same pipelines on different data sets. Names are those of the data sets if not given.
    metric : str, optional
        One that all have; the first of the first if not given. Higher is better.
    alpha : float, default=0.05
        Level of the tests.

    Returns
    -------
    Ranking

    Raises
    ------
    ValueError
        Fewer than two data sets or pipelines, the same data twice, or pipelines, splits or metrics that are not in all
        of them; the message names what differs.

    Notes
    -----
    With N data sets and k pipelines of average ranks R:

    1. Friedman's statistic is ``12 N / (k (k + 1)) (sum R² - k (k + 1)² / 4)``, divided by
       ``1 - sum(t³ - t) / (N (k³ - k))`` for t pipelines level, and is compared with chi² of k - 1 degrees of freedom.
    2. Nemenyi's critical difference is ``q sqrt(k (k + 1) / (6 N))``; q is the quantile of the studentized range of k
       groups divided by the square root of 2 [1]_.
    3. Wilcoxon's signed-rank test is exact: all signs of the differences are tried (zeros left out) for up to twenty
       data sets, and 100,000 draws are taken for more. Its p-values are adjusted with Holm's method.
    4. Each data set counts once, however many splits it has: ranks say which pipeline tends to win on data sets like
       these, not by how much.

    References
    ----------
    .. [1] J. Demsar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7, 1-30,
       https://jmlr.org/papers/v7/demsar06a.html
    """
    check_number("alpha", alpha, above=0, at_most=0.5)
    named = different(comparisons)
    metric = next(iter(named.values())).protocol["metrics"][0] if metric is None else metric
    scores = pd.DataFrame({name: mean_scores(name, each, metric) for name, each in named.items()}).T
    _check_complete(scores)
    return ranking_of(scores, metric, alpha, unlike(named, scores))


def unlike(named: "Mapping[str, Comparison]", names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the pipelines whose parameters are not the same in all comparisons."""
    told: dict[str, set[str]] = {}
    for comparison in named.values():
        for name, parameters in zip(comparison.pipelines["name"], comparison.pipelines["parameters"], strict=True):
            told.setdefault(str(name), set()).add(str(parameters))
    return tuple(str(name) for name in names if len(told.get(str(name), ())) > 1)


def ranking_of(scores: pd.DataFrame, metric: str, alpha: float, differing: tuple[str, ...] = ()) -> Ranking:
    """Return the ranking of a complete table of scores, a row per data set and a column per pipeline."""
    n_datasets, n_pipelines = scores.shape
    ranks = scores.round(_DIGITS).rank(axis=1, ascending=False)
    averages = ranks.mean().sort_values(kind="stable")
    step = np.sqrt(n_pipelines * (n_pipelines + 1) / (6 * n_datasets))
    critical = float(stats.studentized_range.isf(alpha, n_pipelines, np.inf)) / np.sqrt(2) * step
    pairs = pd.DataFrame(list(combinations(averages.index, 2)), columns=["first", "second"])
    pairs["rank_difference"] = [averages[two] - averages[one] for one, two in zip(*_sides(pairs), strict=True)]
    distances = np.sqrt(2) * pairs["rank_difference"].to_numpy() / step
    pairs["p_nemenyi"] = np.clip(stats.studentized_range.sf(distances, n_pipelines, np.inf), 0, 1)
    pairs["p_wilcoxon"] = [_wilcoxon(scores[one] - scores[two]) for one, two in zip(*_sides(pairs), strict=True)]
    pairs["p_holm"], _ = holm(pairs["p_wilcoxon"].to_numpy())
    statistic, p = _friedman(scores.round(_DIGITS)) if n_pipelines > 2 else (None, None)
    return Ranking(metric, alpha, scores, ranks, statistic, p, critical, pairs, differing)


def _sides(pairs: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return pairs["first"], pairs["second"]


def _friedman(scores: pd.DataFrame) -> tuple[float, float]:
    if (scores.nunique(axis=1) == 1).all():
        return 0.0, 1.0  # all level everywhere: nothing to divide by
    found = stats.friedmanchisquare(*(scores[name] for name in scores))
    return float(found.statistic), float(found.pvalue)


def _wilcoxon(differences: pd.Series) -> float:
    """Return the two-sided p of the signed-rank test, by trying all signs or drawing them."""
    values = differences.round(_DIGITS)
    values = values[values != 0].to_numpy()
    if not len(values):
        return 1.0
    ranks = stats.rankdata(np.abs(values))
    if len(values) <= 20:
        sums = np.zeros(1)
        for each in ranks:
            sums = np.concatenate([sums - each, sums + each])
        return float(np.mean(np.abs(sums) >= abs(ranks @ np.sign(values)) - 1e-9))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(100_000, len(values)))
    return float((1 + (np.abs(signs @ ranks) >= abs(ranks @ np.sign(values)) - 1e-9).sum()) / (1 + len(signs)))


def different(comparisons: Any) -> "dict[str, Comparison]":
    """Return comparisons by name; raises ``ValueError`` for fewer than two data sets, or the same one twice."""
    if isinstance(comparisons, Mapping):
        named = {str(name): comparison for name, comparison in comparisons.items()}
    else:
        several = list(comparisons)
        names = [str(comparison.dataset["name"]) for comparison in several]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"each data set needs its own name; {twice[0]!r} is there twice. Give a dictionary of names"
            )
        named = dict(zip(names, several, strict=True))
    if len(named) < 2:
        raise ValueError(f"ranks need at least 2 data sets; got {len(named)}. For one, see `verdicts`")
    owners: dict[str, str] = {}
    for name, comparison in named.items():
        other = owners.setdefault(str(comparison.dataset["fingerprint"]), name)
        if other != name:
            raise ValueError(f"{other!r} and {name!r} are the same images and labels; ranks need different data sets")
    return named


def mean_scores(name: str, comparison: "Comparison", metric: str) -> pd.Series:
    """Return the mean over splits of every pipeline; missing where a split is: means over unlike splits do not compare.

    *name* is that of the data set, for the error.
    """
    if metric not in comparison.protocol["metrics"]:
        had = ", ".join(map(repr, comparison.protocol["metrics"]))
        raise ValueError(f"all data sets need the metric {metric!r}; {name!r} has {had}")
    scores = comparison.scores[comparison.scores["metric"] == metric]
    values = scores.groupby("pipeline", sort=False)["value"]
    whole = values.mean().where(values.count() == comparison.protocol["n_splits"])
    return whole.reindex(comparison.pipelines["name"])


def _check_complete(scores: pd.DataFrame) -> None:
    missing = [(pipeline, dataset) for pipeline in scores for dataset in scores.index[scores[pipeline].isna()]]
    if missing:
        shown = "; ".join(f"{pipeline!r} has no score on {dataset!r}" for pipeline, dataset in missing[:5])
        more = f"; and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ValueError(
            f"ranks need every pipeline on every split of every data set: {shown}{more}. Compare the same ones on each"
        )
    if scores.shape[1] < 2:
        raise ValueError(f"ranks need at least 2 pipelines; got {scores.shape[1]}")
