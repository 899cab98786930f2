"""Robinson's compass: eight masks, the strongest response and its direction."""

import cv2
import numpy as np
import pytest
from references import robinson_reference
from sklearn.base import clone

from eyecraft.features.handcrafted import ROBINSON_DIRECTIONS, ROBINSON_MASKS, RobinsonCompass, robinson_compass

SIZES = [(1, 1), (1, 5), (2, 2), (5, 1), (3, 7), (31, 45), (200, 300)]


def edge(direction: str) -> np.ndarray:
    """Return a straight edge whose bright side is on the right hand of a walker towards *direction*."""
    right = {"n": (0, 1), "nw": (-1, 1), "w": (-1, 0), "sw": (-1, -1)}
    right |= {"s": (0, -1), "se": (1, -1), "e": (1, 0), "ne": (1, 1)}
    down, across = right[direction]
    y, x = np.mgrid[-8:8, -8:8] + 0.5
    return np.where(down * y + across * x > 0.1, 180, 20).astype(np.uint8)


@pytest.mark.parametrize("direction", ROBINSON_DIRECTIONS)
def test_an_edge_fills_the_bin_of_its_direction(direction: str) -> None:
    """Away from the border, every pixel that sees the edge names its direction."""
    response, found = robinson_compass(edge(direction))
    inside = np.zeros(response.shape, bool)
    inside[2:-2, 2:-2] = response[2:-2, 2:-2] == response.max()
    assert {ROBINSON_DIRECTIONS[k] for k in found[inside]} == {direction}
    compass = RobinsonCompass(grid=1)
    row = compass.fit_transform([edge(direction)])[0]
    assert compass.get_feature_names_out()[row.argmax()] == f"robinson_r0_c0_{direction}"


def test_straight_edges_leave_no_other_bin() -> None:
    """A vertical and a horizontal edge give one number."""
    rows = RobinsonCompass(grid=1).fit_transform([edge("n"), edge("e")])
    assert (np.count_nonzero(rows, axis=1) == 1).all()


def test_the_masks_are_robinsons() -> None:
    """South-west as published, north-east its negative, and all eight one ring turned place by place."""
    south_west = ROBINSON_MASKS[ROBINSON_DIRECTIONS.index("sw")]
    np.testing.assert_array_equal(south_west, [[2, 1, 0], [1, 0, -1], [0, -1, -2]])
    np.testing.assert_array_equal(ROBINSON_MASKS[ROBINSON_DIRECTIONS.index("ne")], -south_west)
    np.testing.assert_array_equal(ROBINSON_MASKS, robinson_reference.masks())


def test_brightness_and_contrast_change_nothing(rng: np.random.Generator) -> None:
    """An offset drops out of the differences, a factor out of the norm."""
    image = rng.integers(0, 80, (20, 30), dtype=np.uint8)
    rows = RobinsonCompass().fit_transform([image, image + 90, image * 3])
    np.testing.assert_allclose(rows[1:], rows[:1].repeat(2, axis=0), atol=1e-6)


def test_a_quarter_turn_permutes_directions(rng: np.random.Generator) -> None:
    """Turned anticlockwise, north becomes west; ties aside, which go to the first mask of the list."""
    image = rng.integers(0, 256, (40, 40), dtype=np.uint8)
    response, direction = robinson_compass(image)
    turned_response, turned_direction = robinson_compass(np.ascontiguousarray(np.rot90(image)))
    np.testing.assert_array_equal(turned_response, np.rot90(response))
    responses = np.sort([cv2.filter2D(image, cv2.CV_16S, mask) for mask in ROBINSON_MASKS], axis=0)
    clear = responses[-1] > responses[-2]
    np.testing.assert_array_equal(turned_direction[np.rot90(clear)], (np.rot90(direction)[np.rot90(clear)] + 2) % 8)


