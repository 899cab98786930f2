"""Fine-tuning on Caltech-101: SqueezeNet trained further beside its probes, mini from scratch beside the pyramid.

    python benchmarks/finetune_caltech.py --out caltech-finetune [--epochs 8] [--precision bfloat16]

102 classes, 30 training and at most 50 test images each, the first split of seed 1, mean per-class accuracy. Finished
rows are kept in the output folder; the same command goes on with the others. Weights come from ``EYECRAFT_WEIGHTS``.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from eyecraft.data import Dataset, PerClassSplit, load_folder
from eyecraft.features import CNNFeatures
from eyecraft.pipelines import LinearSVM, build, compare

SHARED = Path(__file__).resolve().parents[2] / "shared"
DATA = Path(os.environ.get("EYECRAFT_REAL_DATA", SHARED / "data")) / "caltech-101"
WEIGHTS = Path(os.environ.get("EYECRAFT_WEIGHTS", SHARED / "weights"))
GOAL = 3.0  # points that the fine-tuned network may stay behind its probe
TUNED, SCRATCH, PYRAMID = "SqueezeNet fine-tuned", "mini from scratch", "SPM + SVM"
PROBES = {"SqueezeNet probe, averages": "avg", "SqueezeNet probe, 3x3 averages": "spatial"}


def probe(pooling: str, image_size: int) -> Any:
    """Return a linear SVM on the last Fire module, averaged over 3x3 cells or over the whole map."""
    features = CNNFeatures(
        "squeezenet1_0",
        layers="fire9",
        pooling=pooling,
        l2=True,
        resize="warp",
        image_size=image_size,
        weights_dir=WEIGHTS,
        store="default",
    )
    return make_pipeline(features, LinearSVM(C=1.0))


def rows(options: argparse.Namespace) -> dict[str, Any]:
    """Return the pipelines by name."""
    settings = {"random_state": 1, "weights_dir": WEIGHTS, "classifier__precision": options.precision}
    tuned = {"classifier__max_epochs": options.epochs, "classifier__image_size": options.image_size}
    return {
        TUNED: build("squeezenet-finetune", **settings, **tuned),
        **{name: probe(pooling, options.image_size) for name, pooling in PROBES.items()},
        SCRATCH: build("mini-scratch", **settings, classifier__max_epochs=options.scratch_epochs),
        PYRAMID: build("spm-svm", random_state=1),
    }


def first_classes(dataset: Dataset, count: int | None) -> Dataset:
    """Return the images of so many classes alone, the first in the alphabet; None: of all."""
    names = tuple(sorted(dataset.class_names)[:count])
    return replace(dataset.subset(np.flatnonzero(np.isin(dataset.labels, names))), class_names=names)


def summary(table: pd.DataFrame) -> list[str]:
    """Return a line per row, and one for each promise."""
    scores = 100 * table["balanced_accuracy"]
    lines = [
        f"{name:<32} {scores[name]:5.1f} %   fitted in {table.loc[name, 'fit_seconds']:.0f} s" for name in scores.index
    ]
    for name in PROBES:
        behind = scores[name] - scores[TUNED]
        lines.append(f"behind {name}: {behind:.1f} points (goal {GOAL:g}: {'reached' if behind <= GOAL else 'MISSED'})")
    behind = scores[PYRAMID] - scores[SCRATCH]
    return [*lines, f"{SCRATCH} behind {PYRAMID}: {behind:.1f} points"]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, help="of fine-tuning; the recipe's own, 20, if not given")
    parser.add_argument("--scratch-epochs", type=int, help="of mini from scratch; its own number if not given")
    parser.add_argument("--precision", default="float32", help="of training")
    parser.add_argument("--image-size", type=int, default=224, help="side of SqueezeNet's input, pixels")
    parser.add_argument("--classes", type=int, help="only so many, the first in the alphabet")
    parser.add_argument("--train", type=int, default=30, help="training images per class")
    parser.add_argument("--test", type=int, default=50, help="test images per class, at most")
    options = parser.parse_args()
    cv = PerClassSplit(n_train=options.train, n_test=options.test, n_splits=1, random_state=1)
    dataset = first_classes(load_folder(options.data), options.classes)
    comparison = compare(rows(options), dataset, cv=cv, out=options.out, random_state=1)
    print("\n".join(summary(comparison.table("balanced_accuracy").set_index("pipeline"))))


if __name__ == "__main__":
    main()
