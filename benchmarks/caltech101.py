"""Accuracy of the strongest hand-crafted recipes on Caltech-101: fisher-svm, llc-svm, and champion-svm that holds both.

    python benchmarks/caltech101.py --data 101_ObjectCategories --out champion.jsonl [--splits 5] [--seed 1]

Every split describes its images once for all three recipes, and its scores are appended to the output; the same command
goes on with the splits that are missing. Protocol of the papers: 30 training and at most 50 test images per class, mean
per-class accuracy; codebooks and classifiers from the training images of the split alone. The scores are those that
`eyecraft reproduce caltech101-fisher --seed 1` and its like print, one recipe at a time.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
from joblib import parallel_config
from sklearn.metrics import balanced_accuracy_score

from eyecraft.data import Dataset, PerClassSplit, load_folder
from eyecraft.pipelines import LinearSVM, build

ALONE = {"fisher": "fisher-svm", "llc": "llc-svm"}  # sides of the champion that are recipes too


def scores_of_split(dataset: Dataset, train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, float]:
    """Return mean per-class accuracy of every recipe, in percent, and the seconds it took."""
    start = time.perf_counter()
    champion = build("champion-svm", random_state=seed, store=None)
    union = champion["features"]
    rows, labels = union.fit_transform(dataset.images[train]), dataset.labels[train]
    fitted = time.perf_counter()
    tested = union.transform(dataset.images[test])
    described = time.perf_counter()
    lengths = [side.n_features_out_ for _, side in union.transformer_list]
    edges = np.concatenate([[0], np.cumsum(lengths)])
    columns = {name: slice(edges[i], edges[i + 1]) for i, (name, _) in enumerate(union.transformer_list)}
    columns = {ALONE[name]: columns[name] for name in ALONE} | {"champion-svm": slice(None)}
    found = {}
    for name, chosen in columns.items():
        svm = LinearSVM(C=champion["classifier"].C).fit(rows[:, chosen], labels)
        found[name] = 100 * balanced_accuracy_score(dataset.labels[test], svm.predict(tested[:, chosen]))
    seconds = {"fit": fitted - start, "describe_test": described - fitted, "svm": time.perf_counter() - described}
    return found | {f"seconds_{name}": round(value, 1) for name, value in seconds.items()}


def main() -> None:
    """Go through the splits and print means and standard deviations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of Caltech-101, 102 sub-folders")
    parser.add_argument("--out", type=Path, required=True, help="one line of JSON per split")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train", type=int, default=30, help="training images per class")
    parser.add_argument("--jobs", type=int, default=-1, help="threads")
    options = parser.parse_args()
    dataset = load_folder(options.data)
    lines = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    splits = PerClassSplit(options.train, 50, options.splits, options.seed).split(dataset.images, dataset.labels)
    for number, (train, test) in enumerate(splits):
        key = {"split": number, "seed": options.seed, "train": options.train}
        if any(line.items() >= key.items() for line in lines):
            continue
        with parallel_config("threading", n_jobs=options.jobs):
            lines.append(key | scores_of_split(dataset, train, test, options.seed))
        with options.out.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
        print(lines[-1], flush=True)
    for name in (*ALONE.values(), "champion-svm"):
        values = [line[name] for line in lines]
        print(f"{name:14s} {np.mean(values):.2f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
