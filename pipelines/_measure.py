"""One pipeline on one split, measured: answers, scores, seconds per stage and peak memory."""

import logging
import os
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline

from eyecraft.features import ImageTransformer, TrainingSpan
from eyecraft.features._timing import record_stages

from ._entries import is_network, parts
from ._exhibits import exhibit_of, keep_for_exhibit
from ._model_cost import weights_digest
from ._peaks import peak_gpu_memory, peak_memory
from ._pricing import pack_fitted
from ._rows import Row
from ._scoring import Answers, Scorer, accuracy, mean_class_accuracy

_log = logging.getLogger("eyecraft")


@dataclass(frozen=True)
class Task:
    """What `measure` needs to know, small enough to be sent to another process."""

    row: Row
    estimator: Any
    train: np.ndarray
    test: np.ndarray
    metrics: Mapping[str, Scorer | None]
    costs: Mapping[str, float] = field(default_factory=dict)  # seconds per image of features computed beforehand
    n_threads: int | None = None

    def with_costs(self, costs: Mapping[str, float]) -> "Task":
        """Return the task with the costs known."""
        return replace(self, costs=costs)

    def with_threads(self, n_jobs: int | None) -> "Task":
        """Return the task with so many threads for the extractors, where nobody gave them a number of their own."""
        return replace(self, n_threads=n_jobs if n_jobs != 1 else None)


def measure(task: Task, images: np.ndarray, labels: np.ndarray) -> Row:
    """Fit and test one pipeline; an exception becomes the row's error, an interruption passes."""
    row, fitted = task.row, None
    with peak_memory() as peak, peak_gpu_memory() as gpu_peak:
        try:
            fitted = _run(task, images, labels)
        except Exception as error:
            failed(row, error)
    row.peak_memory, row.gpu_memory = peak(), gpu_peak()
    if fitted is not None and row.split == 0:  # what follows is in no stage that was timed
        row.weights = _weights(row.pipeline, fitted)
        row.fitted = fitted
        row.exhibit = exhibit_of(row.pipeline, fitted, images, labels, task.train, task.test, row.predicted)
    return row


def _weights(name: str, fitted: Any) -> str | None:
    try:
        return weights_digest(fitted)
    except Exception:  # the row stands without it
        _log.info("the weights of pipeline %r could not be told", name, exc_info=True)
        return None


def measure_elsewhere(task: Task, images: np.ndarray, labels: np.ndarray) -> Row:
    """Do as `measure` in a worker process, whose progress bars would run over those of the process that asked."""
    os.environ["EYECRAFT_PROGRESS"] = "0"
    return pack_fitted(measure(task, images, labels))


def runs_in_parallel(estimator: Any, extracted: list[Any], images: np.ndarray) -> bool:
    """Tell whether splits may run in several processes at once.

    Networks must not: each would take all cores and its own copy of the weights. Networks whose features are in the
    store are not run. Images that are Python objects would be copied to every process again and again.
    """
    done = {id(part) for extractor in extracted for part in parts(extractor)}
    left = [part for part in parts(estimator) if id(part) not in done]
    return images.dtype != object and not any(map(is_network, left))


def failed(row: Row, error: Exception) -> Row:
    """Return the row with an exception in place of a result."""
    row.error, row.traceback = _sentence(error), "".join(traceback.format_exception(error))
    return row


def _run(task: Task, images: np.ndarray, labels: np.ndarray) -> Any:
    """Fill in the row and return the fitted pipeline."""
    row, train, test = task.row, task.train, task.test
    estimator = clone(task.estimator)
    if row.split == 0:
        keep_for_exhibit(estimator)
    for part in parts(estimator):
        if isinstance(part, ImageTransformer) and part.n_jobs is None:
            part.set_params(n_jobs=task.n_threads)
    with _stage(row, "fit", len(train)):
        estimator.fit(images[train], labels[train])
    row.n_features = feature_length(estimator)
    answers = Answers(estimator, images[test])
    with _stage(row, "predict", len(test)):
        predicted = np.asarray(answers.predict(answers.images))
    if predicted.shape != (len(test),):
        raise ValueError(
            f"predict gave an array of shape {predicted.shape} for {len(test)} images; one answer each is needed"
        )
    for stage in ("decode", "extract"):
        row.n_images[stage] = len(train) + len(test)
        row.seconds[stage] = row.seconds.get(stage, 0.0) + task.costs.get(stage, 0.0) * row.n_images[stage]
    row.predicted = np.array([str(answer) for answer in predicted.tolist()], dtype=str)
    _score(row, task.metrics, answers, labels[test], predicted)
    return estimator


def _score(
    row: Row, metrics: Mapping[str, Scorer | None], answers: Answers, labels: np.ndarray, predicted: Any
) -> None:
    """Fill in the scores; a metric that cannot be computed is NaN and says why, the others stand."""
    own = {"accuracy": accuracy, "balanced_accuracy": mean_class_accuracy}
    for name, scorer in metrics.items():
        try:
            value = own[name](labels, predicted) if scorer is None else scorer(answers, answers.images, labels)
            row.scores[name] = float(value)
        except Exception as error:
            row.scores[name] = float("nan")
            row.error = f"metric {name!r} could not be computed: {_sentence(error)}"
            row.traceback = traceback.format_exc()


@contextmanager
def _stage(row: Row, stage: str, n_images: int) -> Iterator[None]:
    """Time a block; what extractors report inside it counts for their own stages, not for this one."""
    start = time.perf_counter()
    with record_stages() as inside:
        yield
    elapsed = time.perf_counter() - start
    row.seconds[stage] = max(elapsed - sum(inside.values()), 0.0)
    row.n_images[stage] = n_images
    for name in ("decode", "extract"):
        row.seconds[name] = row.seconds.get(name, 0.0) + inside.get(name, 0.0)


def feature_length(estimator: Any) -> int | None:
    """Return how many numbers per image the fitted pipeline's classifier was given; None where there is no such row."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(estimator, Pipeline) or len(estimator.steps) < 2:
        return None
    length = _spanned(estimator.steps[0][1])
    if length is None:
        length = getattr(estimator.steps[-1][1], "n_features_in_", None)
    if length is None:
        lengths = [getattr(step, "n_features_out_", None) for _, step in estimator.steps[:-1]]
        length = next((known for known in reversed(lengths) if known is not None), None)
    return None if length is None else int(length)


def _spanned(step: Any) -> int | None:
    """Return how many numbers stand behind coordinates in the span of the training rows, alone or side by side."""
    if isinstance(step, TrainingSpan):
        return step.row_length_
    sides = [_spanned(side) for _, side in step.transformer_list] if isinstance(step, FeatureUnion) else []
    return sum(side for side in sides if side is not None) if sides and None not in sides else None


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
