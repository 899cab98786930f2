"""What is known of one difference: a mean, its standard error and degrees of freedom, and all that follows from them.

The corrected resampled t-test (Nadeau & Bengio 2003) and the correlated Bayesian t-test (Benavoli et al. 2017) rest on
the same three numbers. `Estimate` holds them; it is a Student distribution, or with infinite degrees of freedom a
normal one.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import ndtr

POWER = 0.8
"""Share of runs in which a difference of the smallest detectable size is found."""

MOST_SPLITS = 1000
"""How many more splits `more_splits` looks ahead."""

_NO_SPREAD = 1e-12  # a standard deviation below this is rounding
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)


@dataclass(frozen=True)
class Estimate:
    """A difference and how surely it is known.

    Parameters
    ----------
    mean : float
    error : float
        Standard error of the mean, corrected for what the splits share; above 0.
    df : float
        Degrees of freedom; infinite for a normal distribution.
    sd : float
        Standard deviation of a single difference (of a split, or of an image), for the effect size; of images, the
        squared ratio of it to the error is their number.
    ratio : float
        Test images for each training image; 0 where nothing was corrected.
    """

    mean: float
    error: float
    df: float
    sd: float
    ratio: float = 0.0

    @property
    def p(self) -> float:
        """Two-sided p of the hypothesis that the true difference is 0."""
        return float(2 * stats.t.sf(abs(self.mean) / self.error, self.df))

    @property
    def _step(self) -> float:
        """What an exact test of counts asks for beyond the normal distribution: two of the images, on average.

        One is for the half steps on both sides, one for waiting for a count that can be.
        """
        return 2 * (self.error / self.sd) ** 2 if np.isinf(self.df) else 0.0

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the ends of the interval that covers the true difference with probability ``1 - alpha``."""
        reach = float(stats.t.isf(alpha / 2, self.df)) * self.error
        return self.mean - reach, self.mean + reach

    def probabilities(self, rope: float) -> tuple[float, float, float]:
        """Return how probable it is that the true difference is above *rope*, within it, and below ``-rope``."""
        better = float(stats.t.sf((rope - self.mean) / self.error, self.df))
        worse = float(stats.t.sf((rope + self.mean) / self.error, self.df))
        return better, max(0.0, 1.0 - better - worse), worse

    def power(self, difference: float, alpha: float) -> float:
        """Return how probable it is, at least, that a run with this spread finds a true *difference*: ``p <= alpha``.

        With the error e that was seen, a mean above ``t(1 - alpha/2) e`` is found. Means vary with e where splits
        depend on each other as strongly as the correction allows for, and with ``sd / sqrt(J)`` where they do not
        depend on each other at all; the lowest power from one to the other is given. Over many runs, its mean is close
        to the share of them that find the difference, or below.
        """
        critical = float(stats.t.isf(alpha / 2, self.df)) + self._step / self.error
        independent = 1.0 if np.isinf(self.df) else self.sd / np.sqrt(self.df + 1) / self.error
        spread, size = np.linspace(independent, 1.0, 5), abs(difference) / self.error
        return float(np.min(ndtr((size - critical) / spread) + ndtr((-size - critical) / spread)))

    def smallest(self, alpha: float) -> float:
        """Return the true difference that another such run finds in 80 % of all cases, its spread being new as well.

        The true error is not known either: given the one that was seen, it is taken to be that times
        ``sqrt(df / chi²)``. Taking the one that was seen for the true one would promise too much for few splits.
        """
        return self.error * _detectable(self.df, alpha) + self._step

    def more_splits(self, alpha: float, level: float, rope: float) -> int | None:
        """Return how many splits more would settle it if mean and deviation stay; None if 1,000 would not.

        Parameters
        ----------
        alpha : float
            What p must not exceed for *better*.
        level : float
            What is left over for the two others where *equivalent* is said.
        rope : float
        """
        more = np.arange(1, MOST_SPLITS + 1)
        n_splits = self.df + 1 + more
        error = self.sd * np.sqrt(1 / n_splits + self.ratio)
        p = 2 * stats.t.sf(abs(self.mean) / error, n_splits - 1)
        outside = stats.t.sf((rope - self.mean) / error, n_splits - 1)
        outside += stats.t.sf((rope + self.mean) / error, n_splits - 1)
        settled = (p <= alpha) | (outside <= level)
        return int(more[settled.argmax()]) if settled.any() else None


def corrected_t(differences: np.ndarray, ratio: float) -> Estimate | None:
    """Return the estimate from paired differences of splits that share images; None where they have no spread.

    Parameters
    ----------
    differences : ndarray of shape (n_splits,)
        At least two.
    ratio : float
        Test images for each training image; 1 / (k - 1) for k folds.

    Notes
    -----
    With the mean m and the variance s² (n - 1) of J differences, ``t = m / sqrt((1/J + ratio) s²)`` has about J - 1
    degrees of freedom (Nadeau & Bengio 2003, section 4). The same Student distribution about m is the posterior of the
    correlated Bayesian t-test where the correlation of two splits is ``ratio / (1 + ratio)``.

    >>> round(corrected_t(np.array([0.02, 0.04, 0.03]), 0.5).error, 6)  # sqrt((1/3 + 1/2) 0.01²)
    0.009129
    """
    sd = float(np.std(differences, ddof=1))
    if sd <= _NO_SPREAD:
        return None
    n_splits = len(differences)
    return Estimate(float(np.mean(differences)), sd * math.sqrt(1 / n_splits + ratio), n_splits - 1, sd, ratio)


def _power(size: float, df: float, alpha: float) -> float:
    """Return how often a new run finds a difference of *size* times the error that a run before it has seen.

    Given chi, the error seen relative to the true one, in either run, T is normal; what is left are two integrals over
    its quantiles.
    """
    critical = float(stats.t.isf(alpha / 2, df))
    chi, weights = _quantiles(df)
    true_size = size * chi[:, None]
    found = ndtr(true_size - critical * chi) + ndtr(-true_size - critical * chi)
    return float(weights @ found @ weights)


@lru_cache(maxsize=256)
def _quantiles(df: float) -> tuple[np.ndarray, np.ndarray]:
    """Return values of chi / sqrt(df) and their weights, for the integral over them."""
    if np.isinf(df):
        return np.ones(1), np.ones(1)
    return np.sqrt(stats.chi2.ppf((_NODES + 1) / 2, df) / df), _WEIGHTS / 2


@lru_cache(maxsize=256)
def _detectable(df: float, alpha: float) -> float:
    """Return the difference, as a multiple of the error that was seen, that is found in 80 % of all cases."""
    highest = 2 * float(stats.t.isf(alpha / 2, df))
    while _power(highest, df, alpha) < POWER:
        highest *= 2
    return float(brentq(lambda size: _power(size, df, alpha) - POWER, 0.0, highest, xtol=1e-10))
