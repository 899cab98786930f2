"""The pass that prices pipelines: seconds that stored features do not flatter, and nothing that fails a row."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eyecraft.features import ImageTransformer
from eyecraft.pipelines import Comparison, _cost_pass, compare
from eyecraft.pipelines._cost_pass import cost_pass
from eyecraft.pipelines._frames import tidy, timed_apart

LABELS = np.array(["cat", "dog"] * 6)
SLEEP = 0.004


@pytest.fixture
def images(rng):
    """Twelve gray images of noise."""
    return rng.integers(0, 256, (12, 6, 5), dtype=np.uint8)


class Sleepy(ImageTransformer):
    """Mean gray value, after some sleep; counts its images."""

    seen = 0

    def __init__(self, *, seconds=SLEEP, n_jobs=None, store=None):
        self.seconds = seconds
        self.n_jobs = n_jobs
        self.store = store

    def _extract(self, image):
        time.sleep(self.seconds)
        Sleepy.seen += 1
        return np.array([image.mean()], dtype=np.float32)

    def _n_features(self, height, width):
        return 1


class Slow(ClassifierMixin, BaseEstimator):
    """Sleeps over every image it answers for; its pickle wakes up slowly, and more than 5 images are too many."""

    def __init__(self, *, seconds=0.0, wakes_up=0.0, most=100):
        self.seconds = seconds
        self.wakes_up = wakes_up
        self.most = most

    def fit(self, X, y):
        """Remember a class."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Answer after some sleep."""
        if len(X) < self.most:
            raise ArithmeticError("too few images")
        time.sleep(self.seconds * len(X))
        return np.repeat(self.classes_[:1], len(X))

    def __setstate__(self, state):
        time.sleep(state["wakes_up"])
        super().__setstate__(state)


def measured(pipeline, images, **options):
    """Return what a pass found, by name."""
    fitted = pipeline.fit(images, LABELS)
    return cost_pass("p", fitted, images, np.arange(len(images)), options.pop("n_features", None))


def test_stored_features_do_not_make_it_cheaper(images, tmp_path):
    """Each image sleeps 4 ms; the store, which has them all, would answer in none."""
    pipeline = make_pipeline(Sleepy(store=tmp_path), KNeighborsClassifier(1))
    found = measured(pipeline, images, n_features=1)
    assert SLEEP <= found["warm_extract"] < 10 * SLEEP
    assert found["warm_seconds"] >= found["warm_decode"] + found["warm_extract"] > SLEEP
    total = found["warm_decode"] + found["warm_extract"] + found["warm_predict"]
    assert found["warm_seconds"] == pytest.approx(total)
    assert found["single_seconds"] >= SLEEP
    assert found["cold_extract"] >= SLEEP
    assert found["cold_seconds"] == pytest.approx(sum(found[f"cold_{part}"] for part in ("decode", "extract", "rest")))
    assert found["bytes_per_row"] == 4
    assert pipeline[0].store == tmp_path  # back as it was


def test_one_thread_whatever_was_asked_for(images):
    """Four threads would sleep at once; the pipeline has them back afterwards."""
    pipeline = make_pipeline(Sleepy(n_jobs=4), KNeighborsClassifier(1, n_jobs=2))
    assert measured(pipeline, images)["warm_extract"] >= SLEEP
    assert (pipeline[0].n_jobs, pipeline[1].n_jobs) == (4, 2)


def test_what_is_neither_decoded_nor_extracted_is_prediction(images):
    """A classifier that looks at the images itself."""
    found = measured(Slow(seconds=0.005, most=0), images)
    assert found["warm_predict"] == pytest.approx(found["warm_seconds"])
    assert 0.005 <= found["warm_seconds"] < 0.05
    assert "bytes_per_row" not in found


def test_cold_is_from_the_pickle_on(images):
    """A pipeline that takes long to come up is dear for its first image only."""
    found = measured(Slow(wakes_up=0.05, most=0), images)
    assert found["cold_seconds"] > 0.05
    assert found["cold_rest"] > 0.05
    assert found["single_seconds"] < 0.05


def test_the_time_is_bounded(images, monkeypatch):
    """With no time at all, one image is answered for thrice: to begin with, cold, and warm."""
    monkeypatch.setattr(_cost_pass, "_SECONDS", 0.0)
    monkeypatch.setattr(_cost_pass, "_MOST_COLD", 0.0)
    pipeline = make_pipeline(Sleepy(), DummyClassifier()).fit(images, LABELS)
    Sleepy.seen = 0
    found = cost_pass("p", pipeline, images, np.arange(12), None)
    assert Sleepy.seen == 3
    assert found["n_images"] == 1
    assert found["warm_seconds"] == found["single_seconds"] >= SLEEP
    assert "answer_memory" not in found


def test_at_most_32_images_are_taken(rng):
    """Evenly spread over the test images, in any order."""
    asked = []

    class Watching(DummyClassifier):
        def predict(self, X):
            asked.append(X[:, 0, 0])
            return super().predict(X)

    images = np.arange(200, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    fitted = Watching().fit(images, np.arange(200) % 2)
    assert cost_pass("p", fitted, images, np.arange(100, 200), None)["n_images"] == 32
    longest = max(asked, key=len)
    assert len(longest) == 32
    assert (longest.min(), longest.max()) == (100, 199)
    assert np.diff(np.sort(longest)).max() <= 4
    assert longest[:8].max() > 150  # whoever has little time gets a spread too


def test_a_search_is_priced_by_what_it_found(images):
    """The candidates are not carried along."""
    found = measured(GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 2]}, cv=2), images.reshape(12, -1))
    alone = measured(KNeighborsClassifier(2), images.reshape(12, -1))
    assert found["model_bytes"] == pytest.approx(alone["model_bytes"], rel=0.05)


