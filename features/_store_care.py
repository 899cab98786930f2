"""Looking after a feature store's files: how much they take, and which are of no use any more."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._store_index import INDEX, open_index

_ORPHAN_AGE = 3600.0  # seconds after which a shard that no index row names is rubbish
_PARTS = ("index.*", "shards/*/*", "checked/*")  # all that eyecraft writes below a store's folder


def files_in(folder: Path, *patterns: str) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the store's files with their status; one that another process deletes meanwhile is passed over."""
    for pattern in patterns or _PARTS:
        for path in folder.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if path.is_file():
                    yield path, status


def bytes_in(folder: Path) -> int:
    """Return what the store takes on its disk, in bytes."""
    return sum(status.st_size for _, status in files_in(folder))


def prune(folder: Path, entries: list[dict[str, Any]], older_than: float | None, max_bytes: int | None) -> int:
    """Delete extractors' rows, least recently used last in *entries*, and useless files; return the bytes set free."""
    before = bytes_in(folder)
    if not before:
        return 0
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"the feature store in {folder} cannot be changed: it is read-only. Nothing was deleted")
    _sweep(folder, older_than)
    now = time.time()
    for entry in reversed(entries):
        too_old = older_than is not None and now - entry["used"] >= older_than * 86400
        if too_old or (max_bytes is not None and bytes_in(folder) - _slack(folder) > max_bytes):
            _forget(folder, entry["key"])
    _sweep(folder, older_than)
    _pack(folder)
    return max(before - bytes_in(folder), 0)


def _forget(folder: Path, extractor: str) -> None:
    """Delete all that is stored for one extractor; the index first, so that no reader finds a missing shard."""
    files: list[tuple[str]] = []
    with open_index(folder) as index:
        if index is None:
            return
        files = index.execute("SELECT file FROM shards WHERE extractor = ?", (extractor,)).fetchall()
        for table, column in (("rows", "extractor"), ("shards", "extractor"), ("extractors", "key")):
            index.execute(f"DELETE FROM {table} WHERE {column} = ?", (extractor,))
    for (file,) in files:
        (folder / file).unlink(missing_ok=True)


def _sweep(folder: Path, older_than: float | None) -> None:
    """Delete damaged indexes, and shards that the index does not name and that are too old to be about to be named.

    They are given an hour, or the days after which the user wants things gone if that is less.
    """
    known: set[str] = set()
    with open_index(folder, write=False) as index:
        if index is not None:
            known = {file for (file,) in index.execute("SELECT file FROM shards")}
    now, days = time.time(), float("inf") if older_than is None else older_than * 86400
    for path, status in files_in(folder, "shards/*/*", "index.damaged-*"):
        if path.relative_to(folder).as_posix() not in known and now - status.st_mtime >= min(_ORPHAN_AGE, days):
            path.unlink(missing_ok=True)
    for path, status in files_in(folder, "checked/*"):
        if now - status.st_mtime >= days:
            path.unlink(missing_ok=True)
    for below in folder.glob("shards/*"):
        with contextlib.suppress(OSError):  # not empty
            below.rmdir()


def _slack(folder: Path) -> int:
    """Return how many bytes of the index hold nothing, and are given back when it is packed."""
    with open_index(folder, write=False) as index:
        if index is not None:
            free, size = (index.execute(f"PRAGMA {what}").fetchone()[0] for what in ("freelist_count", "page_size"))
            return int(free * size)
    return 0


def _pack(folder: Path) -> None:
    """Give back the room that deleted rows took in the index; left for another time if others are using it."""
    if (folder / INDEX).is_file():
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(folder / INDEX, timeout=5.0)) as index,
        ):
            index.execute("VACUUM")
