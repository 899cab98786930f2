"""The spatial pyramid: what was pooled on the finest cells, added up to coarser ones (Lazebnik et al. 2006)."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit


class Cells(NamedTuple):
    """The cells into which the borders of all grids of a pyramid cut an image, numbered row by row.

    Attributes
    ----------
    rows, columns : ndarray of shape (n_borders, 2), int64
        Where one row (column) of cells ends and the next begins, from the top (left): numerator and denominator of the
        share of the image's height (width) that lies before. The outer borders are left out.
    levels : tuple of (tuple of int, tuple of int)
        For each grid of the pyramid which of the rows, and which of the columns, are the first ones of a row (column)
        of the grid; behind them the number of all.
    """

    rows: np.ndarray
    columns: np.ndarray
    levels: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns of cells."""
        return len(self.rows) + 1, len(self.columns) + 1

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        rows, columns = self.shape
        return rows * columns


def finest_cells(pyramid: Sequence[tuple[int, int]]) -> Cells:
    """Return the largest cells of which every cell of every grid (rows, columns) of the pyramid is made up.

    Examples
    --------
    >>> from eyecraft.features.words.pyramid import finest_cells
    >>> finest_cells([(1, 1), (2, 2), (3, 1)]).shape  # rows end at a third, a half and two thirds of the height
    (4, 2)
    """
    rows, columns = (_borders(numbers) for numbers in zip(*pyramid, strict=True))
    levels = tuple((_edges(n_rows, rows), _edges(n_columns, columns)) for n_rows, n_columns in pyramid)
    return Cells(rows, columns, levels)


def _borders(numbers: Sequence[int]) -> np.ndarray:
    """Return the borders inside a side that is divided into so many equal parts, in each of several ways."""
    borders = sorted({Fraction(i, n) for n in set(numbers) for i in range(1, n)})
    return np.array([border.as_integer_ratio() for border in borders], np.int64).reshape(-1, 2)


def _edges(n: int, borders: np.ndarray) -> tuple[int, ...]:
    """Return which stretches between borders are the first ones of *n* equal parts; behind them the number of all."""
    ends_a_part = n * borders[:, 0] % borders[:, 1] == 0
    return 0, *(np.flatnonzero(ends_a_part) + 1).tolist(), len(borders) + 1


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
    located[:] = 0
    _count_borders(y, height, rows, located)
    located *= len(columns) + 1
    _count_borders(x, width, columns, located)


@njit(nogil=True, cache=True)
def _count_borders(places, side, borders, counts):  # type: ignore[no-untyped-def]
    """Add the number of borders at or before each place, by products: where both are equal no rounding decides."""
    for b in range(len(borders)):
        share, whole = side * borders[b, 0], borders[b, 1]
        for i in range(len(counts)):  # all places at one border: this loop uses vector registers
            counts[i] += (places[i] + 0.5) * whole >= share


def pool_up(finest: np.ndarray, cells: Cells, pooling: str = "sum") -> list[np.ndarray]:
    """Pool the finest cells into those of every grid of the pyramid.

    Parameters
    ----------
    finest : ndarray of shape (n_cells, ...)
    cells : Cells
        From `finest_cells`.
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
    >>> cells = finest_cells([(1, 1), (2, 1), (2, 2)])
    >>> counts = np.array([[1, 0], [2, 5], [0, 3], [4, 0]])  # two words in the four cells of a 2 x 2 grid
    >>> [level.tolist() for level in pool_up(counts, cells)][:2]
    [[[7, 8]], [[3, 5], [4, 3]]]
    """
    grid = finest.reshape(*cells.shape, *finest.shape[1:])
    pool = np.maximum if pooling == "max" else np.add
    levels = []
    for rows, columns in cells.levels:
        level = _joined(_joined(grid, 0, rows, pool), 1, columns, pool)
        levels.append(level.reshape(-1, *finest.shape[1:]))
    return levels


def _joined(grid: np.ndarray, axis: int, edges: tuple[int, ...], pool: np.ufunc) -> np.ndarray:
    """Pool along one axis what lies between each two edges."""
    n, total, first = len(edges) - 1, edges[-1], edges[1]
    if n == total:
        return grid
    if edges == tuple(range(0, total + 1, first)):  # as where grids nest: in one go
        blocks = grid.reshape(*grid.shape[:axis], n, first, *grid.shape[axis + 1 :])
        return pool.reduce(blocks, axis=axis + 1)
    before = (slice(None),) * axis
    return np.stack([pool.reduce(grid[*before, start:stop], axis=axis) for start, stop in pairwise(edges)], axis=axis)
