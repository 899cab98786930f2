"""Many pipelines on many splits from stored features, and the report of it: how long each takes.

``python benchmarks/report.py FOLDER`` with one sub-folder of pictures per class, such as Caltech-101. Features are
computed by a first comparison of one split; what is timed is the comparison of all splits from what is stored, and then
the report, which is to take less than 20 s for ten pipelines and ten splits.
"""

import argparse
import tempfile
import time
from pathlib import Path

from eyecraft.data import PerClassSplit, load_dataset
from eyecraft.pipelines import Comparison, compare
from eyecraft.reports import write_report

RECIPES = (
    *("pixels-svm", "color-svm", "sobel-svm", "robinson-svm", "hog-svm", "uoctti-svm", "bovw-svm"),
    *("squeezenet-svm", "squeezenet-fire5-svm", "mini-fc6-svm"),
)
GOAL = 20.0  # seconds for the report


def main() -> None:
    """Compare twice, write the report, print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="pictures, one sub-folder per class")
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--train-per-class", type=int, default=30)
    parser.add_argument("--test-per-class", type=int, default=50)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=-1)
    given = parser.parse_args()
    dataset, names = load_dataset(given.folder), given.recipes.split(",")

    def cv(n_splits: int) -> PerClassSplit:
        return PerClassSplit(given.train_per_class, given.test_per_class, n_splits)

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        compare(names, dataset, cv=cv(1), n_jobs=given.jobs)
        first = time.perf_counter()
        compare(names, dataset, cv=cv(given.splits), n_jobs=given.jobs, out=folder)
        second = time.perf_counter()
        paths = write_report(Comparison.load(folder), folder)
        third = time.perf_counter()
        size = Path(paths["html"]).stat().st_size / 2**20
    print(f"{len(names)} pipelines, {given.splits} splits, {len(dataset):,} images")
    print(f"one split, features computed where they were not stored: {first - start:8.1f} s")
    print(f"all splits, from stored features:                        {second - first:8.1f} s")
    kept = "kept" if third - second < GOAL else "BROKEN"
    print(f"report ({size:.1f} MiB): {third - second:.1f} s, at most {GOAL:.0f}: {kept}")


if __name__ == "__main__":
    main()
