"""Descriptors kept in the feature store."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eyecraft.data import READER_VERSION, image_key
from eyecraft.features._base import _plain
from eyecraft.features._store import Batch, FeatureStore, describe
from eyecraft.features.local import Descriptors
from eyecraft.features.local._local import LocalDescriptor

from ._packing import pack, unpack

Timed = tuple[Descriptors, float, float]  # descriptors, seconds of decoding, seconds of describing


def through_store(
    store: FeatureStore,
    method: LocalDescriptor,
    image_size: Any,
    sources: Sequence[Any],
    compute: Callable[[list[int]], list[Timed]],
) -> list[Timed]:
    """Return images' descriptors: stored ones from disk, in no time, the others computed and kept, in one file.

    *compute* is given the positions in *sources* of the images to be described.
    """
    identity = descriptor_identity(method, image_size)
    key = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:24]
    computed: dict[int, Timed] = {}
    done: dict[int, Timed] = {}

    def work(missing: list[int]) -> Batch:
        found = compute(missing)
        computed.update(zip(missing, found, strict=True))
        return Batch([pack(one) for one, _, _ in found], sum(one[1] for one in found), sum(one[2] for one in found))

    def receive(position: int, row: np.ndarray) -> None:
        done[position] = computed[position] if position in computed else (unpack(row), 0.0, 0.0)

    title = describe(f"{type(method).__name__} descriptors", identity["parameters"])
    store.fill(key, [image_key(one) for one in sources], work, receive, description=title, batch_size=len(sources))
    return [done[position] for position in range(len(sources))]


def descriptor_identity(method: LocalDescriptor, image_size: Any) -> dict[str, Any]:
    """Return what the descriptors of an image depend on besides the image, as plain values."""
    return {
        "class": f"{type(method).__module__}.{type(method).__qualname__}",
        "code": method._code_version,
        "reader": READER_VERSION,
        "image_size": _plain(image_size),
        "parameters": _plain(method),
    }
