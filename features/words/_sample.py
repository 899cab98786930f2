"""The random sample of descriptors that a codebook is learned from."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from eyecraft.features._base import Images
from eyecraft.features._progress import progress
from eyecraft.features.local import Descriptors

from ._describer import Describer
from ._projection import relative_places

_LEAST_PER_IMAGE = 32  # with fewer than so many each, only some of the images are described at all
_IMAGES_AT_ONCE = 16


class Sample(NamedTuple):
    """Descriptors drawn from images.

    Attributes
    ----------
    values : ndarray of shape (n, length)
    places : ndarray of shape (n, 2), float32
        From `relative_places`.
    n_found : int
        Descriptors that the images looked at have.
    n_images : int
        Images looked at.
    """

    values: np.ndarray
    places: np.ndarray
    n_found: int
    n_images: int


class _Drawn(NamedTuple):
    """Descriptors of one image in random order: the first ones are a sample, too."""

    order: np.ndarray
    values: np.ndarray
    places: np.ndarray
    n_found: int

    def first(self, most: int) -> "_Drawn":
        """Return at most so many of them; copies, so that the others can be forgotten."""
        if len(self.order) <= most:
            return self
        return _Drawn(self.order[:most].copy(), self.values[:most].copy(), self.places[:most].copy(), self.n_found)


def draw_sample(
    describer: Describer,
    sources: Images,
    n_descriptors: int,
    seed: int,
    check: Callable[[Descriptors], None],
) -> Sample:
    """Draw at most *n_descriptors* descriptors, the same number from every image that has so many.

    What images with fewer leave over is shared by the others.

    Parameters
    ----------
    describer : Describer
    sources : sequence of images
    n_descriptors : int
    seed : int
        With the position of an image it fixes what is drawn from it, whatever the order of the work.
    check : callable
        Is shown the descriptors of every image looked at; may raise `ImageError`.

    Returns
    -------
    Sample
    """
    n_images = min(len(sources), max(n_descriptors // _LEAST_PER_IMAGE, 1))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(sources))[:n_images])

    def draw(found: Descriptors, position: int, most: int) -> _Drawn:
        check(found)
        order = np.random.default_rng([seed, position]).permutation(len(found))[:most]
        part = found.take(order)
        return _Drawn(order, part.values, relative_places(part), len(found))

    drawn: list[_Drawn] = []
    most = n_descriptors
    with progress("Codebook: images", n_images) as advance, threadpool_limits(1, user_api="blas"):
        for start in range(0, n_images, _IMAGES_AT_ONCE):
            part = chosen[start : start + _IMAGES_AT_ONCE].tolist()
            done = describer.each([sources[position] for position in part], part, partial(draw, most=most))
            drawn += [one.result for one in done]
            most = even_share([len(one.order) for one in drawn], n_descriptors)
            drawn = [one.first(most) for one in drawn]
            advance(len(part))
    ordered = [np.argsort(one.order) for one in drawn]
    return Sample(
        np.concatenate([one.values[order] for one, order in zip(drawn, ordered, strict=True)]),
        np.concatenate([one.places[order] for one, order in zip(drawn, ordered, strict=True)]),
        sum(one.n_found for one in drawn),
        n_images,
    )


def even_share(counts: Sequence[int], total: int) -> int:
    """Return how many each may give at most, so that together they give no more than *total*; at least 1.

    Examples
    --------
    >>> from eyecraft.features.words._sample import even_share
    >>> even_share([100, 1, 100], 51)  # 25, 1 and 25
    25
    """
    rising = np.sort(np.asarray(counts, np.int64))
    left = total - np.cumsum(rising) + rising  # by those before, if they give all they have
    shares = left // np.arange(len(rising), 0, -1)
    short = np.flatnonzero(shares < rising)
    return max(int(shares[short[0]]), 1) if len(short) else total
