"""Features of a learning curve: computed once, whatever the number of sizes and splits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline

from eyecraft.features import ImageTransformer

from ._sweep import extract_once, image_extractors


@dataclass(frozen=True)
class Prepared:
    """A pipeline ready to be fitted again and again.

    Parameters
    ----------
    estimator : estimator
        What is left to be fitted: the whole pipeline, or what follows the features.
    inputs : ndarray
        What it is given, one entry per image: the images, or their features.
    """

    estimator: Any
    inputs: np.ndarray


def prepare(name: str, estimator: Any, images: np.ndarray, used: np.ndarray, n_jobs: int | None) -> Prepared:
    """Compute the features that do not depend on the training images, for the images at *used*.

    Extractors with a feature store put their rows there and read them back at each fit; those without one are computed
    here and stay in memory, followed by the rest of the pipeline. What learns from its training images (a bag of words,
    a network) is fitted anew for every size and split.
    """
    extractors = image_extractors(estimator)
    head = _stateless_head(estimator)
    parts = _extractors_of(head) if head is not None else []
    if head is None or len(extractors) == len(parts):
        extract_once(name, extractors, images[used], n_jobs)
        return Prepared(estimator, images)
    head = clone(head)
    if isinstance(head, ImageTransformer) and head.get_params(deep=False).get("n_jobs", 0) is None:
        head.set_params(n_jobs=n_jobs)
    rows = np.asarray(head.fit(images[used]).transform(images[used]))
    features = np.zeros((len(images), rows.shape[1]), dtype=rows.dtype) if len(used) < len(images) else rows
    if features is not rows:
        features[used] = rows
    return Prepared(Pipeline(estimator.steps[1:]), features)


def _stateless_head(estimator: Any) -> Any:
    """Return the first step of a pipeline if its rows depend on one image each and on no training, else None."""
    if not isinstance(estimator, Pipeline) or len(estimator.steps) < 2:
        return None
    head = estimator.steps[0][1]
    parts = _extractors_of(head)
    stateless = bool(parts) and all(isinstance(part, ImageTransformer) and not part._requires_fit for part in parts)
    return head if stateless else None


def _extractors_of(head: Any) -> list[Any]:
    if isinstance(head, FeatureUnion):
        return [found for _, part in head.transformer_list for found in _extractors_of(part)]
    return [head]
