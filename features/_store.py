"""The feature store: rows of features kept on disk, one per image, *below* the pipeline.

A pipeline's own ``memory`` caches a whole ``fit_transform`` and so recomputes every fold. Here the unit is the image:
its identity (`eyecraft.data.image_key`) times the extractor's (class, parameters, code version, weights). Any
cross-validation or grid search over n images then costs exactly n extractions, also from several processes at once,
and a killed run goes on where it stopped.

On disk: ``shards/<extractor>/<id>.npy`` hold flat arrays, rows one behind the other; ``index.sqlite`` says where a row
lies and carries its checksum. A shard is complete before the index names it, so a crash leaves at most an orphan file.
A shard that is damaged anywhere, in its header too, is computed again, never returned; so is everything, if the index
is damaged.
"""

import contextlib
import json
import os
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eyecraft.data._cache import cache_folder

from . import _store_care as care
from . import _store_claims as claims
from ._store_index import open_index, reason, warn
from ._store_shards import rows_of, shard_name, write_shard

_ASK_AT_ONCE = 900  # SQLite's smallest limit on the variables of one statement is 999
_DAY = 86400.0  # seconds; that rows were used is noted once in so many


@dataclass(frozen=True)
class Batch:
    """What an extractor hands to the store: one 1-D array per image, and the seconds of work they took."""

    rows: Sequence[np.ndarray]
    decode_seconds: float = 0.0
    extract_seconds: float = 0.0


Compute = Callable[[list[int]], Batch]  # positions of images -> their rows
Receive = Callable[[int, np.ndarray], None]  # position of an image, its row


def open_store(store: "str | os.PathLike[str] | FeatureStore | None") -> "FeatureStore | None":
    """Return the store that an extractor's ``store`` parameter means.

    Parameters
    ----------
    store : None, "default", path or FeatureStore
        None keeps nothing; ``"default"`` is the user's cache folder (environment variable ``EYECRAFT_STORE``).
    """
    if store is None or isinstance(store, FeatureStore):
        return store
    if not isinstance(store, (str, os.PathLike)):
        raise ValueError(f"`store` must be None, 'default', a folder or a FeatureStore; got {store!r}")
    folder = cache_folder() if store == "default" else Path(store)
    return None if folder is None else FeatureStore(folder)


