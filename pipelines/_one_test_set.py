"""Two pipelines on one fixed test set: McNemar's exact test, and a permutation test on mean per-class accuracy.

Both look only at the images that one pipeline got right and the other wrong. They take the test images as a sample, the
fitted pipelines as they are: what other training images would have done to the pipelines they cannot know.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ._student import Estimate

_MOST_OUTCOMES = 200_000  # up to so many different outcomes the permutation test is exact
_DRAWS = 20_000


@dataclass(frozen=True)
class Tally:
    """How two pipelines answered one test set, class by class.

    Parameters
    ----------
    only_first, only_second, tested : ndarray of int, shape (n_classes,)
        Images that the first alone and the second alone got right, and all images of the class; at least one.
    """

    only_first: np.ndarray
    only_second: np.ndarray
    tested: np.ndarray

    def pooled(self) -> "Tally":
        """Return the tally with all classes as one: accuracy instead of mean per-class accuracy."""
        first, second, tested = (np.array([each.sum()]) for each in (self.only_first, self.only_second, self.tested))
        return Tally(first, second, tested)

    def estimate(self) -> Estimate:
        """Return the difference of mean per-class accuracy with its standard error over test images, as a normal.

        With K classes, and in each n images of which m were answered differently, the squared error is the sum over
        classes of ``m / (K n)²``. This leaves out the (smaller) square of each class's own difference, and counts one
        more image of an average class as answered differently, so that a few images without a disagreement are not
        taken for proof.
        """
        n_classes = len(self.tested)
        weights = 1 / (n_classes * self.tested)
        mean = float(weights @ (self.only_first - self.only_second))
        squared = float(weights**2 @ (self.only_first + self.only_second) + np.mean(weights**2))
        error = np.sqrt(squared)
        return Estimate(mean, error, np.inf, error * np.sqrt(self.tested.sum()))


def tally(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> Tally:
    """Count from true labels and two arrays of answers, all of shape (n_test,)."""
    names, codes = np.unique(labels, return_inverse=True)
    right, other = first == labels, second == labels
    one, two = (np.bincount(codes[which], minlength=len(names)) for which in (right & ~other, other & ~right))
    return Tally(one, two, np.bincount(codes))


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided exact p of McNemar's test: twice the smaller binomial tail, at most 1.

    Under the hypothesis of equal accuracy, each image that only one of two pipelines got right is as likely to be the
    one's as the other's.

    References
    ----------
    Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12, 153-157, https://doi.org/10.1007/BF02295996

    Examples
    --------
    >>> mcnemar(1, 5)
    0.21875
    """
    return min(1.0, 2 * float(stats.binom.cdf(min(only_first, only_second), only_first + only_second, 0.5)))


def permutation(counts: Tally) -> float:
    """Return the two-sided p of equal mean per-class accuracy from exchanging the two answers image by image.

    Every image keeps its class, and with it its weight; of the m images of a class that were answered differently the
    first pipeline's share becomes Binomial(m, 1/2). Exact where at most 200,000 outcomes are possible (classes of the
    same size count as one); otherwise 20,000 draws with a fixed seed, the given answers counted among them.
    """
    sizes, group = np.unique(counts.tested, return_inverse=True)
    differing = np.bincount(group, weights=counts.only_first + counts.only_second).astype(int)
    lead = np.bincount(group, weights=counts.only_first - counts.only_second)
    observed = abs(float((lead / sizes).sum()))
    sizes, differing = sizes[differing > 0], differing[differing > 0]
    least = observed - 1e-9  # equal outcomes differ by rounding
    if np.prod(differing + 1.0) <= _MOST_OUTCOMES:
        values, chances = np.zeros(1), np.ones(1)
        for size, n_images in zip(sizes, differing, strict=True):
            wins = np.arange(n_images + 1)
            values = np.add.outer(values, (2 * wins - n_images) / size).ravel()
            chances = np.multiply.outer(chances, stats.binom.pmf(wins, n_images, 0.5)).ravel()
        return min(1.0, float(chances[np.abs(values) >= least].sum()))
    wins = np.random.default_rng(0).binomial(differing, 0.5, size=(_DRAWS, len(sizes)))
    values = ((2 * wins - differing) / sizes).sum(axis=1)
    return float((1 + (np.abs(values) >= least).sum()) / (1 + _DRAWS))
