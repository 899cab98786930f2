"""A folded pipeline answers as the pipeline does, from less."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline

from eyecraft.features import HOG, RawPixels, TrainingSpan
from eyecraft.pipelines import LinearSVM, fold
from eyecraft.pipelines._cost_pass import cost_pass
from eyecraft.pipelines._pricing import pack_fitted
from eyecraft.pipelines._rows import Row
from eyecraft.pipelines.fold import FoldedClassifier


@pytest.fixture
def images(rng):
    """Thirty-six gray images in three kinds: noise, brighter at the bottom, brighter at the left."""
    stack = rng.integers(0, 200, (36, 24, 24), dtype=np.uint8)
    stack[1::3, 12:] += 55
    stack[2::3, :, :12] += 55
    return stack


LABELS = np.array(["a", "b", "c"] * 12)


def side_by_side(*, center):
    """Pixels and HOG, unlike in length and weight, under least squares."""
    union = FeatureUnion(
        [
            ("pixels", TrainingSpan(RawPixels(image_size=24), normalize=False, center=center)),
            ("hog", TrainingSpan(HOG(pixels_per_cell=(4, 4)), center=center, batch_size=5)),
        ],
        transformer_weights={"hog": 0.5},
    )
    return make_pipeline(union, RidgeClassifier(alpha=0.1))


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(TrainingSpan(HOG(pixels_per_cell=(4, 4))), LinearSVM()),
        make_pipeline(TrainingSpan(HOG(pixels_per_cell=(4, 4)), center=True), LinearSVM(fit_intercept=False)),
        side_by_side(center=False),
        side_by_side(center=True),
    ],
    ids=["one", "centred", "union", "centred union"],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_are_the_pipelines(images, pipeline, n_classes):
    """For two classes and more, on images that were not in training, whatever lies side by side."""
    wanted = np.flatnonzero(np.isin(LABELS, ["a", "b", "c"][:n_classes]))
    train, test = wanted[: len(wanted) // 2], wanted[len(wanted) // 2 :]
    fitted = clone(pipeline).fit(images[train], LABELS[train])
    ready = fold(fitted)
    expected = fitted.decision_function(images[test])
    np.testing.assert_allclose(ready.decision_function(images[test]), expected, atol=1e-4 * np.abs(expected).max())
    assert ready.predict(images[test]).tolist() == fitted.predict(images[test]).tolist()
    assert ready.score(images[test], LABELS[test]) == fitted.score(images[test], LABELS[test])


def test_training_rows_are_gone(images):
    """Its pickle has the weights of two classes on 2,304 numbers, not 36 rows of them; the pipeline keeps its own."""
    fitted = make_pipeline(TrainingSpan(HOG(pixels_per_cell=(3, 3))), LinearSVM()).fit(images, LABELS == "a")
    ready = fold(fitted)
    length = fitted[0].row_length_
    assert [weights.shape for weights in ready.weights_] == [(1, length)]
    assert len(pickle.dumps(ready)) < 4 * length + 8192 < 2 * 36 * length < len(pickle.dumps(fitted))
    again = pickle.loads(pickle.dumps(ready))
    assert again.predict(images).tolist() == fitted.predict(images).tolist() == ready.predict(images).tolist()


def test_others_come_back_as_they_are(images):
    """Rows that no span holds, and classifiers with more to say than scores."""
    plain = make_pipeline(RawPixels(image_size=8), LinearSVM()).fit(images, LABELS)
    tells = make_pipeline(TrainingSpan(RawPixels(image_size=8)), LogisticRegression()).fit(images, LABELS)
    mixed = make_pipeline(
        FeatureUnion([("span", TrainingSpan(HOG())), ("pixels", RawPixels(image_size=8))]), LinearSVM()
    ).fit(images, LABELS)
    assert all(fold(pipeline) is pipeline for pipeline in (plain, tells, mixed))
    with pytest.raises(ValueError, match=r"(?s)needs a Pipeline of TrainingSpan.*got Pipeline.*Nothing was folded"):
        FoldedClassifier(plain).fit(images, LABELS)


def test_of_a_search_its_best(images):
    """Which is folded where it can be."""
    pipeline = make_pipeline(TrainingSpan(HOG()), LinearSVM())
    search = GridSearchCV(pipeline, {"linearsvm__C": [1.0]}, cv=2).fit(images, LABELS)
    assert isinstance(fold(search), FoldedClassifier)
    assert fold(search).predict(images).tolist() == search.predict(images).tolist()


def test_it_fits_by_itself(images):
    """As an estimator: cloned and fitted it answers as the pipeline inside would."""
    pipeline = side_by_side(center=True)
    found = clone(FoldedClassifier(pipeline)).fit(images, LABELS).predict(images)
    assert found.tolist() == pipeline.fit(images, LABELS).predict(images).tolist()


def test_the_price_is_that_of_the_folded(images):
    """Decoding, extraction and memory as of any pipeline; the model's bytes without the training rows."""
    fitted = make_pipeline(TrainingSpan(HOG(pixels_per_cell=(3, 3))), LinearSVM()).fit(images, LABELS)
    found = cost_pass("p", fitted, images, np.arange(36), fitted[0].row_length_)
    assert found["model_bytes"] < 2 * 36 * fitted[0].row_length_
    assert 0 < found["warm_decode"] < found["warm_seconds"]
    assert found["warm_extract"] > 0
    row = pack_fitted(Row("p", 0, {}, {}, fitted=fitted))
    assert len(row.fitted) < 2 * 36 * fitted[0].row_length_
