"""HOG: histograms of oriented gradients, judged by scikit-image and by plain loops."""

import numpy as np
import pytest
import skimage.feature
from references import hog_reference
from sklearn.base import clone

from eyecraft.features.handcrafted import HOG, hog

NORMS = ["L2-Hys", "L2", "L1", "L1-sqrt"]


def step(axis: int) -> np.ndarray:
    """Return a 16 x 16 image with one edge across the middle of *axis*."""
    image = np.zeros((16, 16), np.uint8)
    half = image[8:] if axis == 0 else image[:, 8:]
    half[:] = 200
    return image


@pytest.mark.parametrize(("axis", "name"), [(0, "hog_r0_c0_o4"), (1, "hog_r0_c0_o0")])
def test_an_edge_fills_one_named_bin(axis: int, name: str) -> None:
    """A horizontal edge is 90 degrees, the middle of bin 4; a vertical one is 0, the start of bin 0."""
    descriptor = HOG(image_size=None, block_norm=None, pixels_per_cell=16)
    row = descriptor.fit_transform([step(axis)])[0]
    assert dict(zip(descriptor.get_feature_names_out(), row, strict=True))[name] == 25  # 2 of 16 rows of 200
    assert np.count_nonzero(row) == 1


def test_the_worked_example() -> None:
    """320 x 240 pixels in 8 x 8 cells with 9 bins and no blocks are 40 * 30 * 9 numbers."""
    image = np.zeros((240, 320), np.uint8)
    assert hog(image, 9, (8, 8), block_norm=None).shape == (10_800,)
    assert HOG(image_size=None, block_norm=None).fit_transform([image]).shape == (1, 10_800)


@pytest.mark.parametrize("norm", NORMS)
def test_brightness_and_contrast_change_nothing(norm: str, rng: np.random.Generator) -> None:
    """An offset drops out of the gradient, a factor out of the norm."""
    image = rng.integers(0, 80, (32, 40), dtype=np.uint8)
    for other in (image + 90, image * 3):
        np.testing.assert_allclose(hog(other, block_norm=norm), hog(image, block_norm=norm), atol=1e-6)


def test_a_quarter_turn_permutes_cells_and_bins(rng: np.random.Generator) -> None:
    """Ten bins of 18 degrees: a quarter turn is five places. A tilted slope keeps clear of the borders of bins."""
    rows, columns = np.mgrid[:24, :24]
    image = (3 * rows + 5 * columns + rng.integers(0, 2, (24, 24))).astype(np.uint8)
    upright = hog(image, 10, (8, 8), block_norm=None, feature_vector=False)
    turned = hog(np.rot90(image), 10, (8, 8), block_norm=None, feature_vector=False)
    # The middle cell only: bins of the others meet the border, where one of the gradients is 0.
    np.testing.assert_allclose(turned[1, 1], np.roll(upright[1, 1], 5), rtol=1e-5)


@pytest.mark.parametrize("norm", [*NORMS, None])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_images_give_zeros(norm: str | None, level: int) -> None:
    """No gradient, no numbers, no division by zero."""
    assert not hog(np.full((32, 32), level, np.uint8), block_norm=norm).any()
    assert not HOG(block_norm=norm).fit_transform([np.full((9, 9, 3), level, np.uint8)]).any()


