"""Pooling of sparse codes, shared by the encodings that give every descriptor a few words with weights."""

import numpy as np
from numba import njit

from .codebook import scores_in_chunks


def nearest_few(descriptors: np.ndarray, words: np.ndarray, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest words of every descriptor, nearest first, and the squared distances.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8 or float32
    words : ndarray of shape (n_words, length), float32
    n_neighbors : int
        At most ``n_words``.

    Returns
    -------
    neighbors : ndarray of shape (n, n_neighbors), int32
    gaps : ndarray of shape (n, n_neighbors), float32
        Squared Euclidean distances.
    """
    neighbors = np.empty((len(descriptors), n_neighbors), np.int32)
    gaps = np.empty((len(descriptors), n_neighbors), np.float32)
    for start, rows, scores in scores_in_chunks(descriptors, words, chunk=256):
        stop = start + len(rows)
        _best_few(rows, scores, neighbors[start:stop], gaps[start:stop])
    return neighbors, gaps


# Scores are never NaN; saying so lets maxima use vector registers.
@njit(nogil=True, cache=True, fastmath={"nnan", "nsz", "reassoc", "contract"})
def _best_few(rows, scores, neighbors, gaps):  # type: ignore[no-untyped-def]
    n, n_words = scores.shape
    few = neighbors.shape[1]
    block = 32
    for i in range(n):
        best = gaps[i]
        best[:] = np.float32(-np.inf)
        for start in range(0, n_words, block):
            stop = min(start + block, n_words)
            highest = np.float32(-3.0e38)
            for w in range(start, stop):
                highest = max(highest, scores[i, w])
            if highest <= best[few - 1]:
                continue
            for w in range(start, stop):
                score = scores[i, w]
                if score > best[few - 1]:
                    at = few - 1
                    while at > 0 and best[at - 1] < score:
                        best[at] = best[at - 1]
                        neighbors[i, at] = neighbors[i, at - 1]
                        at -= 1
                    best[at] = score
                    neighbors[i, at] = w
        square = np.float32(0.0)
        for k in range(rows.shape[1] - 1):
            square += rows[i, k] * rows[i, k]
        for m in range(few):
            best[m] = max(square - np.float32(2.0) * best[m], np.float32(0.0))


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
