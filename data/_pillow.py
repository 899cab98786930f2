"""Pillow, for the images that OpenCV misreads or cannot read: GIF, CMYK, transparency, 16 bits, and images in memory.

Each format's own class is called, not `PIL.Image.open`: which format it is has been found out already, exotic decoders
(PostScript!) stay out of reach, and Pillow's size warning, which depends on a global, is replaced by our own limit.
"""

import importlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, features

from ._arrays import Pixels, array_to_rgb, composite_on_white, turn_upright
from ._headers import Header, exif_orientation

_CLASSES = {
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "JPEG": ("JpegImagePlugin", "JpegImageFile"),
    "JPEG2000": ("Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "PNG": ("PngImagePlugin", "PngImageFile"),
    "PNM": ("PpmImagePlugin", "PpmImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
    "WEBP": ("WebPImagePlugin", "WebPImageFile"),
}
_OPTIONAL = {"AVIF": "avif", "JPEG2000": "jpg_2000", "WEBP": "webp", "TIFF": "libtiff"}
_ORIENTATION_TAG = 0x0112
_silence = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Pillow's remarks on odd metadata from the user; one thread at a time, the filters being global."""
    with _silence, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decode_with_pillow(data: bytes, header: Header, max_pixels: int) -> Pixels:
    """Decode the first frame of an image file to upright RGB."""
    needed = _OPTIONAL.get(header.format)
    if needed and not features.check(needed):
        raise ValueError(f"it is a {header.format} file, and the installed Pillow was built without {needed}")
    module, name = _CLASSES[header.format]
    image_class = getattr(importlib.import_module(f"PIL.{module}"), name)
    if header.format == "TIFF":  # remarks on tags, and turns the image upright by itself
        with _quiet(), image_class(io.BytesIO(data)) as image:
            check_size(image.width, image.height, max_pixels)
            return _to_rgb(image)
    with image_class(io.BytesIO(data)) as image:
        check_size(image.width, image.height, max_pixels)
        exif = header.exif or image.info.get("exif", b"").removeprefix(b"Exif\x00\x00")
        return turn_upright(_to_rgb(image), exif_orientation(exif))


def pillow_to_rgb(image: Image.Image, max_pixels: int) -> Pixels:
    """Return the upright RGB pixels of an image the caller opened or made."""
    check_size(image.width, image.height, max_pixels)
    with _quiet():
        image.load()
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    if orientation not in range(1, 9):
        orientation = 1
    return turn_upright(_to_rgb(image), orientation)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse an image with more than *max_pixels*."""
    if width * height > max_pixels:
        raise ValueError(
            f"it has {width} x {height} = {width * height:,} pixels, more than the limit of {max_pixels:,}, and was "
            "not decoded. If the file is to be trusted, raise max_pixels or make the image smaller"
        )
    if width * height == 0:
        raise ValueError(f"it has no pixels: {width} x {height}")


def _to_rgb(image: Image.Image) -> Pixels:
    mode = image.mode
    if mode.startswith("I;16"):
        return array_to_rgb(np.asarray(image).astype(np.uint16))
    if mode == "I":
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"32-bit pixels from {values.min()} to {values.max()}; at most 16 bits are read")
        return array_to_rgb(values.astype(np.uint16))
    if mode == "F":
        return array_to_rgb(np.asarray(image))
    if mode == "La":
        image = image.convert("LA")
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return composite_on_white(np.asarray(image.convert("RGBA")))
    if mode == "LAB":
        raise ValueError("its colours are CIE Lab, which are not converted. Save it as RGB")
    return np.array(image.convert("RGB"))
