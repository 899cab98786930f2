"""Activations of a convolutional network, off the shelf: any layer of any network as a row of features.

J. Donahue et al., "DeCAF: a deep convolutional activation feature for generic visual recognition", ICML 2014, took the
sixth and seventh layer of a network trained on ImageNet, froze it, and classified other pictures with a linear machine;
M. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, did so for every layer.
"""

import copy
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone

from eyecraft.data import READER_VERSION
from eyecraft.features._base import Images, ImageTransformer
from eyecraft.features._checks import check_choice, check_pair, check_whole
from eyecraft.features._store import Batch

from .frozen import PRECISIONS, FrozenNetwork, check_device, frozen_network
from .layers import TappedNetwork, default_layer
from .pooling import POOLINGS, pool, pooled_names
from .preprocessing import Preprocessing

_KEPT_WITH_CLONES = ("_sklearn_output_config", "_metadata_request")  # set by set_output and set_fit_request


class CNNFeatures(ImageTransformer):
    """Activations of one or more layers of a frozen network.

    Parameters
    ----------
    model : str, torch.nn.Module or fitted CNNClassifier, default="squeezenet1_0"
        Name of a torchvision classification model, or a network of your own. A module is copied before use and stays
        as it is; clones of the estimator keep pointing to the same one, fitted.
    weights : str, path, torchvision weights or None, default="DEFAULT"
        ``"DEFAULT"``, ``"IMAGENET1K_V1"`` or another of torchvision's names; a ``.safetensors``, ``.pth`` or ``.pt``
        file, in which only tensors are read; None for random weights. A module keeps its own unless a file is given.
    layers : str or list of str, optional
        Modules (``"features.12"``, ``"layer4"``), operations (``"layer1.0.relu_1"``) or textbook names: ``conv1`` to
        ``conv5``, ``pool5``, ``fc6``, ``fc7``, ``fc8`` on AlexNet and VGG, ``fire2`` to ``fire9`` on SqueezeNet, and
        ``penultimate``, the input of the layer that gives the classes. Several are concatenated in the order given.
        Default the last layer before the classes: ``fc7``, ``fire9`` or ``penultimate``.
    activation : {"post", "pre"}, default="post"
        For convolutions and fully connected layers: the value behind their non-linearity, or the one that enters it
        (behind batch normalisation, where there is one). Layers without a non-linearity have one value.
    pooling : {"avg", "max", "spatial", "flatten"}, default="avg"
        One number per map, its average or maximum; averages over a grid of *pool_size* cells; or everything.
        Fully connected layers stay as they are.
    pool_size : int or (int, int), default=(3, 3)
        Rows and columns of the grid of ``pooling="spatial"``.
    l2 : bool, default=False
        Scale each layer's part of a row to unit length; a row of zeros stays zero.
    resize : {"crop", "warp"}, optional
        Shorter side to the size the weights ask for and the centre cut out, or the whole image warped to the input
        size. Default what the network's weights ask for: the crop for torchvision's, the warp for a `CNNClassifier`.
    batch_size : int, default=32
        Images in one forward pass; bounds the memory.
    device : str, default="auto"
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; ``"auto"`` takes a GPU if there is one.
    precision : {"float32", "bfloat16", "float16"}, default="float32"
        Numbers the network computes with; the weights are cast once. The features come out as float32. ``"float16"``
        needs a GPU.
    weights_dir : path, optional
        Folder looked into before a download; default the environment variable ``EYECRAFT_WEIGHTS``.
    random_state : int, default=0
        Seed of random weights.
    image_size : int or (int, int), optional
        Height and width of the network's input, pixels; default the network's own (224 for most).
    n_jobs : int, optional
        Threads that decode images. The network itself uses torch's threads.
    store : None, "default", path or FeatureStore, default=None
        Where rows are kept for the next time.

    Attributes
    ----------
    layers_ : list of str
        The layers tapped.
    weights_source_ : str
        File, address or "random start".
    image_size_ : (int, int)
        Height and width of the network's input, pixels.
    n_features_out_ : int
        Length of a row.

    Raises
    ------
    ValueError
        Unknown model, layer or weights (with the nearest names), weights of another architecture (with what differs), a
        checkpoint that would run code, a GPU asked for and absent, an input too small for the network.
    ConnectionError
        Weights that had to be downloaded and could not be; says where to put the file.

    Notes
    -----
    1. The network is in evaluation mode and without gradients, whatever mode a given module was in: batch statistics
       do not drift.
    2. A row depends on its image alone. In float32, rows from batches of different sizes agree within 1e-4 of their
       largest number, since the order of sums differs.
    3. On Caltech-101 warping the whole image beats cropping by about 4 points, and SqueezeNet's ``fire9`` with 3x3
       averages (``pooling="spatial"``, ``l2=True``) its global averages by another 4.

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
        resize: Literal["crop", "warp"] | None = None,
        batch_size: int = 32,
        device: str = "auto",
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
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
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
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
        self.layers_ = list(self._tap().layers)
        self.weights_source_ = self._network().source
        return self

    # -- the contract of ImageTransformer ------------------------------------------------------------------------------

    @property
    def _color(self) -> Literal["gray", "rgb"]:  # type: ignore[override]
        return self._preprocessing().color

    @property
    def _chunk_size(self) -> int:  # type: ignore[override]
        return max(64, self.batch_size)

    def _check_parameters(self) -> None:
        check_choice("activation", self.activation, ("post", "pre"))
        check_choice("pooling", self.pooling, POOLINGS)
        check_choice("resize", self.resize, (None, "crop", "warp"))
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("l2", self.l2, (False, True))
        check_pair("pool_size", self.pool_size, unit="cells")
        check_whole("batch_size", self.batch_size, at_least=1, unit="images")
        if self.image_size is not None:
            check_pair("image_size", self.image_size, unit="pixels")
        layers = [self.layers] if isinstance(self.layers, str) else self.layers
        if layers is not None and not (len(layers) and all(isinstance(layer, str) for layer in layers)):
            raise ValueError(f"`layers` must be the name of a layer or a list of names; got {self.layers!r}")
        if self.precision == "float16" and not check_device(self.device).startswith("cuda"):
            raise ValueError(
                "`precision`='float16' needs a GPU (device='cuda'); use 'bfloat16' or 'float32' on the CPU."
            )

    def _fixed_size(self) -> tuple[int, int] | None:
        """Return the size to decode to: none where a part is cut out of the image first."""
        preprocessing = self._preprocessing()
        return preprocessing.input_size if preprocessing.resize_size is None else None

    def _size_of(self, images: Images) -> tuple[int, int]:
        return self._preprocessing().input_size

    def _n_features(self, height: int, width: int) -> int:
        return sum(rows.shape[1] for rows in self._pooled(self._probe()))

    def _feature_names(self, height: int, width: int) -> list[str]:
        pool_size = check_pair("pool_size", self.pool_size)
        return [
            name
            for layer, values in zip(self._tap().layers, self._probe(), strict=True)
            for name in pooled_names(layer, values.shape[1:], self.pooling, pool_size)
        ]

    def _identity(self) -> dict[str, Any]:
        network = self._network()
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "code": self._code_version,
            "reader": READER_VERSION,
            "parameters": {
                "model": network.name,
                "weights": network.digest,
                "layers": list(self._tap().layers),
                "activation": self.activation,
                "pooling": self.pooling,
                "pool_size": list(check_pair("pool_size", self.pool_size)) if self.pooling == "spatial" else None,
                "l2": bool(self.l2),
                "precision": self.precision,
                "preprocessing": asdict(self._preprocessing()),
            },
        }

    def _compute(self, images: list[Any], positions: list[int]) -> Batch:
        start = time.perf_counter()
        preprocessing = self._preprocessing()
        n_jobs = min(effective_n_jobs(self.n_jobs), len(images))

        def prepare(image: Any, position: int) -> torch.Tensor:
            return preprocessing.prepare(self._read(image, position))

        pairs = zip(images, positions, strict=True)
        if n_jobs == 1:
            pixels = [prepare(*pair) for pair in pairs]
        else:
            pixels = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(prepare)(*pair) for pair in pairs)
        decoded = time.perf_counter()
        rows = [
            row
            for first in range(0, len(pixels), self.batch_size)
            for row in self._rows(torch.stack(pixels[first : first + self.batch_size]))
        ]
        return Batch(rows, decoded - start, time.perf_counter() - decoded)

    # -- the network ---------------------------------------------------------------------------------------------------

    def _rows(self, pixels: torch.Tensor) -> np.ndarray:
        """Return the rows of a uint8 batch (n, channels, height, width)."""
        parts = self._pooled(self._forward(pixels))
        if self.l2:
            parts = [torch.nn.functional.normalize(rows, dim=1) for rows in parts]
        return torch.cat(parts, dim=1).cpu().numpy()

    def _pooled(self, values: list[torch.Tensor]) -> list[torch.Tensor]:
        pool_size = check_pair("pool_size", self.pool_size)
        with torch.inference_mode():
            return [pool(value.float(), self.pooling, pool_size) for value in values]

    def _forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        device = check_device(self.device)
        with torch.inference_mode():
            images = pixels.to(device, memory_format=torch.channels_last)
            return self._tap()(self._preprocessing().normalise(images, getattr(torch, self.precision)))

    def _probe(self) -> list[torch.Tensor]:
        """Return the layers' values for one black image: their shapes."""
        height, width = self._preprocessing().input_size
        channels = len(self._preprocessing().mean)
        try:
            return self._forward(torch.zeros(1, channels, height, width, dtype=torch.uint8))
        except (RuntimeError, AssertionError) as error:
            raise ValueError(
                f"{self._network().name} cannot take images of {height} x {width} pixels with {channels} channels: "
                f"{str(error).splitlines()[0]}. Leave `image_size` out to use the network's own size, or enlarge it."
            ) from error

    def _preprocessing(self) -> Preprocessing:
        size = None if self.image_size is None else check_pair("image_size", self.image_size, unit="pixels")
        return self._network().preprocessing.adapted(size, self.resize)

    def _network(self) -> FrozenNetwork:
        return self._load()[0]

    def _tap(self) -> TappedNetwork:
        return self._load()[1]

    def _load(self) -> tuple[FrozenNetwork, TappedNetwork]:
        """Return the network and its tapped form, loaded anew when a parameter has changed since."""
        layers = self.layers if self.layers is None or isinstance(self.layers, str) else tuple(self.layers)
        where = (self.weights_dir, os.environ.get("EYECRAFT_WEIGHTS"))
        asked = (self.weights, where, layers, self.activation, self.device, self.precision, self.random_state)
        loaded: Any = getattr(self, "_loaded", None)
        if loaded is None or loaded[3] != asked or not _same(loaded[2], self.model):
            network = frozen_network(
                self.model,
                self.weights,
                weights_dir=self.weights_dir,
                seed=self.random_state,
                device=check_device(self.device),
                precision=self.precision,
            )
            names = default_layer(network.module) if layers is None else layers
            tap = TappedNetwork(network.module, [names] if isinstance(names, str) else names, self.activation)
            self._loaded = loaded = (network, tap, self.model, asked)
        return loaded[0], loaded[1]

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


def _same(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)
