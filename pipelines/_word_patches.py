"""Words made visible: the training patches whose descriptors lie nearest to them."""

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from eyecraft.data import read_image
from eyecraft.features import BagOfVisualWords
from eyecraft.features.words._projection import relative_places

PATCH_SIDE = 32  # pixels of a patch's picture
_MOST_IMAGES = 64
_MOST_PER_IMAGE = 2500  # descriptors kept of an image
_MOST_ENCODED = 1000  # descriptors of an image that stand for all of them in its row
_FINEST = 256  # pixels: a patch is read off at its own size up to this, then shrunk


class Sampled(NamedTuple):
    """Some descriptors of one training image, as the words see them."""

    position: int
    values: np.ndarray
    places: np.ndarray  # (n, 4): x, y, scale, angle


def sample_training(
    bag: BagOfVisualWords, images: Sequence[Any] | np.ndarray, train: np.ndarray, seconds: float, *, encode: bool
) -> tuple[list[Sampled], np.ndarray]:
    """Describe randomly chosen training images, at most 64 and until the time is up.

    Returns
    -------
    sampled : list of Sampled
        One for every image with descriptors.
    mean_row : ndarray of shape (n_features,)
        Mean row of those images, from a thousand descriptors of each; zeros unless *encode*.
    """
    start, slowest = time.perf_counter(), 0.0
    encoder = bag._encoder()
    rng = np.random.default_rng(0)
    sampled, total, looked_at = [], np.zeros(encoder.n_features), 0
    for position in rng.permutation(np.asarray(train))[:_MOST_IMAGES].tolist():
        begun = time.perf_counter()
        if looked_at and begun - start + slowest > seconds:
            break
        found = bag._described(images[position], position)
        looked_at += 1
        if len(found):
            order = rng.permutation(len(found))
            if encode:
                total += encoder(found.take(order[:_MOST_ENCODED]))
            found = found.take(np.sort(order[:_MOST_PER_IMAGE]))
            values = encoder.projection(found.values, relative_places(found)).astype(np.float32)
            places = np.stack([found.x, found.y, found.scale, found.angle], axis=1)
            sampled.append(Sampled(position, values, places))
        slowest = max(slowest, time.perf_counter() - begun)
    return sampled, total / max(looked_at, 1)


class Nearest(NamedTuple):
    """The nearest patches of some words, at most one from every image; nearest first.

    Attributes
    ----------
    distances : ndarray of shape (n_words, n_each), float32
        In units of the words' space; NaN where there are fewer patches.
    positions : ndarray of shape (n_words, n_each), int64
        The training images; -1 where there are fewer.
    places : ndarray of shape (n_words, n_each, 4), float32
        x, y, scale, angle.
    """

    distances: np.ndarray
    positions: np.ndarray
    places: np.ndarray


def nearest_patches(
    words: np.ndarray, variances: np.ndarray | None, sampled: Sequence[Sampled], n_each: int
) -> Nearest:
    """Find the nearest patches of words, by Euclidean distance or in standard deviations of a mixture's components."""
    best = [_nearest_of_one(words, variances, one) for one in sampled]
    gaps = np.stack([gap for gap, _ in best], axis=1)  # (n_words, n_images)
    order = np.argsort(gaps, axis=1, kind="stable")[:, :n_each]
    rows = np.arange(len(words))[:, None]
    found = Nearest(
        np.full((len(words), n_each), np.nan, np.float32),
        np.full((len(words), n_each), -1, np.int64),
        np.zeros((len(words), n_each, 4), np.float32),
    )
    filled = slice(0, order.shape[1])
    found.distances[:, filled] = np.sqrt(gaps[rows, order])
    found.positions[:, filled] = np.array([one.position for one in sampled])[order]
    found.places[:, filled] = np.stack([place for _, place in best], axis=1)[rows, order]
    return found


def _nearest_of_one(words: np.ndarray, variances: np.ndarray | None, one: Sampled) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared distance of each word's nearest descriptor in an image, and its place."""
    precision = np.ones_like(words) if variances is None else 1 / variances
    scaled = words * precision
    gaps = (one.values**2) @ precision.T - 2 * one.values @ scaled.T + (words * scaled).sum(axis=1)
    nearest = np.argmin(gaps, axis=0)
    return np.maximum(gaps[nearest, np.arange(len(words))], 0), one.places[nearest]


def cut_patches(bag: BagOfVisualWords, images: Sequence[Any] | np.ndarray, nearest: Nearest) -> np.ndarray:
    """Return pictures of the patches, uint8 of shape (n_words, n_each, side, side, 3), black where there are fewer."""
    n_words, n_each = nearest.positions.shape
    pictures = np.zeros((n_words, n_each, PATCH_SIDE, PATCH_SIDE, 3), np.uint8)
    for position in np.unique(nearest.positions[nearest.positions >= 0]).tolist():
        pixels = read_image(images[position], color="rgb", size=bag._fixed_size())
        for word, rank in zip(*np.nonzero(nearest.positions == position), strict=True):
            pictures[word, rank] = cut(pixels, *nearest.places[word, rank].tolist())
    return pictures


def cut(pixels: np.ndarray, x: float, y: float, scale: float, angle: float) -> np.ndarray:
    """Return the square that a descriptor describes, upright, as ``PATCH_SIDE`` x ``PATCH_SIDE`` pixels.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), uint8
    x, y, scale : float
        Centre and width in pixels, (0, 0) being the centre of the upper left one.
    angle : float
        Degrees, clockwise from the right.
    """
    side = max(PATCH_SIDE, min(math.ceil(scale), _FINEST))
    step = scale / side
    right, down = step * math.cos(math.radians(angle)), step * math.sin(math.radians(angle))
    middle = (side - 1) / 2
    # From a pixel of the patch to the place in the image.
    matrix = np.array(
        [[right, -down, x - middle * (right - down)], [down, right, y - middle * (down + right)]], np.float64
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(pixels, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return patch if side == PATCH_SIDE else cv2.resize(patch, (PATCH_SIDE, PATCH_SIDE), interpolation=cv2.INTER_AREA)
