"""What a bag of visual words sees of one image: every place painted in the colour of its nearest word."""

from typing import Any

import cv2
import numpy as np

from eyecraft.data import read_image
from eyecraft.features import SIFT, BagOfVisualWords, Descriptors
from eyecraft.features.words._projection import relative_places
from eyecraft.features.words.nearest import nearest_words

from ._exhibit_pictures import SIDE, shrunk
from ._sights_views import View

_MOST_ACROSS = SIDE // 2  # places of a grid along a side: a pixel or two of the picture each
_MOST_DISCS = 400
_LIGHT, _SPREAD = (52.0, 80.0), 62.0  # of the words' colours in CIELAB: lightness, and how far from grey


def word_view(bag: BagOfVisualWords, image: Any) -> View:
    """Draw the words of a fitted bag in an image.

    Parameters
    ----------
    bag : BagOfVisualWords
    image : path, bytes, ndarray or PIL image

    Returns
    -------
    View
        Of kind "words" where descriptors lie on a grid, those of the smallest windows; of kind "keypoints" elsewhere,
        those of the largest windows first. Its numbers are x, y and scale in pixels, and the word; -1 where the patch
        is flat.
    """
    found = bag._described(image, 0)
    grid = not isinstance(bag._method(), SIFT) and not found.angle.any()
    found = _on_finest_grid(found) if grid else found.take(np.argsort(-found.scale, kind="stable")[:_MOST_DISCS])
    words = _words(bag, found)
    gray = cv2.cvtColor(shrunk(read_image(image, size=bag._fixed_size())), cv2.COLOR_RGB2GRAY)
    # places in pixels of the picture
    down, across = gray.shape[0] / found.image_size[0], gray.shape[1] / found.image_size[1]
    x, y = (found.x + 0.5) * across - 0.5, (found.y + 0.5) * down - 0.5
    colours = word_colours(bag.words_[:, : _length(bag)])
    picture = _tiles(gray, x, y, words, colours) if grid else _discs(gray, x, y, found.scale * across, words, colours)
    name = f"{type(bag._method()).__name__}, {len(bag.words_):,} {'Gaussians' if bag.encoding == 'fisher' else 'words'}"
    numbers = {"x": found.x, "y": found.y, "scale": found.scale, "word": words}
    return View("words" if grid else "keypoints", name, picture, numbers)


def word_colours(words: np.ndarray) -> np.ndarray:
    """Give words colours that are alike where the words are.

    Parameters
    ----------
    words : ndarray of shape (n_words, length)

    Returns
    -------
    colours : ndarray of shape (n_words, 3), uint8
        RGB: the rank along the three directions in which the words differ most sets red against green, yellow against
        blue, and lightness.
    """
    centred = words.astype(np.float64) - words.mean(axis=0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:3]
    axes *= np.sign(axes[np.arange(len(axes)), np.argmax(np.abs(axes), axis=1)])[:, None]
    places = np.zeros((len(words), 3))  # -1 .. 1 along the first axis, less along those in which words differ less
    if len(words) > 1 and spread[0] > 0:
        ranks = np.argsort(np.argsort(np.round(centred @ axes.T, 6), axis=0, kind="stable"), axis=0)
        places[:, : len(axes)] = (2 * ranks / (len(words) - 1) - 1) * np.sqrt(spread[:3] / spread[0])
    dark, light = _LIGHT
    lightness = (dark + light) / 2 + (light - dark) / 2 * places[:, 2]
    lab = np.stack([lightness, _SPREAD * places[:, 0], _SPREAD * places[:, 1]], axis=1)
    rgb = cv2.cvtColor(lab[None].astype(np.float32), cv2.COLOR_LAB2RGB)[0]
    return np.asarray(np.rint(255 * rgb.clip(0, 1)).astype(np.uint8))


def _length(bag: BagOfVisualWords) -> int:
    """Return how many numbers of a word are of the descriptor; places may follow."""
    return int(bag.words_.shape[1] - (2 if bag.projection_.place_scale is not None else 0))


def _on_finest_grid(found: Descriptors) -> Descriptors:
    """Return the descriptors of the smallest windows, of every so many rows and columns where there are many."""
    if not len(found):
        return found
    found = found.take(found.scale == found.scale.min())
    kept = np.ones(len(found), bool)
    for places in (found.x, found.y):
        lines = np.unique(places)
        kept &= np.isin(places, lines[:: -(-len(lines) // _MOST_ACROSS)])
    return found.take(kept)


def _words(bag: BagOfVisualWords, found: Descriptors) -> np.ndarray:
    """Return the nearest word of every descriptor; -1 for flat patches, which show nothing."""
    if not len(found):
        return np.zeros(0, np.int64)
    values = bag._encoder().projection(found.values, relative_places(found)).astype(np.float32)
    return np.where(found.values.any(axis=1), nearest_words(values, bag.words_), -1)


def _tiles(gray: np.ndarray, x: np.ndarray, y: np.ndarray, words: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Paint the cell around every place of a grid in its word's colour, the image shining through."""
    if not len(x):
        return np.repeat(gray[..., None], 3, axis=2)
    columns, rows = np.unique(x), np.unique(y)
    of_cell = np.full((len(rows), len(columns)), -1)
    of_cell[np.searchsorted(rows, y), np.searchsorted(columns, x)] = words
    down, right = _nearest_lines(rows, gray.shape[0]), _nearest_lines(columns, gray.shape[1])
    of_pixel = np.where((down[:, None] < 0) | (right[None] < 0), -1, of_cell[down[:, None], right[None]])
    return _over(gray, colours[of_pixel], of_pixel >= 0)


def _nearest_lines(lines: np.ndarray, length: int) -> np.ndarray:
    """Return for every pixel along a side the nearest line of the grid; -1 more than half a step beyond the ends."""
    step = float(np.diff(lines).min()) if len(lines) > 1 else float(length)
    gaps = np.abs(np.arange(length)[:, None] - lines[None])
    return np.where(gaps.min(axis=1) <= step / 2 + 0.5, gaps.argmin(axis=1), -1)


def _discs(
    gray: np.ndarray, x: np.ndarray, y: np.ndarray, widths: np.ndarray, words: np.ndarray, colours: np.ndarray
) -> np.ndarray:
    """Paint a disc as wide as one of the sixteen cells at every keypoint, small ones on top."""
    layer, touched = np.zeros((*gray.shape, 3), np.uint8), np.zeros(gray.shape, np.uint8)
    for centre_x, centre_y, width, word in zip(x, y, widths, words, strict=True):
        if word >= 0:
            place, radius = (round(float(centre_x)), round(float(centre_y))), max(round(float(width) / 8), 2)
            cv2.circle(layer, place, radius, colours[word].tolist(), -1, cv2.LINE_AA)
            cv2.circle(touched, place, radius, 1, -1)
    return _over(gray, layer, touched > 0)


def _over(gray: np.ndarray, colour: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Tint a gray image where it is painted, and darken it elsewhere."""
    light = gray.astype(np.float64)[..., None] / 255
    tinted = colour * (0.42 + 0.58 * light)
    return np.rint(np.where(painted[..., None], tinted, 190 * light)).astype(np.uint8)
