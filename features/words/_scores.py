"""Scores of all words for descriptors of any type: one product of matrices.

``argmin |x - c|^2 = argmax (x.c - |c|^2 / 2)``, taken in chunks that stay in the processor's cache, the second term
riding along as one more column.
"""

from collections.abc import Iterator

import numpy as np


def score_table(words: np.ndarray) -> np.ndarray:
    """Return the matrix, ``(length + 1, n_words)`` float32, whose product with ``[x, 1]`` scores every word."""
    words = np.asarray(words, np.float32)
    half = -0.5 * np.einsum("ij,ij->i", words, words, dtype=np.float64)
    return np.vstack([words.T, half.astype(np.float32)])


def scores_in_chunks(
    descriptors: np.ndarray, table: np.ndarray, chunk: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield by chunks the first row, the rows as float32 with a one behind each, and all scores ``x.c - |c|^2 / 2``.

    *table* is what `score_table` made of the words. The arrays are reused: read them before asking for the next chunk.
    """
    length = table.shape[0] - 1
    chunk = max(min(chunk, len(descriptors)), 1)
    padded = np.ones((chunk, length + 1), np.float32)
    scores = np.empty((chunk, table.shape[1]), np.float32)
    for start in range(0, len(descriptors), chunk):
        n = min(chunk, len(descriptors) - start)
        padded[:n, :length] = descriptors[start : start + n]
        np.matmul(padded[:n], table, out=scores[:n])
        yield start, padded[:n], scores[:n]  # contiguous, so that compiled loops use vector registers
