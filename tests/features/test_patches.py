"""Patches: the right pixels at the right places, contrast-normalised by the book."""

import numpy as np
import pytest

from eyecraft.features.local import Patches


def test_a_patch_holds_its_pixels():
    """Patch number, rows, columns and channels of a small picture."""
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    found = Patches(patch_size=(2, 3), normalize=False).describe(image)
    assert len(found) == 3 * 3
    np.testing.assert_allclose(found.values[4].reshape(2, 3, 3) * 255, image[1:3, 1:4], rtol=1e-6)
    assert (found.x[4], found.y[4]) == (2.0, 1.5)


@pytest.mark.parametrize(("step", "n", "first"), [(1, 9 * 15, 2.5), (4, 3 * 4, 2.5), (5, 2 * 3, 4.5)])
def test_the_step_thins_the_grid_and_centres_it(step, n, first):
    """14 x 20 pixels hold 9 x 15 patches of 6; the remainder is shared by both ends."""
    found = Patches(step=step, color="gray").describe(np.zeros((14, 20), np.uint8))
    assert len(found) == n
    assert found.x[0] == (first if step != 4 else 3.5)


def test_contrast_normalisation_is_that_of_coates():
    """Mean 0; divided by the root of the variance plus 10."""
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    raw = Patches(normalize=False).describe(image).values * 255
    values = Patches().describe(image).values
    expected = (raw - raw.mean(1, keepdims=True)) / np.sqrt(raw.var(1, ddof=1, keepdims=True) + 10)
    np.testing.assert_allclose(values, expected, atol=1e-4)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_patches_are_zeros(value):
    """No contrast, no numbers, no NaN."""
    assert not Patches().describe(np.full((10, 10, 3), value, np.uint8)).values.any()


@pytest.mark.parametrize("shape", [(1, 1), (5, 40), (40, 5), (1, 100)])
def test_smaller_than_a_patch_gives_an_empty_set(shape):
    """Nothing to describe is an answer, not an error."""
    found = Patches().describe(np.zeros(shape, np.uint8))
    assert found.values.shape == (0, 108)
    assert len(found.x) == len(found.y) == 0


def test_huge_images_are_shrunk():
    """At most 128 pixels a side by default."""
    found = Patches(step=4).describe(np.zeros((2000, 3000), np.uint8))
    assert len(found) <= 32 * 32
    assert found.x.max() > 2000


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"patch_size": 0}, r"`patch_size` .*got 0"),
        ({"step": 1.5}, r"`step` .*got 1.5"),
        ({"color": "grey"}, r"did you mean 'gray'"),
        ({"normalize": "zca"}, r"`normalize` must be True or False; got 'zca'"),
        ({"regularization": 0}, r"`regularization` must be a number > 0; got 0"),
    ],
)
def test_errors_name_the_parameter_and_the_value(parameters, message):
    """Each wrong parameter says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        Patches(**parameters).fit()
