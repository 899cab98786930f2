"""The shards of the feature store: flat arrays of rows, written whole, and read only if every byte is as it was."""

import contextlib
import os
import uuid
import zlib
from pathlib import Path

import numpy as np


def shard_name(extractor: str, values: np.ndarray) -> str:
    """Return a new name, relative to the store, for a shard: it says the type of the values."""
    return f"shards/{extractor}/{uuid.uuid4().hex}.{_type_of(values)}.npy"


def rows_of(path: Path, places: list[tuple[str, int, int, int]]) -> list[tuple[str, np.ndarray]]:
    """Return the rows of a shard at ``(key, start, stop, crc)``; raises anything if the file is damaged."""
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    said = path.name.split(".")[1:-1]  # the type in the name is a second witness; older shards have none
    if values.ndim != 1 or not values.dtype.isnative or (said and said != [_type_of(values)]):
        raise ValueError("its header was changed")
    rows = []
    for key, start, stop, crc in places:
        row = values[start:stop]
        if len(row) != stop - start or zlib.crc32(row.data) != crc:
            raise ValueError("its checksum does not hold")
        rows.append((key, row))
    return rows


def _type_of(values: np.ndarray) -> str:
    return values.dtype.str[1:]


def write_shard(path: Path, values: np.ndarray) -> int:
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
