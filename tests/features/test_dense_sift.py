"""DenseSIFT: pictures with known answers, laws, and two judges: a plain loop and OpenCV."""

import cv2
import numpy as np
import pytest
from references import dense_sift_reference as reference
from sklearn.base import clone

from eyecraft.features.local import DenseSIFT
from eyecraft.features.local._dense_sift_kernel import rows_per_band
from eyecraft.features.local.dense_sift import smooth

GRID = {"step": 8, "bin_sizes": (4,), "dtype": "float32"}


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth random blobs: every window has contrast, no two are alike."""
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    blobs = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.uint8(255 * (blobs - blobs.min()) / (blobs.max() - blobs.min()))


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of every row of *a* with the same row of *b*."""
    a, b = a.astype(float), b.astype(float)
    return (a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)


def opencv_descriptors(image: np.ndarray, found, bin_size: int) -> np.ndarray:
    """OpenCV's descriptors at our grid points, its conventions matched to ours."""
    # A cell is 1.5 keypoint sizes; OpenCV takes the image as blurred by 0.5 already and blurs up to `sigma`.
    points = [cv2.KeyPoint(float(x), float(y), bin_size / 1.5, 0.0) for x, y in zip(found.x, found.y, strict=True)]
    sift = cv2.SIFT_create(sigma=float(np.sqrt(0.5**2 + (bin_size / 6) ** 2)))
    return sift.compute(image, points)[1]


# -- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "orientation"),
    [(0, 0), (1, 2), (2, 4), (3, 6)],
    ids=["bright right", "bright above", "bright left", "bright below"],
)
def test_an_edge_puts_all_energy_into_its_direction(turns, orientation):
    """A step edge, bright on one side, fills that one orientation (counter-clockwise) and its neighbours not at all."""
    image = np.zeros((33, 33), np.uint8)
    image[:, 17:] = 200
    values = DenseSIFT(**GRID).describe(np.rot90(image, turns)).values.reshape(-1, 8)
    energy = values.sum(0)
    assert np.argmax(energy) == orientation
    assert energy[orientation] > 0.999 * energy.sum()


def test_energy_falls_into_the_cells_that_see_the_edge():
    """Only the two middle cell columns of a window centred on a vertical edge see it, and see it alike."""
    image = np.zeros((41, 41), np.uint8)
    image[:, 21:] = 200
    image[:, 20] = 100
    found = DenseSIFT(step=1, bin_sizes=(6,), dtype="float32", smoothing=False).describe(image)
    centre = found.values[(found.x == 20) & (found.y == 20)].reshape(4, 4, 8)[:, :, 0]
    np.testing.assert_allclose(centre[:, 1], centre[:, 2], rtol=1e-5)
    assert centre[:, [0, 3]].max() == 0


def test_the_grid_is_centred_and_every_scale_has_its_own():
    """Centres, scales and their order, for a size worked out by hand."""
    found = DenseSIFT(step=4, bin_sizes=(4, 6)).describe(textured(22, 24))
    first = found.scale == 16
    # bin 4: 22 - 1 - 12 = 9 pixels of room: 3 rows from 0; 24 - 1 - 12 = 11: 3 columns from 1
    assert first.sum() == 9
    np.testing.assert_array_equal(np.unique(found.y[first]), [6, 10, 14])
    np.testing.assert_array_equal(found.x[first][:3], [7, 11, 15])
    # bin 6: room 3 and 5: one row from 1, two columns from 0
    np.testing.assert_array_equal(found.y[~first], [10, 10])
    np.testing.assert_array_equal(found.x[~first], [9, 13])


# -- laws ------------------------------------------------------------------------------------------------------------


def test_brightness_and_contrast_change_nothing():
    """Gradients ignore an offset, normalisation a factor."""
    image = textured(40, 40) // 4
    method = DenseSIFT(contrast_threshold=0, dtype="float32")
    plain = method.describe(image).values
    np.testing.assert_allclose(method.describe(image + 70).values, plain, atol=2e-5)
    np.testing.assert_allclose(method.describe(image * 3).values, plain, atol=2e-5)


