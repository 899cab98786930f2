"""UoCTTI: 31 numbers per cell."""

import numpy as np
import pytest
from references import uoctti_reference

from eyecraft.features.handcrafted import HOG, uoctti


def ramp(*, up: bool) -> np.ndarray:
    """Return an image that brightens (or darkens) steadily to the right."""
    columns = np.arange(24, dtype=np.uint8) * 5
    return np.tile(columns if up else columns[::-1], (24, 1))


@pytest.mark.parametrize(("up", "signed"), [(True, 0), (False, 9)])
def test_a_ramp_fills_one_signed_and_one_unsigned_direction(up: bool, signed: int) -> None:
    """Brightening to the right is direction 0, darkening 180 degrees further; both are unsigned 0."""
    middle = uoctti(ramp(up=up))[1, 1]
    assert np.flatnonzero(middle[:27]).tolist() == [signed, 18]
    np.testing.assert_allclose(middle[[signed, 18]], 0.4, rtol=1e-6)  # half of four energies cut at 0.2
    np.testing.assert_allclose(middle[27:], 0.2 / np.sqrt(18), rtol=1e-6)


def test_brightness_and_contrast_change_nothing(rng: np.random.Generator) -> None:
    """Up to the constant that keeps flat cells at zero."""
    image = rng.integers(0, 80, (24, 32), dtype=np.uint8)
    for other in (image + 90, image * 3):
        np.testing.assert_allclose(uoctti(other), uoctti(image), atol=1e-6)


def test_a_quarter_turn_permutes_cells_directions_and_blocks(rng: np.random.Generator) -> None:
    """With eight directions a quarter turn is four signed places; the four blocks turn too."""
    image = rng.integers(0, 256, (24, 24), dtype=np.uint8)
    upright, turned = uoctti(image, 8), uoctti(np.rot90(image), 8)
    expected = np.rot90(upright)
    signed, unsigned = np.roll(expected[..., :16], -4, axis=2), np.roll(expected[..., 16:24], -4, axis=2)
    blocks = expected[..., 24:][..., [1, 3, 0, 2]]  # upper left was upper right, and so on round
    np.testing.assert_allclose(turned, np.concatenate([signed, unsigned, blocks], axis=2), atol=1e-6)


def test_a_mirror_permutes_cells_directions_and_blocks(rng: np.random.Generator) -> None:
    """Direction k becomes 9 - k; a slope to the right everywhere keeps clear of ties."""
    image = (np.arange(32) * 6 + rng.integers(0, 6, (24, 32))).astype(np.uint8)
    upright, mirrored = uoctti(image), uoctti(image[:, ::-1])
    expected = upright[:, ::-1]
    signed = expected[..., (9 - np.arange(18)) % 18]
    unsigned = expected[..., 18 + (9 - np.arange(9)) % 9]
    blocks = expected[..., 27:][..., [1, 0, 3, 2]]
    np.testing.assert_allclose(mirrored, np.concatenate([signed, unsigned, blocks], axis=2), atol=1e-6)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_images_give_zeros(level: int) -> None:
    """No energy, no numbers."""
    assert not uoctti(np.full((24, 24), level, np.uint8)).any()


@pytest.mark.parametrize(
    ("size", "n", "cell"),
    [
        ((24, 32), 9, (8, 8)),
        ((27, 21), 9, (8, 6)),
        ((16, 15), 4, (5, 4)),
        ((20, 24, 3), 9, (8, 8)),
        ((9, 9), 9, (8, 8)),
    ],
)
def test_equals_the_plain_loops(size: tuple[int, ...], n: int, cell: tuple[int, int], rng: np.random.Generator) -> None:
    """The judge votes by angles and triangles and normalises block by block."""
    image = rng.integers(0, 256, size, dtype=np.uint8)
    np.testing.assert_allclose(uoctti(image, n, cell), uoctti_reference.uoctti(image, n, cell), atol=1e-6)


def test_signed_energies_add_up_to_unsigned_ones_below_the_limit(rng: np.random.Generator) -> None:
    """Where nothing is cut, dark-to-bright plus bright-to-dark is the whole."""
    image = rng.integers(0, 256, (64, 64), dtype=np.uint8)
    middle = uoctti(image)[1:-1, 1:-1]
    free = middle[..., 18:27] < 0.4 * 0.7
    np.testing.assert_allclose((middle[..., :9] + middle[..., 9:18])[free], middle[..., 18:27][free], atol=1e-6)
    assert free.mean() > 0.2


def test_where_we_differ_a_purely_vertical_gradient_goes_to_80_degrees() -> None:
    """90 degrees is as near to 80 as to 100; the first wins."""
    assert uoctti(ramp(up=True).T)[1, 1, :18].argmax() == 4
    assert uoctti(ramp(up=False).T)[1, 1, :18].argmax() == 13


def test_the_class_gives_31_named_numbers_per_cell(rng: np.random.Generator) -> None:
    """Signed, unsigned, total; the square root is passed on."""
    image = rng.integers(0, 256, (40, 33), dtype=np.uint8)
    descriptor = HOG(variant="uoctti", image_size=None, transform_sqrt=True)
    row = descriptor.fit_transform([image])[0]
    np.testing.assert_array_equal(row, uoctti(image, transform_sqrt=True).ravel())
    names = descriptor.get_feature_names_out()
    assert row.shape == (5 * 4 * 31,)
    assert (names[31], names[31 + 18], names[31 + 30]) == ("hog_r0_c1_s0", "hog_r0_c1_u0", "hog_r0_c1_t3")


def test_an_image_smaller_than_a_cell() -> None:
    """The message names both sizes."""
    with pytest.raises(ValueError, match=r"at least 8 x 8 pixels.*has 7 x 20"):
        HOG(variant="uoctti", image_size=None).fit([np.zeros((7, 20), np.uint8)])
    with pytest.raises(ValueError, match=r"`uoctti` needs .* at least 8 x 8 pixels.*got 7 x 20"):
        uoctti(np.zeros((7, 20), np.uint8))


def test_too_many_directions() -> None:
    """Signed directions are numbered in a byte."""
    with pytest.raises(ValueError, match=r"`orientations` must be .* <= 120; got 121"):
        HOG(variant="uoctti", orientations=121).fit([np.zeros((32, 32), np.uint8)])
    with pytest.raises(ValueError, match=r"`pixels_per_cell` must be .* >= 2; got 1"):
        uoctti(np.zeros((32, 32), np.uint8), pixels_per_cell=1)


def test_frozen_numbers() -> None:
    """A curved ramp: changes here change every stored feature."""
    image = (np.add.outer(np.arange(16) ** 2 // 2, 5 * np.arange(16))).astype(np.uint8)
    np.testing.assert_allclose(
        uoctti(image).sum(axis=(0, 1))[[0, 2, 4, 18, 20, 27]], [0, 0.814305, 0.37017, 0, 0.814305, 0.40712], atol=1e-4
    )
