"""The feature store: rows of features kept on disk, one per image, *below* the pipeline.

A pipeline's own ``memory`` caches a whole ``fit_transform`` and so recomputes every fold. Here the unit is the image:
its identity (`eyecraft.data.image_key`) times the extractor's (class, parameters, code version, weights). Any
cross-validation or grid search over n images then costs exactly n extractions, also from several processes at once,
and a killed run goes on where it stopped.

On disk: ``shards/<extractor>/<id>.npy`` hold flat arrays, rows one behind the other; ``index.sqlite`` says where a row
lies and carries its checksum. A shard is complete before the index names it, so a crash leaves at most an orphan file.
A row whose checksum does not hold is computed again, never returned.
"""

import contextlib
import json
import os
import socket
import time
import uuid
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import psutil

from ._store_index import open_index, warn

_ASK_AT_ONCE = 900  # SQLite's smallest limit on the variables of one statement is 999
_POLL = 0.05  # seconds between two looks at rows that another process is computing
_STALE_CLAIM = 600.0  # seconds after which a claim made on another machine counts as abandoned
_ORPHAN_AGE = 3600.0  # seconds after which a shard that no index row names is rubbish


@dataclass(frozen=True)
class Batch:
    """What an extractor hands to the store: one 1-D array per image, and the seconds of work they took."""

    rows: Sequence[np.ndarray]
    decode_seconds: float = 0.0
    extract_seconds: float = 0.0


Compute = Callable[[list[int]], Batch]  # positions of images -> their rows
Receive = Callable[[int, np.ndarray], None]  # position of an image, its row


