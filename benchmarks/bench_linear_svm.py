"""LinearSVM beside scikit-learn's LinearSVC on made-up features of the size of Caltech-101 with HOG.

``python benchmarks/bench_linear_svm.py`` uses 3,060 samples x 8,100 features x 102 classes and takes a few minutes,
nearly all of them LinearSVC's; ``--small`` takes seconds.
"""

import argparse

import numpy as np
from _side_by_side import limit_threads, report, side_by_side
from sklearn.svm import LinearSVC

from eyecraft.pipelines.linear_svm import LinearSVM

GOAL, GOAL_SMALL = 10.0, 2.0  # a small problem leaves little to share


def make_features(n_samples: int, n_features: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Non-negative, correlated rows of length one: class centres of low rank, variation of low rank, noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(n_samples) % n_classes
    rank = 100
    directions = rng.normal(size=(rank, n_features)) / np.arange(1, rank + 1)[:, None] ** 0.5
    parts = 0.6 * rng.normal(size=(n_classes, rank))[labels] + rng.normal(size=(n_samples, rank))
    features = np.abs(1.5 + 0.5 * parts @ directions + 0.7 * rng.normal(size=(n_samples, n_features)))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), labels


def objectives(svm: LinearSVM | LinearSVC, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The objective of every class."""
    coef, intercept = svm.coef_.astype(float), svm.intercept_.astype(float)
    signs = np.where(labels[:, None] == svm.classes_, 1.0, -1.0)
    slack = np.maximum(0.0, 1.0 - signs * (features @ coef.T + intercept))
    return 0.5 * (coef**2).sum(axis=1) + 0.5 * intercept**2 + svm.C * (slack**2).sum(axis=0)


def main() -> None:
    """Fit both, print the ratio of CPU time and how well they agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of the size, for a quick look")
    small = parser.parse_args().small
    n_samples, n_features, n_classes = (300, 800, 10) if small else (3060, 8100, 102)
    limit_threads()
    features, labels = make_features(2 * n_samples, n_features, n_classes)
    train, test = slice(n_samples), slice(n_samples, None)
    ours, peer = LinearSVM(), LinearSVC(max_iter=10_000, random_state=0)
    _, _, ratio = side_by_side(
        lambda: ours.fit(features[train], labels[train]),
        lambda: peer.fit(features[train], labels[train]),
        rounds=1,
    )
    predicted, theirs = ours.predict(features[test]), peer.predict(features[test])
    same, right = (predicted == theirs).mean(), ((predicted == labels[test]) & (theirs == labels[test])).mean()
    above = objectives(ours, features[train], labels[train]) / objectives(peer, features[train], labels[train]) - 1
    report(
        f"LinearSVM, {n_samples} x {n_features} x {n_classes} classes, one thread",
        ratio,
        GOAL_SMALL if small else GOAL,
        f"{same:.2%} of test predictions equal (both right: {right:.0%}), "
        f"objective {above.min():+.1e} to {above.max():+.1e} relative to LinearSVC",
    )


if __name__ == "__main__":
    main()
