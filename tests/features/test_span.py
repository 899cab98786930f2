"""Coordinates in the span of the training rows stand for the rows, as far as linear classifiers go."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, make_pipeline

from eyecraft.features import HOG, BagOfVisualWords, RawPixels, TrainingSpan
from eyecraft.pipelines import LinearSVM


@pytest.fixture
def images(rng):
    """Thirty gray images; the second half is brighter at the bottom."""
    stack = rng.integers(0, 200, (30, 24, 24), dtype=np.uint8)
    stack[15:, 12:] += 55
    return stack


LABELS = np.array(["a"] * 15 + ["b"] * 15)


def test_inner_products_with_training_rows_are_kept(images):
    """Among training images, and between them and new ones."""
    extractor = HOG(pixels_per_cell=(4, 4))
    span = TrainingSpan(extractor, normalize=False, batch_size=4)
    train, test = span.fit_transform(images[::2]), span.transform(images[1::2])
    rows = extractor.fit(images).transform(images)
    np.testing.assert_allclose(train @ train.T, rows[::2] @ rows[::2].T, rtol=1e-4)
    np.testing.assert_allclose(test @ train.T, rows[1::2] @ rows[::2].T, rtol=1e-4)
    np.testing.assert_allclose(span.transform(images[::2]), train, atol=1e-3)
    assert train.shape == (15, 15)
    assert list(span.get_feature_names_out()[:2]) == ["span_0000", "span_0001"]


def test_a_linear_svm_gives_the_same_scores(images):
    """On rows of 576 numbers and on 20 coordinates."""
    train, test = np.r_[0:10, 15:25], np.r_[10:15, 25:30]
    direct = make_pipeline(RawPixels(image_size=24), LinearSVM(tol=1e-8))
    direct.set_params(rawpixels__color="gray")
    short = make_pipeline(TrainingSpan(direct[0], normalize=False), LinearSVM(tol=1e-8))
    expected = direct.fit(images[train], LABELS[train]).decision_function(images[test])
    found = short.fit(images[train], LABELS[train]).decision_function(images[test])
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3)


def test_sides_weigh_the_same_in_a_union(images):
    """Rows of unit length, whatever the extractor's own scale; a weight is a factor on the row."""
    union = FeatureUnion(
        [("pixels", TrainingSpan(RawPixels(image_size=8))), ("hog", TrainingSpan(HOG(pixels_per_cell=(6, 6))))],
        transformer_weights={"hog": 0.5},
    )
    rows = union.fit_transform(images)
    np.testing.assert_allclose(np.linalg.norm(rows[:, :30], axis=1), 1, rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(rows[:, 30:], axis=1), 0.5, rtol=1e-3)


def test_centred_rows_weigh_by_what_differs(images):
    """Products are those of the centred rows over their mean square, also for new images; a common part is gone."""
    extractor = RawPixels(image_size=8)
    span = TrainingSpan(extractor, normalize=False, center=True)
    train, test = span.fit_transform(images[::2]), span.transform(images[1::2])
    rows = extractor.fit(images).transform(images).astype(float)
    centred = rows - rows[::2].mean(axis=0)
    square = (centred[::2] ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(train @ train.T, centred[::2] @ centred[::2].T / square, atol=1e-4)
    np.testing.assert_allclose(test @ train.T, centred[1::2] @ centred[::2].T / square, atol=2e-3)
    np.testing.assert_allclose(span.transform(images[::2]), train, atol=2e-3)


def test_equal_images_have_coordinates_of_zero(images):
    """Nothing is left when all training rows are the same."""
    same = np.repeat(images[:1], 4, axis=0)
    span = TrainingSpan(RawPixels(image_size=8), center=True)
    np.testing.assert_allclose(span.fit_transform(same), 0, atol=1e-3)
    assert np.isfinite(span.transform(images[:3])).all()


def test_bags_are_learned_from_the_training_images(images):
    """The extractor given is left as it was; the fitted copy has the words."""
    bag = BagOfVisualWords(n_words=5, pyramid=((1, 1),), random_state=0)
    span = clone(TrainingSpan(bag)).fit(images)
    assert not hasattr(bag, "words_")
    assert span.extractor_.words_.shape == (5, 128)


def test_flat_images_give_zeros():
    """One coordinate, zero; no division by zero."""
    flat = np.zeros((3, 16, 16), np.uint8)
    span = TrainingSpan(HOG(pixels_per_cell=(4, 4), cells_per_block=(1, 1)))
    np.testing.assert_array_equal(span.fit_transform(flat), np.zeros((3, 1)))
    np.testing.assert_array_equal(span.transform(flat), np.zeros((3, 1)))


def test_batch_size_is_checked(images):
    """Zero images at once get nowhere."""
    with pytest.raises(ValueError, match="batch_size"):
        TrainingSpan(HOG(), batch_size=0).fit(images)
