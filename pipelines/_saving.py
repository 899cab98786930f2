"""A `Comparison` as files anyone can read: JSON, CSV, and npz for what would be large."""

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ._exhibit_files import read_exhibit, write_exhibit
from ._exhibits import Exhibit
from ._files import plain, read_arrays, write_arrays, write_json, write_text
from ._frames import COLUMNS, tidy
from ._gallery import Gallery

_TEXT_FRAMES = ("pipelines", "scores", "seconds", "costs", "errors", "resources")
_NEWER = {"resources"}  # frames that folders written before lack
_MOST_LINES = 200_000  # predictions beyond this go to an npz, a tenth of the size


def write_comparison(folder: Path, content: dict[str, Any]) -> None:
    """Write everything into *folder*; ``comparison.json`` last, so that it never speaks of files that are not there."""
    frames: dict[str, pd.DataFrame] = content["frames"]
    for name in _TEXT_FRAMES:
        write_text(folder / f"{name}.csv", frames[name].to_csv(index=False, lineterminator="\n"))
    _write_predictions(folder, frames["predictions"])
    _write_splits(folder, content["splits"], content["groups"])
    _write_images(folder, content["gallery"], content["splits"])
    for name in frames["pipelines"]["name"]:
        write_exhibit(folder, name, content["exhibits"].get(name))
    write_json(folder / "comparison.json", as_json(content))


def as_json(content: dict[str, Any]) -> dict[str, Any]:
    """Return the dictionary written to ``comparison.json``: dataset, protocol, pipelines, environment."""
    frames, n_splits = content["frames"], len(content["splits"])
    pipelines = []
    for entry in frames["pipelines"].astype(object).to_dict("records"):
        entry = {key: None if pd.isna(value) else value for key, value in entry.items()}
        name = entry.pop("name")
        pipelines.append(
            {
                "name": name,
                "kind": entry.pop("kind"),
                "n_features": entry.pop("n_features"),
                "scores": _by_split(
                    frames["scores"], name, "metric", "value", n_splits, content["protocol"]["metrics"]
                ),
                "seconds": _by_split(frames["seconds"], name, "stage", "seconds", n_splits, ()),
                "error": entry.pop("error"),
                **entry,  # title, citation, parameters, peak_memory
                "costs": _costs(frames["costs"], name),
                "resources": _known(frames["resources"], name),
            }
        )
    top = {"dataset": content["dataset"], "protocol": content["protocol"], "pipelines": pipelines}
    whole: dict[str, Any] = plain({**top, "environment": content["environment"]})
    return whole


def read_comparison(folder: Path) -> dict[str, Any]:
    """Return what `write_comparison` wrote; raises ``ValueError`` or ``FileNotFoundError`` that names the file."""
    path = folder / "comparison.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a folder that `compare(..., out=folder)` wrote; {folder} holds no comparison.json. "
            "A run that was killed is finished by repeating the same call"
        )
    try:
        top = json.loads(path.read_text("utf-8"))
        frames = {name: _read_csv(folder / f"{name}.csv", name) for name in _TEXT_FRAMES}
        frames["predictions"] = _read_predictions(folder)
        return {
            **{key: top[key] for key in ("dataset", "protocol", "environment")},
            "frames": frames,
            **_read_splits(folder),
            "gallery": _read_images(folder),
            "exhibits": _read_exhibits(folder, frames["pipelines"]["name"]),
        }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"the comparison in {folder} cannot be read ({type(error).__name__}: {error}). Repeat the call of compare "
            "that made it: finished rows are reused and the files are written anew"
        ) from error


def _read_exhibits(folder: Path, names: Iterable[str]) -> dict[str, Exhibit]:
    found = {name: read_exhibit(folder, name) for name in names}
    return {name: exhibit for name, exhibit in found.items() if exhibit is not None}


def _by_split(
    frame: pd.DataFrame, pipeline: str, group: str, value: str, n_splits: int, expected: Any
) -> dict[str, list[float | None]]:
    """Return one list over the splits for each group; None where a split has no value."""
    own = frame[frame["pipeline"] == pipeline]
    lists: dict[str, list[float | None]] = {name: [None] * n_splits for name in expected}
    for name, split, number in zip(own[group], own["split"], own[value], strict=True):
        lists.setdefault(name, [None] * n_splits)[split] = float(number)
    return lists


