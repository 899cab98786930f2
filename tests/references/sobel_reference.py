"""Sobel's gradient one pixel at a time, and a histogram of its directions: the slow judge."""

import math

import numpy as np

ACROSS = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def mirrored(position: int, length: int) -> int:
    """Return where a position outside 0 .. length - 1 lies in the mirror that stands on the edge pixel."""
    if length == 1:
        return 0
    return -position if position < 0 else 2 * (length - 1) - position if position >= length else position


def correlate(image: np.ndarray, mask: list[list[int]], y: int, x: int) -> int:
    """Return the correlation of a 3x3 mask with the image around one pixel."""
    height, width = image.shape
    return sum(
        mask[i][j] * int(image[mirrored(y + i - 1, height), mirrored(x + j - 1, width)])
        for i in range(3)
        for j in range(3)
    )


def gradients(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rise to the right and the rise downwards at every pixel."""
    down = [list(column) for column in zip(*ACROSS, strict=True)]
    gx, gy = np.zeros(image.shape, int), np.zeros(image.shape, int)
    for y, x in np.ndindex(image.shape):
        gx[y, x], gy[y, x] = correlate(image, ACROSS, y, x), correlate(image, down, y, x)
    return gx, gy


def histograms(image: np.ndarray, grid: tuple[int, int], n: int, *, signed: bool) -> np.ndarray:
    """Return the mean magnitude per pixel of every cell and nearest direction: shape (rows, columns, n)."""
    gx, gy = gradients(image)
    sums, pixels = np.zeros((*grid, n)), np.zeros((*grid, 1))
    turn = 2 * math.pi if signed else math.pi
    for y, x in np.ndindex(image.shape):
        # The last cell that starts at or before the pixel, when cell k starts at floor(k * length / cells).
        r = max(k for k in range(grid[0]) if k * image.shape[0] // grid[0] <= y)
        c = max(k for k in range(grid[1]) if k * image.shape[1] // grid[1] <= x)
        place = math.atan2(gy[y, x], gx[y, x]) % turn / turn * n
        nearest = math.ceil(place - 0.5 - 1e-9) % n  # of equally near ones the first
        sums[r, c, nearest] += math.hypot(gy[y, x], gx[y, x])
        pixels[r, c] += 1
    return sums / pixels
