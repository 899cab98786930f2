"""The codebook of visual words: k-means."""

from typing import NamedTuple

import numpy as np
from numba import njit

from .nearest import nearest_few

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
    1e11`` seconds a round on one core, a third of that for bytes where the processor has AVX-512 VNNI.
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
    labels, gaps = nearest_few(descriptors, words, 1)
    sums, counts = np.zeros(words.shape), np.zeros(len(words), np.int64)
    _collect(descriptors, labels[:, 0], sums, counts)
    moved = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        moved[empty] = descriptors[np.argsort(gaps[:, 0], kind="stable")[::-1][: len(empty)]]
    return moved, float(np.mean(gaps, dtype=np.float64))


@njit(nogil=True, cache=True)
def _collect(descriptors, labels, sums, counts):  # type: ignore[no-untyped-def]
    """Add descriptors to their words' sums."""
    for i in range(len(descriptors)):
        counts[labels[i]] += 1
        total, row = sums[labels[i]], descriptors[i]
        for k in range(len(total)):
            total[k] += row[k]


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
