"""The pass that prices pipelines: seconds that stored features do not flatter, and nothing that fails a row."""

import itertools
import json
import threading
import time
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer

from eyecraft.features import ImageTransformer, RawPixels
from eyecraft.pipelines import Comparison, _cost_pass, _decoding, compare
from eyecraft.pipelines._cost_pass import cost_pass
from eyecraft.pipelines._decoding import Decoding
from eyecraft.pipelines._frames import tidy, timed_apart
from eyecraft.pipelines._pricing import pack_fitted, with_prices
from eyecraft.pipelines._rows import Row

LABELS = np.array(["cat", "dog"] * 6)
WORK = 0.004


def work(seconds):
    """Keep the processor busy for so long."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.fixture
def images(rng):
    """Twelve gray images of noise."""
    return rng.integers(0, 256, (12, 6, 5), dtype=np.uint8)


class Busy(ImageTransformer):
    """Mean gray value, after some work; counts its images and knows the threads it worked in."""

    seen = 0
    threads: ClassVar[set[int]] = set()

    def __init__(self, *, seconds=WORK, n_jobs=None, store=None):
        self.seconds = seconds
        self.n_jobs = n_jobs
        self.store = store

    def _extract(self, image):
        work(self.seconds)
        Busy.seen += 1
        Busy.threads.add(threading.get_ident())
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
    """Each image takes 4 ms; the store, which has them all, would answer in none."""
    pipeline = make_pipeline(Busy(store=tmp_path), KNeighborsClassifier(1))
    found = measured(pipeline, images, n_features=1)
    assert WORK <= found["warm_extract"] < 10 * WORK
    assert found["warm_seconds"] >= found["warm_decode"] + found["warm_extract"] > WORK
    total = found["warm_decode"] + found["warm_extract"] + found["warm_predict"]
    assert found["warm_seconds"] == pytest.approx(total)
    assert found["single_seconds"] >= WORK
    assert found["cold_extract"] >= WORK
    assert found["cold_seconds"] == pytest.approx(sum(found[f"cold_{part}"] for part in ("decode", "extract", "rest")))
    assert found["bytes_per_row"] == 4
    assert pipeline[0].store == tmp_path  # back as it was


def test_one_thread_whatever_was_asked_for(images):
    """Four threads fit it and none but this one is timed; the pipeline has them back afterwards."""
    pipeline = make_pipeline(Busy(seconds=0.001, n_jobs=4), KNeighborsClassifier(1, n_jobs=2)).fit(images, LABELS)
    Busy.threads.clear()
    cost_pass("p", pipeline, images, np.arange(12), None)
    assert Busy.threads == {threading.get_ident()}
    assert (pipeline[0].n_jobs, pipeline[1].n_jobs) == (4, 2)


def test_reading_alike_has_one_price(images, monkeypatch):
    """Pipelines that read alike share it, whatever the noise; another size is another way, a union reads twice."""
    measured_ways, by_clock = itertools.count(1), _decoding._mean_seconds
    monkeypatch.setattr(_decoding, "_mean_seconds", lambda *given: by_clock(*given) + next(measured_ways))
    pipelines = {
        "one": make_pipeline(RawPixels(image_size=4, color="gray"), KNeighborsClassifier(1)),
        "other": make_pipeline(RawPixels(image_size=4, color="gray"), DummyClassifier()),
        "larger": make_pipeline(RawPixels(image_size=6, color="gray"), KNeighborsClassifier(1)),
        "both": make_pipeline(
            make_union(RawPixels(image_size=4, color="gray"), RawPixels(image_size=6, color="gray")),
            KNeighborsClassifier(1),
        ),
        "none": Slow(most=0),
    }
    resources = compare(pipelines, images, LABELS, cv=2).resources.set_index("pipeline")
    decode = resources["warm_decode"].to_dict()
    assert decode["one"] == decode["other"] == pytest.approx(1, abs=0.1)
    assert decode["larger"] == pytest.approx(2, abs=0.1)
    assert next(measured_ways) == 3
    assert decode["both"] == pytest.approx(decode["one"] + decode["larger"])
    assert decode["none"] == 0
    parts = resources[["warm_decode", "warm_extract", "warm_predict"]].sum(axis=1)
    assert resources["warm_seconds"].to_dict() == pytest.approx(parts.to_dict())


def test_what_is_neither_decoded_nor_extracted_is_prediction(images):
    """A classifier that looks at the images itself."""
    found = measured(Slow(seconds=0.005, most=0), images)
    assert found["warm_predict"] == pytest.approx(found["warm_seconds"])
    assert 0.005 <= found["warm_seconds"] < 0.05
    assert "bytes_per_row" not in found


def test_seconds_are_the_processors(images):
    """What other programs do to the clock on the wall is told apart; who only waits is priced by the wall."""

    class Held(Busy):
        def _extract(self, image):
            time.sleep(0.004)
            return super()._extract(image)

    held = measured(make_pipeline(Held(), KNeighborsClassifier(1)), images)
    assert WORK <= held["warm_extract"] < held["warm_seconds"] < 2 * WORK <= held["warm_wall"]
    assert held["single_seconds"] >= WORK
    waits = measured(Slow(seconds=0.005, most=0), images)
    assert waits["warm_seconds"] == pytest.approx(waits["warm_wall"], rel=0.01)


def test_prices_come_after_all_splits_of_a_pipeline(images, monkeypatch, tmp_path):
    """The first split is fitted last, priced at once, and goes to disk with its price."""
    done = []

    class Noted(DummyClassifier):
        def fit(self, X, y):
            done.append("fit")
            return super().fit(X, y)

    def price(name, fitted, sample, test, *rest):
        done.append((name, test.tolist(), len(list((tmp_path / "rows").glob(f"{name}-*/split-*.json")))))
        return {"cold_seconds": 7.0}

    monkeypatch.setattr("eyecraft.pipelines._pricing.cost_pass", price)
    splits = [(np.arange(9), np.arange(9, 12)), (np.arange(3, 12), np.arange(3)), (np.arange(8), np.arange(8, 12))]
    result = compare({"a": Noted(), "b": Noted()}, images, LABELS, cv=splits, out=tmp_path)
    first = splits[0][1].tolist()
    assert done == ["fit"] * 3 + [("a", first, 2)] + ["fit"] * 3 + [("b", first, 2)]
    assert result.resources["cold_seconds"].tolist() == [7.0, 7.0]
    assert json.loads(next(tmp_path.glob("rows/a-*/split-000.json")).read_text())["resources"] == {"cold_seconds": 7.0}


def test_who_comes_home_from_a_worker_is_priced(images):
    """Through a pickle that takes more than plain pickle does."""
    fitted = make_pipeline(FunctionTransformer(lambda X: X.reshape(len(X), -1)), KNeighborsClassifier(1))
    row = pack_fitted(Row("a", 0, fitted=fitted.fit(images, LABELS)))
    priced = next(with_prices([row], images, np.arange(12), Decoding()))
    assert priced.resources["warm_seconds"] > 0
    assert priced.fitted is None


def test_what_cannot_leave_its_process_is_not_priced(caplog):
    """Its row is whole all the same."""
    with caplog.at_level("INFO", "eyecraft"):
        assert pack_fitted(Row("a", 0, fitted=threading.Lock())).fitted is None
    assert "pipeline 'a' cannot be priced" in caplog.text


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
    pipeline = make_pipeline(Busy(), DummyClassifier()).fit(images, LABELS)
    Busy.seen = 0
    found = cost_pass("p", pipeline, images, np.arange(12), None)
    assert Busy.seen == 3
    assert found["n_images"] == 1
    assert found["warm_seconds"] == found["single_seconds"] >= WORK
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
    assert {name.partition("_")[0] for name in found} == {"n", "single", "warm"}
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
    pipelines = {"slow": make_pipeline(Busy(store=tmp_path / "s"), KNeighborsClassifier(1)), "none": Slow(most=0)}
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
    result = compare({"a": DummyClassifier(), "NA": make_pipeline(Busy(), DummyClassifier())}, images, LABELS, cv=2)
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
    monkeypatch.setattr("eyecraft.pipelines._pricing.cost_pass", lambda *given: time.sleep(0.3) or {})
    result = compare({"a": DummyClassifier()}, images, LABELS, cv=2)
    assert result.seconds["seconds"].max() < 0.1


def test_who_was_timed_apart():
    """All or none: prices from two ways of measuring are not set against each other."""
    some = tidy("resources", [{"pipeline": "a", "warm_seconds": 1.0}, {"pipeline": "b"}])
    assert timed_apart(["a"], some)
    assert not timed_apart(["a", "b"], some)
    assert not timed_apart([], tidy("resources", []))
