"""Fingerprints of what a picture looks like, and the pairs of pictures whose fingerprints are close.

The fingerprint has two parts. The perceptual hash (64 bits: signs of low frequencies of a small cosine transform, after
Zauner 2010) finds candidates among all pairs with one exclusive or and a count of bits each. Thumbnails, which are
compared for candidates only, then tell pictures that are alike from those whose hashes are close by chance.
"""

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ._errors import ImageReadError
from ._progress import progress
from .images import read_image, resize_image

THUMBNAIL = 32  # pixels a side: of the cosine transform's input, and of what is compared in the end
_FREQUENCIES = slice(1, 9)  # down and across; frequency 0 is brightness, which copies differ in
_SMOOTHING = 7  # pixels; Zauner's mean filter ahead of the transform, against noise and compression
_BLOCK = 2048  # rows of the table of distances at a time: 32 MiB for each 2,048 columns
_LEAST_CONTRAST = 2.0  # standard deviation in gray levels below which correlation would compare noise


def look(source: Any, position: int) -> tuple[int, NDArray[np.uint8]]:
    """Return the hash (64 bits, as an int) and the thumbnail `(32, 32)`, gray, of one picture."""
    gray = read_image(source, color="gray", name=f"image {position}")
    thumbnail = resize_image(gray, (THUMBNAIL, THUMBNAIL))
    return perceptual_hash(thumbnail), thumbnail


def perceptual_hash(thumbnail: NDArray[np.uint8]) -> int:
    """Return 64 bits: which of the frequencies 1 to 8, down and across, are above their median.

    Parameters
    ----------
    thumbnail : ndarray of uint8, `(32, 32)`
        A gray image. A flat one has the hash 0.
    """
    smooth = cv2.blur(thumbnail.astype(np.float32), (_SMOOTHING, _SMOOTHING), borderType=cv2.BORDER_REPLICATE)
    low = cv2.dct(smooth)[_FREQUENCIES, _FREQUENCIES]
    low = np.where(np.abs(low) < 1e-3, 0, low)  # rounding of flat images
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def look_at_all(images: Any, n_jobs: int | None) -> tuple[NDArray[np.uint64], NDArray[np.uint8], list[tuple[int, str]]]:
    """Return hashes, thumbnails and the positions that could not be read, with the reason."""
    from joblib import Parallel, delayed, effective_n_jobs

    def one(position: int) -> tuple[int, Any]:
        try:
            return look(images[position], position)
        except ImageReadError as error:
            return 0, str(error)

    jobs, positions = min(effective_n_jobs(n_jobs), len(images)), range(len(images))
    looking: Iterable[tuple[int, Any]] = map(one, positions)
    if jobs > 1:
        looking = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")(delayed(one)(at) for at in positions)
    seen = []
    with progress("looking for near duplicates", len(images)) as advance:
        for found in looking:
            seen.append(found)
            advance()
    blank = np.zeros((THUMBNAIL, THUMBNAIL), np.uint8)
    unreadable = [(position, what) for position, (_, what) in enumerate(seen) if isinstance(what, str)]
    thumbnails = np.stack([blank if isinstance(what, str) else what for _, what in seen])
    return np.array([code for code, _ in seen], dtype=np.uint64), thumbnails, unreadable


def close_pairs(hashes: NDArray[np.uint64], max_distance: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs (first < second) whose hashes differ in at most so many bits."""
    firsts, seconds = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
    for top in range(0, len(hashes), _BLOCK):
        for left in range(top, len(hashes), _BLOCK):
            differing = np.bitwise_count(hashes[top : top + _BLOCK, None] ^ hashes[None, left : left + _BLOCK])
            first, second = np.nonzero(differing <= max_distance)
            keep = first + top < second + left
            firsts.append(first[keep] + top)
            seconds.append(second[keep] + left)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    order = np.lexsort((second, first))
    return first[order], second[order]


def likeness(thumbnails: NDArray[np.uint8], first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the correlation of the two thumbnails of each pair, -1 to 1.

    Pictures without contrast are alike (1) if their gray levels are about equal, and unlike (0) otherwise.
    """
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    means = flat.mean(axis=1)
    centred = flat - means[:, None]
    spread = centred.std(axis=1)
    plain = spread < _LEAST_CONTRAST
    centred /= np.maximum(spread, _LEAST_CONTRAST)[:, None] * np.sqrt(flat.shape[1])
    found = np.empty(len(first), np.float32)
    for start in range(0, len(first), _BLOCK):
        part = slice(start, start + _BLOCK)
        found[part] = np.einsum("ij,ij->i", centred[first[part]], centred[second[part]])
    both = plain[first] & plain[second]
    level = np.abs(means[first] - means[second]) < 2 * _LEAST_CONTRAST
    return np.where(plain[first] | plain[second], np.where(both & level, 1.0, 0.0), found).astype(np.float32)


def connected(n_images: int, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return a group number for each image, in the order groups first occur; images in a pair share one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(n_images, n_images))
    _, marks = connected_components(links, directed=False)
    _, begins, numbers = np.unique(marks, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(begins))[numbers].astype(np.intp)
