"""The 31 numbers per cell of the deformable part models: signed, unsigned and total gradient energy of every cell.

Felzenszwalb and others [1]_ found that Dalal and Triggs' blocks hold the same histogram four times with different
norms, and that averages over the four norms, plus sums over the directions, say as much in fewer numbers. Conventions
follow VLFeat's ``vl_hog`` [2]_; where we differ is listed at `uoctti`.
"""

from typing import Any

import numpy as np
from numba import njit

from eyecraft.features._checks import check_pair, check_whole

from ._gradients import strongest_gradients
from ._images import gray_or_colour
from .sobel import nearest_orientation

_LIMIT = 0.2  # at which normalised energies are cut
_SOFTENING = 1e-4  # added to the energy of a block, in squared gray levels: keeps flat cells at zero


def uoctti(
    image: Any,
    orientations: int = 9,
    pixels_per_cell: int | tuple[int, int] = (8, 8),
    *,
    transform_sqrt: bool = False,
) -> np.ndarray:
    """Compute the UoCTTI variant of HOG.

    Parameters
    ----------
    image : ndarray of shape (height, width) or (height, width, 3)
        Gray or colour; in colour each pixel votes with its channel of largest magnitude. Pixel values 0 .. 255.
    orientations : int, default=9
        Directions n over 180 degrees, 1 .. 120; signed ones are twice as many. Direction k is centred on ``k * 180 /
        n`` degrees.
    pixels_per_cell : int or (rows, columns), default=(8, 8)
        Size of a cell in pixels, at least 2.
    transform_sqrt : bool, default=False
        Take the square root of the pixel values first.

    Returns
    -------
    features : ndarray of shape (height // p_r, width // p_c, 3 * orientations + 4), float32
        Per cell: 2 n signed energies, n unsigned energies, 4 total energies, one for each of the blocks to the upper
        left, upper right, lower left and lower right.

    Raises
    ------
    ValueError
        A parameter out of range, an image smaller than one cell, or not an image.

    Notes
    -----
    A pixel votes with its magnitude for the nearest signed direction, shared bilinearly among the four nearest cells.
    The energy of a cell is divided by the root of the summed squares (unsigned) of each of the four 2 x 2 blocks the
    cell is in, and cut at 0.2; directions get half the sum over the four, totals the sum over unsigned directions
    divided by ``sqrt(2 n)``.

    1. Cells: ``height // p_r``, so that both variants of `HOG` have the same; VLFeat rounds to the nearest number.
       Equal for whole multiples. Votes for cells that are not there are lost, as in VLFeat.
    2. Cells at the border take the missing ones of their blocks to be like themselves, as in VLFeat; the authors'
       program leaves the outermost cells out.
    3. Total energies sum the cut *unsigned* energies, as in the paper and VLFeat; the authors' program sums the signed
       ones.
    4. Of two equally near directions the first wins: a purely vertical gradient goes to 80, not 100 degrees.

    About 50 ms per megapixel on one core.

    References
    ----------
    .. [1] P. F. Felzenszwalb, R. B. Girshick, D. McAllester and D. Ramanan, "Object detection with discriminatively
       trained part-based models", IEEE Transactions on Pattern Analysis and Machine Intelligence 32(9), 2010,
       1627-1645. :doi:`10.1109/TPAMI.2009.167`
    .. [2] A. Vedaldi and B. Fulkerson, "VLFeat: an open and portable library of computer vision algorithms", ACM
       Multimedia 2010. :doi:`10.1145/1873951.1874249`

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features.handcrafted import uoctti
    >>> uoctti(np.zeros((64, 48), np.uint8)).shape
    (8, 6, 31)
    """
    check_whole("orientations", orientations, at_least=1, at_most=120)
    cell = check_pair("pixels_per_cell", pixels_per_cell, at_least=2, unit="pixels")
    pixels = gray_or_colour(image, "uoctti")
    shape = (pixels.shape[0] // cell[0], pixels.shape[1] // cell[1])
    if 0 in shape:
        raise ValueError(
            f"`uoctti` needs an image of at least {cell[0]} x {cell[1]} pixels (height x width), one cell; "
            f"got {pixels.shape[0]} x {pixels.shape[1]}. Enlarge the image or choose smaller cells."
        )
    g_row, g_col = strongest_gradients(pixels, transform_sqrt=transform_sqrt)
    magnitude = np.hypot(g_row, g_col)
    magnitude[[0, -1]] = 0
    magnitude[:, [0, -1]] = 0
    direction = nearest_orientation(g_col, g_row, 2 * orientations, signed=True)
    energies = np.zeros((*shape, 2 * orientations))
    _share_votes(magnitude, direction, *cell, energies)
    return _features(energies).astype(np.float32)


def _features(energies: np.ndarray) -> np.ndarray:
    """Return signed, unsigned and total energies of every cell after the norms of its four blocks."""
    n = energies.shape[2] // 2
    unsigned = energies[:, :, :n] + energies[:, :, n:]
    squares = np.pad(np.sum(unsigned**2, axis=2), 1, mode="edge")
    blocks = squares[:-1, :-1] + squares[:-1, 1:] + squares[1:, :-1] + squares[1:, 1:]
    factor = 1 / np.sqrt(blocks + _SOFTENING)
    factors = np.stack([factor[:-1, :-1], factor[:-1, 1:], factor[1:, :-1], factor[1:, 1:]], axis=2)[:, :, None]
    signed_cut = np.minimum(energies[:, :, :, None] * factors, _LIMIT)
    unsigned_cut = np.minimum(unsigned[:, :, :, None] * factors, _LIMIT)
    totals = unsigned_cut.sum(axis=2) / np.sqrt(2 * n)
    return np.concatenate([signed_cut.sum(axis=3) / 2, unsigned_cut.sum(axis=3) / 2, totals], axis=2)


@njit(nogil=True, cache=True)
def _share_votes(magnitude, direction, cell_height, cell_width, energies):  # type: ignore[no-untyped-def]
    n_rows, n_columns = energies.shape[:2]
    for y in range(magnitude.shape[0]):
        row = (y + 0.5) / cell_height - 0.5  # in cells; whole numbers are the middles of cells
        r = int(np.floor(row))
        low = row - r
        for x in range(magnitude.shape[1]):
            column = (x + 0.5) / cell_width - 0.5
            c = int(np.floor(column))
            right = column - c
            k, vote = direction[y, x], magnitude[y, x]
            if 0 <= r < n_rows and 0 <= c < n_columns:
                energies[r, c, k] += vote * (1 - low) * (1 - right)
            if 0 <= r < n_rows and 0 <= c + 1 < n_columns:
                energies[r, c + 1, k] += vote * (1 - low) * right
            if 0 <= r + 1 < n_rows and 0 <= c < n_columns:
                energies[r + 1, c, k] += vote * low * (1 - right)
            if 0 <= r + 1 < n_rows and 0 <= c + 1 < n_columns:
                energies[r + 1, c + 1, k] += vote * low * right
