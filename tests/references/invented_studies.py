"""Invented studies beside an invented comparison: curves that cross, pipelines that lose, copies across a split."""

import numpy as np
import pandas as pd

from eyecraft.data.checks import DataCheck
from eyecraft.data.duplicates import NearDuplicates
from eyecraft.pipelines._perturb import PERTURBATIONS
from eyecraft.pipelines.label_errors import LabelErrors
from eyecraft.pipelines.learning_curves import LearningCurves
from eyecraft.pipelines.robustness import Robustness
from eyecraft.pipelines.studies import Studies

SIZES = (1, 2, 5, 10)


def invent_studies(kinds: dict[str, str], splits, labels: tuple[str, str], suspects=()) -> Studies:
    """Invent all four studies.

    Hand-crafted pipelines gain 5 points from size to size and begin at 50 %, learned ones gain 20 and begin at 30 %:
    they cross between 2 and 5. Under perturbations the k-th pipeline loses k + 1 points a step. Image 0 is a copy of
    image 100, image 1 of image 101, which has another label.
    """
    return Studies(
        learning_curves=invent_curves(kinds),
        robustness=invent_robustness(kinds),
        label_errors=invent_suspects(labels, suspects),
        checks=invent_checks(splits, labels),
        settings={"min_correlation": 0.95, "max_distance": 12},
    )


def invent_curves(kinds: dict[str, str], sizes=SIZES, n_splits: int = 3) -> LearningCurves:
    """Invent learning curves; the splits differ by a point."""
    rows = []
    for name, kind in kinds.items():
        start, gain = (0.3, 0.2) if kind == "learned" else (0.5, 0.05)
        for step, size in enumerate(sizes):
            for split in range(n_splits):
                value = min(start + gain * step + 0.01 * (split - 1), 1.0)
                rows.append((name, size, split, 3 * size, 9, "accuracy", value, 0.1))
    columns = ["pipeline", "size", "split", "n_train", "n_test", "metric", "value", "fit_seconds"]
    protocol = {"metrics": ["accuracy"], "sizes": list(sizes), "n_splits": n_splits}
    frame = pd.DataFrame(rows, columns=columns)
    return LearningCurves(pipelines(kinds), frame, pd.DataFrame(), {"name": "x"}, protocol, {})


def invent_robustness(kinds: dict[str, str], perturbations=tuple(PERTURBATIONS)) -> Robustness:
    """Invent scores under perturbations: 90 % untouched, then down."""
    rows = []
    for number, name in enumerate(kinds):
        for kind in perturbations:
            one = PERTURBATIONS[kind]
            for step, level in enumerate((one.neutral, *one.levels)):
                value = 0.9 - 0.01 * (number + 1) * step
                rows.append((name, kind, step, float(level), one.unit, "accuracy", value, 0.01, 50))
    columns = ["pipeline", "perturbation", "step", "level", "unit", "metric", "value", "standard_error", "n_images"]
    levels = {kind: list(PERTURBATIONS[kind].levels) for kind in perturbations}
    protocol = {"levels": levels, "notes": [], "n_train": 30, "n_images": 50, "n_test": 80}
    frame = pd.DataFrame(rows, columns=columns)
    shown = pipelines(kinds)[["name", "kind", "error"]]
    return Robustness(shown, frame, pd.DataFrame(), {"n_images": 50}, protocol, {})


def invent_checks(splits, labels: tuple[str, str], pairs=((0, 100), (1, 101))) -> DataCheck:
    """Invent what a look at the images found; odd positions from 100 on have the second label."""
    n_images = 1 + max(int(part.max()) for split in splits for part in split)
    given = np.array([labels[1] if position >= 100 and position % 2 else labels[0] for position in range(n_images)])
    groups = np.arange(n_images)
    for first, second in pairs:
        groups[second] = first
    found = NearDuplicates(
        pairs=np.array(pairs, dtype=np.intp).reshape(-1, 2),
        distances=np.zeros(len(pairs), np.intp),
        correlations=np.full(len(pairs), 0.98, np.float32),
        groups=groups.astype(np.intp),
        labels=given,
    )
    unreadable = (("bad <b>|file.jpg", "zero bytes"),)
    return DataCheck("x", n_images, {labels[0]: 60, labels[1]: 10}, unreadable, found, tuple(splits))


def invent_suspects(labels: tuple[str, str], suspects) -> LabelErrors:
    """Invent doubtful labels, at these positions: the first label is given, the second suggested by all."""
    rows = [(position, labels[0], labels[1], 0.0, 1.0, -1.0) for position in suspects]
    columns = ["index", "label", "suggested", "label_score", "suggested_score", "margin"]
    joint = pd.DataFrame(np.eye(2, dtype=int), index=list(labels), columns=list(labels))
    joint.attrs["n_labelled"] = np.array([5, 5])
    return LabelErrors(pd.DataFrame(rows, columns=columns), joint, pd.Series([0.5, 0.5], index=list(labels)), 10, 10)


def pipelines(kinds: dict[str, str]) -> pd.DataFrame:
    """Return the frame of pipelines, none of which failed."""
    columns = ["name", "kind", "title", "citation", "parameters", "error"]
    return pd.DataFrame([(name, kind, name, "", "", None) for name, kind in kinds.items()], columns=columns)
