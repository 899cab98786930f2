"""Fine-tuning against the linear probe on Caltech-101: SqueezeNet further trained, tapped, and a network from scratch.

    python benchmarks/finetune_caltech.py --out caltech-finetune [--epochs 8] [--precision bfloat16]

102 classes, 30 training and at most 50 test images each, the first split of seed 1, mean per-class accuracy. Finished
rows are kept in the output folder; the same command goes on with the others. Weights come from ``EYECRAFT_WEIGHTS``.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from sklearn.pipeline import make_pipeline

from eyecraft.data import PerClassSplit, load_folder
from eyecraft.features import CNNFeatures
from eyecraft.pipelines import LinearSVM, build, compare

SHARED = Path(__file__).resolve().parents[2] / "shared"
DATA = Path(os.environ.get("EYECRAFT_REAL_DATA", SHARED / "data")) / "caltech-101"
WEIGHTS = Path(os.environ.get("EYECRAFT_WEIGHTS", SHARED / "weights"))
GOAL = 3.0  # points that the fine-tuned network may stay behind its probe


def probe(pooling: str) -> Any:
    """Return a linear SVM on the last Fire module, averaged over 3x3 cells or over the whole map."""
    features = CNNFeatures(
        "squeezenet1_0",
        layers="fire9",
        pooling=pooling,
        l2=True,
        resize="warp",
        weights_dir=WEIGHTS,
        store="default",
    )
    return make_pipeline(features, LinearSVM(C=1.0))


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, help="of fine-tuning; the recipe's own, 20, if not given")
    parser.add_argument("--precision", default="float32", help="of training")
    options = parser.parse_args()
    settings = {"random_state": 1, "weights_dir": WEIGHTS, "classifier__precision": options.precision}
    pipelines = {
        "SqueezeNet fine-tuned": build("squeezenet-finetune", **settings, classifier__max_epochs=options.epochs),
        "SqueezeNet probe, averages": probe("avg"),
        "SqueezeNet probe, 3x3 averages": probe("spatial"),
        "mini from scratch": build("mini-scratch", **settings),
    }
    cv = PerClassSplit(n_train=30, n_test=50, n_splits=1, random_state=1)
    comparison = compare(pipelines, load_folder(options.data), cv=cv, out=options.out, random_state=1)
    table = comparison.table("balanced_accuracy").set_index("pipeline")
    for name, row in table.iterrows():
        print(f"{name:<32} {100 * row['balanced_accuracy']:5.1f} %   fitted in {row['fit_seconds']:.0f} s")
    tuned = table.loc["SqueezeNet fine-tuned", "balanced_accuracy"]
    for name in ("SqueezeNet probe, averages", "SqueezeNet probe, 3x3 averages"):
        behind = 100 * (table.loc[name, "balanced_accuracy"] - tuned)
        print(f"behind {name}: {behind:.1f} points (goal {GOAL:g}: {'reached' if behind <= GOAL else 'MISSED'})")


if __name__ == "__main__":
    main()
