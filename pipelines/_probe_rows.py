"""Rows of one layer that a sweep has put into the store: read there, without the network."""

from typing import Any

import numpy as np

from eyecraft.features import ImageTransformer
from eyecraft.features._base import Images
from eyecraft.features._store import Batch


class TappedRows(ImageTransformer):
    """One layer's features as the store has them; what is missing there the network computes after all.

    Parameters
    ----------
    extractor : CNNFeatures
        Of this layer alone; loaded only where the store has lost a row.
    key : str
        The extractor's, of the feature store.
    length : int
        Numbers in a row.
    image_size : (int, int)
        Height and width of the network's input, pixels.
    n_jobs, store
        As for every extractor.
    """

    def __init__(
        self,
        extractor: Any,
        key: str,
        length: int,
        *,
        image_size: tuple[int, int],
        n_jobs: int | None = None,
        store: Any = "default",
    ) -> None:
        self.extractor = extractor
        self.key = key
        self.length = length
        self.image_size = image_size
        self.n_jobs = n_jobs
        self.store = store

    def store_key(self) -> str:
        """Return the key that the extractor's rows are kept under."""
        return self.key

    def _size_of(self, images: Images) -> tuple[int, int]:
        return self.image_size

    def _n_features(self, height: int, width: int) -> int:
        return self.length

    def _feature_names(self, height: int, width: int) -> list[str]:
        return [f"{self.extractor.layers}_{i}" for i in range(self.length)]

    def _identity(self) -> dict[str, Any]:
        return {"parameters": {"key": self.key}}

    def _compute(self, images: list[Any], positions: list[int]) -> Batch:
        return Batch(list(np.asarray(self.extractor.fit(images).transform(images))))
