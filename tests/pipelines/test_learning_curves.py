"""Learning curves: nested training sets, one test set, features once, crossings where they belong."""

import json
import re
import shutil
import threading

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline

from eyecraft.features import BagOfVisualWords, DenseSIFT, ImageTransformer, RawPixels
from eyecraft.pipelines import LinearSVM
from eyecraft.pipelines._learning_crossings import crossing_row, find_crossing
from eyecraft.pipelines._learning_run import make_plan
from eyecraft.pipelines._material import gather
from eyecraft.pipelines.learning_curves import LearningCurves, learning_curves

LABELS = np.repeat(["cat", "dog"], [12, 9])


@pytest.fixture
def images(rng):
    """Cats are dark, dogs are bright, with noise."""
    level = np.where(LABELS == "cat", 60, 140)[:, None, None]
    return np.clip(level + rng.normal(0, 30, (21, 6, 5)), 0, 255).astype(np.uint8)


class Counted(ImageTransformer):
    """Mean gray value; counts the images it was asked for."""

    counted = 0
    lock = threading.Lock()

    def __init__(self, *, scale=1.0, n_jobs=None, store=None):
        self.scale = scale
        self.n_jobs = n_jobs
        self.store = store

    def _extract(self, image):
        with Counted.lock:
            Counted.counted += 1
        return np.array([image.mean() * self.scale], dtype=np.float32)

    def _n_features(self, height, width):
        return 1


class Broken(ClassifierMixin, BaseEstimator):
    """Fails when a class has more than two images."""

    def fit(self, X, y):
        """Fail, or not."""
        if len(y) > 4:
            raise ArithmeticError("too many\nimages")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Answer the first class."""
        return np.repeat(self.classes_[:1], len(X))


def nearest():
    """Return a classifier of one number."""
    return KNeighborsClassifier(1)


def test_training_sets_are_nested_and_the_test_set_is_shared(images):
    """Each size holds the one before; nothing is trained and tested on; every class has its share."""
    plan = make_plan(gather(images, LABELS, None), (1, 3, 5), 4, 3, 0)
    for split in plan.splits:
        assert set(split[1][0]) < set(split[3][0]) < set(split[5][0])
        assert all(split[size][1] is split[5][1] for size in (1, 3))
        assert not set(split[5][0]) & set(split[5][1])
        for size, (train, test) in split.items():
            assert np.unique(LABELS[train], return_counts=True)[1].tolist() == [size, size]
            assert np.unique(LABELS[test], return_counts=True)[1].tolist() == [4, 4]
    assert not np.array_equal(plan.splits[0][5][0], plan.splits[1][5][0])


@pytest.mark.parametrize("store", [None, "kept"])
def test_features_are_extracted_once(images, store, tmp_path):
    """Three sizes and four splits ask each image for its features once, with and without a feature store."""
    Counted.counted = 0
    kept = None if store is None else str(tmp_path / store)
    pipeline = make_pipeline(Counted(store=kept), nearest())
    curves = learning_curves({"mean": pipeline}, images, LABELS, sizes=(1, 3, 8), n_test=None, n_splits=4)
    assert Counted.counted == len(images)
    assert len(curves.scores) == 3 * 4 * 2


def test_a_union_without_store_is_extracted_once(images):
    """So do several extractors side by side."""
    Counted.counted = 0
    union = FeatureUnion([("one", Counted()), ("two", Counted(scale=2.0))])
    learning_curves({"both": make_pipeline(union, nearest())}, images, LABELS, sizes=(1, 5), n_test=3, n_splits=3)
    used = 2 * (5 + 3)  # images that some split trains or tests on, at least
    assert 2 * used <= Counted.counted <= 2 * len(images)


def test_in_memory_and_through_the_store_score_alike(images, tmp_path):
    """The two ways of computing features once give the same numbers as fitting the whole pipeline."""
    pair = {
        "memory": make_pipeline(RawPixels(), nearest()),
        "store": make_pipeline(RawPixels(store=str(tmp_path)), nearest()),
    }
    table = learning_curves(pair, images, LABELS, sizes=(1, 4), n_test=3, n_splits=3).frame()
    memory, stored = (table[table["pipeline"] == name]["mean"].tolist() for name in pair)
    assert memory == stored
    plan = make_plan(gather(images, LABELS, None), (1, 4), 3, 3, 0)
    train, test = plan.splits[0][4]
    whole = make_pipeline(RawPixels(), nearest()).fit(images[train], LABELS[train])
    curves = learning_curves(pair, images, LABELS, sizes=(1, 4), n_test=3, n_splits=3).scores
    own = curves[(curves["split"] == 0) & (curves["size"] == 4) & (curves["metric"] == "accuracy")]["value"]
    assert own.iloc[0] == pytest.approx(np.mean(whole.predict(images[test]) == LABELS[test]))


def test_frame_has_means_and_bands(images):
    """The frame's numbers are those of the scores; always-cat is at 50 % whatever the size."""
    two = {"cat": DummyClassifier(strategy="constant", constant="cat"), "mean": make_pipeline(Counted(), nearest())}
    curves = learning_curves(two, images, LABELS, sizes=[5, 1], n_test=4, n_splits=3)
    table = curves.frame()
    assert table[["pipeline", "size"]].to_numpy().tolist() == [["cat", 1], ["cat", 5], ["mean", 1], ["mean", 5]]
    assert table["mean"].tolist()[:2] == [0.5, 0.5]
    own = curves.scores[(curves.scores["pipeline"] == "mean") & (curves.scores["size"] == 1)]
    values = own[own["metric"] == "balanced_accuracy"]["value"]
    assert table["mean"].iloc[2] == pytest.approx(values.mean())
    assert table["high"].iloc[2] - table["low"].iloc[2] == pytest.approx(2 * values.std(ddof=1))
    assert curves.protocol["test_sizes"] == [8, 8, 8]
    assert curves.crossings(pairs=[("cat", "mean")])["leader"].tolist() == ["mean"]


