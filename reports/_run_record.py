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
    from eyecraft.pipelines.comparison_matrix import ComparisonMatrix
    from eyecraft.pipelines.studies import Studies

RECORD_ID = "eyecraft-run"
"""``id`` of the element of the page that holds the record."""

_FORMAT = 1
_PAGES = ("report.html", "index.html")
_DATASET = ("name", "source", "fingerprint", "n_images", "class_names", "class_counts")
_EMBEDDED = re.compile(rf'<script type="application/json" id="{RECORD_ID}">(.*?)</script>', re.DOTALL)


def collect_record(comparison: Comparison, studies: Studies | None = None) -> dict[str, Any]:
    """Gather data, splits, protocol, pipelines with their scores, studies and environment as one plain dictionary.

    Returns
    -------
    dict
        ``format``, ``dataset`` (with its fingerprint), ``splits`` (a digest of the indices of each), ``protocol`` (with
        the command), ``pipelines`` (``name, kind, parameters, weights, n_features, error, scores, seconds_per_image,
        answer_memory, model_bytes``), ``studies`` (how each was done, and its main numbers by pipeline) and
        ``environment``.
    """
    keys = ("name", "kind", "parameters", "n_features", "error", "seconds_per_image")
    rows = collect_rows(comparison)
    weights = dict(zip(comparison.pipelines["name"], comparison.pipelines.get("weights", ()), strict=False))
    return {
        "format": _FORMAT,
        "dataset": plain({key: comparison.dataset.get(key) for key in _DATASET}),
        "splits": [_digest(train, test) for train, test in comparison.splits],
        "protocol": plain(comparison.protocol),
        "pipelines": [
            {key: row[key] for key in keys}
            | {key: row["resources"][key] for key in ("answer_memory", "model_bytes")}
            | {"weights": weights.get(row["name"])}
            | {"scores": {name: each["values"] for name, each in row["scores"].items()}}
            for row in rows
        ],
        "studies": {} if studies is None else _studies(studies),
        "environment": plain(comparison.environment),
    }


def collect_matrix_record(matrix: ComparisonMatrix) -> dict[str, Any]:
    """Gather the records of several data sets compared by one command.

    Returns
    -------
    dict
        ``format``, ``protocol`` (with the command alone), ``names`` (of the data sets, in the order given: pages sort
        what is by name) and ``datasets``: the record of each (`collect_record`), or None where there is no result.
    """
    records = {name: collect_record(comparison) for name, comparison in matrix.comparisons.items()}
    names = [str(name) for name in matrix.datasets["name"]]
    return {
        "format": _FORMAT,
        "protocol": {"command": matrix.command},
        "names": names,
        "datasets": {name: records.get(name) for name in names},
    }


def read_record(source: str | Path) -> dict[str, Any]:
    """Read the record of a run from its page or from its folder.

    Parameters
    ----------
    source : str or Path
        A ``report.html``, an ``index.html`` of several data sets, or a folder as ``eyecraft compare --out`` makes it.

    Returns
    -------
    dict
        What `collect_record` gathered; for several data sets, `collect_matrix_record`.

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
        from eyecraft.pipelines.studies import Studies

        comparison = Comparison.load(path)
        return collect_record(comparison, Studies.load(path, comparison))
    if path.is_dir() and (path / "matrix.json").exists():
        from eyecraft.pipelines.comparison_matrix import ComparisonMatrix

        return collect_matrix_record(ComparisonMatrix.load(path))
    page = path if path.is_file() else next(filter(Path.is_file, map(path.joinpath, _PAGES)), path / _PAGES[0])
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


def _studies(studies: Studies) -> dict[str, Any]:
    """Return how the studies beside a comparison were done, and what came out, pipeline by pipeline."""
    found: dict[str, Any] = {}
    curves, robust = studies.learning_curves, studies.robustness
    if curves is not None:
        metric = curves.protocol["metrics"][0]
        frame = curves.frame(metric)
        found["learning curves"] = {
            "metric": metric,
            "n_splits": curves.protocol["n_splits"],
            "means": {
                str(name): {str(size): float(mean) for size, mean in zip(own["size"], own["mean"], strict=True)}
                for name, own in frame.groupby("pipeline", sort=False)
            },
        }
    if robust is not None:
        metric = str(robust.scores["metric"].iloc[0]) if len(robust.scores) else "accuracy"
        frame = robust.scores[(robust.scores["metric"] == metric) & (robust.scores["step"] > 0)]
        means = frame.groupby("pipeline", sort=False)["value"].mean()
        found["robustness"] = {
            "metric": metric,
            "n_images": robust.protocol.get("n_images"),
            "means": {str(name): float(mean) for name, mean in means.items()},
        }
    if studies.label_errors is not None and "judge" in studies.settings:
        found["wrong labels"] = {"judge": studies.settings["judge"], "n_found": len(studies.label_errors.data)}
    if studies.checks is not None:
        found["near duplicates"] = {"n_pairs": len(studies.checks.duplicates.pairs)}
    return plain(found)


def _digest(train: np.ndarray, test: np.ndarray) -> str:
    """Return a short digest of the indices of a split, the same whatever integer type they are kept in."""
    digest = hashlib.blake2b(digest_size=8)
    for part in (train, test):
        digest.update(np.asarray(part, dtype="<i8").tobytes() + b"|")
    return digest.hexdigest()
