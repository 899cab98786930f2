"""How robust? Fitted pipelines scored on images that are moved, turned, lit, blurred, compressed or covered."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from eyecraft.data import Dataset, check_images
from eyecraft.features._checks import check_choice, check_whole

from . import _environment
from ._entries import Entry, make_entries
from ._material import Material, gather
from ._perturb import PERTURBATIONS, perturb
from ._perturb_run import CLEAN, Answers, ask, scores_of
from ._robustness_areas import Areas, packed
from ._tables import read_tables, write_tables

__all__ = ["Robustness", "perturb", "robustness"]

_FILE = "robustness.json"
_TABLES = ("pipelines", "scores", "errors")
_ANSWERS = ["pipeline", "perturbation", "step", "right"]
_METRICS = ("accuracy", "balanced_accuracy")
_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class Robustness:
    """Scores of fitted pipelines on perturbed images. Made by `robustness` and `Robustness.load`.

    Attributes
    ----------
    pipelines : DataFrame
        ``name, kind`` ("hand-crafted", "learned" or "other") and ``error`` (the first one, None if all went well).
    scores : DataFrame
        ``pipeline, perturbation, step`` (0 is the image as it is), ``level, unit, metric`` ("accuracy",
        "balanced_accuracy"), ``value, standard_error`` (binomial) and ``n_images``.
    errors : DataFrame
        ``pipeline, perturbation, level, error, traceback``; the perturbation of images as they are is "".
    answers : DataFrame
        ``pipeline, perturbation, step, right``: which images were answered rightly, in bits as hexadecimal digits.
        Empty in files of older versions.
    dataset : dict
        As `Comparison.dataset`.
    protocol : dict
        ``levels`` (by perturbation), ``random_state, notes`` (such as classes that no test image shows), ``chance``
        (what guessing gets) and ``labels`` (the class of each image, as numbers).
    environment : dict
        As `Comparison.environment`.
    """

    pipelines: pd.DataFrame
    scores: pd.DataFrame
    errors: pd.DataFrame
    dataset: dict[str, Any]
    protocol: dict[str, Any]
    environment: dict[str, Any]
    answers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_ANSWERS))

    def frame(self, metric: str = "balanced_accuracy") -> pd.DataFrame:
        """Return the curves: one row per pipeline, perturbation and level.

        Parameters
        ----------
        metric : {"balanced_accuracy", "accuracy"}

        Returns
        -------
        frame : DataFrame
            ``pipeline, kind, perturbation, step, level, unit, value, standard_error, kept`` (share of what was above
            chance on images as they are).
        """
        check_choice("metric", metric, _METRICS)
        table = self.scores[self.scores["metric"] == metric].drop(columns=["metric", "n_images"])
        kinds = dict(zip(self.pipelines["name"], self.pipelines["kind"], strict=True))
        table.insert(1, "kind", table["pipeline"].map(kinds))
        clean = table[table["step"] == 0].drop_duplicates("pipeline").set_index("pipeline")["value"]
        chance = float(self.protocol.get("chance") or 0.0)
        above = table["pipeline"].map(clean).astype(float) - chance
        table["kept"] = (table["value"] - chance) / above.where(above > 0)
        return table.reset_index(drop=True)

    def areas(self, metric: str = "balanced_accuracy") -> pd.DataFrame:
        """Return what is left of each pipeline's score under perturbations, and how much of it that is.

        Parameters
        ----------
        metric : {"balanced_accuracy", "accuracy"}

        Returns
        -------
        frame : DataFrame
            One row per pipeline, highest ``score`` first: ``pipeline, kind, clean`` (score on images as they are),
            ``score`` (mean under all perturbations) with its ``standard_error``, one column per perturbation (share
            kept of what is above chance, 1 = no loss), ``mean`` over these with its ``mean_error``. Missing where the
            pipeline failed at a level; shares also where it is not above chance on images as they are by two standard
            errors; errors where the file was written by an older version.

        Notes
        -----
        1. Scores are areas under the curve over the levels equally spaced: they depend on which levels were asked for,
           and compare pipelines, not perturbations.
        2. *Kept* is ``(score - chance) / (clean - chance)``, chance being one over the number of classes. A pipeline
           that starts low has little to lose: for a choice, look at ``score``.
        3. Standard errors are those of drawing other test images; another training set would differ by more.
        """
        found = self._areas(metric)
        rows = []
        for name, kind in zip(self.pipelines["name"], self.pipelines["kind"], strict=True):
            parts = found.row(name)
            row = {"pipeline": name, "kind": kind} | {column: part[0] for column, part in parts.items()}
            rows.append(row | {"standard_error": parts["score"][1], "mean_error": parts["mean"][1]})
        columns = ["pipeline", "kind", "clean", "score", "standard_error", *found.kinds, "mean", "mean_error"]
        table = pd.DataFrame(rows, columns=columns)
        return table.sort_values("score", ascending=False, kind="stable", na_position="last", ignore_index=True)

    def best(self, metric: str = "balanced_accuracy") -> dict[str, list[str]]:
        """Return, for the columns of `areas`, the pipelines that no other is clearly ahead of.

        Clearly is by more than 1.96 standard errors of the difference, over the same images. Nobody is named where all
        are level.
        """
        found = self._areas(metric)
        parts = {name: found.row(name) for name in self.pipelines["name"]}
        best = {}
        for column in ("clean", "score", *found.kinds, "mean"):
            known = {name: part[column] for name, part in parts.items() if np.isfinite(part[column][0])}
            top = max(known.values(), key=lambda one: one[0], default=None)
            level = [name for name, one in known.items() if top is not None and not found.apart(top, one)]
            best[column] = level if len(level) < len(known) else []
        return best

    def _areas(self, metric: str) -> Areas:
        check_choice("metric", metric, _METRICS)
        own = self.scores[self.scores["metric"] == metric]
        by_class = metric == "balanced_accuracy"
        return Areas(own, self.answers, self.protocol, float(self.protocol.get("chance") or 0.0), by_class=by_class)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``robustness.json`` into a folder; return the folder."""
        path = Path(folder)
        tables = {name: getattr(self, name) for name in (*_TABLES, "answers")}
        rest = {"dataset": self.dataset, "protocol": self.protocol, "environment": self.environment}
        write_tables(path / _FILE, tables, **rest)
        return path

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError, ValueError
            There is no ``robustness.json``, or it is damaged.
        """
        content = read_tables(Path(folder) / _FILE, "robustness scores", _TABLES, newer=("answers",))
        wanted = (*_TABLES, "dataset", "protocol", "environment", "answers")
        return cls(**{name: content[name] for name in wanted if name in content})

    def __repr__(self) -> str:
        lines = [
            f"Robustness on {self.dataset['n_images']:,} images of {self.dataset['name']} (shares kept; 1 = no loss)"
        ]
        lines += self.protocol["notes"]
        for name, error in zip(self.pipelines["name"], self.pipelines["error"], strict=True):
            if error is not None:
                lines.append(f"{name} failed: {error}")
        return "\n".join([*lines, self.areas().drop(columns="kind").round(3).to_string(index=False, na_rep="")])


def robustness(
    fitted_pipelines: Any,
    X: Any,
    y: Any = None,
    perturbations: Iterable[str] | None = None,
    levels: Mapping[str, Sequence[float]] | None = None,
    *,
    random_state: int = 0,
    dataset: Any = None,
) -> Robustness:
    """Score fitted pipelines on test images that are made worse step by step.

    Parameters
    ----------
    fitted_pipelines : mapping or list
        Fitted classifiers that take images: ``name -> estimator``, or estimators, or pairs ``(name, estimator)``.
    X : Dataset or sequence of images
        Images that no pipeline was trained on.
    y : array of shape (n_images,), optional
        Their classes; a `Dataset` brings its own.
    perturbations : list of str, optional
        Some of "shift", "rotation", "scale", "brightness", "contrast", "noise", "blur", "jpeg", "occlusion"; all of
        them unless told. See `perturb` for what they do.
    levels : mapping of str to sequence of float, optional
        Levels to use instead of the usual five, mildest first, in the unit of the perturbation.
    random_state : int, default=0
        Seed. Each image has a seed of its own, and keeps its direction over the levels.
    dataset : str, mapping or Dataset, optional
        As for `compare`.

    Returns
    -------
    Robustness
        A pipeline that raised an exception has ``error`` set; the others went on.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        A pipeline is not fitted (a ``ValueError``).
    ValueError, TypeError
        Unknown perturbation, level out of range or not in order, labels that a pipeline never learned.
    eyecraft.data.ImageReadError
        An image cannot be read.

    Notes
    -----
    1. Images are perturbed at their own size, before the pipeline resizes them; levels are relative to that size where
       they are lengths.
    2. Rows of perturbed images are not kept in feature stores.
    3. Cost: one prediction per image, pipeline and level; 46 with the usual levels.

    Examples
    --------
    >>> from eyecraft.data import load_digits
    >>> from eyecraft.features import RawPixels
    >>> from eyecraft.pipelines import LinearSVM
    >>> from eyecraft.pipelines.robustness import robustness
    >>> from sklearn.pipeline import make_pipeline
    >>> digits = load_digits()
    >>> fitted = make_pipeline(RawPixels(), LinearSVM()).fit(digits.images[:500], digits.labels[:500])
    >>> found = robustness({"pixels": fitted}, digits.subset(range(500, 600)), levels={"shift": [10, 30]})
    >>> found.areas()[["pipeline", "shift"]].round(1).to_numpy().tolist()
    [['pixels', 0.5]]
    """
    check_whole("random_state", random_state, at_least=0)
    chosen = _levels(perturbations, levels)
    if not isinstance(X, Dataset):
        check_images(X)
    material = gather(X, y, dataset)
    entries = make_entries(fitted_pipelines)
    notes = [note for entry in entries for note in _check_fitted(entry, material)]
    cells = [(kind, float(level)) for kind, found in chosen.items() for level in found]
    answers = ask(entries, material.images, cells, random_state)
    shown = {kind: [float(level) for level in found] for kind, found in chosen.items()}
    return _result(answers, entries, material, {"levels": shown, "random_state": random_state, "notes": notes})


def _levels(
    perturbations: Iterable[str] | None, levels: Mapping[str, Sequence[float]] | None
) -> dict[str, Sequence[float]]:
    """Return the levels of each perturbation asked for, checked."""
    levels = {} if levels is None else dict(levels)
    if isinstance(perturbations, str):
        perturbations = [perturbations]
    kinds = list(perturbations) if perturbations is not None else list(levels) or list(PERTURBATIONS)
    if not kinds:
        raise ValueError(f"`perturbations` must name some of {', '.join(PERTURBATIONS)}; it is empty")
    for kind in (*kinds, *levels):
        check_choice("perturbations", kind, PERTURBATIONS)
    unused = [kind for kind in levels if kind not in kinds]
    if unused:
        raise ValueError(f"`levels` are given for {unused[0]!r}, which is not among `perturbations`; add it there")
    chosen: dict[str, Sequence[float]] = {}
    for kind in dict.fromkeys(kinds):
        one = PERTURBATIONS[kind]
        given = list(levels.get(kind, one.levels))
        for level in given:
            one.check(level)
        away = [abs(level - one.neutral) for level in given]
        if not given or any(after <= before for before, after in zip([0.0, *away], away, strict=False)):
            raise ValueError(
                f"`levels` of {kind!r} must go from the mildest to the strongest, none neutral ({one.neutral:g} "
                f"{one.unit} changes nothing); got {given}"
            )
        chosen[kind] = given
    return chosen


def _check_fitted(entry: Entry, material: Material) -> list[str]:
    """Return remarks on the classes; raise for a pipeline that cannot answer."""
    try:
        check_is_fitted(entry.estimator)
    except NotFittedError as error:
        raise NotFittedError(
            f"`fitted_pipelines` must be fitted; {entry.name!r} is not. Call its fit with the training images first"
        ) from error
    known = {str(name) for name in getattr(entry.estimator, "classes_", ())}
    asked = set(material.names.tolist())
    if not known:
        return []
    if not known & asked:
        raise ValueError(
            f"`y` must hold classes that {entry.name!r} learned ({_some(known)}); got only others ({_some(asked)})"
        )
    notes = []
    if asked - known:
        notes.append(f"{entry.name} never learned {_some(asked - known)}: its answers there are wrong.")
    if known - asked:
        notes.append(f"No image shows {_some(known - asked)}, which {entry.name} learned: left out of the mean.")
    return notes


def _some(names: set[str]) -> str:
    first = ", ".join(map(repr, sorted(names)[:_SHOWN]))
    return first if len(names) <= _SHOWN else f"{first} and {len(names) - _SHOWN} more classes"


def _result(answers: Answers, entries: list[Entry], material: Material, protocol: dict[str, Any]) -> Robustness:
    """Lay the answers out as frames."""
    scores, rights = [], []
    for entry in entries:
        for kind, levels in protocol["levels"].items():
            one = PERTURBATIONS[kind]
            for step, level in enumerate([one.neutral, *levels]):
                predicted = answers.predicted.get((entry.name, (kind, level) if step else CLEAN))
                if predicted:
                    rights.append((entry.name, kind, step, packed(material.names == np.array(predicted))))
                for metric, found in scores_of(material.names, predicted).items() if predicted else ():
                    place = (entry.name, kind, step, float(level), one.unit)
                    scores.append((*place, metric, *found, len(material.names)))
    columns = ["pipeline", "perturbation", "step", "level", "unit", "metric", "value", "standard_error", "n_images"]
    errors = [(name, kind, level, *texts) for (name, (kind, level)), texts in answers.errors.items()]
    names, codes = np.unique(material.names, return_inverse=True)
    failed = {name: text for name, _, _, text, _ in reversed(errors)}
    pipelines = [(entry.name, entry.kind, failed.get(entry.name)) for entry in entries]
    return Robustness(
        pipelines=pd.DataFrame(pipelines, columns=["name", "kind", "error"], dtype=object),
        scores=pd.DataFrame(scores, columns=columns),
        errors=pd.DataFrame(errors, columns=["pipeline", "perturbation", "level", "error", "traceback"]),
        answers=pd.DataFrame(rights, columns=_ANSWERS),
        dataset=material.description,
        protocol={**protocol, "chance": 1 / len(names), "labels": codes.tolist()},
        environment=_environment.describe(),
    )
