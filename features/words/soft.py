"""Soft assignment: every descriptor's vote is shared among near words by a Gaussian kernel (kernel codebook)."""

import numpy as np
from numba import njit

from ._pooling import pool_sparse
from ._prepared import Codebook, PreparedWords, prepare
from ._scores import scores_in_chunks
from .nearest import nearest_few


def encode_soft(
    descriptors: np.ndarray,
    words: Codebook,
    cells: np.ndarray,
    n_cells: int,
    pooling: str,
    *,
    n_neighbors: int,
    sigma: float,
) -> np.ndarray:
    """Share each descriptor's vote among its nearest words: ``exp(-|x - c|^2 / (2 sigma^2))``, summing to 1.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8 or float32
    words : ndarray of shape (n_words, length), float32, or PreparedWords
    cells : ndarray of shape (n,), int64
        Cell of every descriptor.
    n_cells : int
    pooling : {"sum", "max"}
    n_neighbors : int
        Words that share the vote; all of them is the codeword uncertainty of van Gemert, a few the localized soft
        assignment of Liu, which scores higher.
    sigma : float
        Width of the kernel, in units of the descriptors.

    Returns
    -------
    pooled : ndarray of shape (n_cells, n_words), float32

    References
    ----------
    J. van Gemert, C. Veenman, A. Smeulders, J.-M. Geusebroek, "Visual word ambiguity", TPAMI 32, 2010.
    doi:10.1109/TPAMI.2009.132. L. Liu, L. Wang, X. Liu, "In defense of soft-assignment coding", ICCV 2011.
    doi:10.1109/ICCV.2011.6126534
    """
    words = prepare(words)
    if n_neighbors == len(words):
        return _shared_by_all(descriptors, words, cells, n_cells, pooling, sigma)
    neighbors, gaps = nearest_few(descriptors, words, n_neighbors)
    # Relative to the nearest word: the same weights after division, and no underflow far from all words.
    weights = np.exp((gaps[:, :1] - gaps) / np.float32(2.0 * sigma**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return pool_sparse(neighbors, weights, cells, n_cells, len(words), pooling)


def _shared_by_all(
    descriptors: np.ndarray, words: PreparedWords, cells: np.ndarray, n_cells: int, pooling: str, sigma: float
) -> np.ndarray:
    """Do the same where all words share the votes: nothing needs to be sorted or kept per descriptor."""
    out = np.zeros((n_cells, len(words)), np.float32)
    for start, rows, scores in scores_in_chunks(descriptors, words.table, chunk=128):
        scores -= scores.max(axis=1, keepdims=True)  # half the difference of the squared distances
        scores /= np.float32(sigma**2)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        _add_votes(scores, cells[start : start + len(rows)], pooling == "max", out)
    return out


@njit(nogil=True, cache=True)
def _add_votes(votes, cells, largest, out):  # type: ignore[no-untyped-def]
    for i in range(len(votes)):
        cell, vote = out[cells[i]], votes[i]
        if largest:
            for w in range(len(vote)):
                cell[w] = max(cell[w], vote[w])
        else:
            for w in range(len(vote)):
                cell[w] += vote[w]
