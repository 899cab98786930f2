"""How a network came to be: its training epoch by epoch, and the filters of its first layer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from sklearn.pipeline import Pipeline

MOST_FILTERS = 64  # of one epoch
BESIDE = 16  # of each of several epochs
_FINEST = 16  # pixels: larger filters are shrunk to it
_COLUMNS = ("epoch", "train_loss", "train_acc", "valid_loss", "valid_acc", "lr", "dur")


@dataclass(frozen=True, eq=False)
class TrainingExhibit:
    """What a report shows of a trained network.

    Attributes
    ----------
    model : str
        Its name.
    history : dict of str to ndarray of shape (n_epochs,)
        ``epoch, train_loss, train_acc, lr, dur`` and, with held-out images, ``valid_loss, valid_acc``.
    filters : ndarray of shape (n_shown, height, width, 3), uint8
        First-layer filters at the end, zero weights being mid-grey; none where the network has no convolution.
    n_filters : int
        How many the layer has.
    epochs : list of int
        Those whose filters were kept in training.
    evolution : ndarray of shape (n_epochs_kept, n_beside, height, width, 3), uint8
        The filters that changed most, at each of those epochs.
    """

    model: str
    history: dict[str, np.ndarray]
    filters: np.ndarray
    n_filters: int
    epochs: list[int]
    evolution: np.ndarray

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the training as arrays without objects, for an ``.npz``."""
        meta = {"model": self.model, "n_filters": self.n_filters, "epochs": self.epochs}
        history = {f"history_{name}": values for name, values in self.history.items()}
        pictures = {"filters": self.filters, "evolution": self.evolution}
        return {**history, **pictures, "meta": np.array(json.dumps(meta))}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the training that `to_arrays` described; raises ``ValueError`` or ``KeyError`` if it did not."""
        meta = json.loads(str(arrays["meta"]))
        history = {name: arrays[f"history_{name}"] for name in _COLUMNS if f"history_{name}" in arrays}
        if "epoch" not in history:
            raise KeyError("history_epoch")
        return cls(history=history, filters=arrays["filters"], evolution=arrays["evolution"], **meta)


def training_of(estimator: Any) -> TrainingExhibit | None:
    """Gather how the network of a fitted pipeline was trained; None if there is none, or it was not trained here.

    Parameters
    ----------
    estimator : CNNClassifier, Pipeline that ends in one, or fitted search over one of them
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    history = getattr(estimator, "history_", None)
    if history is None or not hasattr(estimator, "module_") or not len(history):
        return None
    kept = {int(epoch): np.asarray(values) for epoch, values in (getattr(estimator, "filters_", None) or {}).items()}
    last = first_filters(estimator.module_)
    shown = np.zeros((0, 1, 1, 3), np.uint8) if last is None else _small(filter_pictures(last[:MOST_FILTERS]))
    evolution = np.zeros((0, 0, 1, 1, 3), np.uint8)
    if len(kept) > 1:
        chosen = most_changed(kept, BESIDE)
        evolution = np.stack([_small(filter_pictures(kept[epoch][chosen])) for epoch in sorted(kept)])
    return TrainingExhibit(
        model=str(estimator.settings_.model),
        history={name: np.asarray(history[name], np.float64) for name in _COLUMNS if name in history},
        filters=shown,
        n_filters=0 if last is None else len(last),
        epochs=sorted(kept) if len(kept) > 1 else [],
        evolution=evolution,
    )


def first_filters(network: Any) -> np.ndarray | None:
    """Return the weights of a network's first convolution, (n_filters, channels, height, width), if it has one."""
    for part in network.modules():
        if type(part).__name__ == "Conv2d":
            return np.asarray(part.weight.detach().float().cpu().numpy())
    return None


def filter_pictures(filters: np.ndarray) -> np.ndarray:
    """Draw filters, each scaled by its own largest weight.

    Parameters
    ----------
    filters : ndarray of shape (n, channels, height, width)

    Returns
    -------
    pictures : ndarray of shape (n, height, width, 3)
        Within [0, 1], zero weights being 0.5; other than three channels become their mean.
    """
    maps = filters if filters.shape[1] == 3 else filters.mean(axis=1, keepdims=True).repeat(3, axis=1)
    largest = np.abs(maps).max(axis=(1, 2, 3), keepdims=True)
    scaled = maps / np.where(largest > 0, largest, 1)
    return np.asarray((0.5 + 0.5 * scaled).transpose(0, 2, 3, 1))


def most_changed(filters: Mapping[int, np.ndarray], most: int) -> np.ndarray:
    """Return the numbers of the filters that changed most from the first epoch kept to the last, in rising order."""
    change = filter_lengths(filters[max(filters)] - filters[min(filters)])
    return np.sort(np.argsort(-change, kind="stable")[:most])


def filter_lengths(filters: np.ndarray) -> np.ndarray:
    """Return the Euclidean length of every filter."""
    return np.asarray(np.sqrt((filters.astype(np.float64) ** 2).sum(axis=(1, 2, 3))))


def _small(pictures: np.ndarray) -> np.ndarray:
    """Return pictures in [0, 1] as uint8 of at most 16 x 16 pixels."""
    height, width = (min(length, _FINEST) for length in pictures.shape[1:3])
    if (height, width) != pictures.shape[1:3]:
        pictures = np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA) for one in pictures])
    return np.rint(255 * pictures).astype(np.uint8)
