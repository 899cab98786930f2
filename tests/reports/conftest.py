"""An invented comparison with the attributes reports read, small enough to check by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from references.invented_studies import invent_studies

from eyecraft.pipelines._exhibit_words import Sample, WordExhibit
from eyecraft.pipelines._exhibits import Exhibit
from eyecraft.pipelines._frames import tidy
from eyecraft.pipelines.studies import Studies

ODD = 'hog <b>&"é" | x'
CLASSES = ["<b>cat</b>", "dog & co", "émeu|bird"]


@dataclass
class Invented:
    """What reports read of a Comparison, as plain attributes."""

    pipelines: pd.DataFrame
    scores: pd.DataFrame
    predictions: pd.DataFrame
    seconds: pd.DataFrame
    costs: pd.DataFrame
    errors: pd.DataFrame
    dataset: dict[str, Any]
    protocol: dict[str, Any]
    environment: dict[str, Any]
    splits: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    images: dict[int, np.ndarray] | None = None
    side: int = 64
    exhibits: dict[str, Exhibit] = field(default_factory=dict)
    studies: Studies | None = None
    resources: pd.DataFrame = field(default_factory=lambda: tidy("resources", []))

    def image(self, position: int) -> np.ndarray | None:
        """Return a coloured square, or nothing for every seventh image (as if its file had moved)."""
        if self.images is not None:
            return self.images.get(position)
        if position % 7 == 6:
            return None
        rng = np.random.default_rng(position)
        return rng.integers(0, 255, (self.side, self.side, 3), dtype=np.uint8)


def invent(
    answers: dict[str, list[list[str]]],
    labels: list[list[str]],
    *,
    kinds: dict[str, str],
    seconds: dict[str, float],
    failed: dict[str, str] | None = None,
    classes: list[str] | None = None,
    name: str = "invented <i>set</i>",
) -> Invented:
    """Build a comparison from the answers of each pipeline, split by split; split s tests images 10 s, 10 s + 1, ..."""
    failed = failed or {}
    classes = CLASSES if classes is None else classes
    entries = list(answers) + list(failed)
    scores, predictions, times, costs = [], [], [], []
    for pipeline, splits in answers.items():
        for split, (true, predicted) in enumerate(zip(labels, splits, strict=True)):
            right = np.array(true) == np.array(predicted)
            recalls = [right[np.array(true) == one].mean() for one in sorted(set(true))]
            scores.append((pipeline, split, "accuracy", right.mean()))
            scores.append((pipeline, split, "balanced_accuracy", np.mean(recalls)))
            predictions += [
                (pipeline, split, 10 * split + k, t, p) for k, (t, p) in enumerate(zip(true, predicted, strict=True))
            ]
            times.append((pipeline, split, "fit", 2.0 + split, 5))
        each = seconds[pipeline]
        costs += [
            (pipeline, "decode", 0.25 * each),
            (pipeline, "extract", 0.5 * each),
            (pipeline, "predict", 0.25 * each),
        ]
        costs.append((pipeline, "fit", 0.4))
    n_splits = len(labels)
    return Invented(
        pipelines=pd.DataFrame(
            {
                "name": entries,
                "kind": [kinds[one] for one in entries],
                "title": [f"Title of {one}" for one in entries],
                "citation": ["Dalal & Triggs 2005, https://doi.org/10.1109/CVPR.2005.177" for _ in entries],
                "parameters": ["HOG(cells=<8>) | SVC(C=1.0)" for _ in entries],
                "n_features": pd.array([324 if one in answers else pd.NA for one in entries], dtype="Int64"),
                "peak_memory": [200 * 2**20 if one in answers else 0 for one in entries],
                "error": [failed.get(one) for one in entries],
            }
        ),
        scores=pd.DataFrame(scores, columns=["pipeline", "split", "metric", "value"]),
        predictions=pd.DataFrame(predictions, columns=["pipeline", "split", "index", "label", "predicted"]),
        seconds=pd.DataFrame(times, columns=["pipeline", "split", "stage", "seconds", "n_images"]),
        costs=pd.DataFrame(costs, columns=["pipeline", "stage", "seconds_per_image"]),
        errors=pd.DataFrame(
            [(one, 0, text, f"Traceback (most recent call last):\n  <module>\n{text}") for one, text in failed.items()],
            columns=["pipeline", "split", "error", "traceback"],
        ),
        dataset={
            "name": name,
            "n_images": 10 * n_splits,
            "class_names": classes,
            "class_counts": dict.fromkeys(classes, 7),
            "fingerprint": "ab12cd34",
            "licence": "CC0 <public>",
            "citation": "Nobody 2026",
            "source": "/pictures/<invented>",
            "skipped": [("bad|file.jpg", "zero bytes")],
        },
        protocol={
            "cv": "PerClassSplit(n_train=5, n_test=5)",
            "n_splits": n_splits,
            "train_sizes": [5] * n_splits,
            "test_sizes": [len(true) for true in labels],
            "metrics": ["accuracy", "balanced_accuracy"],
            "random_state": 0,
            "command": 'eyecraft compare "pictures <x>" --splits 2',
        },
        environment={
            "versions": {"eyecraft": "0.1.0", "numpy": "2.4.6"},
            "cpu": "invented CPU",
            "gpu": None,
            "os": "Linux",
            "date": "2026-01-02",
        },
        splits=[(np.arange(5) + 100, 10 * s + np.arange(len(true))) for s, true in enumerate(labels)],
    )


CAT, DOG, EMU = CLASSES
LABELS = [[CAT, CAT, DOG, DOG, EMU], [CAT, CAT, DOG, DOG, DOG]]


@pytest.fixture
def make_comparison() -> Callable[..., Invented]:
    """Return `invent`, for tests that need answers of their own."""
    return invent


@pytest.fixture
def comparison() -> Invented:
    """Three pipelines over two splits, one of which fails; the second split does not test the third class.

    The hand-crafted one, of an odd name, is right 4/5 and 4/5, `net` 2/5 and 3/5, `broken` fails.
    """
    return invent(
        {
            ODD: [[CAT, CAT, DOG, CAT, EMU], [CAT, CAT, DOG, DOG, CAT]],
            "net": [[CAT, DOG, DOG, CAT, CAT], [CAT, DOG, DOG, DOG, EMU]],
        },
        LABELS,
        kinds={ODD: "hand-crafted", "net": "learned", "broken": "learned"},
        seconds={ODD: 0.004, "net": 0.001},
        failed={"broken": "ValueError: the weights <file> | are damaged"},
    )


@pytest.fixture
def one_split() -> Invented:
    """Two pipelines, one split."""
    return invent(
        {"hog": [[CAT, CAT, DOG, DOG, EMU]], "pixels": [[CAT, DOG, DOG, DOG, EMU]]},
        LABELS[:1],
        kinds={"hog": "hand-crafted", "pixels": "hand-crafted"},
        seconds={"hog": 0.004, "pixels": 0.001},
    )


@pytest.fixture
def all_failed() -> Invented:
    """Nothing worked."""
    failed = {"hog": "ImageReadError: <a>.jpg", "net": "OSError: disk full"}
    kinds = {"hog": "hand-crafted", "net": "learned"}
    return invent({}, LABELS, kinds=kinds, seconds={}, failed=failed)


@pytest.fixture
def many_classes() -> Invented:
    """Six pipelines on 102 classes over three splits: the size of a Caltech-101 report."""
    return invent_many(102, 5, 3)


@pytest.fixture
def many_pipelines() -> Invented:
    """Twenty pipelines on 100 classes over five splits: the largest report with a promised size."""
    made = invent_many(100, 4, 5, n_pipelines=20)
    made.protocol["train_sizes"] = [3000] * 5
    kinds = dict(zip(made.pipelines["name"], made.pipelines["kind"], strict=True))
    made.studies = invent_studies(kinds, made.splits, ("class_000", "class_001"))
    return made


def invent_many(n_classes: int, n_each: int, n_splits: int, n_pipelines: int = 6) -> Invented:
    """Invent pipelines of known quality on `n_classes` classes with `n_each` test images of each."""
    rng = np.random.default_rng(0)
    classes = [f"class_{k:03d}" for k in range(n_classes)]
    labels = [[one for one in classes for _ in range(n_each)] for _ in range(n_splits)]
    quality = {"pixels": 0.25, "color": 0.2, "sobel": 0.4, "robinson": 0.42, "hog": 0.6, "squeezenet": 0.85}
    more = ("phow", "llc", "spm", "fisher", "vlad", "resnet", "alexnet", "vgg")
    for k in range(n_pipelines - len(quality)):
        quality[f"{more[k % 8]}-{k}-svm"] = 0.5 + 0.025 * k
    answers = {
        name: [[one if rng.random() < share else str(rng.choice(classes)) for one in true] for true in labels]
        for name, share in quality.items()
    }
    networks = ("squeezenet", "resnet", "alexnet", "vgg")
    kinds = {name: "learned" if name.startswith(networks) else "hand-crafted" for name in quality}
    seconds = {name: 0.0005 * 2 ** (k % 8 + k / 20) for k, name in enumerate(quality)}
    made = invent(answers, labels, kinds=kinds, seconds=seconds, classes=classes, name="many classes")
    made.predictions["index"] += 10_000 * made.predictions["split"]
    return made


def invent_exhibit(*, grid: bool = True, votes: bool = True, n_words: int = 48) -> Exhibit:
    """Invent a bag of visual words whose descriptors vote for the answer on the left and against it on the right."""
    rng = np.random.default_rng(0)
    samples = []
    for index, answer in enumerate((CAT, DOG, EMU)):
        x, y = (part.ravel() for part in np.meshgrid(np.arange(16, 384, 8), np.arange(16, 184, 8)))
        n = len(x)
        scale = rng.choice([16.0, 32.0], n) if grid else rng.uniform(12, 120, n)
        angle = np.zeros(n) if grid else rng.uniform(0, 360, n)
        cast = np.where(x < 200, 0.002, -0.001).astype(np.float32)
        samples.append(
            Sample(
                index=index,
                label=CAT,
                predicted=answer,
                picture=rng.integers(0, 255, (128, 256, 3), dtype=np.uint8),
                image_size=(200, 400),
                places=np.stack([x, y, scale, angle], axis=1).astype(np.float32),
                votes=cast if votes else None,
                lead=float(cast.sum()) - 0.1,
                base=-0.1,
            )
        )
    sources = np.tile(np.arange(100, 106), (n_words, 1))
    sources[-1, 4:] = -1
    words = WordExhibit(
        words=np.arange(n_words)[::-1].astype(np.int64),
        strengths=np.linspace(1, 0.1, n_words, dtype=np.float32),
        speaks_for=[CLASSES[k % 3] for k in range(n_words)],
        chosen_by="votes",
        patches=rng.integers(0, 255, (n_words, 6, 32, 32, 3), dtype=np.uint8),
        distances=np.where(sources < 0, np.nan, np.arange(6)).astype(np.float32),
        sources=sources,
        n_images=60,
        samples=samples,
        how="linear" if votes else "",
        why_not="" if votes else "PCA mixes <the> words",
        about={
            "pipeline": ODD,
            "descriptor": "DenseSIFT" if grid else "SIFT",
            "encoding": "hard",
            "n_words": 1024,
            "grid": grid,
            "cells": 4,
            "pyramid": [[1, 1], [2, 2]],
        },
    )
    return Exhibit(words=words)


@pytest.fixture
def make_exhibit() -> Callable[..., Exhibit]:
    """Return `invent_exhibit`, for tests that need another one."""
    return invent_exhibit


@pytest.fixture
def with_words(comparison: Invented) -> Invented:
    """The three pipelines, the first of which has visual words to show."""
    comparison.exhibits = {ODD: invent_exhibit()}
    return comparison


@pytest.fixture
def with_studies(comparison: Invented) -> Invented:
    """The three pipelines with learning curves, robustness, copies across train and test, and a doubtful label."""
    kinds = {ODD: "hand-crafted", "net": "learned"}
    comparison.studies = invent_studies(kinds, comparison.splits, (CAT, DOG), suspects=[0, 1])
    comparison.predictions.loc[comparison.predictions["index"].isin([0, 1]), "predicted"] = DOG
    return comparison
