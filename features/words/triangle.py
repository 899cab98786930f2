"""Triangle encoding: how much nearer than average every word is (Coates, Lee and Ng 2011)."""

import numpy as np
from numba import njit

from ._prepared import Codebook, prepare
from ._scores import scores_in_chunks


def encode_triangle(
    descriptors: np.ndarray, words: Codebook, cells: np.ndarray, n_cells: int, pooling: str
) -> np.ndarray:
    """Pool ``max(0, mean(z) - z_k)``, z being a descriptor's distances to all words.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8 or float32
    words : ndarray of shape (n_words, length), float32, or PreparedWords
    cells : ndarray of shape (n,), int64
        Cell of every descriptor.
    n_cells : int
    pooling : {"sum", "max"}

    Returns
    -------
    pooled : ndarray of shape (n_cells, n_words), float32

    References
    ----------
    A. Coates, H. Lee, A. Ng, "An analysis of single-layer networks in unsupervised feature learning", AISTATS 2011,
    section 3.2.2. https://proceedings.mlr.press/v15/coates11a.html
    """
    out = np.zeros((n_cells, len(words)), np.float32)
    for start, rows, scores in scores_in_chunks(descriptors, prepare(words).table, chunk=128):
        _add_triangles(rows, scores, cells[start : start + len(rows)], pooling == "max", out)
    return out


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})  # lets the sums use vector registers, nothing more
def _add_triangles(rows, scores, cells, largest, out):  # type: ignore[no-untyped-def]
    n, n_words = scores.shape
    for i in range(n):
        square = np.float32(0.0)
        for k in range(rows.shape[1] - 1):
            square += rows[i, k] * rows[i, k]
        total = np.float32(0.0)
        distance = scores[i]
        for w in range(n_words):
            distance[w] = np.sqrt(max(square - np.float32(2.0) * distance[w], np.float32(0.0)))
            total += distance[w]
        mean = total / np.float32(n_words)
        cell = out[cells[i]]
        if largest:
            for w in range(n_words):
                cell[w] = max(cell[w], mean - distance[w])
        else:
            for w in range(n_words):
                cell[w] += max(mean - distance[w], np.float32(0.0))
