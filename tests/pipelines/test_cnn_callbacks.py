"""scikit-learn's callbacks on a `CNNClassifier`: told of every epoch, able to ask and to stop."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.pipeline import Pipeline

from eyecraft.pipelines import CNNClassifier

Bars = tuple[np.ndarray, np.ndarray]


class Diary:
    """Writes down what it is told; stops the training after some epochs."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after, self.lines = stop_after, []
        self.accuracies: list[float] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Before the training."""
        self.lines.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        """After the training, whatever happened."""
        self.lines.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Before the training, and before each epoch."""
        self.lines.append(f"{context.task_name} {context.task_id} begins")

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, y: Any = None, fitted_estimator: Any = None
    ) -> bool:
        """After each epoch, and after the training."""
        self.lines.append(f"{context.task_name} {context.task_id} ends")
        if fitted_estimator is not None:  # a pipeline has none on its way
            self.accuracies.append(fitted_estimator.score(X, y))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after


class PropagatedDiary(Diary):
    """Goes from a pipeline down to its steps."""

    max_propagation_depth = None


@pytest.fixture
def bars() -> Bars:
    """Return 24 gray images, dark ones and light ones."""
    images = np.random.default_rng(0).integers(0, 100, (24, 8, 8), dtype=np.uint8)
    images[::2] += 120
    return images, np.array(["light", "dark"] * 12)


def quick(**parameters: Any) -> CNNClassifier:
    """Return a classifier that trains in an instant."""
    return CNNClassifier(**{"max_epochs": 3, "batch_size": 12, "device": "cpu", "random_state": 0, **parameters})


@pytest.mark.parametrize("parameters", [{}, {"ema_decay": 0.5}, {"max_epochs": None, "weights": None}])
def test_told_of_every_epoch(parameters: dict[str, Any], bars: Bars) -> None:
    """In order, each with a classifier that answers; the weights are those of a training nobody listens to."""
    diary = Diary(stop_after=2 if parameters.get("max_epochs", 3) is None else None)
    classifier = quick(**parameters).set_callbacks(diary).fit(*bars)
    n_epochs = len(classifier.history_)
    epochs = [f"epoch {k} {what}" for k in range(n_epochs) for what in ("begins", "ends")]
    assert diary.lines == ["setup", "fit 0 begins", *epochs, "fit 0 ends", "teardown"]
    assert len(diary.accuracies) == n_epochs + 1
    assert diary.accuracies[-1] == diary.accuracies[-2] == classifier.score(*bars)
    if diary.stop_after is None:
        alone = quick(**parameters).fit(*bars)
        np.testing.assert_array_equal(classifier.decision_function(bars[0]), alone.decision_function(bars[0]))


def test_callback_stops_the_training(bars: Bars) -> None:
    """After the epoch in which it says so."""
    classifier = quick().set_callbacks(Diary(stop_after=2)).fit(*bars)
    assert classifier.history_["epoch"].tolist() == [1, 2]


def test_torn_down_when_training_fails(bars: Bars) -> None:
    """So that a progress bar does not stay behind."""
    diary = Diary()
    with pytest.raises(ValueError, match="diverged"):
        quick(lr=1e9, schedule=None, loss="mse").set_callbacks(diary).fit(*bars)
    assert diary.lines[-1] == "teardown"


def test_scores_of_every_epoch(bars: Bars) -> None:
    """scikit-learn's own monitor, with weights for the images; a clone keeps it."""
    monitor = ScoringMonitor(scoring="accuracy")
    classifier = clone(quick().set_callbacks(monitor)).fit(*bars, sample_weight=np.ones(24))
    rows = monitor.get_logs().data
    epochs = [row["accuracy"] for row in rows if row["task_name"] == "epoch"]
    assert len(epochs) == 3
    assert epochs[-1] == classifier.score(*bars)


def test_from_a_pipeline_down(bars: Bars) -> None:
    """Set on the pipeline, told of the network's epochs."""
    diary = PropagatedDiary()
    Pipeline([("network", quick())]).set_callbacks(diary).fit(*bars)
    assert sum(line.startswith("epoch") for line in diary.lines) == 6
