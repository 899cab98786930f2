"""What bfloat16, and cutting the centre out, cost in accuracy: SqueezeNet and mini with a linear SVM on Caltech-101.

Run: python benchmarks/precision.py [--out FOLDER]. Needs the shared pictures (``EYECRAFT_REAL_DATA``) and weights
(``EYECRAFT_WEIGHTS``), by default beside the checkout; 102 classes, 30 training and at most 50 test images each, three
splits of seed 1, mean per-class accuracy.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from sklearn.pipeline import make_pipeline

import eyecraft
from eyecraft.features import CNNFeatures

GOAL = 0.3  # points between the two precisions
SHARED = Path(__file__).resolve().parents[2] / "shared"
DATA = Path(os.environ.get("EYECRAFT_REAL_DATA", SHARED / "data"))
WEIGHTS = Path(os.environ.get("EYECRAFT_WEIGHTS", SHARED / "weights"))
NETWORKS = {
    "squeezenet fire9": {"model": "squeezenet1_0", "layers": "fire9", "pooling": "spatial"},
    "mini fc6": {"model": "mini", "layers": "fc6"},
}
VARIANTS = {
    "float32": {"resize": "warp", "precision": "float32"},
    "bfloat16": {"resize": "warp", "precision": "bfloat16"},
    "cut": {"resize": "crop", "precision": "bfloat16"},
}


def main() -> None:
    """Compare the pairs and print their means and the mean difference over the splits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", help="folder of the comparison; the same call goes on where it was stopped")
    out = parser.parse_args().out
    common: dict[str, Any] = {"l2": True, "weights_dir": WEIGHTS, "store": "default"}
    pipelines = {
        f"{name}, {about}": make_pipeline(CNNFeatures(**settings, **common, **varied), eyecraft.LinearSVM(C=1.0))
        for name, settings in NETWORKS.items()
        for about, varied in VARIANTS.items()
    }
    protocol = eyecraft.PerClassSplit(n_train=30, n_test=50, n_splits=3, random_state=1)
    comparison = eyecraft.compare(pipelines, eyecraft.load_folder(DATA / "caltech-101"), cv=protocol, out=out)
    scores = comparison.scores[comparison.scores["metric"] == "balanced_accuracy"]
    by_split = 100 * scores.pivot(index="split", columns="pipeline", values="value")
    for name in NETWORKS:
        full, half, cut = (by_split[f"{name}, {about}"] for about in VARIANTS)
        lost = float((full - half).mean())
        met = "reached" if lost <= GOAL else "MISSED"
        print(f"{name}: float32 {full.mean():.2f}, bfloat16 {half.mean():.2f}, lost {lost:+.2f} (goal {GOAL}: {met})")
        print(f"{name}: centre cut out {cut.mean():.2f}, lost {float((full - cut).mean()):+.2f}")


if __name__ == "__main__":
    main()