def test_default_sizes_leave_something_to_test_on(images):
    """The usual sizes up to what the smallest class, of nine, allows."""
    curves = learning_curves({"cat": DummyClassifier()}, images, LABELS, n_splits=2)
    assert curves.protocol["sizes"] == [1, 2, 5]


def test_a_failing_pipeline_is_a_row(images, tmp_path):
    """What works of it is kept, its error is said, and the others go on."""
    two = {"broken": Broken(), "cat": DummyClassifier()}
    curves = learning_curves(two, images, LABELS, sizes=(1, 2, 6), n_test=3, n_splits=2)
    assert curves.pipelines["error"].tolist() == ["ArithmeticError: too many images", None]
    assert curves.errors[["pipeline", "size", "split"]].to_numpy().tolist() == [["broken", 6, 0], ["broken", 6, 1]]
    assert "Traceback" in curves.errors["traceback"].iloc[0]
    assert curves.frame().groupby("pipeline")["size"].apply(list).to_dict() == {"broken": [1, 2], "cat": [1, 2, 6]}
    loaded = LearningCurves.load(curves.save(tmp_path))
    assert repr(loaded) == repr(curves)
    assert "broken failed: ArithmeticError" in repr(loaded)
    assert "cat failed" not in repr(loaded)


def test_extraction_that_fails_is_a_row_too(images):
    """An extractor that cannot run fails its own pipeline only."""
    two = {"bad": make_pipeline(RawPixels(image_size=-1), nearest()), "cat": DummyClassifier()}
    curves = learning_curves(two, images, LABELS, sizes=(1, 2), n_test=3, n_splits=2)
    assert "image_size" in curves.pipelines["error"][0]
    assert len(curves.errors) == 4
    assert set(curves.frame()["pipeline"]) == {"cat"}


