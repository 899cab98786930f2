"""VLAD, plainly: add up the differences from the nearest word (Jegou et al. 2010, eq. 1)."""

import numpy as np


def sums(descriptors: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the sums of differences, (n_words, length)."""
    out = np.zeros(words.shape)
    for x in descriptors.astype(float):
        nearest = int(np.argmin([((x - word) ** 2).sum() for word in words.astype(float)]))
        out[nearest] += x - words[nearest]
    return out
