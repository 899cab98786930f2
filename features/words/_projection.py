"""What happens to descriptors before they meet the words: rotation to fewer numbers, whitening, places appended."""

from typing import NamedTuple

import numpy as np

from eyecraft.features.local import Descriptors

_CHUNK = 512  # descriptors mapped at once: what is between stays in the second cache
_WHITEN_FLOOR = 1e-6  # added to the variances before dividing, relative to their mean
_ZCA_FLOOR = 0.1  # the same for patches, where the smallest variances are noise (Coates 2011)


class Projection(NamedTuple):
    """A learned map of descriptors; parts that are None are left out.

    Attributes
    ----------
    mean : ndarray of shape (length,), float32, or None
    matrix : ndarray of shape (length, n_components), float32, or None
    place_scale : float or None
        Factor of x and y, each running from -0.5 to 0.5 across the image.
    """

    mean: np.ndarray | None
    matrix: np.ndarray | None
    place_scale: float | None

    def __call__(self, values: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Map descriptors.

        Parameters
        ----------
        values : ndarray of shape (n, length), uint8 or float32
        places : ndarray of shape (n, 2), float32
            From `relative_places`.

        Returns
        -------
        mapped : ndarray of shape (n, n_components or length, plus 2 with places)
            As given where there is nothing to do, else float32.
        """
        if self.matrix is None and self.place_scale is None:
            return values
        length = values.shape[1] if self.matrix is None else self.matrix.shape[1]
        mapped = np.empty((len(values), length + (0 if self.place_scale is None else 2)), np.float32)
        if self.matrix is None:
            mapped[:, :length] = values
        else:
            for start in range(0, len(values), _CHUNK):
                part = slice(start, start + _CHUNK)
                np.matmul(values[part] - self.mean, self.matrix, out=mapped[part, :length])
        if self.place_scale is not None:
            np.multiply(places, np.float32(self.place_scale), out=mapped[:, length:])
        return mapped


def relative_places(found: Descriptors) -> np.ndarray:
    """Return x and y of every descriptor as shares of the image, (n, 2) float32, 0 in its middle."""
    height, width = found.image_size
    return np.stack([(found.x + 0.5) / width - 0.5, (found.y + 0.5) / height - 0.5], axis=1).astype(np.float32)


def learn_projection(
    sample: np.ndarray, n_components: int | None, whiten: "bool | str", append_xy: "bool | float"
) -> Projection:
    """Learn the map from a sample of descriptors.

    Parameters
    ----------
    sample : ndarray of shape (n, length), uint8 or float32
    n_components : int or None
        Principal components kept; None keeps all, and rotates only if whitening asks for it.
    whiten : bool or "zca"
        Bring the components to unit variance; "zca" turns them back afterwards, so that they look like the input.
    append_xy : bool or float
        Append places, with this many times the mean standard deviation of the mapped numbers as theirs would be if
        they were spread evenly.

    Returns
    -------
    Projection
    """
    mean = matrix = None
    variances = sample.var(axis=0, dtype=np.float64)
    if n_components is not None or whiten:
        mean = sample.mean(axis=0, dtype=np.float64)
        variances, matrix = _principal_axes(sample, mean, n_components or sample.shape[1])
        if whiten:
            floor = (_ZCA_FLOOR if whiten == "zca" else _WHITEN_FLOOR) * max(variances.mean(), 1e-12)
            scaled = matrix / np.sqrt(variances + floor)
            variances = variances / (variances + floor)
            matrix = scaled @ matrix.T if whiten == "zca" else scaled
        mean, matrix = mean.astype(np.float32), matrix.astype(np.float32)
    spread = 1 / np.sqrt(12)  # standard deviation of a place spread evenly over (-0.5, 0.5)
    place_scale = float(append_xy) * float(np.sqrt(variances).mean()) / spread if append_xy else None
    return Projection(mean, matrix, place_scale)


def _principal_axes(sample: np.ndarray, mean: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the *n* largest variances and their axes as columns, signs fixed by the largest entry."""
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(sample), 4096):
        centred = sample[start : start + 4096] - mean
        covariance += centred.T @ centred
    variances, axes = np.linalg.eigh(covariance / len(sample))
    variances, axes = np.maximum(variances[::-1][:n], 0), axes[:, ::-1][:, :n]
    signs = np.sign(axes[np.argmax(np.abs(axes), axis=0), np.arange(axes.shape[1])])
    return variances, axes * signs
