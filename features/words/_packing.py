"""Descriptors as one flat array of bytes, the way the feature store keeps things."""

import numpy as np

from eyecraft.features.local import Descriptors

_TYPES = (np.dtype(np.uint8), np.dtype(np.float32))
_HEAD = 5  # n, length, type, image height, image width, 8 bytes each


def pack(found: Descriptors) -> np.ndarray:
    """Return the descriptors as uint8 of shape (n_bytes,)."""
    n, length = found.values.shape
    head = np.array([n, length, _TYPES.index(found.values.dtype), *found.image_size], np.int64)
    parts = [head, found.values, found.x, found.y, found.scale, found.angle]
    return np.concatenate([np.ascontiguousarray(part).reshape(-1).view(np.uint8) for part in parts])


def unpack(row: np.ndarray) -> Descriptors:
    """Return the descriptors that `pack` packed."""
    data = np.array(row, np.uint8)
    n, length, kind, height, width = data[: 8 * _HEAD].view(np.int64).tolist()
    dtype = _TYPES[kind]
    at = 8 * _HEAD
    end = at + n * length * dtype.itemsize
    values = data[at:end].view(dtype).reshape(n, length)  # both begin at a multiple of 4 bytes
    x, y, scale, angle = data[end:].view(np.float32).reshape(4, n)
    return Descriptors(values, x, y, scale, angle, (height, width))
