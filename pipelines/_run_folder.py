"""The folder of a comparison: one run at a time, one file per finished row, nothing half-written.

``run.json`` says on which data and splits the folder's rows were computed; ``rows/<pipeline>/split-000.json`` holds a
row, ``split-000.npz`` its answers and ``exhibit-000.npz``, where there is one, pictures for the report. The ``.json``
is written last, so that a row that is there is complete.
"""

import contextlib
import functools
import json
import os
import shutil
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ParamSpec, Self, TypeVar

from ._exhibit_files import read_exhibit, write_exhibit
from ._files import read_arrays, slug, unusable, write_arrays, write_json
from ._rows import Row

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt

_P = ParamSpec("_P")
_R = TypeVar("_R")
_SPLITS = "indices of the splits"
_FORMAT = 1  # raise when the rows' files change
_held: ContextVar[frozenset[Path]] = ContextVar("_held", default=frozenset())  # folders that this run holds
_measuring: ContextVar[frozenset[Path]] = ContextVar("_measuring", default=frozenset())  # and writes rows to
_ROOM = 32 * 2**20  # bytes that must be free before a run begins
_ADVICE = "Give another `out` folder to keep both, or overwrite=True to begin this one anew"


class RunFolder:
    """Rows of one comparison on disk.

    Parameters
    ----------
    folder : path
        Made if it is not there.

    Raises
    ------
    OSError
        On entering, if the folder cannot be written or its disk is full.
    RuntimeError
        On entering, if another run that is alive works in the folder.

    See Also
    --------
    folder_lock : What holds the folder against other runs.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> Self:
        place = self.folder.resolve()
        self._lock.enter_context(folder_lock(self.folder))
        if place in _measuring.get():
            self._lock.close()
            with (self.folder / ".lock").open(encoding="utf-8") as file:
                raise _refusal(file, self.folder)
        before = _measuring.set(_measuring.get() | {place})
        self._lock.callback(_measuring.reset, before)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def adopt(self, manifest: dict[str, Any], *, overwrite: bool = False) -> None:
        """Begin the folder on *manifest*, or go on if it was begun on the same one.

        Raises
        ------
        ValueError
            If the folder holds rows computed on other data or other splits. More or fewer of the same splits are no
            obstacle.
        """
        path = self.folder / "run.json"
        if overwrite:
            shutil.rmtree(self.folder / "rows", ignore_errors=True)
            for old in (path, self.folder / "comparison.json"):
                old.unlink(missing_ok=True)
        manifest = json.loads(json.dumps({"format": _FORMAT, **manifest}))
        if path.exists():
            try:
                begun = json.loads(path.read_text("utf-8"))
            except ValueError:
                begun = {}  # damaged: the rows carry their own keys, so nothing wrong can be reused
            begun = begun if isinstance(begun, dict) else {}
            differing = [key for key in manifest if begun and begun.get(key) != manifest[key]]
            if _more_of_the_same(begun.get(_SPLITS), manifest.get(_SPLITS)):
                differing = [key for key in differing if key not in ("splits", _SPLITS)]
            if differing:
                changes = "; ".join(_change(key, begun.get(key), manifest[key]) for key in differing)
                raise ValueError(
                    f"{self.folder} holds a comparison on other data or splits ({changes}). Results on unlike data are "
                    f"not mixed and nothing was changed. {_ADVICE}"
                )
        write_json(path, manifest)

    def read(self, pipeline: str, split: int) -> Row | None:
        """Return a finished row; None if it is missing or its files are damaged."""
        path = self._path(pipeline, split)
        try:
            content = json.loads(path.read_text("utf-8"))
            row = Row.from_json(content, read_arrays(path.with_suffix(".npz"))["predicted"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
            return None
        row.exhibit = read_exhibit(self.folder, pipeline) if split == 0 else None
        return row

    def write(self, row: Row) -> None:
        """Keep a row; on return it survives a kill."""
        path = self._path(row.pipeline, row.split)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # an older row must not be read with these answers
        write_arrays(path.with_suffix(".npz"), predicted=row.predicted)
        if row.split == 0:
            write_exhibit(self.folder, row.pipeline, row.exhibit)
        write_json(path, row.to_json())

    def _path(self, pipeline: str, split: int) -> Path:
        return self.folder / "rows" / slug(pipeline) / f"split-{split:03d}.json"


@contextlib.contextmanager
def folder_lock(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a folder against other runs: measuring, studying, writing its report; made if it is not there.

    Who holds it may take it again, so that a whole command and its parts can; only one at a time writes rows. The lock
    is the operating system's own on ``.lock``, which ends with the process that holds it: that of a killed run is
    simply taken over. The file's text (process, host, start) is for the reader of the error.

    Raises
    ------
    OSError
        The folder cannot be written or its disk is full.
    RuntimeError
        Another run that is alive works in the folder.
    """
    place = Path(folder).resolve()
    if place in _held.get():
        yield
        return
    _probe(Path(folder))
    lock = _locked(Path(folder) / ".lock")
    before = _held.set(_held.get() | {place})
    try:
        yield
    finally:
        _held.reset(before)
        with contextlib.suppress(OSError):
            lock.truncate(0)
        lock.close()


def holding_out(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function hold the folder it is given as ``out`` while it runs."""

    @functools.wraps(function)
    def held(*args: _P.args, **options: _P.kwargs) -> _R:
        out: Any = options.get("out")
        with contextlib.nullcontext() if out is None else folder_lock(out):
            return function(*args, **options)

    return held


def _probe(folder: Path) -> None:
    """Fail now rather than after an hour of work."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(4096))
        free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = "a file is in the way" if isinstance(error, (FileExistsError, NotADirectoryError)) else error.strerror
        raise type(error)(
            f"`out` must be a folder that can be written; {str(folder)!r} cannot: {reason or error}. Nothing was "
            "computed. Choose another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    if free < _ROOM:
        raise OSError(
            f"`out` needs at least {_ROOM >> 20} MiB free; {folder} has {free >> 20} MiB. Nothing was "
            "computed. Free some space or choose another folder"
        )


def _locked(path: Path) -> IO[str]:
    """Return the lock file, held by this process until it is closed."""
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise unusable(path, error) from error
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        file.seek(0)
        refusal = _refusal(file, path.parent)
        file.close()
        raise refusal from error
    file.seek(0)
    file.truncate(0)
    started = time.strftime("%Y-%m-%d %H:%M:%S")
    json.dump({"pid": os.getpid(), "host": socket.gethostname(), "started": started}, file)
    file.flush()
    return file


def _refusal(file: IO[str], folder: Path) -> RuntimeError:
    """Return the error for a folder that is held, with what the lock file says of who holds it."""
    try:
        text = json.load(file)
        holder = f" (process {text['pid']} on {text['host']}, begun {text['started']})"
    except (OSError, ValueError, KeyError, TypeError):
        holder = ""
    return RuntimeError(
        f"another run{holder} is writing to {folder}. Wait until it has finished, or choose another `out`"
    )


def _more_of_the_same(before: list[str] | None, now: list[str] | None) -> bool:
    """Tell whether one run has the other's splits and some more; rows of either then serve both."""
    return bool(before and now) and all(a == b for a, b in zip(before, now, strict=False))  # type: ignore[arg-type]


def _change(key: str, before: object, now: object) -> str:
    """Say what differs: counts with both numbers, fingerprints without their digits."""
    if isinstance(before, int) and isinstance(now, int):
        return f"{before} {key} before, {now} now"
    return f"the {key} differ"
