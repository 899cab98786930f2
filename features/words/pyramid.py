"""The spatial pyramid: what was pooled on the finest cells, added up to coarser ones (Lazebnik et al. 2006)."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit

Grids = Sequence[tuple[int, int]]


class Cells(NamedTuple):
    """The cells into which the borders of all grids of a pyramid cut an image, numbered row by row.

    Attributes
    ----------
    rows, columns : ndarray of shape (n_borders, 2), int64
        Where one row (column) of cells ends and the next begins, from the top (left): numerator and denominator of the
        share of the image's height (width) that lies before. The outer borders are left out.
    """

    rows: np.ndarray
    columns: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns of cells."""
        return len(self.rows) + 1, len(self.columns) + 1

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        rows, columns = self.shape
        return rows * columns


def finest_cells(pyramid: Grids) -> Cells:
    """Return the largest cells of which every cell of every grid of the pyramid is made up.

    Examples
    --------
    >>> from eyecraft.features.words.pyramid import finest_cells
    >>> finest_cells([(1, 1), (2, 2), (3, 1)]).shape  # rows end at a third, a half and two thirds of the height
    (4, 2)
    """
    return Cells(_borders([rows for rows, _ in pyramid]), _borders([columns for _, columns in pyramid]))


def _borders(numbers: Sequence[int]) -> np.ndarray:
    """Return the borders inside a side that is divided into so many equal parts, in each of several ways."""
    borders = sorted({Fraction(i, n) for n in set(numbers) for i in range(1, n)})
    return np.array([border.as_integer_ratio() for border in borders], np.int64).reshape(-1, 2)


def locate(x: np.ndarray, y: np.ndarray, image_size: tuple[int, int], cells: Cells) -> np.ndarray:
    """Return the cell of every place.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Pixels; (0, 0) is the centre of the upper left one.
    image_size : (int, int)
        Height and width in pixels.
    cells : Cells

    Returns
    -------
    located : ndarray of shape (n,), int64
        A place on a border belongs to the lower, or right, cell.
    """
    located = np.empty(len(x), np.int64)
    _locate(x, y, image_size, cells.rows, cells.columns, located)
    return located


@njit(nogil=True, cache=True)
def _locate(x, y, image_size, rows, columns, located):  # type: ignore[no-untyped-def]
    height, width = image_size
    for i in range(len(located)):
        row = _borders_passed(y[i] + 0.5, height, rows)
        located[i] = row * (len(columns) + 1) + _borders_passed(x[i] + 0.5, width, columns)


@njit(nogil=True, cache=True)
def _borders_passed(place, side, borders):  # type: ignore[no-untyped-def]
    """Count the borders at or before a place, by products: where both sides are equal no rounding decides."""
    low, high = 0, len(borders)
    while low < high:
        middle = (low + high) // 2
        if place * borders[middle, 1] >= side * borders[middle, 0]:
            low = middle + 1
        else:
            high = middle
    return low


def pool_up(finest: np.ndarray, cells: Cells, pyramid: Grids, pooling: str = "sum") -> list[np.ndarray]:
    """Pool the finest cells into those of every grid of the pyramid.

    Parameters
    ----------
    finest : ndarray of shape (n_cells, ...)
    cells : Cells
        From `finest_cells`.
    pyramid : sequence of (int, int)
    pooling : {"sum", "max"}

    Returns
    -------
    levels : list of ndarray of shape (rows * columns, ...)
        One per grid of the pyramid.

    References
    ----------
    S. Lazebnik, C. Schmid, J. Ponce, "Beyond bags of features: spatial pyramid matching for recognizing natural scene
    categories", CVPR 2006. doi:10.1109/CVPR.2006.68

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features.words.pyramid import finest_cells, pool_up
    >>> pyramid = [(1, 1), (2, 1), (2, 2)]
    >>> counts = np.array([[1, 0], [2, 5], [0, 3], [4, 0]])  # two words in the four cells of a 2 x 2 grid
    >>> [level.tolist() for level in pool_up(counts, finest_cells(pyramid), pyramid)][:2]
    [[[7, 8]], [[3, 5], [4, 3]]]
    """
    grid = finest.reshape(*cells.shape, *finest.shape[1:])
    pool = np.maximum if pooling == "max" else np.add
    levels = []
    for rows, columns in pyramid:
        level = _joined(_joined(grid, 0, rows, cells.rows, pool), 1, columns, cells.columns, pool)
        levels.append(level.reshape(rows * columns, *finest.shape[1:]))
    return levels


def _joined(grid: np.ndarray, axis: int, n: int, borders: np.ndarray, pool: np.ufunc) -> np.ndarray:
    """Pool along one axis the cells of each of *n* equal parts of that side."""
    if n == grid.shape[axis]:
        return grid
    whole = (n * borders[:, 0]) % borders[:, 1] == 0  # the border ends one of the n parts
    edges = [0, *(np.flatnonzero(whole) + 1).tolist(), grid.shape[axis]]
    before = (slice(None),) * axis
    parts = [pool.reduce(grid[*before, start:stop], axis=axis) for start, stop in pairwise(edges)]
    return np.stack(parts, axis=axis)
