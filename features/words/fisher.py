"""Fisher vectors: how a Gaussian mixture would have to change to fit an image better (Perronnin et al. 2010)."""

from typing import NamedTuple

import numpy as np

from .codebook import kmeans, nearest_words

_CHUNK = 1024  # descriptors whose posteriors are held at once
_VARIANCE_FLOOR = 1e-3  # least variance of a component over that of all descriptors, per number
_LEAST_WEIGHT = 1e-7


class Mixture(NamedTuple):
    """A mixture of Gaussians with diagonal covariances.

    Attributes
    ----------
    weights : ndarray of shape (n_components,), float32
    means, variances : ndarray of shape (n_components, length), float32
    """

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray


def fit_mixture(
    descriptors: np.ndarray, n_components: int, *, max_iter: int = 25, tol: float = 1e-4, seed: int = 0
) -> Mixture:
    """Fit a mixture by expectation-maximisation, started from k-means.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), float32
    n_components : int
    max_iter : int
        Rounds at most.
    tol : float
        Stop when a round raises the mean log-likelihood by less.
    seed : int

    Returns
    -------
    Mixture

    Notes
    -----
    No variance falls below 0.001 of the descriptors' own, number by number. Costs about as much a round as two of
    k-means.
    """
    descriptors = np.asarray(descriptors, np.float32)
    centre = descriptors.mean(axis=0, dtype=np.float64).astype(np.float32)
    floor = _VARIANCE_FLOOR * np.maximum(descriptors.var(axis=0, dtype=np.float64), 1e-12)
    start = kmeans(descriptors, n_components, max_iter=10, seed=seed).words
    hard = _one_hot_sums(descriptors - centre, nearest_words(descriptors, start), n_components)
    mixture = _maximise(hard, centre, floor)
    last = -np.inf
    for _ in range(max_iter):
        sums, likelihood = _expect(descriptors, mixture, centre)
        mixture = _maximise(sums, centre, floor)
        if likelihood - last < tol:
            break
        last = likelihood
    return mixture


def encode_fisher(descriptors: np.ndarray, mixture: Mixture, cells: np.ndarray, n_cells: int) -> np.ndarray:
    """Return the sums a Fisher vector is made of, per cell; they add up over cells, Fisher vectors do not.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), float32
    mixture : Mixture
    cells : ndarray of shape (n,), int64
        Cell of every descriptor.
    n_cells : int

    Returns
    -------
    sums : ndarray of shape (n_cells, n_components, 1 + 2 * length), float32
        For each component: the sum of the posteriors, and of the posteriors times ``z`` and ``z^2``, where ``z = (x -
        mean) / sigma``.
    """
    n_components, length = mixture.means.shape
    sums = np.zeros((n_cells, n_components, 1 + 2 * length))
    order = np.argsort(cells, kind="stable")
    edges = np.searchsorted(cells[order], np.arange(n_cells + 1))
    scorer = _Posteriors(mixture)
    for cell in range(n_cells):
        for start in range(edges[cell], edges[cell + 1], _CHUNK):
            rows = order[start : min(start + _CHUNK, edges[cell + 1])]
            posteriors, powers = scorer(descriptors[rows])
            sums[cell] += posteriors.T @ powers
    return _standardised(sums, mixture, scorer.centre)


