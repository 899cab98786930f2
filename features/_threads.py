"""Work shared among threads; `joblib` would look only every 10 ms whether a task is done, longer than images take."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def in_threads(function: Callable[..., T], arguments: Iterable[tuple[Any, ...]], n_threads: int) -> list[T]:
    """Call *function* with each tuple of arguments and return the results in that order.

    The first exception is raised again here; calls that have not begun are then left out.

    Parameters
    ----------
    function : callable
        Should release the interpreter's lock where it spends its time, or threads gain nothing.
    arguments : iterable of tuple
    n_threads : int
        1 is a plain loop.

    Examples
    --------
    >>> from eyecraft.features._threads import in_threads
    >>> in_threads(pow, [(2, 3), (3, 2)], n_threads=2)
    [8, 9]
    """
    if n_threads == 1:
        return [function(*each) for each in arguments]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(lambda each: function(*each), arguments))
