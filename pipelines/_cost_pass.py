"""What answering costs: a pass of its own over a few test images, while nothing else of the comparison works.

Stored features are cheap, those of last week's run were timed on last week's machine, and threads hide work. So the
fitted pipeline is measured once more, as someone who puts it to use would meet it: without the feature store, on one
thread, brought up anew for its first image.

Seconds are those of the processor, which other programs on the machine do not lengthen; `warm_wall` says what the clock
on the wall said meanwhile. Whoever mostly waits, for a GPU, a disk or another process, is priced by the wall.

- *cold*: from a pickle in memory to the answer for one image. Unpickling, reading a network's weights from its file and
  preparing it are in this time; importing libraries and compiling kernels, which a process does once, are not, nor is
  reading the pickle from disk (its arrays are handed over as they are).
- *warm*: seconds per image once it runs, for up to 32 images at once (the shortest of some runs, since nothing makes a
  run shorter than it is), and for one at a time (the median, since images differ).

Nothing here can fail a measured row: what cannot be measured is missing, with a line in the log.
"""

import ctypes
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import cv2
import numpy as np
import psutil
from threadpoolctl import threadpool_limits

from eyecraft.features import ImageTransformer
from eyecraft.features._timing import record_stages

from ._decoding import Decoding
from ._model_cost import Packed, inside, multiply_adds, network_bytes, on_accelerator, pack
from ._peaks import peak_gpu_memory, peak_memory
from .fold import fold
from .pareto import BYTES_PER_NUMBER

MOST_IMAGES = 32
_SECONDS = 0.5  # for images one at a time, twice that for batches; at least one of each
_COLD_STARTS = 3  # at most, within those seconds
_BATCHES = 5
_MOST_BATCHES = 25  # where they are short
_SHORT = 0.1  # seconds that all of these may take together
_WAITS = 30  # times as long by the wall as by the processor, in every run: no busy machine does that, it waits
_MOST_COLD = 2.0  # seconds a first answer may have taken to be asked for once more, to watch the memory
_EVERY = 0.001  # seconds between two looks at the memory

_log = logging.getLogger("eyecraft")
T = TypeVar("T")
Found = dict[str, float | int]
Clock = Callable[[], float]


@dataclass(frozen=True)
class _Run:
    """Some work, timed: seconds by the clock asked for and by the wall, and those of the stages inside."""

    seconds: float
    wall: float
    stages: dict[str, float] = field(default_factory=dict)


def cost_pass(
    name: str,
    fitted: Any,
    images: np.ndarray,
    test: np.ndarray,
    n_features: int | None,
    decoding: Decoding | None = None,
) -> Found:
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
    decoding : Decoding, optional
        What decoding these test images costs, shared by the pipelines of a comparison.

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
        answering = fold(fitted)  # as it is put to use, after a search too
        _tried(name, "costs", lambda: _measure(name, answering, images[test[in_any_order]], found))
        if decoding is not None and found.get("warm_decode"):
            _tried(name, "decoding", lambda: _share(found, decoding.seconds(answering, images[test[in_any_order]])))
    return found


def _share(found: Found, decode: float | None) -> None:
    """Put the price that decoding has for all in the place of what it took here."""
    if decode is not None:
        change = decode - found["warm_decode"]
        found["warm_decode"] = decode
        for name in ("warm_seconds", "warm_wall"):
            found[name] += change


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
        clock = time.perf_counter if on_accelerator(answering) else time.process_time
        if packed is not None:
            found |= _tried(name, "the first answer", lambda: _cold(packed, sample[:1], clock)) or {}
        found |= _warm(answering, sample, clock)
        found |= _tried(name, "memory", lambda: _memory(packed, found, sample)) or {}
        found |= {} if gpu() is None else {"gpu_memory": gpu() or 0}


