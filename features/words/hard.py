"""Hard assignment: every descriptor votes for its nearest word (Csurka et al. 2004)."""

import numpy as np
from numba import njit

from ._prepared import Codebook
from .nearest import nearest_words


def encode_hard(descriptors: np.ndarray, words: Codebook, cells: np.ndarray, n_cells: int, pooling: str) -> np.ndarray:
    """Count the descriptors of each word in each cell.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8 or float32
    words : ndarray of shape (n_words, length), float32, or PreparedWords
    cells : ndarray of shape (n,), int64
        Cell of every descriptor.
    n_cells : int
    pooling : {"sum", "max"}
        Count, or 1 where there is any.

    Returns
    -------
    pooled : ndarray of shape (n_cells, n_words), float32

    References
    ----------
    G. Csurka, C. Dance, L. Fan, J. Willamowski, C. Bray, "Visual categorization with bags of keypoints", ECCV workshop
    on statistical learning in computer vision, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features.words.hard import encode_hard
    >>> words = np.array([[0.0], [10.0]], dtype=np.float32)
    >>> encode_hard(np.array([[1.0], [2.0], [9.0]]), words, np.array([0, 0, 1]), 2, "sum").tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    counts = count_words(nearest_words(descriptors, words), cells, n_cells, len(words))
    return np.minimum(counts, 1) if pooling == "max" else counts


def count_words(labels: np.ndarray, cells: np.ndarray, n_cells: int, n_words: int) -> np.ndarray:
    """Return how often each word occurs in each cell, (n_cells, n_words) float32."""
    counts = np.zeros((n_cells, n_words), np.float32)
    _count(labels, cells, counts)
    return counts


@njit(nogil=True, cache=True)
def _count(labels, cells, counts):  # type: ignore[no-untyped-def]
    for i in range(len(labels)):
        counts[cells[i], labels[i]] += np.float32(1.0)
