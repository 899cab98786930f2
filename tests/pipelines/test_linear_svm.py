"""LinearSVM: against scikit-learn's LinearSVC, against pencil and paper, and its promises."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from eyecraft.pipelines.linear_svm import LinearSVM

CASES = {
    "more features than samples": {"n_samples": 120, "n_features": 400, "n_informative": 20, "n_classes": 5},
    "more samples than features": {"n_samples": 700, "n_features": 40, "n_informative": 10, "n_classes": 4},
    "two classes": {"n_samples": 150, "n_features": 300, "n_informative": 10, "n_classes": 2},
    "two classes, few features": {"n_samples": 300, "n_features": 12, "n_informative": 5, "n_classes": 2},
    "unbalanced": {"n_samples": 200, "n_features": 250, "n_classes": 3, "n_informative": 6, "weights": [0.8, 0.15]},
}


def make_unit_rows(**shape: object) -> tuple[np.ndarray, np.ndarray]:
    """Samples of length one, as image features usually are."""
    X, y = make_classification(**shape, n_redundant=0, random_state=3)
    return X / np.linalg.norm(X, axis=1, keepdims=True), y


def make_many(n_samples: int, n_features: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Class centres plus low-rank and white noise: too large to be factorised class by class at once."""
    rng = np.random.default_rng(5)
    y = np.arange(n_samples) % n_classes
    X = rng.normal(size=(n_classes, n_features))[y] + rng.normal(size=(n_samples, n_features))
    X += rng.normal(size=(n_samples, 20)) @ rng.normal(size=(20, n_features)) + 1
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), y


