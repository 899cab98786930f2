"""How often the interval of a learning curve's crossing holds the true one: a simulation.

``python benchmarks/crossings.py`` takes about ten seconds; ``--runs 20`` is a quick look.

Two curves cross at 4 training images per class. The differences of a run's draws vary with the training images of each
draw, at all sizes alike and at each size, and with the test images, part of which all draws have in common: that part
of the variance is what the interval has to allow for, as the share of test images in the whole tells it.
"""

import argparse

import numpy as np

from eyecraft.pipelines._learning_crossings import find_crossing

SIZES = np.array([1.0, 2, 5, 10, 15, 30])
TRUE, SLOPE, SD = 4.0, 0.08, 0.06
SHARED = (0.0, 0.3, 0.5)  # of the variance


def differences(rng: np.random.Generator, n_draws: int, shared: float) -> np.ndarray:
    """Return the differences of one run, ``(n_draws, n_sizes)``."""
    common = np.sqrt(shared) * rng.normal()
    own = 0.8 * rng.normal(size=(n_draws, 1)) + 0.6 * rng.normal(size=(n_draws, len(SIZES)))
    return np.asarray(SLOPE * (np.log(SIZES) - np.log(TRUE)) + SD * (common + np.sqrt(1 - shared) * own))


def coverage(n_runs: int, n_draws: int, shared: float) -> tuple[float, float]:
    """Return the share of runs whose 95 % interval holds the truth, and of those whose interval is open on a side."""
    rng = np.random.default_rng(1)
    held, still_open = [], []
    for _ in range(n_runs):
        rows = differences(rng, n_draws, shared)
        found = find_crossing(SIZES, rows, confidence=0.95, ratio=shared / (1 - shared))
        if found.leads_last == 1:  # else the sentence is about the other pipeline
            held.append(found.low <= TRUE <= found.high)
            still_open.append(found.low == 0 or np.isinf(found.high))
    return float(np.mean(held)), float(np.mean(still_open))


def main() -> None:
    """Print the coverage for some numbers of draws and shares of the variance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000, help="simulated runs for each line")
    n_runs = parser.parse_args().runs
    print(f"{'draws':>5} {'variance shared':>16} {'95 % interval holds':>20} {'open on a side':>15}")
    for n_draws in (3, 5, 10):
        for shared in SHARED:
            held, still_open = coverage(n_runs, n_draws, shared)
            print(f"{n_draws:5d} {shared:16.0%} {held:20.1%} {still_open:15.1%}")


if __name__ == "__main__":
    main()