def test_mirroring_permutes_cells_and_orientations():
    """A mirrored image has the mirrored descriptors."""
    image = textured(37, 45)
    method = DenseSIFT(step=4, bin_sizes=(6,), dtype="float32")
    plain = method.describe(image).values.reshape(5, 7, 4, 4, 8)
    mirrored = method.describe(np.ascontiguousarray(image[:, ::-1])).values.reshape(5, 7, 4, 4, 8)
    np.testing.assert_allclose(mirrored, plain[:, ::-1, :, ::-1][..., (4, 3, 2, 1, 0, 7, 6, 5)], atol=1e-5)


@pytest.mark.parametrize("window", ["gaussian", "flat"])
def test_flat_windows_are_zeros_and_are_kept(window):
    """Half the picture is flat: its windows stay in the set as zeros, and nothing is NaN."""
    image = np.full((60, 60), 90, np.uint8)
    image[:, 40:] = textured(60, 20)
    found = DenseSIFT(step=4, bin_sizes=(4,), window=window).describe(image)
    flat = found.x < 25
    assert flat.any()
    assert not found.values[flat].any()
    assert found.values[found.x > 45].any(axis=1).all()
    noisy = image.copy()
    noisy[::2, :20] += 1  # one grey level is below the threshold
    assert not DenseSIFT(step=4, bin_sizes=(4,), window=window).describe(noisy).values[found.x < 8].any()


def test_bytes_are_the_rounded_unit_vectors():
    """uint8 is the float vector times 512, rounded, cut at 255."""
    image = textured(50, 60)
    floats = DenseSIFT(dtype="float32").describe(image).values
    np.testing.assert_allclose(np.linalg.norm(floats, axis=1), 1, atol=1e-5)
    stored = DenseSIFT().describe(image).values
    assert stored.dtype == np.uint8
    assert np.abs(stored - np.minimum(512 * floats, 255)).max() <= 0.501


def test_root_is_the_square_root_of_the_l1_normalised():
    """RootSIFT from SIFT."""
    image = textured(50, 60)
    plain = DenseSIFT(dtype="float32").describe(image).values
    root = DenseSIFT(dtype="float32", root=True).describe(image).values
    np.testing.assert_allclose(root, np.sqrt(plain / plain.sum(1, keepdims=True)), atol=1e-6)


# -- judges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", ["gaussian", "flat"])
@pytest.mark.parametrize(("bin_size", "step"), [(4, 4), (6, 4), (5, 3), (2, 5), (9, 6), (3, 8)])
def test_equals_the_plain_loop_borders_included(window, bin_size, step):
    """Every grid point of small images, also those whose windows reach over the border."""
    image = textured(bin_size * 4 + 3, bin_size * 3 + 11, seed=bin_size)
    settings = {"step": step, "bin_sizes": (bin_size,), "window": window, "dtype": "float32"}
    ours = DenseSIFT(**settings, smoothing=True, contrast_threshold=0.005).describe(image).values
    blurred = reference.gaussian_blur(image, bin_size / 6)
    expected = reference.dense_sift(blurred, bin_size, step, window=window, threshold=0.005 * 255)
    assert len(expected) > 1
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("window", ["gaussian", "flat"])
def test_the_width_of_the_window_is_a_parameter(window):
    """In cells, as VLFeat has it; the plain loop is the judge."""
    image = textured(20, 17)
    settings = {"bin_sizes": (4,), "dtype": "float32", "smoothing": False, "window": window, "contrast_threshold": 0}
    found = DenseSIFT(**settings, window_size=1.5).describe(image).values
    expected = reference.describe_window(image.astype(float), 1, 0, 4, window, sigma=1.5)
    np.testing.assert_allclose(found[0], reference.normalized(expected, 4, 0.0, root=False), atol=1e-5)
    assert np.abs(found - DenseSIFT(**settings).describe(image).values).max() > 0.01


