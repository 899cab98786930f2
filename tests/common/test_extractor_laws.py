"""The laws every extractor obeys, checked over all that eyecraft exports.

scikit-learn's `check_estimator` runs next to nothing on estimators of images; these are the checks that take its place.
A new extractor is added to `EXTRACTORS`; a test compares that table with the public names.
"""

import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.utils import estimator_checks

from eyecraft import features
from eyecraft.features import ImageTransformer

SIZE = (48, 56)  # of the images all laws are checked on: height, width

# Small instances of every public extractor. `flat_is_zero`: measures change, so a flat image has none.
EXTRACTORS: dict[str, tuple[Callable[[], Any], bool]] = {
    "RawPixels": (lambda: features.RawPixels(image_size=(6, 5)), False),
    "ColorHistogram": (lambda: features.ColorHistogram(bins=3, grid=(2, 1)), False),
    "Sobel": (lambda: features.Sobel(), True),
    "RobinsonCompass": (lambda: features.RobinsonCompass(), True),
    "HOG": (lambda: features.HOG(image_size=(32, 40)), True),
    "BagOfVisualWords": (
        lambda: features.BagOfVisualWords(
            features.DenseSIFT(step=6, bin_sizes=(3, 4)), n_words=8, pyramid=((1, 1), (2, 2)), random_state=0
        ),
        True,
    ),
    "CNNFeatures": (
        lambda: features.CNNFeatures("squeezenet1_1", weights=None, image_size=(32, 32), batch_size=3),
        False,
    ),
}


@pytest.fixture(params=EXTRACTORS, scope="module")
def extractor(request: pytest.FixtureRequest) -> Any:
    """Return one small extractor after the other, not fitted."""
    return EXTRACTORS[request.param][0]()


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """Seven colour images with edges and noise."""
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 90, (7, *SIZE, 3), dtype=np.uint8)
    for i, picture in enumerate(pictures):
        picture[5 * i : 5 * i + 12, 4 * i : 4 * i + 20] += np.array([120, 20 * i, 60], np.uint8)
    return list(pictures)


@pytest.fixture(scope="module")
def rows(extractor: Any, images: list[np.ndarray]) -> np.ndarray:
    """Return the features of the seven images, in order, in one go."""
    return clone(extractor).fit(images).transform(images)


def same(actual: np.ndarray, expected: np.ndarray) -> None:
    """Assert equality up to what another batch size costs a float32 network."""
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6 * scale)


def test_every_public_extractor_is_here() -> None:
    """No public extractor escapes the laws."""
    public = {
        name
        for name in features.__all__
        if inspect.isclass(cls := getattr(features, name))
        and issubclass(cls, ImageTransformer)
        and cls is not ImageTransformer
    }
    assert set(EXTRACTORS) == public


def test_rows_are_float32_finite_and_named(extractor: Any, images: list[np.ndarray], rows: np.ndarray) -> None:
    """Shape, type and as many distinct names as numbers."""
    fitted = clone(extractor).fit(images)
    assert rows.shape == (len(images), fitted.n_features_out_)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    names = fitted.get_feature_names_out()
    assert len(set(names)) == len(names) == rows.shape[1]
    assert len(np.unique(rows, axis=0)) == len(images), "different images must differ"


def test_row_depends_on_its_image_alone(extractor: Any, images: list[np.ndarray], rows: np.ndarray) -> None:
    """Neighbours, order, number of images and number of threads change nothing."""
    fitted = clone(extractor).fit(images)
    same(fitted.transform(images[::-1])[::-1], rows)
    same(fitted.transform([images[3]])[0], rows[3])
    same(fitted.set_params(n_jobs=2).transform(images), rows)


def test_twice_is_the_same_bit_for_bit(extractor: Any, images: list[np.ndarray], rows: np.ndarray) -> None:
    """A second estimator with the same parameters gives the same numbers."""
    np.testing.assert_array_equal(clone(extractor).fit_transform(images), rows)


