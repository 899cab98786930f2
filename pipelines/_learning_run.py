"""The work of a learning curve: nested training sets, one shared test set per split, a point at a time."""

import os
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from eyecraft.data import PerClassSplit
from eyecraft.features._checks import check_whole
from eyecraft.features._progress import progress

from ._entries import Entry
from ._learning_features import Prepared, prepare
from ._learning_files import Points
from ._material import Material
from ._scoring import Answers, Scorer, accuracy, digests, mean_class_accuracy
from ._splits import Split, digest_of

USUAL_SIZES = (1, 2, 5, 10, 15, 30, 60, 120, 250, 500, 1000, 2000, 5000)
_SHOWN = 5
_LEFT = 5  # images of the smallest class that usual sizes leave to test on, or a quarter of them


@dataclass(frozen=True)
class Plan:
    """Which images are trained and tested on: ``splits[split][size]`` is (train, test)."""

    sizes: tuple[int, ...]
    splits: list[dict[int, Split]]
    n_test: int | None

    def test_per_class(self, names: np.ndarray) -> list[int]:
        """Return the smallest and the largest number of test images of a class, over all splits."""
        tests = [names[split[self.sizes[-1]][1]] for split in self.splits]
        counts = np.array([[int((test == name).sum()) for name in np.unique(names)] for test in tests])
        return [int(counts.min()), int(counts.max())]

    def used(self) -> np.ndarray:
        """Return the positions of all images of the largest training sets and of the test sets."""
        largest = self.sizes[-1]
        return np.unique(np.concatenate([part for split in self.splits for part in split[largest]]))


