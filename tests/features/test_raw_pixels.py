"""Raw pixels: the thumbnail and nothing else."""

import cv2
import numpy as np
import pytest
from sklearn.base import clone

from eyecraft.features.handcrafted import RawPixels, pixel_values


def test_a_picture_comes_back_pixel_by_pixel() -> None:
    """Black, one fifth and white at their places and under their names."""
    image = np.array([[0, 51, 255]], np.uint8)
    pixels = RawPixels(image_size=None)
    np.testing.assert_allclose(pixels.fit_transform([image]), [[0, 0.2, 1]], rtol=1e-7)
    assert list(pixels.get_feature_names_out()) == ["pixel_r0_c0", "pixel_r0_c1", "pixel_r0_c2"]


def test_colours_follow_their_pixel() -> None:
    """Three channels per pixel, named by colour."""
    image = np.array([[(255, 0, 51), (0, 255, 0)]], np.uint8)
    pixels = RawPixels(image_size=None, color="rgb")
    np.testing.assert_allclose(pixels.fit_transform([image]), [[1, 0, 0.2, 0, 1, 0]], rtol=1e-7)
    assert list(pixels.get_feature_names_out())[1:4] == ["pixel_r0_c0_green", "pixel_r0_c0_blue", "pixel_r0_c1_red"]


def test_adding_light_adds_a_constant(rng: np.random.Generator) -> None:
    """The values are linear in the pixels."""
    image = rng.integers(0, 100, (5, 7), dtype=np.uint8)
    np.testing.assert_allclose(pixel_values(image + 51), pixel_values(image) + 0.2, rtol=1e-5)


def test_shrinks_as_opencv_does_by_areas(rng: np.random.Generator) -> None:
    """The judge for the thumbnail is OpenCV's area interpolation."""
    image = rng.integers(0, 256, (64, 96), dtype=np.uint8)
    expected = cv2.resize(image, (24, 16), interpolation=cv2.INTER_AREA).ravel() / 255
    np.testing.assert_allclose(RawPixels(image_size=(16, 24)).fit_transform([image])[0], expected, atol=1e-6)


@pytest.mark.parametrize(("size", "color", "n"), [((4, 6), "gray", 24), (5, "gray", 25), ((4, 6), "rgb", 72)])
def test_length(size: int | tuple[int, int], color: str, n: int, rng: np.random.Generator) -> None:
    """height x width x channels, for gray and colour input."""
    images = [rng.integers(0, 256, (20, 30, 3), dtype=np.uint8), rng.integers(0, 256, (9, 8), dtype=np.uint8)]
    pixels = clone(RawPixels(image_size=size, color=color)).fit(images)
    assert pixels.transform(images).shape == (2, n)
    assert len(pixels.get_feature_names_out()) == n


def test_unknown_color() -> None:
    """The message lists what there is."""
    with pytest.raises(ValueError, match=r"`color` must be one of 'gray', 'rgb'; got 'cmyk'"):
        RawPixels(color="cmyk").fit([np.zeros((4, 4), np.uint8)])


def test_frozen_numbers() -> None:
    """A ramp, shrunk: changes here change every stored feature."""
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8)
    values = RawPixels(image_size=(2, 2)).fit_transform([ramp])[0]
    np.testing.assert_allclose(values * 255, [14, 18, 46, 50], atol=0.51)
