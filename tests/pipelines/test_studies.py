"""Studies beside a comparison: run, kept, resumed, refused, and read only where they belong."""

import logging
import shutil
import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from eyecraft.data import Dataset, load_digits
from eyecraft.pipelines import _robustness_study, compare
from eyecraft.pipelines._robustness_study import some_of_each
from eyecraft.pipelines.studies import Studies, study

FEW = {"n_splits": 2, "n_images": 4, "store": None}


class Nearest(ClassifierMixin, BaseEstimator):
    """Answers the class whose mean gray level is nearest: as fast as a classifier can be."""

    def __init__(self, offset=0.0, broken=False):
        self.offset = offset
        self.broken = broken

    def fit(self, X, y):
        """Learn the mean of each class."""
        if self.broken:
            raise RuntimeError("out of <luck>")
        levels = self._levels(X)
        self.classes_ = np.unique(y)
        self.means_ = np.array([levels[np.asarray(y) == one].mean() for one in self.classes_])
        return self

    def predict(self, X):
        """Answer."""
        return self.classes_[np.abs(self._levels(X)[:, None] - self.means_).argmin(axis=1)]

    def _levels(self, X):
        return np.array([np.mean(image) for image in X]) + self.offset


class Scoring(Nearest):
    """The same with scores: the less gray levels lie between, the higher."""

    def decision_function(self, X):
        """Return a column for each class, or one for two classes."""
        scores = -np.abs(self._levels(X)[:, None] - self.means_)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores


PIPELINES = {"plain": Nearest(), "offset": Nearest(1.0)}


@pytest.fixture
def images(rng):
    """Two classes of 12 pictures, dark and bright; picture 12 is a copy of picture 0."""
    pictures = np.concatenate([rng.integers(0, 90, (12, 40, 40)), rng.integers(60, 255, (12, 40, 40))]).astype(np.uint8)
    pictures[12] = pictures[0]
    return Dataset(images=pictures, labels=np.repeat(["dark", "light"], 12), name="lights")


@pytest.fixture
def done(images, tmp_path):
    """Return a comparison of two pipelines, kept in a folder."""
    return compare(PIPELINES, images, cv=3, out=tmp_path / "run")


def run(done, images, tmp_path, **options):
    """Study the two pipelines in the comparison's folder."""
    return study(done, images, pipelines=PIPELINES, out=tmp_path / "run", **{**FEW, **options})


def test_all_studies_are_run_and_read_back(done, images, tmp_path):
    """Curves for sizes below the smallest class, nine perturbations, checks on the comparison's splits; all on disk."""
    found = run(done, images, tmp_path, learning_curves=True, robustness=True)
    assert found.learning_curves.protocol["sizes"] == [1, 2, 5]
    assert list(found.robustness.pipelines["name"]) == ["plain", "offset"]
    assert found.robustness.protocol["n_images"] == 4
    assert found.robustness.protocol["n_train"] == len(done.splits[0][0])
    assert len(found.robustness.protocol["levels"]) == 9
    assert found.checks.duplicates.pairs.tolist() == [[0, 12]]
    assert found.label_errors.n_judged == 24
    read = Studies.load(tmp_path / "run")
    assert repr(read) == repr(found)
    assert read.settings == found.settings == {"min_correlation": 0.95, "max_distance": 12}
    assert read.checks.leakage.equals(found.checks.leakage)
    assert read.checks.leakage["n_leaked"].sum() in (0, 2)


def test_nothing_is_measured_twice(done, images, tmp_path, monkeypatch):
    """The second call reads; with another seed of the images' choice it would measure."""
    first = run(done, images, tmp_path, robustness=True)

    def refuse(*args, **options):
        raise AssertionError("measured again")

    monkeypatch.setattr(_robustness_study, "_measured", refuse)
    monkeypatch.setattr("eyecraft.pipelines._data_checks.check_dataset", refuse)
    assert repr(run(done, images, tmp_path, robustness=True)) == repr(first)
    with pytest.raises(AssertionError, match="measured again"):
        run(done, images, tmp_path, robustness=True, n_images=5)
    with pytest.raises(AssertionError, match="measured again"):
        run(done, images, tmp_path, overwrite=True)


