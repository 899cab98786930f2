"""What the local descriptors share: reading and shrinking an image, and describing many in threads."""

from typing import Any, ClassVar, Literal

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, TransformerMixin

from eyecraft.data import check_images, read_image, resize_image
from eyecraft.features._base import _name
from eyecraft.features._checks import check_whole
from eyecraft.features._threads import in_threads

from ._descriptors import Descriptors


class ImageError(ValueError):
    """An image cannot be described or encoded; the message says why. Whoever knows which image it is adds that."""

    def of(self, image: Any, position: int) -> ValueError:
        """Return the error with the image's name."""
        return ValueError(f"{_name(image, position)}: {self}")


class LocalDescriptor(TransformerMixin, BaseEstimator):
    """Base of the local descriptors: one image in, a set of vectors with places out.

    A subclass stores its parameters in ``__init__`` (among them ``max_side``, ``max_height`` and ``n_jobs``) and writes
    `_check_parameters`, `_compute` and `_length`. The output is ragged, so it is no row of features yet: that is what
    `eyecraft.features.BagOfVisualWords` makes of it.
    """

    _color: Literal["gray", "rgb"] = "gray"  # the pixels `_compute` receives
    _code_version: ClassVar[int] = 1  # to be raised when the same parameters give other numbers

    max_side: int | None
    max_height: int | None
    n_jobs: int | None

    def _check_parameters(self) -> None:
        """Raise ``ValueError`` for parameters that cannot be."""
        for name in ("max_side", "max_height"):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), at_least=1, unit="pixels", why="None keeps every image's size.")

    def _compute(self, pixels: np.ndarray) -> Descriptors:
        """Describe one image; pure, and safe to call from several threads."""
        raise NotImplementedError

    def _length(self) -> int:
        """Return how many numbers a descriptor has."""
        raise NotImplementedError

    def fit(self, X: Any = None, y: Any = None) -> "LocalDescriptor":
        """Check the parameters; there is nothing to learn.

        Parameters
        ----------
        X, y
            Ignored.

        Returns
        -------
        self
        """
        self._check_parameters()
        return self

    def describe(self, image: Any) -> Descriptors:
        """Describe one image.

        Parameters
        ----------
        image : path, bytes, ndarray or PIL image
            See `eyecraft.data.read_image`.

        Returns
        -------
        Descriptors
            An empty set where the image is too small or shows nothing to describe.
        """
        self._check_parameters()
        return self._describe(read_image(image, color=self._color))

    def transform(self, X: Any) -> np.ndarray:
        """Describe many images.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or encoded bytes; sizes may differ.

        Returns
        -------
        descriptors : ndarray of shape (n_images,), objects
            One `Descriptors` per image. All are held at once (12,000 SIFT descriptors of a 300 x 200 image take
            1.6 MB); `BagOfVisualWords` streams instead.
        """
        self._check_parameters()
        images = check_images(X)
        n_jobs = min(effective_n_jobs(self.n_jobs), max(len(images), 1))
        out = np.empty(len(images), dtype=object)
        out[:] = in_threads(self._read_and_describe, [(images[i], i) for i in range(len(images))], n_jobs)
        return out

    def _read_and_describe(self, image: Any, position: int) -> Descriptors:
        try:
            return self._describe(read_image(image, color=self._color, name=_name(image, position)))
        except ImageError as error:
            raise error.of(image, position) from None

    def _describe(self, pixels: np.ndarray) -> Descriptors:
        """Describe decoded pixels, shrunk first if they are larger than wanted; places are those of the original."""
        height, width = pixels.shape[:2]
        small = self._shrink(pixels)
        found = self._compute(small)
        if small is pixels:
            return found
        down, across = height / small.shape[0], width / small.shape[1]
        return Descriptors(
            found.values,
            ((found.x + 0.5) * across - 0.5).astype(np.float32),
            ((found.y + 0.5) * down - 0.5).astype(np.float32),
            (found.scale * (down * across) ** 0.5).astype(np.float32),
            found.angle,
            (height, width),
        )

    def _shrink(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        factor = min(
            1.0,
            (self.max_side or max(height, width)) / max(height, width),
            (self.max_height or height) / height,
        )
        if factor == 1.0:
            return pixels
        return resize_image(pixels, (max(round(height * factor), 1), max(round(width * factor), 1)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags
