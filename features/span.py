"""Long rows made short without a loss: as many numbers as there were training images."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from eyecraft.data import check_images

from ._checks import check_whole

_COLUMNS, _ROWS = 8192, 256  # of a matrix that a product works on at once
_DEPENDENT = 1e-6  # directions with less than this share of the largest variance are no directions of their own


class TrainingSpan(TransformerMixin, BaseEstimator):
    """The rows of an extractor, as coordinates in the space that its training rows span.

    A linear classifier with a squared penalty only ever looks at that space, so it gives the same answers on these
    coordinates as on the rows, and those may be long: a Fisher vector has a third of a million numbers. That makes it
    cheap to lay several features side by side (``FeatureUnion``), which is what adding up their kernels comes to.

    Parameters
    ----------
    extractor : transformer of images
        Such as `BagOfVisualWords`; cloned, then fitted to the training images.
    normalize : bool, default=True
        Divide every row by its length first, so that several extractors weigh the same.
    center : bool, default=False
        Subtract the mean training row then, and divide by the root mean square length of what remains: several
        extractors weigh the same also where the rows of one have most in common, as sums of positive codes do.
    batch_size : int, default=256
        Images whose full rows are held at once by `transform`.

    Attributes
    ----------
    extractor_ : transformer
        The fitted extractor.
    row_length_ : int
        Numbers per image that the extractor gives.
    n_features_out_ : int
        At most the number of training images.

    Notes
    -----
    With training rows ``A`` and ``A A^T = V diag(w) V^T`` a row ``b`` becomes ``b A^T V diag(w)^(-1/2)``: inner
    products with training rows stay as they were. Directions with ``w`` below 1e-6 of the largest are left out. The
    fitted object holds the training rows: ``n_images x length x 4`` bytes, half of that where rows are normalised, for
    then 16 bits do (inner products differ by less than 1e-4). Output is float32. With ``center`` the same
    holds of what is left of the rows.

    References
    ----------
    B. Scholkopf, R. Herbrich, A. J. Smola, "A generalized representer theorem", COLT 2001.
    doi:10.1007/3-540-44581-1_27

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import RawPixels, TrainingSpan
    >>> images = np.random.default_rng(0).integers(0, 256, (5, 32, 32), dtype=np.uint8)
    >>> span = TrainingSpan(RawPixels(image_size=32)).fit(images)
    >>> span.transform(images).shape
    (5, 5)
    """

    def __init__(self, extractor: Any, *, normalize: bool = True, center: bool = False, batch_size: int = 256) -> None:
        self.extractor = extractor
        self.normalize = normalize
        self.center = center
        self.batch_size = batch_size

    def fit(self, X: Any, y: Any = None) -> "TrainingSpan":
        """Fit the extractor and find the space of its training rows.

        Parameters
        ----------
        X : sequence of images
        y : labels, optional
            Given to the extractor.

        Returns
        -------
        self
        """
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Fit, and return the coordinates of the training rows; each row is computed once.

        Parameters
        ----------
        X : sequence of images
        y : labels, optional
            Given to the extractor.

        Returns
        -------
        coordinates : ndarray of shape (n_images, n_features_out_), float32
        """
        check_whole("batch_size", self.batch_size, at_least=1)
        X = check_images(X)
        self.extractor_ = clone(self.extractor).fit(X, y)
        rows = self._kept_rows(X)
        self.row_length_ = rows.shape[1]
        products = _products(rows, rows).astype(np.float64)
        centre = products.mean(axis=0) if self.center else np.zeros(len(rows))
        products -= centre + centre[:, None] - centre.mean()
        scale = np.sqrt(np.trace(products) / len(rows)) if self.center else 1.0
        variances, axes = np.linalg.eigh(products)
        kept = variances > _DEPENDENT * variances[-1]
        kept[-1] = True  # one direction even where all rows are zeros
        sizes, axes = np.sqrt(np.maximum(variances[kept][::-1], 0)), axes[:, kept][:, ::-1]
        scale = scale if scale > 0 else 1.0  # all rows are the same
        self.training_rows_ = rows
        self.axes_ = (axes / np.where(sizes > 0, sizes * scale, 1)).astype(np.float32)
        self.origin_ = (centre @ self.axes_).astype(np.float32)
        self.n_features_out_ = len(sizes)
        return (axes * (sizes / scale)).astype(np.float32)

    def transform(self, X: Any) -> np.ndarray:
        """Return the coordinates of images.

        Parameters
        ----------
        X : sequence of images

        Returns
        -------
        coordinates : ndarray of shape (n_images, n_features_out_), float32
        """
        check_is_fitted(self, "axes_")
        X = check_images(X)
        coordinates = np.empty((len(X), self.n_features_out_), np.float32)
        for part in self._parts(len(X)):
            coordinates[part] = _products(self._rows(X[part]), self.training_rows_) @ self.axes_ - self.origin_
        return coordinates

    def fold(self, coef: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what a linear map of the coordinates is on the rows themselves.

        Parameters
        ----------
        coef : ndarray of shape (n_outputs, n_features_out_)
            The map: ``transform(X) @ coef.T``.

        Returns
        -------
        weights : ndarray of shape (n_outputs, row_length_), float32
        offset : ndarray of shape (n_outputs,)
            The outputs are ``rows @ weights.T + offset`` with the extractor's rows, normalised where these are.
        """
        check_is_fitted(self, "axes_")
        shares = np.ascontiguousarray((self.axes_ @ np.asarray(coef).T).T, dtype=np.float32)
        return _combined(shares, self.training_rows_), -(coef @ self.origin_)

    def _parts(self, n: int) -> Iterator[slice]:
        return (slice(start, start + self.batch_size) for start in range(0, n, self.batch_size))

    def _kept_rows(self, X: Any) -> np.ndarray:
        """Return the training rows as they are held."""
        kept = np.empty((0, 0))
        for part in self._parts(len(X)):
            rows = self._rows(X[part])
            if not len(kept):
                kept = np.empty((len(X), rows.shape[1]), np.float16 if self.normalize else np.float32)
            kept[part] = rows
        return kept

    def _rows(self, X: Any) -> np.ndarray:
        return rows_of(self.extractor_, X, normalize=self.normalize)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return ``span_0000``, ``span_0001``, ..., the direction of largest variance first.

        Parameters
        ----------
        input_features : None
            Ignored; images have no names.
        """
        check_is_fitted(self, "axes_")
        return np.asarray([f"span_{i:04d}" for i in range(self.n_features_out_)], dtype=object)


def rows_of(extractor: Any, X: Any, *, normalize: bool) -> np.ndarray:
    """Return the rows of a fitted extractor in 32 bits, divided by their lengths if wanted."""
    rows = np.asarray(extractor.transform(X), np.float32)
    if normalize:
        rows = rows if rows.flags.writeable else rows.copy()
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.where(lengths > 0, lengths, 1)
    return rows


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return ``a @ b.T``, block by block: what is worked on stays in the processor's cache."""
    total = np.zeros((len(a), len(b)), np.float32)
    blocks = np.empty((min(_ROWS, len(b)), min(_COLUMNS, b.shape[1])), np.float32)
    for start in range(0, a.shape[1], _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        left = a[:, columns].astype(np.float32, copy=False)
        for first in range(0, len(b), _ROWS):
            rows = slice(first, first + _ROWS)
            total[:, rows] += left @ _wide(b[rows, columns], blocks).T
    return total


def _combined(shares: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return ``shares @ rows`` in 32 bits, block by block."""
    total = np.zeros((len(shares), rows.shape[1]), np.float32)
    blocks = np.empty((min(_ROWS, len(rows)), min(_COLUMNS, rows.shape[1])), np.float32)
    for start in range(0, rows.shape[1], _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        for first in range(0, len(rows), _ROWS):
            some = slice(first, first + _ROWS)
            total[:, columns] += shares[:, some] @ _wide(rows[some, columns], blocks)
    return total


def _wide(numbers: np.ndarray, space: np.ndarray) -> np.ndarray:
    """Return numbers in 32 bits; those of 16 go into the *space*, by torch, six times as fast as by numpy."""
    if numbers.dtype != np.float16:
        return numbers
    import torch

    found = space[: numbers.shape[0], : numbers.shape[1]]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # it is only read
        torch.from_numpy(found).copy_(torch.from_numpy(numbers))
    return found
