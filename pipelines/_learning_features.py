"""Features of a learning curve: computed once, whatever the number of sizes and splits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline

from eyecraft.features import BagOfVisualWords, ImageTransformer
from eyecraft.features._store import open_store
from eyecraft.features._threads import in_threads
from eyecraft.features.local import Descriptors

from ._sweep import extract_once, image_extractors

_SHARE_OF_MEMORY = 0.25  # of what is free, that descriptors of all images may take
_SOME = 8  # images whose descriptors tell how large those of all are


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
    a network) is fitted anew for every size and split; a bag is given descriptors in place of images if those of all
    images fit into memory.
    """
    described = _described(estimator, images, used, n_jobs)
    if described is not None:
        return Prepared(estimator, described)
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


def _described(estimator: Any, images: np.ndarray, used: np.ndarray, n_jobs: int | None) -> np.ndarray | None:
    """Return the descriptors of the images at *used*; None where no bag begins the pipeline, or they are too many."""
    bag = estimator.steps[0][1] if isinstance(estimator, Pipeline) else None
    if not isinstance(bag, BagOfVisualWords) or (bag.store_descriptors and open_store(bag.store) is not None):
        return None
    method, some = bag._method(), used[np.linspace(0, len(used) - 1, min(_SOME, len(used))).astype(np.int64)]

    def describe(position: int) -> Descriptors:
        return method._describe(bag._read(images[position], int(position)))

    largest = max(sum(array.nbytes for array in _arrays(describe(position))) for position in some)
    if largest * len(used) > _SHARE_OF_MEMORY * psutil.virtual_memory().available:
        return None
    found = np.empty(len(images), dtype=object)
    n_threads = min(effective_n_jobs(bag.n_jobs if bag.n_jobs is not None else n_jobs), len(used))
    for position, one in zip(used, in_threads(describe, ((position,) for position in used), n_threads), strict=True):
        found[position] = one
    return found


def _arrays(found: Descriptors) -> tuple[np.ndarray, ...]:
    return found.values, found.x, found.y, found.scale, found.angle


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
