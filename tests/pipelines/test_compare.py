"""What `compare` measures, on comparisons small enough to count by hand."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from eyecraft.data import Dataset, read_image
from eyecraft.features import CNNFeatures, ImageTransformer, RawPixels
from eyecraft.pipelines import Comparison, build, compare
from eyecraft.pipelines.recipes import find

LABELS = np.array(["cat"] * 6 + ["dog"] * 4)
SPLITS = [([0, 1, 2, 6, 7], [3, 4, 5, 8, 9]), ([3, 4, 5, 8, 9], [0, 1, 2, 6, 7])]


@pytest.fixture
def images(rng):
    """Ten gray images of noise."""
    return rng.integers(0, 256, (10, 6, 5), dtype=np.uint8)


class Broken(ClassifierMixin, BaseEstimator):
    """Fails at fit."""

    def fit(self, X, y):
        """Fail."""
        raise ArithmeticError("no luck\ntoday")

    def predict(self, X):
        """Never called."""


class Mean(ImageTransformer):
    """Mean gray value; counts how many images it was asked for."""

    counted = 0
    lock = threading.Lock()

    def __init__(self, *, scale=1.0, n_jobs=None, store=None):
        self.scale = scale
        self.n_jobs = n_jobs
        self.store = store

    def _extract(self, image):
        with Mean.lock:
            Mean.counted += 1
        return np.array([image.mean() * self.scale], dtype=np.float32)

    def _n_features(self, height, width):
        return 1

    def _feature_names(self, height, width):
        return ["mean"]


def test_scores_counted_by_hand(images):
    """Always "cat": 3 of 5 right in each split, half the classes; always "dog": 2 of 5."""
    answers = {name: DummyClassifier(strategy="constant", constant=name) for name in ("cat", "dog")}
    scores = compare(answers, images, LABELS, cv=SPLITS).scores.pivot_table("value", ["pipeline", "split"], "metric")
    assert scores.loc["cat", "accuracy"].tolist() == [0.6, 0.6]
    assert scores.loc["dog", "accuracy"].tolist() == [0.4, 0.4]
    assert (scores["balanced_accuracy"] == 0.5).all()


def test_balanced_accuracy_over_the_classes_that_are_there(images):
    """A class without a test image takes no part in the mean, and nothing warns."""
    labels = np.array(["a"] * 4 + ["b"] * 4 + ["c"] * 2)
    split = [([0, 1, 4, 5, 8, 9], [2, 3, 6, 7])]
    result = compare({"c": DummyClassifier(strategy="constant", constant="c")}, images, labels, cv=split)
    assert result.scores["value"].tolist() == [0.0, 0.0]
    result = compare({"a": DummyClassifier(strategy="constant", constant="a")}, images, labels, cv=split)
    assert result.scores["value"].tolist() == [0.5, 0.5]


def test_predictions_name_every_test_image(images):
    """One line per pipeline and test image, with the position in X."""
    frame = compare({"p": DummyClassifier()}, images, LABELS, cv=SPLITS).predictions
    assert frame["index"].tolist() == [3, 4, 5, 8, 9, 0, 1, 2, 6, 7]
    assert frame["label"].tolist() == LABELS[frame["index"]].tolist()
    assert set(frame["predicted"]) == {"cat"}
    assert frame["split"].tolist() == [0] * 5 + [1] * 5


def test_whole_number_labels_reach_the_estimator_as_they_are(images):
    """Frames hold text; scores compare what was given."""
    labels = np.array([3] * 5 + [7] * 5)
    result = compare([DummyClassifier(strategy="constant", constant=7)], images, labels, cv=5)
    assert set(result.predictions["predicted"]) == {"7"}
    assert result.scores.query("metric == 'accuracy'")["value"].tolist() == [0.5] * 5
    assert result.pipelines["name"].tolist() == ["dummyclassifier"]


def test_frames_have_the_columns_promised(images):
    """Reports and tests lean on these names."""
    result = compare([Pipeline([("f", Mean()), ("c", KNeighborsClassifier(1))])], images, LABELS, cv=2)
    assert list(result.pipelines) == [
        "name", "kind", "title", "citation", "parameters", "n_features", "peak_memory", "error",
        "weights",
    ]  # fmt: skip
    assert list(result.scores) == ["pipeline", "split", "metric", "value"]
    assert list(result.predictions) == ["pipeline", "split", "index", "label", "predicted"]
    assert list(result.seconds) == ["pipeline", "split", "stage", "seconds", "n_images"]
    assert list(result.costs) == ["pipeline", "stage", "seconds_per_image"]
    assert list(result.errors) == ["pipeline", "split", "error", "traceback"]
    assert list(result.resources) == [
        "pipeline", "cold_seconds", "cold_decode", "cold_extract", "cold_rest", "warm_seconds", "warm_decode",
        "warm_extract", "warm_predict", "warm_wall", "single_seconds", "n_images", "answer_memory", "gpu_memory",
        "bytes_per_row", "model_bytes", "multiply_adds",
    ]  # fmt: skip
    assert result.costs["stage"].tolist() == ["decode", "extract", "fit", "predict"]
    row = result.pipelines.iloc[0]
    assert (row["n_features"], row["error"], row["name"]) == (1, None, "mean-kneighborsclassifier")
    assert row["peak_memory"] > 10_000_000


def test_a_failing_pipeline_is_a_row_and_the_others_go_on(images):
    """The error is in one line; the traceback is kept."""
    result = compare({"bad": Broken(), "good": DummyClassifier()}, images, LABELS, cv=SPLITS)
    assert result.pipelines["error"].tolist() == ["ArithmeticError: no luck today", None]
    assert result.errors["split"].tolist() == [0, 1]
    assert "in fit" in result.errors["traceback"][0]
    assert result.table()["pipeline"].tolist() == ["good", "bad"]
    assert result.table()["n_splits"].tolist() == [2, 0]
    assert result.to_dict()["pipelines"][0]["scores"]["accuracy"] == [None, None]


def test_a_metric_that_fails_leaves_the_others(images):
    """Accuracy stands; the missing value says why."""

    def strange(estimator, X, y):
        raise ZeroDivisionError("no such thing")

    result = compare({"p": DummyClassifier()}, images, LABELS, cv=SPLITS, scoring=["accuracy", strange])
    table = result.table()
    assert table["accuracy"][0] == 0.6
    assert np.isnan(table["strange"][0])
    assert "metric 'strange'" in table["error"][0]


def test_metrics_by_name_and_function(images, no_pass):
    """Scorers share the answers: predict and predict_proba run once each per split."""
    calls = []

    class Counting(DummyClassifier):
        def predict_proba(self, X):
            calls.append("proba")
            return super().predict_proba(X)

    model = Counting(strategy="prior")
    scoring = {"auc": "roc_auc", "loss": "neg_log_loss", "n": lambda estimator, X, y: len(X)}
    result = compare({"p": model}, images, LABELS, cv=SPLITS, scoring=scoring)
    scores = result.scores.query("split == 0").set_index("metric")["value"]
    assert (scores["auc"], scores["n"]) == (0.5, 5)
    assert scores["loss"] == pytest.approx(0.6 * np.log(0.6) + 0.4 * np.log(0.4))
    assert result.protocol["metrics"] == ["accuracy", "balanced_accuracy", "auc", "loss", "n"]
    assert calls.count("proba") <= 2 * 2  # DummyClassifier's own predict may ask once more


@pytest.fixture
def no_pass(monkeypatch):
    """Leave out the pass that prices pipelines by extracting some features anew."""
    monkeypatch.setattr("eyecraft.pipelines._cost_pass.MOST_IMAGES", 0)


def test_features_are_extracted_exactly_once(images, tmp_path, no_pass):
    """Ten images, two pipelines with the same extractor, five folds: ten extractions, and none the second time."""
    Mean.counted = 0
    pipelines = {str(k): make_pipeline(Mean(store=tmp_path / "s"), KNeighborsClassifier(k)) for k in (1, 3)}
    first = compare(pipelines, images, LABELS, cv=2)
    assert Mean.counted == 10
    again = compare({"5": make_pipeline(Mean(store=tmp_path / "s"), KNeighborsClassifier(5))}, images, LABELS, cv=2)
    assert Mean.counted == 10
    cost = [result.costs.query("stage == 'extract'")["seconds_per_image"].iloc[0] for result in (first, again)]
    assert cost[0] == cost[1] > 0  # a cached run reports what the features cost


def test_grid_search_and_union_extract_exactly_once(images, tmp_path, no_pass):
    """Extractors are found wherever they are given the images."""
    Mean.counted = 0
    union = FeatureUnion([("one", Mean(store=tmp_path / "s")), ("two", Mean(scale=2.0, store=tmp_path / "s"))])
    chain = Pipeline([("features", union), ("classifier", KNeighborsClassifier(1))])
    search = GridSearchCV(chain, {"classifier__n_neighbors": [1, 2]}, cv=2)
    result = compare({"search": search}, images, LABELS, cv=2)
    assert Mean.counted == 20
    assert result.pipelines["n_features"].tolist() == [2]


def test_without_a_store_costs_are_measured_in_the_splits(images):
    """Extraction is not counted as fitting."""
    result = compare([make_pipeline(Mean(), KNeighborsClassifier(1))], images, LABELS, cv=2)
    seconds = result.seconds.groupby("stage")[["seconds", "n_images"]].sum()
    assert (seconds["seconds"] > 0).all()
    assert seconds["n_images"].to_dict() == {"decode": 20, "extract": 20, "fit": 10, "predict": 10}


def test_unreadable_image_fails_the_pipeline_with_its_name(image_files, tmp_path):
    """The error names the file; a pipeline that looks at no pixels goes on."""
    paths = np.array(image_files(10))
    Path(paths[3]).write_bytes(b"\xff\xd8 not much of a JPEG")
    pipelines = {"mean": make_pipeline(Mean(store=tmp_path / "s"), KNeighborsClassifier(1)), "none": DummyClassifier()}
    result = compare(pipelines, paths, LABELS, cv=2)
    assert "image-0003" in result.pipelines["error"][0]
    assert result.pipelines["error"][1] is None


def test_kind_is_told_by_what_is_inside(images):
    """Whoever brings a network brings learned features."""
    network = make_pipeline(CNNFeatures(weights=None, image_size=32, layers="fire2"), KNeighborsClassifier(1))
    result = compare({"plain": make_pipeline(Mean(), KNeighborsClassifier(1)), "net": network}, images, LABELS, cv=2)
    assert result.pipelines["kind"].tolist() == ["hand-crafted", "learned"]
    assert compare([DummyClassifier()], images, LABELS, cv=2).pipelines["kind"].tolist() == ["other"]
    assert result.pipelines["error"].tolist() == [None, None]


@pytest.mark.parametrize("wrap", [list, tuple, lambda paths: np.array(paths, dtype=object), pd.Series, np.array])
def test_images_may_be_given_in_many_ways(image_files, wrap):
    """Paths in any container are the same data."""
    paths = [Path(path) for path in image_files(10)] if wrap is list else image_files(10)
    one = compare([make_pipeline(Mean(), KNeighborsClassifier(1))], wrap(paths), LABELS, cv=2)
    assert one.pipelines["error"][0] is None
    assert one.dataset["fingerprint"] == compare([DummyClassifier()], paths, LABELS, cv=2).dataset["fingerprint"]
    pictures = [read_image(path) for path in paths]
    other = compare([make_pipeline(Mean(), KNeighborsClassifier(1))], pictures, pd.Series(LABELS), cv=2, n_jobs=2)
    pd.testing.assert_frame_equal(one.predictions, other.predictions)


def test_official_split_of_a_dataset(images):
    """The split, the labels and the description come from the data set."""
    train, test = np.array([0, 1, 6, 7]), np.array([2, 3, 4, 5, 8, 9])
    data = Dataset(images, LABELS, "ten", ("dog", "cat"), licence="CC0", splits=[(train, test)], skipped=(("a", "b"),))
    result = compare({"p": DummyClassifier(strategy="constant", constant="cat")}, data, cv="official")
    assert result.scores["value"].tolist() == [4 / 6, 0.5]
    assert result.protocol["cv"] == "official split of the data set"
    assert (result.protocol["train_sizes"], result.protocol["test_sizes"]) == ([4], [6])
    assert result.dataset["class_names"] == ["dog", "cat"]
    assert result.dataset["class_counts"] == {"cat": 6, "dog": 4}
    assert (result.dataset["licence"], result.dataset["skipped"]) == ("CC0", [["a", "b"]])
    assert result.dataset["fingerprint"] == data.fingerprint


def test_any_splitter_gives_every_pipeline_the_same_splits(images):
    """Seeds live in the splitter; its text is in the protocol."""
    cv = ShuffleSplit(3, test_size=4)  # not seeded: asked once, for all pipelines
    result = compare({"a": DummyClassifier(), "b": DummyClassifier()}, images, LABELS, cv=cv)
    one, other = (result.predictions.query(f"pipeline == '{name}'")["index"].tolist() for name in "ab")
    assert one == other
    assert result.protocol["cv"].startswith("ShuffleSplit(n_splits=3")


def test_two_processes_give_what_one_gives(rng, monkeypatch):
    """Rows come back in order whoever finishes first; the fitted pipelines are brought home and priced there."""
    features, labels = rng.normal(size=(60, 3)), np.arange(60) % 3
    pipelines = {"1": KNeighborsClassifier(1), "3": KNeighborsClassifier(3)}
    one = compare(pipelines, features, labels, cv=3)
    price = lambda name, fitted, *rest: {"n_images": os.getpid(), "bytes_per_row": fitted.n_neighbors}  # noqa: E731
    monkeypatch.setattr("eyecraft.pipelines._pricing.cost_pass", price)  # as only this process has it
    two = compare(pipelines, features, labels, cv=3, n_jobs=2)
    pd.testing.assert_frame_equal(one.scores, two.scores)
    pd.testing.assert_frame_equal(one.predictions, two.predictions)
    assert two.resources["n_images"].tolist() == [os.getpid()] * 2
    assert two.resources["bytes_per_row"].tolist() == [1, 3]


def test_json_has_the_promised_shape(images, tmp_path):
    """Top-level keys and the keys of each entry, as the report and other programs read them."""
    compare({"good": DummyClassifier(), "bad": Broken()}, images, LABELS, cv=2, out=tmp_path / "out", command="me")
    top = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    assert list(top) == ["dataset", "protocol", "pipelines", "environment"]
    good, bad = top["pipelines"]
    assert list(good)[:6] == ["name", "kind", "n_features", "scores", "seconds", "error"]
    assert good["scores"] == {"accuracy": [0.6, 0.6], "balanced_accuracy": [0.5, 0.5]}
    assert set(good["seconds"]) == {"decode", "extract", "fit", "predict"}
    assert all(len(values) == 2 for values in good["seconds"].values())
    assert (good["error"], bad["error"]) == (None, "ArithmeticError: no luck today")
    assert top["protocol"]["command"] == "me"
    assert {"python", "os", "cpu", "cores", "memory", "gpu", "versions", "date"} <= set(top["environment"])
    assert "scikit-learn" in top["environment"]["versions"]


def test_estimators_are_left_as_they_were(images):
    """Clones are fitted, not what was given."""
    model = DummyClassifier()
    compare([model], images, LABELS, cv=2)
    assert not hasattr(model, "classes_")


def test_load_gives_back_what_compare_gave(images, tmp_path):
    """Nothing is lost between memory and disk."""
    pipelines = {"NA": DummyClassifier(), '=bad, "x"': Broken(), "knn": make_pipeline(Mean(), KNeighborsClassifier(1))}
    result = compare(pipelines, images, LABELS, cv=2, out=tmp_path / "out")
    loaded = Comparison.load(tmp_path / "out")
    for name in ("pipelines", "scores", "predictions", "seconds", "costs", "errors", "resources"):
        pd.testing.assert_frame_equal(getattr(result, name), getattr(loaded, name))
    assert loaded.to_dict() == result.to_dict()
    np.testing.assert_array_equal(loaded.splits[1][0], result.splits[1][0])
    np.testing.assert_array_equal(loaded.image(3), np.repeat(images[3][..., None], 3, axis=2))


def test_a_changed_recipe_is_what_is_compared(images):
    """The object counts, not what its name stands for in the table."""
    recipe = find("pixels-svm")
    changed = replace(recipe, factory=lambda: build(recipe, small=True, image_size=(4, 4), color="gray"))
    result = compare([replace(changed, small={})], images, LABELS, cv=2)
    assert result.pipelines["error"].tolist() == [None]
    assert result.pipelines["n_features"].tolist() == [16]
    assert result.pipelines["title"].tolist() == [recipe.title]


def test_threads_reach_the_extractors_inside(images, no_pass):
    """`n_jobs` is given on where splits do not run in processes of their own, and never over the user's."""
    seen = []

    class Watching(RawPixels):
        def transform(self, X):
            seen.append(self.n_jobs)
            return super().transform(X)

    objects = np.empty(len(images), dtype=object)
    objects[:] = list(images)  # Python objects stay in this process
    for own, expected in ((None, 2), (1, 1)):
        seen.clear()
        pipeline = make_pipeline(Watching(image_size=(4, 4), n_jobs=own), DummyClassifier())
        compare({"pixels": pipeline}, objects, LABELS, cv=2, n_jobs=2)
        assert set(seen) == {expected}
