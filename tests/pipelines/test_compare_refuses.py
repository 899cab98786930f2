"""What `compare` says, before any work, about things that cannot be compared."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from eyecraft.data import load_digits
from eyecraft.pipelines import compare

IMAGES = np.zeros((8, 6, 6), dtype=np.uint8)
LABELS = np.array(["cat"] * 5 + ["dog"] * 3)
DUMMY = DummyClassifier()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cat"] * 8, "at least two classes to tell apart; all 8 images are 'cat'"),
        (LABELS[:7], "equally long; got 8 images and 7 labels"),
        ([1.0] * 7 + [np.nan], r"1 of 8 are missing \(NaN or None\), the first at position 7"),
        (["cat"] * 6 + [None] * 2, "2 of 8 are missing .* position 6"),
        (np.linspace(0, 1, 8), "class labels; got continuous values such as"),
        ([[1, 0]] * 8, r"one label per image, shape \(n_images,\); got shape \(8, 2\)"),
        (["cat"] * 4 + [3] * 4, "labels of one kind, text or whole numbers; got int, str"),
        (None, "one label per image; got None"),
    ],
)
def test_labels(labels, message):
    """Each says what was expected and what came."""
    labels = np.array(labels, dtype=object) if isinstance(labels, list) and isinstance(labels[0], str) else labels
    with pytest.raises(ValueError, match=message):
        compare([DUMMY], IMAGES, labels, cv=2)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (4, "class 'dog' has 3 images, fewer than the 4 folds asked for. Use cv=3 or fewer"),
        (1, "at least 2 folds; got 1"),
        ("oficial", "must be 'official'; got 'oficial'"),
        ("official", "needs a Dataset that has its own split"),
        (3.5, "a number of folds, a splitter, pairs"),
        ([], "at least one split; it made none"),
        ([([0, 1, 6], [1, 2])], "split 0 of `cv` has 1 images in both .* position 1"),
        ([([0, 1], [6, 7])], "must train on at least two classes; it has only 'cat'"),
        ([([0, 6], [8])], "positions from 0 to 7; got 8 to 8"),
        ([([0, 6], [])], "the test part of split 0 .* must be a list of positions"),
        ([([0, 6], [1, 1])], "names some images twice"),
    ],
)
def test_splits(cv, message):
    """Each names the split, the class or the position."""
    with pytest.raises(ValueError, match=message):
        compare([DUMMY], IMAGES, LABELS, cv=cv)


@pytest.mark.parametrize(
    ("pipelines", "kind", "message"),
    [
        ([], ValueError, "at least one pipeline; it is empty"),
        ([("a", DUMMY), ("a", DUMMY)], ValueError, "different names; 'a' is there more than once"),
        (["hog-smv"], ValueError, "unknown recipe 'hog-smv'; did you mean 'hog-svm'"),
        ([DummyClassifier], TypeError, "must have fit and predict; .*not the class"),
        ({"a": 3}, TypeError, "pipeline 'a' must have fit and predict; got 3"),
        ({"": DUMMY}, TypeError, "name of a pipeline must be text; got ''"),
        ([("a", DUMMY, 1)], TypeError, r"must be \(name, estimator\)"),
        (7, TypeError, "a list or a dictionary; got int"),
    ],
)
def test_pipelines(pipelines, kind, message):
    """Names are told apart, recipes are known, estimators are estimators."""
    with pytest.raises(kind, match=message):
        compare(pipelines, IMAGES, LABELS, cv=2)


def test_pipelines_without_names_are_numbered():
    """Only names that were given can clash."""
    assert compare([DUMMY, DUMMY], IMAGES, LABELS, cv=2).pipelines["name"].tolist() == [
        "dummyclassifier",
        "dummyclassifier-2",
    ]


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ("acuracy", "known to scikit-learn; got 'acuracy'; did you mean 'accuracy'"),
        (["accuracy", 3], "known to scikit-learn; got 3"),
        (3, "must name metrics or hold callables; got 3"),
        ([max, max], "'max' is there twice"),
    ],
)
def test_metrics(scoring, message):
    """Unknown metrics come with the nearest names."""
    with pytest.raises(ValueError, match=message):
        compare([DUMMY], IMAGES, LABELS, cv=2, scoring=scoring)


def test_official_split_that_is_not_there():
    """A data set without its own split says so."""
    with pytest.raises(ValueError, match="this data has none"):
        compare([DUMMY], load_digits(), cv="official")


def test_nothing_is_written_for_a_call_that_is_refused(tmp_path):
    """The folder is not even made."""
    with pytest.raises(ValueError, match="it is empty"):
        compare([], IMAGES, LABELS, cv=2, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
