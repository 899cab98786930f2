"""Fisher vectors: how a Gaussian mixture would have to change to fit an image better (Perronnin et al. 2010)."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from .codebook import kmeans
from .nearest import nearest_words

_CHUNK = 512  # descriptors scored at once: the scores stay in the second cache
_CHUNKS_PER_SUM = 32  # chunks added up in single precision before they join the double sums
_LEAST_POSTERIOR = 1e-6  # relative to the largest; smaller ones count as none, as in VLFeat
_BLOCK = 16
_VARIANCE_FLOOR = 1e-3  # least variance of a component over that of all descriptors, per number
_LEAST_WEIGHT = 1e-7
_SUMS = {"reassoc", "contract"}  # lets the sums use vector registers, nothing more


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
    one_cell = np.zeros(len(descriptors), np.int64)
    last = -np.inf
    for _ in range(max_iter):
        sums, likelihood = _posterior_sums(descriptors, mixture, one_cell, 1)
        mixture = _maximise(sums[0], mixture.means, floor)
        if likelihood / len(descriptors) - last < tol:
            break
        last = likelihood / len(descriptors)
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
    length = mixture.means.shape[1]
    sums, _ = _posterior_sums(np.asarray(descriptors, np.float32), mixture, cells, n_cells)
    variances = np.asarray(mixture.variances, np.float64)
    sums[..., 1 : 1 + length] /= np.sqrt(variances)
    sums[..., 1 + length :] /= variances
    return sums.astype(np.float32)


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


def _posterior_sums(
    descriptors: np.ndarray, mixture: Mixture, cells: np.ndarray, n_cells: int
) -> tuple[np.ndarray, float]:
    """Return the sums of ``g [1, d, d^2]`` with ``d = x - mean`` per cell and component, and the log-likelihood.

    All scores, logarithms of weight times density, come from one product of matrices with ``[1, x, x^2]``. Of a
    descriptor's components only the few that matter are added up: with 256 components about one in twenty.
    """
    centre, table = _log_densities(mixture)
    length = len(centre)
    chunk = max(min(_CHUNK, len(descriptors)), 1)
    powers = np.ones((chunk, 1 + 2 * length), np.float32)
    scores = np.empty((chunk, table.shape[1]), np.float32)
    # Zeros fill up the vector registers.
    means = np.zeros((table.shape[1], -(-length // _BLOCK) * _BLOCK), np.float32)
    means[:, :length] = mixture.means - centre
    counts, parts = np.zeros((n_cells, len(means))), np.zeros((n_cells, len(means), 2, means.shape[1]), np.float32)
    sums, likelihood = np.zeros((n_cells, len(means), 1 + 2 * length)), 0.0
    for number, start in enumerate(range(0, len(descriptors), chunk), 1):
        n = min(chunk, len(descriptors) - start)
        rows = powers[:n, 1 : 1 + length]
        np.subtract(descriptors[start : start + n], centre, out=rows)
        np.square(rows, out=powers[:n, 1 + length :])
        np.matmul(powers[:n], table, out=scores[:n])
        highest = scores[:n].max(axis=1)
        likelihood += _add_posteriors(powers[:n], scores[:n], highest, cells[start : start + n], means, counts, parts)
        if number % _CHUNKS_PER_SUM == 0 or start + n == len(descriptors):
            sums[..., 1 : 1 + length] += parts[:, :, 0, :length]
            sums[..., 1 + length :] += parts[:, :, 1, :length]
            parts[:] = 0
    sums[..., 0] = counts
    return sums, likelihood


def _log_densities(mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
    """Return a centre, and the matrix whose product with ``[1, x, x^2]`` about it gives every component's score."""
    weights, means, variances = (np.asarray(part, np.float64) for part in mixture)
    centre = (weights @ means).astype(np.float32)
    shifted = means - centre
    constant = np.log(weights) - 0.5 * (np.log(2 * np.pi * variances) + shifted**2 / variances).sum(axis=1)
    return centre, np.vstack([constant, (shifted / variances).T, -0.5 / variances.T]).astype(np.float32)


@njit(nogil=True, cache=True, fastmath=_SUMS)
def _add_posteriors(powers, scores, highest, cells, means, counts, parts):  # type: ignore[no-untyped-def]
    """Add each descriptor's posteriors times ``1``, ``d`` and ``d^2`` to its cell; return the log-likelihood of all."""
    n_components, padded = means.shape
    length = powers.shape[1] // 2
    lowest = np.float32(math.log(_LEAST_POSTERIOR))
    near = np.empty(n_components + 1, np.int32)
    shares = np.empty(n_components, np.float32)
    row = np.zeros(padded, np.float32)
    likelihood = 0.0
    for i in range(len(powers)):
        score, cell = scores[i], cells[i]
        found = _near_the_highest(score, highest[i], lowest, near)
        total = np.float32(0.0)
        for m in range(found):
            shares[m] = np.exp(score[near[m]] - highest[i])
            total += shares[m]
        likelihood += highest[i] + math.log(total)
        for j in range(length):
            row[j] = powers[i, 1 + j]
        for m in range(found):
            share = shares[m] / total
            counts[cell, near[m]] += share
            mean, first, second = means[near[m]], parts[cell, near[m], 0], parts[cell, near[m], 1]
            for j in range(padded):
                gap = row[j] - mean[j]
                step = share * gap
                first[j] += step
                second[j] += step * gap
    return likelihood


@njit(nogil=True, cache=True, fastmath=_SUMS)
def _near_the_highest(score, highest, lowest, near):  # type: ignore[no-untyped-def]
    """Write the components whose score is less than *-lowest* below the highest; return their number."""
    found = 0
    limit = highest + lowest
    for k in range(len(score)):  # without a branch: which components matter cannot be foretold
        near[found] = k
        found += score[k] > limit
    return found


def _maximise(sums: np.ndarray, about: np.ndarray, floor: np.ndarray) -> Mixture:
    """Return the mixture of the sums ``g [1, d, d^2]``, where ``d`` is measured from *about*, one row or many."""
    length = len(floor)
    total = np.maximum(sums[:, 0], _LEAST_WEIGHT * sums[:, 0].sum())
    moves = sums[:, 1 : 1 + length] / total[:, None]
    variances = np.maximum(sums[:, 1 + length :] / total[:, None] - moves**2, floor)
    parts = (total / total.sum(), moves + about, variances)
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
