"""Bags of visual words: local descriptors, encoded by a codebook, pooled over the cells of a pyramid."""

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from eyecraft.data import check_images
from eyecraft.features._base import Images, ImageTransformer
from eyecraft.features._store import open_store
from eyecraft.features._timing import now
from eyecraft.features.local import DenseSIFT, Descriptors
from eyecraft.features.local._local import LocalDescriptor

from ._bovw_checks import check_bag, grids, normalization_steps, too_few
from ._encoder import Encoder, FinerThanImageError
from ._projection import learn_projection
from ._sample import draw_sample
from ._stored import Timed, descriptor_identity, through_store
from .codebook import kmeans
from .fisher import fit_mixture

_LEARNING_ONLY = frozenset({"n_sample_descriptors", "init", "max_iter", "random_state", "store_descriptors"})


class BagOfVisualWords(ImageTransformer):
    """One row per image: which visual words it shows, and roughly where.

    Parameters
    ----------
    descriptor : DenseSIFT, SIFT, Patches or None, default=None
        What is described; None is ``DenseSIFT()``.
    encoding : {"hard", "soft", "llc", "triangle", "vlad", "fisher"}, default="hard"
        How descriptors become numbers per word: votes for the nearest; votes shared by a Gaussian kernel; weights that
        rebuild the descriptor; closeness above average; differences from the nearest word; gradients of a Gaussian
        mixture.
    n_words : int, default=1024
        Words of the codebook, components of the mixture for "fisher".
    n_components : int or None, default=None
        Principal components the descriptors are reduced to first.
    whiten : bool or "zca", default=False
        Bring the components to unit variance; "zca" is for `Patches`.
    append_xy : bool or float, default=False
        Append each descriptor's place in the image to it; a number weights the place.
    pyramid : sequence of (int, int), default=((1, 1), (2, 2), (4, 4))
        Grids (rows, columns) over whose cells codes are pooled.
    level_weights : sequence of float or None, default=None
        Factors of the grids; Lazebnik 2006 has ``(0.25, 0.25, 0.5)``.
    pooling : {"sum", "max"} or None, default=None
        None is "max" for "llc", else "sum"; "vlad" and "fisher" are sums.
    normalization : str, sequence of str or None, default=None
        Steps in order: "power" (signed square root), "intra" (each word), "cell:l1", "cell:l2", "level:l1", "level:l2",
        "l1", "l2" (whole row). None is what suits the encoding: "l1" for "hard" and "soft", "l2" for "llc" and
        "triangle", ``("power", "cell:l2", "l2")`` for "vlad" and "fisher". ``()`` is none.
    n_neighbors : int, default=5
        Words per descriptor for "soft" and "llc".
    sigma : float or None, default=None
        Kernel width for "soft"; None is the root mean square distance of the sample to its words.
    beta : float, default=1e-4
        Regularisation of "llc".
    n_sample_descriptors : int, default=100_000
        The codebook is learned from at most this many descriptors, drawn evenly from the training images.
    init : {"k-means++", "random"}, default="k-means++"
        First words.
    max_iter : int, default=30
        Rounds of k-means or of expectation-maximisation.
    random_state : int, RandomState or None, default=None
        Draws the sample and the first words.
    store_descriptors : bool, default=False
        Keep the descriptors in the store too, not the rows alone; see the notes.
    image_size : int, (int, int) or None, default=None
        Bring images to this size first.
    n_jobs : int or None, default=None
        Threads, one image each.
    store : None, "default", path or FeatureStore, default=None
        Where rows are kept.

    Attributes
    ----------
    words_ : ndarray of shape (n_words, length), float32
        The codebook; ``length`` is ``n_components`` or the descriptor's, plus 2 with ``append_xy``.
    mixture_ : Mixture
        Weights, means and variances; "fisher" only.
    projection_ : Projection
    sigma_ : float
        Kernel width in use; "soft" only.
    n_features_out_ : int
        ``sum(rows * columns over the pyramid) * n_words * d`` with ``d = length`` for "vlad", ``2 * length`` for
        "fisher", else 1.

    Notes
    -----
    Images are described, encoded and dropped one by one: memory does not grow with their number, apart from the rows
    themselves. An image without descriptors, or with nothing but flat ones, is a row of zeros. Instead of images, a
    list of `Descriptors` may be given.

    Rows depend on the codebook, so each fold of a cross-validation computes its own; descriptors do not. With
    ``store_descriptors=True`` they are computed once and read back, which is faster for `SIFT` keypoints and where
    decoding is slow. `DenseSIFT` computes about as fast as a disk delivers (7 ms for a 300 x 200 image at the defaults,
    1.6 MB to keep), so leave it False there.

    References
    ----------
    .. [1] S. Lazebnik, C. Schmid, J. Ponce, "Beyond bags of features", CVPR 2006. doi:10.1109/CVPR.2006.68
    .. [2] K. Chatfield, V. Lempitsky, A. Vedaldi, A. Zisserman, "The devil is in the details: an evaluation of recent
       feature encoding methods", BMVC 2011. doi:10.5244/C.25.76

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import BagOfVisualWords
    >>> images = np.random.default_rng(0).integers(0, 256, (10, 48, 48), dtype=np.uint8)
    >>> bag = BagOfVisualWords(n_words=20, pyramid=((1, 1), (2, 2)), random_state=0).fit(images)
    >>> bag.transform(images).shape
    (10, 100)
    >>> bag.get_feature_names_out()[-1]
    'bovw_l1_r1_c1_w0019'
    """

    _requires_fit = True
    _code_version = 2  # 2: places on the border of two cells
    _chunk_size = 32  # at the end of a chunk threads wait for each other: half an image lost

    def __init__(
        self,
        descriptor: LocalDescriptor | None = None,
        *,
        encoding: str = "hard",
        n_words: int = 1024,
        n_components: int | None = None,
        whiten: bool | str = False,
        append_xy: bool | float = False,
        pyramid: Sequence[tuple[int, int]] = ((1, 1), (2, 2), (4, 4)),
        level_weights: Sequence[float] | None = None,
        pooling: str | None = None,
        normalization: str | Sequence[str] | None = None,
        n_neighbors: int = 5,
        sigma: float | None = None,
        beta: float = 1e-4,
        n_sample_descriptors: int = 100_000,
        init: str = "k-means++",
        max_iter: int = 30,
        random_state: Any = None,
        store_descriptors: bool = False,
        image_size: int | tuple[int, int] | None = None,
        n_jobs: int | None = None,
        store: Any = None,
    ) -> None:
        self.descriptor = descriptor
        self.encoding = encoding
        self.n_words = n_words
        self.n_components = n_components
        self.whiten = whiten
        self.append_xy = append_xy
        self.pyramid = pyramid
        self.level_weights = level_weights
        self.pooling = pooling
        self.normalization = normalization
        self.n_neighbors = n_neighbors
        self.sigma = sigma
        self.beta = beta
        self.n_sample_descriptors = n_sample_descriptors
        self.init = init
        self.max_iter = max_iter
        self.random_state = random_state
        self.store_descriptors = store_descriptors
        self.image_size = image_size
        self.n_jobs = n_jobs
        self.store = store

    # -- learning ----------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> "BagOfVisualWords":
        """Learn the codebook.

        Parameters
        ----------
        X : sequence of images, or of Descriptors
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A parameter is wrong, or the images have fewer descriptors than there are to be words.
        """
        self._check_parameters()
        sources = _sources(X)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        values, places = draw_sample(
            lambda source, position: self._described(source, position)[0],
            sources,
            self.n_sample_descriptors,
            seed,
            self.n_jobs,
        )
        if len(values) < self.n_words:
            raise ValueError(too_few(self.n_words, len(values), len(sources), self.n_sample_descriptors))
        self.projection_ = learn_projection(values, self.n_components, self.whiten, self.append_xy)
        self._learn_words(self.projection_(values, places), seed)
        self.n_features_out_ = self._encoder().n_features
        return self

    def _learn_words(self, sample: np.ndarray, seed: int) -> None:
        if self.encoding == "fisher":
            self.mixture_ = fit_mixture(sample, self.n_words, max_iter=self.max_iter, seed=seed)
            self.words_ = self.mixture_.means
            return
        found = kmeans(sample, self.n_words, init=self.init, max_iter=self.max_iter, seed=seed)
        self.words_ = found.words
        if self.encoding == "soft":
            # Where every descriptor is a word the distortion is 0; any width then gives the nearest word all.
            self.sigma_ = float(self.sigma if self.sigma is not None else max(found.distortion, 1e-12) ** 0.5)

    def transform(self, X: Any) -> np.ndarray:
        """Encode images.

        Parameters
        ----------
        X : sequence of images, or of Descriptors

        Returns
        -------
        features : ndarray of shape (n_images, n_features_out_), float32

        Raises
        ------
        NotFittedError
            `fit` was not called.
        ValueError
            A grid of the pyramid is finer than an image; the message names both.
        """
        check_is_fitted(self, "words_")
        sources = _sources(X)
        if not isinstance(sources[0], Descriptors):
            return super().transform(X)
        features = np.empty((len(sources), self.n_features_out_), np.float32)
        with threadpool_limits(1, user_api="blas"):
            for start in range(0, len(sources), self._chunk_size):
                positions = list(range(start, min(start + self._chunk_size, len(sources))))
                features[positions] = self._compute([sources[i] for i in positions], positions).rows
        return features

    # -- one image ---------------------------------------------------------------------------------------------------

    def _compute_all(self, images: Images, receive: Any) -> None:
        # Each thread has an image; threads inside the products of matrices would only get into each other's way.
        with threadpool_limits(1, user_api="blas"):
            super()._compute_all(images, receive)

    def _one(self, source: Any, position: int) -> tuple[np.ndarray, float, float]:
        found, decode_seconds, describe_seconds = self._described(source, position)
        start = now()
        try:
            row = self._encoder()(found)
        except FinerThanImageError as error:
            raise ValueError(f"image {position}: {error}") from None
        return row, decode_seconds, describe_seconds + now() - start

    def _described(self, source: Any, position: int) -> Timed:
        """Return one image's descriptors, and the seconds of decoding and describing."""
        if isinstance(source, Descriptors):
            return source, 0.0, 0.0

        def compute() -> Timed:
            start = now()
            pixels = self._read(source, position)
            decoded = now()
            found = self._method()._describe(pixels)
            return found, decoded - start, now() - decoded

        store = open_store(self.store) if self.store_descriptors else None
        return compute() if store is None else through_store(store, self._method(), self.image_size, source, compute)

    def _extract(self, image: np.ndarray) -> np.ndarray:
        return self._encoder()(self._method()._describe(image))

    def _encoder(self) -> Encoder:
        return Encoder(
            encoding=self.encoding,
            projection=self.projection_,
            words=self.words_,
            mixture=self.mixture_ if self.encoding == "fisher" else None,
            sigma=self.sigma_ if self.encoding == "soft" else None,
            n_neighbors=self.n_neighbors,
            beta=self.beta,
            pooling=self.pooling or ("max" if self.encoding == "llc" else "sum"),
            pyramid=grids(self.pyramid),
            steps=normalization_steps(self.normalization, self.encoding),
            level_weights=None if self.level_weights is None else tuple(self.level_weights),
        )

    # -- what the base asks for --------------------------------------------------------------------------------------

    @property
    def _color(self) -> Literal["gray", "rgb"]:  # type: ignore[override]
        return self._method()._color

    def _method(self) -> LocalDescriptor:
        return DenseSIFT() if self.descriptor is None else self.descriptor

    def _check_parameters(self) -> None:
        check_bag(self, self._method())

    def _n_features(self, height: int, width: int) -> int:
        return self._encoder().n_features

    def _feature_names(self, height: int, width: int) -> list[str]:
        return self._encoder().feature_names()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features: level, row and column of the cell, word.

        Parameters
        ----------
        input_features : None
            Ignored; images have no names.

        Returns
        -------
        names : ndarray of shape (n_features_out_,), str objects
            ``bovw_l2_r1_c3_w0417``; for "vlad" and "fisher" the word is followed by the number it belongs to:
            ``_m012`` for a mean or difference, ``_s012`` for a standard deviation.
        """
        check_is_fitted(self, "words_")
        return np.asarray(self._feature_names(0, 0), dtype=object)

    def _identity(self) -> dict[str, Any]:
        identity = super()._identity()
        parameters = identity["parameters"]
        identity["parameters"] = {name: value for name, value in parameters.items() if name not in _LEARNING_ONLY}
        identity["descriptor"] = descriptor_identity(self._method(), self.image_size)
        if hasattr(self, "words_"):
            digest = hashlib.sha256()
            for part in self._encoder().parts():
                digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
            identity["codebook"] = digest.hexdigest()
        return identity


def _sources(X: Any) -> Images:
    """Return images or descriptors as a sequence."""
    if isinstance(X, list | tuple | np.ndarray) and len(X) and isinstance(X[0], Descriptors):
        return list(X)
    return check_images(X)
