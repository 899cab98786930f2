"""How a process that computes splits for another one behaves."""

import os
import threading
import time
import warnings

from eyecraft.features import FeatureStoreWarning

_LOOK = 1.0  # seconds between two looks whether the process that asked is still there
_watching = threading.Event()


def behave_as_worker() -> None:
    """Draw no bars over those of the process that asked, repeat no warning that it gave, and end when it has ended.

    A process that was killed cannot end its workers: they would go on and hold its output open for minutes.
    """
    os.environ["EYECRAFT_PROGRESS"] = "0"
    warnings.simplefilter("ignore", FeatureStoreWarning)
    if not _watching.is_set():
        _watching.set()
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)
