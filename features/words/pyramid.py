"""The spatial pyramid: what was pooled on the finest grid, added up to coarser ones (Lazebnik et al. 2006)."""

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

Grids = Sequence[tuple[int, int]]


def finest_grid(pyramid: Grids) -> tuple[int, int]:
    """Return the coarsest grid (rows, columns) whose cells make up the cells of every grid of the pyramid."""
    return math.lcm(*(rows for rows, _ in pyramid)), math.lcm(*(columns for _, columns in pyramid))


def locate(x: np.ndarray, y: np.ndarray, image_size: tuple[int, int], grid: tuple[int, int]) -> np.ndarray:
    """Return the cell of every place, cells numbered row by row.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Pixels; (0, 0) is the centre of the upper left one.
    image_size : (int, int)
        Height and width in pixels.
    grid : (int, int)
        Rows and columns.

    Returns
    -------
    cells : ndarray of shape (n,), int64
    """
    cells = np.empty(len(x), np.int64)
    _locate(x, y, image_size, grid, cells)
    return cells


@njit(nogil=True, cache=True)
def _locate(x, y, image_size, grid, cells):  # type: ignore[no-untyped-def]
    (height, width), (rows, columns) = image_size, grid
    for i in range(len(cells)):  # the product first: a place on the border of two cells then falls exactly there
        row = min(max(int((y[i] + 0.5) * rows / height), 0), rows - 1)
        column = min(max(int((x[i] + 0.5) * columns / width), 0), columns - 1)
        cells[i] = row * columns + column


def pool_up(finest: np.ndarray, grid: tuple[int, int], pyramid: Grids, pooling: str = "sum") -> list[np.ndarray]:
    """Pool the cells of the finest grid into those of every grid of the pyramid.

    Parameters
    ----------
    finest : ndarray of shape (rows * columns, ...)
    grid : (int, int)
        Rows and columns of *finest*: multiples of those of every grid, see `finest_grid`.
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
    >>> from eyecraft.features.words.pyramid import pool_up
    >>> counts = np.array([[1, 0], [2, 5], [0, 3], [4, 0]])  # two words in the four cells of a 2 x 2 grid
    >>> [level.tolist() for level in pool_up(counts, (2, 2), [(1, 1), (2, 1)])]
    [[[7, 8]], [[3, 5], [4, 3]]]
    """
    rest = finest.shape[1:]
    levels = []
    for rows, columns in pyramid:
        if (rows, columns) == grid:
            levels.append(finest)
            continue
        blocks = finest.reshape(rows, grid[0] // rows, columns, grid[1] // columns, *rest)
        pooled = blocks.max(axis=(1, 3)) if pooling == "max" else blocks.sum(axis=(1, 3))
        levels.append(pooled.reshape(rows * columns, *rest))
    return levels
