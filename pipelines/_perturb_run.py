"""Fitted pipelines asked about perturbed images: answers, scores, and the feature store kept out of it."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from eyecraft.data import read_image
from eyecraft.features import ImageTransformer
from eyecraft.features._progress import progress

from ._entries import Entry
from ._perturb import PERTURBATIONS, perturb

_AT_ONCE = 64  # images in memory at a time, as decoded and as perturbed

Cell = tuple[str, float]  # kind and level
CLEAN: Cell = ("", 0.0)


@dataclass
class Answers:
    """What the pipelines answered: by pipeline and cell, one answer per image; and what went wrong."""

    predicted: dict[tuple[str, Cell], list[str]] = field(default_factory=dict)
    errors: dict[tuple[str, Cell], tuple[str, str]] = field(default_factory=dict)


def ask(entries: list[Entry], images: np.ndarray, cells: list[Cell], random_state: int) -> Answers:
    """Ask every pipeline about every image as it is and in every cell; a pipeline that fails is left out of that cell.

    Each image is read once. It keeps its own direction, side or place over the levels of a kind, whatever the order of
    the images and the choice of kinds.
    """
    answers = Answers()
    kinds = list(PERTURBATIONS)
    with (
        stores_off([entry.estimator for entry in entries]),
        progress("robustness", len(images) * (len(cells) + 1)) as advance,
    ):
        for start in range(0, len(images), _AT_ONCE):
            positions = range(start, min(start + _AT_ONCE, len(images)))
            clean = [read_image(images[position], name=f"image {position}") for position in positions]
            for cell in (CLEAN, *cells):
                kind, level = cell
                batch = clean
                if cell != CLEAN:
                    seeds = ((random_state, position, kinds.index(kind)) for position in positions)
                    batch = [perturb(image, kind, level, seed) for image, seed in zip(clean, seeds, strict=True)]
                _ask_all(entries, batch, cell, answers)
                advance(len(batch))
    return answers


def _ask_all(entries: list[Entry], batch: list[np.ndarray], cell: Cell, answers: Answers) -> None:
    for entry in entries:
        place = entry.name, cell
        if place in answers.errors:
            continue
        try:
            predicted = np.asarray(entry.estimator.predict(batch))
            if predicted.shape != (len(batch),):
                raise ValueError(f"predict gave an array of shape {predicted.shape} for {len(batch)} images")
        except Exception as error:  # of this pipeline; the others go on
            text = " ".join(str(error).split())
            answers.errors[place] = (f"{type(error).__name__}: {text}", "".join(traceback.format_exception(error)))
            answers.predicted.pop(place, None)
            continue
        answers.predicted.setdefault(place, []).extend(str(answer) for answer in predicted.tolist())


def scores_of(labels: np.ndarray, predicted: list[str]) -> dict[str, tuple[float, float]]:
    """Return value and standard error of accuracy and mean per-class accuracy.

    Classes without an image take no part in the mean. The standard errors are binomial, each class by itself.

    >>> scores_of(np.array(["a", "a", "b", "b"]), ["a", "b", "b", "b"])["balanced_accuracy"]
    (0.75, 0.1767766952966369)
    """
    _, codes = np.unique(labels, return_inverse=True)
    right = (labels == np.array(predicted)).astype(float)
    counts = np.bincount(codes)
    shares = np.bincount(codes, weights=right) / counts
    whole = float(right.mean())
    return {
        "accuracy": (whole, float(np.sqrt(whole * (1 - whole) / len(right)))),
        "balanced_accuracy": (
            float(shares.mean()),
            float(np.sqrt(np.sum(shares * (1 - shares) / counts)) / len(counts)),
        ),
    }


@contextmanager
def stores_off(estimators: list[Any]) -> Iterator[None]:
    """Take the feature store from every extractor inside fitted estimators, and give it back afterwards.

    Perturbed images are never seen again: keeping their rows would only fill the disk.
    """
    found: dict[int, ImageTransformer] = {}
    for estimator in estimators:
        _collect(estimator, found, set())
    before = [(extractor, extractor.__dict__["store"]) for extractor in found.values()]
    try:
        for extractor, _ in before:
            extractor.__dict__["store"] = None
        yield
    finally:
        for extractor, store in before:
            extractor.__dict__["store"] = store


def _collect(value: Any, found: dict[int, ImageTransformer], seen: set[int]) -> None:
    """Find the extractors inside an estimator: its parameters, steps and what it fitted."""
    if id(value) in seen:
        return
    if isinstance(value, Mapping):
        inside = list(value.values())
    elif isinstance(value, (list, tuple)):
        inside = list(value)
    elif isinstance(value, BaseEstimator):
        inside = list(vars(value).values())
        if isinstance(value, ImageTransformer) and "store" in vars(value):
            found[id(value)] = value
    else:
        return
    seen.add(id(value))
    for one in inside:
        _collect(one, found, seen)
