"""Where local descriptors lie on an image, as marks to draw: dots and windows of a grid, or circles of keypoints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

MOST_DOTS = 2500
MOST_CIRCLES = 350
_MOST_SIZES = 6
_CIRCLE = 0.125  # radius of a keypoint's circle over the width of its square: the circle is one cell wide


def sampling_marks(places: np.ndarray, image_size: tuple[int, int], *, grid: bool, cells: int) -> dict[str, Any]:
    """Choose what to draw of an image's descriptors.

    Parameters
    ----------
    places : ndarray of shape (n, 4)
        x, y, scale (width of the described square) and angle in degrees.
    image_size : (int, int)
        Height and width in the pixels of `places`.
    grid : bool
        Whether they lie on a grid, or at keypoints.
    cells : int
        Cells per side of the described square.

    Returns
    -------
    dict
        ``dots`` (x, y) of the grid of the smallest windows; ``circles`` (x, y, radius, and the end of the radius that
        shows the angle) of keypoints; ``windows``, each a list of line segments (x1, y1, x2, y2); ``widths`` of the
        windows; ``shown`` and ``total``, how many descriptors are marked out of how many.
    """
    total = len(places)
    if not total:
        return {"dots": [], "circles": [], "windows": [], "widths": [], "shown": 0, "total": 0}
    if not grid:
        chosen = places[:MOST_CIRCLES]
        one = _inside(places, image_size)
        return {
            "dots": [],
            "circles": [_circle(*place.tolist()) for place in chosen],
            "windows": [_window(one, cells)],
            "widths": [float(one[2])],
            "shown": len(chosen),
            "total": total,
        }
    sizes = np.unique(places[:, 2])
    finest = places[places[:, 2] == sizes[0], :2]
    dots = _thinned(finest)
    sizes = sizes[np.unique(np.linspace(0, len(sizes) - 1, min(len(sizes), _MOST_SIZES)).round().astype(int))]
    return {
        "dots": dots.tolist(),
        "circles": [],
        "windows": [_window(place, cells) for place in _one_of_each(places, sizes, image_size)],
        "widths": [float(size) for size in sizes],
        "shown": len(dots),
        "total": total,
    }


def grid_step(dots: list[list[float]]) -> float | None:
    """Return the distance between neighbouring dots of a row, or None for fewer than two."""
    columns = np.unique(np.array(dots)[:, 0]) if dots else np.empty(0)
    return float(np.min(np.diff(columns))) if len(columns) > 1 else None


def _thinned(points: np.ndarray) -> np.ndarray:
    """Leave out rows and columns of a grid evenly until few enough dots are left."""
    every = 1
    columns, rows = np.unique(points[:, 0]), np.unique(points[:, 1])
    kept = points
    while len(kept) > MOST_DOTS:
        every += 1
        kept = points[np.isin(points[:, 0], columns[::every]) & np.isin(points[:, 1], rows[::every])]
    return kept


def _one_of_each(places: np.ndarray, sizes: np.ndarray, image_size: tuple[int, int]) -> list[np.ndarray]:
    """Take one descriptor of every size: side by side across the middle of the image."""
    height, width = image_size
    found = []
    for number, size in enumerate(sizes):
        mine = places[places[:, 2] == size]
        target = np.array([width * (number + 0.7) / (len(sizes) + 0.4), height / 2])
        found.append(mine[np.argmin(((mine[:, :2] - target) ** 2).sum(axis=1))])
    return found


def _inside(places: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Take the first descriptor, in the order given, whose square lies inside the image; else the smallest."""
    reach = places[:, 2] * math.sqrt(0.5)
    far = np.minimum(
        np.minimum(places[:, 0], image_size[1] - 1 - places[:, 0]),
        np.minimum(places[:, 1], image_size[0] - 1 - places[:, 1]),
    )
    within = np.flatnonzero(far >= reach)
    return places[within[0]] if len(within) else places[np.argmin(places[:, 2])]


def _circle(x: float, y: float, scale: float, angle: float) -> tuple[float, float, float, float, float]:
    radius = _CIRCLE * scale
    turn = math.radians(angle)
    return x, y, radius, x + radius * math.cos(turn), y + radius * math.sin(turn)


def _window(place: np.ndarray, cells: int) -> list[tuple[float, float, float, float]]:
    """Return the lines of a square with its cells; the angle is clockwise from the right, y points down."""
    x, y, scale, angle = place.tolist()
    turn = math.radians(angle)
    right, down = (math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))
    half = scale / 2

    def at(across: float, along: float) -> tuple[float, float]:
        return x + across * right[0] + along * down[0], y + across * right[1] + along * down[1]

    lines = []
    for k in range(cells + 1):
        offset = -half + scale * k / cells
        lines += [(*at(offset, -half), *at(offset, half)), (*at(-half, offset), *at(half, offset))]
    return lines
