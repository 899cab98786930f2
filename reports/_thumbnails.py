"""Small pictures inside the page: data URIs of a few kilobytes, so that one file holds everything."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison

THUMBNAIL_SIDES = (224, 160, 112)
"""Longest sides of thumbnails in pixels: the largest of which all together fit into the page; 112 always do."""

_ROOM = 1_000_000  # bytes for all of them; a page of 20 pipelines is to stay below 5 MB

_TINY_SIDE = 48


def collect_thumbnails(comparison: Comparison, positions: Iterable[int]) -> dict[str, dict[str, Any]]:
    """Encode the images at `positions`; an image that can no longer be read is left out.

    Returns
    -------
    dict
        ``str(position)`` -> ``src`` (a ``data:`` URI), ``width``, ``height`` and ``tiny`` (draw with hard pixels).
    """
    wanted = {position: comparison.image(position) for position in sorted(set(positions))}
    images = {position: np.asarray(image) for position, image in wanted.items() if image is not None}
    thumbnails: dict[str, dict[str, Any]] = {}
    for side in THUMBNAIL_SIDES:
        thumbnails = {}
        room = _ROOM
        for position, image in images.items():
            thumbnails[str(position)] = found = thumbnail(image, side)
            room -= len(found["src"])
            if room < 0 and side > THUMBNAIL_SIDES[-1]:
                break
        if room >= 0:
            break
    return thumbnails


def thumbnail(image: np.ndarray, side: int = THUMBNAIL_SIDES[-1]) -> dict[str, Any]:
    """Shrink one ``uint8 (height, width, 3)`` image and write it as a data URI (lossless where it is tiny already)."""
    from PIL import Image

    picture = Image.fromarray(image).convert("RGB")
    tiny = max(picture.size) <= _TINY_SIDE
    if not tiny:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    stream = io.BytesIO()
    if tiny:
        picture.save(stream, "PNG", optimize=True)
    else:
        picture.save(stream, "WEBP", quality=62, method=4)
    return {
        "src": data_uri(stream.getvalue(), "png" if tiny else "webp"),
        "width": picture.width,
        "height": picture.height,
        "tiny": tiny,
    }


def confusion_png(counts: list[list[int]], right: tuple[int, int, int], wrong: tuple[int, int, int]) -> str:
    """Paint a confusion matrix with one pixel per cell: right answers in one colour, wrong ones in another.

    Opacity grows with the square root of the share of the row, from a floor, so that a single mistake can still be
    seen; the background is transparent and suits light and dark pages alike.

    Returns
    -------
    str
        A ``data:`` URI.
    """
    from PIL import Image

    table = np.array(counts, dtype=float)
    n = len(table)
    shares = table / np.maximum(table.sum(axis=1), 1)[:, None]
    pixels = np.empty((n, n, 4), dtype=np.uint8)
    pixels[..., :3] = wrong
    pixels[np.arange(n), np.arange(n), :3] = right
    pixels[..., 3] = np.round(255 * np.where(shares > 0, 0.18 + 0.82 * np.sqrt(shares), 0.0))
    stream = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(stream, "PNG", optimize=True)
    return data_uri(stream.getvalue(), "png")


def data_uri(content: bytes, kind: str) -> str:
    """Write bytes of an image as a ``data:`` URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
