"""Many images, in any container; and what is said when they are not many images."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eyecraft.data import check_images

PATHS = ["a.jpg", "b.jpg", "c.jpg"]
PIXELS = np.zeros((4, 5, 3), dtype=np.uint8)


def objects(*values):
    """Make a 1-D object array."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    "X",
    [
        PATHS,
        tuple(PATHS),
        np.array(PATHS),
        objects(*PATHS),
        np.array(PATHS)[:, np.newaxis],
        pd.Series(PATHS, index=[7, 8, 9]),
        pd.DataFrame({"path": PATHS}),
        pd.Series(PATHS, dtype="category"),
        np.array(PATHS, dtype=np.dtypes.StringDType()),
    ],
)
def test_paths_in_every_container(X):
    """Lists, arrays and pandas objects give the paths in order."""
    images = check_images(X)
    assert len(images) == 3
    assert [str(images[i]) for i in range(3)] == PATHS


@pytest.mark.parametrize(
    "X",
    [
        [PIXELS, PIXELS[:2]],
        objects(PIXELS, PIXELS[:2]),
        [Image.fromarray(PIXELS), b"bytes"],
        np.zeros((2, 8, 8)),
        np.zeros((2, 8, 8, 1)),
        np.zeros((2, 8, 8, 4)),
        np.zeros((1, 8, 3, 1), dtype=np.uint8),
    ],
)
def test_pixels_in_every_container(X):
    """Images in memory, of one size or several, are passed on as they are."""
    images = check_images(X)
    assert len(images) == len(X)
    assert images[0] is X[0] or np.shares_memory(images[0], X[0])


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("cat.jpg", ValueError, r"got the single path 'cat.jpg'. Put a single image into a list: \[image\]"),
        (b"\xff\xd8", ValueError, r"got a single image \(bytes\)"),
        (Image.fromarray(PIXELS), ValueError, r"got a single image \(Image\)"),
        (np.zeros((100, 60)), ValueError, r"shape \(100, 60\) looks like a single image"),
        (np.zeros((100, 60, 3)), ValueError, r"shape \(100, 60, 3\) looks like a single image.*gray images"),
        (np.zeros((10, 3, 8, 8)), ValueError, r"got \(10, 3, 8, 8\). The channels seem to come second"),
        (np.zeros(7), ValueError, r"a stack of images has shape .*; got \(7,\)"),
        (np.array([["a", "b"]]), ValueError, r"must have one column.*shape \(1, 2\)"),
        (np.array([b"a\x00"]), ValueError, "loses zero bytes at the end"),
        ([], ValueError, "X holds no images"),
        (np.zeros((0, 8, 8)), ValueError, "X holds no images"),
        (["a.jpg", None], ValueError, r"X\[1\] is of type NoneType"),
        ([3, 4], ValueError, r"X\[0\] is of type int: 3"),
        ((path for path in PATHS), TypeError, r"got generator. Use list\(X\)"),
        ({"a.jpg": 1}, TypeError, "got dict"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_what_is_not_many_images(X, error, message):
    """The error says what came and how to pass it."""
    with pytest.raises(error, match=message):
        check_images(X)


def test_channels_that_come_second():
    """It is said only where the second axis could be channels."""
    for shape, said in (((5, 3, 8, 9), True), ((40, 8, 8, 2), False)):
        with pytest.raises(ValueError, match="a stack of images has shape") as caught:
            check_images(np.zeros(shape, np.uint8))
        assert ("channels seem to come second" in str(caught.value)) == said
