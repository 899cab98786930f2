"""One training at a time on a GPU, however many processes and threads a search starts."""

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import torch

try:
    import fcntl
except ImportError:  # Windows: trainings of one process take turns, those of several do not
    fcntl = None  # type: ignore[assignment]

_in_this_process: dict[int, threading.Lock] = {}
_guard = threading.Lock()


@contextlib.contextmanager
def one_job(device: str, *, any_gpu: bool = False) -> Iterator[str]:
    """Wait until no other training of this user's runs on the GPU; yield the device to use.

    Parameters
    ----------
    device : str
        As torch says it; without effect on the CPU.
    any_gpu : bool
        Whether another GPU does as well: then the first free one is taken.
    """
    if not device.startswith("cuda"):
        yield device
        return
    wanted = torch.device(device).index or 0
    numbers = list(range(torch.cuda.device_count())) if any_gpu else [wanted]
    with contextlib.ExitStack() as held:
        number = next((n for n in numbers if _take(n, held, wait=False)), None)
        if number is None:
            number = numbers[0]
            _take(number, held, wait=True)
        yield device if number == wanted else f"cuda:{number}"


def _take(number: int, held: contextlib.ExitStack, *, wait: bool) -> bool:
    with _guard:
        lock = _in_this_process.setdefault(number, threading.Lock())
    if not lock.acquire(blocking=wait):
        return False
    file = _lock_file(number)
    if not _lock(file, wait=wait):
        file.close()
        lock.release()
        return False
    held.callback(lock.release)
    held.callback(file.close)  # which gives the lock back, as the end of the process does
    return True


def _lock_file(number: int) -> IO[str]:
    identity = str(getattr(torch.cuda.get_device_properties(number), "uuid", number))
    folder = Path(tempfile.gettempdir())
    user = Path.home().name
    return (folder / f"eyecraft-{user}-gpu-{identity}.lock").open("w")


def _lock(file: IO[str], *, wait: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
