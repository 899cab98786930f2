"""Arrays of any accepted kind to RGB bytes, and what decoded files need too: depth, transparency, rotation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def array_to_rgb(array: NDArray[Any]) -> Pixels:
    """Return a new `(height, width, 3)` uint8 array; `ValueError` says what is wrong with *array*."""
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise ValueError(_wrong_shape(array.shape))
    if array.size == 0:
        raise ValueError(f"the array has no pixels: its shape is {array.shape}")
    pixels = to_bytes(array)
    if pixels.shape[2] == 4:
        return composite_on_white(pixels)
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.array(pixels, order="C")


def _wrong_shape(shape: tuple[int, ...]) -> str:
    message = f"an image array has shape (height, width) or (height, width, 1, 3 or 4 channels); found {shape}"
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        return message + ". The channels seem to come first: use np.moveaxis(image, 0, -1)"
    if len(shape) == 4:
        return message + ". This is a stack of images: read them one by one"
    return message


def to_bytes(values: NDArray[Any]) -> Pixels:
    """Scale boolean, 8-bit, 16-bit or [0, 1] floating-point values to 0..255.

    Of 16-bit values the high byte is kept, as PNG and JPEG decoders do; floating-point values are rounded.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return (values >> 8).astype(np.uint8)
    if values.dtype.kind == "f":
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):  # also when NaN
            if np.isnan(low):
                n_nan = int(np.isnan(values).sum())
                raise ValueError(f"floating-point pixels must lie in [0, 1]; found {n_nan} NaN. Replace them first")
            raise ValueError(
                f"floating-point pixels must lie in [0, 1]; found values from {low:g} to {high:g}. "
                "Divide by the largest possible value, or convert to uint8 if they are 0..255"
            )
        return np.rint(values * values.dtype.type(255)).astype(np.uint8)
    raise ValueError(
        f"pixels must be bool, uint8, uint16 or floating point in [0, 1]; found dtype {values.dtype}. "
        "If the values are 0..255, convert with .astype(np.uint8)"
    )


def composite_on_white(rgba: Pixels) -> Pixels:
    """Lay `(height, width, 4)` pixels over white: `255 - (255 - colour) * alpha / 255`, rounded to the nearest."""
    ink = (255 - rgba[:, :, :3]).astype(np.uint16)
    ink *= rgba[:, :, 3:]
    ink += 127
    ink //= 255
    return (255 - ink).astype(np.uint8)


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo the camera's rotation: Exif orientation 1 to 8 (CIPA DC-008, tag 0x0112)."""
    if orientation >= 5:  # stored by columns
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
