"""Histograms of oriented gradients in plain loops, straight from the definition: the slow judge."""

import math

import numpy as np


def gradient(image: np.ndarray, y: int, x: int) -> tuple[float, float]:
    """Return the rise down and to the right over two pixels; 0 where a neighbour is missing; in colour the longest."""
    height, width = image.shape[:2]
    channels = image.reshape(height, width, -1).astype(float)
    best = (0.0, 0.0)
    for channel in range(channels.shape[2]):
        plane = channels[:, :, channel]
        down = plane[y + 1, x] - plane[y - 1, x] if 0 < y < height - 1 else 0.0
        right = plane[y, x + 1] - plane[y, x - 1] if 0 < x < width - 1 else 0.0
        if down**2 + right**2 > best[0] ** 2 + best[1] ** 2:
            best = (down, right)
    return best


def cells(image: np.ndarray, orientations: int, cell: tuple[int, int]) -> np.ndarray:
    """Return the mean vote of every cell and bin: shape (rows, columns, orientations)."""
    rows, columns = image.shape[0] // cell[0], image.shape[1] // cell[1]
    votes = np.zeros((rows, columns, orientations))
    for y in range(rows * cell[0]):
        for x in range(columns * cell[1]):
            down, right = gradient(image, y, x)
            degrees = math.degrees(math.atan2(down, right)) % 180
            votes[y // cell[0], x // cell[1], int(degrees // (180 / orientations))] += math.hypot(down, right)
    return votes / (cell[0] * cell[1])


def normalised(block: np.ndarray, norm: str) -> np.ndarray:
    """Return one block of cells after its norm."""
    epsilon = 1e-5
    if norm.startswith("L1"):
        shares = block / (block.sum() + epsilon)
        return np.sqrt(shares) if norm == "L1-sqrt" else shares
    unit = block / math.sqrt((block**2).sum() + epsilon**2)
    if norm == "L2":
        return unit
    cut = np.minimum(unit, 0.2)
    return cut / math.sqrt((cut**2).sum() + epsilon**2)


def hog(
    image: np.ndarray, orientations: int, cell: tuple[int, int], block: tuple[int, int], norm: str | None
) -> np.ndarray:
    """Return the descriptor as one row."""
    votes = cells(image, orientations, cell)
    if norm is None:
        return votes.ravel()
    rows, columns = votes.shape[0] - block[0] + 1, votes.shape[1] - block[1] + 1
    blocks = [
        normalised(votes[r : r + block[0], c : c + block[1]].ravel(), norm) for r in range(rows) for c in range(columns)
    ]
    return np.concatenate(blocks)
