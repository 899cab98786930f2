"""What answering costs: a pass of its own over a few test images, after all else was measured.

Stored features are cheap, those of last week's run were timed on last week's machine, and threads hide work. So the
fitted pipeline is measured once more, as someone who puts it to use would meet it: without the feature store, on one
thread, brought up anew for its first image.

- *cold*: from a pickle in memory to the answer for one image. Unpickling, reading a network's weights from its file and
  preparing it are in this time; importing libraries and compiling kernels, which a process does once, are not, nor is
  reading the pickle from disk (its arrays are handed over as they are).
- *warm*: seconds per image once it runs, for up to 32 images at once, and for one at a time.

Nothing here can fail a measured row: what cannot be measured is missing, with a line in the log.
"""

import ctypes
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import cv2
import numpy as np
import psutil
from threadpoolctl import threadpool_limits

from eyecraft.features import ImageTransformer
from eyecraft.features._timing import record_stages

from ._model_cost import Packed, inside, multiply_adds, network_bytes, pack
from ._peaks import peak_gpu_memory, peak_memory
from .pareto import BYTES_PER_NUMBER

MOST_IMAGES = 32
_SECONDS = 0.5  # for images one at a time, and again for batches; at least one of each
_BATCHES = 5
_MOST_BATCHES = 25  # where they are short, so that the median stands firm
_SHORT = 0.1  # seconds that all of these may take together
_MOST_COLD = 2.0  # seconds a first answer may have taken to be asked for once more, to watch the memory
_EVERY = 0.001  # seconds between two looks at the memory

_log = logging.getLogger("eyecraft")
T = TypeVar("T")
Found = dict[str, float | int]
Run = tuple[float, dict[str, float]]  # seconds, and those of the stages inside


def cost_pass(name: str, fitted: Any, images: np.ndarray, test: np.ndarray, n_features: int | None) -> Found:
    """Measure what one new image costs a fitted pipeline.

    Parameters
    ----------
    name : str
        Name of the pipeline, for the log.
    fitted : classifier
        As it was measured; left as it is.
    images : ndarray
        All images of the comparison.
    test : ndarray of int
        Positions of the test images, of which up to `MOST_IMAGES` are taken, evenly spread.
    n_features : int or None
        Numbers per image that the classifier was given.

    Returns
    -------
    dict
        What could be measured of the columns of ``Comparison.resources``.
    """
    found: Found = {} if n_features is None else {"bytes_per_row": BYTES_PER_NUMBER * n_features}
    n = min(MOST_IMAGES, len(test))
    if n > 0:
        spread = np.linspace(0, len(test) - 1, n).astype(np.int64)
        in_any_order = np.random.default_rng(0).permutation(spread)  # so that the first few are spread too
        answering = getattr(fitted, "best_estimator_", fitted)  # what is left of a search when it is put to use
        _tried(name, "costs", lambda: _measure(name, answering, images[test[in_any_order]], found))
    return found


def _measure(name: str, answering: Any, sample: np.ndarray, found: Found) -> None:
    with warnings.catch_warnings(), _alone(answering), peak_gpu_memory() as gpu:
        warnings.simplefilter("ignore")  # they were given when the pipeline was measured
        packed = _tried(name, "its pickle", lambda: pack(answering))
        if packed is not None:
            weights = _tried(name, "the size of its networks", lambda: network_bytes(answering))
            found |= {} if weights is None else {"model_bytes": packed.n_bytes + weights}
        adds = _tried(name, "multiply-adds", lambda: multiply_adds(answering))
        found |= {} if adds is None else {"multiply_adds": adds}
        answering.predict(sample[:1])  # with stored features this process may not have compiled the kernels yet
        if packed is not None:
            found |= _tried(name, "the first answer", lambda: _cold(packed, sample[:1])) or {}
        found |= _warm(answering, sample)
        found |= _tried(name, "memory", lambda: _memory(packed, found, sample)) or {}
        found |= {} if gpu() is None else {"gpu_memory": gpu() or 0}


def _tried(name: str, what: str, work: Callable[[], T]) -> T | None:
    try:
        return work()
    except Exception:  # a price tag must not cost a measured row
        _log.info("%s of pipeline %r could not be measured", what, name, exc_info=True)
        return None


