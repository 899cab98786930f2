"""JPEG files decoded strictly: what is damaged is refused, where decoders fill up with gray and print a remark.

By simplejpeg (libjpeg-turbo), which hands the remarks of the library over; the pixels are those of Pillow and OpenCV.
"""

import re
from typing import Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray

# Remarks after which pixels are wrong or missing; others are about metadata, or odd but harmless.
_LOSSES = re.compile(r"bad Huffman code|premature end|instead of RST|(?P<left>\d+) extraneous bytes before marker")
_PADDING = 16  # bytes of anything that some programs leave behind the image data


def decode_jpeg(data: bytes, colorspace: Literal["RGB", "GRAY"] = "RGB") -> NDArray[np.uint8] | None:
    """Decode the bytes of a JPEG file, or return None where its kind is not known here (some CMYK files).

    Parameters
    ----------
    data : bytes
    colorspace : {"RGB", "GRAY"}
        "GRAY" does for looking through files of any colours.

    Returns
    -------
    pixels : ndarray of shape (height, width, 3 or 1), uint8, or None
        As stored, before any Exif rotation.

    Raises
    ------
    ValueError
        Image data are damaged, missing or left over.
    """
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, colorspace, strict=True))
    except ValueError as error:
        loss = _LOSSES.search(str(error))
        if loss and int(loss["left"] or _PADDING + 1) > _PADDING:
            told = str(error).removeprefix("Corrupt JPEG data: ")
            raise ValueError(f"the JPEG file is damaged: its image data are cut off or overwritten ({told})") from None
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, colorspace, strict=False))
    except ValueError:
        return None
