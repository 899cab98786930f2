"""Where the seconds go: stages of work recorded by whoever listens.

An extractor says how long it decoded and how long it extracted; a comparison opens a recorder around ``fit`` and
``predict`` and so can tell the time of the features from the time of the classifier. Nobody listening costs nothing.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_recorders: ContextVar[tuple[dict[str, float], ...]] = ContextVar("_recorders", default=())
_clock: ContextVar[Callable[[], float]] = ContextVar("_clock", default=time.perf_counter)


def now() -> float:
    """Return the seconds of the clock in force: the one on the wall, unless a recorder brought another."""
    return _clock.get()()


@contextmanager
def record_stages(clock: Callable[[], float] | None = None) -> Iterator[dict[str, float]]:
    """Collect seconds per stage (``"decode"``, ``"extract"``, ``"store"``) spent inside the block.

    Parameters
    ----------
    clock : callable, optional
        Measures what the calling thread does inside the block, such as `time.process_time`; by the clock on the wall
        unless told.

    Notes
    -----

    ``"store"`` is what is left of a transformation: looking rows up, reading and writing them, handing them over.

    Work that ran in several threads at once is counted at its share of the elapsed time, so the stages of a block
    never add up to more than the block took.
    """
    stages: dict[str, float] = defaultdict(float)
    token = _recorders.set((*_recorders.get(), stages))
    before = None if clock is None else _clock.set(clock)
    try:
        yield stages
    finally:
        _recorders.reset(token)
        if before is not None:
            _clock.reset(before)


def add_seconds(stage: str, seconds: float) -> None:
    """Tell every open recorder that *stage* took *seconds* more."""
    for stages in _recorders.get():
        stages[stage] += seconds
