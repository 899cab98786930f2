"""One-vs-rest linear support vector machine for many classes at once, the default classifier behind image features.

The problem is that of LIBLINEAR's L2-regularised squared hinge loss (scikit-learn's `LinearSVC`); the method is the
modified finite Newton method of Keerthi and DeCoste, with the matrix products of all classes done together.
"""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from eyecraft.features._checks import check_choice, check_number, check_whole

from ._margin_spaces import FeatureSpace, GramSpace, gram_precision
from ._squared_hinge import Solution, Space, solve

ARRAYS_PER_CLASS = 14  # float64 arrays of n_samples numbers that one class occupies while it is solved
LEAST_MEMORY = 2**28  # bytes those arrays may take together, or as many as X where that is more


class LinearSVM(ClassifierMixin, BaseEstimator):
    r"""Linear support vector machine, one class against the rest, squared hinge loss.

    For each class (for two classes: once) it minimises

    .. math::
        P(w, b) = \tfrac12 \left(\lVert w \rVert^2 + b^2\right)
                  + \sum_i C_i \max(0,\, 1 - y_i (w \cdot x_i + b))^2, \qquad y_i = \pm 1

    which is what ``sklearn.svm.LinearSVC(C=C, intercept_scaling=1)`` minimises, intercept included in the penalty.

    Parameters
    ----------
    C : float, default=1.0
        Weight of the errors against the penalty on the weights; larger fits the training samples more closely.
    fit_intercept : bool, default=True
        Learn the intercept `b`; False fixes it at zero.
    class_weight : None, "balanced" or dict, default=None
        What multiplies `C` for the samples of a class. "balanced": ``n_samples / (n_classes * n_samples_of_class)``.
        With more than two classes the weight acts where the class is the positive one and the rest keep `C`, as in
        LIBLINEAR.
    tol : float, default=1e-4
        Solve each class until its duality gap is at most ``tol**2`` of its objective. The weights are then within
        ``tol * sqrt(2 P)`` of the optimum (at 1e-4, decision values are typically right to three or four digits).
    max_iter : int, default=200
        Newton steps at most, counted over the whole fit of a class; 8 to 16 are usual.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    coef_ : ndarray of shape (n_classes, n_features), or (1, n_features) for two classes
        Weights, in the precision of the training features (float32 or float64).
    intercept_ : ndarray of shape (n_classes,) or (1,)
        Intercepts.
    duality_gap_ : ndarray of shape (n_classes,) or (1,)
        Duality gap over objective of each problem, a bound on how far the objective is from its minimum.
    n_iter_ : int
        Newton steps of the slowest class.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, when X had string column names.

    Raises
    ------
    ValueError
        At `fit`: parameters out of range, fewer than two classes, X that is sparse, empty or not finite.

    Warns
    -----
    ConvergenceWarning
        When `max_iter` steps were not enough; the largest remaining gap is named.

    Notes
    -----
    - There is no `predict_proba`: the squared hinge loss does not estimate probabilities. Wrap the classifier in
      `sklearn.calibration.CalibratedClassifierCV` where they are needed.
    - Where n_samples <= 2 * n_features the weights are combinations of the samples and only their Gram matrix is
      worked on: ``n_samples**2 * n_features / 2`` multiply-adds once, then ``n_samples**2`` per class and inner
      iteration, of which there are some tens. Where there are more samples no such matrix is built and an inner
      iteration costs ``2 * n_samples * n_features`` per class.
    - float32 features are never copied to float64 as a whole. The Gram matrix of float32 features is float32 too,
      unless `C` times the squared length of the samples is so large that its rounding would show. Memory beside X:
      the Gram matrix, used only where it takes at most twice the bytes of X, and working arrays of the larger of
      256 MiB and the size of X.
    - The result is deterministic and does not depend on the order of the samples beyond `tol`.

    References
    ----------
    .. [1] S. S. Keerthi and D. DeCoste, "A modified finite Newton method for fast solution of large scale linear
       SVMs", Journal of Machine Learning Research 6, 2005, pp. 341-361.
    .. [2] R.-E. Fan, K.-W. Chang, C.-J. Hsieh, X.-R. Wang and C.-J. Lin, "LIBLINEAR: a library for large linear
       classification", Journal of Machine Learning Research 9, 2008, pp. 1871-1874.
    .. [3] O. Chapelle, "Training a support vector machine in the primal", Neural Computation 19(5), 2007,
       pp. 1155-1178. https://doi.org/10.1162/neco.2007.19.5.1155

    Examples
    --------
    >>> from eyecraft.pipelines import LinearSVM
    >>> svm = LinearSVM().fit([[0.0, 2.0], [1.0, 3.0], [2.0, 0.0], [3.0, 1.0]], ["cat", "cat", "cup", "cup"])
    >>> svm.predict([[0.5, 4.0], [4.0, 0.5]]).tolist()
    ['cat', 'cup']
    >>> svm.coef_.shape
    (1, 2)
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        fit_intercept: bool = True,
        class_weight: str | dict[Any, float] | None = None,
        tol: float = 1e-4,
        max_iter: int = 200,
    ) -> None:
        self.C = C
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the weights of every class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the training samples; float32 and float64 are used as they are.
        y : array-like of shape (n_samples,)
            Labels, numbers or strings, of at least two classes.

        Returns
        -------
        LinearSVM
            Itself, fitted.
        """
        self._check_parameters()
        features, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        labels = np.asarray(y)
        classes, targets = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"LinearSVM needs labels of at least 2 classes; got one class, {classes[0]!r}, "
                f"for all {len(targets)} samples. Nothing was fitted; check `y` or how it was split."
            )
        costs = 2.0 * self.C * self._costs(classes, labels)
        space = _choose_space(features, bool(self.fit_intercept), float(costs.max()))
        coef, intercept, solutions = self._solve_in_groups(space, features, targets, costs)
        self.classes_ = classes
        self.coef_, self.intercept_ = coef.astype(features.dtype), intercept.astype(features.dtype)
        self.duality_gap_ = np.concatenate([solution.relative_gap for solution in solutions])
        self.n_iter_ = max(solution.n_iter for solution in solutions)
        self._warn_if_unsolved()
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Signed scores ``X @ coef_.T + intercept_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            The class with the largest score is predicted; for two classes, a score above zero means ``classes_[1]``.
        """
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        scores = features @ self.coef_.T + self.intercept_
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Most likely label of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from `classes_`.
        """
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]

    def _check_parameters(self) -> None:
        check_number("C", self.C, above=0, why="It weighs the errors against the penalty on the weights.")
        check_number("tol", self.tol, above=0, why="An exact solution is never reached in floating point.")
        check_whole("max_iter", self.max_iter, at_least=1)
        check_choice("fit_intercept", self.fit_intercept, [True, False])
        if not isinstance(self.class_weight, dict):
            check_choice("class_weight", self.class_weight, [None, "balanced"])

    def _costs(self, classes: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Weights of the (negative, positive) samples, shape (n_problems, 2)."""
        weights = compute_class_weight(self.class_weight, classes=classes, y=y)
        if len(classes) == 2:
            return weights[None, :]
        return np.column_stack([np.ones(len(classes)), weights])

    def _solve_in_groups(
        self, space: Space, features: np.ndarray, targets: np.ndarray, costs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, list[Solution]]:
        """Solve as many classes together as the working memory holds."""
        n_problems, n_samples = len(costs), len(targets)
        memory = max(LEAST_MEMORY, features.nbytes)
        at_once = max(1, memory // (8 * ARRAYS_PER_CLASS * n_samples))
        positive = np.arange(n_problems) if n_problems > 1 else np.array([1])
        coef, intercept = np.empty((n_problems, features.shape[1])), np.empty(n_problems)
        solutions = []
        for rows in np.array_split(np.arange(n_problems), -(-n_problems // at_once)):
            mine = targets == positive[rows, None]
            cost = np.where(mine, costs[rows, 1:], costs[rows, :1])
            found = solve(space, np.where(mine, 1.0, -1.0), cost, tol=self.tol, max_iter=self.max_iter)
            coef[rows], intercept[rows] = space.weights(found.coordinates)
            solutions.append(found)
        return coef, intercept, solutions

    def _warn_if_unsolved(self) -> None:
        unsolved = int((self.duality_gap_ > self.tol**2).sum())
        if unsolved:
            warnings.warn(
                f"LinearSVM: {unsolved} of {len(self.duality_gap_)} problems were not solved to a relative duality gap "
                f"of tol**2 = {self.tol**2:.1e} in {self.max_iter} steps; the largest gap is "
                f"{self.duality_gap_.max():.1e}. The weights reached are kept. "
                "Scale the features, lower `C`, or raise `max_iter` or `tol`.",
                ConvergenceWarning,
                stacklevel=3,
            )


def _choose_space(features: np.ndarray, bias: bool, largest_cost: float) -> Space:
    """Work on the Gram matrix where it takes no more than twice the memory of the features."""
    n_samples, n_features = features.shape
    if n_samples <= 2 * n_features:
        dtype = gram_precision(features, largest_cost, bias)
        if n_samples * np.dtype(dtype).itemsize <= 2 * n_features * features.itemsize:
            return GramSpace(features, bias=bias, dtype=dtype)
    return FeatureSpace(features, bias=bias)