def default_folder() -> Path | None:
    """Return the folder of the default store: ``EYECRAFT_STORE``, else the user's cache; None if that says ``off``."""
    chosen = os.environ.get("EYECRAFT_STORE")
    if chosen == "off":
        return None
    return Path(chosen) if chosen else platformdirs.user_cache_path("eyecraft") / "features"


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
    folder = default_folder() if store == "default" else Path(store)
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
        for position, key in enumerate(keys):
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
        owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        while missing:
            batch = self._claim(extractor, missing, batch_size, owner)
            if batch:
                try:
                    self._put(extractor, batch, work(batch), description)
                finally:
                    self._release(extractor, owner)
                done = set(batch)
                missing = [key for key in missing if key not in done]
            else:  # the rest is being computed elsewhere, or has just been
                still = self._read(extractor, missing, deliver)
                if len(still) == len(missing):
                    self._drop_dead_claims(extractor)
                    time.sleep(_POLL)
                missing = still

    def contains(self, extractor: str, keys: Sequence[str]) -> np.ndarray:
        """Tell for each key whether a row is stored, without reading it: bool array of shape ``(len(keys),)``."""
        found = self._locate(extractor, keys)
        return np.fromiter((key in found for key in keys), dtype=bool, count=len(keys))

    def cost(self, extractor: str, keys: Sequence[str]) -> dict[str, float]:
        """Return seconds per image, ``{"decode": ..., "extract": ...}``, as measured when the rows were computed.

        Seconds of one worker, averaged over those of the images *keys* that are stored; empty when none is.
        """
        places = self._locate(extractor, keys)
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

    def prune(self, *, older_than: float | None = None, max_bytes: int | None = None) -> int:
        """Delete extractors' rows, least recently used first, and orphan files; return the bytes set free.

        Parameters
        ----------
        older_than : float, optional
            Delete what was not used for so many days; 0 deletes everything.
        max_bytes : int, optional
            Delete until the store holds at most so many bytes.
        """
        entries = self.summary()
        total, now, freed = sum(entry["bytes"] for entry in entries), time.time(), 0
        for entry in reversed(entries):
            too_old = older_than is not None and now - entry["used"] >= older_than * 86400
            too_much = max_bytes is not None and total - freed > max_bytes
            if too_old or too_much:
                freed += self._forget(entry["key"])
        return freed + self._sweep()

    def _forget(self, extractor: str) -> int:
        """Delete all that is stored for one extractor; the index first, so that no reader finds a missing shard."""
        shards: list[tuple[str, int]] = []
        with open_index(self.folder) as index:
            if index is None:
                return 0
            shards = index.execute("SELECT file, bytes FROM shards WHERE extractor = ?", (extractor,)).fetchall()
            for table, column in (("rows", "extractor"), ("shards", "extractor"), ("extractors", "key")):
                index.execute(f"DELETE FROM {table} WHERE {column} = ?", (extractor,))
        for file, _ in shards:
            (self.folder / file).unlink(missing_ok=True)
        return sum(size for _, size in shards)

    def _sweep(self) -> int:
        """Delete files that no index row names and that are too old to be about to be named."""
        with open_index(self.folder, write=False) as index:
            if index is None:
                return 0
            known = {file for (file,) in index.execute("SELECT file FROM shards")}
            return self._unlink_unknown(known)
        return 0

    def _unlink_unknown(self, known: set[str]) -> int:
        freed = 0
        for path in (self.folder / "shards").glob("*/*"):
            status = path.stat()
            if path.relative_to(self.folder).as_posix() not in known and time.time() - status.st_mtime > _ORPHAN_AGE:
                path.unlink(missing_ok=True)
                freed += status.st_size
        return freed

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
        files = self._shard_files(extractor)
        for shard, places in by_shard.items():
            try:
                values = np.load(self.folder / files[shard], mmap_mode="r", allow_pickle=False)
                for key, start, stop, crc in places:
                    row = values[start:stop]
                    if len(row) != stop - start or zlib.crc32(row.data) != crc:
                        raise ValueError("its checksum does not hold")
                    deliver(key, row)
                    delivered.add(key)
            except (OSError, ValueError, EOFError, KeyError) as error:
                self._discard(shard, files.get(shard), error)
        return [key for key in keys if key not in delivered]

    def _shard_files(self, extractor: str) -> dict[int, str]:
        with open_index(self.folder, write=False) as index:
            if index is None:
                return {}
            return dict(index.execute("SELECT id, file FROM shards WHERE extractor = ?", (extractor,)))
        return {}

    def _discard(self, shard: int, file: str | None, error: Exception) -> None:
        """Forget a damaged shard, so that its rows are computed again."""
        where = self.folder / file if file else f"shard {shard} in {self.folder}"
        warn(f"The feature store's file {where} is damaged ({error}). Its rows are computed again.")
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
        file = f"shards/{extractor}/{uuid.uuid4().hex}.npy"
        try:
            size = _write_whole(self.folder / file, np.concatenate(rows))
        except OSError as error:
            warn(f"The feature store in {self.folder} cannot keep features ({error}); they are computed each time.")
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
            if index is None:  # no store to agree through: do it all here
                return missing[:n]
            query = "SELECT image FROM claims WHERE extractor = ?"
            claimed = {image for (image,) in index.execute(query, (extractor,))}
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
        return missing[:n]  # the claim could not be written (a full disk): work on without agreement

    def _release(self, extractor: str, owner: str) -> None:
        with open_index(self.folder) as index:
            if index is not None:
                index.execute("DELETE FROM claims WHERE extractor = ? AND owner = ?", (extractor, owner))

    def _drop_dead_claims(self, extractor: str) -> None:
        """Take back the claims of processes that are gone."""
        with open_index(self.folder) as index:
            if index is None:
                return
            query = "SELECT owner, MAX(at) FROM claims WHERE extractor = ? GROUP BY owner"
            for owner, at in index.execute(query, (extractor,)).fetchall():
                host, pid, _ = owner.rsplit("/", 2)
                here = host == socket.gethostname()
                if (here and not psutil.pid_exists(int(pid))) or (not here and time.time() - at > _STALE_CLAIM):
                    index.execute("DELETE FROM claims WHERE owner = ?", (owner,))


def _write_whole(path: Path, values: np.ndarray) -> int:
    """Write an array under a temporary name and move it into place; return its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    try:
        with temporary.open("wb") as file:
            np.save(file, values, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return path.stat().st_size


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def describe(name: str, parameters: dict[str, Any]) -> str:
    """Return one line, ``HOG {"orientations": 9}``, for the listing of the store."""
    return f"{name} {json.dumps(parameters, sort_keys=True)}" if parameters else name
