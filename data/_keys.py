"""Tell images apart without decoding them."""

import os
from hashlib import blake2b

import numpy as np
from PIL import Image

from ._errors import ImageReadError
from .images import ImageSource, read_image


def image_key(source: ImageSource) -> str:
    """Return a string that identifies an image: the same for the same picture, another after a change.

    Parameters
    ----------
    source : str, path, bytes, ndarray or PIL image
        As for `read_image`.

    Returns
    -------
    str
        For a file `"path|size|time"`: absolute path, size in bytes, time of the last change in nanoseconds. Otherwise a
        BLAKE2b digest of the contents: bytes as they are, an array's values with shape and type, a PIL image's RGB
        pixels.

    Raises
    ------
    ImageReadError
        When the file is missing, or *source* is no image.

    Notes
    -----
    A file costs about 5 microseconds and is not opened; a digest about 1 ms a megabyte.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.data import image_key
    >>> image_key(np.zeros((2, 2), dtype=np.uint8)) == image_key(np.zeros((2, 2), dtype=np.uint8))
    True
    """
    if isinstance(source, str | os.PathLike):
        try:
            status = os.stat(source)  # noqa: PTH116 - a Path costs twice as much, and this runs once per image
        except OSError:
            read_image(source)  # says what is wrong
            raise
        return f"{os.path.abspath(source)}|{status.st_size}|{status.st_mtime_ns}"  # noqa: PTH100
    digest = blake2b(digest_size=16)
    if isinstance(source, bytes | bytearray | memoryview):
        digest.update(b"bytes")
        digest.update(source)
    elif isinstance(source, np.ndarray):
        if source.dtype.hasobject:
            raise ImageReadError("an image array holds numbers; found dtype object. Pass the images in a list")
        digest.update(f"array {source.dtype.str} {source.shape} ".encode())
        digest.update(np.ascontiguousarray(source).data)
    elif isinstance(source, Image.Image):
        pixels = read_image(source)
        digest.update(f"pillow {pixels.shape} ".encode())
        digest.update(pixels.data)
    else:
        read_image(source)  # says what is wrong
    return digest.hexdigest()
