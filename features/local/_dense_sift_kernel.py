"""Compiled kernel of dense SIFT: one scale of one image in, one descriptor per grid point out.

The orientation histogram of an image is kept as eight interleaved planes (the eight numbers of a pixel lie side by
side), so that every step works on runs of contiguous numbers. The spatial window is a product of a vertical and a
horizontal part and is evaluated only where the grid needs it: first down the rows of the grid for every image column,
stored column by column, then along the rows for every grid column. The image is worked through in bands of grid rows,
so the memory does not grow with its height.

Sums may be reassociated and multiply-adds fused (``fastmath`` with exactly these two licences): that is what lets the
compiler use vector registers, and neither changes what happens to zeros, infinities or NaN.
"""

import math

import numpy as np
from numba import njit

CELLS = 4  # cells along each side of the window (Lowe 2004, section 6)
ORIENTATIONS = 8
N_NUMBERS = CELLS * CELLS * ORIENTATIONS
CLIP = np.float32(0.2)  # Lowe 2004, section 6.1: no single gradient may dominate
BYTE_SCALE = np.float32(512.0)  # unit vectors times 512, cut at 255: the usual storage of SIFT as bytes
_ROWS_PER_BAND = {True: 8, False: 16}  # exact window, flat window: chosen so that a band stays in the second cache
_IMAGE_ROWS_PER_BAND = 256  # where the step is large
_SUMS = {"reassoc", "contract"}
# 4 / pi * atan(t) / t as a polynomial of t^2, least squares on the Chebyshev points of [0, 1].
_ARC = tuple(
    np.float32(c)
    for c in (1.2732386589, -0.4243245721, 0.2531183958, -0.1716378480, 0.1066230610, -0.0469807945, 0.0099637145)
)


