"""Writing a report so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_text(path: str | Path, text: str) -> Path:
    """Write `text` under a temporary name beside `path`, then rename: the old file or the new one, never a half.

    Raises
    ------
    OSError
        If the folder cannot be written to; the message names it and says what to do.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")  # names in any bytes
        beside.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(
            error.errno,
            f"the report could not be written to {path}: {reason}. Nothing was changed there; choose another folder",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return path
