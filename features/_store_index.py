"""The index of the feature store: an SQLite file, opened for one transaction at a time."""

import contextlib
import errno
import os
import shutil
import sqlite3
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

INDEX = "index.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS extractors (key TEXT PRIMARY KEY, description TEXT, used REAL);
CREATE TABLE IF NOT EXISTS shards (id INTEGER PRIMARY KEY, extractor TEXT, file TEXT, n_rows INTEGER, bytes INTEGER,
    decode_seconds REAL, extract_seconds REAL);
CREATE TABLE IF NOT EXISTS rows (extractor TEXT, image TEXT, shard INTEGER, start INTEGER, stop INTEGER, crc INTEGER,
    PRIMARY KEY (extractor, image)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (extractor TEXT, image TEXT, owner TEXT, at REAL,
    PRIMARY KEY (extractor, image)) WITHOUT ROWID;
"""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NO_ROOM = 2**20  # bytes; with fewer free, a failure is the disk's whatever it is called


class FeatureStoreWarning(UserWarning):
    """The feature store could not keep or read rows; the numbers are right, only the time saved is lost."""


@contextlib.contextmanager
def open_index(folder: Path, *, write: bool = True) -> Iterator[sqlite3.Connection | None]:
    """Open the index for one transaction; None (with one warning) when it cannot be had.

    A connection lives for one transaction only: nothing is held across forks, pickles or threads. An index that turns
    out to be damaged is set aside, so that the next transaction begins a new one.
    """
    path = folder / INDEX
    connection = None
    try:
        if write:
            folder.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            yield None
            return
        connection = _connect(path, write)
    except (sqlite3.Error, OSError) as error:
        warn(f"The feature store in {folder} cannot be used ({reason(error, folder)}); features are computed each time")
        yield None
        return
    opened = _inode(path)
    try:
        yield connection
        connection.commit()
    except sqlite3.DatabaseError as error:  # a full disk, a damaged page: end the block here, keep what it has
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
        connection.close()
        if not _is_damage(error):
            what = reason(error, folder)
            warn(f"The feature store in {folder} failed ({what}); nothing is lost but the time it would save")
        elif _inode(path) == opened:  # else another process has set it aside already
            _set_aside(path, error)
    finally:
        connection.close()


def _connect(path: Path, write: bool) -> sqlite3.Connection:
    for attempt in (1, 2):
        connection = sqlite3.connect(path, timeout=60.0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            for statement in _SCHEMA.split(";") if write else ():
                connection.execute(statement)
            connection.execute("SELECT COUNT(*) FROM claims").fetchone()
            return connection
        except sqlite3.OperationalError as error:
            connection.close()
            if "no such table" in str(error) and attempt == 1:  # an index that was created but never filled
                write = True
                continue
            raise
        except sqlite3.DatabaseError as error:  # not a database, or malformed
            connection.close()
            _set_aside(path, error)
            write = True
    raise sqlite3.OperationalError("the index could not be opened")


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _set_aside(path: Path, error: sqlite3.Error) -> None:
    """Move a damaged index out of the way; what it named is computed again."""
    aside = path.with_suffix(f".damaged-{time.time_ns() // 1_000_000}")
    try:
        path.replace(aside)
    except OSError as refusal:
        warn(f"The feature store's index {path} is damaged ({error}) and cannot be moved ({refusal.strerror})")
        return
    warn(f"The feature store's index was damaged ({error}); it was moved to {aside} and begun anew")


def reason(error: Exception, folder: Path) -> str:
    """Say why the store in *folder* could not be used or written, and what helps."""
    number, text = getattr(error, "errno", None), getattr(error, "strerror", None) or str(error)
    if number in (errno.EACCES, errno.EPERM, errno.EROFS) or "readonly" in text or "unable to open" in text:
        return f"it cannot be written: {text}. EYECRAFT_STORE=folder moves it"
    if number in (errno.ENOSPC, errno.EDQUOT) or "full" in text or _free(folder) < _NO_ROOM:
        said = f": {text}" if number else ""
        return f"its disk is full{said}. `eyecraft store --max-size 1G` frees space, EYECRAFT_STORE=folder moves it"
    return text


def _free(folder: Path) -> int:
    there = next((path for path in (folder, *folder.parents) if os.path.isdir(path)), folder)  # noqa: PTH112
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return _NO_ROOM


def warn(message: str) -> None:
    """Tell the user what the store could not do."""
    warnings.warn(message, FeatureStoreWarning, stacklevel=2)
