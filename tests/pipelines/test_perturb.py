"""Perturbations: each does what its unit says, and nothing at its neutral level."""

import itertools

import numpy as np
import pytest

from eyecraft.pipelines._perturb import PERTURBATIONS
from eyecraft.pipelines.robustness import perturb


@pytest.fixture
def picture():
    """Return a dark image, 80 x 100, with a bright square in the middle."""
    image = np.full((80, 100, 3), 60, dtype=np.uint8)
    image[35:45, 45:55] = (200, 180, 160)
    return image


def middle(image):
    """Return the centre of the bright part, (row, column)."""
    return np.argwhere(image[..., 0] > 130).mean(axis=0)


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_laws(kind, picture, rng):
    """Same size and type, a new array, the same for the same seed; the neutral level changes nothing."""
    image = rng.integers(0, 256, picture.shape, dtype=np.uint8)
    before = image.copy()
    one = PERTURBATIONS[kind]
    np.testing.assert_array_equal(perturb(image, kind, one.neutral), image)
    for level in one.levels:
        worse = perturb(image, kind, level, 5)
        assert (worse.shape, worse.dtype) == (image.shape, np.uint8)
        np.testing.assert_array_equal(worse, perturb(image, kind, level, 5))
    np.testing.assert_array_equal(image, before)
    assert not np.shares_memory(perturb(image, kind, one.neutral), image)


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_stronger_levels_change_more(kind, picture):
    """The usual levels go from mild to strong: the mean change grows."""
    changes = [
        np.mean([np.abs(perturb(picture, kind, level, seed).astype(float) - picture).mean() for seed in range(8)])
        for level in PERTURBATIONS[kind].levels
    ]
    assert all(after > before > 0 for before, after in itertools.pairwise(changes))


def test_shift_is_in_percent_of_the_shorter_side(picture):
    """10 % of 80 pixels are 8, in any direction."""
    moves = np.array([middle(perturb(picture, "shift", 10, seed)) - middle(picture) for seed in range(20)])
    np.testing.assert_allclose(np.hypot(*moves.T), 8, atol=0.5)
    assert np.ptp(np.arctan2(*moves.T)) > 3, "not always the same way"


def test_rotation_is_in_degrees_to_either_side(picture):
    """A spot right of the centre goes up or down by the sine of the angle."""
    spot = np.full((101, 101, 3), 60, dtype=np.uint8)
    spot[49:52, 89:92] = 255
    rows = {round(50 - float(middle(perturb(spot, "rotation", 30, seed))[0])) for seed in range(20)}
    assert rows == {-20, 20}


def test_scale_enlarges_or_shrinks(picture):
    """The square's area grows or falls by the square of the factor."""
    bright = {int((perturb(picture, "scale", 1.5, seed)[20:60, 30:70, 0] > 130).sum()) for seed in range(20)}
    assert len(bright) == 2
    assert min(bright) == pytest.approx(100 / 2.25, rel=0.3)
    assert max(bright) == pytest.approx(225, rel=0.15)


def test_light(picture):
    """Brightness adds or subtracts a share of 255; contrast keeps the mean and shrinks the deviation."""
    assert {int(perturb(picture, "brightness", 20, seed)[0, 0, 0]) for seed in range(20)} == {9, 111}
    flat = perturb(picture, "contrast", 0.2)
    np.testing.assert_allclose(flat.mean(axis=(0, 1)), picture.mean(axis=(0, 1)), atol=0.5)
    assert flat[..., 0].std() == pytest.approx(0.2 * picture[..., 0].std(), rel=0.1)
    assert np.ptp(perturb(picture, "contrast", 0)) <= 4


def test_noise_and_blur_have_their_standard_deviation():
    """Noise in gray levels; the blur of a point has the sigma asked for."""
    gray = np.full((100, 100, 3), 128, dtype=np.uint8)
    assert perturb(gray, "noise", 20).astype(float).std() == pytest.approx(20, rel=0.03)
    edge = np.zeros((100, 100, 3), dtype=np.uint8)
    edge[:, 50:] = 255
    profile = np.diff(perturb(edge, "blur", 4)[50, :, 0].astype(float)) / 255
    places = np.arange(99)
    mean = (places * profile).sum()
    assert np.sqrt((profile * (places - mean) ** 2).sum()) == pytest.approx(4, rel=0.05)


def test_jpeg_and_occlusion(picture):
    """Quality 5 shows blocks of 8 pixels; a patch covers its share of the area."""
    import cv2

    rough = perturb(picture, "jpeg", 5)
    expected = cv2.imdecode(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 5])[1], 1)[..., ::-1]
    np.testing.assert_array_equal(rough, expected)
    covered = (perturb(np.zeros_like(picture), "occlusion", 25, 3) == 128).all(axis=2)
    assert covered.mean() == pytest.approx(0.25)
    assert (perturb(picture, "occlusion", 100) == 128).all()


@pytest.mark.parametrize(
    ("image", "kind", "level", "message"),
    [
        (np.zeros((4, 4), np.uint8), "blur", 1, r"RGB uint8 of shape .*; got uint8 of shape \(4, 4\)"),
        (np.zeros((4, 4, 3)), "blur", 1, "got float64"),
        ("cat.jpg", "blur", 1, "got str"),
        (np.zeros((0, 4, 3), np.uint8), "blur", 1, "at least one pixel"),
        (np.zeros((4, 4, 3), np.uint8), "blurr", 1, "did you mean 'blur'"),
        (np.zeros((4, 4, 3), np.uint8), "jpeg", 0, "`level of jpeg` must be a number of JPEG quality >= 1 and <= 100"),
        (np.zeros((4, 4, 3), np.uint8), "shift", float("nan"), "`level of shift` must be a number"),
    ],
)
def test_bad_input(image, kind, level, message):
    """Says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        perturb(image, kind, level)


def test_tiny_images_survive():
    """One pixel is an image too."""
    for kind, one in PERTURBATIONS.items():
        assert perturb(np.full((1, 1, 3), 9, np.uint8), kind, one.levels[-1]).shape == (1, 1, 3)
