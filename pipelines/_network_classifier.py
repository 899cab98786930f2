"""What a network does as a scikit-learn classifier; `CNNClassifier` gives it its parameters."""

import copy
import functools
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils.validation import check_is_fitted
from torch import nn

from eyecraft.data import check_images
from eyecraft.features.learned.frozen import check_device

from ._memory import Dealer
from ._network_callbacks import EpochTasks
from ._network_engine import casting
from ._network_fit import Fitted, plan_of, read_images, run, search_only, seed_of
from ._network_models import as_ordered, scores_of
from ._network_portions import run_once_through
from ._network_settings import check_parameters
from ._rate_search import RateSearch
from ._training import (
    Images,
    check_classes,
    check_labels,
    check_weighted,
    image_weights,
    known_codes,
    listed,
    unseen_labels,
)

_NO_MATTER = ("n_jobs", "verbose", "checkpoint_dir", "keep_filters", "warm_start", "random_state")  # to partial_fit


class NetworkClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Fitting and answering; the parameters are those of `CNNClassifier`."""

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NetworkClassifier":
        """Train the network.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or encoded bytes; see `eyecraft.data.read_image`.
        y : array-like of shape (n_images,)
            Labels: strings, numbers.
        sample_weight : array-like of shape (n_images,), optional
            How much each image counts; scaled to a mean of 1.

        Returns
        -------
        self
        """
        check_parameters(self)
        sources = check_images(X)
        classes, codes = check_labels(y, len(sources))
        tasks = EpochTasks.of(self, X, y, sample_weight, classes)
        old = self._old(classes) if self.warm_start and hasattr(self, "module_") else None
        plan = plan_of(self) if old is None else replace(self._plan, network=None)
        weights = image_weights(sample_weight, self.class_weight, classes, codes)
        check_weighted(weights, classes, codes)
        images = read_images(self, plan, sources, codes, weights, None if old is None else old[1])
        fitted = run(self, plan, images, classes, old, tasks)
        self.classes_ = classes
        self._take(fitted)
        self.history_ = fitted.epochs.table()
        self.filters_ = fitted.epochs.filters
        self.rate_search_ = fitted.search
        self._seeds: np.random.RandomState | None = None  # of `partial_fit`, drawn when it comes
        if tasks is not None:
            tasks.end()
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "NetworkClassifier":
        """Run once through some images, at a rate that stays as it is.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like, optional
            All labels there will ever be; read in the first call, where it defaults to those in *y*.

        Returns
        -------
        self

        Notes
        -----
        Mean and standard deviation of the pixels are those of the first call's images. Early stopping, checkpoints,
        the schedule and the search for a rate take no part. Parameters changed in between (``set_params(lr=...)``) hold
        from the next call on, with a new optimiser. A call that fails leaves the network as it was.
        """
        check_parameters(self)
        sources = check_images(X)
        if not hasattr(self, "module_"):
            self.classes_ = check_classes(y if classes is None else classes)
        codes = known_codes(y, len(sources), self.classes_)
        weights = image_weights(sample_weight, self.class_weight, self.classes_, codes)
        new = not hasattr(self, "module_")
        plan = plan_of(self) if new else self._plan
        images = read_images(self, plan, sources, codes, weights, None if new else self.preprocessing_)
        seeds = getattr(self, "_seeds", None) or np.random.RandomState(seed_of(self.random_state, None))
        self._seeds = seeds
        old = None if new else (self.module_, self.preprocessing_)
        last = self._last if self._parameters() == getattr(self, "_trained_with", None) else None
        fitted = run_once_through(self, plan, images, self.classes_, seeds, old, last)
        self._take(fitted)
        row = fitted.epochs.table()
        if new:
            self.filters_, self.rate_search_ = {}, None
        else:
            row["epoch"] += len(self.history_)
            row = pd.DataFrame([*self.history_.to_dict("records"), *row.to_dict("records")])
        self.history_ = row
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the label with the highest score of each image, shape (n_images,)."""
        scores = self._scores(X)
        return self.classes_[scores.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class in the order of `classes_`, shape (n_images, n_classes).

        They are the softmax of the scores: what cross-entropy trains. After another loss they only rank the classes.
        """
        return torch.from_numpy(self._scores(X)).double().softmax(dim=1).numpy()

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the network's scores.

        Parameters
        ----------
        X : sequence of images
            As for `fit`.

        Returns
        -------
        scores : ndarray of shape (n_images, n_classes), or (n_images,) with two classes
            Of two classes, the score of ``classes_[1]`` less that of ``classes_[0]``.
        """
        scores = self._scores(X)
        return scores if len(self.classes_) > 2 else scores[:, 1] - scores[:, 0]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of images whose label is predicted.

        Warns
        -----
        UserWarning
            For labels in *y* that were not there in training: no prediction can be right.
        """
        unseen = unseen_labels(y, self.classes_) if hasattr(self, "classes_") else []
        if unseen:
            warnings.warn(
                f"`y` has labels that were not there in training, {listed(unseen)}: their images count as errors.",
                stacklevel=2,
            )
            right = [one == other for one, other in zip(self.predict(X).tolist(), np.asarray(y).tolist(), strict=True)]
            return float(np.average(right, weights=sample_weight))
        return float(super().score(X, y, sample_weight))

    def search_rate(self, X: Any, y: Any, sample_weight: Any = None) -> RateSearch:
        """Look for a rate of learning on a hundred steps of a copy; the classifier is not changed.

        Returns
        -------
        search : RateSearch
            ``search.suggestion``, to be given as `lr`, and ``search.curve``, a data frame of ``lr``, ``loss``,
            ``smooth``. ``lr="find"`` does this inside `fit`.
        """
        check_parameters(self)
        sources = check_images(X)
        classes, codes = check_labels(y, len(sources))
        plan = plan_of(self)
        weights = image_weights(sample_weight, self.class_weight, classes, codes)
        check_weighted(weights, classes, codes)
        return search_only(self, plan, read_images(self, plan, sources, codes, weights), classes)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _take(self, fitted: Fitted) -> None:
        """Keep what a training has left behind."""
        training = fitted.training
        self.module_: nn.Module = fitted.engine.module_
        self.preprocessing_ = training.preprocessing
        self.settings_ = training.settings
        self._plan = replace(training.plan, network=None)
        self._last, self._trained_with = fitted.without_images(), self._parameters()

    def _parameters(self) -> dict[str, Any]:
        """Return the parameters that a training depends on."""
        return {name: value for name, value in self.get_params(deep=False).items() if name not in _NO_MATTER}

    def _old(self, classes: np.ndarray) -> tuple[nn.Module, Any]:
        """Return network and preprocessing to go on with, for `warm_start`."""
        if classes.tolist() != self.classes_.tolist():
            come, gone = unseen_labels(classes, self.classes_), unseen_labels(self.classes_, classes)
            parts = [f"new: {listed(come)}"] if come else []
            parts += [f"gone: {listed(gone)}"] if gone else []
            raise ValueError(
                f"`warm_start` goes on with the same classes; these differ ({'; '.join(parts)}). Set warm_start=False "
                "to begin anew."
            )
        return copy.deepcopy(self.module_), self.preprocessing_  # what is there stays, should this training fail

    def _scores(self, X: Any) -> np.ndarray:
        """Return the scores of every class, shape (n_images, n_classes)."""
        check_is_fitted(self, "module_")
        sources = check_images(X)
        preprocessing, device = self.preprocessing_, check_device(self.device)
        images = Images(
            sources, np.zeros(len(sources), int), preprocessing.input_size, preprocessing.color, self.n_jobs
        )
        network = self.module_.to(device).eval()
        dealer = Dealer(device=device)

        def forward(pixels: torch.Tensor, bounds: list[tuple[int, int]]) -> torch.Tensor:
            with torch.inference_mode(), casting(self.settings_.precision, device):
                parts = (preprocessing.normalise(pixels[start:stop].to(device)) for start, stop in bounds)
                return torch.cat([scores_of(network(as_ordered(network, part))).float().cpu() for part in parts])

        rows = []
        for first in range(0, len(images), self.batch_size):
            pixels = images.decode(range(first, min(first + self.batch_size, len(images))))
            rows.append(dealer.run(len(pixels), functools.partial(forward, pixels)))
        return _numbers(torch.cat(rows).numpy())

    def __getstate__(self) -> dict[str, Any]:
        """Leave the engine out, and anything of a GPU: the pickle is read on any machine."""
        state = dict(super().__getstate__())
        state.pop("_last", None)
        state.pop("_trained_with", None)
        if "module_" in state:
            state["module_"] = copy.deepcopy(state["module_"]).cpu()
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "module_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation = True
        tags.non_deterministic = self.random_state is None
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def _numbers(scores: np.ndarray) -> np.ndarray:
    """Return scores (n_images, n_classes), if all of them are numbers."""
    wrong = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(wrong):
        raise ValueError(
            f"A network's scores must be finite numbers; those of {len(wrong)} of {len(scores)} images are not, image "
            f"{wrong[0]} the first. No answers are given. The weights are damaged, or too large for what `precision` "
            "can hold: train again with a smaller `lr`, or with precision='float32'."
        )
    return scores