def test_what_cannot_be_pickled_is_priced_all_the_same(images, caplog):
    """No cold start and no size, which need a pickle; the warm figures are there and the log says why."""
    pipeline = make_pipeline(FunctionTransformer(lambda X: X.reshape(len(X), -1)), KNeighborsClassifier(1))
    with caplog.at_level("INFO", "eyecraft"):
        found = measured(pipeline, images)
    assert set(found) == {"n_images", "single_seconds", "warm_seconds", "warm_decode", "warm_extract", "warm_predict"}
    assert "its pickle of pipeline 'p' could not be measured" in caplog.text


def test_a_pass_that_fails_costs_no_row(images, caplog):
    """A predict that takes no single image leaves the seconds missing, and the measured row as it is."""
    labels = np.array(["cat", "dog"] * 6)
    with caplog.at_level("INFO", "eyecraft"):
        result = compare({"many": Slow(most=6), "one": Slow(most=0)}, images, labels, cv=2)
    assert result.pipelines["error"].tolist() == [None, None]
    resources = result.resources.set_index("pipeline")
    assert resources["warm_seconds"].isna().tolist() == [True, False]
    assert resources["model_bytes"].notna().all()
    assert "costs of pipeline 'many' could not be measured" in caplog.text
    spent = result.seconds.query("stage == 'predict'").groupby("pipeline")[["seconds", "n_images"]].sum()
    priced = result.costs.query("stage == 'predict'").set_index("pipeline")["seconds_per_image"]
    assert priced.to_dict() == pytest.approx((spent["seconds"] / spent["n_images"]).to_dict())  # all alike, or none


def test_costs_rest_on_the_pass(images, tmp_path):
    """A comparison's costs are the warm seconds, where features were stored too; the splits keep their own."""
    pipelines = {"slow": make_pipeline(Sleepy(store=tmp_path / "s"), KNeighborsClassifier(1)), "none": Slow(most=0)}
    first = compare(pipelines, images, LABELS, cv=2, out=tmp_path / "out")
    resources = first.resources.set_index("pipeline")
    costs = first.costs.pivot(index="pipeline", columns="stage", values="seconds_per_image")
    for stage in ("decode", "extract", "predict"):
        assert costs[stage].to_dict() == resources[f"warm_{stage}"].to_dict()
    table = first.table().set_index("pipeline")["seconds_per_image"]
    assert table.to_dict() == pytest.approx(resources["warm_seconds"].to_dict())
    fits = first.seconds.query("stage == 'fit' and pipeline == 'slow'")
    assert costs.loc["slow", "fit"] == pytest.approx(fits["seconds"].sum() / 12)
    again = compare(pipelines, images, LABELS, cv=2, out=tmp_path / "out")
    pd.testing.assert_frame_equal(first.resources, again.resources)  # rows are kept with their prices
    written = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))["pipelines"]
    assert written[0]["resources"]["bytes_per_row"] == 4
    assert "bytes_per_row" not in written[1]["resources"]


def test_there_and_back(images, tmp_path):
    """The frame survives the disk; its numbers of bytes stay whole."""
    result = compare({"a": DummyClassifier(), "NA": make_pipeline(Sleepy(), DummyClassifier())}, images, LABELS, cv=2)
    loaded = Comparison.load(result.save(tmp_path))
    pd.testing.assert_frame_equal(result.resources, loaded.resources)
    assert result.resources["pipeline"].tolist() == ["a", "NA"]
    assert str(result.resources["model_bytes"].dtype) == "Int64"
    assert (tmp_path / "resources.csv").is_file()
    assert loaded.to_dict() == result.to_dict()


def test_folders_of_older_versions_load(images, tmp_path):
    """No resources then: an empty frame with its columns; rows without them are finished rows."""
    out = tmp_path / "out"
    compare({"a": DummyClassifier()}, images, LABELS, cv=2, out=out)
    (out / "resources.csv").unlink()
    rows = sorted((out / "rows").rglob("split-*.json"))
    for path in rows:
        content = json.loads(path.read_text("utf-8"))
        del content["resources"], content["gpu_memory"]
        path.write_text(json.dumps(content), "utf-8")
    stamps = [path.stat().st_mtime_ns for path in rows]
    loaded = Comparison.load(out)
    assert len(loaded.resources) == 0
    assert "cold_seconds" in loaded.resources
    assert loaded.to_dict()["pipelines"][0]["resources"] == {}
    again = compare({"a": DummyClassifier()}, images, LABELS, cv=2, out=out)
    assert [path.stat().st_mtime_ns for path in rows] == stamps
    assert again.resources["warm_seconds"].isna().all()


def test_the_pass_is_in_no_measured_second(images, monkeypatch):
    """Whatever the pass takes, no stage has it."""
    monkeypatch.setattr("eyecraft.pipelines._measure.cost_pass", lambda *given: time.sleep(0.3) or {})
    result = compare({"a": DummyClassifier()}, images, LABELS, cv=2)
    assert result.seconds["seconds"].max() < 0.1


def test_who_was_timed_apart():
    """All or none: prices from two ways of measuring are not set against each other."""
    some = tidy("resources", [{"pipeline": "a", "warm_seconds": 1.0}, {"pipeline": "b"}])
    assert timed_apart(["a"], some)
    assert not timed_apart(["a", "b"], some)
    assert not timed_apart([], tidy("resources", []))
