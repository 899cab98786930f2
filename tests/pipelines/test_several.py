"""The same pipelines on several data sets: names, failures, folders, resumption, and the matrix itself."""

import json

import numpy as np
import pandas as pd
import pytest
from references.invented_scores import invented
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier

from eyecraft.data import Dataset
from eyecraft.pipelines.comparison_matrix import ComparisonMatrix, datasets_table, folder_name
from eyecraft.pipelines.several import compare_many, distinct, run_each, source_name

IMAGES = np.zeros((8, 6, 6), dtype=np.uint8)
PETS = (IMAGES, ["cat"] * 6 + ["dog"] * 2)
CARS = (IMAGES, ["bus"] * 4 + ["van"] * 4)


class Picky(ClassifierMixin, BaseEstimator):
    """Knows the first class, and refuses buses."""

    def fit(self, X, y):
        """Refuse, or remember."""
        if "bus" in y:
            raise ValueError("no <buses>")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Return the first class."""
        return np.repeat(self.classes_[0], len(X))


DUMMIES = {"commonest": DummyClassifier(), "picky": Picky()}


def matrix_of(**comparisons):
    """Return a matrix of invented comparisons."""
    rows = [{"name": name, "source": "", "folder": name, "error": None} for name in comparisons]
    return ComparisonMatrix(datasets_table(rows), comparisons)


def test_each_in_its_folder_and_back(tmp_path):
    """What was measured, what is written and what is read agree; a pipeline that fails on one is missing there."""
    found = compare_many(DUMMIES, {"pets": PETS, "cars": CARS}, cv=2, out=tmp_path, command="eyecraft x")
    assert found.frame().loc["commonest"].tolist() == [0.75, 0.5]
    assert found.frame().loc["picky"].tolist() == [0.75, pytest.approx(np.nan, nan_ok=True)]
    assert found.unranked() == ["picky"]
    assert found.metrics == ["accuracy", "balanced_accuracy"]
    again = ComparisonMatrix.load(tmp_path)
    pd.testing.assert_frame_equal(again.frame("balanced_accuracy"), found.frame("balanced_accuracy"))
    pd.testing.assert_frame_equal(again.datasets, found.datasets)
    assert again.command == "eyecraft x"
    kept = json.loads((tmp_path / "matrix.json").read_text("utf-8"))
    assert kept["scores"]["accuracy"]["picky"] == {"pets": 0.75, "cars": None}
    table = pd.read_csv(tmp_path / "matrix.csv")
    assert table[["dataset", "pipeline"]].to_numpy().tolist()[:2] == [["pets", "commonest"], ["pets", "picky"]]
    assert "no <buses>" in table["error"].iloc[3]
    assert repr(again).startswith("2 pipelines on 2 of 2 data sets")


def test_a_data_set_that_fails(tmp_path):
    """It has its error, the other goes on; all failing is the first one's error; pipelines are checked before."""
    found = compare_many(DUMMIES, {"pets": PETS, "odd": (IMAGES, ["one"] * 8)}, cv=2)
    assert list(found.comparisons) == ["pets"]
    assert "class" in found.datasets["error"][1]
    assert found.datasets["error"][0] is None
    assert "odd: " in repr(found)
    with pytest.raises(ValueError, match="ranks need at least 2 data sets; got 1"):
        found.ranks()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        compare_many(DUMMIES, ["nowhere/a", "nowhere/b"], cv=2)
    with pytest.raises(ValueError, match="hog-svm"):
        compare_many(["hog-svn"], ["nowhere/a", "nowhere/b"], out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_unfinished_data_sets_are_told(tmp_path):
    """Stopped in the second: the first can be read, the second says that it is not finished."""

    def work(name, source):
        if name == "cars":
            raise KeyboardInterrupt
        return compare_many(DUMMIES, {name: source, "more": CARS}, cv=2, out=tmp_path).comparisons[name]

    with pytest.raises(KeyboardInterrupt):
        run_each({"pets": PETS, "cars": CARS}, work, out=tmp_path)
    found = ComparisonMatrix.load(tmp_path)
    assert list(found.comparisons) == ["pets"]
    assert "not finished; repeat the same command" in found.datasets["error"][1]


def test_saved_from_memory(tmp_path):
    """Without `out`, `save` writes the comparisons too; a splitter per data set by name."""
    found = compare_many(DUMMIES, {"a/b": PETS, "cars": CARS}, cv={"a/b": 2, "cars": 4})
    found.save(tmp_path)
    assert (tmp_path / folder_name("a/b") / "comparison.json").exists()
    again = ComparisonMatrix.load(tmp_path)
    assert [each.protocol["n_splits"] for each in again.comparisons.values()] == [2, 4]


def test_names():
    """Data sets of one name are told apart; folders by the last part of their path."""
    assert distinct(["a", "b", "a", "a-2", "A"]) == ["a", "b", "a-3", "a-2", "A-4"]
    assert source_name("x/pets/") == source_name("./pets") == "pets"
    pets = Dataset(*PETS, name="pets")
    found = compare_many(DUMMIES, [pets, pets], cv=2)
    assert found.comparisons["pets-2"].dataset["name"] == "pets-2"
    with pytest.raises(ValueError, match="'pets' and 'pets-2' are the same images and labels"):
        found.ranks()
    assert folder_name("index.html") != "index.html"
    assert folder_name("..") not in ("", "..")


def test_ranks_leave_out_what_is_not_complete():
    """A pipeline with three of four splits on one data set is in the matrix of neither; nor a data set without any."""
    found = matrix_of(
        one=invented({"a": [0.9, 0.9], "b": [0.8, 0.8], "c": [0.7, 0.7]}, name="one"),
        two=invented({"a": [0.6, 0.6], "b": [0.7, 0.7], "c": [0.9, None]}, name="two"),
        none=invented({"a": [None, None], "b": [None, None], "c": [None, None]}, name="none"),
    )
    assert found.frame()["two"].tolist() == [0.6, 0.7, pytest.approx(np.nan, nan_ok=True)]
    assert found.unranked() == ["c"]
    ranks = found.ranks().ranks
    assert (ranks.index.tolist(), ranks.columns.tolist()) == (["one", "two"], ["a", "b"])
    lone = matrix_of(one=invented({"a": [0.9], "b": [None]}, name="x"), two=invented({"a": [0.9]}, name="y"))
    with pytest.raises(ValueError, match="1 of 2 have one"):
        lone.ranks()
    with pytest.raises(ValueError, match="`metric` must be one of 'accuracy'"):
        found.frame("f1")


@pytest.mark.parametrize(
    ("datasets", "kind", "message"),
    [
        ({"pets": PETS}, ValueError, "two or more; got 1"),
        ("pets", TypeError, "several data sets"),
        ([PETS, CARS], TypeError, r"dictionary, \{name"),
    ],
)
def test_what_is_no_list_of_data_sets(datasets, kind, message):
    """Said before any work."""
    with pytest.raises(kind, match=message):
        compare_many(DUMMIES, datasets)


def test_damaged_and_missing_folders(tmp_path):
    """Both say what to do."""
    with pytest.raises(FileNotFoundError, match=r"no matrix\.json"):
        ComparisonMatrix.load(tmp_path)
    (tmp_path / "matrix.json").write_text('{"datasets": [{}]}')
    with pytest.raises(ValueError, match="damaged"):
        ComparisonMatrix.load(tmp_path)
