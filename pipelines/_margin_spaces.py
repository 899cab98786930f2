"""The two ways to write down the weights of a linear classifier, each with its products and its ridge regression.

`GramSpace` (few samples for the features) writes ``w = sum_i a_i x_i`` and touches only the matrix of inner products;
`FeatureSpace` (many samples) keeps `w` itself and never builds anything of n_samples squared. Both hold
a constant feature of one as the last when there is an intercept, and both use these words:

- *coordinates*: rows that describe weight vectors, shape (n_problems, size)
- *margins*: the numbers <w, x_i>, shape (n_problems, n_samples)
- *lift*: the coordinates of ``sum_i u_i x_i``
"""

import numpy as np
import scipy.linalg
from scipy.linalg.blas import dsyrk, ssyrk

BLOCK = 4096  # features or samples that are multiplied or converted to float64 at a time


class GramSpace:
    """Weights as combinations of the samples: products with the n_samples x n_samples Gram matrix."""

    def __init__(self, X: np.ndarray, *, bias: bool, dtype: type) -> None:
        self.dtype = dtype
        self.size = len(X)
        self._X, self._bias = X, bias
        self._gram = _gram_matrix(X, 1.0 if bias else 0.0, dtype)
        self.mean_square = float(self._gram.diagonal().mean())
        self.product_flops = 2.0 * self.size**2

    def margins(self, coordinates: np.ndarray) -> np.ndarray:
        return coordinates @ self._gram

    def exact_margins(self, coordinates: np.ndarray) -> np.ndarray:
        """Margins in float64, converting a strip of the matrix at a time."""
        out = np.empty(coordinates.shape)
        for start in range(0, self.size, 256):
            strip = slice(start, start + 256)
            out[:, strip] = coordinates @ self._gram[strip].T.astype(np.float64)
        return out

    def lift(self, multipliers: np.ndarray) -> np.ndarray:
        return multipliers

    exact_lift = lift

    def dot(self, u: np.ndarray, v: np.ndarray, v_margins: np.ndarray) -> np.ndarray:
        return np.vecdot(u, v_margins).astype(np.float64)

    def squared_norm(self, coordinates: np.ndarray) -> np.ndarray:
        """|w|^2 of each row; the rows are scaled first, for they may be too small to square in float32."""
        scale = np.maximum(np.abs(coordinates).max(axis=1, keepdims=True), np.finfo(float).tiny)
        rows = (coordinates / scale).astype(self.dtype)
        return self.dot(rows, rows, self.margins(rows)) * scale[:, 0] ** 2

    def inner(self, rows: np.ndarray, margins: np.ndarray) -> np.ndarray:
        return rows @ margins.T

    def dual(self, rows: np.ndarray, margins: np.ndarray) -> np.ndarray:
        return margins

    def direct_size(self, n_active: np.ndarray) -> np.ndarray:
        return n_active

    def direct_flops(self, n_active: np.ndarray) -> np.ndarray:
        """Cost of `ridge` in units of float32 products: float64 runs at half speed, gathering is slow."""
        return n_active.astype(float) ** 3 + 200.0 * n_active.astype(float) ** 2

    def ridge(self, active: np.ndarray, signs: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Coordinates that minimise the ridge regression of *signs* on the active samples."""
        system = self._gram[np.ix_(active, active)].astype(np.float64)
        system.flat[:: len(active) + 1] += 1.0 / cost
        out = np.zeros(self.size)
        out[active] = _solve_positive(system, signs)
        return out

    def weights(self, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The weights, shape (n_problems, n_features), and the intercepts."""
        coef = np.empty((len(coordinates), self._X.shape[1]))
        rows: np.ndarray = coordinates.astype(self.dtype)
        for start in range(0, coef.shape[1], BLOCK):
            strip = slice(start, start + BLOCK)
            coef[:, strip] = rows @ self._X[:, strip].astype(self.dtype, copy=False)
        return coef, coordinates.sum(axis=1) * self._bias


class FeatureSpace:
    """Weights as themselves, the intercept last: products with X and its transpose."""

    def __init__(self, X: np.ndarray, *, bias: bool) -> None:
        self.dtype = X.dtype.type
        self.size = X.shape[1] + bias
        self._X, self._bias = X, bias
        self.mean_square = mean_square(X) + bias
        self.product_flops = 4.0 * X.shape[0] * self.size

    def margins(self, coordinates: np.ndarray) -> np.ndarray:
        weights, intercept = self.weights(coordinates)
        return weights @ self._X.T + intercept[:, None]

    def exact_margins(self, coordinates: np.ndarray) -> np.ndarray:
        weights, intercept = self.weights(coordinates)
        out = np.empty((len(coordinates), len(self._X)))
        for start in range(0, len(self._X), BLOCK):
            strip = slice(start, start + BLOCK)
            out[:, strip] = weights @ self._X[strip].T.astype(np.float64) + intercept[:, None]
        return out

    def lift(self, multipliers: np.ndarray) -> np.ndarray:
        return self._with_bias(multipliers @ self._X, multipliers)

    def exact_lift(self, multipliers: np.ndarray) -> np.ndarray:
        out = np.zeros((len(multipliers), self._X.shape[1]))
        for start in range(0, len(self._X), BLOCK):
            strip = slice(start, start + BLOCK)
            out += multipliers[:, strip] @ self._X[strip].astype(np.float64)
        return self._with_bias(out, multipliers)

    def dot(self, u: np.ndarray, v: np.ndarray, v_margins: np.ndarray) -> np.ndarray:
        return np.vecdot(u, v).astype(np.float64)

    def squared_norm(self, coordinates: np.ndarray) -> np.ndarray:
        return np.vecdot(coordinates, coordinates)

    def inner(self, rows: np.ndarray, margins: np.ndarray) -> np.ndarray:
        return rows @ rows.T

    def dual(self, rows: np.ndarray, margins: np.ndarray) -> np.ndarray:
        return rows

    def direct_size(self, n_active: np.ndarray) -> np.ndarray:
        """Order of the system that `ridge` factorises.

        Unknowns as a combination of the active samples serve only well below n_features, where the samples are rarely
        dependent: near it, rounding would be magnified more than in the system of the weights themselves.
        """
        return np.where(2 * n_active < self.size, n_active, self.size)

    def direct_flops(self, n_active: np.ndarray) -> np.ndarray:
        """Cost of `ridge` in units of float32 products."""
        order = self.direct_size(n_active).astype(float)
        return 2.0 * self.size * n_active * order + order**3

    def ridge(self, active: np.ndarray, signs: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Coordinates that minimise the ridge regression of *signs* on the active samples."""
        if 2 * len(active) < self.size:
            rows = self._rows(active)
            system = rows @ rows.T
            system.flat[:: len(active) + 1] += 1.0 / cost
            return _solve_positive(system, signs) @ rows
        system, right = np.eye(self.size), np.zeros(self.size)
        for start in range(0, len(active), BLOCK):
            strip = slice(start, start + BLOCK)
            rows = self._rows(active[strip])
            weighted = rows * cost[strip, None]
            system += weighted.T @ rows
            right += signs[strip] @ weighted
        return _solve_positive(system, right)

    def _rows(self, samples: np.ndarray) -> np.ndarray:
        rows: np.ndarray = np.ones((len(samples), self.size))
        rows[:, : self._X.shape[1]] = self._X[samples]
        return rows

    def weights(self, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The weights, shape (n_problems, n_features), and the intercepts."""
        if self._bias:
            return coordinates[:, :-1], coordinates[:, -1]
        return coordinates, np.zeros(len(coordinates), coordinates.dtype)

    def _with_bias(self, rows: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        return np.hstack([rows, multipliers.sum(axis=1, keepdims=True)]) if self._bias else rows


def gram_precision(X: np.ndarray, largest_cost: float, bias: bool) -> type:
    """float32 where its rounding of the Gram matrix is small beside the ridge 1 / cost, float64 elsewhere.

    The rounding errors act like a random symmetric matrix of spectral norm ``eps * mean(diagonal) * sqrt(n_samples)``.
    """
    if X.dtype != np.float32:
        return np.float64
    error = np.finfo(np.float32).eps * (mean_square(X) + bias) * np.sqrt(len(X))
    return np.float32 if error * largest_cost <= 1e-3 else np.float64


def mean_square(X: np.ndarray) -> float:
    """Mean of |x|^2 over the rows."""
    strips = np.array_split(X, len(X) // 256 + 1)
    return sum(float(np.square(strip, dtype=np.float64).sum()) for strip in strips) / len(X)


def _gram_matrix(X: np.ndarray, constant: float, dtype: type) -> np.ndarray:
    """X X^T + constant, one triangle from BLAS, summed over strips of features so that Ctrl-C is heard."""
    n_samples, syrk = len(X), ssyrk if dtype is np.float32 else dsyrk
    gram: np.ndarray = np.full((n_samples, n_samples), constant, dtype=dtype, order="F")
    for start in range(0, X.shape[1], BLOCK):
        strip: np.ndarray = np.array(X[:, start : start + BLOCK], dtype=dtype, order="C")
        gram = syrk(1.0, strip.T, beta=1.0, c=gram, trans=1, lower=1, overwrite_c=1)
    for start in range(0, n_samples, 256):
        stop = min(start + 256, n_samples)
        corner = np.tril(gram[start:stop, start:stop])
        gram[start:stop, start:stop] = corner + np.tril(corner, -1).T
        gram[start:stop, stop:] = gram[stop:, start:stop].T
    return gram.T


def _solve_positive(system: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a symmetric positive definite system; by least squares where rounding has spoilt definiteness."""
    try:
        factor = scipy.linalg.cho_factor(system, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(system, right, rcond=None)[0]
    return scipy.linalg.cho_solve(factor, right, check_finite=False)
