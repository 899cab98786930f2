"""The experiment that taps every layer: which one of a frozen network serves best on other pictures.

M. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, Table 7: train a linear
classifier on the activations of each layer in turn, on the same splits, and see how far up the features get better.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from sklearn.pipeline import Pipeline

from eyecraft.features._checks import check_choice, check_pair
from eyecraft.features._store import FeatureStore, open_store
from eyecraft.features.learned import CNNFeatures
from eyecraft.features.learned.card import describe
from eyecraft.features.learned.pooling import POOLINGS

from ._entries import make_entries
from ._material import gather
from ._probe_result import ProbeResult, Tapped
from ._probe_rows import TappedRows
from ._probe_softmax import Softmax
from ._probe_sweep import Sweep, Tap, sweep_once
from ._splits import make_splits
from .compare import compare
from .linear_svm import LinearSVM

CLASSIFIERS = ("svm", "softmax")
_MOST_LAYERS = 16  # tapped of a network whose layers have no textbook names


class LayerProbe:
    """A linear classifier on every layer of a frozen network, over shared splits.

    Each image goes through the network once, for all layers, poolings, splits and classifiers together. The rows lie in
    the feature store, from which a later probe, or a pipeline on one of the layers, takes them.

    Parameters
    ----------
    model, weights
        As `eyecraft.features.CNNFeatures` takes them.
    layers : sequence of str, optional
        In the order they are to be shown. Default all that have textbook names (``conv1``, ``fire2``, ``stage3``,
        ``fc7``), in the order they run; of other networks at most 16, evenly spread.
    pooling : str or sequence of str, default="spatial"
        One or several of ``"spatial"``, ``"avg"``, ``"max"`` and ``"flatten"``; see `CNNFeatures`. Fully connected
        layers are measured with the first alone, since all give the same.
    pool_size : int or (int, int), default=(3, 3)
        Grid of ``"spatial"``.
    classifiers : sequence of {"svm", "softmax"}, default both
        One-vs-rest `LinearSVM` with C = 1, and multinomial logistic regression with C = 10.
    activation : {"post", "pre"}, default="post"
        Behind the layer's non-linearity or before it.
    l2 : bool, default=True
        Scale rows to unit length, so that one C suits all layers.
    resize : {"crop", "warp", "native"}, default="warp"
        Part of the image the network sees; see `CNNFeatures`.
    mean, std, device, precision, weights_dir, random_state, image_size, n_workers, n_jobs
        As `CNNFeatures` takes them.
    batch_size : optional
        Images in one forward pass; what `CNNFeatures` has by default.
    store : "default", path or FeatureStore
        Where the rows are kept. Where the default store is switched off, a temporary folder serves.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from eyecraft.pipelines.probe import LayerProbe
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(900, 5))
    >>> images = np.zeros((8, 32, 32, 3), dtype=np.uint8)
    >>> images[4:, :16] = 255
    >>> probe = LayerProbe(network, layers=["0", "2"], image_size=32, classifiers=["svm"])
    >>> result = probe.run(images, ["dark"] * 4 + ["light"] * 4, cv=2)
    >>> result.table()[["layer", "accuracy", "n_features"]]
      layer  accuracy  n_features
    0     0       1.0          36
    1     2       1.0          36
    """

    def __init__(
        self,
        model: Any = "squeezenet1_0",
        weights: Any = "DEFAULT",
        layers: Sequence[str] | None = None,
        *,
        pooling: str | Sequence[str] = "spatial",
        pool_size: int | tuple[int, int] = (3, 3),
        classifiers: Sequence[str] = CLASSIFIERS,
        activation: Literal["post", "pre"] = "post",
        l2: bool = True,
        resize: Literal["crop", "warp", "native"] | None = "warp",
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        device: str = "auto",
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
        weights_dir: str | os.PathLike[str] | None = None,
        random_state: int | None = 0,
        image_size: int | tuple[int, int] | None = None,
        batch_size: Any = None,
        n_workers: int | None = None,
        n_jobs: int | None = None,
        store: Any = "default",
    ) -> None:
        self.model = model
        self.weights = weights
        self.layers = layers
        self.pooling = pooling
        self.pool_size = pool_size
        self.classifiers = classifiers
        self.activation = activation
        self.l2 = l2
        self.resize = resize
        self.mean = mean
        self.std = std
        self.device = device
        self.precision = precision
        self.weights_dir = weights_dir
        self.random_state = random_state
        self.image_size = image_size
        self.batch_size = batch_size
        self.n_workers = n_workers
        self.n_jobs = n_jobs
        self.store = store

    def run(
        self,
        X: Any,
        y: Any = None,
        *,
        cv: Any = 5,
        against: Sequence[Any] = (),
        out: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        random_state: int | None = 0,
        command: str | None = None,
    ) -> ProbeResult:
        """Tap the layers and measure each on the same splits.

        Parameters
        ----------
        X : Dataset or sequence of images
        y : array of shape (n_images,), optional
            Labels; a `Dataset` brings its own.
        cv : int, splitter, iterable of (train, test), or "official"
            As `eyecraft.pipelines.compare` takes it.
        against : sequence
            Pipelines to measure beside the layers, drawn as horizontal lines: names of recipes, estimators or pairs
            ``(name, estimator)``.
        out : path, optional
            Folder for the results; the same call goes on where it was stopped.
        overwrite : bool
            Begin the folder anew.
        random_state : int, optional
            Seeds the folds and the recipes.
        command : str, optional
            The command line that asked for this, kept with the results.

        Returns
        -------
        ProbeResult

        Raises
        ------
        ValueError
            Unknown model, layer, pooling or classifier; data or splits that cannot be measured.
        KeyboardInterrupt
            When interrupted; rows of features are in the store and finished splits in *out*.
        """
        poolings, layers = self._poolings(), self._layers()
        material = gather(X, y, None)
        splits, _ = make_splits(cv, material, random_state)
        shared: dict[str, Any] = {"random_state": random_state, "device": self.device, "weights_dir": self.weights_dir}
        if against:
            make_entries(against, **shared)  # a wrong name is told now, not after the sweep
        with self._opened_store() as store:
            sweep = Sweep(layers=layers, **self._options(), l2=self.l2, store=None)
            sweep.poolings = poolings
            used = material.images[np.unique(np.concatenate([part for split in splits for part in split]))]
            sweep.fit(used[:1])
            taps = sweep.taps(self._cost_of())
            sweep_once(sweep, taps, used, store)
            tapped, entries = [], []
            for tap in taps:
                for kind in self.classifiers:
                    tapped.append(Tapped(tap.layer, tap.pooling, kind))
                    steps = [("features", self._features(tap, sweep, store)), ("classifier", _classifier(kind))]
                    entries.append((tapped[-1].name, Pipeline(steps)))
            comparison = compare(
                [*entries, *against],
                X,
                y,
                cv=cv,
                out=out,
                overwrite=overwrite,
                n_jobs=self.n_jobs,
                command=command,
                **shared,
            )
        result = ProbeResult(comparison, tapped, self._about(sweep))
        if out is not None:
            result.save(out)
        return result

    def _about(self, sweep: Sweep) -> dict[str, Any]:
        return {
            "model": self.model if isinstance(self.model, str) else type(self.model).__name__,
            "weights": sweep.weights_source_,
            "activation": self.activation,
            "pool_size": list(check_pair("pool_size", self.pool_size)),
            "l2": bool(self.l2),
            "image_size": list(sweep.image_size_),
        }

    def _features(self, tap: Tap, sweep: Sweep, store: FeatureStore) -> TappedRows:
        options: dict[str, Any] = {"pooling": tap.pooling, "l2": self.l2, **self._options()}
        length = tap.columns.stop - tap.columns.start
        return TappedRows(
            CNNFeatures(layers=tap.layer, **options), tap.key, length, image_size=sweep.image_size_, store=store
        )

    def _options(self) -> dict[str, Any]:
        """Return the parameters that all extractors share."""
        names = ("model", "weights", "activation", "pool_size", "resize", "mean", "std", "device", "precision")
        more = ("weights_dir", "random_state", "image_size", "n_workers", "n_jobs")
        options = {name: getattr(self, name) for name in (*names, *more)}
        return options if self.batch_size is None else {**options, "batch_size": self.batch_size}

    def _poolings(self) -> list[str]:
        poolings = [self.pooling] if isinstance(self.pooling, str) else list(self.pooling)
        for pooling in poolings:
            check_choice("pooling", pooling, POOLINGS)
        for classifier in self.classifiers:
            check_choice("classifiers", classifier, CLASSIFIERS)
        if not poolings or not len(self.classifiers):
            raise ValueError("`pooling` and `classifiers` must each name at least one; got an empty list")
        return list(dict.fromkeys(poolings))

    def _layers(self) -> list[str]:
        if self.layers is None:
            return default_layers(self.model, self.image_size)
        if isinstance(self.layers, str) or not len(self.layers):
            raise ValueError(f"`layers` must be a list of names of layers; got {self.layers!r}")
        return list(dict.fromkeys(self.layers))

    def _cost_of(self) -> Callable[[str], float]:
        """Return a function from a layer's name to the share of the network's work that leads to it."""
        try:
            card = describe(self.model, self.image_size)
        except ValueError:  # a network only its maker can run: every layer then counts as the last
            return lambda _: 1.0
        done, shares = 0, {}
        for layer in card:
            done += layer.multiply_adds
            shares[layer.name] = done / max(card.multiply_adds, 1)

        def share(name: str) -> float:
            return shares.get(card.aliases.get(name, name), 1.0)

        return share

    @contextmanager
    def _opened_store(self) -> Iterator[FeatureStore]:
        store = open_store("default" if self.store is None else self.store)
        if store is not None:
            yield store
            return
        with tempfile.TemporaryDirectory(prefix="eyecraft-probe-") as folder:
            yield FeatureStore(folder)


def _classifier(kind: str) -> Any:
    return LinearSVM() if kind == "svm" else Softmax()


def default_layers(model: Any, image_size: int | tuple[int, int] | None = None) -> list[str]:
    """Return the layers a probe taps unless told: those with textbook names, else at most 16, in the order they run.

    Examples
    --------
    >>> from eyecraft.pipelines.probe import default_layers
    >>> default_layers("alexnet")[-4:]
    ['pool5', 'fc6', 'fc7', 'fc8']
    """
    card = describe(model, image_size)
    named = [layer.alias for layer in card if layer.alias]
    if any(name.startswith("stage") for name in named):  # the blocks between are many, and alike
        named = [name for name in named if not name.startswith("block")]
    if named:
        return named
    shaping = [layer.name for layer in card if layer.name and not layer.shapes_nothing]
    if not shaping:
        raise ValueError(f"{card.name} has no layers with names; give `layers`")
    chosen = np.linspace(0, len(shaping) - 1, min(_MOST_LAYERS, len(shaping))).round().astype(int)
    return [shaping[position] for position in chosen]
