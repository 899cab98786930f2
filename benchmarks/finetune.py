"""Fine-tuning as it comes: two classes of Caltech-101, 100 training images, every parameter at its default.

    python benchmarks/finetune.py [--data 101_ObjectCategories] [--model mini squeezenet1_0]

The classes with more than 60 images, in alphabetical order, are taken in pairs of neighbours; five pairs are spread
evenly over the list. In each, 50 images of either class are trained on and all others tested. The other options make it
smaller.
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
GOAL, N_TEST = 92.0, 10  # percent; more test images than that has either class


def pairs(dataset: Dataset, n_pairs: int, n_train: int) -> list[tuple[str, str]]:
    """Return pairs of classes that are neighbours in the alphabet; clutter is no class."""
    large = [
        name
        for name in sorted(dataset.class_names)
        if (dataset.labels == name).sum() > n_train + N_TEST and name != "BACKGROUND_Google"
    ]
    starts = [number * (len(large) - 1) // n_pairs for number in range(n_pairs)]
    return [(large[start], large[start + 1]) for start in starts]


def split(dataset: Dataset, pair: tuple[str, str], n_train: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test positions."""
    random = np.random.default_rng(seed)
    own = [random.permutation(np.flatnonzero(dataset.labels == name)) for name in pair]
    return np.concatenate([each[:n_train] for each in own]), np.concatenate([each[n_train:] for each in own])


def main() -> None:
    """Train on each pair and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", nargs="+", default=["mini", "squeezenet1_0"])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--train", type=int, default=50, help="training images of either class")
    parser.add_argument("--epochs", type=int, help="instead of the default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    dataset = load_folder(options.data)
    for model in options.model:
        accuracies = []
        for pair in pairs(dataset, options.pairs, options.train):
            train, test = split(dataset, pair, options.train, options.seed)
            settings = {"weights_dir": WEIGHTS, "max_epochs": options.epochs, "random_state": options.seed}
            classifier = CNNClassifier(model, weights="DEFAULT", **settings)
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