@pytest.mark.parametrize("window", ["gaussian", "flat"])
def test_a_wide_grid_is_a_part_of_a_fine_one(window):
    """It is worked through in other bands, and its windows are the same; rows in between take no memory."""
    image = textured(13 + 11 * 120, 29)
    coarse = DenseSIFT(step=120, bin_sizes=(4,), window=window, max_side=None).describe(image)
    fine = DenseSIFT(step=4, bin_sizes=(4,), window=window, max_side=None).describe(image)
    for x, y, values in list(zip(coarse.x, coarse.y, coarse.values, strict=True))[::5]:
        np.testing.assert_array_equal(fine.values[(fine.x == x) & (fine.y == y)], values[None])
    assert [rows_per_band(window == "gaussian", 10, step, 100) for step in (30, 120, 300, 5000)] == [7, 2, 1, 1]


def test_tall_images_are_worked_through_in_bands():
    """Many bands give what one window alone gives: no seam where two bands meet."""
    image = textured(200, 30)
    for window in ("gaussian", "flat"):
        found = DenseSIFT(step=2, bin_sizes=(5,), window=window, smoothing=False, dtype="float32").describe(image)
        for row in range(0, 93, 7):
            histogram = reference.describe_window(image.astype(float), 2 * row, 0, 5, window)
            expected = reference.normalized(histogram, 5, 0.0, root=False)
            np.testing.assert_allclose(found.values[row * 8], expected, atol=1e-5)


def test_smoothing_equals_the_plain_definition():
    """The blur, border included."""
    image = textured(12, 15)
    np.testing.assert_allclose(smooth(image, 1.3), reference.gaussian_blur(image, 1.3), atol=1e-3)


@pytest.mark.parametrize("bin_size", [4, 6, 8, 10])
def test_agrees_with_opencv_away_from_borders(bin_size):
    """1st-percentile cosine >= 0.9999: a wrong gradient sign would still reach 0.993."""
    image = textured(120, 150)
    found = DenseSIFT(step=4, bin_sizes=(bin_size,), dtype="float32").describe(image)
    inside = (np.minimum(found.x, 149 - found.x) > 2.5 * bin_size) & (
        np.minimum(found.y, 119 - found.y) > 2.5 * bin_size
    )
    assert inside.sum() > 100
    agreement = cosines(found.values, opencv_descriptors(image, found, bin_size))[inside]
    assert np.percentile(agreement, 1) >= 0.9999
    flat = DenseSIFT(step=4, bin_sizes=(bin_size,), dtype="float32", window="flat").describe(image)
    assert np.percentile(cosines(flat.values, found.values), 1) >= 0.99


def test_at_borders_we_repeat_where_opencv_leaves_out():
    """The difference from OpenCV that we chose: it lies at the border and nowhere else."""
    image = textured(60, 60)
    found = DenseSIFT(step=4, bin_sizes=(6,), dtype="float32").describe(image)
    agreement = cosines(found.values, opencv_descriptors(image, found, 6))
    corner = (found.x < 12) & (found.y < 12)
    assert agreement[corner].min() < 0.999


# -- shapes, sizes, types --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (12, 12), (2, 3)])
def test_too_small_for_a_window_gives_an_empty_set(shape):
    """Nothing to describe is an answer, not an error."""
    found = DenseSIFT(bin_sizes=(4,)).describe(np.zeros(shape, np.uint8))
    assert len(found) == 0
    assert found.values.shape == (0, 128)
    assert found.x.shape == found.y.shape == found.scale.shape == found.angle.shape == (0,)


def test_a_small_image_loses_only_the_scales_that_do_not_fit():
    """20 pixels hold cells of 4 and 6 but not of 8 and 10."""
    found = DenseSIFT(step=1).describe(textured(20, 20))
    assert set(found.scale.tolist()) == {16.0, 24.0}


