"""How many labels does it take? Scores against training images per class, and where the curves cross."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from eyecraft.features._checks import check_choice, check_number

from . import _environment
from ._entries import make_entries
from ._groups import resolve_groups
from ._learning_crossings import CROSSING_COLUMNS, crossing_row, find_crossing
from ._learning_files import begin_anew
from ._learning_run import Run, make_plan
from ._material import Material, gather
from ._run_folder import RunFolder
from ._scoring import resolve
from ._tables import read_tables, write_tables

_FILE = "learning_curves.json"
_TABLES = ("pipelines", "scores", "errors")


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurves:
    """Scores of several pipelines for growing training sets. Made by `learning_curves` and `LearningCurves.load`.

    Attributes
    ----------
    pipelines : DataFrame
        ``name, kind`` ("hand-crafted", "learned" or "other"), ``title, citation, parameters, error`` (None if all went
        well).
    scores : DataFrame
        ``pipeline, size`` (training images per class), ``split, n_train, n_test`` (images), ``metric, value,
        fit_seconds`` (of what follows the features that were computed beforehand).
    errors : DataFrame
        ``pipeline, size, split, error, traceback``; points without an error are not listed.
    dataset : dict
        As `Comparison.dataset`.
    protocol : dict
        ``sizes, n_test`` (per class, at most), ``n_splits, test_sizes`` (images per split), ``test_per_class`` (the
        fewest and the most, over classes and splits), ``metrics, random_state, command``.
    environment : dict
        As `Comparison.environment`.
    """

    pipelines: pd.DataFrame
    scores: pd.DataFrame
    errors: pd.DataFrame
    dataset: dict[str, Any]
    protocol: dict[str, Any]
    environment: dict[str, Any]

    def frame(self, metric: str = "balanced_accuracy") -> pd.DataFrame:
        """Return one row per pipeline and size, in the order of the pipelines.

        Parameters
        ----------
        metric : str, default="balanced_accuracy"
            One of ``protocol["metrics"]``.

        Returns
        -------
        frame : DataFrame
            ``pipeline, kind, size, n_splits`` (that have a score), ``mean, sd`` (over the splits, with n - 1; missing
            for one split), ``low, high`` (the band: one standard deviation to each side, which tells how much one draw
            of training images differs from another).
        """
        self._check_metric(metric)
        found = self.scores[(self.scores["metric"] == metric) & self.scores["value"].notna()]
        groups = found.groupby(["pipeline", "size"])["value"]
        table = groups.agg(n_splits="count", mean="mean", sd="std").reset_index()
        place = {name: number for number, name in enumerate(self.pipelines["name"])}
        table = table.sort_values(
            ["pipeline", "size"], key=lambda part: part.map(place) if part.name == "pipeline" else part
        )
        table.insert(1, "kind", table["pipeline"].map(self._kinds()))
        table["low"], table["high"] = table["mean"] - table["sd"], table["mean"] + table["sd"]
        return table.reset_index(drop=True)

    def crossings(
        self,
        metric: str = "balanced_accuracy",
        *,
        pairs: Sequence[tuple[str, str]] | None = None,
        confidence: float = 0.95,
    ) -> pd.DataFrame:
        """Say from how many training images per class on one pipeline is ahead of another for good.

        Parameters
        ----------
        metric : str, default="balanced_accuracy"
        pairs : list of (name, name), optional
            Which pipelines; by default every hand-crafted one with every learned one.
        confidence : float, default=0.95
            Coverage of the interval.

        Returns
        -------
        frame : DataFrame
            One row per pair: ``first, second, leader`` (at the largest size both were measured at; missing if level),
            ``leader_at_smallest, size`` (training images per class at which the leader takes the lead for good;
            missing if it leads at every size measured), ``low, high`` (interval: from where it is no longer clearly
            behind to where it is clearly ahead; 0 means below the smallest size, infinity above the largest; missing
            with a single split), ``n_crossings, n_splits`` and ``sentence``.

        Raises
        ------
        ValueError
            Unknown metric or pipeline.

        Notes
        -----
        1. Between two sizes the mean difference is taken to be linear in the logarithm of the size.
        2. The interval holds the sizes at which the corrected t interval of the difference contains 0 (Nadeau & Bengio
           2003). What the splits share is the test images that two of them have in common, at all sizes: with N images
           of which n are tested on, ``n / (N - n)`` takes the place of the ratio of test to training images.
           ``benchmarks/crossings.py`` measures how often it holds the truth.
        """
        self._check_metric(metric)
        check_number("confidence", confidence, above=0, at_most=0.9999)
        kinds = self._kinds()
        names = list(self.pipelines["name"])
        if pairs is None:
            crafted = [name for name in names if kinds[name] == "hand-crafted"]
            pairs = [(one, other) for one in crafted for other in names if kinds[other] == "learned"]
        found = self.scores[self.scores["metric"] == metric]
        table = found.pivot(index=["pipeline", "split"], columns="size", values="value")
        rows = []
        for first, second in pairs:
            check_choice("pairs", first, names)
            check_choice("pairs", second, names)
            sizes, differences = _differences(table, first, second)
            crossing = None
            if len(sizes) > 1 and len(differences):
                crossing = find_crossing(sizes, differences, confidence=confidence, ratio=self._shared())
            rows.append(crossing_row(first, second, crossing, sizes, len(differences), confidence))
        return pd.DataFrame(rows, columns=CROSSING_COLUMNS)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``learning_curves.json`` into a folder; return the folder."""
        path = Path(folder)
        tables = {name: getattr(self, name) for name in _TABLES}
        rest = {"dataset": self.dataset, "protocol": self.protocol, "environment": self.environment}
        write_tables(path / _FILE, tables, **rest)
        return path

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save`, or `learning_curves` with ``out``, wrote.

        Raises
        ------
        FileNotFoundError, ValueError
            There is no ``learning_curves.json``, or it is damaged.
        """
        content = read_tables(Path(folder) / _FILE, "learning curves", _TABLES)
        return cls(**{name: content[name] for name in (*_TABLES, "dataset", "protocol", "environment")})

    def _kinds(self) -> dict[str, str]:
        return dict(zip(self.pipelines["name"], self.pipelines["kind"], strict=True))

    def _shared(self) -> float:
        """Return test images over all others: the share that two draws have in common, as a ratio."""
        largest = self.scores[self.scores["size"] == self.scores["size"].max()]
        n_train, n_test = float(largest["n_train"].mean()), float(largest["n_test"].mean())
        others = float(self.dataset.get("n_images") or 0) - n_test
        return n_test / max(others, n_train)

    def _check_metric(self, metric: str) -> None:
        check_choice("metric", metric, self.protocol["metrics"])

    def __repr__(self) -> str:
        protocol = self.protocol
        splits = f"{protocol['n_splits']} splits" if protocol["n_splits"] > 1 else "one split: no bands, no intervals"
        sizes = ", ".join(map(str, protocol["sizes"]))
        lines = [f"Learning curves on {self.dataset['name']}: {sizes} training images per class, {splits}"]
        for name, error in zip(self.pipelines["name"], self.pipelines["error"], strict=True):
            if error is not None:
                lines.append(f"{name} failed: {error}")
        means = self.frame().pivot(index="pipeline", columns="size", values="mean")
        lines.append(means.round(3).to_string(na_rep="") if len(means) else "no scores")
        return "\n".join([*lines, *self.crossings()["sentence"]])


def _differences(table: pd.DataFrame, first: str, second: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the sizes and splits both pipelines have scores for, and second minus first."""
    if not {first, second} <= set(table.index.get_level_values("pipeline")):
        return np.empty(0), np.empty((0, 0))
    gap = (table.loc[second] - table.loc[first]).dropna(axis="columns", how="all").dropna(axis="index")
    return gap.columns.to_numpy(float), gap.to_numpy(float)


def learning_curves(
    pipelines: Any,
    X: Any,
    y: Any = None,
    *,
    sizes: Sequence[int] | None = None,
    n_test: int | None = 50,
    n_splits: int = 10,
    groups: Any = None,
    scoring: Any = "balanced_accuracy",
    random_state: int | None = 0,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    n_jobs: int | None = None,
    dataset: Any = None,
    device: str | None = None,
    weights_dir: str | os.PathLike[str] | None = None,
    store: Any = "default",
    command: str | None = None,
) -> LearningCurves:
    """Score pipelines against the number of training images per class.

    In each split the images of a class are shuffled once: the training set of a size lies within that of the next
    size, and all sizes and pipelines are tested on the same images, those the largest training set leaves over.

    Parameters
    ----------
    pipelines : mapping or list
        As for `compare`: recipe names, estimators or ``name -> estimator``.
    X : Dataset or sequence of images
    y : array of shape (n_images,), optional
        Class labels; a `Dataset` brings its own.
    sizes : sequence of int, optional
        Training images per class; by default those of 1, 2, 5, 10, 15, 30, 60, 120, 250, ... that leave 5 images of
        the smallest class to test on, or a quarter of them.
    n_test : int or None, default=50
        Test images per class, at most; None takes all that are left.
    n_splits : int, default=10
        Draws of training and test images. With a single one there are no bands and no intervals.
    scoring : str, callable, or list or mapping of them
        As for `compare`; accuracy and balanced accuracy are always there.
    groups : "copies" or array of shape (n_images,), optional
        As for `compare`: no test image belongs to the group of a training image.
    random_state : int, optional
        Seed of the draws, and of recipes given by name.
    out : path, optional
        Folder in which every finished point is kept; the same call goes on where it was stopped.
    overwrite : bool
        Begin the folder anew.
    n_jobs : int, optional
        Threads that extract features.
    dataset, device, weights_dir, store, command : optional
        As for `compare`.

    Returns
    -------
    LearningCurves
        A pipeline that raised an exception has ``error`` set and its points are in ``errors``; the others went on.

    Raises
    ------
    ValueError, TypeError
        Before any work: a class has too few images for the largest size, or something else cannot be measured.
    OSError, RuntimeError
        *out* cannot be written, or another run is writing to it.

    Notes
    -----
    Features that need no training are computed once for all sizes and splits: through the feature store of the
    extractor, or else in memory (then at most 4 bytes times images times features). Bags of visual words and networks
    learn from the training images and are fitted anew at each point; descriptors of a bag that begins a pipeline are
    computed once as well if they fit into a quarter of the free memory.

    Examples
    --------
    >>> from eyecraft.data import load_digits
    >>> from eyecraft.features import HOG, RawPixels
    >>> from eyecraft.pipelines import LinearSVM
    >>> from eyecraft.pipelines.learning_curves import learning_curves
    >>> from sklearn.pipeline import make_pipeline
    >>> features = {"pixels": RawPixels(), "hog": HOG(pixels_per_cell=4)}
    >>> both = {name: make_pipeline(one, LinearSVM()) for name, one in features.items()}
    >>> curves = learning_curves(both, load_digits(), sizes=(1, 10), n_test=20, n_splits=3)
    >>> curves.frame()[["pipeline", "size", "n_splits"]].to_numpy().tolist()
    [['pixels', 1, 3], ['pixels', 10, 3], ['hog', 1, 3], ['hog', 10, 3]]
    """
    metrics = resolve(scoring)
    material = gather(X, y, dataset)
    together = resolve_groups(groups, material, n_jobs)
    plan = make_plan(material, sizes, n_test, n_splits, random_state, together)
    settings = {"small": material.is_small(), "random_state": random_state, "device": device}
    entries = make_entries(pipelines, **settings, weights_dir=weights_dir, store=store)
    protocol = {
        "sizes": list(plan.sizes),
        "n_test": n_test,
        "n_splits": n_splits,
        "test_sizes": [len(split[plan.sizes[-1]][1]) for split in plan.splits],
        "test_per_class": plan.test_per_class(material.names),
        "metrics": list(metrics),
        "random_state": random_state,
        "command": command,
    }
    run = Run(entries, material, plan, metrics, n_jobs)
    if out is None:
        return _result(run.work(None), run, protocol)
    with RunFolder(out) as folder:
        folder.adopt(_manifest(material), overwrite=overwrite)
        if overwrite:
            begin_anew(Path(out))
        curves = _result(run.work(out), run, protocol)
        curves.save(out)
        return curves


def _manifest(material: Material) -> dict[str, Any]:
    """Return what all points in a folder must have in common; the rest is in each point's own key."""
    return {
        "kind of results": "learning curves",
        "images": len(material.labels),
        "classes": len(material.description["class_names"]),
        "images or labels": material.key,
    }


def _result(points: dict[tuple[str, int, int], dict[str, Any]], run: Run, protocol: dict[str, Any]) -> LearningCurves:
    """Lay the points out as frames, in the order of pipelines, splits and sizes."""
    scores, errors = [], []
    failed: dict[str, str] = {}
    for (name, size, split), point in points.items():
        if point["error"] is not None:
            errors.append((name, size, split, point["error"], point["traceback"]))
            failed.setdefault(name, point["error"])
        for metric, value in point["scores"].items():
            row = (name, size, split, point["n_train"], point["n_test"], metric, value, point["fit_seconds"])
            scores.append(row)
    columns = ["pipeline", "size", "split", "n_train", "n_test", "metric", "value", "fit_seconds"]
    shown = ("name", "kind", "title", "citation", "parameters")
    pipelines = [(*(getattr(entry, one) for one in shown), failed.get(entry.name)) for entry in run.entries]
    return LearningCurves(
        pipelines=pd.DataFrame(pipelines, columns=[*shown, "error"], dtype=object),
        scores=pd.DataFrame(scores, columns=columns),
        errors=pd.DataFrame(errors, columns=["pipeline", "size", "split", "error", "traceback"]),
        dataset=run.material.description,
        protocol=protocol,
        environment=_environment.describe(),
    )
