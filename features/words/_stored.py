"""Descriptors kept in the feature store."""

import hashlib
import json
from collections.abc import Callable
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
    store: FeatureStore, method: LocalDescriptor, image_size: Any, source: Any, compute: Callable[[], Timed]
) -> Timed:
    """Return one image's descriptors: from the store if it has them, else computed and kept."""
    identity = descriptor_identity(method, image_size)
    key = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:24]
    done: list[Timed] = []
    rows: list[np.ndarray] = []

    def work(_: list[int]) -> Batch:
        done.append(compute())
        found, decode_seconds, describe_seconds = done[0]
        return Batch([pack(found)], decode_seconds, describe_seconds)

    title = describe(f"{type(method).__name__} descriptors", identity["parameters"])
    store.fill(key, [image_key(source)], work, lambda _, row: rows.append(row), description=title)
    return done[0] if done else (unpack(rows[0]), 0.0, 0.0)


def descriptor_identity(method: LocalDescriptor, image_size: Any) -> dict[str, Any]:
    """Return what the descriptors of an image depend on besides the image, as plain values."""
    return {
        "class": f"{type(method).__module__}.{type(method).__qualname__}",
        "code": method._code_version,
        "reader": READER_VERSION,
        "image_size": _plain(image_size),
        "parameters": _plain(method),
    }