def _cold(packed: Packed, image: np.ndarray) -> Found:
    """Return what the first answer of the pipeline brought up anew took."""
    _forget_networks()
    start = time.perf_counter()
    with record_stages() as stages:
        packed.unpack().predict(image)
    total = time.perf_counter() - start
    decode, extract, rest = _parts(total, stages)
    return {"cold_seconds": total, "cold_decode": decode, "cold_extract": extract, "cold_rest": rest}


def _warm(answering: Any, sample: np.ndarray) -> Found:
    """Return the median seconds of a single answer, and those per image of all at once with the stages of that run."""
    singles = _runs([sample[position : position + 1] for position in range(len(sample))], answering)
    single = _median(singles)
    n = int(min(len(sample), max(1, _SECONDS // max(single[0], 1e-9))))  # a batch keeps to the time too
    total, stages = single if n == 1 else _median(_batches(sample[:n], answering))
    decode, extract, predict = _parts(total, stages)
    return {
        "n_images": n,
        "single_seconds": single[0],
        "warm_seconds": total / n,
        "warm_decode": decode / n,
        "warm_extract": extract / n,
        "warm_predict": predict / n,
    }


def _runs(samples: list[np.ndarray], answering: Any) -> list[Run]:
    """Time the answers for each sample, in order, as far as the time reaches; the first at any rate."""
    runs: list[Run] = []
    begin = time.perf_counter()
    for sample in samples:
        start = time.perf_counter()
        if runs and start - begin + runs[-1][0] > _SECONDS:
            break
        with record_stages() as stages:
            answering.predict(sample)
        runs.append((time.perf_counter() - start, dict(stages)))
    return runs


def _batches(sample: np.ndarray, answering: Any) -> list[Run]:
    """Time the answers for all images at once, some times over."""
    runs = _runs([sample] * _BATCHES, answering)
    mean = sum(seconds for seconds, _ in runs) / len(runs)
    more = min(_MOST_BATCHES, int(_SHORT / max(mean, 1e-9))) - len(runs)
    return runs + (_runs([sample] * more, answering) if more > 0 else [])


def _median(runs: list[Run]) -> Run:
    return sorted(runs, key=lambda run: run[0])[(len(runs) - 1) // 2]


def _parts(total: float, stages: dict[str, float]) -> tuple[float, float, float]:
    """Return what of an answer was decoding, what extracting, and what is left."""
    decode, extract = stages.get("decode", 0.0), stages.get("extract", 0.0)
    return decode, extract, max(total - decode - extract, 0.0)


def _memory(packed: Packed | None, found: Found, sample: np.ndarray) -> Found:
    """Return what the model takes, and the growth of the process while a copy comes up and answers for the batch."""
    if packed is None or found.get("cold_seconds", np.inf) > _MOST_COLD:
        return {}
    _forget_networks()
    if not _give_back():
        return {}
    before = psutil.Process().memory_info().rss
    with peak_memory(_EVERY) as peak:
        packed.unpack().predict(sample[: int(found["n_images"])])
    return {"answer_memory": packed.n_bytes + max(peak() - before, 0)}


def _give_back() -> bool:
    """Give free memory back to the system, so that what is taken next shows; tell whether that can be done."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, TypeError, AttributeError):  # not glibc
        return False
    return True


def _forget_networks() -> None:
    """Let networks asked for by name be read from their files again."""
    module = sys.modules.get("eyecraft.features.learned.frozen")
    if module is not None:
        module._named.cache_clear()


@contextmanager
def _alone(estimator: Any) -> Iterator[None]:
    """Let an estimator work on one thread and without the feature store; then put everything back."""
    changed: list[tuple[Any, str, Any]] = []
    with ExitStack() as limits:
        limits.callback(cv2.setNumThreads, cv2.getNumThreads())
        cv2.setNumThreads(1)
        torch: Any = sys.modules.get("torch")
        if torch is not None:
            limits.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        limits.enter_context(threadpool_limits(1))
        try:
            for part in inside(estimator):
                alone = {"store": None, "n_workers": 0} if isinstance(part, ImageTransformer) else {}
                for name, value in ({"n_jobs": 1} | alone).items():
                    if name in getattr(part, "__dict__", {}):
                        changed.append((part, name, getattr(part, name)))
                        setattr(part, name, value)
            yield
        finally:
            for part, name, value in changed:
                setattr(part, name, value)
