"""Sobel: strength and direction of edges."""

import cv2
import numpy as np
import pytest
from references import sobel_reference
from sklearn.base import clone

from eyecraft.features.handcrafted import Sobel, sobel_gradients, sobel_magnitude_angle

SIZES = [(1, 1), (1, 5), (2, 2), (5, 1), (3, 7), (31, 45), (200, 300)]


def step(axis: int, *, bright_first: bool = False) -> np.ndarray:
    """Return a 16 x 16 image with one edge in the middle of *axis*."""
    image = np.zeros((16, 16), np.uint8)
    half = image[:8] if axis == 0 else image[:, :8]
    half[:] = 200
    return image if bright_first else 200 - image


@pytest.mark.parametrize(("axis", "name"), [(0, "sobel_r0_c0_o4"), (1, "sobel_r0_c0_o0")])
@pytest.mark.parametrize("bright_first", [False, True])
def test_an_edge_fills_one_named_bin(axis: int, name: str, bright_first: bool) -> None:
    """A horizontal edge is 90 degrees, a vertical one 0, from dark to bright or back."""
    sobel = Sobel(grid=1)
    row = sobel.fit_transform([step(axis, bright_first=bright_first)])[0]
    assert dict(zip(sobel.get_feature_names_out(), row, strict=True))[name] == 1
    assert np.count_nonzero(row) == 1


@pytest.mark.parametrize(("bright_first", "name"), [(False, "sobel_r0_c0_o2"), (True, "sobel_r0_c0_o6")])
def test_signed_directions_tell_up_from_down(bright_first: bool, name: str) -> None:
    """Down is 90 degrees, up 270."""
    sobel = Sobel(grid=1, orientations=8, signed=True)
    row = sobel.fit_transform([step(0, bright_first=bright_first)])[0]
    assert sobel.get_feature_names_out()[row.argmax()] == name
    assert np.count_nonzero(row) == 1


def test_a_map_shows_where_the_edge_is() -> None:
    """The edge between rows 7 and 8 lies in the two middle rows of cells."""
    row = Sobel(output="map", grid=(4, 2)).fit_transform([step(0)])[0].reshape(4, 2)
    np.testing.assert_allclose(row, [[0, 0], [0.5, 0.5], [0.5, 0.5], [0, 0]], atol=1e-7)


@pytest.mark.parametrize("output", ["histogram", "map"])
def test_brightness_and_contrast_change_nothing(output: str, rng: np.random.Generator) -> None:
    """An offset drops out of the gradient, a factor out of the norm."""
    image = rng.integers(0, 80, (20, 30), dtype=np.uint8)
    rows = Sobel(output=output).fit_transform([image, image + 90, image * 3])
    np.testing.assert_allclose(rows[1:], rows[:1].repeat(2, axis=0), atol=1e-6)


@pytest.mark.parametrize(("signed", "shift"), [(False, 4), (True, 6)])
def test_a_quarter_turn_permutes_cells_and_bins(signed: bool, shift: int, rng: np.random.Generator) -> None:
    """Turning the image anticlockwise takes 90 degrees from every direction."""
    image = rng.integers(0, 256, (24, 24), dtype=np.uint8)
    upright, turned = Sobel(signed=signed).fit_transform([image, np.rot90(image)]).reshape(2, 4, 4, 8)
    np.testing.assert_allclose(turned, np.roll(np.rot90(upright), shift, axis=2), atol=1e-6)


def test_flat_images_give_zeros() -> None:
    """No gradient, no numbers, no division by zero."""
    assert not Sobel().fit_transform([np.full((9, 9), 77, np.uint8)]).any()


@pytest.mark.parametrize("size", SIZES)
def test_gradients_equal_opencv(size: tuple[int, int], rng: np.random.Generator) -> None:
    """Bit for bit, borders and tiny images included."""
    image = rng.integers(0, 256, size, dtype=np.uint8)
    gx, gy = sobel_gradients(image)
    assert gx.dtype == gy.dtype == np.int16
    np.testing.assert_array_equal(gx, cv2.Sobel(image, cv2.CV_16S, 1, 0))
    np.testing.assert_array_equal(gy, cv2.Sobel(image, cv2.CV_16S, 0, 1))


