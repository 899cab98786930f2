"""The codebook of visual words: k-means, and finding each descriptor's nearest word.

Both rest on one product of matrices: ``argmin |x - c|^2 = argmax (x.c - |c|^2 / 2)``, taken in chunks that stay in the
processor's cache, the second term riding along as one more column.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit

_CHUNK = 512  # rows scored at once: 2 MB of scores for 1,024 words
_SEED_ROWS = 8  # rows per word that k-means++ draws its first words from


class Words(NamedTuple):
    """What `kmeans` found.

    Attributes
    ----------
    words : ndarray of shape (n_words, length), float32
    distortion : float
        Mean squared distance of the descriptors to their nearest words, before the last move of the words.
    n_iter : int
        Rounds of assigning and averaging.
    """

    words: np.ndarray
    distortion: float
    n_iter: int


def score_table(words: np.ndarray) -> np.ndarray:
    """Return the matrix, ``(length + 1, n_words)`` float32, whose product with ``[x, 1]`` scores every word."""
    words = np.asarray(words, np.float32)
    half = -0.5 * np.einsum("ij,ij->i", words, words, dtype=np.float64)
    return np.vstack([words.T, half.astype(np.float32)])


def scores_in_chunks(
    descriptors: np.ndarray, words: np.ndarray, chunk: int = _CHUNK
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield the first row, the rows as float32 with a one behind each, and all words' scores ``x.c - |c|^2 / 2``.

    The arrays are reused: read them before asking for the next chunk.
    """
    table = score_table(words)
    length = table.shape[0] - 1
    chunk = max(min(chunk, len(descriptors)), 1)
    padded = np.ones((chunk, length + 1), np.float32)
    scores = np.empty((chunk, table.shape[1]), np.float32)
    for start in range(0, len(descriptors), chunk):
        n = min(chunk, len(descriptors) - start)
        padded[:n, :length] = descriptors[start : start + n]
        np.matmul(padded[:n], table, out=scores[:n])
        yield start, padded[:n], scores[:n]  # contiguous, so that compiled loops use vector registers


def nearest_words(descriptors: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the index of the nearest word for every descriptor.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8 or float32
    words : ndarray of shape (n_words, length), float32

    Returns
    -------
    labels : ndarray of shape (n,), int64
        By Euclidean distance; of words at the same distance the first.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features.words.codebook import nearest_words
    >>> nearest_words(np.array([[1.0, 1.0], [9.0, 8.0]]), np.array([[0.0, 0.0], [10.0, 10.0]])).tolist()
    [0, 1]
    """
    labels = np.empty(len(descriptors), np.int64)
    for start, rows, scores in scores_in_chunks(descriptors, words):
        np.argmax(scores, axis=1, out=labels[start : start + len(rows)])
    return labels


def kmeans(
    descriptors: np.ndarray,
    n_words: int,
    *,
    init: "str | np.ndarray" = "k-means++",
    max_iter: int = 30,
    tol: float = 1e-4,
    seed: int = 0,
) -> Words:
    """Cluster descriptors into words by Lloyd's iteration.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8 or float32
    n_words : int
        At most ``n``.
    init : "k-means++", "random" or ndarray of shape (n_words, length)
        First words: spread out (drawn from 8 descriptors per word), any descriptors, or those given.
    max_iter : int
        Rounds at most.
    tol : float
        Stop when a round lowers the distortion by less than this part of it.
    seed : int

    Returns
    -------
    Words

    Raises
    ------
    ValueError
        There are fewer descriptors than words.

    Notes
    -----
    A word that loses all its descriptors moves to the one farthest from its word. Costs about ``n * n_words * length /
    6e10`` seconds a round on one core (0.2 s for 100,000 SIFT descriptors and 1,024 words).
    """
    if len(descriptors) < n_words:
        raise ValueError(
            f"{n_words} words cannot be learned from {len(descriptors)} descriptors: lower `n_words` to at most "
            f"{len(descriptors)}, or give more or larger images"
        )
    rng = np.random.default_rng(seed)
    words = _first_words(descriptors, n_words, init, rng)
    last, distortion, rounds = np.inf, np.inf, 0
    while rounds < max_iter:
        words, distortion = lloyd_round(descriptors, words)
        rounds += 1
        if last - distortion <= tol * distortion:
            break
        last = distortion
    return Words(words, distortion, rounds)


def lloyd_round(descriptors: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, float]:
    """Assign every descriptor to its nearest word and move the words to the means.

    Returns
    -------
    words : ndarray of shape (n_words, length), float32
        Moved.
    distortion : float
        Mean squared distance to the words as they were.
    """
    sums, counts = np.zeros(words.shape), np.zeros(len(words), np.int64)
    gaps = np.empty(len(descriptors), np.float32)
    for start, rows, scores in scores_in_chunks(descriptors, words):
        labels = np.argmax(scores, axis=1)
        _collect(rows, labels, scores, sums, counts, gaps[start : start + len(rows)])
    moved = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        moved[empty] = descriptors[np.argsort(gaps, kind="stable")[::-1][: len(empty)]]
    return moved, float(np.mean(np.maximum(gaps, 0), dtype=np.float64))


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})  # lets the sums use vector registers, nothing more
def _collect(rows, labels, scores, sums, counts, gaps):  # type: ignore[no-untyped-def]
    """Add rows to their words' sums; note the squared distances ``|x|^2 - 2 (x.c - |c|^2 / 2)``."""
    for i in range(len(rows)):
        word, row = labels[i], rows[i]
        total = sums[word]
        counts[word] += 1
        square = np.float32(0.0)
        for k in range(len(total)):
            total[k] += row[k]
            square += row[k] * row[k]
        gaps[i] = square - np.float32(2.0) * scores[i, word]


def _first_words(
    descriptors: np.ndarray, n_words: int, init: "str | np.ndarray", rng: np.random.Generator
) -> np.ndarray:
    if isinstance(init, np.ndarray):
        return init.astype(np.float32)
    if init == "random":
        return descriptors[rng.choice(len(descriptors), n_words, replace=False)].astype(np.float32)
    rows = min(len(descriptors), _SEED_ROWS * n_words)
    pool = descriptors[rng.choice(len(descriptors), rows, replace=False)].astype(np.float32)
    return pool[_spread_out(pool, n_words, rng)]


def _spread_out(pool: np.ndarray, n_words: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows one by one, each with a chance proportional to its squared distance from those drawn (k-means++)."""
    squares = np.einsum("ij,ij->i", pool, pool)
    chosen = np.empty(n_words, np.int64)
    chosen[0] = rng.integers(len(pool))
    gaps = np.full(len(pool), np.inf)
    for i in range(1, n_words):
        last = chosen[i - 1]
        np.minimum(gaps, np.maximum(squares - 2 * (pool @ pool[last]) + squares[last], 0), out=gaps)
        gaps[last] = 0
        total = np.cumsum(gaps)
        if total[-1] > 0:
            chosen[i] = min(np.searchsorted(total, rng.random() * total[-1], side="right"), len(pool) - 1)
        else:  # all that is left equals a word already
            chosen[i] = rng.integers(len(pool))
    return chosen
