"""What an extractor sees of one image, as a picture with the numbers behind it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from sklearn.pipeline import FeatureUnion, Pipeline

from eyecraft.features import HOG, BagOfVisualWords, ColorHistogram, RawPixels, RobinsonCompass, Sobel, TrainingSpan
from eyecraft.features._checks import check_pair
from eyecraft.features.handcrafted import ROBINSON_DIRECTIONS, hog, robinson_compass, sobel_magnitude_angle, uoctti

from ._entries import is_network
from ._exhibit_pictures import SIDE, shrunk

MOST_VIEWS = 2  # of one pipeline
_MOST_CELLS = 24  # strokes of more cells than these on a side could not be told apart
_BRIGHT = 99.0  # percentile of a strength that is as bright as can be


@dataclass(frozen=True, eq=False)
class View:
    """What one extractor sees of one image.

    Attributes
    ----------
    kind : {"pixels", "colours", "sobel", "robinson", "hog", "words", "keypoints", "heat", "maps", "own"}
        How the picture is to be read.
    title : str
        The extractor and what matters of its settings.
    picture : ndarray of shape (height, width) or (height, width, 3), uint8
        Longer side at most 192 pixels.
    numbers : dict of str to ndarray of shape (n,)
        What is drawn, as columns of one length.
    """

    kind: str
    title: str
    picture: np.ndarray
    numbers: dict[str, np.ndarray] = field(default_factory=dict)


class NoViewError(ValueError):
    """There is no picture of what this extractor sees; the message says why."""


def views_of(estimator: Any, image: Any) -> list[View]:
    """Draw what a fitted pipeline, or a fitted extractor, sees of an image.

    Parameters
    ----------
    estimator : Pipeline, extractor, CNNClassifier or fitted search over one of them
    image : path, bytes, ndarray or PIL image

    Returns
    -------
    list of View
        At most two: of several extractors side by side the first view of the first two, of different kinds if they
        are.

    Raises
    ------
    NoViewError
        If no extractor is of a kind that can be drawn.
    """
    extractors = list(extractors_of(estimator))
    kinds = [type(one) for one in extractors]
    # different ones first: of a Fisher vector, LLC and HOG side by side the first and the last
    order = sorted(range(len(extractors)), key=lambda k: kinds[:k].count(kinds[k]))
    found: list[View] = []
    reasons = []
    for k in order:
        try:
            views = _views(extractors[k], image)
            found += views if len(extractors) == 1 else views[:1]
        except NoViewError as error:
            reasons.append(str(error))
        if len(found) >= MOST_VIEWS:
            break
    if not found:
        raise NoViewError("; ".join(dict.fromkeys(reasons)) or "it begins with no feature extractor")
    return found


def extractors_of(estimator: Any) -> Iterator[Any]:
    """Find what looks at the images themselves, also inside pipelines, unions and spans."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
        if steps:
            yield from extractors_of(steps[0])
    elif isinstance(estimator, FeatureUnion):
        for _, part in estimator.transformer_list:
            if part not in (None, "drop", "passthrough"):
                yield from extractors_of(part)
    elif isinstance(estimator, TrainingSpan):
        yield from extractors_of(estimator.extractor_)
    else:
        yield estimator


def _views(extractor: Any, image: Any) -> list[View]:
    for kind, draw in _DRAWN.items():
        if isinstance(extractor, kind):
            return [draw(extractor, image)]
    if isinstance(extractor, BagOfVisualWords):
        from ._sights_words import word_view

        return [word_view(extractor, image)]
    if is_network(extractor):
        from ._sights_maps import network_views

        return network_views(extractor, image)
    if hasattr(extractor, "visualize"):
        return [View("own", type(extractor).__name__, _own(extractor, image))]
    raise NoViewError(f"{type(extractor).__name__} is of no kind that has a picture")


# -- one extractor, one picture ----------------------------------------------------------------------------------------