def test_every_form_of_the_same_images(
    extractor: Any, images: list[np.ndarray], rows: np.ndarray, tmp_path: Any
) -> None:
    """Lists, object arrays, stacks, paths, bytes, PIL images, series and one-column frames are alike."""
    fitted = clone(extractor).fit(images)
    objects = np.empty(len(images), dtype=object)
    objects[:] = images
    paths = [str(tmp_path / f"{i}.png") for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    encoded = [Path(path).read_bytes() for path in paths]
    forms = {
        "tuple": tuple(images),
        "object array": objects,
        "stack": np.stack(images),
        "paths": paths,
        "array of paths": np.array(paths),
        "bytes": encoded,
        "PIL": [Image.fromarray(image) for image in images],
        "series": pd.Series(paths),
        "frame": pd.DataFrame({"path": paths}),
    }
    for form, same_images in forms.items():
        np.testing.assert_array_equal(fitted.transform(same_images), rows, err_msg=form)


def test_gray_equals_gray_replicated(extractor: Any, images: list[np.ndarray]) -> None:
    """A gray image is the colour image with three equal channels."""
    gray = [image[..., 0].copy() for image in images]
    colour = [np.repeat(image[..., None], 3, axis=2) for image in gray]
    np.testing.assert_array_equal(clone(extractor).fit_transform(gray), clone(extractor).fit_transform(colour))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_image(extractor: Any, images: list[np.ndarray], level: int) -> None:
    """A flat image gives finite numbers; zeros where change is what is measured."""
    row = clone(extractor).fit(images).transform([np.full((*SIZE, 3), level, np.uint8)])
    assert np.isfinite(row).all()
    if EXTRACTORS[type(extractor).__name__][1]:
        assert not row.any()


def test_too_small_an_image_is_named(extractor: Any, images: list[np.ndarray]) -> None:
    """A 1 x 1 image either has features or is refused by position and size."""
    parameters = {"image_size": None} if extractor.get_params().get("image_size") else {}
    try:
        native = clone(extractor).set_params(**parameters).fit(images)
        row = native.transform([images[0], np.zeros((1, 1, 3), np.uint8)])[1]
    except ValueError as error:
        assert "image 1" in str(error)
        assert "image_size" in str(error) or "small" in str(error)
    else:
        assert np.isfinite(row).all()


def test_images_are_left_alone(extractor: Any, images: list[np.ndarray]) -> None:
    """Nothing writes into the caller's arrays."""
    before = [image.copy() for image in images]
    clone(extractor).fit_transform(images)
    for image, copy in zip(images, before, strict=True):
        np.testing.assert_array_equal(image, copy)


def test_clone_pickle_and_parameters(extractor: Any, images: list[np.ndarray], rows: np.ndarray) -> None:
    """Parameters survive a clone, numbers survive a pickle, and construction only stores."""
    copy = clone(extractor)
    for name, value in extractor.get_params(deep=False).items():
        assert repr(getattr(copy, name)) == repr(value)
    assert set(vars(type(extractor)())) == set(inspect.signature(type(extractor).__init__).parameters) - {"self"}
    fitted = copy.fit(images)
    fitted.transform(images[:1])
    same(pickle.loads(pickle.dumps(fitted)).transform(images), rows)


def test_set_output(extractor: Any, images: list[np.ndarray], rows: np.ndarray) -> None:
    """`set_output` gives a data frame with the feature names."""
    fitted = clone(extractor).set_output(transform="pandas").fit(images)
    frame = fitted.transform(images)
    assert list(frame.columns) == list(fitted.get_feature_names_out())
    np.testing.assert_array_equal(frame.to_numpy(), rows)


def test_stateless_needs_no_fit(extractor: Any, images: list[np.ndarray], rows: np.ndarray) -> None:
    """Where the tags say that no fit is needed, none is; elsewhere scikit-learn's error comes."""
    if extractor.__sklearn_tags__().requires_fit:
        with pytest.raises(NotFittedError):
            clone(extractor).transform(images)
    else:
        same(clone(extractor).transform(images), rows)


def test_store_changes_nothing(extractor: Any, images: list[np.ndarray], rows: np.ndarray, tmp_path: Any) -> None:
    """Stored rows are the computed rows, and are found again under the same parameters only."""
    stored = clone(extractor).set_params(store=str(tmp_path)).fit(images)
    same(stored.transform(images), rows)
    if extractor.__sklearn_tags__().requires_fit:
        return  # what it keeps is not its rows, which depend on the fit
    calls = []
    stored._compute = lambda *arguments: calls.append(arguments)  # type: ignore[method-assign]
    same(stored.transform(images), rows)
    assert not calls


def test_pipeline_union_columns(extractor: Any, images: list[np.ndarray], rows: np.ndarray, tmp_path: Any) -> None:
    """Works in Pipeline, FeatureUnion and ColumnTransformer."""
    twice = FeatureUnion([("a", clone(extractor)), ("b", clone(extractor))]).fit_transform(images)
    same(np.asarray(twice), np.hstack([rows, rows]))
    paths = [str(tmp_path / f"{i}.png") for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    frame = pd.DataFrame({"path": paths, "weight": np.arange(len(paths), dtype=float)})
    columns = ColumnTransformer([("image", clone(extractor), "path"), ("rest", "passthrough", ["weight"])])
    same(np.asarray(columns.fit_transform(frame))[:, :-1], rows)
    pipeline = Pipeline([("features", clone(extractor)), ("classifier", DummyClassifier())])
    assert pipeline.fit(images, list("abababa")).predict(images).shape == (len(images),)


def test_cross_validation_and_grid_search(extractor: Any, images: list[np.ndarray]) -> None:
    """Splitters index the images; searches set the parameters."""
    labels = ["a", "b", "a", "b", "a", "b", "a"]
    pipeline = make_pipeline(clone(extractor), DummyClassifier())
    scores = cross_validate(pipeline, np.stack(images), labels, cv=2, error_score="raise")
    assert len(scores["test_score"]) == 2
    grid = {"dummyclassifier__strategy": ["prior", "uniform"]}
    assert GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(images, labels).best_score_ >= 0


def test_no_images_is_an_error(extractor: Any) -> None:
    """An empty list is refused in words."""
    with pytest.raises(ValueError, match="no images"):
        clone(extractor).fit([])


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
def test_scikit_learns_own_checks(extractor: Any, check: str) -> None:
    """scikit-learn's checks that need no table of numbers."""
    getattr(estimator_checks, check)(type(extractor).__name__, clone(extractor))