def test_flat_images_give_zeros() -> None:
    """No response, direction 0, no division by zero."""
    response, direction = robinson_compass(np.full((5, 6), 9, np.uint8))
    assert not response.any()
    assert not direction.any()
    assert not RobinsonCompass().fit_transform([np.full((9, 9), 77, np.uint8)]).any()


@pytest.mark.parametrize("levels", [2, 3, 256])
@pytest.mark.parametrize("size", SIZES)
def test_equals_eight_opencv_filters(size: tuple[int, int], levels: int, rng: np.random.Generator) -> None:
    """Value and first direction bit for bit; few levels mean many ties."""
    image = rng.integers(0, levels, size, dtype=np.uint8) * (255 // (levels - 1))
    responses = np.stack([cv2.filter2D(image, cv2.CV_16S, mask.astype(np.float32)) for mask in ROBINSON_MASKS])
    response, direction = robinson_compass(image)
    assert (response.dtype, direction.dtype) == (np.int16, np.uint8)
    np.testing.assert_array_equal(response, responses.max(axis=0))
    np.testing.assert_array_equal(direction, responses.argmax(axis=0))


def test_equals_the_plain_loops(rng: np.random.Generator) -> None:
    """The definition, pixel by pixel."""
    image = rng.integers(0, 5, (9, 13), dtype=np.uint8)
    for ours, theirs in zip(robinson_compass(image), robinson_reference.compass(image), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_histograms_hold_the_mean_response(rng: np.random.Generator) -> None:
    """Without a norm, a cell's bins add up to the mean response of its pixels."""
    image = rng.integers(0, 256, (20, 30), dtype=np.uint8)
    cells = RobinsonCompass(grid=(2, 3), norm=None).fit_transform([image])[0].reshape(2, 3, 8)
    response, direction = robinson_compass(image)
    np.testing.assert_allclose(cells[0, 1].sum(), response[:10, 10:20].mean(), rtol=1e-6)
    expected = [np.where(direction == k, response, 0)[10:, 20:].mean() for k in range(8)]
    np.testing.assert_allclose(cells[1, 2], expected, rtol=1e-6)


def test_length_and_names() -> None:
    """Eight numbers per cell, whatever the sizes of the images."""
    images = [np.zeros((9, 8), np.uint8), np.zeros((30, 20, 3), np.uint8)]
    compass = clone(RobinsonCompass(grid=(2, 3))).fit(images)
    assert compass.transform(images).shape == (2, 48)
    assert compass.get_feature_names_out()[11] == "robinson_r0_c1_sw"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"grid": 0}, r"`grid` must be .* >= 1; got 0"),
        ({"norm": "L2"}, r"`norm` must be one of 'l2', 'l1', None; got 'L2'; did you mean 'l2'"),
    ],
)
def test_impossible_parameters(parameters: dict[str, object], message: str) -> None:
    """Each message holds the value that is wrong."""
    with pytest.raises(ValueError, match=message):
        RobinsonCompass(**parameters).fit([np.zeros((9, 9), np.uint8)])


def test_only_gray_bytes() -> None:
    """Other arrays are refused with the way to convert them."""
    with pytest.raises(ValueError, match=r"gray uint8 image .*; got \(4, 4, 3\) of uint8.*read_image"):
        robinson_compass(np.zeros((4, 4, 3), np.uint8))


def test_an_image_smaller_than_the_grid() -> None:
    """The message names both sizes."""
    with pytest.raises(ValueError, match=r"at least 4 x 4 pixels.*has 9 x 3"):
        RobinsonCompass().fit([np.zeros((9, 3), np.uint8)])


def test_frozen_numbers() -> None:
    """A curved ramp: changes here change every stored feature."""
    image = (np.add.outer(np.arange(8) ** 2, 3 * np.arange(8))).astype(np.uint8)
    row = RobinsonCompass(grid=1, norm=None).fit_transform([image])[0]
    np.testing.assert_allclose(row, [4.5, 0, 0, 0, 0, 0, 27, 18], rtol=1e-5)