def test_max_side_shrinks_and_keeps_places_in_the_original():
    """A picture of twice the size, halved, has the same grid at twice the distances."""
    small = textured(60, 80)
    large = np.kron(small, np.ones((2, 2), np.uint8))
    expected = DenseSIFT(max_side=None).describe(small)
    found = DenseSIFT(max_side=80).describe(large)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_allclose(found.x, 2 * expected.x + 0.5)
    np.testing.assert_allclose(found.scale, 2 * expected.scale)
    assert found.image_size == (120, 160)
    assert len(DenseSIFT(max_height=60).describe(large)) == len(expected)
    assert len(DenseSIFT(max_side=1000, max_height=1000).describe(small)) == len(expected)


def test_huge_images_cost_a_bounded_number_of_descriptors():
    """The default shrinks to 512 pixels."""
    found = DenseSIFT().describe(np.zeros((3000, 4000), np.uint8))
    assert 0 < len(found) < 4 * (512 // 4) ** 2


def test_transform_gives_one_set_per_image_whatever_the_threads():
    """Ragged output in input order, equal for any n_jobs."""
    images = [textured(40, 30 + 5 * i, seed=i) for i in range(5)]
    alone = DenseSIFT().fit(images).transform(images)
    together = DenseSIFT(n_jobs=2).transform(images)
    assert alone.shape == (5,)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.x, other.x)


def test_colour_is_read_as_gray_and_clone_keeps_parameters():
    """Gray replicated to RGB changes nothing; parameters survive `clone`."""
    image = textured(40, 40)
    method = clone(DenseSIFT(step=5, bin_sizes=[4], root=True))
    assert method.get_params()["step"] == 5
    np.testing.assert_array_equal(
        method.describe(np.dstack([image] * 3)).values,
        method.describe(image).values,
    )


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"step": 0}, r"`step` must be a whole number of pixels >= 1; got 0"),
        ({"bin_sizes": (4, 1)}, r"`bin_sizes` .* >= 2; got 1"),
        ({"bin_sizes": ()}, r"sequence such as \(4, 6, 8, 10\).*got \(\)"),
        ({"bin_sizes": 4}, r"sequence such as .*got 4"),
        ({"bin_sizes": None}, r"sequence such as .*got None"),
        ({"root": "yes"}, r"`root` must be True or False; got 'yes'"),
        ({"window_size": 0}, r"`window_size` must be a number of cells > 0; got 0"),
        ({"window": "gauss"}, r"did you mean 'gaussian'"),
        ({"contrast_threshold": -1}, r"`contrast_threshold` must be a number >= 0; got -1"),
        ({"smoothing": 0}, r"`smoothing` must be a number > 0; got 0"),
        ({"dtype": "float64"}, r"`dtype` must be one of 'uint8', 'float32'; got 'float64'"),
        ({"max_side": 0}, r"`max_side` .*>= 1; got 0"),
    ],
)
def test_errors_name_the_parameter_and_the_value(parameters, message):
    """Each wrong parameter says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        DenseSIFT(**parameters).fit()


def test_opponent_colours_are_described_side_by_side(rng):
    """The intensity of a gray image is described as the gray image is; red against green shows in its own third."""
    gray = np.repeat(rng.integers(0, 256, (50, 60, 1), dtype=np.uint8), 3, axis=2)
    found, plain = DenseSIFT(color="opponent").describe(gray), DenseSIFT().describe(gray)
    assert found.values.shape == (len(plain), 384)
    assert np.abs(found.values[:, :128].astype(int) - plain.values).max() <= 2
    assert not found.values[:, 128:].any(), "no colour, no descriptor of it"
    edge = np.full((50, 60, 3), 90, np.uint8)
    edge[:, :30, 0], edge[:, 30:, 1] = 110, 110  # as bright on either side
    thirds = DenseSIFT(color="opponent", bin_sizes=(4,)).describe(edge).values.reshape(-1, 3, 128)
    assert thirds[:, 1].any()
    assert not thirds[:, [0, 2]].any()
