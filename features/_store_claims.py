"""Who computes which rows: claims in the index, and whether those who made them are still at work."""

import contextlib
import logging
import os
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import psutil

_POLL = 0.05  # seconds between two looks at rows that another process is computing
_PATIENCE = 5.0  # seconds of waiting after which the user is told whom for
_STALE = 600.0  # seconds after which a claim made on another machine counts as abandoned
_SAME_START = 2.0  # seconds by which two readings of one process's start may differ
_log = logging.getLogger("eyecraft")
_working: set[str] = set()  # owners at work in this process


@contextlib.contextmanager
def claimant() -> Iterator[str]:
    """Give a name to make claims under; they are good as long as the block runs.

    The name says which process it is beyond doubt: numbers of processes are given again, after a restart even to a
    process of the same kind.
    """
    owner = f"{socket.gethostname()}/{os.getpid()}/{_begin(os.getpid()):.2f}/{uuid.uuid4().hex[:8]}"
    _working.add(owner)
    try:
        yield owner
    finally:
        _working.discard(owner)


def claim(index: sqlite3.Connection, extractor: str, missing: list[str], n: int, owner: str) -> list[str]:
    """Claim up to *n* of the missing rows: those that nobody has claimed or stored meanwhile."""
    claimed = {image for (image,) in index.execute("SELECT image FROM claims WHERE extractor = ?", (extractor,))}
    wanted = []
    for key in missing:
        if key not in claimed:
            wanted.append(key)
            if len(wanted) == n:
                break
    marks = ",".join("?" * len(wanted))
    query = f"SELECT image FROM rows WHERE extractor = ? AND image IN ({marks})"
    stored = {image for (image,) in index.execute(query, (extractor, *wanted))}
    mine = [key for key in wanted if key not in stored]
    now = time.time()
    index.executemany("INSERT INTO claims VALUES (?, ?, ?, ?)", ((extractor, key, owner, now) for key in mine))
    return mine


def release(index: sqlite3.Connection, extractor: str, owner: str) -> None:
    """Take back all claims of one owner."""
    index.execute("DELETE FROM claims WHERE extractor = ? AND owner = ?", (extractor, owner))


def drop_dead(index: sqlite3.Connection, extractor: str) -> list[str]:
    """Delete the claims of owners that are gone; say who the others are, such as "process 12 on leo, for 40 s"."""
    query = "SELECT owner, MIN(at), MAX(at) FROM claims WHERE extractor = ? GROUP BY owner"
    living = []
    for owner, first, last in index.execute(query, (extractor,)).fetchall():
        if _is_gone(owner, last):
            index.execute("DELETE FROM claims WHERE owner = ?", (owner,))
        else:
            host, pid, *_ = owner.split("/")
            living.append(f"process {pid} on {host}, for {time.time() - first:.0f} s")
    return living


class Waiting:
    """Waiting for rows that others compute, but not for ever, and not in silence."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._start = folder, time.monotonic()
        self._told = self._in_vain = False

    def for_others(self, others: list[str]) -> bool:
        """Wait a moment; False when nobody is computing the rows although the index does not give them."""
        if not others:
            # The first time somebody may just have finished. The second time the index says that they are stored and
            # they are not: a full disk or a damaged page keeps it from being put right.
            was, self._in_vain = self._in_vain, True
            return not was
        self._in_vain = False
        if not self._told and time.monotonic() - self._start > _PATIENCE:
            self._told = True
            whom = " and ".join(others)
            _log.warning("waiting for features that are being computed for the store in %s by %s", self._folder, whom)
        time.sleep(_POLL)
        return True


def _is_gone(owner: str, at: float) -> bool:
    host, _, rest = owner.partition("/")
    pid, _, begin = rest.rpartition("/")[0].partition("/")
    if host != socket.gethostname() or not begin:  # on another machine, or of a version that did not say
        return time.time() - at > _STALE
    if int(pid) == os.getpid():
        return owner not in _working
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(begin)) > _SAME_START
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


@lru_cache
def _begin(pid: int) -> float:
    return psutil.Process(pid).create_time()
