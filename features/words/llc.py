"""LLC: every descriptor rebuilt from its nearest words (locality-constrained linear coding, Wang et al. 2010)."""

import numpy as np
from numba import njit

from ._pooling import pool_sparse
from ._prepared import Codebook, prepare
from .nearest import nearest_few


def encode_llc(
    descriptors: np.ndarray,
    words: Codebook,
    cells: np.ndarray,
    n_cells: int,
    pooling: str,
    *,
    n_neighbors: int = 5,
    beta: float = 1e-4,
) -> np.ndarray:
    """Pool the weights with which near words add up to each descriptor.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8 or float32
    words : ndarray of shape (n_words, length), float32, or PreparedWords
    cells : ndarray of shape (n,), int64
        Cell of every descriptor.
    n_cells : int
    pooling : {"sum", "max"}
    n_neighbors : int
        Words that rebuild a descriptor.
    beta : float
        Regularisation, relative to the trace of the local covariance.

    Returns
    -------
    pooled : ndarray of shape (n_cells, n_words), float32

    References
    ----------
    J. Wang, J. Yang, K. Yu, F. Lv, T. Huang, Y. Gong, "Locality-constrained linear coding for image classification",
    CVPR 2010. doi:10.1109/CVPR.2010.5540018
    """
    words = prepare(words)
    neighbors, _ = nearest_few(descriptors, words, n_neighbors)
    weights = llc_weights(np.asarray(descriptors), words.array, neighbors, beta)
    return pool_sparse(neighbors, weights, cells, n_cells, len(words), pooling)


def llc_weights(descriptors: np.ndarray, words: np.ndarray, neighbors: np.ndarray, beta: float) -> np.ndarray:
    """Solve the approximated LLC of every descriptor: ``min |x - B'w|^2`` with ``sum(w) = 1``, B its nearest words.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length)
    words : ndarray of shape (n_words, length), float32
    neighbors : ndarray of shape (n, m), int32
    beta : float

    Returns
    -------
    weights : ndarray of shape (n, m), float32
        Rows sum to 1; a descriptor that equals all its words (no covariance) has equal weights.
    """
    weights = np.empty(neighbors.shape, np.float32)
    _solve_all(descriptors, words, neighbors, beta, weights)
    return weights


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})  # lets the sums use vector registers, nothing more
def _solve_all(descriptors, words, neighbors, beta, weights):  # type: ignore[no-untyped-def]
    n, m = neighbors.shape
    length = words.shape[1]
    shifted = np.empty((m, length), np.float32)
    covariance = np.empty((m, m))
    solution = np.empty(m)
    for i in range(n):
        for a in range(m):
            word = words[neighbors[i, a]]
            for k in range(length):
                shifted[a, k] = word[k] - np.float32(descriptors[i, k])
        trace = 0.0
        for a in range(m):
            for b in range(a + 1):
                total = np.float32(0.0)
                for k in range(length):
                    total += shifted[a, k] * shifted[b, k]
                covariance[a, b] = total
            trace += covariance[a, a]
        if trace == 0.0:
            weights[i] = np.float32(1.0 / m)
            continue
        for a in range(m):
            covariance[a, a] += beta * trace
        _solve_ones(covariance, solution)
        total_weight = 0.0
        for a in range(m):
            total_weight += solution[a]
        for a in range(m):
            weights[i, a] = solution[a] / total_weight


@njit(nogil=True, cache=True)
def _solve_ones(matrix, solution):  # type: ignore[no-untyped-def]
    """Solve ``matrix @ solution = 1`` by Cholesky's factors; reads and overwrites the lower triangle."""
    m = len(solution)
    for a in range(m):
        for b in range(a + 1):
            value = matrix[a, b]
            for c in range(b):
                value -= matrix[a, c] * matrix[b, c]
            matrix[a, b] = np.sqrt(value) if a == b else value / matrix[b, b]
    for a in range(m):
        value = 1.0
        for c in range(a):
            value -= matrix[a, c] * solution[c]
        solution[a] = value / matrix[a, a]
    for a in range(m - 1, -1, -1):
        value = solution[a]
        for c in range(a + 1, m):
            value -= matrix[c, a] * solution[c]
        solution[a] = value / matrix[a, a]