def test_interrupted_it_goes_on(done, images, tmp_path, monkeypatch):
    """The pipeline that was finished is kept; the same call does the other one only."""
    measured, asked = _robustness_study._measured, []

    def interrupted(entry, *rest):
        asked.append(entry.name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return measured(entry, *rest)

    monkeypatch.setattr(_robustness_study, "_measured", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(done, images, tmp_path, robustness=True)
    assert Studies.load(tmp_path / "run").robustness is None
    assert list(run(done, images, tmp_path, robustness=True).robustness.pipelines["name"]) == ["plain", "offset"]
    assert asked == ["plain", "offset", "offset"]


def test_a_pipeline_that_fails_is_a_row(images, tmp_path):
    """The others go on, and the next call tries the failed one again."""
    pipelines = {"plain": Nearest(), "broken": Nearest(broken=True)}
    done = compare(pipelines, images, cv=2)
    found = study(done, images, pipelines=pipelines, robustness=True, out=tmp_path, **FEW).robustness
    assert found.pipelines["error"].tolist() == [None, "RuntimeError: out of <luck>"]
    assert found.areas()["pipeline"].tolist() == ["plain", "broken"]
    assert Studies.load(tmp_path, done).robustness.pipelines["error"].tolist() == found.pipelines["error"].tolist()


def test_in_memory(done, images):
    """Without a folder nothing is written; what was not asked for is None."""
    found = study(done, images, checks=False)
    assert found.checks is found.robustness is found.learning_curves is None
    assert "LabelErrors" in repr(found)
    assert repr(Studies()) == "Studies: none"


def test_saved_by_hand(done, images, tmp_path):
    """What `save` wrote is what `load` reads."""
    found = study(done, images, pipelines=PIPELINES, learning_curves=True, robustness=True, **FEW)
    found.save(tmp_path / "elsewhere", done)
    assert repr(Studies.load(tmp_path / "elsewhere", done)) == repr(found)


def test_labels_are_judged_by_scores(done, images, tmp_path, monkeypatch):
    """The best pipeline, fitted without an image, tells where its label is wrong; kept, and read instead of votes."""
    pipelines = {"offset": Nearest(1.0), "plain": Scoring()}
    labels = images.labels.copy()
    labels[20] = "dark"
    done = compare(pipelines, images.images, labels, cv=3, out=tmp_path / "run", overwrite=True)
    asked = {"pipelines": {"plain": Scoring()}, "label_errors": True, "checks": False, "out": tmp_path / "run"}
    found = study(done, images.images, labels, **asked, **FEW)
    assert found.settings == {"judge": "plain"}
    assert {0, 20} & set(found.label_errors.frame()["index"])
    assert found.label_errors.n_judged == 24
    read = Studies.load(tmp_path / "run")
    assert read.settings == found.settings
    assert read.label_errors.frame().equals(found.label_errors.frame())
    assert repr(read) == repr(found)
    assert repr(study(done, images.images, labels, **asked, **FEW)) == repr(found)
    (tmp_path / "run" / "studies" / "label-errors.json").write_text('{"data": 1}')
    assert Studies.load(tmp_path / "run").settings == {}, "votes again"
    with pytest.raises(ValueError, match="'offset' gives neither"):
        study(done, images.images, labels, **{**asked, "pipelines": {"offset": Nearest(1.0)}, "overwrite": True}, **FEW)


def test_one_pipeline_doubts_no_label(images):
    """Its mistakes are its own."""
    assert study(compare({"plain": Nearest()}, images, cv=2), images).label_errors is None


FILES = {
    "learning-curves/learning_curves.json": "learning_curves",
    "robustness/robustness.json": "robustness",
    "checks.json": "checks",
    "checks.npz": "checks",
}
DAMAGE = (b"", b"{}", b'{"fingerprint": 1, "protocol": [], "scores": {}}', b"PK\x03\x04")


def test_a_damaged_file_is_left_out(done, images, tmp_path, caplog):
    """And said; the others are read."""
    run(done, images, tmp_path, learning_curves=True, robustness=True, n_splits=1)
    for file, attribute in FILES.items():
        path = tmp_path / "run" / "studies" / file
        whole = path.read_bytes()
        for damage in DAMAGE:
            path.write_bytes(damage)
            caplog.clear()
            with caplog.at_level(logging.WARNING, "eyecraft"):
                found = Studies.load(tmp_path / "run", done)
            assert getattr(found, attribute) is None, (file, damage)
            assert "left out" in caplog.text
            kept = {*FILES.values(), "label_errors"} - {attribute}
            assert all(getattr(found, one) is not None for one in kept)
        path.write_bytes(whole)


def test_studies_of_other_images_are_left_out(done, images, tmp_path, caplog):
    """A folder that was begun anew on other data keeps no one's curves."""
    run(done, images, tmp_path, learning_curves=True, robustness=True)
    other = compare(PIPELINES, images.subset(range(2, 24)), cv=2)
    with caplog.at_level(logging.WARNING, "eyecraft"):
        found = Studies.load(tmp_path / "run", other)
    assert found.learning_curves is found.robustness is found.checks is None
    assert caplog.text.count("other images") == 3


def test_refused(done, images, tmp_path):
    """Other images, other parameters, names that are no recipes: before any work, with what differs."""
    with pytest.raises(ValueError, match=r"24 images of 'lights'.*got 23"):
        study(done, images.subset(range(23)))
    with pytest.raises(ValueError, match=r"'offset' is not: it was Nearest\(offset=1.0\) and is now Nearest\("):
        study(done, images, pipelines={"plain": Nearest(), "offset": Nearest(2.0)}, robustness=True)
    with pytest.raises(ValueError, match="'third' is not: it was not compared"):
        study(done, images, pipelines={"third": Nearest()}, robustness=True)
    with pytest.raises(ValueError, match="unknown recipe 'plain'"):
        study(done, images, robustness=True)
    with pytest.raises(ValueError, match="n_images"):
        study(done, images, n_images=0)


def test_few_pixels_need_more_likeness(tmp_path):
    """Handwritten digits look alike: 8 x 8 pixels are compared more strictly, and that is kept."""
    digits = load_digits().head(20)
    done = compare(PIPELINES, digits, cv=2)
    found = study(done, digits, out=tmp_path)
    assert found.settings["min_correlation"] == 0.995
    assert len(found.checks.duplicates) == 0
    assert Studies.load(tmp_path, done).settings == found.settings
    shutil.rmtree(tmp_path / "studies")
    assert Studies.load(tmp_path, done).checks is None


def test_some_of_each_class():
    """An equal share of each class, as long as there are any; always the same ones."""
    names = np.array(["a"] * 50 + ["b"] * 3 + ["c"] * 20)
    chosen = some_of_each(names, np.arange(73), 12, 0)
    assert {one: (names[chosen] == one).sum() for one in "abc"}["b"] == 3
    assert len(chosen) == 12 == len(set(chosen))
    assert np.array_equal(chosen, some_of_each(names, np.arange(73), 12, 0))
    assert len(some_of_each(names, np.arange(5), 12, 0)) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="locks files in another way")
def test_a_folder_in_use_is_left_alone(done, images, tmp_path):
    """Another run holds the folder: nothing is studied."""
    import fcntl

    with (tmp_path / "run" / ".lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RuntimeError, match=r"another run is writing to .*run\. Wait"):
            run(done, images, tmp_path)
    assert not (tmp_path / "run" / "studies").exists()
