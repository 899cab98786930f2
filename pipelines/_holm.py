"""Several tests at once: Holm's step-down adjustment."""

import numpy as np


def holm(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return adjusted p-values and the factor that each p was multiplied by, in the order given.

    Parameters
    ----------
    p : ndarray of shape (n_tests,)
        Without missing values.

    Notes
    -----
    The smallest of m values is multiplied by m, the next by m - 1, and so on; none falls below one that was smaller
    before, none exceeds 1. Equal values share the larger factor, which changes nothing in the result. Rejecting where
    the result is at most alpha keeps the chance of even one false rejection among all m at alpha, however the tests
    depend on each other.

    References
    ----------
    S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6,
    65-70, https://www.jstor.org/stable/4615733

    Examples
    --------
    >>> adjusted, factors = holm(np.array([0.04, 0.01, 0.03]))
    >>> adjusted.round(4).tolist(), factors.tolist()
    ([0.06, 0.03, 0.06], [1, 3, 2])
    """
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.searchsorted(p[order], p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors[order]))
    return adjusted, factors
