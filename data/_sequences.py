"""Make sure that what should be many images is many images, and not one, or something else."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_KINDS = "file paths, arrays, PIL images or bytes"
_WRAP = "Put a single image into a list: [image]"


def check_images(X: Any) -> Sequence[Any] | NDArray[Any]:
    """Return the images in *X* as a sequence: `len(images)`, `images[i]`.

    Parameters
    ----------
    X : sequence of images
        A list, tuple or object array of images (see `read_image`); a NumPy array of paths; a stack
        `(n_images, height, width)` or `(n_images, height, width, 1 | 3 | 4)`; a pandas Series, or a frame or array with
        a single column. Nothing is decoded.

    Returns
    -------
    list or ndarray
        As given where it could be; one entry an image.

    Raises
    ------
    ValueError
        When *X* is empty, a single image or path, or no sequence of images.
    TypeError
        When *X* can be run through only once, or is of a type that holds no images.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.data import check_images
    >>> len(check_images(np.zeros((5, 28, 28), dtype=np.uint8)))
    5
    >>> check_images("cat.jpg")
    Traceback (most recent call last):
        ...
    ValueError: X must be a sequence of images; got the single path 'cat.jpg'. Put a single image into a list: [image]
    """
    if isinstance(X, str | os.PathLike):
        raise ValueError(f"X must be a sequence of images; got the single path {os.fspath(X)!r}. {_WRAP}")
    if isinstance(X, bytes | bytearray | memoryview | Image.Image):
        raise ValueError(f"X must be a sequence of images; got a single image ({type(X).__name__}). {_WRAP}")
    if hasattr(X, "iloc"):  # pandas, without importing it
        X = X.to_numpy(dtype=object)
    if isinstance(X, np.ndarray):
        images: Sequence[Any] | NDArray[Any] = _check_array(X)
    elif isinstance(X, Sequence):
        images = X
    elif isinstance(X, Mapping | set | frozenset) or not hasattr(X, "__iter__"):
        raise TypeError(f"X must be a sequence of {_KINDS}; got {type(X).__name__}")
    else:
        raise TypeError(f"X must be a sequence that can be run through many times; got {type(X).__name__}. Use list(X)")
    if len(images) == 0:
        raise ValueError("X holds no images: it must have at least one")
    if not isinstance(images, np.ndarray) or images.dtype == object:
        _check_members(images)
    return images


def _check_array(X: NDArray[Any]) -> NDArray[Any]:
    if X.dtype.kind == "S":
        raise ValueError("X is an array of fixed-width bytes, which loses zero bytes at the end; use a list instead")
    if X.dtype.kind in "OUT":
        if X.ndim == 2 and X.shape[1] == 1:
            X = X[:, 0]
        if X.ndim != 1:
            raise ValueError(f"X must have one column, of {_KINDS}; got an array of {X.dtype} of shape {X.shape}")
        return X
    single = X.ndim == 2 or (X.ndim == 3 and X.shape[2] in (3, 4))
    if single:
        raise ValueError(
            f"X must be a sequence of images; an array of shape {X.shape} looks like a single image. {_WRAP}"
            + (", or add a last axis of length 1 to a stack of gray images" if X.ndim == 3 else "")
        )
    if X.ndim not in (3, 4) or (X.ndim == 4 and X.shape[3] not in (1, 3, 4)):
        second = X.ndim == 4 and X.shape[1] in (1, 3, 4)
        hint = " The channels seem to come second: use np.moveaxis(X, 1, -1)" if second else ""
        raise ValueError(
            f"a stack of images has shape (n_images, height, width) or (n_images, height, width, 1, 3 or 4 channels); "
            f"got {X.shape}.{hint}"
        )
    return X


def _check_members(images: Sequence[Any] | NDArray[Any]) -> None:
    accepted = (str, os.PathLike, np.ndarray, Image.Image, bytes, bytearray, memoryview)
    for i in range(len(images)):
        if not isinstance(images[i], accepted):
            found = type(images[i]).__name__
            raise ValueError(f"X must hold {_KINDS}; X[{i}] is of type {found}: {images[i]!r:.40}")