class FeatureStore:
    """Rows of features on disk, found by image and extractor.

    Parameters
    ----------
    folder : path
        Where the index and the shards lie; made when the first row is written.

    Notes
    -----
    Several processes may read and write at once. A row that one process is computing is waited for by the others, so
    no row is computed twice; rows claimed by a process that died are taken over.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"FeatureStore({str(self.folder)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeatureStore) and other.folder == self.folder

    def __hash__(self) -> int:
        return hash(self.folder)

    # -- the one way in ----------------------------------------------------------------------------------------------

    def fill(
        self,
        extractor: str,
        keys: Sequence[str],
        compute: Compute,
        receive: Receive,
        *,
        description: str = "",
        batch_size: int = 64,
    ) -> None:
        """Hand every image's row to *receive*: stored ones from disk, missing ones computed once and kept.

        Parameters
        ----------
        extractor : str
            Identity of the extractor; a change of anything that changes numbers must change it.
        keys : sequence of str
            Identity of each image. Equal keys are computed once.
        compute : callable
            Given positions in *keys*, returns their rows as a `Batch`. Called with at most *batch_size* positions.
        receive : callable
            Called once for each position with that image's row.
        description : str
            What ``eyecraft store`` shows for the extractor.
        """
        places = defaultdict(list)
        for position, key in enumerate(_storable(keys)):
            places[key].append(position)

        def deliver(key: str, row: np.ndarray) -> None:
            for position in places[key]:
                receive(position, row)

        def work(batch: list[str]) -> Batch:
            done = compute([places[key][0] for key in batch])
            for key, row in zip(batch, done.rows, strict=True):
                deliver(key, row)
            return done

        missing = self._read(extractor, list(places), deliver)
        if not missing:
            return
        with claims.claimant() as owner:
            waiting = claims.Waiting(self.folder)
            while missing:
                batch = self._claim(extractor, missing, batch_size, owner)
                if not batch:  # the rest is being computed elsewhere, or has just been
                    still = self._read(extractor, missing, deliver)
                    if len(still) < len(missing):
                        waiting = claims.Waiting(self.folder)
                    elif not waiting.for_others(self._claimants(extractor)):
                        batch = still[:batch_size]
                    missing = still
                if batch:
                    try:
                        self._put(extractor, batch, work(batch), description)
                    finally:
                        self._release(extractor, owner)
                    done = set(batch)
                    missing = [key for key in missing if key not in done]
                    waiting = claims.Waiting(self.folder)

    def contains(self, extractor: str, keys: Sequence[str]) -> np.ndarray:
        """Tell for each key whether a row is stored, without reading it: bool array of shape ``(len(keys),)``."""
        keys = _storable(keys)
        found = self._locate(extractor, keys)
        return np.fromiter((key in found for key in keys), dtype=bool, count=len(keys))

    def cost(self, extractor: str, keys: Sequence[str]) -> dict[str, float]:
        """Return seconds per image, ``{"decode": ..., "extract": ...}``, as measured when the rows were computed.

        Seconds of one worker, averaged over those of the images *keys* that are stored; empty when none is.
        """
        places = self._locate(extractor, _storable(keys))
        counts = Counter(shard for shard, *_ in places.values())
        totals = {"decode": 0.0, "extract": 0.0}
        with open_index(self.folder, write=False) as index:
            query = "SELECT id, n_rows, decode_seconds, extract_seconds FROM shards WHERE extractor = ?"
            for shard, n_rows, *seconds in index.execute(query, (extractor,)) if index else ():
                for stage, value in zip(totals, seconds, strict=True):
                    totals[stage] += value / n_rows * counts[shard]
        return {stage: value / len(places) for stage, value in totals.items()} if places else {}

    # -- looking after it --------------------------------------------------------------------------------------------

    def summary(self) -> list[dict[str, Any]]:
        """Return one dictionary per extractor: ``key, description, n_rows, bytes, used`` (seconds since the epoch)."""
        with open_index(self.folder, write=False) as index:
            if index is None:
                return []
            query = """SELECT key, description, COALESCE(SUM(n_rows), 0), COALESCE(SUM(bytes), 0), used
                FROM extractors LEFT JOIN shards ON extractor = key GROUP BY key ORDER BY used DESC"""
            names = ("key", "description", "n_rows", "bytes", "used")
            return [dict(zip(names, row, strict=True)) for row in index.execute(query)]
        return []

    def size(self) -> int:
        """Return how many bytes the store takes on its disk: rows, index, and files that are of no use any more."""
        return care.bytes_in(self.folder)

    def prune(self, *, older_than: float | None = None, max_bytes: int | None = None) -> int:
        """Delete extractors' rows, least recently used first, and useless files; return the bytes set free.

        Parameters
        ----------
        older_than : float, optional
            Delete what was not used for so many days; 0 deletes everything.
        max_bytes : int, optional
            Delete until the store takes at most so many bytes.

        Raises
        ------
        OSError
            The store cannot be changed.
        """
        return care.prune(self.folder, self.summary(), older_than, max_bytes)

    # -- rows in and out ---------------------------------------------------------------------------------------------

    def _locate(self, extractor: str, keys: Sequence[str]) -> dict[str, tuple[int, int, int, int]]:
        """Return ``key -> (shard, start, stop, crc)`` for the keys that are stored."""
        found: dict[str, tuple[int, int, int, int]] = {}
        with open_index(self.folder, write=False) as index:
            for part in _parts(keys, _ASK_AT_ONCE):
                if index is None:
                    break
                marks = ",".join("?" * len(part))
                query = f"SELECT image, shard, start, stop, crc FROM rows WHERE extractor = ? AND image IN ({marks})"
                found.update((image, tuple(place)) for image, *place in index.execute(query, (extractor, *part)))
        return found

    def _read(self, extractor: str, keys: list[str], deliver: Callable[[str, np.ndarray], None]) -> list[str]:
        """Deliver the rows that are stored and sound; return the keys that remain."""
        found = self._locate(extractor, keys)
        if not found:
            return keys
        by_shard = defaultdict(list)
        for key, place in found.items():
            by_shard[place[0]].append((key, *place[1:]))
        delivered = set()
        files = self._files_to_use(extractor)
        for shard, places in by_shard.items():
            try:
                if shard not in files:
                    raise LookupError("the index has lost its name")
                rows = rows_of(self.folder / files[shard], places)
            except Exception as error:  # of a damaged header NumPy makes almost anything: TokenError, IndexError, ...
                self._discard(shard, files.get(shard), error)
                continue
            for key, row in rows:
                deliver(key, row)
                delivered.add(key)
        return [key for key in keys if key not in delivered]

    def _files_to_use(self, extractor: str) -> dict[int, str]:
        """Return the extractor's shards, and note, once a day, that they are of use."""
        files: dict[int, str] = {}
        used = time.time()
        with open_index(self.folder, write=False) as index:
            if index is not None:
                files = dict(index.execute("SELECT id, file FROM shards WHERE extractor = ?", (extractor,)))
                query = "SELECT COALESCE(MAX(used), 0.0) FROM extractors WHERE key = ?"
                (used,) = index.execute(query, (extractor,)).fetchone()
        if time.time() - used > _DAY and os.access(self.folder, os.W_OK):
            with open_index(self.folder) as index:
                if index is not None:
                    index.execute("UPDATE extractors SET used = ? WHERE key = ?", (time.time(), extractor))
        return files

    def _discard(self, shard: int, file: str | None, error: Exception) -> None:
        """Forget a damaged shard, so that its rows are computed again."""
        where = self.folder / file if file else f"shard {shard} in {self.folder}"
        warn(f"The feature store's file {where} is damaged ({error}). Its rows are computed again")
        with open_index(self.folder) as index:
            if index is not None:
                index.execute("DELETE FROM rows WHERE shard = ?", (shard,))
                index.execute("DELETE FROM shards WHERE id = ?", (shard,))
        if file:
            with contextlib.suppress(OSError):
                (self.folder / file).unlink(missing_ok=True)

    def _put(self, extractor: str, keys: list[str], batch: Batch, description: str) -> None:
        """Write one shard, then name its rows in the index."""
        rows = [np.ascontiguousarray(row).ravel() for row in batch.rows]
        stops = np.cumsum([len(row) for row in rows]).tolist()
        values = np.concatenate(rows)
        file = shard_name(extractor, values)
        try:
            size = write_shard(self.folder / file, values)
        except OSError as error:
            what = reason(error, self.folder)
            warn(f"The feature store in {self.folder} cannot keep features ({what}); they are computed each time")
            return
        with open_index(self.folder) as index:
            if index is None:
                return
            index.execute("INSERT OR IGNORE INTO extractors VALUES (?, ?, ?)", (extractor, description, time.time()))
            index.execute("UPDATE extractors SET used = ? WHERE key = ?", (time.time(), extractor))
            cursor = index.execute(
                "INSERT INTO shards VALUES (NULL, ?, ?, ?, ?, ?, ?)",
                (extractor, file, len(rows), size, batch.decode_seconds, batch.extract_seconds),
            )
            index.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (extractor, key, cursor.lastrowid, stop - len(row), stop, zlib.crc32(row.data))
                    for key, row, stop in zip(keys, rows, stops, strict=True)
                ),
            )

    # -- who computes what -------------------------------------------------------------------------------------------

    def _claim(self, extractor: str, missing: list[str], n: int, owner: str) -> list[str]:
        """Take up to *n* of the missing rows for this process: those that nobody has claimed or stored meanwhile."""
        with open_index(self.folder) as index:
            if index is not None:
                return claims.claim(index, extractor, missing, n, owner)
        return missing[:n]  # the claim could not be written (no store, a full disk): work on without agreement

    def _release(self, extractor: str, owner: str) -> None:
        with open_index(self.folder) as index:
            if index is not None:
                claims.release(index, extractor, owner)

    def _claimants(self, extractor: str) -> list[str]:
        """Take back the claims of processes that are gone; return the others."""
        with open_index(self.folder) as index:
            return [] if index is None else claims.drop_dead(index, extractor)
        return []


def _storable(keys: Sequence[str]) -> list[str]:
    """Return keys as SQLite takes them: file names may hold bytes that are no text."""
    return [key if key.isascii() else key.encode("utf-8", "backslashreplace").decode() for key in keys]


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def describe(name: str, parameters: dict[str, Any]) -> str:
    """Return one line, ``HOG {"orientations": 9}``, for the listing of the store."""
    return f"{name} {json.dumps(parameters, sort_keys=True)}" if parameters else name
