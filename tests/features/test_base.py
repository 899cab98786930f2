"""What ImageTransformer does for every extractor, shown on the smallest one: the mean of an image."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from eyecraft.data import ImageReadError
from eyecraft.features import FeatureStore, ImageTransformer
from eyecraft.features._base import _plain
from eyecraft.features._timing import record_stages


class Mean(ImageTransformer):
    """The mean gray value, `times` times."""

    calls = 0

    def __init__(self, *, times: Any = 1, image_size: Any = None, n_jobs: Any = None, store: Any = None) -> None:
        self.times = times
        self.image_size = image_size
        self.n_jobs = n_jobs
        self.store = store

    def _smallest_image(self) -> tuple[int, int]:
        return 2, 3

    def _extract(self, image: np.ndarray) -> np.ndarray:
        Mean.calls += 1
        return np.full(self.times, image.mean())

    def _n_features(self, height: int, width: int) -> int:
        return self.times

    def _feature_names(self, height: int, width: int) -> list[str]:
        return [f"mean_{i}" for i in range(self.times)]


class Rows(Mean):
    """One number per image row: the length depends on the size of the image."""

    def _extract(self, image: np.ndarray) -> np.ndarray:
        return image.mean(axis=1)

    def _n_features(self, height: int, width: int) -> int:
        return height

    def _feature_names(self, height: int, width: int) -> list[str]:
        return [f"row_{i}" for i in range(height)]


def test_known_values() -> None:
    """The numbers of the pure function come out as float32 rows."""
    images = [np.full((4, 5), level, np.uint8) for level in (0, 7, 255)]
    features = Mean(times=2).fit_transform(images)
    np.testing.assert_array_equal(features, [[0, 0], [7, 7], [255, 255]])
    assert features.dtype == np.float32


def test_images_of_different_sizes() -> None:
    """Refused, with both numbers and the way out, where the length would differ."""
    images = [np.zeros((4, 5), np.uint8), np.zeros((6, 5), np.uint8)]
    with pytest.raises(ValueError, match=r"6 features for image 1 where images of 4 x 5 pixels give 4.*image_size="):
        Rows().fit_transform(images)
    assert Rows(image_size=(4, 4)).fit_transform(images).shape == (2, 4)


def test_image_size_may_be_one_number() -> None:
    """A whole number means a square; anything else is refused in words."""
    assert Rows(image_size=8).fit([np.zeros((4, 5), np.uint8)]).image_size_ == (8, 8)
    with pytest.raises(ValueError, match=r"`image_size` must be a whole number or a pair .* got 'big'"):
        Rows(image_size="big").fit([np.zeros((4, 5), np.uint8)])


def test_small_image_is_named(tmp_path: Path, image_files: Callable[..., list[str]]) -> None:
    """The error says which image, how small, how large it must be, and what to do."""
    paths = [*image_files(1), str(tmp_path / "tiny.png")]
    import cv2

    cv2.imwrite(paths[1], np.zeros((1, 1), np.uint8))
    with pytest.raises(ValueError, match=r"at least 2 x 3 pixels.*image 1 \(.*tiny\.png\) has 1 x 1.*image_size="):
        Mean().fit(paths).transform(paths)


def test_unreadable_image_is_named_and_the_rest_is_kept(tmp_path: Path, image_files: Callable[..., list[str]]) -> None:
    """An error in the middle names the file; chunks finished before it are in the store."""
    paths = image_files(70)
    Path(paths[66]).write_text("no image")
    extractor = Mean(store=tmp_path / "store")
    with pytest.raises(ImageReadError, match="image-0066"):
        extractor.fit_transform(paths)
    assert (
        FeatureStore(tmp_path / "store")
        .contains(extractor.store_key(), [__import__("eyecraft").data.image_key(path) for path in paths[:64]])
        .all()
    )


def test_changed_file_is_extracted_again(tmp_path: Path, image_files: Callable[..., list[str]]) -> None:
    """Identity of a file is path, size and time; only the changed one is new."""
    import os

    paths = image_files(3)
    extractor = Mean(store=tmp_path / "store")
    extractor.fit_transform(paths)
    os.utime(paths[1], (1, 1))
    Mean.calls = 0
    extractor.fit_transform(paths)
    assert Mean.calls == 1


def test_store_key_follows_what_changes_numbers() -> None:
    """Parameters and code version change the key; threads and the store's place do not."""
    key = Mean().store_key()
    assert Mean(n_jobs=2, store="somewhere").store_key() == key
    assert Mean(times=2).store_key() != key
    assert Rows().store_key() != key
    newer = type("Mean", (Mean,), {"_code_version": 2, "__module__": Mean.__module__, "__qualname__": "Mean"})
    assert newer().store_key() != key


def test_plain_values() -> None:
    """Nested estimators, arrays and NumPy numbers become JSON without losing differences."""
    assert _plain((np.int64(3), [1.5])) == [3, [1.5]]
    assert _plain(Mean(times=3, n_jobs=4)) == {"class": "Mean", "times": 3, "image_size": None}
    assert _plain(np.zeros(3)) != _plain(np.ones(3))


def test_names_need_a_size() -> None:
    """Names come from a fit or from `image_size`; otherwise scikit-learn's error says so."""
    with pytest.raises(NotFittedError, match="fit Rows first or set `image_size`"):
        Rows().get_feature_names_out()
    assert list(Rows(image_size=(2, 9)).get_feature_names_out()) == ["row_0", "row_1"]


def test_stages_are_recorded_and_add_up() -> None:
    """Decode and extract seconds are told to whoever listens, in threads too."""
    images = np.zeros((100, 60, 60), np.uint8)
    with record_stages() as stages:
        Mean(n_jobs=2).fit_transform(images)
    assert set(stages) == {"decode", "extract", "store"}
    assert all(seconds > 0 for seconds in stages.values())


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_cross_validation_extracts_each_image_once(tmp_path: Path, n_jobs: int | None) -> None:
    """Five folds and a grid of three cost n extractions, not 20 n."""
    from sklearn.dummy import DummyClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    pipeline = make_pipeline(Mean(store=tmp_path, n_jobs=n_jobs), DummyClassifier())
    Mean.calls = 0
    grid = {"dummyclassifier__strategy": ["prior", "uniform", "stratified"]}
    GridSearchCV(pipeline, grid, cv=5).fit(images, np.arange(40) % 2)
    assert Mean.calls == 40
