"""The contract of every extractor: images in, one row of float32 numbers per image out.

`ImageTransformer` owns all that is not mathematics: decoding and resizing in batches, threads, the feature store,
progress, names of the outputs and scikit-learn's manners. A subclass writes one pure function of one image.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from eyecraft.data import READER_VERSION, check_images, image_key, read_image

from ._checks import check_pair
from ._progress import progress
from ._store import Batch, describe, open_store
from ._threads import in_threads
from ._timing import add_seconds, now

Images: TypeAlias = Sequence[Any] | np.ndarray
_warmed: set[type] = set()  # extractors that have worked in this process
_WITHOUT_EFFECT = frozenset({"n_jobs", "store", "batch_size", "device", "weights_dir"})  # on the numbers


class ImageTransformer(TransformerMixin, BaseEstimator):
    """Base of the extractors: what they share, whatever they measure.

    A subclass stores its parameters in ``__init__`` (among them ``image_size``, ``n_jobs`` and ``store``) and writes
    `_extract`, `_n_features` and `_feature_names`; often `_check_parameters` and `_smallest_image` too.

    Every subclass obeys the laws in ``tests/common``: a row depends on its image alone, flat images give zeros,
    paths, arrays and stacks give the same numbers.
    """

    _color: Literal["gray", "rgb"] = "gray"  # the pixels `_extract` receives: (h, w) or (h, w, 3), uint8
    _code_version: ClassVar[int] = 1  # to be raised when the same parameters give other numbers
    _chunk_size: ClassVar[int] = 64  # images between two writes to the store, two steps of the bar
    _requires_fit: ClassVar[bool] = False

    # -- what a subclass writes --------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        """Raise ``ValueError`` for parameters that cannot be."""

    def _smallest_image(self) -> tuple[int, int]:
        """Return the smallest (height, width) in pixels that has features."""
        return 1, 1

    def _extract(self, image: np.ndarray) -> np.ndarray:
        """Return the features of one image; pure, and safe to call from several threads."""
        raise NotImplementedError

    def _n_features(self, height: int, width: int) -> int:
        """Return how many features an image of this size has."""
        raise NotImplementedError

    def _feature_names(self, height: int, width: int) -> list[str]:
        """Return the names of the features of an image of this size."""
        raise NotImplementedError

    def _identity(self) -> dict[str, Any]:
        """Return what the numbers depend on besides the image, as plain values: the key of the feature store."""
        parameters = {
            name: _plain(value) for name, value in self.get_params(deep=False).items() if name not in _WITHOUT_EFFECT
        }
        kind = type(self)
        return {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "code": self._code_version,
            "reader": READER_VERSION,
            "parameters": parameters,
        }

    # -- scikit-learn's side -----------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> "ImageTransformer":
        """Check the parameters and learn the size of the images.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or encoded bytes; see `eyecraft.data.read_image`.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._check_parameters()
        images = check_images(X)
        self.image_size_ = self._size_of(images)
        self.n_features_out_ = self._n_features(*self.image_size_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Compute the features.

        Parameters
        ----------
        X : sequence of images
            As for `fit`; sizes may differ where ``image_size`` is given or the output does not depend on the size.

        Returns
        -------
        features : ndarray of shape (n_images, n_features_out_), float32

        Raises
        ------
        eyecraft.data.ImageReadError
            A file or array is no image; the message names it.
        ValueError
            An image is too small, or its features differ in number from those of the others.
        """
        self._check_parameters()
        images = check_images(X)
        fitted = getattr(self, "n_features_out_", None)
        width = self._n_features(*self._size_of(images)) if fitted is None else fitted
        features = np.empty((len(images), width), dtype=np.float32)

        def receive(position: int, row: np.ndarray) -> None:
            if len(row) != width:
                raise ValueError(self._unlike(images[position], position, len(row), width))
            features[position] = row

        self._compute_all(images, receive)
        return features

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features.

        Parameters
        ----------
        input_features : None
            Ignored; images have no names.

        Returns
        -------
        names : ndarray of shape (n_features_out_,), str objects
        """
        size = getattr(self, "image_size_", None) or self._fixed_size()
        if size is None:
            name = type(self).__name__
            raise NotFittedError(f"The names depend on the size of the images: fit {name} first or set `image_size`.")
        return np.asarray(self._feature_names(*size), dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self._requires_fit
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    # -- from images to rows -----------------------------------------------------------------------------------------

    def store_key(self) -> str:
        """Return the name under which the feature store keeps this extractor's rows: 24 hexadecimal digits."""
        text = json.dumps(self._identity(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def _compute_all(self, images: Images, receive: Any) -> None:
        """Hand the row of every image to *receive*, through the feature store if there is one."""
        store = open_store(getattr(self, "store", None))
        name, begin, computing = type(self).__name__, now(), 0.0
        with progress(f"{name}: images", len(images)) as advance:

            def compute(positions: list[int]) -> Batch:
                nonlocal computing
                start = now()
                batch = self._compute([images[position] for position in positions], positions)
                elapsed = now() - start
                computing += elapsed
                self._account(batch, elapsed)
                return batch

            def receive_and_tell(position: int, row: np.ndarray) -> None:
                receive(position, row)
                advance()

            if store is None:
                for positions in _chunks(len(images), self._chunk_size):
                    for position, row in zip(positions, compute(positions).rows, strict=True):
                        receive_and_tell(position, row)
            else:
                identity = self._identity()
                store.fill(
                    self.store_key(),
                    [image_key(image) for image in images],
                    compute,
                    receive_and_tell,
                    description=describe(name, identity["parameters"]),
                    batch_size=self._chunk_size,
                )
        add_seconds("store", now() - begin - computing)

    def _compute(self, images: list[Any], positions: list[int]) -> Batch:
        """Decode and extract one chunk, in threads where `n_jobs` says so; *positions* are for messages only."""
        n_jobs = min(effective_n_jobs(getattr(self, "n_jobs", None)), len(images))
        done = in_threads(self._one, zip(images, positions, strict=True), n_jobs)
        rows, decode, extract = zip(*done, strict=True)
        if type(self) in _warmed:
            return Batch(rows, sum(decode), sum(extract))
        _warmed.add(type(self))  # the first images also paid for compiling and loading, which others will not
        return Batch(rows, float(np.median(decode)) * len(done), float(np.median(extract)) * len(done))

    def _one(self, source: Any, position: int) -> tuple[np.ndarray, float, float]:
        """Return one image's row, and the seconds spent on decoding and on extracting."""
        start = now()
        image = self._read(source, position)
        decoded = now()
        row = np.ascontiguousarray(self._extract(image), dtype=np.float32)
        return row, decoded - start, now() - decoded

    def _read(self, source: Any, position: int) -> np.ndarray:
        """Return the pixels `_extract` is to see; raise where there are too few of them."""
        image = read_image(source, color=self._color, size=self._fixed_size(), name=f"image {position}")
        smallest = self._smallest_image()
        if image.shape[0] < smallest[0] or image.shape[1] < smallest[1]:
            raise ValueError(
                f"{type(self).__name__} needs images of at least {smallest[0]} x {smallest[1]} pixels (height x width) "
                f"with these parameters; {_name(source, position)} has {image.shape[0]} x {image.shape[1]}. "
                f"{self._way_out()}"
            )
        return image

    def _way_out(self) -> str:
        if "image_size" in self.get_params(deep=False):
            return "Give `image_size=(height, width)` to enlarge every image, or leave the small ones out."
        return "Leave the small images out."

    def _account(self, batch: Batch, elapsed: float) -> None:
        """Share the elapsed time of a chunk between decoding and extracting, as the workers' seconds say."""
        work = batch.decode_seconds + batch.extract_seconds
        share = elapsed / work if work > 0 else 0.0
        add_seconds("decode", batch.decode_seconds * share)
        add_seconds("extract", batch.extract_seconds * share)

    # -- sizes -------------------------------------------------------------------------------------------------------

    def _fixed_size(self) -> tuple[int, int] | None:
        size = getattr(self, "image_size", None)
        return None if size is None else check_pair("image_size", size, at_least=1, unit="pixels")

    def _size_of(self, images: Images) -> tuple[int, int]:
        """Return the size all images are brought to, else the size of the first."""
        height, width = self._fixed_size() or self._read(images[0], 0).shape[:2]
        return height, width

    def _unlike(self, source: Any, position: int, found: int, expected: int) -> str:
        size = getattr(self, "image_size_", None)
        like = f"images of {size[0]} x {size[1]} pixels give" if size else "the first image gives"
        return (
            f"{type(self).__name__} gives {found} features for {_name(source, position)} where {like} {expected}: "
            "the images differ in size. Give `image_size=(height, width)` to bring them to one size."
        )


def _plain(value: Any) -> Any:
    """Return *value* as JSON can write it, without losing what makes it different."""
    if isinstance(value, BaseEstimator):
        inner = {key: _plain(item) for key, item in value.get_params(deep=False).items() if key not in _WITHOUT_EFFECT}
        return {"class": type(value).__qualname__, **inner}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return value


def _name(source: Any, position: int) -> str:
    return f"image {position} ({source})" if isinstance(source, (str, os.PathLike)) else f"image {position}"


def _chunks(total: int, size: int) -> Iterator[list[int]]:
    for start in range(0, total, size):
        yield list(range(start, min(start + size, total)))
