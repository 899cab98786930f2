"""One progress display for everything that may take long.

Bars appear on standard error after two seconds, only where a person watches: at a terminal, or when the environment
variable ``EYECRAFT_PROGRESS`` is ``1`` (``0`` silences them). Work inside work adds a bar to the display that is open.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_DELAY = 2.0  # seconds of work before a bar is worth its place
_lock = threading.Lock()
_display: Progress | None = None


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[..., None]]:
    """Show *label* and how many of *total* steps are done.

    Yields
    ------
    advance : callable
        ``advance(steps=1, note=None)``; *note* replaces the label.
    """
    bar = _Bar(label, total)
    try:
        yield bar.advance
    finally:
        bar.close()


def wanted() -> bool:
    """Tell whether bars are to be shown at all."""
    answer = os.environ.get("EYECRAFT_PROGRESS")
    return answer != "0" if answer is not None else Console(stderr=True).is_terminal


class _Bar:
    """One line of the display; joins it only once the work has taken a while."""

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total, self._done = label, total, 0
        self._start = time.monotonic()
        self._wanted = wanted()
        self._display: Progress | None = None
        self._owner = False

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        self._done += steps
        self._label = note or self._label
        if self._display is None and self._wanted and time.monotonic() - self._start >= _DELAY:
            self._open()
        if self._display is not None:
            self._display.update(self._task, completed=self._done, description=self._label)

    def _open(self) -> None:
        global _display
        with _lock:
            if _display is None:
                _display = Progress(
                    TextColumn("{task.description}"),
                    BarColumn(),
                    MofNCompleteColumn(),
                    TimeElapsedColumn(),
                    TimeRemainingColumn(),
                    console=Console(stderr=True),
                    transient=True,
                )
                _display.start()
                self._owner = True
            self._display = _display
        self._task = self._display.add_task(self._label, total=self._total, completed=self._done)

    def close(self) -> None:
        global _display
        if self._display is None:
            return
        with _lock:
            self._display.remove_task(self._task)
            if self._owner:
                self._display.stop()
                _display = None
