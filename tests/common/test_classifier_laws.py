"""The laws every classifier of images obeys, checked over all that eyecraft exports.

`LinearSVM` takes rows of numbers, not images, and passes scikit-learn's `check_estimator` in full (its own tests).
"""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks

from eyecraft import pipelines

CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "CNNClassifier": lambda: pipelines.CNNClassifier("lenet5", max_epochs=3, batch_size=8, random_state=0),
}
ROWS = {"LinearSVM"}  # classifiers of rows


@pytest.fixture(params=CLASSIFIERS, scope="module")
def classifier(request: pytest.FixtureRequest) -> Any:
    """Return one small classifier after the other, not fitted."""
    return CLASSIFIERS[request.param]()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Twenty-four gray images: bright at the top, or bright at the bottom."""
    stack = np.random.default_rng(0).integers(0, 60, (24, 16, 16), dtype=np.uint8)
    stack[0::2, :8] += 150
    stack[1::2, 8:] += 150
    return stack


LABELS = np.array(["top", "bottom"] * 12)


@pytest.fixture(scope="module")
def fitted(classifier: Any, images: np.ndarray) -> Any:
    """Return the classifier fitted to the images."""
    return clone(classifier).fit(images, LABELS)


def test_every_public_classifier_is_here() -> None:
    """No public classifier escapes the laws."""
    public = {name for name in pipelines.__all__ if hasattr(getattr(pipelines, name), "predict")}
    assert set(CLASSIFIERS) | ROWS == public


def test_learns_and_keeps_the_labels(fitted: Any, images: np.ndarray) -> None:
    """Easy images are told apart; answers are the labels given, probabilities sum to one in the order of classes_."""
    assert is_classifier(fitted)
    assert fitted.classes_.tolist() == ["bottom", "top"]
    assert fitted.score(images, LABELS) == 1.0
    probabilities = fitted.predict_proba(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(images))


def test_whole_numbers_are_labels_too(classifier: Any, images: np.ndarray) -> None:
    """Integer labels come back as integers."""
    numbers = np.where(LABELS == "top", 7, -3)
    answers = clone(classifier).fit(images, numbers).predict(images)
    np.testing.assert_array_equal(answers, numbers)


def test_same_seed_same_answers(classifier: Any, fitted: Any, images: np.ndarray) -> None:
    """A second fit with the same seed gives the same probabilities bit for bit."""
    again = clone(classifier).fit(images, LABELS)
    np.testing.assert_array_equal(again.predict_proba(images), fitted.predict_proba(images))


def test_an_answer_depends_on_its_image_alone(fitted: Any, images: np.ndarray) -> None:
    """Neighbours and order change nothing."""
    together = fitted.predict_proba(images)
    np.testing.assert_allclose(fitted.predict_proba(images[::-1])[::-1], together, atol=1e-6)
    np.testing.assert_allclose(fitted.predict_proba(images[3:4])[0], together[3], atol=1e-6)


def test_every_form_of_the_same_images(fitted: Any, images: np.ndarray, tmp_path: Path) -> None:
    """Stack, list, colour copies and paths are alike."""
    expected = fitted.predict_proba(images)
    paths = [str(tmp_path / f"{i}.png") for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    for form in (list(images), np.repeat(images[..., None], 3, axis=3), paths, np.array(paths)):
        np.testing.assert_allclose(fitted.predict_proba(form), expected, atol=1e-6)


def test_pickle_and_clone(fitted: Any, images: np.ndarray) -> None:
    """A pickle answers the same; a clone has the parameters and no fit."""
    expected = fitted.predict_proba(images)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(images), expected)
    copy = clone(fitted)
    assert repr(copy) == repr(fitted)
    with pytest.raises(NotFittedError):
        copy.predict(images)


def test_pipeline_cross_validation_and_grid_search(classifier: Any, images: np.ndarray) -> None:
    """Splitters and searches take it as it is."""
    pipeline = Pipeline([("classifier", clone(classifier))])
    scores = cross_validate(pipeline, images, LABELS, cv=2, error_score="raise")["test_score"]
    assert scores.shape == (2,)
    search = GridSearchCV(pipeline, {"classifier__max_epochs": [1, 2]}, cv=2, error_score="raise")
    assert search.fit(images, LABELS).best_params_["classifier__max_epochs"] in (1, 2)


def test_one_class_is_an_error(classifier: Any, images: np.ndarray) -> None:
    """A single class is refused by name."""
    with pytest.raises(ValueError, match="top"):
        clone(classifier).fit(images, np.full(len(images), "top"))


def test_as_many_labels_as_images(classifier: Any, images: np.ndarray) -> None:
    """Unequal lengths are refused with both numbers."""
    with pytest.raises(ValueError, match=r"24.*23|23.*24"):
        clone(classifier).fit(images, LABELS[:-1])


@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
        "check_do_not_raise_errors_in_init_or_set_params",
    ],
)
def test_scikit_learns_own_checks(classifier: Any, check: str) -> None:
    """scikit-learn's checks that need no table of numbers."""
    getattr(estimator_checks, check)(type(classifier).__name__, clone(classifier))