def test_resumes_where_it_was_stopped(images, tmp_path):
    """Finished points are not measured again; a lost one is; more splits keep those that are there."""
    pipelines = {"mean": make_pipeline(Counted(), nearest())}
    settings = {"sizes": (1, 4), "n_test": 3, "out": tmp_path}
    first = learning_curves(pipelines, images, LABELS, n_splits=2, **settings)
    Counted.counted = 0
    again = learning_curves(pipelines, images, LABELS, n_splits=2, **settings)
    assert Counted.counted == 0
    pd.testing.assert_frame_equal(first.scores, again.scores)
    points = sorted((tmp_path / "points").rglob("*.json"))
    assert len(points) == 4
    points[0].write_text("{")
    learning_curves(pipelines, images, LABELS, n_splits=3, **settings)
    assert len(sorted((tmp_path / "points").rglob("*.json"))) == 6
    assert json.loads(points[0].read_text())["error"] is None
    assert Counted.counted > 0
    loaded = LearningCurves.load(tmp_path)
    assert loaded.protocol["n_splits"] == 3
    assert loaded.frame()["n_splits"].tolist() == [3, 3]


def test_other_data_are_not_mixed_in(images, tmp_path):
    """A folder begun on other images is refused, and begun anew when told."""
    learning_curves({"cat": DummyClassifier()}, images, LABELS, sizes=(1,), n_test=3, n_splits=2, out=tmp_path)
    other = {"sizes": (1,), "n_test": 3, "n_splits": 2, "out": tmp_path}
    with pytest.raises(ValueError, match="other data"):
        learning_curves({"cat": DummyClassifier()}, images[::-1], LABELS[::-1], **other)
    learning_curves({"dog": DummyClassifier()}, images[::-1], LABELS[::-1], overwrite=True, **other)
    assert LearningCurves.load(tmp_path).pipelines["name"].tolist() == ["dog"]
    assert len(list((tmp_path / "points").iterdir())) == 1


def test_loading_says_what_is_wrong(tmp_path):
    """No file, and a damaged one."""
    with pytest.raises(FileNotFoundError, match="no learning curves"):
        LearningCurves.load(tmp_path)
    (tmp_path / "learning_curves.json").write_text('{"pipelines": 3}')
    with pytest.raises(ValueError, match="damaged"):
        LearningCurves.load(tmp_path)
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": (1, 9)}, r"at least 10 images of each class.*'dog' has 9.*Take sizes up to 8"),
        ({"sizes": ()}, "`sizes` must be whole numbers"),
        ({"sizes": (0, 1)}, "`sizes` must be a whole number of training images per class >= 1; got 0"),
        ({"sizes": (1,), "n_test": 0}, "`n_test` must be a whole number >= 1"),
        ({"sizes": (1,), "n_splits": 0}, "`n_splits` must be a whole number >= 1"),
    ],
)
def test_bad_input(images, settings, message):
    """Said before any work."""
    with pytest.raises(ValueError, match=message):
        learning_curves({"cat": DummyClassifier()}, images, LABELS, **settings)


def test_one_split_has_no_band_and_no_interval(images):
    """It is allowed, and said."""
    two = {"cat": DummyClassifier(), "mean": make_pipeline(Counted(), nearest())}
    curves = learning_curves(two, images, LABELS, sizes=(1, 4), n_test=3, n_splits=1)
    assert curves.frame()["sd"].isna().all()
    assert "one split: no bands, no intervals" in repr(curves)
    row = curves.crossings(pairs=[("cat", "mean")]).iloc[0]
    assert np.isnan(row["low"])
    assert "one split: no interval" in row["sentence"]


def test_one_image_of_each_of_many_classes(rng):
    """Is what a learning curve begins with, nothing to warn of."""
    many = rng.integers(0, 256, (66, 6, 5), dtype=np.uint8)
    labels = np.repeat([f"class {number:02d}" for number in range(22)], 3)
    curves = learning_curves({"mean": make_pipeline(Counted(), LinearSVM())}, many, labels, sizes=(1, 2), n_splits=1)
    assert curves.errors.empty
    assert curves.frame()["size"].tolist() == [1, 2]


