"""Dense SIFT, plainly: one window, one pixel, one cell at a time, straight from the definition."""

import math

import numpy as np


def gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian cut off at 4 sigma, border repeated."""
    radius = math.ceil(4 * sigma)
    weights = [math.exp(-0.5 * (d / sigma) ** 2) for d in range(-radius, radius + 1)]
    weights = [weight / sum(weights) for weight in weights]
    padded = np.pad(image.astype(float), radius, mode="edge")
    rows = sum(weight * padded[d : d + image.shape[0], :] for d, weight in enumerate(weights))
    return sum(weight * rows[:, d : d + image.shape[1]] for d, weight in enumerate(weights))


def gradient(image: np.ndarray, y: int, x: int) -> tuple[float, float]:
    """Return length and direction (radians, counter-clockwise) of the gradient; one-sided differences at borders."""
    height, width = image.shape
    above, below = max(y - 1, 0), min(y + 1, height - 1)
    left, right = max(x - 1, 0), min(x + 1, width - 1)
    across = (image[y, right] - image[y, left]) / max(right - left, 1)
    up = (image[above, x] - image[below, x]) / max(below - above, 1)
    return math.hypot(across, up), math.atan2(up, across) % (2 * math.pi)


def window_weight(offset: int, cell: int, bin_size: int, window: str, sigma: float) -> float:
    """Weight of a pixel *offset* pixels from the centre of *cell* along one axis; *sigma* in cells."""
    tent = 1 - abs(offset) / bin_size
    centre = (cell - 1.5) * bin_size

    def bell(position: float) -> float:
        return math.exp(-0.5 * (position / (sigma * bin_size)) ** 2)

    if window == "gaussian":
        return tent * bell(centre + offset)
    offsets = range(1 - bin_size, bin_size)
    tents = [1 - abs(o) / bin_size for o in offsets]
    mean = sum(t * bell(centre + o) for t, o in zip(tents, offsets, strict=True)) / sum(tents)
    return tent * mean


def describe_window(
    image: np.ndarray, top: int, left: int, bin_size: int, window: str, sigma: float = 2.0
) -> np.ndarray:
    """Return the raw histogram, (4, 4, 8), of the window whose first cell centre is (top, left)."""
    height, width = image.shape
    histogram = np.zeros((4, 4, 8))
    for i in range(4):
        for j in range(4):
            for dy in range(1 - bin_size, bin_size):
                for dx in range(1 - bin_size, bin_size):
                    y = min(max(top + i * bin_size + dy, 0), height - 1)
                    x = min(max(left + j * bin_size + dx, 0), width - 1)
                    length, direction = gradient(image, y, x)
                    weight = window_weight(dy, i, bin_size, window, sigma)
                    weight *= window_weight(dx, j, bin_size, window, sigma)
                    eighths = direction * 8 / (2 * math.pi)
                    lower = math.floor(eighths)
                    histogram[i, j, lower % 8] += length * weight * (1 - (eighths - lower))
                    histogram[i, j, (lower + 1) % 8] += length * weight * (eighths - lower)
    return histogram


def normalized(histogram: np.ndarray, bin_size: int, threshold: float, root: bool) -> np.ndarray:
    """Normalise, clip at 0.2, normalise; zeros below the contrast *threshold* (grey levels per pixel)."""
    values = histogram.ravel()
    if values.sum() / (3 * bin_size + 1) ** 2 < threshold or not values.any():
        return np.zeros(128)
    values = np.minimum(values / np.linalg.norm(values), 0.2)
    return np.sqrt(values / values.sum()) if root else values / np.linalg.norm(values)


def dense_sift(
    image: np.ndarray, bin_size: int, step: int, *, window: str = "gaussian", threshold: float = 0.0, root: bool = False
) -> np.ndarray:
    """Describe all grid points, row by row: (n, 128) unit vectors or zeros."""
    height, width = image.shape
    room_down, room_across = height - 1 - 3 * bin_size, width - 1 - 3 * bin_size
    found = []
    for top in range(room_down % step // 2, room_down + 1, step) if room_down >= 0 else ():
        for left in range(room_across % step // 2, room_across + 1, step) if room_across >= 0 else ():
            histogram = describe_window(image, top, left, bin_size, window)
            found.append(normalized(histogram, bin_size, threshold, root))
    return np.array(found).reshape(-1, 128)
