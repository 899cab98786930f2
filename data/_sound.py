"""Which files of a data set cannot be read, found before any work: each file is looked through once.

Each is decoded strictly once. What was found sound is remembered by path, size and time of change.
"""

import contextlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._cache import cache_folder
from ._headers import ends_well, find_damage, image_format, read_header
from ._progress import progress
from .images import check_whole_file

_VERSION = 1  # to be raised when the check finds more
_AT_ONCE = 256  # files between two steps of the bar


def find_unreadable(paths: list[str], root: str) -> dict[str, str]:
    """Return the files that cannot be read, with the reason.

    Parameters
    ----------
    paths : list of str
        Image files below *root*.
    root : str
        Folder of the data set: what is remembered is kept by it.

    Notes
    -----
    About 50 microseconds a file for headers, and the time of decoding for files that were not seen before, in as many
    threads as there are cores.
    """
    broken = {path: problem for path in paths if (problem := _problem_at_the_ends(path)) is not None}
    keys = {path: _key(path) for path in paths if path not in broken}
    memory = _Memory(root)
    left = [path for path, known in zip(keys, memory.knows(keys.values()), strict=True) if not known]
    if left:
        broken |= _looked_through(left)
        memory.keep(key for path, key in keys.items() if path not in broken)
    return broken


def _looked_through(paths: list[str]) -> dict[str, str]:
    broken: dict[str, str] = {}
    workers = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, len(paths))
    with ThreadPoolExecutor(workers) as pool, progress("looking for damaged files", len(paths)) as advance:
        for start in range(0, len(paths), _AT_ONCE):
            part = paths[start : start + _AT_ONCE]
            broken |= {
                path: problem for path, problem in zip(part, pool.map(_problem_inside, part), strict=True) if problem
            }
            advance(len(part))
    return broken


def _problem_at_the_ends(path: str) -> str | None:
    """Say why a file is surely broken, or return None; only its beginning and end are read in most cases."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - called for every file
            head = file.read(512)
            kind = image_format(head)
            if kind is not None:
                file.seek(max(-16, -len(head)), os.SEEK_END)
                if ends_well(kind, file.read(16)):
                    return None
                file.seek(0)
                head = file.readall()
        return find_damage(head, read_header(head))
    except OSError as error:
        return f"the file cannot be opened: {error.strerror or error}"
    except ValueError as error:
        return str(error)


def _problem_inside(path: str) -> str | None:
    try:
        check_whole_file(Path(path).read_bytes())
    except OSError as error:
        return f"the file cannot be read: {error.strerror or error}"
    except ValueError as error:
        return str(error)
    return None


def _key(path: str) -> int:
    """Return 64 bits that tell a file and its state."""
    try:
        status = os.stat(path)  # noqa: PTH116 - called for every file
    except OSError:
        return 0
    text = f"{path}|{status.st_size}|{status.st_mtime_ns}".encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


class _Memory:
    """Files of one folder that were found sound, as a file of 64-bit keys; lost or damaged, it costs time only."""

    def __init__(self, root: str) -> None:
        folder = cache_folder()
        name = blake2b(f"{_VERSION}|{root}".encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
        self._path = None if folder is None else folder / "checked" / f"{name}.npy"

    def knows(self, keys: Iterable[int]) -> NDArray[np.bool_]:
        """Tell for each key whether it was kept."""
        wanted = np.fromiter(keys, np.uint64)
        if self._path is None:
            return np.zeros(len(wanted), bool)
        try:
            kept = np.load(self._path, allow_pickle=False)
            return np.isin(wanted, kept) & (wanted != 0) & (kept.dtype == np.uint64)
        except Exception:  # it is not there, or damaged
            return np.zeros(len(wanted), bool)

    def keep(self, keys: Iterable[int]) -> None:
        """Replace what was kept."""
        if self._path is None:
            return
        temporary = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.save(file, np.fromiter(keys, np.uint64))
            temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