def _tried(name: str, what: str, work: Callable[[], T]) -> T | None:
    try:
        return work()
    except Exception:  # a price tag must not cost a measured row
        _log.info("%s of pipeline %r could not be measured", what, name, exc_info=True)
        return None


def _timed(work: Callable[[], Any], clock: Clock) -> _Run:
    wall, start = time.perf_counter(), clock()
    with record_stages(clock) as stages:
        work()
    return _Run(clock() - start, time.perf_counter() - wall, dict(stages))


def _fairly(measure: Callable[[Clock], list[_Run]], clock: Clock) -> list[_Run]:
    """Return the runs by that clock; by the wall's where the processor's misses nearly all of every run."""
    runs = measure(clock)
    waits = clock is time.process_time and all(run.wall > _WAITS * run.seconds for run in runs)
    return measure(time.perf_counter) if waits else runs


def _cold(packed: Packed, image: np.ndarray, clock: Clock) -> Found:
    """Return what the first answer of the pipeline brought up anew took."""

    def start() -> None:
        packed.unpack().predict(image)

    best = _shortest(_fairly(lambda by: _runs([start] * _COLD_STARTS, by, _SECONDS, before=_forget_networks), clock))
    decode, extract, rest = _parts(best)
    return {"cold_seconds": best.seconds, "cold_decode": decode, "cold_extract": extract, "cold_rest": rest}


def _warm(answering: Any, sample: np.ndarray, clock: Clock) -> Found:
    """Return the median seconds of a single answer, and those per image of all at once with the stages of that run."""

    def answer(images: np.ndarray) -> Callable[[], Any]:
        return lambda: answering.predict(images)

    alone = [answer(sample[position : position + 1]) for position in range(len(sample))]
    singles = _fairly(lambda by: _runs(alone, by, _SECONDS), clock)
    single = sorted(singles, key=lambda run: run.seconds)[(len(singles) - 1) // 2]
    n = int(min(len(sample), max(1, 2 * _SECONDS // max(single.seconds, 1e-9))))  # a batch keeps to the time too
    batch = single if n == 1 else _shortest(_fairly(lambda by: _batches(answer(sample[:n]), by), clock))
    decode, extract, predict = _parts(batch)
    return {
        "n_images": n,
        "single_seconds": single.seconds,
        "warm_seconds": batch.seconds / n,
        "warm_decode": decode / n,
        "warm_extract": extract / n,
        "warm_predict": predict / n,
        "warm_wall": batch.wall / n,
    }


def _runs(
    works: list[Callable[[], Any]], clock: Clock, limit: float, before: Callable[[], Any] | None = None
) -> list[_Run]:
    """Time some works, in order, as far as the time reaches; the first at any rate."""
    runs: list[_Run] = []
    begin = time.perf_counter()
    for work in works:
        if runs and time.perf_counter() - begin + runs[-1].wall > limit:
            break
        if before is not None:
            before()
        runs.append(_timed(work, clock))
    return runs


def _batches(answer: Callable[[], Any], clock: Clock) -> list[_Run]:
    """Time the answers for all images at once, some times over."""
    runs = _runs([answer] * _BATCHES, clock, 2 * _SECONDS)
    mean = sum(run.wall for run in runs) / len(runs)
    more = min(_MOST_BATCHES, int(_SHORT / max(mean, 1e-9))) - len(runs)
    return runs + (_runs([answer] * more, clock, _SECONDS) if more > 0 else [])


def _shortest(runs: list[_Run]) -> _Run:
    return min(runs, key=lambda run: run.seconds)


def _parts(run: _Run) -> tuple[float, float, float]:
    """Return what of an answer was decoding, what extracting, and what is left."""
    decode, extract = run.stages.get("decode", 0.0), run.stages.get("extract", 0.0)
    fits = min(1.0, run.seconds / max(decode + extract, 1e-12))  # threads of a pipeline's own go by the wall's clock
    decode, extract = fits * decode, fits * extract
    return decode, extract, max(run.seconds - decode - extract, 0.0)


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
