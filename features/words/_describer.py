"""Descriptors of many images: computed one image at a time and dropped, or through the feature store some at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from joblib import effective_n_jobs

from eyecraft.features._store import FeatureStore
from eyecraft.features._threads import in_threads
from eyecraft.features._timing import now
from eyecraft.features.local import Descriptors
from eyecraft.features.local._local import ImageError, LocalDescriptor

from ._stored import Timed, through_store

_KEPT_AT_ONCE = 16  # images written together: a file and a commit cost 60 ms, 16 images' descriptors 10 to 100 MB

T = TypeVar("T")


class Used(NamedTuple, Generic[T]):
    """What was made of one image's descriptors, with the seconds of decoding the image and of all the rest."""

    result: T
    decode_seconds: float
    extract_seconds: float


@dataclass(frozen=True)
class Describer:
    """Describes images, or takes the descriptors that are given in their place.

    Parameters
    ----------
    method : LocalDescriptor
    read : callable
        Returns the pixels of an image, given the image and its position.
    image_size : int, (int, int) or None
        What *read* brings images to; with the method it is the identity of stored descriptors.
    store : FeatureStore or None
        Where descriptors are kept.
    n_jobs : int or None
        Threads.
    """

    method: LocalDescriptor
    read: Callable[[Any, int], np.ndarray]
    image_size: Any
    store: FeatureStore | None
    n_jobs: int | None

    def one(self, source: Any, position: int) -> Descriptors:
        """Return the descriptors of one image."""
        return self.each([source], [position], lambda found, _: found)[0].result

    def each(
        self, sources: Sequence[Any], positions: Sequence[int], use: Callable[[Descriptors, int], T]
    ) -> list[Used[T]]:
        """Describe images and return what *use* makes of each one's descriptors and position, in the same order.

        *use* is called in threads, as soon as an image is described; with a store, as soon as 16 are.
        """
        pairs = list(zip(sources, positions, strict=True))
        if self.store is None or isinstance(pairs[0][0], Descriptors):
            return self._in_threads(
                lambda source, position: _used(self._timed(source, position), source, position, use), pairs
            )
        done: list[Used[T]] = []
        for start in range(0, len(pairs), _KEPT_AT_ONCE):
            part = pairs[start : start + _KEPT_AT_ONCE]
            found = self._stored(part, self.store)
            arguments = [(timed, *pair, use) for timed, pair in zip(found, part, strict=True)]
            done += self._in_threads(_used, arguments)
        return done

    def _stored(self, pairs: Sequence[tuple[Any, int]], store: FeatureStore) -> list[Timed]:
        return through_store(
            store,
            self.method,
            self.image_size,
            [source for source, _ in pairs],
            lambda missing: self._in_threads(self._timed, [pairs[i] for i in missing]),
        )

    def _timed(self, source: Any, position: int) -> Timed:
        """Return one image's descriptors, and the seconds of decoding and describing."""
        if isinstance(source, Descriptors):
            return source, 0.0, 0.0
        start = now()
        pixels = self.read(source, position)
        decoded = now()
        try:
            found = self.method._describe(pixels)
        except ImageError as error:
            raise error.of(source, position) from None
        return found, decoded - start, now() - decoded

    def _in_threads(self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        return in_threads(function, arguments, min(effective_n_jobs(self.n_jobs), len(arguments)))


def _used(timed: Timed, source: Any, position: int, use: Callable[[Descriptors, int], T]) -> Used[T]:
    found, decode_seconds, describe_seconds = timed
    start = now()
    try:
        result = use(found, position)
    except ImageError as error:
        raise error.of(source, position) from None
    return Used(result, decode_seconds, describe_seconds + now() - start)
