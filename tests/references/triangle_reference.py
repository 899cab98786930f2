"""Triangle encoding, plainly (Coates, Lee and Ng 2011, section 3.2.2)."""

import numpy as np


def codes(descriptors: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return full codes, (n, n_words)."""
    out = np.zeros((len(descriptors), len(words)))
    for i, x in enumerate(descriptors.astype(float)):
        distances = np.array([np.sqrt(((x - word) ** 2).sum()) for word in words.astype(float)])
        for k in range(len(words)):
            out[i, k] = max(0.0, distances.mean() - distances[k])
    return out
