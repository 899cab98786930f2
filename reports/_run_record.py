"""What it takes to repeat a run and to set it against another: kept inside ``report.html``, read by commands."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._plain import plain
from ._rows import collect_rows

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison

RECORD_ID = "eyecraft-run"
"""``id`` of the element of the page that holds the record."""

_FORMAT = 1
_DATASET = ("name", "source", "fingerprint", "n_images", "class_names", "class_counts")
_EMBEDDED = re.compile(rf'<script type="application/json" id="{RECORD_ID}">(.*?)</script>', re.DOTALL)


def collect_record(comparison: Comparison) -> dict[str, Any]:
    """Gather data, splits, protocol, pipelines with their scores, and environment as one plain dictionary.

    Returns
    -------
    dict
        ``format``, ``dataset`` (with its fingerprint), ``splits`` (a digest of the indices of each), ``protocol`` (with
        the command), ``pipelines`` (``name, kind, parameters, n_features, error, scores, seconds_per_image``) and
        ``environment``.
    """
    keys = ("name", "kind", "parameters", "n_features", "error", "seconds_per_image")
    rows = collect_rows(comparison)
    return {
        "format": _FORMAT,
        "dataset": plain({key: comparison.dataset.get(key) for key in _DATASET}),
        "splits": [_digest(train, test) for train, test in comparison.splits],
        "protocol": plain(comparison.protocol),
        "pipelines": [
            {key: row[key] for key in keys} | {"scores": {name: each["values"] for name, each in row["scores"].items()}}
            for row in rows
        ],
        "environment": plain(comparison.environment),
    }


def read_record(source: str | Path) -> dict[str, Any]:
    """Read the record of a run from its ``report.html`` or from its folder.

    Parameters
    ----------
    source : str or Path
        A report, or a folder as ``eyecraft compare --out`` makes it.

    Raises
    ------
    FileNotFoundError
        There is no such file, or the folder holds no results.
    ValueError
        The page is no report, or one of an older eyecraft that kept no record.
    """
    path = Path(source)
    if path.is_dir() and (path / "comparison.json").exists():
        from eyecraft.pipelines.comparison import Comparison

        return collect_record(Comparison.load(path))
    page = path / "report.html" if path.is_dir() else path
    if not page.is_file():
        raise FileNotFoundError(
            f"expected a report.html, or a folder with comparison.json or report.html in it; {path} is neither. "
            "Give what `eyecraft compare --out` wrote"
        )
    found = _EMBEDDED.search(page.read_text("utf-8", "replace"))
    try:
        record = json.loads(found[1]) if found else {}
    except ValueError:
        record = {}
    if record.get("format") != _FORMAT:
        raise ValueError(
            f"expected a report that holds the record of its run; {page} holds none that this version can read. Write "
            "it again with `eyecraft report FOLDER`"
        )
    return dict(record)


def _digest(train: np.ndarray, test: np.ndarray) -> str:
    """Return a short digest of the indices of a split, the same whatever integer type they are kept in."""
    digest = hashlib.blake2b(digest_size=8)
    for part in (train, test):
        digest.update(np.asarray(part, dtype="<i8").tobytes() + b"|")
    return digest.hexdigest()
