"""How much memory a block of work needed at most: the process's, and that of a GPU where there is one."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

_EVERY = 0.02  # seconds between two looks at the process's memory


@contextmanager
def peak_memory(every: float = _EVERY) -> Iterator[Callable[[], int]]:
    """Watch the process's resident memory from a thread; the function given gives the largest value seen, in bytes.

    Parameters
    ----------
    every : float
        Seconds between two looks. What lives for less may be missed.
    """
    process = psutil.Process()
    largest = process.memory_info().rss
    done = threading.Event()

    def look() -> None:
        nonlocal largest
        largest = max(largest, process.memory_info().rss)

    def watch() -> None:
        while not done.wait(every):
            look()

    thread = threading.Thread(target=watch, name="eyecraft-peak-memory", daemon=True)
    thread.start()
    try:
        yield lambda: largest
    finally:
        done.set()
        thread.join()
        look()


@contextmanager
def peak_gpu_memory() -> Iterator[Callable[[], int | None]]:
    """Watch what torch's tensors take on the GPUs; the function given gives the peak in bytes, of the fullest GPU.

    It gives None where torch was not used or no GPU was. What the CUDA context itself takes is not counted. Blocks do
    not nest: the inner one would reset what the outer one has seen.
    """
    cuda = _cuda()
    if cuda is not None:
        for number in range(cuda.device_count()):
            cuda.reset_peak_memory_stats(number)

    def largest() -> int | None:
        now = _cuda()
        peaks = [] if now is None else [now.max_memory_allocated(number) for number in range(now.device_count())]
        return max(peaks, default=0) or None

    yield largest


def _cuda() -> Any:
    """Return torch.cuda where somebody has used it; neither torch nor a GPU is woken up by asking."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def largest_of(*peaks: int | None) -> int | None:
    """Return the largest of the peaks that are known."""
    return max((peak for peak in peaks if peak is not None), default=None)
