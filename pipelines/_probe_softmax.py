"""A linear softmax classifier for a few thousand rows of many features."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from eyecraft.features._checks import check_number, check_whole

_JITTER = 1e-6  # of the Gram matrix's mean diagonal: keeps the factorisation of repeated rows possible


class Softmax(ClassifierMixin, BaseEstimator):
    r"""Multinomial logistic regression with a penalty on the weights, by L-BFGS.

    Minimises :math:`\tfrac12 \lVert W \rVert^2 - C \sum_i \log p(y_i \mid x_i)`, intercepts not penalised. Where there
    are fewer samples than features the samples are first rotated into as many dimensions as there are samples (the
    Cholesky factor of their Gram matrix has the same inner products), which changes the work and not the answer.

    Parameters
    ----------
    C : float, default=10.0
        Weight of the errors against the penalty; the default is for rows of unit length.
    max_iter : int, default=200
        Steps at most; where they do not suffice the weights reached are kept.
    tol : float, default=1e-5
        Stop where no entry of the gradient of the mean loss is larger than this.
    """

    def __init__(self, C: float = 10.0, *, max_iter: int = 200, tol: float = 1e-5) -> None:
        self.C = C
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the weights of every class; *sample_weight* says how much each sample's error counts."""
        check_number("C", self.C, above=0)
        check_number("tol", self.tol, above=0)
        check_whole("max_iter", self.max_iter, at_least=1)
        features, labels = validate_data(self, X, y, dtype=[np.float32, np.float64])
        self.classes_, targets = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Softmax needs labels of at least 2 classes; got one class, {self.classes_[0]!r}")
        counts = None if sample_weight is None else _check_sample_weight(sample_weight, features, dtype=features.dtype)
        factor = _same_inner_products(features) if len(features) < features.shape[1] else None
        weights, self.intercept_ = self._solve(features if factor is None else factor, targets, counts)
        if factor is not None:
            weights = features.T @ solve_triangular(factor, weights, lower=True, trans="T")
        self.coef_ = np.ascontiguousarray(weights.T)
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return scores, shape (n_samples, n_classes), whose softmax is the probability."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=[np.float32, np.float64])
        return features @ self.coef_.T + self.intercept_

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of every class, shape (n_samples, n_classes)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most likely label of each sample."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]

    def _solve(
        self, features: np.ndarray, targets: np.ndarray, counts: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        (n, d), k, dtype = features.shape, len(self.classes_), features.dtype
        scale = self.C * n
        rows = np.arange(n)

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights, intercept = flat[: d * k].reshape(d, k), flat[d * k :]
            scores = features @ weights.astype(dtype) + intercept.astype(dtype)
            log_sum = logsumexp(scores, axis=1, keepdims=True)
            error = np.exp(scores - log_sum)
            value = 0.5 * float(weights.ravel() @ weights.ravel()) / scale
            lost = log_sum[:, 0] - scores[rows, targets]
            error[rows, targets] -= 1
            if counts is not None:
                lost, error = lost * counts, error * counts[:, None]
            value += float(lost.mean(dtype=np.float64))
            slope = (features.T @ error).astype(np.float64) / n + weights / scale
            return value, np.concatenate([slope.ravel(), error.mean(axis=0, dtype=np.float64)])

        options: dict[str, Any] = {"maxiter": self.max_iter, "gtol": self.tol, "ftol": 1e-6}
        found = minimize(loss, np.zeros((d + 1) * k), jac=True, method="L-BFGS-B", options=options).x
        return found[: d * k].reshape(d, k).astype(dtype), found[d * k :].astype(dtype)


def _same_inner_products(features: np.ndarray) -> np.ndarray:
    """Return a lower triangle whose rows have the inner products of the rows of *features*."""
    gram = (features @ features.T).astype(np.float64)
    gram.flat[:: len(gram) + 1] += _JITTER * max(float(np.trace(gram)) / len(gram), float(np.finfo(np.float32).tiny))
    return cholesky(gram, lower=True, overwrite_a=True).astype(features.dtype)
