"""The nearest words of descriptors of bytes: all words roughly, by whole numbers, then the likely ones exactly.

A word ``c`` is ``m + s q + e``: a centre ``m`` common to all words, signed bytes ``q``, and what rounding leaves. Up to
a number that all words share, the score ``x.c - |c|^2 / 2`` of a descriptor is ``s (x.q - b) + x.e`` with ``b =
(m.(c - m) + |c - m|^2 / 2) / s``. ``x.q`` is a sum of whole numbers, ``|x.e|`` is at most ``|x| |e|``: a word whose
rough score falls short of the best by more than twice that bound cannot be nearest. The few that remain are measured
in double precision, so what is returned is exact.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ._byte_tile import LANES, ROWS, TOGETHER, WORDS, can_multiply_bytes, tile

_NEVER = -(2**30)  # score of the words that only fill the last panel
_LONGEST, _FARTHEST = 512, 1024.0  # numbers of a descriptor, and the largest of a word: sums stay within 32 bits
POSSIBLE = can_multiply_bytes()


class Panels(NamedTuple):
    """Words rounded to signed bytes, laid out as `tile` reads them.

    Attributes
    ----------
    words : ndarray of shape (n_words, length), float32
        As they were.
    rounded : ndarray of shape (n_panels, length / TOGETHER, WORDS, TOGETHER), int8
        ``q``, the last panel filled up with zeros.
    biases : ndarray of shape (n_panels * WORDS,), int32
        ``-b``.
    slack : float
        Largest ``|e| / s`` of a word.
    """

    words: np.ndarray
    rounded: np.ndarray
    biases: np.ndarray
    slack: float


def takes_bytes(descriptors: np.ndarray) -> bool:
    """Tell whether these are bytes, and there is a processor that multiplies them."""
    return POSSIBLE and descriptors.dtype == np.uint8 and len(descriptors) > 0


def pack_words(words: np.ndarray) -> Panels | None:
    """Return words, ``(n_words, length)`` contiguous float32, ready for `nearest_by_bytes`; None where it can't be.

    That is where the length is no multiple of 4 or above 512, or a number is not within -1,024 .. 1,024.
    """
    n_words, length = words.shape
    if length % TOGETHER or not 0 < length <= _LONGEST or not np.abs(words).max() <= _FARTHEST:
        return None
    n_panels = -(-n_words // WORDS)
    room = np.zeros(n_panels * WORDS * length + 63, np.int8)
    start = -room.ctypes.data % 64  # a panel begins where a line of the cache does
    rounded = room[start : start + room.size - 63].reshape(n_panels, -1, WORDS, TOGETHER)
    biases = np.full(n_panels * WORDS, _NEVER, np.int32)
    slack = _round_words(words, rounded, biases)
    return Panels(words, rounded, biases, slack)


def nearest_by_bytes(descriptors: np.ndarray, panels: Panels, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest words of every descriptor, nearest first, and the squared distances.

    Parameters
    ----------
    descriptors : ndarray of shape (n, length), uint8
        Of the words' length.
    panels : Panels
        From `pack_words`.
    n_neighbors : int
        At most ``n_words``.

    Returns
    -------
    neighbors : ndarray of shape (n, n_neighbors), int32
        Of words at the same distance the first.
    gaps : ndarray of shape (n, n_neighbors), float32
    """
    neighbors = np.empty((len(descriptors), n_neighbors), np.int32)
    gaps = np.empty((len(descriptors), n_neighbors), np.float32)
    _search(np.ascontiguousarray(descriptors), *panels, neighbors, gaps)
    return neighbors, gaps


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})  # lets the sums use vector registers, nothing more
def _round_words(words, panels, biases) -> Any:  # type: ignore[no-untyped-def]
    """Fill in the words as signed bytes and their biases ``-b``; return the largest ``|e| / s``."""
    n_words, length = words.shape
    low, high = words[0].copy(), words[0].copy()
    for w in range(1, n_words):
        for k in range(length):
            low[k], high[k] = min(low[k], words[w, k]), max(high[k], words[w, k])
    centre = (low + high) / np.float32(2.0)
    largest = max((high - centre).max(), (centre - low).max())
    scale = np.float64(largest) / 127.0 if largest > 0 else 1.0
    steps_per_unit, slack = 1.0 / scale, 0.0
    rounded = np.empty(length, np.int8)
    for w in range(n_words):
        bias = error = 0.0
        for k in range(length):
            offset = np.float64(words[w, k]) - centre[k]
            steps = offset * steps_per_unit
            whole = np.rint(steps)
            rounded[k] = np.int8(whole)
            bias += offset * (centre[k] + offset / 2)
            error += (steps - whole) * (steps - whole)
        panel = panels[w // WORDS]
        for step in range(length // TOGETHER):
            panel[step, w % WORDS] = rounded[step * TOGETHER : (step + 1) * TOGETHER]
        biases[w] = -np.int32(np.rint(bias * steps_per_unit))
        slack = max(slack, error)
    return np.sqrt(slack)


@njit(nogil=True, cache=True)
def _search(rows, words, panels, biases, slack, neighbors, gaps):  # type: ignore[no-untyped-def]
    n, length = rows.shape
    n_panels, n_steps = panels.shape[:2]
    scores = np.empty((ROWS, n_panels * WORDS), np.int32)
    tops = np.empty((ROWS, n_panels * LANES), np.int32)
    last = np.zeros((ROWS, length), np.uint8)
    likely, exact = np.empty(neighbors.shape[1], np.int32), np.empty(neighbors.shape[1])
    first_row, last_rows = rows.ctypes.data, last.ctypes.data
    panel, bias, out, top = panels.ctypes.data, biases.ctypes.data, scores.ctypes.data, tops.ctypes.data
    for start in range(0, n, ROWS):
        some, at = min(ROWS, n - start), first_row + start * length
        if some < ROWS:
            last[:some] = rows[start:]
            at = last_rows
        for p in range(n_panels):
            words_at, bias_at = panel + p * WORDS * length, bias + 4 * p * WORDS
            out_at, top_at = out + 4 * p * WORDS, top + 4 * p * LANES
            tile(at, length, words_at, n_steps, bias_at, out_at, n_panels * WORDS, top_at, n_panels * LANES)
        for i in range(some):
            square = np.int32(0)
            for k in range(length):
                square += np.int32(rows[start + i, k]) * np.int32(rows[start + i, k])
            margin = 2 + int(2 * np.sqrt(square) * slack)  # two scores, each half a unit off by its bias, and rounding
            _find_highest(tops[i], likely)
            _measure(rows[start + i], words, scores[i], tops[i], likely[-1] - margin, neighbors[start + i], exact)
            gaps[start + i] = exact


@njit(nogil=True, cache=True)
def _find_highest(tops, likely):  # type: ignore[no-untyped-def]
    """Collect the few highest numbers, in falling order."""
    few = len(likely)
    likely[:] = _NEVER
    if few == 1:
        for t in range(len(tops)):
            likely[0] = max(likely[0], tops[t])
        return
    for t in range(len(tops)):
        if tops[t] > likely[few - 1]:
            at = few - 1
            while at > 0 and likely[at - 1] < tops[t]:
                likely[at] = likely[at - 1]
                at -= 1
            likely[at] = tops[t]


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})  # lets the sums use vector registers, nothing more
def _measure(row, words, scores, tops, floor, neighbors, exact):  # type: ignore[no-untyped-def]
    """Measure the words whose rough score reaches *floor*, and keep the nearest few with their squared distances."""
    few = len(exact)
    exact[:] = np.inf
    neighbors[:] = len(words)
    for t in range(len(tops)):
        if tops[t] < floor:
            continue
        for w in range(t // LANES * WORDS + t % LANES, min((t // LANES + 1) * WORDS, len(words)), LANES):
            if scores[w] < floor:
                continue
            gap = 0.0
            for k in range(len(row)):
                difference = np.float64(row[k]) - words[w, k]
                gap += difference * difference
            at = few
            while at > 0 and (gap < exact[at - 1] or (gap == exact[at - 1] and w < neighbors[at - 1])):
                at -= 1
                if at + 1 < few:
                    exact[at + 1], neighbors[at + 1] = exact[at], neighbors[at]
            if at < few:
                exact[at], neighbors[at] = gap, w
