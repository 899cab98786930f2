"""Activations of a convolutional network, off the shelf: any layer of any network as a row of features.

J. Donahue et al., "DeCAF: a deep convolutional activation feature for generic visual recognition", ICML 2014, took the
sixth and seventh layer of a network trained on ImageNet, froze it, and classified other pictures with a linear machine;
M. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, did so for every layer.
"""

import copy
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone

from eyecraft.data import READER_VERSION
from eyecraft.features._base import Images, ImageTransformer
from eyecraft.features._checks import check_choice, check_pair, check_whole
from eyecraft.features._progress import progress
from eyecraft.features._store import Batch, open_store
from eyecraft.features._timing import now

from .batches import check_batch_size
from .engine import Engine, Spent
from .frozen import PRECISIONS, check_device
from .layers import check_layers
from .loading import load_engine, parameters_that_count, same_model
from .pooling import POOLINGS, pooled_names

_KEPT_WITH_CLONES = ("_sklearn_output_config", "_metadata_request")  # set by set_output and set_fit_request
_MOST_WORKERS = 8  # threads that feed a GPU, if nothing is said
_CHUNK_CPU, _CHUNK_CUDA = 64, 64  # images, and batches at most, between two writes to the store, which a GPU waits for
_CHUNK_BYTES = 2**28  # of rows that are held until they are written


