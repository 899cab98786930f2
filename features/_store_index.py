"""The index of the feature store: an SQLite file, opened for one transaction at a time."""

import contextlib
import sqlite3
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS extractors (key TEXT PRIMARY KEY, description TEXT, used REAL);
CREATE TABLE IF NOT EXISTS shards (id INTEGER PRIMARY KEY, extractor TEXT, file TEXT, n_rows INTEGER, bytes INTEGER,
    decode_seconds REAL, extract_seconds REAL);
CREATE TABLE IF NOT EXISTS rows (extractor TEXT, image TEXT, shard INTEGER, start INTEGER, stop INTEGER, crc INTEGER,
    PRIMARY KEY (extractor, image)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (extractor TEXT, image TEXT, owner TEXT, at REAL,
    PRIMARY KEY (extractor, image)) WITHOUT ROWID;
"""


class FeatureStoreWarning(UserWarning):
    """The feature store could not keep or read rows; the numbers are right, only the time saved is lost."""


@contextlib.contextmanager
def open_index(folder: Path, *, write: bool = True) -> Iterator[sqlite3.Connection | None]:
    """Open the index for one transaction; None (with one warning) when it cannot be had.

    A connection lives for one transaction only: nothing is held across forks, pickles or threads.
    """
    path = folder / "index.sqlite"
    connection = None
    try:
        if write:
            folder.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            yield None
            return
        connection = _connect(path, write)
    except (sqlite3.Error, OSError) as error:
        warn(f"The feature store in {folder} cannot be used ({error}); features are computed each time.")
        yield None
        return
    try:
        yield connection
        connection.commit()
    except sqlite3.DatabaseError as error:  # a full disk, a damaged page: end the block here, keep what it has
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
        warn(f"The feature store in {folder} failed ({error}); nothing is lost but the time it would save.")
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
            aside = path.with_suffix(f".damaged-{int(time.time())}")
            path.replace(aside)
            warn(f"The feature store's index was damaged ({error}); it was moved to {aside} and begun anew.")
            write = True
    raise sqlite3.OperationalError("the index could not be opened")


def warn(message: str) -> None:
    """Tell the user what the store could not do."""
    warnings.warn(message, FeatureStoreWarning, stacklevel=2)
