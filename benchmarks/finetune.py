"""Fine-tuning as it comes: two classes of Caltech-101, 100 training images, every parameter at its default.

    python benchmarks/finetune.py [--data 101_ObjectCategories] [--model mini squeezenet1_0]

The classes with more than 60 images, in alphabetical order, are taken in pairs of neighbours; five pairs are spread
evenly over the list. In each, 50 images of either class are trained on and all others tested.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from eyecraft.data import Dataset, load_folder
from eyecraft.pipelines import CNNClassifier

SHARED = Path(__file__).resolve().parents[2] / "shared"
DATA = Path(os.environ.get("EYECRAFT_REAL_DATA", SHARED / "data")) / "caltech-101"
WEIGHTS = Path(os.environ.get("EYECRAFT_WEIGHTS", SHARED / "weights"))
GOAL, N_TRAIN, MORE_THAN, N_PAIRS = 92.0, 50, 60, 5


def pairs(dataset: Dataset) -> list[tuple[str, str]]:
    """Return five pairs of classes that are neighbours in the alphabet; clutter is no class."""
    large = [
        name
        for name in sorted(dataset.class_names)
        if (dataset.labels == name).sum() > MORE_THAN and name != "BACKGROUND_Google"
    ]
    starts = [number * (len(large) - 1) // N_PAIRS for number in range(N_PAIRS)]
    return [(large[start], large[start + 1]) for start in starts]


def split(dataset: Dataset, pair: tuple[str, str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test positions."""
    random = np.random.default_rng(seed)
    own = [random.permutation(np.flatnonzero(dataset.labels == name)) for name in pair]
    return np.concatenate([each[:N_TRAIN] for each in own]), np.concatenate([each[N_TRAIN:] for each in own])


def main() -> None:
    """Train on each pair and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", nargs="+", default=["mini", "squeezenet1_0"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    dataset = load_folder(options.data)
    for model in options.model:
        accuracies = []
        for pair in pairs(dataset):
            train, test = split(dataset, pair, options.seed)
            classifier = CNNClassifier(model, weights="DEFAULT", weights_dir=WEIGHTS, random_state=options.seed)
            start = time.perf_counter()
            classifier.fit(dataset.images[train], dataset.labels[train])
            seconds = time.perf_counter() - start
            accuracies.append(100 * classifier.score(dataset.images[test], dataset.labels[test]))
            told = classifier.history_["train_loss"]
            print(
                f"{model:<14} {' / '.join(pair):<32} {accuracies[-1]:5.1f} % of {len(test)} images   "
                f"loss {told.iloc[0]:.2f} to {told.iloc[-1]:.2f} in {len(told)} epochs, {seconds:.0f} s",
                flush=True,
            )
        there = sum(accuracy >= GOAL for accuracy in accuracies)
        print(
            f"{model:<14} mean {statistics.mean(accuracies):.1f} %, lowest {min(accuracies):.1f} %   goal {GOAL:g} %: "
            f"{there} of {len(accuracies)} pairs",
            flush=True,
        )


if __name__ == "__main__":
    main()
