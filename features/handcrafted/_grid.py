"""Pooling over a grid of cells that covers the whole image, and the norm of what comes out."""

import numpy as np
from numba import njit

from eyecraft.features._checks import check_choice

NORMS = ("l2", "l1", None)


def cell_edges(length: int, n_cells: int) -> np.ndarray:
    """Return the *n_cells* + 1 borders of cells that share *length* pixels as evenly as whole pixels allow."""
    return (np.arange(n_cells + 1) * length) // n_cells


def pooled_histograms(weights: np.ndarray, bins: np.ndarray, grid: tuple[int, int], n_bins: int) -> np.ndarray:
    """Return the histogram of *bins* weighted by *weights* in every cell of a grid, per pixel of the cell.

    Parameters
    ----------
    weights : ndarray of shape (height, width)
        What each pixel adds.
    bins : ndarray of shape (height, width), uint8
        Where it adds it: 0 .. n_bins - 1.
    grid : (rows, columns)
        Cells the image is cut into.
    n_bins : int
        Bins per cell.

    Returns
    -------
    histograms : ndarray of shape (rows, columns, n_bins), float64
        Mean weight per pixel: cells that differ by a row of pixels stay comparable.
    """
    rows, columns = (cell_edges(length, n) for length, n in zip(weights.shape, grid, strict=True))
    sums = np.zeros((*grid, n_bins))
    _add_up(weights, bins, rows, columns, sums)
    return sums / (np.diff(rows)[:, None, None] * np.diff(columns)[None, :, None])


@njit(nogil=True, cache=True)
def _add_up(weights, bins, rows, columns, sums):  # type: ignore[no-untyped-def]
    for r in range(len(rows) - 1):
        for y in range(rows[r], rows[r + 1]):
            for c in range(len(columns) - 1):
                histogram = sums[r, c]
                for x in range(columns[c], columns[c + 1]):
                    histogram[bins[y, x]] += weights[y, x]


def pooled_means(values: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Return the mean of *values* in every cell of a grid: shape (rows, columns), float64."""
    return pooled_histograms(values, np.zeros(values.shape, np.uint8), grid, 1)[:, :, 0]


def normalised(features: np.ndarray, norm: str | None) -> np.ndarray:
    """Return *features* divided by their length (``"l2"``) or sum (``"l1"``); zeros stay zeros."""
    flat = features.ravel()
    if norm is None:
        return flat
    size = np.sqrt(np.sum(flat**2)) if norm == "l2" else np.sum(np.abs(flat))
    return flat / size if size > 0 else flat


def check_norm(norm: str | None) -> None:
    """Raise ``ValueError`` unless *norm* is one that `normalised` knows."""
    check_choice("norm", norm, NORMS)


def cell_names(prefix: str, grid: tuple[int, int], bins: list[str]) -> list[str]:
    """Return ``prefix_r0_c0_bin`` for every cell and bin, in the order of `pooled_histograms`."""
    return [f"{prefix}_r{r}_c{c}_{name}" for r in range(grid[0]) for c in range(grid[1]) for name in bins]
