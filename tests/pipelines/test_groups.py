"""Copies on one side of every split, folds drawn several times: which images, said how, kept for the studies."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import ShuffleSplit

from eyecraft.data import PerClassSplit
from eyecraft.pipelines import Comparison, compare
from eyecraft.pipelines.learning_curves import learning_curves
from eyecraft.pipelines.studies import study

LABELS = np.array(["cat", "dog"] * 12)
DUMMY = {"p": DummyClassifier()}


@pytest.fixture
def images(rng):
    """Noise of 40 x 40 pixels; image 2 k + 12 is a copy of image 2 k, for k = 0, 1, 2, a little brighter."""
    noise = rng.integers(0, 200, (24, 40, 40), dtype=np.uint8)
    noise[[12, 14, 16]] = noise[[0, 2, 4]] + 20
    return noise


def torn(splits, groups):
    """Count the groups that lie on both sides, over all splits."""
    return sum(len(np.intersect1d(groups[train], groups[test])) for train, test in splits)


@pytest.mark.parametrize("cv", [3, PerClassSplit(4, None, 3)])
def test_copies_are_found_and_kept_together(images, cv, tmp_path):
    """Three pairs; without asking some are torn apart; what was kept together is in the folder too."""
    result = compare(DUMMY, images, LABELS, cv=cv, groups="copies", out=tmp_path)
    groups = result.groups
    assert [np.flatnonzero(groups == groups[image]).tolist() for image in (0, 2, 4)] == [[0, 12], [2, 14], [4, 16]]
    assert torn(result.splits, groups) == 0
    assert result.protocol["cv"].endswith(", 3 groups of up to 2 images kept together")
    assert torn(compare(DUMMY, images, LABELS, cv=cv).splits, groups) > 0
    np.testing.assert_array_equal(Comparison.load(tmp_path).groups, groups)
    assert Comparison.load(compare(DUMMY, images, LABELS, cv=cv).save(tmp_path / "none")).groups is None


def test_studies_keep_them_together_too(images):
    """Learning curves test on no copy of a training image, and label errors are told out of the copies' folds."""
    alone = learning_curves(DUMMY, images, LABELS, sizes=(4,), n_splits=2)
    together = learning_curves(DUMMY, images, LABELS, sizes=(4,), n_splits=2, groups="copies")
    assert max(together.protocol["test_sizes"]) < min(alone.protocol["test_sizes"]) == 16
    result = compare(["pixels-svm"], images, LABELS, cv=3, groups="copies", store=None)
    found = study(result, images, LABELS, learning_curves=True, n_splits=2, checks=False, label_errors=True, store=None)
    largest = found.learning_curves.protocol["sizes"][-1]
    assert min(found.learning_curves.protocol["test_sizes"]) < 24 - 2 * largest
    assert found.settings["judge"] == "pixels-svm"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": "twins"}, "must be 'copies'; got 'twins'"),
        ({"groups": [1, 2]}, r"each of the 24 images; got shape \(2,\)"),
        ({"groups": LABELS, "cv": ShuffleSplit(2, random_state=0)}, "split 0 of `cv` tears 2 apart.*heeds groups"),
        ({"cv": PerClassSplit(2), "repeats": 2}, "goes with a number of folds"),
        ({"repeats": 0}, "`repeats` must be a whole number"),
    ],
)
def test_what_cannot_be_is_refused(images, options, message):
    """Before any work, with what to do."""
    with pytest.raises(ValueError, match=message):
        compare(DUMMY, images, LABELS, **options)


def test_folds_drawn_again_go_on_with_the_first(images, tmp_path):
    """Three draws of two folds: six splits, the first two those of one draw; all images are tested in every draw."""
    once = compare(DUMMY, images, LABELS, cv=2, out=tmp_path)
    thrice = compare(DUMMY, images, LABELS, cv=2, repeats=3, out=tmp_path)
    assert len(thrice.splits) == 6
    assert thrice.protocol["cv"] == "2 stratified folds, drawn 3 times, shuffled (random_state=0)"
    for (_, before), (_, now) in zip(once.splits, thrice.splits, strict=False):
        np.testing.assert_array_equal(before, now)
    tested = [np.sort(np.concatenate([thrice.splits[k][1], thrice.splits[k + 1][1]])) for k in (0, 2, 4)]
    assert all(one.tolist() == list(range(24)) for one in tested)
    assert not np.array_equal(thrice.splits[0][1], thrice.splits[2][1])