def window_kernels(bin_size: int, gaussian: bool, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the window's one-dimensional part for each of the four cells and the weight each cell gets after it.

    Parameters
    ----------
    bin_size : int
        Width of a cell in pixels.
    gaussian : bool
        True: the exact window, linear interpolation between cells times a Gaussian around the descriptor's centre.
        False: the linear interpolation only, each cell then weighted by the Gaussian's mean over it.
    sigma : float
        Standard deviation of the Gaussian in cells.

    Returns
    -------
    kernels : ndarray of shape (4, 2 * bin_size - 1), float32
    weights : ndarray of shape (4,), float32
    """
    offsets = np.arange(1 - bin_size, bin_size)
    tent = 1.0 - np.abs(offsets) / bin_size
    centres = (np.arange(CELLS) - (CELLS - 1) / 2) * bin_size
    bell = np.exp(-0.5 * ((centres[:, None] + offsets) / (sigma * bin_size)) ** 2)
    if gaussian:
        return (tent * bell).astype(np.float32), np.ones(CELLS, np.float32)
    return np.tile(tent, (CELLS, 1)).astype(np.float32), (bell @ tent / tent.sum()).astype(np.float32)


def grid(length: int, bin_size: int, step: int) -> tuple[int, int]:
    """Return the pixel of the first cell centre and the number of grid points along a side of *length* pixels.

    All cell centres lie inside the image; what the step leaves over is shared by both ends.
    """
    room = length - 1 - (CELLS - 1) * bin_size
    if room < 0:
        return 0, 0
    return (room % step) // 2, room // step + 1


def dense_sift(
    image: np.ndarray,
    bin_size: int,
    step: int,
    *,
    gaussian: bool,
    sigma: float,
    threshold: float,
    root: bool,
    as_bytes: bool,
) -> np.ndarray:
    """Describe every grid point of one image at one scale.

    Parameters
    ----------
    image : ndarray of shape (height, width), float32
        Smoothed grey values.
    bin_size, step : int
        Width of a cell and distance of grid points, in pixels.
    gaussian : bool
        Exact Gaussian window, or the flat one with weighted cells.
    sigma : float
        Standard deviation of the Gaussian in cells.
    threshold : float
        Descriptors of less contrast, in grey values per pixel, become zeros.
    root : bool
        Take RootSIFT: square roots of the l1-normalised descriptor.
    as_bytes : bool
        uint8 (times 512, cut at 255) or float32 of unit length.

    Returns
    -------
    descriptors : ndarray of shape (n_rows * n_columns, 128)
        Grid points row by row; numbers ordered as cell row, cell column, orientation (counter-clockwise from the
        right, as in OpenCV).
    """
    height, width = image.shape
    first_row, n_rows = grid(height, bin_size, step)
    first_column, n_columns = grid(width, bin_size, step)
    out = np.zeros((n_rows * n_columns, N_NUMBERS), np.uint8 if as_bytes else np.float32)
    if not len(out):
        return out
    kernels, weights = window_kernels(bin_size, gaussian, sigma)
    # Contrast as VLFeat measures it: the histogram's sum over the pixels between the outermost cell centres.
    mass = np.float32(threshold * ((CELLS - 1) * bin_size + 1) ** 2)
    geometry = (bin_size, step, first_row, first_column, n_rows, n_columns)
    band = rows_per_band(gaussian, bin_size, step, n_rows)
    scale = BYTE_SCALE if as_bytes else np.float32(1.0)
    run = _with_exact_window if gaussian else _with_flat_window
    run(np.ascontiguousarray(image, np.float32), geometry, kernels, weights, band, mass, root, scale, out)
    return out


def rows_per_band(gaussian: bool, bin_size: int, step: int, n_rows: int) -> int:
    """Return how many rows of the grid are worked on at once: their windows span 256 image rows or are a single row."""
    return min(_ROWS_PER_BAND[gaussian], max((_IMAGE_ROWS_PER_BAND - 5 * bin_size) // step + 1, 1), n_rows)


@njit(nogil=True, cache=True, fastmath=_SUMS)
def _with_exact_window(image, geometry, kernels, weights, band, mass, root, scale, out):  # type: ignore[no-untyped-def]
    height, width = image.shape
    bin_size, step, first_row, first_column, n_rows, n_columns = geometry
    taps = 2 * bin_size - 1
    padded = width + taps - 1
    planes = np.zeros(((band - 1) * step + 5 * bin_size, padded * 8), np.float32)
    line = np.zeros(padded * 8, np.float32)
    columns = np.zeros((padded, band * 32), np.float32)
    sums = np.zeros(band * 32, np.float32)
    found = np.zeros((band, 128), np.float32)
    work = np.zeros((2, width), np.float32)
    filled_from, filled_to = 0, 0
    for start in range(0, n_rows, band):
        rows = min(band, n_rows - start)
        top = first_row + start * step
        low = max(top - bin_size + 1, 0)
        high = min(top + (rows - 1) * step + 4 * bin_size, height)
        _fill_planes(image, planes, work, filled_from, filled_to, low, high, bin_size - 1)
        filled_from, filled_to = low, high
        for row in range(rows):
            for i in range(4):
                y = top + row * step + i * bin_size - bin_size + 1
                _sum_rows(planes, line, kernels[i], y, low, high)
                _store_columns(line, columns, (row * 4 + i) * 8)
        for column in range(n_columns):
            for j in range(4):
                x = first_column + column * step + j * bin_size
                _sum_rows(columns, sums, kernels[j], x, 0, padded)
                for row in range(rows):
                    for i in range(4):
                        for k in range(8):
                            found[row, i * 32 + j * 8 + k] = sums[row * 32 + i * 8 + k]
            for row in range(rows):
                _finish(found[row], mass, root, scale, out[(start + row) * n_columns + column])


@njit(nogil=True, cache=True, fastmath=_SUMS)
def _with_flat_window(image, geometry, kernels, weights, band, mass, root, scale, out):  # type: ignore[no-untyped-def]
    height, width = image.shape
    bin_size, step, first_row, first_column, n_rows, n_columns = geometry
    taps = 2 * bin_size - 1
    padded = width + taps - 1
    pitch = math.gcd(step, bin_size)
    tent = kernels[0]
    # Cell centres of all grid points lie on a lattice of this pitch; mark the points that occur.
    used_rows = _used(band, step, bin_size, pitch)
    used_columns = _used(n_columns, step, bin_size, pitch)
    n_lattice = len(used_rows)
    planes = np.zeros(((band - 1) * step + 5 * bin_size, padded * 8), np.float32)
    line = np.zeros(padded * 8, np.float32)
    columns = np.zeros((padded, n_lattice * 8), np.float32)
    lattice = np.zeros((len(used_columns), n_lattice * 8), np.float32)
    found = np.zeros(128, np.float32)
    work = np.zeros((2, width), np.float32)
    filled_from, filled_to = 0, 0
    for start in range(0, n_rows, band):
        rows = min(band, n_rows - start)
        top = first_row + start * step
        low = max(top - bin_size + 1, 0)
        high = min(top + (rows - 1) * step + 4 * bin_size, height)
        _fill_planes(image, planes, work, filled_from, filled_to, low, high, bin_size - 1)
        filled_from, filled_to = low, high
        n_used = ((rows - 1) * step + 3 * bin_size) // pitch + 1
        for m in range(n_used):
            if used_rows[m]:
                _sum_rows(planes, line, tent, top + m * pitch - bin_size + 1, low, high)
                _store_columns(line, columns, m * 8)
        for m in range(len(used_columns)):
            if used_columns[m]:
                _sum_rows(columns, lattice[m], tent, first_column + m * pitch, 0, padded)
        for row in range(rows):
            for column in range(n_columns):
                for i in range(4):
                    for j in range(4):
                        weight = weights[i] * weights[j]
                        source = lattice[(column * step + j * bin_size) // pitch]
                        at = (row * step + i * bin_size) // pitch * 8
                        for k in range(8):
                            found[i * 32 + j * 8 + k] = weight * source[at + k]
                _finish(found, mass, root, scale, out[(start + row) * n_columns + column])


@njit(nogil=True, cache=True)
def _used(n, step, bin_size, pitch):  # type: ignore[no-untyped-def]
    """Mark the lattice points that are a cell centre of one of *n* grid points."""
    used = np.zeros(((n - 1) * step + 3 * bin_size) // pitch + 1, np.bool_)
    for point in range(n):
        for cell in range(4):
            used[(point * step + cell * bin_size) // pitch] = True
    return used


@njit(nogil=True, cache=True)
def _fill_planes(image, planes, work, filled_from, filled_to, low, high, pad):  # type: ignore[no-untyped-def]
    """Make the planes hold image rows low..high, moving up those that the last band already had."""
    kept = max(filled_to - low, 0)
    for row in range(kept):
        planes[row] = planes[row + low - filled_from]
    for y in range(low + kept, high):
        _orientation_row(image, y, work, planes[y - low], pad)


@njit(nogil=True, cache=True, fastmath=_SUMS)
def _orientation_row(image, y, work, planes, pad):  # type: ignore[no-untyped-def]
    """Write the orientation histogram of every pixel of one row, eight numbers each, repeated at both ends."""
    height, width = image.shape
    above, below = max(y - 1, 0), min(y + 1, height - 1)
    vertical = np.float32(1.0 / max(below - above, 1))
    size, turn = work[0], work[1]
    upper, lower, middle = image[above], image[below], image[y]
    for x in range(1, width - 1):
        size[x], turn[x] = _polar(np.float32(0.5) * (middle[x + 1] - middle[x - 1]), vertical * (upper[x] - lower[x]))
    last = width - 1
    inner = min(1, last)
    size[0], turn[0] = _polar(middle[inner] - middle[0], vertical * (upper[0] - lower[0]))
    size[last], turn[last] = _polar(middle[last] - middle[last - inner], vertical * (upper[last] - lower[last]))
    planes[:] = np.float32(0.0)
    for x in range(width):
        whole = int(turn[x])
        rest = turn[x] - np.float32(whole)
        at = (x + pad) * 8
        planes[at + (whole & 7)] = size[x] * (np.float32(1.0) - rest)
        planes[at + ((whole + 1) & 7)] = size[x] * rest
    for x in range(pad):
        for k in range(8):
            planes[x * 8 + k] = planes[pad * 8 + k]
            planes[(pad + width + x) * 8 + k] = planes[(pad + last) * 8 + k]


@njit(nogil=True, cache=True, fastmath=_SUMS, error_model="numpy", inline="always")
def _polar(right, up):  # type: ignore[no-untyped-def]
    """Return length and direction of a gradient, the direction in eighths of a turn: a number in [0, 8].

    The arc tangent is a polynomial with an error below 1e-6 of an eighth turn.
    """
    one = np.float32(1.0)
    wide, tall = abs(right), abs(up)
    large, small = max(wide, tall), min(wide, tall)
    t = small / (large if large > np.float32(0.0) else one)
    s = t * t
    turn = _ARC[6]
    for c in range(5, -1, -1):
        turn = turn * s + _ARC[c]
    turn *= t
    turn = np.float32(2.0) - turn if tall > wide else turn
    turn = np.float32(4.0) - turn if right < np.float32(0.0) else turn
    turn = np.float32(8.0) - turn if up < np.float32(0.0) else turn
    return np.sqrt(right * right + up * up), turn


@njit(nogil=True, cache=True, fastmath=_SUMS)
def _sum_rows(source, out, kernel, first, low, high):  # type: ignore[no-untyped-def]
    """``out = sum_t kernel[t] * source[row t]``, rows beyond low..high taken from the nearest one; four at a time."""
    taps = len(kernel)
    n = len(out)
    last = high - low - 1
    done = 0
    for t in range(0, taps - 3, 4):
        at = first + t - low
        k0, k1, k2, k3 = kernel[t], kernel[t + 1], kernel[t + 2], kernel[t + 3]
        r0 = source[min(max(at, 0), last)]
        r1 = source[min(max(at + 1, 0), last)]
        r2 = source[min(max(at + 2, 0), last)]
        r3 = source[min(max(at + 3, 0), last)]
        if t == 0:
            for x in range(n):
                out[x] = k0 * r0[x] + k1 * r1[x] + k2 * r2[x] + k3 * r3[x]
        else:
            for x in range(n):
                out[x] += k0 * r0[x] + k1 * r1[x] + k2 * r2[x] + k3 * r3[x]
        done = t + 4
    for t in range(done, taps):
        k0 = kernel[t]
        r0 = source[min(max(first + t - low, 0), last)]
        if t == 0:
            for x in range(n):
                out[x] = k0 * r0[x]
        else:
            for x in range(n):
                out[x] += k0 * r0[x]


@njit(nogil=True, cache=True)
def _store_columns(line, columns, at):  # type: ignore[no-untyped-def]
    """Write the eight numbers of every pixel of a row behind those that its column already has."""
    for x in range(len(columns)):
        for k in range(8):
            columns[x, at + k] = line[x * 8 + k]


@njit(nogil=True, cache=True, fastmath=_SUMS)
def _finish(found, mass, root, scale, out):  # type: ignore[no-untyped-def]
    """Normalise, clip and normalise again; leave zeros where the contrast is below the threshold."""
    total = np.float32(0.0)
    square = np.float32(0.0)
    for k in range(128):
        total += found[k]
        square += found[k] * found[k]
    if total < mass or square == np.float32(0.0):
        return
    limit = CLIP * np.sqrt(square)
    total = np.float32(0.0)
    square = np.float32(0.0)
    for k in range(128):
        value = min(found[k], limit)
        found[k] = value
        total += value
        square += value * value
    if root:
        factor = scale * scale / total
        for k in range(128):
            found[k] = np.sqrt(found[k] * factor)
    else:
        factor = scale / np.sqrt(square)
        for k in range(128):
            found[k] *= factor
    if scale > np.float32(1.0):  # bytes: through whole numbers, which vector registers convert fastest
        for k in range(128):
            out[k] = np.int32(min(found[k] + np.float32(0.5), np.float32(255.0)))
    else:
        for k in range(128):
            out[k] = found[k]