def picture(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return an odd-sized image: bytes, few levels (many ties), colour, floats."""
    size = (61, 83)
    return {
        "bytes": lambda: rng.integers(0, 256, size, dtype=np.uint8),
        "three levels": lambda: rng.integers(0, 3, size, dtype=np.uint8),
        "colour": lambda: rng.integers(0, 256, (*size, 3), dtype=np.uint8),
        "two-level colour": lambda: rng.integers(0, 2, (*size, 3), dtype=np.uint8),
        "floats": lambda: rng.random(size),
        "single floats in colour": lambda: rng.random((*size, 3)).astype(np.float32),
        "16 bits": lambda: rng.integers(0, 65536, size, dtype=np.uint16),
    }[kind]()


@pytest.mark.parametrize(
    "kind", ["bytes", "three levels", "colour", "two-level colour", "floats", "single floats in colour", "16 bits"]
)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("root", [False, True])
def test_equals_scikit_image(kind: str, norm: str, root: bool, rng: np.random.Generator) -> None:
    """Over types, norms, odd cells, odd blocks and numbers of bins whose borders meet 45 degrees."""
    image = picture(kind, rng)
    channel = -1 if image.ndim == 3 else None
    for n, cell, block in [(9, (8, 8), (2, 2)), (8, (7, 5), (3, 1)), (7, (6, 9), (1, 2)), (4, (3, 4), (3, 3))]:
        ours = hog(image, n, cell, block, norm, transform_sqrt=root)
        theirs = skimage.feature.hog(image, n, cell, block, norm, transform_sqrt=root, channel_axis=channel)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("norm", [*NORMS, None])
@pytest.mark.parametrize("shape", [(17, 22), (17, 22, 3)])
def test_equals_the_plain_loops(norm: str | None, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """The definition, pixel by pixel; also of bare cells, which scikit-image does not give."""
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    theirs = hog_reference.hog(image, 9, (5, 4), (2, 3), norm)
    np.testing.assert_allclose(hog(image, 9, (5, 4), (2, 3), norm), theirs, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("orientations", [9, 12])
def test_the_picture_equals_scikit_images(orientations: int, rng: np.random.Generator) -> None:
    """Strokes at the same pixels, as bright."""
    image = rng.integers(0, 256, (61, 83), dtype=np.uint8)
    descriptor = HOG(orientations=orientations, pixels_per_cell=(16, 12), image_size=None)
    _, theirs = skimage.feature.hog(image, orientations, (16, 12), (1, 1), visualize=True)
    np.testing.assert_allclose(descriptor.visualize(image), theirs, rtol=1e-5, atol=1e-5)


def test_colour_votes_with_the_strongest_channel() -> None:
    """A red-green edge of equal luma is invisible in gray and plain in colour."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, :8, 0], image[:, 8:, 1] = 196, 100  # 0.299 * 196 = 0.587 * 100
    gray, colour = (HOG(color=color, image_size=None).fit_transform([image])[0] for color in (False, True))
    assert not gray.any()
    np.testing.assert_array_equal(colour, hog(image))
    assert colour.any()


@pytest.mark.parametrize(
    ("parameters", "n", "name"),
    [
        ({}, 15 * 15 * 36, "hog_r0_c0_b1_o0"),
        ({"block_norm": None}, 16 * 16 * 9, "hog_r0_c1_o0"),
        (
            {"image_size": (50, 70), "pixels_per_cell": (8, 10), "cells_per_block": (3, 1)},
            4 * 7 * 27,
            "hog_r0_c0_b1_o0",
        ),
    ],
)
def test_length_and_names(parameters: dict[str, object], n: int, name: str, rng: np.random.Generator) -> None:
    """Blocks, cells and bins by the formula, for images of any size."""
    images = [rng.integers(0, 256, (70, 90), dtype=np.uint8), rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)]
    descriptor = clone(HOG(**parameters)).fit(images)
    assert descriptor.transform(images).shape == (2, n)
    names = descriptor.get_feature_names_out()
    assert names[9] == name
    assert len(set(names)) == n


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"orientations": 0}, r"`orientations` must be a whole number >= 1 and <= 180; got 0"),
        ({"pixels_per_cell": 1}, r"`pixels_per_cell` must be .* of pixels >= 2; got 1. Smaller cells hold no gradient"),
        ({"cells_per_block": (2, 0)}, r"`cells_per_block` must be .* >= 1; got \(2, 0\)"),
        ({"block_norm": "L2-hys"}, r"`block_norm` must be one of 'L2-Hys', .* None; got 'L2-hys'"),
        ({"variant": "uocti"}, r"`variant` must be one of 'dalal', 'uoctti'; got 'uocti'; did you mean 'uoctti'"),
    ],
)
def test_impossible_parameters(parameters: dict[str, object], message: str) -> None:
    """Each message holds the value that is wrong."""
    with pytest.raises(ValueError, match=message):
        HOG(**parameters).fit([np.zeros((32, 32), np.uint8)])


def test_an_image_smaller_than_one_block() -> None:
    """The class names the image, the function its size; both say how large it must be."""
    image = np.zeros((15, 40), np.uint8)
    with pytest.raises(ValueError, match=r"at least 16 x 16 pixels.*image 0 has 15 x 40"):
        HOG(image_size=None).fit([image])
    with pytest.raises(ValueError, match=r"`hog` needs .* at least 16 x 16 pixels.*got 15 x 40"):
        hog(image)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((16, 16, 4)), r"\(height, width, 3\) of numbers; got shape \(16, 16, 4\) of float64"),
        (np.zeros(16), r"got shape \(16,\)"),
        (np.full((16, 16), np.nan), r"finite pixel values; 256 of 256 are NaN"),
    ],
)
def test_not_an_image(image: np.ndarray, message: str) -> None:
    """The plain function says what it was given."""
    with pytest.raises(ValueError, match=message):
        hog(image)


def test_no_root_of_negative_values() -> None:
    """The smallest value is in the message."""
    with pytest.raises(ValueError, match=r"`transform_sqrt` needs pixel values >= 0; the smallest is -1"):
        hog(np.full((16, 16), -1.0), transform_sqrt=True)


def test_frozen_numbers() -> None:
    """A curved ramp: changes here change every stored feature."""
    image = (np.add.outer(np.arange(16) ** 2 // 2, 5 * np.arange(16))).astype(np.uint8)
    np.testing.assert_allclose(
        hog(image).reshape(4, 9).sum(axis=0), [0.508077, 0.592882, 1.10764, 0.79019, 0.504745, 0, 0, 0, 0], atol=1e-4
    )
