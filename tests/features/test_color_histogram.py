"""Colour histograms: which colours, in which cell."""

import itertools

import cv2
import numpy as np
import pytest
from sklearn.base import clone

from eyecraft.features.handcrafted import ColorHistogram, color_histogram


@pytest.mark.parametrize(
    ("space", "name"),
    [("rgb", "color_r0_c1_r1_g0_b0"), ("hsv", "color_r0_c1_h0_s1_v1"), ("lab", "color_r0_c1_l1_a1_b1")],
)
def test_a_red_right_half_fills_one_named_bin(space: str, name: str) -> None:
    """All pixels of the right cell are red, and one bin of that cell says so."""
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, 3:] = (255, 0, 0)
    histogram = ColorHistogram(bins=2, space=space, grid=(1, 2))
    row = histogram.fit_transform([image])[0]
    filled = dict(zip(histogram.get_feature_names_out(), row, strict=True))
    assert filled[name] == 1
    assert row.sum() == 2


def test_places_do_not_matter_inside_a_cell(rng: np.random.Generator) -> None:
    """Shuffled pixels have the same colours."""
    image = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    shuffled = rng.permutation(image.reshape(-1, 3)).reshape(8, 8, 3)
    np.testing.assert_array_equal(color_histogram(image), color_histogram(shuffled))


def test_turning_the_image_turns_the_cells(rng: np.random.Generator) -> None:
    """A quarter turn of the image is a quarter turn of the grid."""
    image = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)
    upright, turned = color_histogram(image, grid=(2, 3)), color_histogram(np.rot90(image), grid=(3, 2))
    np.testing.assert_array_equal(turned, np.rot90(upright))


def test_every_cell_adds_up_to_one(rng: np.random.Generator) -> None:
    """Also where the cells differ in size."""
    image = rng.integers(0, 256, (7, 11, 3), dtype=np.uint8)
    np.testing.assert_allclose(color_histogram(image, grid=(3, 4)).sum(axis=(2, 3, 4)), 1, rtol=1e-6)


@pytest.mark.parametrize("space", ["rgb", "hsv", "lab"])
@pytest.mark.parametrize("bins", [(8, 8, 8), (5, 3, 7), (1, 1, 256)])
def test_equals_numpy(space: str, bins: tuple[int, int, int], rng: np.random.Generator) -> None:
    """`numpy.histogramdd` over the converted pixels is the judge."""
    image = rng.integers(0, 256, (21, 17, 3), dtype=np.uint8)
    code = {"rgb": None, "hsv": cv2.COLOR_RGB2HSV, "lab": cv2.COLOR_RGB2LAB}[space]
    values = image if code is None else cv2.cvtColor(image, code)
    ranges = [(0, 180 if space == "hsv" else 256), (0, 256), (0, 256)]
    counts, _ = np.histogramdd(values.reshape(-1, 3), bins=bins, range=ranges)
    np.testing.assert_allclose(color_histogram(image, bins, space)[0, 0], counts / counts.sum(), atol=1e-7)


def test_equals_opencv(rng: np.random.Generator) -> None:
    """`cv2.calcHist` is the second judge."""
    image = rng.integers(0, 256, (21, 17, 3), dtype=np.uint8)
    counts = cv2.calcHist([image], [0, 1, 2], None, [4, 8, 2], [0, 256] * 3)
    np.testing.assert_allclose(color_histogram(image, (4, 8, 2))[0, 0], counts / counts.sum(), atol=1e-7)


def test_gray_is_three_equal_channels(rng: np.random.Generator) -> None:
    """A gray image fills the diagonal of RGB only."""
    gray = rng.integers(0, 256, (9, 9), dtype=np.uint8)
    histogram = color_histogram(gray, bins=(4, 4, 4))[0, 0]
    off_diagonal = [i for i in itertools.product(range(4), repeat=3) if len(set(i)) > 1]
    assert sum(histogram[i] for i in off_diagonal) == 0
    np.testing.assert_array_equal(histogram, color_histogram(np.dstack([gray] * 3), bins=(4, 4, 4))[0, 0])


@pytest.mark.parametrize(("bins", "grid", "n"), [(8, 1, 512), ((4, 2, 3), (2, 3), 144)])
def test_length(bins: int | tuple[int, int, int], grid: int | tuple[int, int], n: int) -> None:
    """Cells times the product of the bins, whatever the sizes of the images."""
    images = [np.zeros((9, 8, 3), np.uint8), np.zeros((30, 20), np.uint8)]
    histogram = clone(ColorHistogram(bins=bins, grid=grid)).fit(images)
    assert histogram.transform(images).shape == (2, n)
    assert len(set(histogram.get_feature_names_out())) == n


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"space": "yuv"}, r"`space` must be one of 'rgb', 'hsv', 'lab'; got 'yuv'"),
        ({"bins": 0}, r"`bins` must be a whole number >= 1 and <= 256; got 0"),
        ({"bins": (8, 300, 8)}, r"<= 256; got 300"),
        ({"bins": (8, 8)}, r"one per channel of 'rgb'; got \(8, 8\)"),
        ({"bins": "many"}, r"got 'many'"),
        ({"grid": (0, 2)}, r"`grid` must be .* >= 1; got \(0, 2\)"),
    ],
)
def test_impossible_parameters(parameters: dict[str, object], message: str) -> None:
    """Each message holds the number that is wrong."""
    with pytest.raises(ValueError, match=message):
        ColorHistogram(**parameters).fit([np.zeros((4, 4, 3), np.uint8)])


def test_floats_are_refused() -> None:
    """The plain function wants 8-bit pixels and says how to get them."""
    with pytest.raises(ValueError, match=r"needs uint8 pixels, 0 to 255; got float64.*read_image"):
        color_histogram(np.zeros((4, 4, 3)))


def test_an_image_smaller_than_the_grid() -> None:
    """A cell without pixels has no colours."""
    with pytest.raises(ValueError, match=r"at least 3 x 3 pixels.*has 2 x 9"):
        ColorHistogram(grid=3).fit([np.zeros((2, 9, 3), np.uint8)])
    with pytest.raises(ValueError, match=r"each of the 3 x 3 cells of its grid; the image has 2 x 9"):
        color_histogram(np.zeros((2, 9, 3), np.uint8), grid=3)


def test_frozen_numbers() -> None:
    """A ramp through the colours: changes here change every stored feature."""
    image = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    assert np.flatnonzero(color_histogram(image, (2, 3, 2), "hsv").ravel()).tolist() == [6, 7, 8, 10]
