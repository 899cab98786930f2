"""How often `verdicts` says "better" when nothing is, and whether it finds what it promises to find: a simulation.

``python benchmarks/false_alarms.py`` takes about a minute; ``--runs 4`` is a quick look.

Every run draws a fresh pool of images, splits it as a comparison would and trains and tests real classifiers on the
same splits, so that splits share images and training sets overlap as they do in life. An image is a point about the
centre of its class. A feature sees it through noise that belongs to the image (some images are hard for one feature and
easy for another) and without some dimensions, a choice that belongs to the seed (as a codebook, or the start of a
network, would). The classifier takes the nearest class mean.

The smallest detectable difference is held to its word: what one run prints is added to the difference of the next run,
which has to find it in 80 % of the cases. A last design has one fixed test set, on which two fitted pipelines answer:
each image is easy or hard for both, and what is drawn anew are the images.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.model_selection import StratifiedKFold

from eyecraft.data import PerClassSplit
from eyecraft.pipelines._student import POWER
from eyecraft.pipelines.verdicts import Verdicts, verdicts

ALPHA, DIFFERENCE = 0.05, 0.03
N_CLASSES, N_EACH, N_DIMENSIONS, N_KEPT = 30, 60, 40, 38
LABELS = np.repeat(np.arange(N_CLASSES), N_EACH)
CENTRES = 0.8 * np.random.default_rng(0).normal(size=(N_CLASSES, N_DIMENSIONS))


@dataclass(frozen=True)
class Feature:
    """How much noise a feature adds to an image, and which noise: features of one number see the same."""

    noise: float
    number: int


GOOD, RIVAL = Feature(0.5, 0), Feature(0.5, 1)
SAME, EQUAL, THREE, SMALLEST = (
    "a pipeline and itself, three seeds",
    "two pipelines, equal on average",
    "two pipelines, 3 points apart",
    "the smallest detectable apart",
)
FIXED = "one fixed test set of 1,800 images"


@dataclass(frozen=True)
class Design:
    """A way to split, and the feature that is three points worse under it, as the printed means confirm."""

    name: str
    worse: Feature
    splitter: Callable[[int], Any]


DESIGNS = (
    Design("10 draws of 30 + 30 images per class", Feature(0.664, 2), lambda seed: PerClassSplit(30, 30, 10, seed)),
    Design("10 draws of 15 + 45 images per class", Feature(0.636, 2), lambda seed: PerClassSplit(15, 45, 10, seed)),
    Design("5 folds", Feature(0.671, 2), lambda seed: StratifiedKFold(5, shuffle=True, random_state=seed)),
)


class Pool:
    """The images of one run, as each feature sees them."""

    def __init__(self, run: int, features: Iterable[Feature]) -> None:
        rng = np.random.default_rng([1, run])
        images = CENTRES[LABELS] + rng.normal(size=(len(LABELS), N_DIMENSIONS))
        noises = rng.normal(size=(3, *images.shape))
        self.seen = {each: images + each.noise * noises[each.number] for each in features}

    def accuracy(self, feature: Feature, train: np.ndarray, test: np.ndarray, rng: np.random.Generator) -> float:
        """Drop some dimensions, train the nearest class mean, and return the share of test images it gets right."""
        rows, kept = self.seen[feature], np.zeros(N_DIMENSIONS)
        kept[rng.permutation(N_DIMENSIONS)[:N_KEPT]] = 1
        starts = np.searchsorted(LABELS[train], np.arange(N_CLASSES))  # splits and labels are in order
        means = kept * np.add.reduceat(rows[train], starts) / np.bincount(LABELS[train])[:, None]
        nearness = rows[test] @ means.T - (means**2).sum(axis=1) / 2
        return float(np.mean(nearness.argmax(axis=1) == LABELS[test]))


def told(scores: np.ndarray, splits: list[tuple[np.ndarray, np.ndarray]], right: np.ndarray | None = None) -> Verdicts:
    """Ask `verdicts` about scores of shape (n_pipelines, n_splits), with what it reads of a comparison.

    A single split is judged by the answers: *right*, of shape (n_pipelines, n_images), says which were.
    """
    names = [f"pipeline {number}" for number in range(len(scores))]
    pipeline, split = np.indices(scores.shape)
    frame = pd.DataFrame({"pipeline": np.array(names)[pipeline.ravel()], "split": split.ravel(), "metric": "accuracy"})
    comparison: Any = SimpleNamespace(
        pipelines=pd.DataFrame({"name": names, "error": None}),
        scores=frame.assign(value=scores.ravel()),
        predictions=_answers(names, right),
        dataset={"class_names": list(range(N_CLASSES))},
        protocol={
            "cv": "official split of the data set" if len(splits) == 1 else "",
            "metrics": ["accuracy"],
            "n_splits": len(splits),
            "train_sizes": [len(train) for train, _ in splits],
            "test_sizes": [len(test) for _, test in splits],
        },
        splits=splits,
    )
    return verdicts(comparison, alpha=ALPHA)


def _answers(names: list[str], right: np.ndarray | None) -> pd.DataFrame:
    """Return answers to the images of one split; a wrong one is class -1."""
    columns = ["pipeline", "split", "index", "label", "predicted"]
    if right is None:
        return pd.DataFrame(columns=columns)
    parts = []
    for name, one in zip(names, right, strict=True):
        predicted = np.where(one, LABELS, -1).astype(str)
        values = (name, 0, np.arange(len(LABELS)), LABELS.astype(str), predicted)
        parts.append(pd.DataFrame(dict(zip(columns, values, strict=True))))
    return pd.concat(parts, ignore_index=True)


def simulate(design: Design, n_runs: int) -> pd.DataFrame:
    """Return one row per run and case: whether "better" was said, of whom, and what power was promised."""
    records, cases = [], {SAME: (GOOD, GOOD, GOOD), EQUAL: (GOOD, RIVAL), THREE: (GOOD, design.worse)}
    printed = None
    for run in range(n_runs):
        pool, rng = Pool(run, (GOOD, RIVAL, design.worse)), np.random.default_rng([2, run])
        splits = list(design.splitter(run).split(LABELS, LABELS))
        for case, features in cases.items():
            scores = np.array([[pool.accuracy(each, *split, rng) for split in splits] for each in features])
            answer = told(scores, splits)
            records.append(_record(case, answer, scores))
            if case == EQUAL:
                if printed is not None:
                    apart = scores + np.array([[printed], [0.0]])
                    records.append(_record(SMALLEST, told(apart, splits), apart))
                printed = answer.pairs["smallest_detectable"].iloc[0]
    return pd.DataFrame(records)


def simulate_fixed(n_runs: int) -> pd.DataFrame:
    """Return the same for one fixed test set: answers that agree on most images, and are right with some chance."""
    records, printed = [], None
    split = [(np.arange(len(LABELS), 2 * len(LABELS)), np.arange(len(LABELS)))]
    for run in range(n_runs):
        rng = np.random.default_rng([3, run])
        ease = np.clip(rng.normal(0.8, 0.25, len(LABELS)), 0.05, 0.95)
        draws = rng.random((2, len(LABELS)))
        apart = {EQUAL: 0.0, THREE: DIFFERENCE} | ({} if printed is None else {SMALLEST: printed})
        for case, difference in apart.items():
            right = draws < np.stack([ease, ease * (1 - difference / ease.mean())])
            scores = right.mean(axis=1, keepdims=True)
            answer = told(scores, split, right)
            records.append(_record(case, answer, scores))
            if case == EQUAL:
                following = answer.pairs["smallest_detectable"].iloc[0]
        printed = following
    return pd.DataFrame(records)


def _record(case: str, answer: Verdicts, scores: np.ndarray) -> dict[str, Any]:
    better = answer.pairs["verdict"] == "better"
    return {
        "case": case,
        "alarm": better.any(),
        "found": better.any() and answer.names[0] == "pipeline 0",
        "promised": answer.power(DIFFERENCE).iloc[0],
        "smallest": answer.pairs["smallest_detectable"].iloc[0],
        "difference": scores[0].mean() - scores[1].mean(),
    }


def rate(hits: pd.Series) -> tuple[str, float]:
    """Return a rate in words, and the upper end of its exact 95 % interval."""
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci()
    ends = f"95 % interval {interval.low:.1%} to {interval.high:.1%}"
    return f"{int(hits.sum()):3d} of {len(hits)} = {hits.mean():5.1%} ({ends})", interval.high


def _word(kept: bool) -> str:
    return "kept" if kept else "BROKEN"


def report(results: pd.DataFrame) -> list[bool]:
    """Print the rates of one design, and return which promises were kept."""
    kept = []
    for case in (SAME, EQUAL):
        alarms = results.loc[results["case"] == case, "alarm"]
        if len(alarms):
            low = binomtest(int(alarms.sum()), len(alarms)).proportion_ci().low
            kept.append(low <= ALPHA)
            print(f"  {case:<35} 'better' in {rate(alarms)[0]}; at most {ALPHA:.0%}: {_word(kept[-1])}")
    three = results[results["case"] == THREE]
    for case, promised in ((THREE, three["promised"].mean()), (SMALLEST, POWER)):
        text, high = rate(results.loc[results["case"] == case, "found"])
        kept.append(high >= promised)
        print(f"  {case:<35} found    in {text}; promised {promised:.1%}: {_word(kept[-1])}")
    seen, smallest = 100 * three["difference"].mean(), 100 * three["smallest"].mean()
    print(f"{'':<38}mean difference {seen:.2f} points; smallest detectable {smallest:.1f} points as reported")
    return kept


def main() -> None:
    """Simulate every design, print the rates, and say which promises were kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="simulated comparisons per design and case")
    n_runs, start, kept = parser.parse_args().runs, time.perf_counter(), []
    for design in DESIGNS:
        print(f"\n{design.name}; {N_CLASSES} classes, {len(LABELS):,} images")
        kept += report(simulate(design, n_runs))
    print(f"\n{FIXED}; {N_CLASSES} classes")
    kept += report(simulate_fixed(n_runs))
    print(f"\n{sum(kept)} of {len(kept)} promises kept, {n_runs} runs each, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
