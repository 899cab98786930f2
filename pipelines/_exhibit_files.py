"""Exhibits on disk, each beside the row of its pipeline; a missing or damaged one is no exhibit, never an error."""

import contextlib
import logging
import zipfile
from pathlib import Path

from ._exhibits import Exhibit
from ._files import read_arrays, slug, write_arrays

_log = logging.getLogger("eyecraft")


def _path(folder: Path, pipeline: str) -> Path:
    return folder / "rows" / slug(pipeline) / "exhibit-000.npz"


def write_exhibit(folder: Path, pipeline: str, exhibit: Exhibit | None) -> None:
    """Keep the exhibit of a pipeline, or remove an older one if there is none."""
    path = _path(folder, pipeline)
    try:
        if exhibit is None:
            path.unlink(missing_ok=True)
        else:
            write_arrays(path, **exhibit.to_arrays())
    except (OSError, TypeError, ValueError):
        _log.info("the exhibit of %r could not be kept", pipeline, exc_info=True)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # an older one would be another pipeline's


def read_exhibit(folder: Path, pipeline: str) -> Exhibit | None:
    """Return the exhibit of a pipeline; None where there is none that can be read."""
    path = _path(folder, pipeline)
    if not path.is_file():
        return None
    try:
        return Exhibit.from_arrays(read_arrays(path))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        _log.info("the exhibit of %r cannot be read", pipeline, exc_info=True)
        return None
