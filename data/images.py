"""The one place that turns a picture, whatever it comes as, into pixels.

A picture is a file path, the bytes of an image file, a NumPy array or a PIL image. Out comes RGB, upright, opaque,
eight bits a channel. *Gray* has one meaning throughout: the ITU-R BT.601 luma of those RGB values.

Decoding is done by simplejpeg and OpenCV where their pixels are exactly those of Pillow (ordinary JPEG; PNG and WebP
files; nearly twice as fast) and by Pillow for the rest. Headers are checked first, so that cut-off files, strangers
under an image's name and decompression bombs are refused before a decoder sees them.
"""

import contextlib
import os
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ._arrays import Pixels, array_to_rgb, turn_upright
from ._errors import ImageReadError
from ._headers import Header, exif_orientation, find_damage, read_header
from ._jpeg import decode_jpeg
from ._pillow import check_size, decode_with_pillow, pillow_to_rgb

#: Raised by one whenever the same file would give other pixels: part of what cached features are stored under.
READER_VERSION: int = 1
#: The size above which Pillow, too, takes an image for a decompression bomb.
MAX_PIXELS: int = 178_956_970

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image

_OPENCV_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_REPLACE = "Replace or remove the file; load_folder(..., on_error='skip') leaves such files out"


def read_image(
    source: ImageSource,
    *,
    color: Literal["rgb", "gray"] = "rgb",
    size: tuple[int, int] | None = None,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """Read one picture.

    Parameters
    ----------
    source : str, path, bytes, ndarray or PIL image
        A file path; the bytes of an image file; an array `(height, width)` or `(height, width, 1 | 3 | 4)` of bool,
        uint8, uint16 or floating-point values in [0, 1]; or a PIL image. Files may be JPEG, PNG, WebP, GIF, TIFF, BMP,
        PNM, AVIF or JPEG 2000, whatever their suffix; of several frames the first is read.
    color : {"rgb", "gray"}, default="rgb"
        Three channels, or the ITU-R BT.601 luma of them.
    size : (height, width) in pixels, optional
        Resize to this size (see `resize_image`); the aspect ratio is not kept.
    name : str, optional
        What to call the picture in an error message, such as "image 17".
    max_pixels : int, default=178_956_970
        Files and PIL images with more pixels are refused before they are decoded.

    Returns
    -------
    ndarray of uint8, `(height, width, 3)` or, gray, `(height, width)`
        A new array, values 0 to 255.

    Raises
    ------
    ImageReadError
        When *source* is missing, damaged, too large or no image at all; names it and says what was found.
    ValueError
        When *color* or *size* is not one of those above.

    Notes
    -----
    1. The orientation camera files carry (Exif) is applied.
    2. Transparent pixels are laid over white, for what shows through them is arbitrary otherwise.
    3. Of 16-bit values the high byte is kept. Mode "I" of PIL is taken for 16 bits.
    4. A JPEG file whose image data are damaged, missing or left over is refused, where most decoders show gray.
    5. Decoding costs about 5 ms a megapixel for a JPEG; a 300 x 200 photograph 0.25 ms.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.data import read_image
    >>> red = np.zeros((4, 6, 3), dtype=np.uint8)
    >>> red[..., 0] = 255
    >>> read_image(red).shape
    (4, 6, 3)
    >>> int(read_image(red, color="gray", size=(2, 2))[0, 0])
    76
    """
    if color not in ("rgb", "gray"):
        raise ValueError(f"color must be 'rgb' or 'gray'; got {color!r}")
    try:
        pixels = _to_rgb(source, max_pixels)
    except MemoryError:
        raise
    except OSError as error:
        raise ImageReadError(f"cannot read {_label(source, name)}: {_why(source, error)}.") from error
    except ValueError as error:
        raise ImageReadError(f"cannot read {_label(source, name)}: {error}.") from error
    if color == "gray":
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return pixels if size is None else resize_image(pixels, size)


def resize_image(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize to exactly *size*: areas are averaged when shrinking, neighbours interpolated linearly when enlarging.

    Parameters
    ----------
    pixels : ndarray of uint8, `(height, width)` or `(height, width, 3)`
        An image from `read_image`.
    size : (height, width) in pixels
        The new size; each axis is shrunk or enlarged by itself.

    Returns
    -------
    ndarray of uint8, `size` or `(*size, 3)`

    Raises
    ------
    ValueError
        When *size* is not two whole numbers of at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.data import resize_image
    >>> resize_image(np.array([[0, 100], [100, 200]], dtype=np.uint8), (1, 1))
    array([[100]], dtype=uint8)
    """
    height, width = _check_size_parameter(size)
    old_height, old_width = pixels.shape[:2]
    smaller = (min(height, old_height), min(width, old_width))
    # OpenCV averages areas only when both axes shrink, hence in two steps.
    if smaller != (old_height, old_width):
        pixels = cv2.resize(pixels, smaller[::-1], interpolation=cv2.INTER_AREA)
    if smaller != (height, width):
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels


def _check_size_parameter(size: tuple[int, int]) -> tuple[int, int]:
    try:
        height, width = size
        valid = int(height) == height >= 1 and int(width) == width >= 1
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(f"size must be (height, width), two whole numbers of pixels >= 1; got {size!r}")
    return int(height), int(width)


def _to_rgb(source: ImageSource, max_pixels: int) -> Pixels:
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(bytes(source), max_pixels)
    if isinstance(source, str | os.PathLike):
        with open(source, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs 5 microseconds more
            data = file.readall()
        try:
            return _decode(data, max_pixels)
        except ValueError as error:
            raise ValueError(f"{error}. {_REPLACE}") from error
    if isinstance(source, np.ndarray):
        return array_to_rgb(source)
    if isinstance(source, Image.Image):
        return pillow_to_rgb(source, max_pixels)
    raise ValueError(
        "an image must be a file path, a NumPy array, a PIL image or the bytes of an image file; "
        f"found {type(source).__name__}"
    )


def check_whole_file(data: bytes) -> None:
    """Look through the bytes of an image file; `ValueError` says why they cannot be read.

    Pillow reads files other than JPEG, for OpenCV prints what it finds wrong and goes on.
    """
    header = _sound_header(data, MAX_PIXELS)
    if header.format != "JPEG" or decode_jpeg(data, "GRAY") is None:
        _with_pillow(data, header, MAX_PIXELS)


def _sound_header(data: bytes, max_pixels: int) -> Header:
    header = read_header(data)
    if header.width:
        check_size(header.width, header.height, max_pixels)
    damage = find_damage(data, header)
    if damage:
        raise ValueError(damage)
    return header


def _decode(data: bytes, max_pixels: int) -> Pixels:
    """Decode the bytes of an image file to upright RGB; `ValueError` says what is wrong with them."""
    header = _sound_header(data, max_pixels)
    pixels: Any = None
    if header.ordinary and header.format == "JPEG":
        pixels = decode_jpeg(data)
    elif header.ordinary:
        with contextlib.suppress(cv2.error):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _OPENCV_FLAGS)
    if pixels is not None and pixels.shape == (header.height, header.width, 3):
        return turn_upright(pixels, exif_orientation(header.exif)) if header.exif else pixels
    return _with_pillow(data, header, max_pixels)


def _with_pillow(data: bytes, header: Header, max_pixels: int) -> Pixels:
    try:
        return decode_with_pillow(data, header, max_pixels)
    except (MemoryError, ValueError):
        raise
    except Image.DecompressionBombError as error:  # of TIFF and some WebP files Pillow also checks the size by itself
        raise ValueError(f"Pillow refuses its size; set PIL.Image.MAX_IMAGE_PIXELS = None, too ({error})") from error
    except Exception as error:  # decoders of damaged files raise almost anything: SyntaxError, struct.error, ...
        raise ValueError(f"the {header.format} file is damaged ({error})") from error


def _label(source: ImageSource, name: str | None) -> str:
    if isinstance(source, str | os.PathLike):
        what = repr(str(os.fspath(source)))  # of NumPy's own text, too, without saying so
        return f"{name} ({what})" if name else what
    if name:
        return name
    if isinstance(source, np.ndarray):
        return f"an array of shape {source.shape} and type {source.dtype}"
    if isinstance(source, Image.Image):
        return f"a PIL image ({source.mode}, {source.width} x {source.height})"
    if isinstance(source, bytes | bytearray | memoryview):
        return f"{len(source)} bytes of an image file"
    return f"{source!r:.60}"


def _why(source: ImageSource, error: OSError) -> str:
    """Say an operating system's complaint in the reader's words."""
    if not isinstance(source, str | os.PathLike):
        return f"{error}"
    path = os.fspath(source)
    if isinstance(error, FileNotFoundError):
        if "://" in path:
            return "it is a web address; download the file and give its path"
        return f"there is no such file. Check the path; relative paths start at {str(Path.cwd())!r}"
    if isinstance(error, IsADirectoryError) or Path(path).is_dir():
        return "it is a folder, not a file. load_folder reads a folder of images"
    if isinstance(error, PermissionError):
        return "permission denied. Make the file readable for this user"
    return f"{error.strerror or error}"
