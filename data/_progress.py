"""One progress display for everything that may take long.

Bars appear on standard error after two seconds, only where a person watches: at a terminal, or when the environment
variable ``EYECRAFT_PROGRESS`` is ``1`` (``0`` silences them). Work inside work adds a bar to the display that is open.
With ``lines``, as the command sets it where there is no terminal, plain lines now and then take their place.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_DELAY = 2.0  # seconds of work before a bar is worth its place
_PAUSE = 20.0  # seconds between two lines of the same work
_lock = threading.Lock()
_display: "Progress | None" = None


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[..., None]]:
    """Show *label* and how many of *total* steps are done.

    Yields
    ------
    advance : callable
        ``advance(steps=1, note=None)``; *note*, what is being done now, replaces the label.
    """
    bar = _Bar(label, total)
    try:
        yield bar.advance
    finally:
        bar.close()


def say(text: str) -> None:
    """Tell what begins now, where lines take the place of bars."""
    if _in_lines():
        print(text, file=sys.stderr, flush=True)


def wanted() -> bool:
    """Tell whether bars are to be shown at all."""
    answer = os.environ.get("EYECRAFT_PROGRESS")
    return answer not in ("0", "lines") if answer is not None else sys.stderr is not None and sys.stderr.isatty()


def _in_lines() -> bool:
    return os.environ.get("EYECRAFT_PROGRESS") == "lines"


class _Bar:
    """One line of the display; joins it only once the work has taken a while."""

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total, self._done = label, total, 0
        self._start = self._said = time.monotonic()
        self._wanted, self._in_lines = wanted(), _in_lines()
        self._display: Progress | None = None
        self._owner = False

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        self._done += steps
        self._label = note or self._label
        if self._display is None and self._wanted and time.monotonic() - self._start >= _DELAY:
            self._open()
        if self._display is not None:
            self._display.update(self._task, completed=self._done, description=self._label)
        if self._in_lines and self._done < self._total and time.monotonic() - self._said >= _PAUSE:
            self._said = time.monotonic()
            say(f"{self._label}: {self._done:,} of {self._total:,}")

    def _open(self) -> None:
        global _display
        with _lock:
            if _display is None:
                _display = _new_display()
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


def _new_display() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