def _pixels(extractor: RawPixels, image: Any) -> View:
    seen = extractor._read(image, 0)
    height, width = seen.shape[:2]
    names = ("value",) if seen.ndim == 2 else ("red", "green", "blue")
    levels = dict(zip(names, seen.reshape(height * width, -1).T, strict=True))
    return View("pixels", f"{width} × {height} pixels", shrunk(seen), grid_numbers((height, width)) | levels)


def _colours(extractor: ColorHistogram, image: Any) -> View:
    """Paint every pixel in the mean colour of the pixels that fall into its bin."""
    seen = shrunk(extractor._read(image, 0))
    bins = extractor._bins()
    joint = _joint_bins(seen, bins, extractor.space)
    flat, counts = seen.reshape(-1, 3), np.maximum(np.bincount(joint.ravel()), 1)
    means = np.stack([np.bincount(joint.ravel(), flat[:, k]) / counts for k in range(3)], axis=1)
    painted = np.rint(means[joint]).astype(np.uint8)
    rows, columns = check_pair("grid", extractor.grid)
    where = f", {rows} × {columns} cells" if (rows, columns) != (1, 1) else ""
    title = f"{math.prod(bins)} colours in {extractor.space.upper()}{where}"
    return View("colours", title, painted, grid_numbers(seen.shape) | {"bin": joint.ravel()})


def _joint_bins(seen: np.ndarray, bins: tuple[int, int, int], space: str) -> np.ndarray:
    from eyecraft.features.handcrafted.color_histogram import _SPACES, _bin_tables

    conversion, levels, _ = _SPACES[space]
    values = seen if conversion is None else cv2.cvtColor(seen, conversion)
    tables = _bin_tables(bins, levels)
    joint: np.ndarray = sum(tables[k][values[..., k]] for k in range(3))
    return joint


def _sobel(extractor: Sobel, image: Any) -> View:
    seen = shrunk(extractor._read(image, 0))
    magnitude, angle = sobel_magnitude_angle(seen)
    numbers = {"magnitude": magnitude.ravel(), "angle": np.degrees(angle).ravel()}
    picture = directions(magnitude, np.degrees(angle) % 180 / 180)
    return View("sobel", f"Sobel edges, {_by(extractor.grid)} cells", picture, grid_numbers(seen.shape) | numbers)


def _robinson(extractor: RobinsonCompass, image: Any) -> View:
    seen = shrunk(extractor._read(image, 0))
    response, direction = robinson_compass(seen)
    numbers = {"response": response.ravel(), "direction": np.array(ROBINSON_DIRECTIONS)[direction.ravel()]}
    picture = directions(response, direction / 8)
    return View("robinson", f"Compass edges, {_by(extractor.grid)} cells", picture, grid_numbers(seen.shape) | numbers)


def _hog(extractor: HOG, image: Any) -> View:
    seen, n = extractor._read(image, 0), extractor.orientations
    cell = check_pair("pixels_per_cell", extractor.pixels_per_cell)
    if extractor.variant == "uoctti":
        cells = uoctti(seen, n, cell, transform_sqrt=extractor.transform_sqrt)[..., 2 * n : 3 * n]
        middles = np.arange(n) / n
    else:
        cells = hog(seen, n, cell, block_norm=None, transform_sqrt=extractor.transform_sqrt, feature_vector=False)
        middles = (np.arange(n) + 0.5) / n
    rows, columns = cells.shape[:2]
    numbers = {name: part.ravel() for name, part in zip(("row", "column", "bin"), np.indices(cells.shape), strict=True)}
    title = f"HOG{' (UoCTTI)' if extractor.variant == 'uoctti' else ''}, {rows} × {columns} cells"
    return View("hog", title, glyphs(cells, middles), numbers | {"value": cells.ravel()})


