"""Decoding, priced once for all pipelines that read pictures alike: the same work is to have the same price."""

import time
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from sklearn.pipeline import FeatureUnion, Pipeline

from eyecraft.data import read_image
from eyecraft.features import ImageTransformer, TrainingSpan

from .fold import FoldedClassifier

_PASSES = 5
_SECONDS = 0.5  # for all passes; at least one picture is read


class Decoding:
    """What decoding costs, by the way pictures are read: their colours, their size, a network's preparation."""

    def __init__(self) -> None:
        self._known: dict[Hashable, float] = {}

    def seconds(self, estimator: Any, sample: np.ndarray) -> float | None:
        """Return the processor's seconds per image that a fitted pipeline spends on decoding.

        Parameters
        ----------
        estimator : classifier
            Fitted; asked for the extractors that are given the images themselves.
        sample : ndarray of images
            The same for all pipelines.

        Returns
        -------
        float or None
            None where no extractor is known to decode.
        """
        total = [self._of(part, sample) for part in _readers(estimator)]
        return sum(total) if total else None

    def _of(self, part: Any, sample: np.ndarray) -> float:
        key, read = _reading(part)
        if key not in self._known:
            self._known[key] = _mean_seconds(read, sample)
        return self._known[key]


def _readers(estimator: Any) -> list[Any]:
    """Return the extractors at the entrance of a fitted pipeline."""
    if isinstance(estimator, Pipeline):
        return _readers(estimator.steps[0][1])
    if isinstance(estimator, FeatureUnion):
        return [found for _, part in estimator.transformer_list for found in _readers(part)]
    if isinstance(estimator, TrainingSpan):
        return _readers(estimator.extractor_)
    if isinstance(estimator, FoldedClassifier):
        return [found for part in estimator.extractors_ for found in _readers(part)]
    return [estimator] if isinstance(estimator, ImageTransformer) else []


def _reading(part: Any) -> tuple[Hashable, Callable[[Any], Any]]:
    """Return how an extractor reads: a name that tells ways apart, and the reading itself."""
    color, size = part._color, part._fixed_size()
    ready = part._engine().preprocessing if hasattr(part, "_engine") else None

    def read(image: Any) -> Any:
        pixels = read_image(image, color=color, size=size)
        return pixels if ready is None else ready.prepare(pixels)

    return (color, size, ready), read


def _mean_seconds(read: Callable[[Any], Any], sample: np.ndarray) -> float:
    """Return the mean over the pictures of the shortest time each took."""
    shortest: dict[int, float] = {}
    begin = time.perf_counter()
    for _ in range(_PASSES):
        for position, image in enumerate(sample):
            if shortest and time.perf_counter() - begin > _SECONDS:
                break
            start = time.process_time()
            read(image)
            shortest[position] = min(time.process_time() - start, shortest.get(position, np.inf))
    return sum(shortest.values()) / len(shortest)
