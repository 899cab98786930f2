"""Pooling of sparse codes, shared by the encodings that give every descriptor a few words with weights."""

import numpy as np
from numba import njit


def pool_sparse(
    neighbors: np.ndarray, weights: np.ndarray, cells: np.ndarray, n_cells: int, n_words: int, pooling: str
) -> np.ndarray:
    """Add up, or take the maximum of, the weights each word gets in each cell.

    Parameters
    ----------
    neighbors, weights : ndarray of shape (n, m), int32 and float32
        Words of every descriptor, and their weights.
    cells : ndarray of shape (n,), int64
        Cell of every descriptor.
    n_cells, n_words : int
    pooling : {"sum", "max"}
        The maximum is never below 0: every descriptor leaves most words out, and those count as 0.

    Returns
    -------
    pooled : ndarray of shape (n_cells, n_words), float32
    """
    if pooling == "sum":
        flat = (cells[:, None] * n_words + neighbors).ravel()
        pooled = np.bincount(flat, weights.ravel(), minlength=n_cells * n_words)
        return pooled.astype(np.float32).reshape(n_cells, n_words)
    out = np.zeros((n_cells, n_words), np.float32)
    _keep_largest(neighbors, weights, cells, out)
    return out


@njit(nogil=True, cache=True)
def _keep_largest(neighbors, weights, cells, out):  # type: ignore[no-untyped-def]
    for i in range(len(neighbors)):
        for m in range(neighbors.shape[1]):
            word = neighbors[i, m]
            out[cells[i], word] = max(out[cells[i], word], weights[i, m])