def _own(extractor: Any, image: Any) -> np.ndarray:
    """Return the picture that an extractor of somebody else draws of itself."""
    drawn = np.asarray(extractor.visualize(image))
    if drawn.dtype != np.uint8:
        low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
        drawn = np.nan_to_num((drawn - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
    if drawn.ndim not in (2, 3) or (drawn.ndim == 3 and drawn.shape[2] != 3):
        raise NoViewError(f"{type(extractor).__name__}.visualize gives shape {drawn.shape}, no picture")
    return shrunk(drawn)


_DRAWN: dict[type, Callable[[Any, Any], View]] = {
    RawPixels: _pixels,
    ColorHistogram: _colours,
    Sobel: _sobel,
    RobinsonCompass: _robinson,
    HOG: _hog,
}


# -- pictures ----------------------------------------------------------------------------------------------------------


def directions(strength: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Paint directions: the hue turns with *turn*, which runs from 0 to 1, and strong places are bright.

    Parameters
    ----------
    strength, turn : ndarray of shape (height, width)

    Returns
    -------
    picture : ndarray of shape (height, width, 3), uint8
        Full brightness from the 99th percentile on.
    """
    bright = scaled(strength, np.percentile(strength, _BRIGHT))
    hsv = np.stack([np.floor(turn * 180) % 180, np.full(turn.shape, 190), 255 * bright**0.8], axis=2)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB))


def glyphs(cells: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """Draw histograms of gradients as strokes along the edges they stand for, the fullest bin of a cell on top.

    Parameters
    ----------
    cells : ndarray of shape (rows, columns, orientations)
    middles : ndarray of shape (orientations,)
        The gradient's direction in the middle of each bin, in half turns.

    Returns
    -------
    picture : ndarray of shape (height, width), uint8
        A stroke is as bright as its bin is full; more than 24 cells on a side are averaged first.
    """
    coarse = -(-max(cells.shape[:2]) // _MOST_CELLS)
    cells = _averaged(cells, coarse)
    rows, columns = cells.shape[:2]
    side = SIDE // max(rows, columns)
    bright = 255 * scaled(cells, np.percentile(cells, _BRIGHT))
    # an edge runs across its gradient; fixed point with four binary places, as OpenCV takes it
    reach = 16 * 0.47 * side
    down, right = reach * np.cos(np.pi * middles), -reach * np.sin(np.pi * middles)
    picture = np.zeros((rows * side, columns * side), np.uint8)
    for row, column in np.ndindex(rows, columns):
        y, x = 16 * (row + 0.5) * side - 8, 16 * (column + 0.5) * side - 8
        for k in np.argsort(cells[row, column], kind="stable"):
            start, end = ((round(x + sign * right[k]), round(y + sign * down[k])) for sign in (-1, 1))
            if bright[row, column, k] >= 8:
                cv2.line(picture, start, end, float(bright[row, column, k]), 1 + side // 24, cv2.LINE_AA, shift=4)
    return picture


def _averaged(cells: np.ndarray, factor: int) -> np.ndarray:
    """Return the means of squares of *factor* x *factor* cells; what is left over at the end is left out."""
    rows, columns = (max(length // factor, 1) for length in cells.shape[:2])
    cells = cells[: rows * factor, : columns * factor]
    down, right = cells.shape[0] // rows, cells.shape[1] // columns
    return np.asarray(cells.reshape(rows, down, columns, right, -1).mean(axis=(1, 3)))


def scaled(values: np.ndarray, full: float) -> np.ndarray:
    """Return values as shares of *full*, 0 .. 1; of nothing where nothing is full."""
    return np.clip(values / full, 0, 1) if full > 0 else (values > 0).astype(np.float64)


def grid_numbers(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the row and the column of every pixel."""
    rows, columns = np.indices(shape[:2])
    return {"row": rows.ravel(), "column": columns.ravel()}


def _by(grid: Any) -> str:
    rows, columns = check_pair("grid", grid)
    return f"{rows} × {columns}"
