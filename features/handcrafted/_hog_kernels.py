"""The loops behind `hog`: votes of the pixels, and the norm of the blocks.

A gradient of 8-bit pixels is one of 511 x 511, so its bin is looked up in a table that was made with the definition
itself: no arctangent per pixel, and no pixel near the border of two bins goes astray. Votes are kept per bin *and*
image column while a row of cells is read, which turns the scatter of a histogram into compare-and-add on whole vectors;
columns are summed at the end of the row of cells.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy import float32, int32, uint8

NO_BIN = 255  # a direction that rounding puts outside all bins, as in scikit-image
_MIDDLE = 255 * 511 + 255  # of the table, where both gradients are 0


def orientation_bins(g_row: np.ndarray, g_col: np.ndarray, orientations: int) -> np.ndarray:
    """Return the bin of each gradient: bin k takes angles from ``k * w`` up to, not including, ``(k + 1) * w``.

    ``w = 180 / orientations`` degrees. The expressions are those of scikit-image, so that equal angles round equally.
    """
    angle = np.rad2deg(np.arctan2(g_row, g_col)) % 180
    edges = (180.0 / orientations) * np.arange(1, orientations + 1)
    bins = np.searchsorted(edges, angle, side="right")
    return np.where(bins < orientations, bins, NO_BIN).astype(np.uint8)


@lru_cache(maxsize=16)
def bin_table(orientations: int) -> np.ndarray:
    """Return the bin of every gradient of 8-bit pixels, at ``511 * g_row + g_col`` from the middle."""
    gradient = np.arange(-255.0, 256.0)
    return orientation_bins(gradient[:, None], gradient[None, :], orientations).ravel()


@njit(nogil=True, cache=True)
def cells_of_bytes(image, bins, cell_height, cell_width, cells):  # type: ignore[no-untyped-def]
    """Fill *cells* (rows, columns, orientations) from ``uint8`` pixels, gray or colour, and a `bin_table`."""
    n_rows, n_columns, n_bins = cells.shape
    width = n_columns * cell_width
    magnitude = np.empty(width, np.float32)
    entry = np.empty(width, np.int32)
    which = np.empty(width, np.uint8)
    votes = np.empty((n_bins, width), np.float32)
    for r in range(n_rows):
        votes[:] = 0
        for y in range(r * cell_height, (r + 1) * cell_height):
            if image.ndim == 2:
                _gray_row(image, y, magnitude, entry)
            else:
                _colour_row(image, y, magnitude, entry)
            for x in range(width):
                which[x] = bins[entry[x]]
            _vote(magnitude, which, votes)
        _sum_columns(votes, cell_height, cell_width, cells[r])


@njit(nogil=True, cache=True)
def cells_of_votes(magnitude, which, cell_height, cell_width, cells):  # type: ignore[no-untyped-def]
    """Fill *cells* from the magnitude (``float32``) and the bin (``uint8``) of every pixel."""
    n_rows, n_columns, n_bins = cells.shape
    width = n_columns * cell_width
    votes = np.empty((n_bins, width), np.float32)
    for r in range(n_rows):
        votes[:] = 0
        for y in range(r * cell_height, (r + 1) * cell_height):
            _vote(magnitude[y, :width], which[y, :width], votes)
        _sum_columns(votes, cell_height, cell_width, cells[r])


@njit(nogil=True, cache=True)
def _gray_row(image, y, magnitude, entry):  # type: ignore[no-untyped-def]
    """Write magnitude and table entry of the gradients of row *y*; differences that reach outside are zero."""
    height, width = image.shape
    above, here, below = image[max(y - 1, 0)], image[y], image[min(y + 1, height - 1)]
    inside = int32(1) if 0 < y < height - 1 else int32(0)
    for x in range(len(magnitude)):
        g_row = int32((int32(below[x]) - int32(above[x])) * inside)
        g_col = int32(int32(here[x + 1]) - int32(here[x - 1])) if 0 < x < width - 1 else int32(0)
        magnitude[x] = np.sqrt(float32(int32(g_row * g_row + g_col * g_col)))
        entry[x] = int32(g_row * 511 + g_col + _MIDDLE)


@njit(nogil=True, cache=True)
def _colour_row(image, y, magnitude, entry):  # type: ignore[no-untyped-def]
    """As `_gray_row`, of the channel with the largest magnitude, the first of equals."""
    height, width, n_channels = image.shape
    above, here, below = image[max(y - 1, 0)], image[y], image[min(y + 1, height - 1)]
    inside = int32(1) if 0 < y < height - 1 else int32(0)
    for x in range(len(magnitude)):
        most, at = int32(-1), int32(0)
        for channel in range(n_channels):
            g_row = int32((int32(below[x, channel]) - int32(above[x, channel])) * inside)
            g_col = int32(0)
            if 0 < x < width - 1:
                g_col = int32(int32(here[x + 1, channel]) - int32(here[x - 1, channel]))
            energy = int32(g_row * g_row + g_col * g_col)
            at = int32(g_row * 511 + g_col + _MIDDLE) if energy > most else at
            most = max(most, energy)
        magnitude[x] = np.sqrt(float32(most))
        entry[x] = at


@njit(nogil=True, cache=True)
def _vote(magnitude, which, votes):  # type: ignore[no-untyped-def]
    for k in range(votes.shape[0]):
        mine = votes[k]
        for x in range(len(mine)):
            mine[x] += magnitude[x] if which[x] == uint8(k) else float32(0)


@njit(nogil=True, cache=True)
def _sum_columns(votes, cell_height, cell_width, cells):  # type: ignore[no-untyped-def]
    area = float32(cell_height * cell_width)
    for k in range(votes.shape[0]):
        for c in range(cells.shape[0]):
            total = float32(0)
            for x in range(c * cell_width, (c + 1) * cell_width):
                total += votes[k, x]
            cells[c, k] = total / area


# "reassoc" lets the sums run in vectors; it reorders additions of positive numbers, nothing else.
@njit(nogil=True, cache=True, fastmath={"reassoc"}, error_model="numpy")
def normalise_blocks(cells, block_height, block_width, squared, clip, blocks):  # type: ignore[no-untyped-def]
    """Fill *blocks* (rows, columns, numbers per block) with the cells of each block, divided by the norm of the block.

    The norm is the root of the squares where *squared*, else the sum; with *clip* < 1 numbers are cut there and divided
    once more. A small constant keeps empty blocks at zero.
    """
    n_rows, n_columns, n_bins = cells.shape
    per_row = block_width * n_bins
    lines = cells.reshape(n_rows, n_columns * n_bins)
    totals = _cell_totals(cells, squared)
    for r in range(blocks.shape[0]):
        for c in range(blocks.shape[1]):
            block = blocks[r, c]
            factor = _one_over_norm(totals[r : r + block_height, c : c + block_width].sum(), squared)
            energy = float32(0)
            for i in range(block_height):
                line = lines[r + i]
                for j in range(per_row):
                    value = min(line[c * n_bins + j] * factor, clip)
                    block[i * per_row + j] = value
                    energy += value * value
            if clip < float32(1):
                factor = _one_over_norm(energy, squared)
                for j in range(len(block)):
                    block[j] *= factor


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _cell_totals(cells, squared):  # type: ignore[no-untyped-def]
    totals = np.empty(cells.shape[:2], np.float32)
    for r in range(cells.shape[0]):
        for c in range(cells.shape[1]):
            total = float32(0)
            for k in range(cells.shape[2]):
                total += cells[r, c, k] * (cells[r, c, k] if squared else float32(1))
            totals[r, c] = total
    return totals


@njit(nogil=True, cache=True, error_model="numpy")
def _one_over_norm(total, squared):  # type: ignore[no-untyped-def]
    epsilon = float32(1e-5)  # of Dalal and Triggs, in the units of the cells
    return float32(1) / (np.sqrt(total + epsilon * epsilon) if squared else total + epsilon)
