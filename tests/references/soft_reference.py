"""Soft assignment, plainly: van Gemert's codeword uncertainty, restricted to the nearest words."""

import math

import numpy as np


def codes(descriptors: np.ndarray, words: np.ndarray, n_neighbors: int, sigma: float) -> np.ndarray:
    """Return full codes, (n, n_words)."""
    out = np.zeros((len(descriptors), len(words)))
    for i, x in enumerate(descriptors.astype(float)):
        squares = [((x - word) ** 2).sum() for word in words.astype(float)]
        near = np.argsort(squares, kind="stable")[:n_neighbors]
        kernel = [math.exp(-squares[word] / (2 * sigma**2)) for word in near]
        for word, value in zip(near, kernel, strict=True):
            out[i, word] = value / sum(kernel)
    return out
