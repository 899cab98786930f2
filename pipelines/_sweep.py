"""Features first: every image of a comparison goes through each stateless extractor once, whatever the splits."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline

from eyecraft.data import image_key
from eyecraft.features import ImageTransformer, TrainingSpan
from eyecraft.features._progress import progress
from eyecraft.features._store import open_store

_AT_ONCE = 256  # images whose rows are in memory at a time; they are on disk afterwards


def image_extractors(estimator: Any) -> list[Any]:
    """Return the stateless extractors that are given the images themselves and whose rows a store keeps."""
    if isinstance(estimator, Pipeline):
        return image_extractors(estimator.steps[0][1])
    if isinstance(estimator, FeatureUnion):
        return [found for _, part in estimator.transformer_list for found in image_extractors(part)]
    if isinstance(estimator, BaseSearchCV):
        return image_extractors(estimator.estimator)
    if isinstance(estimator, TrainingSpan):
        return image_extractors(estimator.extractor)
    stored = isinstance(estimator, ImageTransformer) and not estimator._requires_fit
    return [estimator] if stored and open_store(getattr(estimator, "store", None)) is not None else []


def extract_once(name: str, extractors: list[Any], images: np.ndarray, n_jobs: int | None) -> None:
    """Put the rows of all images into the extractors' stores; those that are there are not computed again."""
    for extractor in extractors:
        extractor = clone(extractor)
        if extractor.get_params(deep=False).get("n_jobs", 0) is None:
            extractor.set_params(n_jobs=n_jobs)
        extractor.fit(images)
        with progress(f"{name}: features", len(images)) as advance:
            for start in range(0, len(images), _AT_ONCE):
                part = images[start : start + _AT_ONCE]
                if not _all_stored(extractor, part):
                    extractor.transform(part)
                advance(len(part))


def _all_stored(extractor: Any, images: np.ndarray) -> bool:
    store = open_store(extractor.store)
    keys = [image_key(image) for image in images]
    return store is not None and bool(store.contains(extractor.store_key(), keys).all())


def stored_costs(extractors: list[Any], images: np.ndarray) -> dict[str, float]:
    """Return seconds per image and stage, as measured when the stored rows of these images were computed."""
    total: dict[str, float] = {}
    keys = [image_key(image) for image in images] if extractors else []
    for extractor in extractors:
        store = open_store(extractor.store)
        for stage, seconds in (store.cost(extractor.store_key(), keys) if store is not None else {}).items():
            total[stage] = total.get(stage, 0.0) + seconds
    return total
