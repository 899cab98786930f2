"""A convolutional network as a scikit-learn classifier, trained from scratch.

The engine of training is skorch, held inside; what is added here are image lists, string labels, a `random_state`, and
standardisation learned from the training images.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import LRScheduler, PrintLog
from skorch.helper import predefined_split
from torch import nn

from eyecraft.data import check_images
from eyecraft.features._checks import check_choice, check_number, check_pair, check_whole
from eyecraft.features._progress import progress
from eyecraft.features.learned.frozen import check_device
from eyecraft.features.learned.networks import LENET5_IMAGE_SIZE, LeNet5

from ._training import (
    Images,
    Net,
    Stop,
    Watch,
    as_fetched,
    as_gray_if_gray,
    check_labels,
    standardisation,
    torch_threads,
)

_MODELS: dict[str, tuple[Callable[..., nn.Module], int]] = {"lenet5": (LeNet5, LENET5_IMAGE_SIZE)}
_OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
_COLUMNS = ("epoch", "train_loss", "valid_loss", "valid_acc", "lr", "dur")


class CNNClassifier(ClassifierMixin, BaseEstimator):
    """A convolutional network, from images to class probabilities.

    Parameters
    ----------
    model : "lenet5" or callable, default="lenet5"
        LeNet-5 (see `eyecraft.features.LeNet5` for where it differs from LeCun 1998), or anything that returns a
        ``torch.nn.Module`` when called with ``(in_channels, n_classes)`` and gives one logit per class.
    image_size : int or (int, int), optional
        Height and width the images are warped to, pixels; default the model's own, 32 for LeNet-5.
    color : {"auto", "gray", "rgb"}, default="auto"
        Channels the network sees; ``"auto"`` is gray if every training image is gray.
    max_epochs : int, default=30
        Runs through the training images.
    batch_size : int, default=64
        Images per step.
    optimizer : {"sgd", "adam", "adamw"}, default="sgd"
        Stochastic gradient descent with Nesterov momentum, or one of the adaptive methods.
    lr : float, default=0.05
        Rate of learning at the start. Adaptive methods want about 0.003.
    momentum : float, default=0.9
        Of ``"sgd"``; without effect on the others.
    weight_decay : float, default=5e-4
        Strength of the l2 penalty.
    schedule : {"cosine", None}, default="cosine"
        Let the rate fall to zero along half a cosine, or keep it.
    augment : {"shift", None}, default="shift"
        Move each training image at random by up to 1/16 of its sides; never in prediction.
    early_stopping : bool, default=False
        Hold out a part of the training images, stop when its loss has not improved for `patience` epochs, and keep the
        best weights.
    validation_fraction : float, default=0.1
        Share held out, class by class.
    patience : int, default=10
        Epochs without improvement before training stops.
    device : str, default="auto"
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; ``"auto"`` takes a GPU if there is one.
    random_state : int, RandomState or None, default=None
        Same number, same weights to the last bit on the same machine with the same number of threads. torch's global
        generator is left as it was.
    n_jobs : int, optional
        Threads that decode images.
    verbose : int, default=0
        1 prints a line per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in sorted order.
    net_ : skorch.NeuralNetClassifier
        The engine, fitted; ``net_.module_`` is the network.
    preprocessing_ : Preprocessing
        Size, and mean and standard deviation of the training images.
    history_ : DataFrame
        One row per epoch: ``epoch, train_loss, lr, dur`` (seconds), with early stopping ``valid_loss, valid_acc``.

    Raises
    ------
    ValueError
        One class only; more labels than images; a class too small to hold images of it out; a GPU asked for and
        absent; a loss that runs away (says at which step, and suggests a rate).

    Notes
    -----
    1. Decoded images are kept in memory while they take no more than a quarter of what is free; more are decoded
       again for each batch.
    2. LeNet-5 is trained on one CPU thread, being too small to gain from more; its weights then do not depend on the
       number of cores. A thousand gray images take it about 0.12 s per epoch.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", Proceedings
    of the IEEE 86(11), 1998. doi:10.1109/5.726791

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.pipelines import CNNClassifier
    >>> images = np.zeros((40, 8, 8), dtype=np.uint8)
    >>> images[:20, :, 2:4] = 255  # a stroke upwards
    >>> images[20:, 5:7, :] = 255  # a stroke across
    >>> labels = ["up"] * 20 + ["across"] * 20
    >>> classifier = CNNClassifier(max_epochs=5, batch_size=8, random_state=0).fit(images, labels)
    >>> classifier.predict(images[[0, 39]])
    array(['up', 'across'], dtype='<U6')
    """

    def __init__(
        self,
        model: "str | Callable[[int, int], nn.Module]" = "lenet5",
        *,
        image_size: int | tuple[int, int] | None = None,
        color: Literal["auto", "gray", "rgb"] = "auto",
        max_epochs: int = 30,
        batch_size: int = 64,
        optimizer: Literal["sgd", "adam", "adamw"] = "sgd",
        lr: float = 0.05,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        schedule: Literal["cosine"] | None = "cosine",
        augment: Literal["shift"] | None = "shift",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        device: str = "auto",
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.image_size = image_size
        self.color = color
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.augment = augment
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    # -- scikit-learn's side -------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any) -> "CNNClassifier":
        """Train the network from scratch.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or encoded bytes; see `eyecraft.data.read_image`.
        y : array-like of shape (n_images,)
            Labels: strings, numbers.

        Returns
        -------
        self
        """
        self._check_parameters()
        sources = check_images(X)
        self.classes_, codes = check_labels(y, len(sources))
        images = Images(sources, codes, self._size(), "gray" if self.color == "gray" else "rgb", self.n_jobs).hold()
        if self.color == "auto":
            images = as_gray_if_gray(images)
        random = check_random_state(self.random_state)
        training, held_out = self._split(images, random)
        self.preprocessing_ = standardisation(training)
        device = check_device(self.device)
        numbers = [torch.device(device).index or 0] if device.startswith("cuda") else []
        with torch.random.fork_rng(devices=numbers), torch_threads(1 if self.model == "lenet5" else None):
            torch.manual_seed(int(random.randint(2**31 - 1)))
            self._train(training, held_out, device)
        self.history_ = self._table()
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable label of each image, shape (n_images,)."""
        logits = self.decision_function(X, every_class=True)
        return self.classes_[logits.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class in the order of `classes_`, shape (n_images, n_classes)."""
        logits = self.decision_function(X, every_class=True)
        return torch.from_numpy(logits).double().softmax(dim=1).numpy()

    def decision_function(self, X: Any, *, every_class: bool = False) -> np.ndarray:
        """Return the logits.

        Parameters
        ----------
        X : sequence of images
            As for `fit`.
        every_class : bool, default=False
            Of two classes, return both logits instead of their difference, which is what scikit-learn expects.

        Returns
        -------
        logits : ndarray of shape (n_images, n_classes), or (n_images,) with two classes
        """
        check_is_fitted(self, "net_")
        sources = check_images(X)
        color = self.preprocessing_.color
        images = Images(sources, np.zeros(len(sources), int), self.preprocessing_.input_size, color, self.n_jobs)
        logits = self.net_.forward(images, training=False).float().numpy()
        return logits if every_class or len(self.classes_) > 2 else logits[:, 1] - logits[:, 0]

    @property
    def module_(self) -> nn.Module:
        """The trained network, for `eyecraft.features.CNNFeatures` to tap."""
        check_is_fitted(self, "net_")
        return self.net_.module_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation = True
        tags.non_deterministic = self.random_state is None
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    # -- checks --------------------------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        if isinstance(self.model, str) or not callable(self.model):
            check_choice("model", self.model, _MODELS)
        elif self.image_size is None:
            raise ValueError("`image_size` must be given where `model` is a network of your own; it has no default.")
        check_choice("color", self.color, ("auto", "gray", "rgb"))
        check_choice("optimizer", self.optimizer, _OPTIMIZERS)
        check_choice("schedule", self.schedule, ("cosine", None))
        check_choice("augment", self.augment, ("shift", None))
        check_whole("max_epochs", self.max_epochs, at_least=1)
        check_whole("batch_size", self.batch_size, at_least=1, unit="images")
        check_whole("patience", self.patience, at_least=1, unit="epochs")
        check_number("lr", self.lr, above=0)
        check_number("momentum", self.momentum, at_least=0, at_most=1)
        check_number("weight_decay", self.weight_decay, at_least=0)
        check_number("validation_fraction", self.validation_fraction, above=0, at_most=0.9)
        if self.model == "lenet5" and self._size() != (LENET5_IMAGE_SIZE, LENET5_IMAGE_SIZE):
            raise ValueError(f"`image_size` must be {LENET5_IMAGE_SIZE} pixels for LeNet-5; got {self.image_size!r}")

    def _size(self) -> tuple[int, int]:
        if self.image_size is None:
            side = _MODELS[str(self.model)][1]
            return side, side
        return check_pair("image_size", self.image_size, unit="pixels")

    def _split(self, images: Images, random: np.random.RandomState) -> tuple[Images, Images | None]:
        """Return the images to train on, and those held out for early stopping."""
        if not self.early_stopping:
            return images, None
        counts = torch.bincount(images.codes)
        if counts.min() < 2:
            label = self.classes_[int(counts.argmin())]
            raise ValueError(
                f"`early_stopping` holds out images of every class, which takes at least 2 each; {str(label)!r} has 1. "
                "Add images, or set early_stopping=False."
            )
        part = max(round(self.validation_fraction * len(images)), len(self.classes_))
        positions = np.arange(len(images))
        train, test = train_test_split(positions, test_size=part, stratify=images.codes.numpy(), random_state=random)
        return images.part(np.sort(train)), images.part(np.sort(test))

    # -- training ------------------------------------------------------------------------------------------------------

    def _train(self, training: Images, held_out: Images | None, device: str) -> None:
        build = _MODELS[self.model][0] if isinstance(self.model, str) else self.model
        n_steps = self.max_epochs * -(-len(training) // self.batch_size)
        with progress("CNNClassifier: epochs", self.max_epochs) as advance:
            watch = Watch(advance)
            net = Net(
                functools.partial(build, len(self.preprocessing_.mean), len(self.classes_)),
                preprocessing=self.preprocessing_,
                augment=self.augment,
                criterion=nn.CrossEntropyLoss,
                classes=list(range(len(self.classes_))),
                max_epochs=self.max_epochs,
                batch_size=self.batch_size,
                lr=self.lr,
                train_split=None if held_out is None else predefined_split(held_out),
                iterator_train__shuffle=True,
                iterator_train__collate_fn=as_fetched,
                iterator_valid__collate_fn=as_fetched,
                callbacks=self._callbacks(n_steps, watch, stop=held_out is not None),
                callbacks__print_log=PrintLog() if self.verbose else None,
                verbose=self.verbose,
                device=device,
                **self._optimizer_options(),
            )
            net.fit(training, None)
            watch.advance = net.train_split = None  # a closed bar and the held-out images: not to be pickled
        if net.interrupted:
            raise KeyboardInterrupt
        self.net_ = net

    def _optimizer_options(self) -> dict[str, Any]:
        options = {"optimizer": _OPTIMIZERS[self.optimizer], "optimizer__weight_decay": self.weight_decay}
        if self.optimizer == "sgd":
            options |= {"optimizer__momentum": self.momentum, "optimizer__nesterov": self.momentum > 0}
        return options

    def _callbacks(self, n_steps: int, watch: Watch, *, stop: bool) -> list[tuple[str, Any]]:
        callbacks: list[tuple[str, Any]] = [("watch", watch)]
        if self.schedule == "cosine":
            policy = torch.optim.lr_scheduler.CosineAnnealingLR
            callbacks.append(("schedule", LRScheduler(policy, T_max=n_steps, step_every="batch", event_name=None)))
        if stop:
            sink = print if self.verbose else _nowhere
            callbacks.append(("stop", Stop("valid_loss", patience=self.patience, load_best=True, sink=sink)))
        return callbacks

    def _table(self) -> pd.DataFrame:
        rows = [{name: row[name] for name in _COLUMNS if name in row} for row in self.net_.history]
        return pd.DataFrame(rows)


def _nowhere(*args: Any, **kwargs: Any) -> None:
    """Print nothing."""
