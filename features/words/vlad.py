"""VLAD: for every word, the sum of what its descriptors differ from it (Jegou et al. 2010)."""

import numpy as np
from numba import njit

from ._prepared import Codebook, prepare
from .nearest import nearest_words


def encode_vlad(descriptors: np.ndarray, words: Codebook, cells: np.ndarray, n_cells: int) -> np.ndarray:
    """Sum the differences ``x - c`` of the descriptors from their nearest word, per cell.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), float32
    words : ndarray of shape (n_words, length), float32, or PreparedWords
    cells : ndarray of shape (n,), int64
        Cell of every descriptor.
    n_cells : int

    Returns
    -------
    pooled : ndarray of shape (n_cells, n_words, length), float32

    References
    ----------
    H. Jegou, M. Douze, C. Schmid, P. Perez, "Aggregating local descriptors into a compact image representation", CVPR
    2010. doi:10.1109/CVPR.2010.5540039. R. Arandjelovic, A. Zisserman, "All about VLAD", CVPR 2013, for the
    normalisation inside each word. doi:10.1109/CVPR.2013.207
    """
    words = prepare(words)
    out = np.zeros((n_cells, *words.array.shape), np.float32)
    _add_differences(np.asarray(descriptors), words.array, nearest_words(descriptors, words), cells, out)
    return out


@njit(nogil=True, cache=True)
def _add_differences(descriptors, words, labels, cells, out):  # type: ignore[no-untyped-def]
    for i in range(len(descriptors)):
        word = words[labels[i]]
        total = out[cells[i], labels[i]]
        for k in range(len(word)):
            total[k] += np.float32(descriptors[i, k]) - word[k]
