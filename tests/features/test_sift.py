"""SIFT keypoints: pictures with known answers, OpenCV as the judge, empty sets where nothing is found."""

import cv2
import numpy as np
import pytest
from sklearn.base import clone

from eyecraft.features.local import SIFT


def blobs(places: list[tuple[int, int, int]], size: tuple[int, int] = (120, 160)) -> np.ndarray:
    """Bright Gaussian blobs, (x, y, sigma) each, on black."""
    y, x = np.mgrid[: size[0], : size[1]]
    image = sum(np.exp(-0.5 * ((x - cx) ** 2 + (y - cy) ** 2) / s**2) for cx, cy, s in places)
    return np.uint8(200 * np.clip(image, 0, 1))


@pytest.fixture
def texture() -> np.ndarray:
    """Return an image with many keypoints."""
    noise = np.random.default_rng(3).random((150, 200)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def test_blobs_are_found_where_and_as_large_as_they_are():
    """Two blobs, two places, the larger with the larger scale."""
    found = SIFT().describe(blobs([(40, 60, 3), (110, 50, 6)]))
    small = np.hypot(found.x - 40, found.y - 60) < 1.5
    large = np.hypot(found.x - 110, found.y - 50) < 1.5
    assert small.any()
    assert large.any()
    assert found.scale[large].mean() == pytest.approx(2 * found.scale[small].mean(), rel=0.1)


def test_equals_opencv(texture):
    """The same descriptors at the same places, strongest first."""
    points, values = cv2.SIFT_create().detectAndCompute(texture, None)
    order = np.argsort([-point.response for point in points], kind="stable")
    found = SIFT().describe(texture)
    np.testing.assert_array_equal(found.values, values[order])
    np.testing.assert_array_equal(found.x, np.float32([points[i].pt[0] for i in order]))
    np.testing.assert_allclose(found.scale, [6 * points[i].size for i in order], rtol=1e-6)


@pytest.mark.parametrize("n", [1, 7, 40])
def test_n_keypoints_is_a_limit_and_keeps_the_strongest(texture, n):
    """Never more than asked for, and those of the highest contrast."""
    some, every = SIFT(n_keypoints=n).describe(texture), SIFT().describe(texture)
    assert len(some) == n
    np.testing.assert_allclose(some.x, every.x[:n], atol=1e-3)


def test_thresholds_let_more_or_fewer_through(texture):
    """A lower contrast threshold and a higher edge threshold find more."""
    found = len(SIFT().describe(texture))
    assert len(SIFT(contrast_threshold=0.1).describe(texture)) < found
    assert len(SIFT(edge_threshold=2).describe(texture)) < found


def test_root_and_float_output(texture):
    """RootSIFT is the square root of the l1-normalised; floats have unit length."""
    plain = SIFT(dtype="float32").describe(texture).values
    np.testing.assert_allclose(np.linalg.norm(plain, axis=1), 1, atol=1e-5)
    root = SIFT(root=True, dtype="float32").describe(texture).values
    np.testing.assert_allclose(root, np.sqrt(plain / plain.sum(1, keepdims=True)), atol=1e-3)
    stored = SIFT(root=True).describe(texture).values
    assert np.abs(stored - np.minimum(512 * root, 255)).max() < 0.6


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (4, 4), (80, 90)])
def test_nothing_found_is_an_empty_set(shape):
    """Flat, tiny and one-pixel-wide images are no error."""
    found = SIFT().describe(np.full(shape, 128, np.uint8))
    assert found.values.shape == (0, 128)
    assert found.values.dtype == np.uint8
    assert len(found.x) == len(found.angle) == 0


def test_places_are_those_of_the_image_as_given(texture):
    """Shrinking first changes what is found, not the coordinate system."""
    large = cv2.resize(texture, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    found, expected = SIFT(max_side=200).describe(large), SIFT().describe(texture)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_allclose(found.x, 2 * expected.x + 0.5, rtol=1e-5)


def test_huge_images_are_shrunk():
    """To 1,024 pixels by default; OpenCV takes some 230 bytes for every pixel it looks at."""
    sizes = []
    large = cv2.resize(blobs([(40, 60, 3)]), (3000, 2250))
    with pytest.MonkeyPatch.context() as patch:
        original = SIFT._compute
        patch.setattr(SIFT, "_compute", lambda self, pixels: sizes.append(pixels.shape) or original(self, pixels))
        found = SIFT().describe(large)
    assert sizes == [(768, 1024)]
    assert found.image_size == (2250, 3000)


def test_where_opencv_gives_up_image_and_way_out_are_named(monkeypatch):
    """Its own message inside ours, from one image or many."""

    class Broken:
        def detectAndCompute(self, *_):
            raise cv2.error("Insufficient memory\n (Failed to allocate)")

    monkeypatch.setattr(cv2.SIFT, "create", lambda **_: Broken())
    message = (
        r"an image of 50 x 80 pixels .*: Insufficient memory \(Failed to allocate\)\. .*lower `max_side` \(now 1024\)"
    )
    with pytest.raises(ValueError, match=message):
        SIFT().describe(np.zeros((50, 80), np.uint8))
    with pytest.raises(ValueError, match=r"image 0: .*an image of 50 x 80"):
        SIFT().transform([np.zeros((50, 80), np.uint8)])


def test_transform_and_clone(texture):
    """One set per image, some empty, equal for any number of threads."""
    images = [texture, np.zeros((30, 30), np.uint8), texture[:, ::-1]]
    sets = clone(SIFT(n_keypoints=20, n_jobs=2)).fit(images).transform(images)
    assert [len(found) for found in sets] == [20, 0, 20]
    np.testing.assert_array_equal(sets[0].values, SIFT(n_keypoints=20).describe(texture).values)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_keypoints": 0}, r"`n_keypoints` .*>= 1; got 0. None keeps all"),
        ({"contrast_threshold": -0.1}, r"`contrast_threshold` must be a number >= 0; got -0.1"),
        ({"edge_threshold": 0}, r"`edge_threshold` must be a number > 0; got 0"),
        ({"root": "yes"}, r"`root` must be True or False; got 'yes'"),
        ({"sigma": 0}, r"`sigma` must be a number of pixels > 0; got 0"),
    ],
)
def test_errors_name_the_parameter_and_the_value(parameters, message):
    """Each wrong parameter says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        SIFT(**parameters).fit()