def objectives(model: LinearSVM | LinearSVC, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The objective of every class, written out plainly (no class weights)."""
    values = []
    for row, label in enumerate(model.classes_ if len(model.classes_) > 2 else model.classes_[1:]):
        w, b = model.coef_[row].astype(float), float(np.ravel(model.intercept_ * np.ones(len(model.coef_)))[row])
        slack = np.maximum(0, 1 - np.where(y == label, 1, -1) * (X.astype(float) @ w + b))
        values.append(0.5 * (w @ w + b * b) + model.C * (slack**2).sum())
    return np.array(values)


def judge(X: np.ndarray, y: np.ndarray, **parameters: object) -> LinearSVC:
    """LinearSVC at a tight tolerance."""
    return LinearSVC(tol=1e-9, max_iter=100_000, random_state=0, **parameters).fit(X, y)


def assert_alike(ours: LinearSVM, peer: LinearSVC, X: np.ndarray) -> None:
    """Decision values within 1e-3 of their size, and the same predictions."""
    theirs = peer.decision_function(X)
    np.testing.assert_allclose(ours.decision_function(X), theirs, atol=1e-3 * np.abs(theirs).max())
    np.testing.assert_array_equal(ours.predict(X), peer.predict(X))


def test_two_points_by_hand():
    """Points -1 and +1: w minimises w^2/2 + 2 C (1 - w)^2, so w = 4C / (1 + 4C)."""
    svm = LinearSVM(C=0.5).fit([[-1.0], [1.0]], [0, 1])
    np.testing.assert_allclose(svm.coef_, [[2 / 3]], rtol=1e-6)
    np.testing.assert_allclose(svm.intercept_, [0], atol=1e-6)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("C", [0.1, 1.0, 30.0])
def test_solution_of_liblinear(case: str, C: float):
    """The same decision values and predictions as LinearSVC, and no larger objective."""
    X, y = make_unit_rows(**CASES[case])
    ours, peer = LinearSVM(C=C).fit(X, y), judge(X, y, C=C)
    assert_alike(ours, peer, X)
    assert (objectives(ours, X, y) <= objectives(peer, X, y) * (1 + 1e-6)).all()


@pytest.mark.parametrize(
    "shape", [(700, 900, 8), (1500, 500, 6), (900, 500, 3)], ids=["gram", "features", "gram of more samples"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_iterated_steps_agree_too(shape: tuple[int, int, int], dtype: type):
    """Problems large enough for conjugate gradients, in both precisions."""
    X, y = make_many(*shape)
    X = X.astype(dtype)
    ours, peer = LinearSVM().fit(X, y), judge(X, y)
    assert ours.coef_.dtype == ours.decision_function(X).dtype == dtype
    assert_alike(ours, peer, X)
    assert (objectives(ours, X, y) <= objectives(peer, X, y) * (1 + 1e-6)).all()


@pytest.mark.parametrize("case", ["two classes", "unbalanced"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
def test_class_weights_mean_what_liblinear_means(case: str, class_weight: object):
    """Weights act on the positive class of each problem, and on both when there are two classes."""
    X, y = make_unit_rows(**CASES[case])
    assert_alike(LinearSVM(class_weight=class_weight).fit(X, y), judge(X, y, class_weight=class_weight), X)


def test_without_intercept():
    """The intercept is exactly zero and the weights agree."""
    for case in ("two classes", "more samples than features"):
        X, y = make_unit_rows(**CASES[case])
        ours, peer = LinearSVM(fit_intercept=False).fit(X, y), judge(X, y, fit_intercept=False)
        assert not ours.intercept_.any()
        assert_alike(ours, peer, X)


def test_unscaled_pixels():
    """Digits as 0..16 intensities at C=1, a hard problem that LinearSVC leaves unsolved: no larger objective."""
    X, y = load_digits(return_X_y=True)
    ours = LinearSVM().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer = LinearSVC(random_state=0).fit(X, y)
    assert (objectives(ours, X, y) <= objectives(peer, X, y) * (1 + 1e-6)).all()
    assert ours.duality_gap_.max() <= 1e-8
    assert LinearSVM(C=1e4).fit(X, y).duality_gap_.max() <= 1e-8


def test_large_values_in_float32_are_solved_in_float64():
    """With bytes as features, rounding the Gram matrix to float32 would show; the solution does not change."""
    X, y = make_many(300, 600, 4)
    X = np.round(X * 2000).astype(np.float32)
    single, double = LinearSVM().fit(X, y), LinearSVM().fit(X.astype(float), y)
    np.testing.assert_allclose(single.decision_function(X), double.decision_function(X), atol=1e-3)


def test_duplicate_rows_zero_rows_and_constant_features():
    """Singular Gram matrices are no trouble."""
    X, y = make_unit_rows(**CASES["more features than samples"])
    X, y = np.vstack([X, X, np.zeros((3, X.shape[1]))]), np.concatenate([y, y, y[:3]])
    X[:, :50] = 0
    assert_alike(LinearSVM().fit(X, y), judge(X, y), X[:-3])


def test_string_labels_and_one_sample_per_class():
    """Labels come back as given; a class of one sample is enough."""
    svm = LinearSVM().fit(np.eye(3), ["cup", "ant", "bee"])
    assert svm.classes_.tolist() == ["ant", "bee", "cup"]
    assert svm.predict(np.eye(3)).tolist() == ["cup", "ant", "bee"]


def test_order_of_samples_changes_nothing():
    """Shuffled samples give the same weights within the tolerance."""
    X, y = make_many(600, 700, 5)
    order = np.random.default_rng(0).permutation(len(y))
    straight, shuffled = LinearSVM(tol=1e-5).fit(X, y), LinearSVM(tol=1e-5).fit(X[order], y[order])
    np.testing.assert_allclose(straight.decision_function(X), shuffled.decision_function(X), atol=1e-3)


def test_many_samples_build_no_gram_matrix(monkeypatch: pytest.MonkeyPatch):
    """Beyond two samples per feature nothing of n_samples squared is made."""
    monkeypatch.setattr("eyecraft.pipelines.linear_svm.GramSpace", None)
    X, y = make_many(2001, 20, 3)
    assert_alike(LinearSVM().fit(X, y), judge(X, y), X)


def test_memory_order_of_features_changes_nothing():
    """Fortran-ordered and strided features are as good as rows in a row."""
    X, y = make_many(300, 400, 3)
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    for same in (np.asfortranarray(X), wide):
        np.testing.assert_allclose(LinearSVM().fit(same, y).coef_, LinearSVM().fit(X, y).coef_, atol=1e-3)


def test_classes_solved_in_groups(monkeypatch: pytest.MonkeyPatch):
    """With little working memory the classes are solved a few at a time, to the same result."""
    X, y = make_unit_rows(**CASES["more samples than features"])
    together = LinearSVM().fit(X, y)
    monkeypatch.setattr("eyecraft.pipelines.linear_svm.LEAST_MEMORY", 1)
    apart = LinearSVM().fit(X, y)
    np.testing.assert_allclose(apart.coef_, together.coef_, atol=1e-4)
    assert apart.duality_gap_.shape == (4,)


def test_reported_gap_bounds_the_distance_to_the_optimum():
    """A loose solution lies above the tight one by no more than its gap."""
    X, y = make_many(700, 900, 4)
    loose, tight = LinearSVM(tol=0.3).fit(X, y), LinearSVM(tol=1e-6).fit(X.astype(float), y)
    above = objectives(loose, X, y) / objectives(tight, X, y) - 1
    assert (above >= -1e-9).all()
    assert (above <= loose.duality_gap_ * (1 + above) + 1e-9).all()


def test_warns_with_the_gap_when_not_converged():
    """One Newton step is not enough."""
    X, y = make_unit_rows(**CASES["more features than samples"])
    with pytest.warns(ConvergenceWarning, match=r"5 of 5 problems .* in 1 steps; the largest gap is \d"):
        svm = LinearSVM(max_iter=1).fit(X, y)
    assert svm.n_iter_ == 1
    assert svm.duality_gap_.min() > 1e-8


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"C": 0}, r"`C` must be a number > 0; got 0"),
        ({"tol": -1.0}, r"`tol` must be a number > 0; got -1\.0"),
        ({"max_iter": 0}, r"`max_iter` must be a whole number >= 1; got 0"),
        ({"class_weight": "balance"}, r"`class_weight` must be one of None, 'balanced'; got 'balance'; did you mean"),
        ({"fit_intercept": "no"}, r"`fit_intercept` must be one of True, False; got 'no'"),
    ],
)
def test_parameters_out_of_range(parameters: dict[str, object], message: str):
    """Each parameter says what it takes."""
    with pytest.raises(ValueError, match=message):
        LinearSVM(**parameters).fit([[0.0], [1.0]], [0, 1])


def test_one_class_is_an_error():
    """The lone class is named."""
    with pytest.raises(ValueError, match=r"at least 2 classes; got one class, .*'cup'.*, for all 3 samples"):
        LinearSVM().fit(np.eye(3), ["cup"] * 3)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([[0.0], [np.nan]]), "contains NaN"),
        (np.array([[0.0], [np.inf]]), "contains infinity"),
        (scipy.sparse.csr_array(np.eye(2)), "dense data is required"),
    ],
    ids=["nan", "inf", "sparse"],
)
def test_unusable_features(X: object, message: str):
    """scikit-learn's own words for what it refuses."""
    with pytest.raises((ValueError, TypeError), match=message):
        LinearSVM().fit(X, [0, 1])


def test_no_probabilities():
    """A squared hinge gives scores only."""
    assert not hasattr(LinearSVM(), "predict_proba")


@parametrize_with_checks([LinearSVM()])
def test_scikit_learn_contract(estimator: LinearSVM, check: object):
    """All of scikit-learn's checks."""
    check(estimator)