def _costs(costs: pd.DataFrame, pipeline: str) -> dict[str, float]:
    own = costs[costs["pipeline"] == pipeline]
    return dict(zip(own["stage"], own["seconds_per_image"].astype(float), strict=True))


def _known(resources: pd.DataFrame, pipeline: str) -> dict[str, float | int]:
    """Return what was measured of a pipeline's needs."""
    own = resources[resources["pipeline"] == pipeline].drop(columns="pipeline").astype(object)
    return {name: value for line in own.to_dict("records") for name, value in line.items() if not pd.isna(value)}


def _read_csv(path: Path, name: str) -> pd.DataFrame:
    if name in _NEWER and not path.is_file():
        return tidy(name, [])
    columns = COLUMNS[name]
    numeric = {key: kind for key, kind in columns.items() if kind not in ("str", "object")}
    text = {key: "str" for key in columns if key not in numeric}
    # Text is never guessed at: a pipeline may be called "NA", a message may be empty.
    empty = {key: [""] for key in numeric}
    frame = pd.read_csv(path, dtype={**numeric, **text}, keep_default_na=False, na_values=empty)
    for column in (column for column, kind in columns.items() if kind == "object" and column in frame):
        frame[column] = frame[column].astype(object).mask(frame[column] == "", None)
    return tidy(name, frame)


def _write_predictions(folder: Path, predictions: pd.DataFrame) -> None:
    table, packed = folder / "predictions.csv", folder / "predictions.npz"
    if len(predictions) <= _MOST_LINES:
        write_text(table, predictions.to_csv(index=False, lineterminator="\n"))
        packed.unlink(missing_ok=True)
        return
    arrays = {}
    for column in predictions:
        if column in ("split", "index"):
            arrays[str(column)] = predictions[column].to_numpy(np.int64)
        else:
            arrays[f"{column}_names"], arrays[str(column)] = np.unique(
                predictions[column].to_numpy().astype(str), return_inverse=True
            )
    write_arrays(packed, **arrays)
    table.unlink(missing_ok=True)


def _read_predictions(folder: Path) -> pd.DataFrame:
    if (folder / "predictions.csv").is_file():
        return _read_csv(folder / "predictions.csv", "predictions")
    arrays = read_arrays(folder / "predictions.npz")
    columns = {
        name: arrays[name] if name in ("split", "index") else arrays[f"{name}_names"][arrays[name]]
        for name in COLUMNS["predictions"]
    }
    return tidy("predictions", columns)


def _write_splits(folder: Path, splits: list[tuple[np.ndarray, np.ndarray]], groups: np.ndarray | None) -> None:
    named = {
        f"{what}_{number}": part
        for number, pair in enumerate(splits)
        for what, part in zip(("train", "test"), pair, strict=True)
    }
    write_arrays(folder / "splits.npz", **named, **({} if groups is None else {"groups": groups}))


def _read_splits(folder: Path) -> dict[str, Any]:
    arrays = read_arrays(folder / "splits.npz")
    pairs = [(arrays[f"train_{number}"], arrays[f"test_{number}"]) for number in range(len(arrays) // 2)]
    return {"splits": pairs, "groups": arrays.get("groups")}


def _write_images(folder: Path, gallery: Gallery, splits: list[tuple[np.ndarray, np.ndarray]]) -> None:
    paths = gallery.paths()
    if paths is not None:
        write_json(folder / "images.json", paths)
        return
    tested = np.unique(np.concatenate([test for _, test in splits])) if splits else np.empty(0, dtype=np.int64)
    write_arrays(folder / "images.npz", **gallery.to_arrays(tested))


def _read_images(folder: Path) -> Gallery:
    if (folder / "images.json").is_file():
        return Gallery(np.array(json.loads((folder / "images.json").read_text("utf-8")), dtype=str))
    return Gallery.from_arrays(read_arrays(folder / "images.npz"))