@pytest.mark.parametrize(("n", "largest"), [(2, 1), (6, 5), (16, 10), (31, 15), (40, 30), (100, 60)])
def test_usual_sizes_leave_some_to_test_on(n, largest):
    """Five images of the smallest class, or a quarter of it; the protocol says how many there are."""
    labels = np.repeat(["a", "b"], [n, n + 3])
    plan = make_plan(gather(np.zeros((len(labels), 2, 2), np.uint8), labels, None), None, None, 2, 0)
    assert plan.sizes[-1] == largest
    assert plan.test_per_class(labels) == [n - largest, n + 3 - largest]


class Noted(DenseSIFT):
    """Counts the images it describes."""

    described = 0

    def _compute(self, pixels):
        Noted.described += 1
        return super()._compute(pixels)


def test_bags_describe_images_once(rng, monkeypatch):
    """Four points, each image described once and eight looked at before; without memory again at each; same scores."""
    images = rng.integers(0, 256, (16, 32, 32), dtype=np.uint8)
    bag = BagOfVisualWords(Noted(step=8, bin_sizes=(4,)), n_words=3, n_sample_descriptors=200, random_state=0)
    bags = {"bag": make_pipeline(bag, nearest())}
    settings = {"sizes": (1, 3), "n_test": 5, "n_splits": 2}
    Noted.described = 0
    once = learning_curves(bags, images, np.arange(16) % 2, **settings)
    assert once.pipelines["error"].tolist() == [None]
    assert Noted.described <= 16 + 8
    monkeypatch.setattr("eyecraft.pipelines._learning_features._SHARE_OF_MEMORY", 0.0)
    again = learning_curves(bags, images, np.arange(16) % 2, **settings)
    assert Noted.described > 3 * 16
    assert once.scores["value"].tolist() == again.scores["value"].tolist()


# -- crossings -------------------------------------------------------------------------------------------------------

SIZES = np.array([1.0, 10.0, 100.0])
SETTINGS = {"confidence": 0.9, "ratio": 0.0}


def test_crossing_is_linear_in_the_logarithm():
    """Minus one at 10 and plus one at 100: half way in the logarithm."""
    found = find_crossing(SIZES, np.array([[-2.0, -1, 1], [-2.0, -1, 1]]), **SETTINGS)
    assert found.size == pytest.approx(10**1.5)
    assert (found.low, found.high) == pytest.approx((10**1.5, 10**1.5))
    assert (found.leads_first, found.leads_last, found.n_crossings) == (-1, 1, 1)


def test_several_crossings_give_the_last():
    """What counts is from when on the leader stays ahead; all changes are counted."""
    found = find_crossing(SIZES, np.array([[1.0, -1, 1]] * 3), **SETTINGS)
    assert found.size == pytest.approx(10**1.5)
    assert found.n_crossings == 2


def test_no_crossing_and_no_leader():
    """Ahead throughout: no size, interval below the smallest. Level at the end: nothing to say."""
    ahead = find_crossing(SIZES, np.array([[1.0, 2, 3]] * 3), **SETTINGS)
    assert np.isnan(ahead.size)
    assert (ahead.low, ahead.high) == (0.0, 0.0)
    level = find_crossing(SIZES, np.zeros((3, 3)), **SETTINGS)
    assert level.leads_last == 0
    assert np.isnan(level.low)
    touching = find_crossing(SIZES, np.array([[-1.0, 0, 1]] * 2), **SETTINGS)
    assert (touching.size, touching.level) == (pytest.approx(10.0), 10.0)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([[0, 0.10, 0.2], [0, 0.12, 0.22], [0, 0.09, 0.2]], "net is ahead of hog from 10 .* on, level at 1 "),
        ([[0.1, 0, 0.2], [0.12, 0, 0.22], [0.1, 0, 0.2]], "net is ahead of hog from 100 .* on, level at 10 "),
        ([[0.1, 0.2, 0.3], [0.1, 0.21, 0.3]], "net is ahead of hog at every size measured, 1 to 100 .*, clearly at"),
        ([[0.1, -0.1, 0.1], [0.1, -0.11, 0.1]], "from 3[23] .* on; the lead changes 2 times"),
    ],
)
def test_level_is_not_ahead(rows, sentence):
    """Curves that touch: ahead from the next size on, never "at every size"."""
    found = find_crossing(SIZES, np.array(rows), **SETTINGS)
    assert re.search(sentence, crossing_row("hog", "net", found, SIZES, len(rows), 0.9)["sentence"])


