"""Label errors: flipped labels are found, and the arithmetic is that of the paper."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from eyecraft.data import load_digits
from eyecraft.features import RawPixels
from eyecraft.pipelines.label_errors import label_errors


def comparison(answers, labels, class_names=("a", "b")):
    """Return what is read of a comparison whose pipelines answered these, one split."""
    rows = [
        (name, 0, index, label, answer)
        for name, given in answers.items()
        for index, (label, answer) in enumerate(zip(labels, given, strict=True))
    ]
    return SimpleNamespace(
        predictions=pd.DataFrame(rows, columns=["pipeline", "split", "index", "label", "predicted"]),
        dataset={"class_names": list(class_names), "n_images": len(labels) + 1},
    )


def test_hand_worked():
    """Thresholds are means over the given labels; the joint, the suspects and the share follow by hand."""
    labels = np.array(["a", "a", "a", "b", "b"])
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    found = label_errors(labels, scores)
    assert found.thresholds.to_dict() == pytest.approx({"a": 1.9 / 3, "b": 0.65})
    assert found.joint.to_numpy().tolist() == [[2, 1], [0, 1]]
    assert found.frame().to_numpy().tolist() == [[2, "a", "b", 0.2, 0.8, pytest.approx(-0.6)]]
    assert found.estimated_share() == pytest.approx((3 * 1 / 3 + 2 * 0) / 5)
    assert "1 suspects among 5 images" in repr(found)


def test_finds_flipped_digits(rng):
    """Of 3 % flipped labels nearly all are found, and among as many worst suspects over a third are flipped."""
    digits = load_digits().subset(range(900))
    labels = digits.labels.copy()
    flipped = rng.choice(len(labels), 27, replace=False)
    labels[flipped] = [str((int(label) + 3) % 10) for label in labels[flipped]]
    pipeline = make_pipeline(RawPixels(), SVC(C=10))
    scores = cross_val_predict(pipeline, digits.images, labels, method="decision_function", cv=3)
    found = label_errors(labels, scores)
    suspects = found.frame()["index"].to_numpy()
    assert np.isin(flipped, suspects).mean() > 0.9
    assert np.isin(suspects[:27], flipped).mean() > 0.35
    assert 0.03 < found.estimated_share() < 0.12, "what the model gets confidently wrong counts too"


def test_decision_scores_do_not_depend_on_their_scale(rng):
    """Scores times ten rank the same, as the factor is learned."""
    labels = rng.integers(0, 3, 200)
    scores = rng.normal(0, 1, (200, 3)) + 2 * np.eye(3)[labels]
    one, ten = (label_errors(labels, factor * scores).frame() for factor in (1, 10))
    assert one["index"].tolist() == ten["index"].tolist()
    assert len(one) > 0


def test_two_classes_one_column():
    """The decision function of two classes speaks for the second."""
    found = label_errors(["a"] * 4 + ["b"] * 4, [-2, -2, -2, 3, 2, 2, 2, 2.5])
    assert found.frame()["index"].tolist() == [3]


def test_votes_of_a_comparison():
    """What all answer alike and against the label is a suspect; images that were never tested are not judged."""
    labels = ["a", "a", "a", "b", "b", "b"]
    answers = {"one": list("aabbbb"), "two": list("aabbba"), "three": list("aabbbb"), "right": list("aaabbb")}
    found = label_errors(comparison(answers, labels), pipelines=["one", "two", "three"])
    assert found.frame()[["index", "label", "suggested"]].to_numpy().tolist() == [[2, "a", "b"]]
    assert found.frame()["suggested_score"].tolist() == pytest.approx([1.0])
    assert (found.n_judged, found.n_images) == (6, 7)
    assert "(1 images have no scores)" in repr(found)
    assert label_errors(comparison(answers, labels), pipelines=["right"]).frame().empty


def test_a_class_without_images_is_never_suggested():
    """A column whose class no label has gets no threshold, and nothing is divided by zero."""
    found = label_errors(["a", "b"], [[0.2, 0.1, 0.7], [0.1, 0.8, 0.1]], class_names=["a", "b", "c"])
    assert found.frame().empty
    assert np.isnan(found.thresholds["c"])
    assert found.estimated_share() == 0


def test_rows_without_scores_are_left_out():
    """NaN rows are images that no model was asked about."""
    found = label_errors(["a", "a", "b", "b"], [[0.9, 0.1], [np.nan, np.nan], [0.2, 0.8], [0.1, 0.9]])
    assert found.n_judged == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: label_errors(["a", "b"]), "`scores` must hold out-of-fold probabilities"),
        (lambda: label_errors(["a", "b"], np.zeros((2, 3))), r"\(2, 2\); got shape \(2, 3\)"),
        (lambda: label_errors(["a", "b"], np.full((2, 2), np.nan)), "finite for at least one image"),
        (lambda: label_errors(["a", "c"], np.zeros((2, 2)), class_names=["a", "b"]), r"found also \['c'\]"),
        (lambda: label_errors(["a", "b"], np.zeros((2, 2)), pipelines=["x"]), "labels were given"),
        (lambda: label_errors(comparison({"one": ["a"]}, ["a"]), [[1, 0]]), "a comparison has its own predictions"),
        (lambda: label_errors(comparison({"one": ["a"]}, ["a"]), pipelines=["x"]), r"\(one\); got 'x'"),
        (lambda: label_errors(comparison({}, [])), "holds no predictions"),
    ],
)
def test_bad_input(call, message):
    """Says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        call()
