"""Doubtful labels from one pipeline's scores of images that it was not trained on."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from eyecraft.features._progress import progress

from ._entries import Entry
from ._learning_features import prepare
from ._material import Material
from ._tables import read_tables, write_tables
from .label_errors import LabelErrors, label_errors

_FOLDS = 5


def doubted_labels(
    entry: Entry, material: Material, n_jobs: int | None, random_state: int | None, groups: np.ndarray | None = None
) -> LabelErrors:
    """Fit a pipeline on all folds but one, five times, and rank the images whose scores speak for another class.

    Images of one of the *groups* are in one fold: a copy would vouch for a wrong label.

    Raises
    ------
    ValueError
        A class has a single image, or the pipeline gives neither probabilities nor decision scores.
    """
    names, counts = np.unique(material.names, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"wrong labels can be looked for where each class has at least 2 images; {str(names[counts.argmin()])!r} "
            "has 1. Add images, or leave the class out"
        )
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = kind(min(_FOLDS, int(counts.min())), shuffle=True, random_state=random_state)
    prepared = prepare(entry.name, entry.estimator, material.images, np.arange(len(material.names)), n_jobs)
    scores = np.zeros((len(material.names), len(names)))
    with progress(f"{entry.name}: labels", folds.n_splits) as advance:
        for train, test in folds.split(np.zeros(len(material.names)), material.names, groups):
            fitted = clone(prepared.estimator).fit(prepared.inputs[train], material.labels[train])
            scores[test] = _scores(entry.name, fitted, prepared.inputs[test], names)
            advance()
    return label_errors(material.names, scores, class_names=names.tolist())


def _scores(name: str, fitted: Any, inputs: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return one column per class, in the order of *names*."""
    give = getattr(fitted, "predict_proba", None) or getattr(fitted, "decision_function", None)
    if give is None:
        raise ValueError(
            f"wrong labels are looked for with probabilities or decision scores; {name!r} gives neither. The votes of "
            "all pipelines serve instead"
        )
    found = np.asarray(give(inputs), dtype=float)
    if found.ndim == 1:
        found = np.stack([-found, found], axis=1)  # of two classes; it speaks for the second
    order = np.argsort([str(one) for one in fitted.classes_])
    return np.asarray(found[:, order])


def write_doubts(path: Path, found: LabelErrors, judge: str, fingerprint: str) -> None:
    """Write the doubtful labels as one JSON file."""
    rest = {
        "fingerprint": fingerprint,
        "judge": judge,
        "n_labelled": found.joint.attrs["n_labelled"],
        "thresholds": found.thresholds.to_numpy(float),
        "n_judged": found.n_judged,
        "n_images": found.n_images,
    }
    write_tables(path, {"data": found.data, "joint": found.joint}, **rest)


def read_doubts(path: Path) -> tuple[str, tuple[LabelErrors, str]]:
    """Return the fingerprint of the data, the doubtful labels and the name of the pipeline.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        The file is damaged.
    """
    content = read_tables(path, "doubtful labels", ("data", "joint"))
    joint = content["joint"]
    names = [str(name) for name in joint.columns]
    joint.index, joint.columns = pd.Index(names, name="label"), pd.Index(names, name="likely")
    joint.attrs["n_labelled"] = np.asarray(content["n_labelled"])
    thresholds = pd.Series(np.asarray(content["thresholds"], dtype=float), index=names)
    found = LabelErrors(content["data"], joint, thresholds, int(content["n_judged"]), int(content["n_images"]))
    found.data["margin"].sum(), found.estimated_share()  # fails here rather than in a report
    return str(content["fingerprint"]), (found, str(content["judge"]))
