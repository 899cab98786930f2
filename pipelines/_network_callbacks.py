"""scikit-learn's callbacks around a training: told of every epoch, with a classifier that can answer already."""

import copy
from typing import Any

import numpy as np


class EpochTasks:
    """Tells the callbacks of a classifier about its training and its epochs.

    Parameters
    ----------
    classifier : CNNClassifier
        With callbacks set.
    X, y, sample_weight
        What it is trained on, as given.
    classes : ndarray
        Its labels.
    """

    def __init__(self, classifier: Any, X: Any, y: Any, sample_weight: Any, classes: np.ndarray) -> None:
        self.classifier, self.classes = classifier, classes
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.told: dict[str, Any] = {"estimator": classifier, "X": X, "y": y, "metadata": metadata}
        self.training = classifier._init_callback_context(max_subtasks=classifier.max_epochs)
        self.training.call_on_fit_task_begin(**self.told)

    @classmethod
    def of(cls, classifier: Any, X: Any, y: Any, sample_weight: Any, classes: np.ndarray) -> "EpochTasks | None":
        """Tell that a training begins; None where nobody listens."""
        listening = hasattr(classifier, "_skl_callbacks")  # scikit-learn's own sign
        return cls(classifier, X, y, sample_weight, classes) if listening else None

    def begin_epoch(self) -> None:
        """Tell that an epoch begins."""
        self.epoch = self.training.subcontext(task_name="epoch").call_on_fit_task_begin(**self.told)

    def end_epoch(self, net: Any) -> bool:
        """Tell that the epoch of the engine *net* is over; return whether a callback wants training to stop."""
        return bool(self.epoch.call_on_fit_task_end(**self.told, reconstruction_attributes=lambda: self._fitted(net)))

    def end(self) -> None:
        """Tell that the classifier is fitted."""
        self.training.call_on_fit_task_end(**self.told, reconstruction_attributes={})

    def _fitted(self, net: Any) -> dict[str, Any]:
        """Return what a copy of the classifier needs to predict."""
        network = copy.deepcopy(net.module_)
        if net.average is not None:
            net.average.give(network)
        preprocessing, settings = net.preprocessing, net.settings
        return {
            "module_": network,
            "classes_": self.classes,
            "preprocessing_": preprocessing,
            "settings_": settings,
        }
