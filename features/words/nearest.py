"""The nearest words of every descriptor, exactly.

Descriptors of bytes go through products of whole numbers where the processor has them, which is about four times as
fast; all others, and all on other processors, through products of matrices in float32.
"""

import numpy as np
from numba import njit

from ._byte_words import nearest_by_bytes, takes_bytes
from ._prepared import Codebook, prepare
from ._scores import scores_in_chunks

_MANY = 64  # above so many neighbours, inserting them one by one costs more than sorting


def nearest_words(descriptors: np.ndarray, words: Codebook) -> np.ndarray:
    """Return the index of the nearest word for every descriptor.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8 or float32
    words : ndarray of shape (n_words, length), float32, or PreparedWords

    Returns
    -------
    labels : ndarray of shape (n,), int32
        By Euclidean distance; of words at the same distance the first.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features.words.nearest import nearest_words
    >>> nearest_words(np.array([[1.0, 1.0], [9.0, 8.0]]), np.array([[0.0, 0.0], [10.0, 10.0]])).tolist()
    [0, 1]
    """
    return nearest_few(descriptors, words, 1)[0][:, 0]


def nearest_few(descriptors: np.ndarray, words: Codebook, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest words of every descriptor, nearest first, and the squared distances.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8 or float32
    words : ndarray of shape (n_words, length), float32, or PreparedWords
        Prepared ones save a quarter of a millisecond a call.
    n_neighbors : int
        At most ``n_words``.

    Returns
    -------
    neighbors : ndarray of shape (n, n_neighbors), int32
    gaps : ndarray of shape (n, n_neighbors), float32
        Squared Euclidean distances.

    Raises
    ------
    ValueError
        Descriptors and words differ in length.
    """
    words = prepare(words)
    if descriptors.shape[1] != words.array.shape[1]:
        raise ValueError(
            f"descriptors of {descriptors.shape[1]} numbers cannot be compared with words of {words.array.shape[1]}: "
            "describe images as they were described for the words"
        )
    if n_neighbors <= _MANY and takes_bytes(descriptors) and words.panels is not None:
        return nearest_by_bytes(descriptors, words.panels, n_neighbors)
    neighbors = np.empty((len(descriptors), n_neighbors), np.int32)
    gaps = np.empty((len(descriptors), n_neighbors), np.float32)
    chunk = 512 if n_neighbors == 1 else 256  # a megabyte or two of scores for 1,024 words: they stay in the cache
    for start, rows, scores in scores_in_chunks(descriptors, words.table, chunk):
        part = slice(start, start + len(rows))
        if n_neighbors == 1:
            neighbors[part, 0] = np.argmax(scores, axis=1)
        elif n_neighbors <= _MANY:
            _best_few(scores, neighbors[part])
        else:
            neighbors[part] = _best_many(scores, n_neighbors)
        _measure(rows, scores, neighbors[part], gaps[part])
    return neighbors, gaps


def _best_many(scores: np.ndarray, n: int) -> np.ndarray:
    """Return the words with the highest scores, the highest first."""
    best = np.argpartition(scores, -n, axis=1)[:, -n:]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


# Scores are never NaN; saying so lets maxima use vector registers.
@njit(nogil=True, cache=True, fastmath={"nnan", "nsz", "reassoc", "contract"})
def _best_few(scores, neighbors):  # type: ignore[no-untyped-def]
    """Pick the words with the highest scores, the highest first."""
    n, n_words = scores.shape
    few = neighbors.shape[1]
    block = 32
    best = np.empty(few, np.float32)
    for i in range(n):
        best[:] = np.float32(-np.inf)
        for start in range(0, n_words, block):
            stop = min(start + block, n_words)
            highest = np.float32(-3.0e38)
            for w in range(start, stop):
                highest = max(highest, scores[i, w])
            if highest <= best[few - 1]:
                continue
            for w in range(start, stop):
                score = scores[i, w]
                if score > best[few - 1]:
                    at = few - 1
                    while at > 0 and best[at - 1] < score:
                        best[at] = best[at - 1]
                        neighbors[i, at] = neighbors[i, at - 1]
                        at -= 1
                    best[at] = score
                    neighbors[i, at] = w


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})  # lets the sums use vector registers, nothing more
def _measure(rows, scores, neighbors, gaps):  # type: ignore[no-untyped-def]
    """Return squared distances: ``|x|^2 - 2 (x.c - |c|^2 / 2)``."""
    for i in range(len(rows)):
        square = np.float32(0.0)
        for k in range(rows.shape[1] - 1):
            square += rows[i, k] * rows[i, k]
        for m in range(neighbors.shape[1]):
            gaps[i, m] = max(square - np.float32(2.0) * scores[i, neighbors[i, m]], np.float32(0.0))
