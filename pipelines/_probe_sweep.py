"""Every layer from one look at each image: rows of many extractors that share one network and one forward pass.

What comes out lies in the feature store under the keys of the single extractors, so whoever asks for one layer later,
a pipeline or another probe, finds it there.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from eyecraft.data import image_key
from eyecraft.features._progress import progress
from eyecraft.features._store import Batch, FeatureStore, describe
from eyecraft.features._timing import record_stages
from eyecraft.features.learned import CNNFeatures
from eyecraft.features.learned.engine import Engine
from eyecraft.features.learned.pooling import pool

_AT_ONCE = 128  # images between two writes; what an interruption can cost


@dataclass(frozen=True)
class Tap:
    """One layer, pooled one way."""

    layer: str
    pooling: str
    key: str  # of the feature store
    description: str
    columns: slice  # of a row of the sweep
    cost: float  # share of the forward pass that leads to the layer


@dataclass
class EveryPooling(Engine):
    """An engine whose row is every layer pooled in several ways, the ways of one layer side by side."""

    poolings: Sequence[str] = ("spatial",)

    def ways(self, shape: Sequence[int]) -> Sequence[str]:
        """Return how one image's values are pooled: those of a fully connected layer are the same whatever the way."""
        return self.poolings if len(shape) > 1 else self.poolings[:1]

    def _pooled(self, values: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        with torch.inference_mode():
            return [
                pool(value.float(), way, self.cells(value.shape[1:]))
                for value in values
                for way in self.ways(value.shape[1:])
            ]


class Sweep(CNNFeatures):
    """A `CNNFeatures` whose row is every layer, pooled every way, one after the other.

    Attributes
    ----------
    poolings : sequence of str
        To be set before `fit`; `pooling` is not used.
    """

    poolings: Sequence[str] = ("spatial",)

    def _engine(self) -> EveryPooling:
        engine = super()._engine()
        own: Any = getattr(self, "_own", None)
        if own is None or own[0] is not engine:
            known = {part.name: getattr(engine, part.name) for part in fields(Engine) if not part.name.startswith("_")}
            self._own = own = (engine, EveryPooling(**known, poolings=self.poolings))
        every: EveryPooling = own[1]
        return every

    def taps(self, cost_of: Callable[[str], float]) -> list[Tap]:
        """Return every layer x pooling, in the order of the row; *cost_of* tells a layer's share of the work."""
        engine = self._engine()
        lengths, shapes = engine.lengths(self.image_size_), engine.shapes(self.image_size_)
        stops = np.cumsum(lengths).tolist()
        pairs = [
            (layer, way) for layer, shape in zip(self.layers_, shapes, strict=True) for way in engine.ways(shape[1:])
        ]
        found = []
        for (layer, pooling), length, stop in zip(pairs, lengths, stops, strict=True):
            identity = self._identity()
            identity["class"] = f"{CNNFeatures.__module__}.{CNNFeatures.__qualname__}"
            identity["parameters"].pop("cells", None)
            identity["parameters"] |= engine.pooling_identity([layer], pooling, self.image_size_)
            key = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:24]
            text = describe(CNNFeatures.__name__, identity["parameters"])
            found.append(Tap(layer, pooling, key, text, slice(stop - length, stop), cost_of(layer)))
        return found


def sweep_once(sweep: Sweep, taps: Sequence[Tap], images: np.ndarray, store: FeatureStore) -> int:
    """Put the rows of all *taps* for all *images* into *store*; return how many images had to be computed.

    Images whose rows are all there are left alone. What was computed is on disk before the next images are read.
    """
    computed = 0
    with progress(f"{sweep.model if isinstance(sweep.model, str) else 'network'}: images", len(images)) as advance:
        for start in range(0, len(images), _AT_ONCE):
            part = images[start : start + _AT_ONCE]
            keys = np.array([image_key(image) for image in part])
            stored = np.all([store.contains(tap.key, keys.tolist()) for tap in taps], axis=0)
            missing = np.flatnonzero(~stored)
            if len(missing):
                _compute(sweep, taps, [part[position] for position in missing], keys[missing].tolist(), store)
                computed += len(missing)
            advance(len(part))
    return computed


def _compute(sweep: Sweep, taps: Sequence[Tap], images: list[Any], keys: list[str], store: FeatureStore) -> None:
    with record_stages() as seconds:
        rows = sweep.transform(images)
    decode, extract = seconds["decode"] / len(images), seconds["extract"] / len(images)
    for tap in taps:

        def compute(positions: list[int], tap: Tap = tap) -> Batch:
            part = [rows[position, tap.columns] for position in positions]
            return Batch(part, decode * len(part), extract * len(part) * tap.cost)

        store.fill(tap.key, keys, compute, _ignore, description=tap.description, batch_size=_AT_ONCE)


def _ignore(position: int, row: np.ndarray) -> None:
    """The rows are read where they are used."""