def fisher_vector(sums: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Turn sums into Fisher vectors.

    Parameters
    ----------
    sums : ndarray of shape (..., n_components, 1 + 2 * length)
        From `encode_fisher`, added up over any cells.
    mixture : Mixture

    Returns
    -------
    vectors : ndarray of shape (..., n_components, 2 * length), float32
        Per component the gradients with respect to the means, ``sum(g z) / (N sqrt(w))``, then those with respect to
        the standard deviations, ``sum(g (z^2 - 1)) / (N sqrt(2 w))``; zeros where there is no descriptor.

    References
    ----------
    F. Perronnin, J. Sanchez, T. Mensink, "Improving the Fisher kernel for large-scale image classification", ECCV 2010.
    doi:10.1007/978-3-642-15561-1_11. J. Sanchez, F. Perronnin, T. Mensink, J. Verbeek, "Image classification with the
    Fisher vector", IJCV 105, 2013, eqs. 16-18. doi:10.1007/s11263-013-0636-x
    """
    length = mixture.means.shape[1]
    total = sums[..., :1]
    number = np.maximum(total.sum(axis=-2, keepdims=True), np.finfo(np.float32).tiny)
    root = np.sqrt(mixture.weights)[:, None]
    vectors = np.empty((*sums.shape[:-1], 2 * length), np.float32)
    vectors[..., :length] = sums[..., 1 : 1 + length] / (number * root)
    vectors[..., length:] = (sums[..., 1 + length :] - total) / (number * root * np.sqrt(2.0))
    return vectors


class _Posteriors:
    """Posteriors of descriptors, by one product of matrices with ``[1, x, x^2]`` about a common centre."""

    def __init__(self, mixture: Mixture, centre: np.ndarray | None = None) -> None:
        weights, means, variances = (np.asarray(part, np.float64) for part in mixture)
        self.centre = (weights @ means).astype(np.float32) if centre is None else centre
        shifted = means - self.centre
        constant = np.log(weights) - 0.5 * (np.log(2 * np.pi * variances) + shifted**2 / variances).sum(axis=1)
        self._table = np.vstack([constant, (shifted / variances).T, -0.5 / variances.T]).astype(np.float32)
        self.likelihood = 0.0

    def __call__(self, descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return posteriors ``(n, n_components)`` and ``[1, x, x^2]``; add up the log-likelihood."""
        n, length = descriptors.shape
        powers = np.ones((n, 1 + 2 * length), np.float32)
        np.subtract(descriptors, self.centre, out=powers[:, 1 : 1 + length])
        np.square(powers[:, 1 : 1 + length], out=powers[:, 1 + length :])
        scores = powers @ self._table
        highest = scores.max(axis=1, keepdims=True)
        scores -= highest
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        scores /= total
        self.likelihood += float(highest.sum(dtype=np.float64) + np.log(total).sum(dtype=np.float64))
        return scores, powers


def _expect(descriptors: np.ndarray, mixture: Mixture, centre: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the sums of posteriors times ``[1, x, x^2]`` over all descriptors, and the mean log-likelihood."""
    scorer = _Posteriors(mixture, centre)
    sums = np.zeros((len(mixture.weights), 1 + 2 * descriptors.shape[1]))
    for start in range(0, len(descriptors), _CHUNK):
        posteriors, powers = scorer(descriptors[start : start + _CHUNK])
        sums += posteriors.T @ powers
    return sums, scorer.likelihood / len(descriptors)


def _maximise(sums: np.ndarray, centre: np.ndarray, floor: np.ndarray) -> Mixture:
    length = len(centre)
    total = np.maximum(sums[:, 0], _LEAST_WEIGHT * sums[:, 0].sum())
    means = sums[:, 1 : 1 + length] / total[:, None]
    variances = np.maximum(sums[:, 1 + length :] / total[:, None] - means**2, floor)
    parts = (total / total.sum(), means + centre, variances)
    return Mixture(*(part.astype(np.float32) for part in parts))


def _one_hot_sums(centred: np.ndarray, labels: np.ndarray, n_components: int) -> np.ndarray:
    """Return the sums of ``[1, x, x^2]`` over each component's descriptors."""
    order = np.argsort(labels, kind="stable")
    edges = np.searchsorted(labels[order], np.arange(n_components + 1))
    sums = np.zeros((n_components, 1 + 2 * centred.shape[1]))
    for i in range(n_components):
        rows = centred[order[edges[i] : edges[i + 1]]].astype(np.float64)
        sums[i] = np.concatenate([[len(rows)], rows.sum(axis=0), (rows**2).sum(axis=0)])
    return sums


def _standardised(sums: np.ndarray, mixture: Mixture, centre: np.ndarray) -> np.ndarray:
    """Turn sums of ``g [1, x, x^2]`` about *centre* into those of ``g [1, z, z^2]``."""
    length = mixture.means.shape[1]
    shifted = np.asarray(mixture.means, np.float64) - centre
    variances = np.asarray(mixture.variances, np.float64)
    s0, s1, s2 = sums[..., :1], sums[..., 1 : 1 + length], sums[..., 1 + length :]
    first = (s1 - s0 * shifted) / np.sqrt(variances)
    second = (s2 - 2 * shifted * s1 + s0 * shifted**2) / variances
    return np.concatenate([s0, first, second], axis=-1).astype(np.float32)
