"""The door of the plain functions: an array that can be measured, or a message that says what to do."""

from typing import Any

import numpy as np


def gray_uint8(image: Any, caller: str) -> np.ndarray:
    """Return *image* as a contiguous gray ``uint8`` array of shape (height, width); raise ``ValueError`` otherwise."""
    pixels = np.asarray(image)
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise ValueError(
            f"`{caller}` needs a gray uint8 image of shape (height, width); got {pixels.shape} of {pixels.dtype}. "
            'Convert it with `eyecraft.data.read_image(image, color="gray")`.'
        )
    return _compiled_layout(pixels)


def colour_uint8(image: Any, caller: str) -> np.ndarray:
    """Return *image* as a contiguous ``uint8`` array of shape (height, width, 3); gray is repeated three times."""
    pixels = gray_or_colour(image, caller)
    if pixels.dtype != np.uint8:
        raise ValueError(
            f"`{caller}` needs uint8 pixels, 0 to 255; got {np.asarray(image).dtype}. "
            "Convert the image with `eyecraft.data.read_image(image)`."
        )
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def gray_or_colour(image: Any, caller: str) -> np.ndarray:
    """Return *image* as a contiguous array (height, width) or (height, width, 3) of ``uint8``, ``float32`` or
    ``float64``.

    Other integers become ``float64``; values are not scaled.
    """
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not shaped or pixels.size == 0 or pixels.dtype.kind not in "buif":
        raise ValueError(
            f"`{caller}` needs a gray image (height, width) or a colour image (height, width, 3) of numbers; "
            f"got shape {pixels.shape} of {pixels.dtype}. `eyecraft.data.read_image` makes one of anything it can read."
        )
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float32 if pixels.dtype in (np.float16, np.float32) else np.float64)
        if not np.isfinite(pixels).all():
            raise ValueError(
                f"`{caller}` needs finite pixel values; {np.count_nonzero(~np.isfinite(pixels))} of {pixels.size} are "
                "NaN or infinite. Replace them first, for example with `numpy.nan_to_num`."
            )
    return _compiled_layout(pixels)


def _compiled_layout(pixels: np.ndarray) -> np.ndarray:
    """Return writable C-ordered pixels: the one array type for which the kernels are compiled."""
    return np.require(pixels, requirements=["C", "W"])