def test_gradients_equal_the_plain_loops(rng: np.random.Generator) -> None:
    """The definition, pixel by pixel."""
    image = rng.integers(0, 256, (9, 13), dtype=np.uint8)
    for ours, theirs in zip(sobel_gradients(image), sobel_reference.gradients(image), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("levels", [2, 3, 256])
@pytest.mark.parametrize("size", SIZES)
def test_magnitude_is_exact_and_angle_close(size: tuple[int, int], levels: int, rng: np.random.Generator) -> None:
    """The magnitude is the correctly rounded length, the angle within 2e-6 of the arctangent."""
    image = rng.integers(0, levels, size, dtype=np.uint8) * (255 // (levels - 1))
    magnitude, angle = sobel_magnitude_angle(image)
    gx, gy = (gradient.astype(float) for gradient in sobel_gradients(image))
    np.testing.assert_array_equal(magnitude, np.hypot(gx, gy).astype(np.float32))
    np.testing.assert_allclose(angle, np.arctan2(gy, gx), rtol=0, atol=2e-6)


@pytest.mark.parametrize(("signed", "n"), [(False, 8), (True, 8), (False, 13), (True, 5)])
def test_histograms_equal_the_plain_loops(signed: bool, n: int, rng: np.random.Generator) -> None:
    """Nearest directions and uneven cells, by the definition."""
    image = rng.integers(0, 256, (19, 23), dtype=np.uint8)
    ours = Sobel(grid=(3, 4), orientations=n, signed=signed, norm=None).fit_transform([image])[0]
    theirs = sobel_reference.histograms(image, (3, 4), n, signed=signed)
    np.testing.assert_allclose(ours, theirs.ravel(), rtol=1e-6)


def test_of_equally_near_directions_the_first_wins() -> None:
    """With nine directions, 90 degrees lies between 80 and 100."""
    sobel = Sobel(grid=1, orientations=9)
    row = sobel.fit_transform([step(0)])[0]
    assert sobel.get_feature_names_out()[row.argmax()] == "sobel_r0_c0_o4"


@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_norms(norm: str, rng: np.random.Generator) -> None:
    """The whole row has length or sum 1."""
    row = Sobel(norm=norm).fit_transform([rng.integers(0, 256, (20, 30), dtype=np.uint8)])[0]
    assert (np.linalg.norm(row) if norm == "l2" else row.sum()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("parameters", "n"), [({}, 128), ({"output": "map", "grid": (3, 5)}, 15), ({"orientations": 6, "grid": 2}, 24)]
)
def test_length(parameters: dict[str, object], n: int) -> None:
    """Cells times directions, whatever the sizes of the images."""
    images = [np.zeros((9, 8), np.uint8), np.zeros((30, 20, 3), np.uint8)]
    sobel = clone(Sobel(**parameters)).fit(images)
    assert sobel.transform(images).shape == (2, n)
    assert len(set(sobel.get_feature_names_out())) == n


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"output": "picture"}, r"`output` must be one of 'histogram', 'map'; got 'picture'"),
        ({"grid": (4, 0)}, r"`grid` must be .* >= 1; got \(4, 0\)"),
        ({"orientations": 1}, r"`orientations` must be a whole number >= 2 and <= 180; got 1"),
        ({"norm": "l3"}, r"`norm` must be one of 'l2', 'l1', None; got 'l3'"),
    ],
)
def test_impossible_parameters(parameters: dict[str, object], message: str) -> None:
    """Each message holds the value that is wrong."""
    with pytest.raises(ValueError, match=message):
        Sobel(**parameters).fit([np.zeros((9, 9), np.uint8)])


@pytest.mark.parametrize("function", [sobel_gradients, sobel_magnitude_angle])
@pytest.mark.parametrize("image", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)), np.zeros((0, 4), np.uint8)])
def test_only_gray_bytes(function: object, image: np.ndarray) -> None:
    """Other arrays are refused with the way to convert them."""
    shape = rf"\({image.shape[0]}, .* of {image.dtype}"
    with pytest.raises(ValueError, match=rf"gray uint8 image .*; got .*{shape}.*read_image"):
        function(image)  # type: ignore[operator]


def test_an_image_smaller_than_the_grid() -> None:
    """The message names both sizes."""
    with pytest.raises(ValueError, match=r"at least 4 x 4 pixels.*has 3 x 9"):
        Sobel().fit([np.zeros((3, 9), np.uint8)])


def test_views_are_taken_as_they_are(rng: np.random.Generator) -> None:
    """Neither order nor write protection of the array matters."""
    image = rng.integers(0, 256, (12, 10), dtype=np.uint8)
    view = np.asfortranarray(image)
    view.flags.writeable = False
    np.testing.assert_array_equal(sobel_magnitude_angle(view)[1], sobel_magnitude_angle(image)[1])


def test_frozen_numbers() -> None:
    """A curved ramp: changes here change every stored feature."""
    image = (np.add.outer(np.arange(8) ** 2, 3 * np.arange(8))).astype(np.uint8)
    row = Sobel(grid=1, orientations=4, norm=None).fit_transform([image])[0]
    np.testing.assert_allclose(row, [4.5, 11.485316, 34.01522, 0], rtol=1e-5)
