"""Time two functions in turn in one process, so that a machine whose speed drifts treats both alike.

``EYECRAFT_BENCH_ROUNDS`` sets the number of rounds of all benchmarks; the tests run each with one.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any


def limit_threads() -> None:
    """Hold every library to one thread: ratios are per core unless a benchmark says otherwise."""
    import cv2
    from threadpoolctl import threadpool_limits

    cv2.setNumThreads(1)
    threadpool_limits(1)


def side_by_side(ours: Callable[[], Any], peer: Callable[[], Any], *, rounds: int = 9) -> tuple[float, float, float]:
    """Return median seconds of CPU time of *ours*, of *peer*, and the median of their ratios (peer / ours)."""
    rounds = int(os.environ.get("EYECRAFT_BENCH_ROUNDS", rounds))
    ours(), peer()  # compile, load, warm the caches
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(_cpu_seconds(ours))
        theirs.append(_cpu_seconds(peer))
    ratio = statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
    return statistics.median(mine), statistics.median(theirs), ratio


def _cpu_seconds(function: Callable[[], Any]) -> float:
    """CPU seconds of one call, repeated until at least 20 ms have gone by."""
    calls, start = 0, time.process_time()
    while True:
        function()
        calls += 1
        spent = time.process_time() - start
        if spent >= 0.02:
            return spent / calls


def report(what: str, ratio: float, goal: float, agreement: str) -> None:
    """Print one line: what was timed, how many times faster, the goal, and how well the two sides agree."""
    verdict = "reached" if ratio >= goal else "MISSED"
    print(f"{what:<52} {ratio:7.1f}x   goal {goal:g}x {verdict}   agreement: {agreement}")