def make_plan(
    material: Material,
    sizes: Any,
    n_test: int | None,
    n_splits: int,
    random_state: int | None,
    groups: np.ndarray | None = None,
) -> Plan:
    """Draw the nested training sets and the test sets; raises ``ValueError`` where a class has too few images."""
    if n_test is not None:
        check_whole("n_test", n_test, at_least=1)
    check_whole("n_splits", n_splits, at_least=1)
    counts = material.description["class_counts"]
    smallest = min(counts, key=counts.__getitem__)
    if sizes is None:
        left = max(1, min(_LEFT, counts[smallest] // 4))
        chosen = tuple(size for size in USUAL_SIZES if size <= counts[smallest] - left)
        if not chosen:
            raise ValueError(
                f"each class needs at least 2 images, 1 to train on and 1 to test on; {smallest!r} has "
                f"{counts[smallest]}. Add images, or leave the class out"
            )
    else:
        chosen = _checked_sizes(sizes, counts)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_state is None else random_state
    # PerClassSplit shuffles a class once and takes the first so many: smaller training sets lie within larger ones.
    drawn = {
        size: list(PerClassSplit(size, n_test, n_splits, seed).split(material.names, material.names, groups))
        for size in chosen
    }
    tests = [test for _, test in drawn[chosen[-1]]]  # what even the largest training set leaves over
    splits = [{size: (drawn[size][number][0], tests[number]) for size in chosen} for number in range(n_splits)]
    return Plan(chosen, splits, n_test)


def _checked_sizes(sizes: Any, counts: dict[str, int]) -> tuple[int, ...]:
    try:
        given = [sizes] if isinstance(sizes, int) else list(sizes)
    except TypeError:
        given = []
    if not given:
        raise ValueError(
            f"`sizes` must be whole numbers of training images per class, such as (1, 5, 30); got {sizes!r}"
        )
    for size in given:
        check_whole("sizes", size, at_least=1, unit="training images per class")
    chosen = tuple(sorted({int(size) for size in given}))
    few = sorted((count, name) for name, count in counts.items() if count <= chosen[-1])
    if few:
        shown = ", ".join(f"{name!r} has {count}" for count, name in few[:_SHOWN])
        more = f" and {len(few) - _SHOWN} more classes have too few" if len(few) > _SHOWN else ""
        raise ValueError(
            f"`sizes` up to {chosen[-1]} need at least {chosen[-1] + 1} images of each class, the last to test on; "
            f"{shown}{more}. Take sizes up to {max(few[0][0] - 1, 1)}, add images, or leave these classes out"
        )
    return chosen


@dataclass
class Run:
    """Learning curves while they are being measured."""

    entries: list[Entry]
    material: Material
    plan: Plan
    metrics: dict[str, Scorer | None]
    n_jobs: int | None

    def work(self, folder: str | os.PathLike[str] | None) -> dict[tuple[str, int, int], dict[str, Any]]:
        """Return every point, by pipeline, size and split; those a folder holds already are not measured again."""
        points = Points(None if folder is None else Path(folder))
        found: dict[tuple[str, int, int], dict[str, Any]] = {}
        places = [(size, number) for number in range(len(self.plan.splits)) for size in self.plan.sizes]
        with progress("learning curves", len(places) * len(self.entries)) as advance:
            for entry in self.entries:
                missing = []
                for size, number in places:
                    point = points.read(entry.name, size, number)
                    if point is not None and self._serves(point, entry, size, number):
                        found[entry.name, size, number] = point
                        advance()
                    else:
                        missing.append((size, number))
                if not missing:
                    continue
                prepared = self._prepared(entry)
                for size, number in missing:
                    point = self._point(prepared, entry, size, number)
                    found[entry.name, size, number] = point
                    points.write(entry.name, size, number, point)
                    advance(note=f"{entry.name}: {size} per class, split {number + 1} done")
        return found

    def _key(self, entry: Entry, size: int, number: int) -> dict[str, str]:
        split = digest_of(self.plan.splits[number][size])
        return {"data": self.material.key, "split": split, "estimator": entry.digest}

    def _serves(self, point: dict[str, Any], entry: Entry, size: int, number: int) -> bool:
        known = point.get("metrics")
        same = isinstance(known, dict) and all(known.get(name) == one for name, one in digests(self.metrics).items())
        return same and point.get("error") is None and point.get("key") == self._key(entry, size, number)

    def _prepared(self, entry: Entry) -> "Prepared | Exception":
        try:
            return prepare(entry.name, entry.estimator, self.material.images, self.plan.used(), self.n_jobs)
        except Exception as error:  # of this pipeline; the others go on
            return error

    def _point(self, prepared: "Prepared | Exception", entry: Entry, size: int, number: int) -> dict[str, Any]:
        train, test = self.plan.splits[number][size]
        point: dict[str, Any] = {
            "key": self._key(entry, size, number),
            "metrics": digests(self.metrics),
            "n_train": len(train),
            "n_test": len(test),
            "scores": {},
            "fit_seconds": None,
            "error": None,
            "traceback": None,
        }
        if isinstance(prepared, Exception):
            return point | _failure(prepared)
        try:
            start = time.perf_counter()
            with warnings.catch_warnings():
                # with one training image of each class scikit-learn wonders whether names are numbers to be predicted
                warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
                fitted = clone(prepared.estimator).fit(prepared.inputs[train], self.material.labels[train])
            point["fit_seconds"] = time.perf_counter() - start
            point["scores"] = score(fitted, prepared.inputs[test], self.material.labels[test], self.metrics)
        except Exception as error:
            point |= _failure(error)
        return point


def _failure(error: Exception) -> dict[str, str]:
    text = " ".join(str(error).split())
    sentence = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return {"error": sentence, "traceback": "".join(traceback.format_exception(error))}


def score(fitted: Any, inputs: Any, labels: np.ndarray, metrics: Mapping[str, Scorer | None]) -> dict[str, float]:
    """Return the value of each metric on test images."""
    answers = Answers(fitted, inputs)
    predicted = np.asarray(answers.predict(inputs))
    if predicted.shape != (len(labels),):
        raise ValueError(
            f"predict gave an array of shape {predicted.shape} for {len(labels)} images; one answer each is needed"
        )
    own = {"accuracy": accuracy, "balanced_accuracy": mean_class_accuracy}
    return {
        name: float(own[name](labels, predicted) if scorer is None else scorer(answers, inputs, labels))
        for name, scorer in metrics.items()
    }