class CNNFeatures(ImageTransformer):
    """Activations of one or more layers of a frozen network.

    Parameters
    ----------
    model : str, torch.nn.Module or fitted CNNClassifier, default="squeezenet1_0"
        Name of a torchvision classification model; ``"mini"``, the network in the box, which needs no download;
        ``"timm:<name>"`` with the extra of that name; or a network of your own. A module is copied before use and stays
        as it is; clones of the estimator keep pointing to the same one, fitted. It is given what torchvision's networks
        want, crops of 224x224 pixels (gray if its first convolution has one channel) less `mean` over `std`, unless
        `resize`, `image_size`, `mean` and `std` say otherwise; a `CNNClassifier` brings its own.
    weights : str, path, torchvision weights or None, default="DEFAULT"
        ``"DEFAULT"``, ``"IMAGENET1K_V1"`` or another of torchvision's names; a ``.safetensors``, ``.pth`` or ``.pt``
        file, in which only tensors are read; None for random weights. A module keeps its own unless a file is given.
        Weights that cannot be had are an error; no other network ever takes the place of the one you named.
    layers : str or list of str, optional
        Modules (``"features.12"``, ``"layer4"``), operations (``"layer1.0.relu_1"``) or textbook names: ``conv1`` to
        ``conv5``, ``pool5``, ``fc6``, ``fc7``, ``fc8`` on AlexNet, VGG and mini, ``fire2`` to ``fire9`` on SqueezeNet,
        ``stage1``, ... or ``block1``, ... on most others (see `aliases.aliases`), and ``penultimate``, the input of the
        layer that gives the classes (of a network that ends without one, what it gives). Several come from one forward
        pass: `transform` puts them side by side, `transform_layers` keeps them apart. Default the last before the
        classes: ``fc7``, ``fire9`` or ``penultimate``.
    activation : {"post", "pre"}, default="post"
        For convolutions and fully connected layers: the value behind their non-linearity, or the one that enters it
        (behind batch normalisation, where there is one). Layers without a non-linearity have one value.
    pooling : {"avg", "max", "spatial", "flatten"}, default="avg"
        One number per map, its average or maximum; averages over a grid of *pool_size* cells; or everything.
        Fully connected layers stay as they are; a transformer's tokens have no places, so that ``"spatial"`` averages.
    pool_size : int or (int, int), default=(3, 3)
        Rows and columns of the grid of ``pooling="spatial"``; fewer where the map is smaller.
    l2 : bool, default=False
        Scale each layer's part of a row to unit length; a row of zeros stays zero.
    resize : {"crop", "warp", "native"}, optional
        Shorter side to the size the weights ask for and the centre cut out; the whole image warped to the input size;
        or each image as large as it is, which suits pooled maps. Default what the network's weights ask for: the crop
        for torchvision's, the warp for mini and a `CNNClassifier`.
    mean, std : float or sequence of float, optional
        Subtracted from, and divided into, pixels in [0, 1]: one number, or one for each channel; with a single channel
        the images are read as gray. Default what the weights ask for; of a module ImageNet's, (0.485, 0.456, 0.406) and
        (0.229, 0.224, 0.225), or 0.449 and 0.226 of a gray one.
    batch_size : "auto" or int, default="auto"
        Images in one forward pass; bounds the memory. ``"auto"`` takes 16 images of 224x224 pixels on the CPU, 128 on a
        GPU, more where they are smaller, fewer where they are larger. A batch that does not fit into memory is halved,
        and so are those after it.
    device : str, default="auto"
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; ``"auto"`` takes a GPU if there is one.
    precision : {"float32", "bfloat16", "float16"}, default="float32"
        Numbers the network computes with; the weights are cast once. The features come out as float32. In bfloat16 a
        first convolution stays in float32; rows have a cosine of about 0.9999 with those in float32 for SqueezeNet,
        AlexNet and mini, of 0.9998 or less in deeper networks (0.9994 for Swin). ``"float16"`` needs a GPU; numbers
        too large for it are an error.
    n_workers : int, optional
        Threads that read and resize the next images while the network computes. Default `n_jobs` if that is more than
        one, else none on the CPU (images are read in between) and up to 8 with a GPU.
    weights_dir : path, optional
        Folder looked into before a download; default the environment variable ``EYECRAFT_WEIGHTS``.
    random_state : int, default=0
        Seed of random weights. None is 0: a copy in another process needs the same network.
    image_size : int or (int, int), optional
        Height and width of the network's input, pixels; default the network's own (224 for most).
    n_jobs : int, optional
        Threads that read and resize images, as `n_workers`. The network itself uses torch's threads.
    store : None, "default", path or FeatureStore, default=None
        Where rows are kept for the next time.

    Attributes
    ----------
    layers_ : list of str
        The layers tapped.
    weights_source_ : str
        File, address, "in the box: ..." or "random start".
    image_size_ : (int, int)
        Height and width of the network's input, pixels.
    n_features_out_ : int
        Length of a row.

    Raises
    ------
    ValueError
        Unknown model, layer or weights (with the nearest names), weights of another architecture (with what differs), a
        checkpoint that would run code, a GPU asked for and absent, an input too small for the network, a layer whose
        output is no tensor.
    ConnectionError
        Weights that had to be downloaded and could not be; says where to put the file, and names mini as another way.
    ImportError
        A model of timm, which is not installed.
    MemoryError
        Not even one image fits into memory.

    Notes
    -----
    1. The network is in evaluation mode and without gradients, whatever mode a given module was in: batch statistics
       do not drift.
    2. A row depends on its image alone. The order of sums differs with the size of the batch, so rows from different
       batches agree within a share of their largest number only: float32 1e-5 (on a GPU 1e-3, since torch convolves in
       TF32 there unless told otherwise), float16 2e-3, bfloat16 2e-2.
    3. On Caltech-101 warping the whole image beats cropping by about 4 points, and SqueezeNet's ``fire9`` with 3x3
       averages (``pooling="spatial"``, ``l2=True``) its global averages by another 4.
    4. Batch normalisation is folded into the convolution before it: a change of less than 1e-5 of the largest number.
    5. Images are read, measured and forgotten batch by batch: memory does not grow with their number.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import CNNFeatures
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 40, 60, 3), dtype=np.uint8)
    >>> features = CNNFeatures("squeezenet1_0", weights=None, layers="fire2", image_size=64)
    >>> features.fit_transform(images).shape
    (2, 128)
    >>> features.get_feature_names_out()[-1]
    'fire2_map127'
    """

    _code_version: ClassVar[int] = 2
    _bfloat16_version: ClassVar[int] = 2  # raised where numbers change in that precision alone

    def __init__(
        self,
        model: Any = "squeezenet1_0",
        weights: Any = "DEFAULT",
        layers: str | Sequence[str] | None = None,
        *,
        activation: Literal["post", "pre"] = "post",
        pooling: Literal["avg", "max", "spatial", "flatten"] = "avg",
        pool_size: int | tuple[int, int] = (3, 3),
        l2: bool = False,
        resize: Literal["crop", "warp", "native"] | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        batch_size: Literal["auto"] | int = "auto",
        device: str = "auto",
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
        n_workers: int | None = None,
        weights_dir: str | os.PathLike[str] | None = None,
        random_state: int | None = 0,
        image_size: int | tuple[int, int] | None = None,
        n_jobs: int | None = None,
        store: Any = None,
    ) -> None:
        self.model = model
        self.weights = weights
        self.layers = layers
        self.activation = activation
        self.pooling = pooling
        self.pool_size = pool_size
        self.l2 = l2
        self.resize = resize
        self.mean = mean
        self.std = std
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.n_workers = n_workers
        self.weights_dir = weights_dir
        self.random_state = random_state
        self.image_size = image_size
        self.n_jobs = n_jobs
        self.store = store

    def fit(self, X: Any, y: Any = None) -> "CNNFeatures":
        """Load the network and check the parameters; nothing is learned from *X*.

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
        self._loaded: Any = None  # a module given as `model` may have been trained since
        super().fit(X, y)
        self.layers_ = list(self._engine().tap.layers)
        self.weights_source_ = self._engine().network.source
        return self

    def transform_layers(self, X: Any) -> dict[str, np.ndarray]:
        """Compute the features and keep the layers apart.

        Parameters
        ----------
        X : sequence of images
            As for `fit`.

        Returns
        -------
        features : dict of str to ndarray of shape (n_images, length of the layer), float32
            One entry per layer, all from one forward pass.
        """
        rows = np.asarray(self.transform(X))
        engine = self._engine()
        ends = np.cumsum(engine.lengths(self._usual_size()))
        return dict(zip(engine.tap.layers, np.split(rows, ends[:-1], axis=1), strict=True))

    # -- the contract of ImageTransformer ------------------------------------------------------------------------------

    @property
    def _color(self) -> Literal["gray", "rgb"]:  # type: ignore[override]
        return self._engine().preprocessing.color

    @property
    def _chunk_size(self) -> int:  # type: ignore[override]
        engine = self._engine()
        batch = engine.batch(self.batch_size)
        if not engine.on_gpu:
            return max(_CHUNK_CPU, batch)
        row = 4 * sum(engine.lengths(self._usual_size()))
        return batch * int(np.clip(_CHUNK_BYTES // (row * batch), 1, _CHUNK_CUDA))

    def _check_parameters(self) -> None:
        check_choice("activation", self.activation, ("post", "pre"))
        check_choice("pooling", self.pooling, POOLINGS)
        check_choice("resize", self.resize, (None, "crop", "warp", "native"))
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("l2", self.l2, (False, True))
        check_pair("pool_size", self.pool_size, unit="cells")
        check_batch_size(self.batch_size)
        if self.n_workers is not None:
            check_whole("n_workers", self.n_workers, at_least=0, unit="threads")
        if self.image_size is not None:
            check_pair("image_size", self.image_size, unit="pixels")
            if self.resize == "native":
                raise ValueError(
                    f"resize='native' keeps the images' own sizes: leave out image_size={self.image_size!r}."
                )
        check_layers(self.layers)
        if self.precision == "float16" and not check_device(self.device).startswith("cuda"):
            raise ValueError(
                "`precision`='float16' needs a GPU (device='cuda'); use 'bfloat16' or 'float32' on the CPU."
            )

    def _fixed_size(self) -> tuple[int, int] | None:
        """Return the size to decode to: none where a part is cut out of the image, or nothing is done to it."""
        ready = self._engine().preprocessing
        return None if ready.native or ready.resize_size is not None else ready.input_size

    def _size_of(self, images: Images) -> tuple[int, int]:
        ready = self._engine().preprocessing
        return super()._size_of(images) if ready.native else ready.input_size

    def _n_features(self, height: int, width: int) -> int:
        return sum(self._engine().lengths((height, width)))

    def _feature_names(self, height: int, width: int) -> list[str]:
        engine = self._engine()
        return [
            name
            for layer, shape in zip(engine.tap.layers, engine.shapes((height, width)), strict=True)
            for name in pooled_names(layer, shape[1:], self.pooling, engine.cells(shape[1:]))
        ]

    def _identity(self) -> dict[str, Any]:
        engine = self._engine()
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "code": self._code_version,
            "reader": READER_VERSION,
            "parameters": {
                "model": engine.network.name,
                "weights": engine.network.digest,
                "activation": self.activation,
                **engine.pooling_identity(engine.tap.layers, self.pooling, self._usual_size()),
                "l2": bool(self.l2),
                "precision": f"bfloat16-{self._bfloat16_version}" if self.precision == "bfloat16" else self.precision,
                "preprocessing": asdict(engine.preprocessing),
            },
        }

    def _compute(self, images: list[Any], positions: list[int]) -> Batch:
        settings: dict[str, Any] = {"batch_size": self.batch_size, "n_workers": self._workers()}
        return self._engine().compute(lambda index: self._read(images[index], positions[index]), positions, **settings)

    def _compute_all(self, images: Images, receive: Any) -> None:
        """Hand every row over; without a store in one go, so that reading never waits for the network to finish."""
        if open_store(self.store) is not None:
            super()._compute_all(images, receive)
            return
        settings: dict[str, Any] = {"batch_size": self.batch_size, "n_workers": self._workers()}
        spent, begin = Spent(), now()
        with progress(f"{type(self).__name__}: images", len(images)) as advance:
            read = partial(self._read_at, images)
            for positions, rows in self._engine().stream(read, range(len(images)), spent, **settings):
                for position, row in zip(positions, rows, strict=True):
                    receive(position, row)
                advance(len(positions))
        self._account(Batch((), spent.decode, spent.extract), now() - begin)

    def _read_at(self, images: Images, position: int) -> np.ndarray:
        return self._read(images[position], position)

    # -- the network ---------------------------------------------------------------------------------------------------

    def _workers(self) -> int:
        if self.n_workers is not None:
            return self.n_workers
        jobs = effective_n_jobs(self.n_jobs)
        if jobs > 1:
            return jobs
        return min(_MOST_WORKERS, os.cpu_count() or 1) if self._engine().on_gpu and self.n_jobs is None else 0

    def _engine(self) -> Engine:
        """Return the network, ready; loaded anew when a parameter has changed since."""
        asked = parameters_that_count(self)
        loaded: Any = getattr(self, "_loaded", None)
        if loaded is None or loaded[2] != asked or not same_model(loaded[1], self.model):
            self._loaded = loaded = (load_engine(self), self.model, asked)
        engine: Engine = loaded[0]
        return engine

    def _usual_size(self) -> tuple[int, int]:
        """Return height and width of what the network was fitted with."""
        size: tuple[int, int] = getattr(self, "image_size_", self._engine().preprocessing.input_size)
        return size

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_loaded", None)  # loaded again where it is needed, on the device that is there
        return state

    def __sklearn_clone__(self) -> "CNNFeatures":
        """Return an unfitted copy around the same network: a fitted classifier given as `model` stays fitted."""
        parameters = {name: value for name, value in self.get_params(deep=False).items() if name != "model"}
        twin = type(self)(self.model, **{name: clone(value, safe=False) for name, value in parameters.items()})
        for name in _KEPT_WITH_CLONES:
            if hasattr(self, name):
                setattr(twin, name, copy.deepcopy(getattr(self, name)))
        return twin
