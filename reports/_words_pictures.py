"""Pictures of visual words and their votes, as arrays: strips of patches, heat maps over an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eyecraft.pipelines._exhibit_pictures import smallest_webp

from ._thumbnails import data_uri

if TYPE_CHECKING:
    from eyecraft.pipelines._exhibit_words import Sample

FOR, AGAINST = (240, 138, 24), (122, 70, 190)
"""Orange and purple: told apart by colour-blind readers, and on grey."""

_SPREAD = 0.25  # standard deviation of a vote's smear over the width of the described square
_STEPS_PER_OCTAVE = 2  # sizes of squares that are told apart when votes are smeared
_FULL = 99.5  # percentile of the heat that has the full colour
_STRONGEST = 0.85  # opacity of the full colour
_QUALITIES = (60, 40, 20, 5)  # of WebP, the next lower where a picture becomes too large


def strip(patches: np.ndarray) -> np.ndarray:
    """Lay the patches of one word side by side: (n_each, side, side, 3) to (side, n_each * side, 3)."""
    return np.concatenate(list(patches), axis=1)


def heat_map(sample: Sample) -> np.ndarray:
    """Spread the votes of a sample over its picture.

    Every vote goes to the centre of its square, smeared by a Gaussian whose standard deviation is a quarter of the
    square's width; the sum over the picture stays the sum of the votes, apart from what is smeared beyond the border.

    Returns
    -------
    heat : ndarray of shape (height, width), float64
        Votes per pixel of ``sample.picture``.
    """
    import cv2

    height, width = sample.picture.shape[:2]
    heat = np.zeros((height, width))
    if sample.votes is None or not len(sample.votes):
        return heat
    x, y, widths = places_in_picture(sample)
    columns = np.clip(np.rint(x).astype(int), 0, width - 1)
    rows = np.clip(np.rint(y).astype(int), 0, height - 1)
    steps = np.rint(_STEPS_PER_OCTAVE * np.log2(np.maximum(widths, 1))).astype(int)
    for step in np.unique(steps):
        mine = steps == step
        places = rows[mine] * width + columns[mine]
        votes = np.bincount(places, sample.votes[mine], minlength=height * width).reshape(height, width)
        sigma = max(_SPREAD * float(np.mean(widths[mine])), 0.8)
        heat += cv2.GaussianBlur(votes, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return heat


def places_in_picture(sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y and width of every described square in pixels of the sample's picture."""
    height, width = sample.picture.shape[:2]
    down, across = height / sample.image_size[0], width / sample.image_size[1]
    x, y, scale, _ = sample.places.astype(np.float64).T
    return (x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5, scale * (down * across) ** 0.5


def heat_over(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Paint a heat map over the grey picture: orange where it is positive, purple where it is negative.

    Parameters
    ----------
    picture : ndarray of shape (height, width, 3), uint8
    heat : ndarray of shape (height, width)

    Returns
    -------
    painted : ndarray of shape (height, width, 3), uint8
        The strongest half percent of the heat has the full colour.
    """
    grey = 48 + 0.62 * (picture.astype(np.float64) @ [0.299, 0.587, 0.114])
    full = np.percentile(np.abs(heat), _FULL)
    opacity = _STRONGEST * np.clip(np.abs(heat) / full, 0, 1) ** 0.8 if full > 0 else np.zeros(heat.shape)
    colour = np.where(heat[..., None] > 0, FOR, AGAINST)
    painted = grey[..., None] * (1 - opacity[..., None]) + colour * opacity[..., None]
    return np.rint(painted).clip(0, 255).astype(np.uint8)


def picture_uri(pixels: np.ndarray, most: int = 9000) -> str:
    """Write ``uint8 (height, width, 3)`` pixels as a WebP ``data:`` URI, of at most so many bytes if that can be."""
    return data_uri(smallest_webp(pixels, _QUALITIES, most), "webp")


def mosaic(patches: np.ndarray, columns: int, gap: int = 3, between: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """Arrange the patches of many words on one white sheet.

    Parameters
    ----------
    patches : ndarray of shape (n_words, n_each, side, side, 3), uint8
    columns : int
        Words beside one another.
    gap, between : int
        Pixels between patches, and between words.

    Returns
    -------
    sheet : ndarray of shape (height, width, 3), uint8
    corners : ndarray of shape (n_words, 2)
        x and y of the upper left pixel of each word.
    """
    n_words, n_each, side = patches.shape[:3]
    wide, tall = n_each * (side + gap) + between, side + between
    rows = -(-n_words // columns)
    sheet = np.full((rows * tall, columns * wide, 3), 255, np.uint8)
    number = np.arange(n_words)
    corners = np.stack([number % columns * wide, number // columns * tall + between], axis=1)
    for word, (left, top) in enumerate(corners.tolist()):
        for rank in range(n_each):
            at = left + rank * (side + gap)
            sheet[top : top + side, at : at + side] = patches[word, rank]
    return sheet, corners
