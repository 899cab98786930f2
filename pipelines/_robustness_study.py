"""The pipelines of a comparison under perturbations: fitted on its first split, one after another, kept as they end."""

import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from sklearn.base import clone

from . import _environment
from ._entries import Entry
from ._files import slug
from ._material import Material
from ._perturb import PERTURBATIONS
from ._splits import Split, digest_of
from ._sweep import extract_once, image_extractors
from .robustness import Robustness, robustness

_PARTS = "parts"
_COLUMNS = {
    "pipelines": ["name", "kind", "error"],
    "scores": [
        *("pipeline", "perturbation", "step", "level", "unit"),
        *("metric", "value", "standard_error", "n_images"),
    ],
    "errors": ["pipeline", "perturbation", "level", "error", "traceback"],
    "answers": ["pipeline", "perturbation", "step", "right"],
}


def study_robustness(
    entries: list[Entry],
    material: Material,
    split: Split,
    n_images: int,
    random_state: int,
    n_jobs: int | None,
    folder: Path | None,
) -> Robustness:
    """Fit each pipeline on the training part of a split and score it on at most *n_images* of its test part.

    A pipeline whose part lies in *folder* already is not fitted again; one that raises has its error in the result.
    """
    train, test = split
    chosen = some_of_each(material.names, test, n_images, random_state)
    levels = {kind: list(map(float, one.levels)) for kind, one in PERTURBATIONS.items()}
    about: dict[str, Any] = {
        "levels": levels,
        "random_state": random_state,
        "notes": [],
        "fingerprint": material.key,
        "n_train": len(train),
        "n_images": len(chosen),
        "n_test": len(test),
    }
    parts = []
    for entry in entries:
        place = None if folder is None else folder / _PARTS / slug(entry.name)
        key = {**about, "split": digest_of((train, chosen)), "estimator": entry.digest}
        part = None if place is None else _read(place, key)
        if part is None:
            part = _measured(entry, material, train, chosen, about, n_jobs)
            part = replace(part, protocol={**part.protocol, "key": key})
            if place is not None:
                part.save(place)
        parts.append(part)
    whole = _joined(parts, material.description, about)
    if folder is not None:
        whole.save(folder)
    return whole


def some_of_each(names: np.ndarray, positions: np.ndarray, most: int, random_state: int) -> np.ndarray:
    """Return at most *most* of the positions, as many of each class as there are up to an equal share.

    >>> some_of_each(np.array(list("aaaaab")), np.arange(6), 3, 0).tolist()[-1]
    5
    """
    order = np.random.default_rng(random_state).permutation(positions)
    turn = pd.Series(names[order]).groupby(names[order]).cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def _measured(
    entry: Entry, material: Material, train: np.ndarray, test: np.ndarray, about: dict[str, Any], n_jobs: int | None
) -> Robustness:
    images, labels = material.images, material.labels
    described = {key: material.description[key] for key in ("name", "licence", "citation", "source", "skipped")}
    with parallel_config("threading", n_jobs=n_jobs):
        try:
            extract_once(entry.name, image_extractors(entry.estimator), images[train], n_jobs)
            fitted = clone(entry.estimator).fit(images[train], labels[train])
        except Exception as error:  # of this pipeline; the others go on
            return _failed(entry, error, material.description, about)
        random_state = about["random_state"]
        found = robustness(
            {entry.name: fitted}, images[test], labels[test], random_state=random_state, dataset=described
        )
    return replace(found, pipelines=found.pipelines.assign(kind=entry.kind))


def _failed(entry: Entry, error: Exception, description: dict[str, Any], about: dict[str, Any]) -> Robustness:
    sentence = f"{type(error).__name__}: {' '.join(str(error).split())}"
    trace = "".join(traceback.format_exception(error))
    rows: dict[str, list[tuple[Any, ...]]] = {
        "pipelines": [(entry.name, entry.kind, sentence)],
        "scores": [],
        "errors": [(entry.name, "", 0.0, sentence, trace)],
        "answers": [],
    }
    return _frames(rows, description, dict(about))


def _joined(parts: list[Robustness], description: dict[str, Any], about: dict[str, Any]) -> Robustness:
    rows = {
        name: [row for part in parts for row in getattr(part, name).itertuples(index=False, name=None)]
        for name in _COLUMNS
    }
    notes = list(dict.fromkeys(note for part in parts for note in part.protocol["notes"]))
    told: dict[str, Any] = next((part.protocol for part in parts if "labels" in part.protocol), {})
    shared: dict[str, Any] = {key: told[key] for key in ("chance", "labels") if key in told}  # the same images for all
    return _frames(rows, {**description, "n_images": about["n_images"]}, {**about, **shared, "notes": notes})


def _frames(
    rows: dict[str, list[tuple[Any, ...]]], description: dict[str, Any], protocol: dict[str, Any]
) -> Robustness:
    frames = {
        name: pd.DataFrame(
            rows[name], columns=columns, dtype=object if name == "pipelines" else None
        )  # None stays None
        for name, columns in _COLUMNS.items()
    }
    return Robustness(**frames, dataset=description, protocol=protocol, environment=_environment.describe())


def _read(place: Path, key: dict[str, Any]) -> Robustness | None:
    """Return a finished part; None if it is missing, damaged, failed or of something else."""
    try:
        part = Robustness.load(place)
    except (OSError, ValueError):
        return None
    whole = list(part.pipelines["error"]) == [None] and list(part.scores.columns) == _COLUMNS["scores"]
    whole = whole and len(part.answers) > 0  # older versions did not keep what each image was answered
    return part if whole and part.protocol.get("key") == key else None