def test_interval_by_hand():
    """At 10 the differences are -1, 0 and 1 below 0.5: the sizes where |mean| stays within t sqrt(1/3 + ratio) sd."""
    rows = np.array([[-2.0, -1.5, 3], [-2.0, -0.5, 4], [-2.0, 0.5, 5]])
    found = find_crossing(SIZES, rows, confidence=0.9, ratio=0.5)
    reach = stats.t.isf(0.05, 2) * np.sqrt(1 / 3 + 0.5)
    assert 1 < found.low < 10 < found.size < found.high < 100
    for size, sign in ((found.low, 1), (found.high, -1)):
        at = [np.interp(np.log(size), np.log(SIZES), row) for row in rows]
        assert np.mean(at) + sign * reach * np.std(at, ddof=1) == pytest.approx(0, abs=0.01)


def test_a_doubtful_crossing_reaches_beyond_the_sizes():
    """Where the leader at the end may not be one, the interval is open above."""
    rows = np.array([[-1.0, -0.5, 0.3]] * 3 + [[-1.0, -0.5, -0.4]] * 2)
    found = find_crossing(SIZES, rows, **SETTINGS)
    assert np.isfinite(found.size)
    assert np.isinf(found.high)


def test_interval_covers_the_truth(rng):
    """Over 150 simulated experiments, the 90 % interval holds the true crossing about that often."""
    truth = np.array([-0.1, -0.02, 0.06])
    true_size = np.exp(np.log(10) + 0.25 * np.log(10))
    held = []
    for _ in range(150):
        rows = truth + rng.normal(0, 0.05, (5, 3))
        found = find_crossing(SIZES, rows, **SETTINGS)
        held.append(found.low <= true_size <= found.high)
    assert 0.85 < np.mean(held) <= 0.98


def test_only_common_sizes_are_compared():
    """Curves measured at different sizes are compared where both are; with one common size they are not."""
    rows = [("a", 1, 0.2), ("a", 10, 0.3), ("a", 100, 0.6), ("b", 10, 0.4), ("b", 100, 0.5), ("c", 1, 0.9)]
    scores = pd.DataFrame(
        [(name, size, split, 1, 1, "balanced_accuracy", value, 0.1) for name, size, value in rows for split in (0, 1)],
        columns=["pipeline", "size", "split", "n_train", "n_test", "metric", "value", "fit_seconds"],
    )
    kinds = [("a", "hand-crafted"), ("b", "learned"), ("c", "learned")]
    pipelines = pd.DataFrame([(name, kind, "", "", "", None) for name, kind in kinds])
    pipelines.columns = ["name", "kind", "title", "citation", "parameters", "error"]
    protocol = {"metrics": ["balanced_accuracy"], "sizes": [1, 10, 100], "n_splits": 2}
    found = LearningCurves(pipelines, scores, pd.DataFrame(), {"name": "x"}, protocol, {}).crossings()
    assert found[["first", "second"]].to_numpy().tolist() == [["a", "b"], ["a", "c"]]
    assert found["leader"][0] == "a"
    assert pd.isna(found["leader"][1])
    assert found["size"][0] == pytest.approx(10**1.5)
    assert "cannot be compared" in found["sentence"][1]
    assert "a is ahead of b from 32 training images per class on" in found["sentence"][0]
