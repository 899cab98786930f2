"""The per-class splitter: counts, seeds, independence of the classes, and its errors."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, cross_validate

from eyecraft.data import PerClassSplit

LABELS = np.repeat(["ant", "bee", "cat"], [40, 60, 100])


def splits(labels=LABELS, **parameters):
    """List the splits of *labels*."""
    return list(PerClassSplit(**parameters).split(labels, labels))


def test_counts_per_class():
    """Thirty of each to train on; at most fifty of the rest to test on."""
    for train, test in splits():
        assert np.unique(LABELS[train], return_counts=True)[1].tolist() == [30, 30, 30]
        assert np.unique(LABELS[test], return_counts=True)[1].tolist() == [10, 30, 50]
        assert not set(train) & set(test)
    assert len(splits()) == PerClassSplit().get_n_splits() == 10


def test_all_the_rest_to_test_on():
    """With n_test=None every image is in one of the two."""
    train, test = splits(n_train=5, n_test=None)[0]
    assert sorted([*train, *test]) == list(range(200))


def test_the_same_seed_gives_the_same_splits():
    """Whole numbers repeat, from one call to the next as well; another seed and another split differ."""
    splitter = PerClassSplit(n_splits=2)
    first, again = list(splitter.split(LABELS, LABELS)), list(splitter.split(LABELS, LABELS))
    np.testing.assert_array_equal(first[0][0], again[0][0])
    assert not np.array_equal(first[0][0], first[1][0])
    assert not np.array_equal(first[0][0], splits(random_state=1)[0][0])
    state = [splits(random_state=np.random.RandomState(3))[0][0] for _ in range(2)]
    np.testing.assert_array_equal(*state)
    assert not np.array_equal(splits(random_state=None)[0][0], splits(random_state=None)[0][0])


def test_a_class_does_not_depend_on_the_others():
    """Dropping or reordering classes leaves the choice within the others as it is."""
    chosen = {name: splits()[0][0][i * 30 : (i + 1) * 30] for i, name in enumerate(("ant", "bee", "cat"))}
    without = np.concatenate([LABELS[100:], LABELS[:40]])  # cat, ant
    train = splits(without)[0][0]
    np.testing.assert_array_equal(train[:30], chosen["cat"] - 100)
    np.testing.assert_array_equal(train[30:] - 100, chosen["ant"])


def test_smaller_training_sets_are_parts_of_larger_ones():
    """As a learning curve wants it."""
    assert set(splits(n_train=15)[0][0]) < set(splits(n_train=30)[0][0])


def test_frozen_choice():
    """The protocol is part of published numbers: the first images drawn never change."""
    train, test = splits(n_train=2, n_test=2, n_splits=1)[0]
    assert (train.tolist(), test.tolist()) == ([9, 21, 59, 64, 114, 182], [5, 17, 76, 91, 103, 189])


def test_no_group_on_both_sides():
    """Training images are those drawn without groups; test images that share a group with one are left out."""
    groups = np.arange(200)
    groups[1::2] = groups[::2]  # pairs of neighbours
    splitter = PerClassSplit(n_train=10, n_test=None, n_splits=3)
    for (train, test), (before, others) in zip(
        splitter.split(LABELS, LABELS, groups), splitter.split(LABELS, LABELS), strict=True
    ):
        np.testing.assert_array_equal(train, before)
        assert set(test) == {image for image in others if groups[image] not in set(groups[train])}
        assert 0 < len(test) < len(others)
    with pytest.raises(ValueError, match="no image to test on: each shares a group with one of the 30 training images"):
        next(splitter.split(LABELS, LABELS, np.zeros(200)))
    with pytest.raises(ValueError, match=r"one value for each of the 200 images; got shape \(3,\)"):
        next(splitter.split(LABELS, LABELS, [1, 2, 3]))


def test_it_is_a_scikit_learn_splitter():
    """It works in cross-validation and grid search, can be cloned, and says what it is."""
    splitter = PerClassSplit(n_train=5, n_test=3, n_splits=2)
    X = np.zeros((200, 1))
    assert len(cross_validate(DummyClassifier(), X, LABELS, cv=splitter)["test_score"]) == 2
    search = GridSearchCV(DummyClassifier(), {"strategy": ["prior", "uniform"]}, cv=splitter).fit(X, LABELS)
    assert clone(search).cv.n_train == clone(splitter).n_train == 5
    assert clone(splitter) is not splitter
    assert repr(splitter) == "PerClassSplit(n_train=5, n_test=3, n_splits=2, random_state=0)"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"n_train": 60},
            r"at least 61 images \(60 to train on, 1 to test on\); 'ant' has 40, 'bee' has 60. Take n_train=39",
        ),
        ({"n_train": 0}, "n_train must be a whole number >= 1; got 0"),
        ({"n_train": True}, "n_train must be a whole number >= 1; got True"),
        ({"n_test": 0}, "n_test must be a whole number >= 1 or None; got 0"),
        ({"n_splits": 2.5}, "n_splits must be a whole number >= 1; got 2.5"),
        ({"random_state": "a"}, "random_state must be a whole number, a RandomState or None; got 'a'"),
    ],
)
def test_impossible_parameters(parameters, message):
    """The error names the parameter or the classes, with numbers."""
    with pytest.raises(ValueError, match=message):
        splits(**parameters)


def test_many_small_classes_are_counted():
    """Only the smallest are named."""
    labels = np.repeat([f"c{i}" for i in range(9)], 3)
    with pytest.raises(ValueError, match="and 4 more classes have too few"):
        splits(labels)


def test_labels_are_needed():
    """Without labels, or with too few, it cannot draw."""
    with pytest.raises(ValueError, match="needs the labels"):
        list(PerClassSplit().split(LABELS))
    with pytest.raises(ValueError, match=r"one label for each of the 200 images; got shape \(3,\)"):
        list(PerClassSplit().split(LABELS, ["a", "b", "c"]))
