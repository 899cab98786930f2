"""Thumbnails of the images of a comparison, for people to look at."""

from collections.abc import Sequence
from typing import Any, Self

import cv2
import numpy as np

from eyecraft.data import ImageReadError, read_image, resize_image

_SIDE = 256  # pixels, the longer side of a thumbnail
_KEPT_SIDE = 160  # of one that is kept
_MOST = 2000  # images kept as PNG beside the results


class Gallery:
    """Images by position: read from disk when asked for, or kept as PNG where they live in memory only.

    Parameters
    ----------
    sources : sequence of images or None
        What was compared on.
    pictures : dict of int to bytes, optional
        PNG files by position, used before *sources*.
    """

    def __init__(self, sources: Sequence[Any] | np.ndarray | None, pictures: dict[int, bytes] | None = None) -> None:
        self._sources = sources
        self._pictures = pictures or {}

    def image(self, position: int, side: int = _SIDE) -> np.ndarray | None:
        """Return the RGB thumbnail, uint8 of shape (height, width, 3), or None where the image cannot be had."""
        if position in self._pictures:
            data = np.frombuffer(self._pictures[position], dtype=np.uint8)
            return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        if self._sources is None or not 0 <= position < len(self._sources):
            return None
        try:
            pixels = read_image(self._sources[position])
        except (ImageReadError, ValueError, TypeError, OSError):
            return None
        scale = side / max(pixels.shape[:2])
        if scale >= 1:
            return pixels
        height, width = (max(round(side * scale), 1) for side in pixels.shape[:2])
        return resize_image(pixels, (height, width))

    def paths(self) -> list[str] | None:
        """Return the images' paths, if they are files."""
        if isinstance(self._sources, np.ndarray) and self._sources.dtype.kind == "U":
            return [str(path) for path in self._sources.tolist()]
        return None

    def to_arrays(self, tested: np.ndarray) -> dict[str, np.ndarray]:
        """Return PNG files of at most 2,000 of the *tested* images, evenly spread, as arrays without objects."""
        chosen = self._pictures if self._sources is None else None
        if chosen is None:
            even = np.linspace(0, len(tested) - 1, min(len(tested), _MOST)).round().astype(np.int64)
            found = ((int(position), self.image(int(position), _KEPT_SIDE)) for position in np.unique(tested[even]))
            chosen = {position: _png(pixels) for position, pixels in found if pixels is not None}
        sizes = np.array([len(data) for data in chosen.values()], dtype=np.int64)
        return {
            "positions": np.array(list(chosen), dtype=np.int64),
            "stops": np.cumsum(sizes, dtype=np.int64),
            "png": np.frombuffer(b"".join(chosen.values()), dtype=np.uint8),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Return the gallery that `to_arrays` described."""
        data, stops = arrays["png"].tobytes(), arrays["stops"].tolist()
        starts = [0, *stops[:-1]]
        files = [data[start:stop] for start, stop in zip(starts, stops, strict=False)]
        return cls(None, dict(zip(arrays["positions"].tolist(), files, strict=True)))


def _png(pixels: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes())
