"""Files of a run: written whole or not at all, named safely, and with errors that say what to do."""

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import unicodedata
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np


def slug(name: str, length: int = 40) -> str:
    """Return an ASCII file name for any text: a readable part, then eight hexadecimal digits that tell names apart.

    >>> slug("HOG + SVM / größe")
    'hog-svm-grosse-4bd8bbe6'
    """
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    readable = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:length].strip("-")
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{readable}-{digest}" if readable else digest


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let *write* fill a temporary file, then move it into place, so that a reader never meets half a file."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{uuid.uuid4().hex[:6]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
        temporary.replace(path)
    except OSError as error:
        raise unusable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all."""
    data = text.encode("utf-8", "backslashreplace")
    write_whole(path, lambda file: file.write(data))


def write_json(path: Path, value: Any) -> None:
    """Write JSON that every parser reads: numbers that are not finite become null."""
    write_text(path, json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write a compressed ``.npz`` whole or not at all; arrays of objects are refused."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"array {name!r} for {path.name} must hold numbers or text; got dtype object")
    write_whole(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz``; raises ``OSError``, ``ValueError`` or ``BadZipFile`` if it is damaged."""
    # np.load leaves a file that it opened itself open when it is no zip archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def plain(value: Any) -> Any:
    """Return *value* in JSON's own types."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def unusable(path: Path, error: OSError) -> OSError:
    """Return the error a person can act on for a file that could not be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "free some space" if full else "check its permissions or choose another `out` folder"
    return OSError(
        error.errno,
        f"could not write {path.name} ({error.strerror or error}); rows finished before are kept. "
        f"To go on: {advice}, then repeat the same call",
        str(path.parent),
    )
