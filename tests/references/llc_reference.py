"""LLC, plainly: one descriptor at a time, a linear system each (Wang et al. 2010, eq. 7)."""

import numpy as np


def codes(descriptors: np.ndarray, words: np.ndarray, n_neighbors: int, beta: float) -> np.ndarray:
    """Return full codes, (n, n_words)."""
    out = np.zeros((len(descriptors), len(words)))
    for i, x in enumerate(descriptors.astype(float)):
        distances = [((x - word) ** 2).sum() for word in words.astype(float)]
        near = np.argsort(distances, kind="stable")[:n_neighbors]
        shifted = words[near].astype(float) - x
        covariance = shifted @ shifted.T
        covariance += beta * np.trace(covariance) * np.eye(n_neighbors)
        weights = np.linalg.solve(covariance, np.ones(n_neighbors))
        out[i, near] = weights / weights.sum()
    return out
