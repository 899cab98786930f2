"""The random sample of descriptors that a codebook is learned from."""

from collections.abc import Callable
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from threadpoolctl import threadpool_limits

from eyecraft.features._base import Images
from eyecraft.features._progress import progress
from eyecraft.features._threads import in_threads
from eyecraft.features.local import Descriptors

from ._projection import relative_places

_LEAST_PER_IMAGE = 32  # with fewer than so many each, only some of the images are described at all
_IMAGES_AT_ONCE = 32


def draw_sample(
    describe: Callable[[Any, int], Descriptors],
    sources: Images,
    n_descriptors: int,
    seed: int,
    n_jobs: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw at most *n_descriptors* descriptors, the same number from every image that has so many.

    Parameters
    ----------
    describe : callable
        Takes an image and its position.
    sources : sequence of images
    n_descriptors : int
    seed : int
        With the position of an image it fixes what is drawn from it, whatever the order of the work.
    n_jobs : int or None
        Threads.

    Returns
    -------
    values : ndarray of shape (n, length)
    places : ndarray of shape (n, 2), float32
        From `relative_places`.
    """
    n_images = min(len(sources), max(n_descriptors // _LEAST_PER_IMAGE, 1))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(sources))[:n_images])
    share = max(n_descriptors // n_images, 1)

    def draw(position: int) -> tuple[np.ndarray, np.ndarray]:
        found = describe(sources[position], position)
        rng = np.random.default_rng([seed, position])
        part = found.take(np.sort(rng.permutation(len(found))[:share]))
        return part.values, relative_places(part)

    drawn = []
    workers = min(effective_n_jobs(n_jobs), n_images)
    with progress("Codebook: images", n_images) as advance, threadpool_limits(1, user_api="blas"):
        for start in range(0, n_images, _IMAGES_AT_ONCE):
            part = chosen[start : start + _IMAGES_AT_ONCE].tolist()
            drawn += in_threads(draw, [(position,) for position in part], workers)
            advance(len(part))
    return np.concatenate([values for values, _ in drawn]), np.concatenate([places for _, places in drawn])
