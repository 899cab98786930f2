"""Small pictures as they travel: encoded once, a few kilobytes each, ready for a page."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyecraft.data import resize_image

SIDE = 160  # pixels, the longer side of a picture
TINY = 48  # pixels: up to here every pixel is kept as it is
MOST_BYTES = 7000
_QUALITIES = (66, 50, 35, 20, 5)  # of WebP, the next lower where a picture becomes too large


@dataclass(frozen=True)
class Picture:
    """An encoded picture.

    Attributes
    ----------
    data : bytes
        A WebP file.
    height, width : int
        Pixels.
    """

    data: bytes
    height: int
    width: int

    def pixels(self) -> np.ndarray:
        """Return the picture, uint8 of shape (height, width, 3)."""
        from PIL import Image

        with Image.open(io.BytesIO(self.data)) as picture:
            return np.asarray(picture.convert("RGB"))


def picture_of(pixels: np.ndarray, *, most: int = MOST_BYTES) -> Picture:
    """Encode a picture in at most so many bytes, if that can be.

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, 3), uint8
    most : int
        Bytes.

    Returns
    -------
    Picture
        Without a loss where that takes few bytes, as pictures of few colours and tiny ones do.
    """
    height, width = pixels.shape[:2]
    exact = webp(pixels, lossless=True)
    if len(exact) <= most // 2 or max(height, width) <= TINY:
        return Picture(exact, height, width)
    return Picture(smallest_webp(pixels, _QUALITIES, most), height, width)


def smallest_webp(pixels: np.ndarray, qualities: Sequence[int], most: int) -> bytes:
    """Return a WebP file of the first of the qualities that takes at most so many bytes, else of the last."""
    data = b""
    for quality in qualities:
        data = webp(pixels, quality=quality)
        if len(data) <= most:
            break
    return data


def webp(pixels: np.ndarray, *, quality: int = 80, lossless: bool = False) -> bytes:
    """Return ``uint8`` pixels, (height, width) or (height, width, 3), as a WebP file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", quality=quality, method=4, lossless=lossless)
    return stream.getvalue()


def shrunk(pixels: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return a picture whose longer side is at most so many pixels."""
    height, width = pixels.shape[:2]
    factor = min(1.0, side / max(height, width))
    return (
        pixels if factor == 1 else resize_image(pixels, (max(round(height * factor), 1), max(round(width * factor), 1)))
    )


def pack(pictures: Sequence[Picture]) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Return the files of many pictures as one array of bytes, and length, height and width of each."""
    data = np.frombuffer(b"".join(one.data for one in pictures), np.uint8)
    return data, [(len(one.data), one.height, one.width) for one in pictures]


def unpack(data: np.ndarray, sizes: Sequence[Sequence[int]]) -> list[Picture]:
    """Return the pictures that `pack` packed; raises ``ValueError`` where bytes are missing."""
    content, start, pictures = data.tobytes(), 0, []
    for length, height, width in sizes:
        pictures.append(Picture(content[start : start + length], height, width))
        start += length
    if start != len(content):
        raise ValueError(f"the pictures have {len(content):,} bytes where {start:,} are listed")
    return pictures
