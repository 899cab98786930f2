"""Soft assignment: every descriptor's vote is shared among near words by a Gaussian kernel (kernel codebook)."""

import numpy as np

from ._pooling import pool_sparse
from .nearest import nearest_few


def encode_soft(
    descriptors: np.ndarray,
    words: np.ndarray,
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
    words : ndarray of shape (n_words, length), float32
    cells : ndarray of shape (n,), int64
        Cell of every descriptor.
    n_cells : int
    pooling : {"sum", "max"}
    n_neighbors : int
        Words that share the vote; all of them is the codeword uncertainty of van Gemert, a few the localized soft
        assignment of Liu, which is faster and scores higher.
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
    neighbors, gaps = nearest_few(descriptors, words, n_neighbors)
    # Relative to the nearest word: the same weights after division, and no underflow far from all words.
    weights = np.exp((gaps[:, :1] - gaps) / np.float32(2.0 * sigma**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return pool_sparse(neighbors, weights, cells, n_cells, len(words), pooling)
