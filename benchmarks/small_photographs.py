"""Small photographs: networks trained from scratch beside hand-crafted features, on 20 classes of Tiny ImageNet.

    python benchmarks/small_photographs.py --out small-photographs [--data tiny-imagenet-250.zip] [--precision bfloat16]

Every tenth of the 200 classes in the order of their WordNet numbers; 250 training images each, tested on the 20 of the
official validation part that the archive holds: one split, so what is said of differences is said of these test images.
Finished rows are kept in the output folder; the same command goes on with the others.

How the networks are trained was tried out with ``--inner``, which never looks at that part: it trains on 200 of the
training images of each class and tests on the other 50.
"""

import argparse
import os
import statistics
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from eyecraft.data import Dataset
from eyecraft.pipelines import CNNClassifier, Comparison, build, compare
from eyecraft.pipelines._one_test_set import mcnemar

HERE = Path(os.environ.get("EYECRAFT_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
EVERY, N_INNER = 10, 50
HAND_CRAFTED = ("hog-svm", "patches-kmeans-svm", "spm-svm")
EPOCHS = {"lenet5": 60, "convnet": 20, "small-resnet": 20, "mini-scratch": 20}
AUGMENT = {"lenet5": "shift-flip", "convnet": "crop-flip", "small-resnet": "crop-flip", "mini-scratch": "crop-flip"}
RATE, WARMUP = 0.05, 1.0  # epochs in which the rate rises, for the three that are normalised


@dataclass(frozen=True)
class SmallResNet:
    """Makes a residual network of ten layers for 64x64 pixels: one block to a stage, maps of 32, 16, 8 and 4 pixels."""

    __name__ = "small-resnet"

    def __call__(self, in_channels: int, n_classes: int) -> nn.Module:
        """Return the network with a random start."""
        network = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=n_classes)
        network.conv1 = nn.Conv2d(in_channels, 64, 3, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
        network.maxpool = nn.Identity()  # type: ignore[assignment]
        return network


def read(archive: Path, n_classes: int, *, inner: bool) -> Dataset:
    """Return the images of some classes, decoded, with their split."""
    images, labels, testing = [], [], []
    with zipfile.ZipFile(archive) as file:
        names = sorted(name for name in file.namelist() if name.endswith(".webp"))
        words = dict(line.split("\t", 1) for line in file.read("words.txt").decode().splitlines())
        wnids = sorted({name.split("/")[1] for name in names})[::EVERY][:n_classes]
        for name in names:
            part, wnid, _ = name.split("/")
            if wnid not in wnids or (inner and part == "val"):
                continue
            images.append(cv2.imdecode(np.frombuffer(file.read(name), np.uint8), cv2.IMREAD_COLOR_RGB))
            labels.append(f"{wnid} {words[wnid].split(',')[0]}")
            testing.append(part == "val")
    tested = _held_out(np.array(labels)) if inner else np.array(testing)
    split = (np.flatnonzero(~tested), np.flatnonzero(tested))
    name = f"tiny-imagenet-{len(wnids)}{'-inner' if inner else ''}"
    return Dataset(np.stack(images), np.array(labels), name, source=archive.name, splits=[split])


def _held_out(labels: np.ndarray) -> np.ndarray:
    """Mark 50 images of each class, drawn with a fixed seed."""
    random, marked = np.random.default_rng(0), np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        marked[random.choice(np.flatnonzero(labels == label), N_INNER, replace=False)] = True
    return marked


def network(name: str, seed: int, options: argparse.Namespace) -> Any:
    """Return one of the networks from a random start."""
    given: dict[str, Any] = {
        "max_epochs": options.epochs or EPOCHS[name],
        "augment": options.augment or AUGMENT[name],
        "precision": options.precision,
        "device": options.device,
    }
    if name == "lenet5":
        return build(name, random_state=seed, **given)
    gently = {"lr": RATE, "warmup_epochs": WARMUP, "batch_size": 64, **given}
    if name == "small-resnet":
        return CNNClassifier(SmallResNet(), image_size=64, random_state=seed, **gently)
    return build(name, random_state=seed, **gently)


def rows(options: argparse.Namespace) -> dict[str, Any]:
    """Return the pipelines by name; further seeds of a network have its name and the seed."""
    wanted = options.only or [*HAND_CRAFTED, *EPOCHS]
    made: dict[str, Any] = {
        name: build(name, random_state=0, store=None, n_jobs=options.jobs) for name in HAND_CRAFTED if name in wanted
    }
    for name in EPOCHS:
        for seed in range(options.seeds if name in wanted else 0):
            made[f"{name}#{seed}" if seed else name] = network(name, seed, options)
    return made


def summary(comparison: Comparison) -> list[str]:
    """Return a line per pipeline, the best first, and one on the best of both kinds."""
    found = comparison.scores[comparison.scores["metric"] == "accuracy"].set_index("pipeline")["value"]
    n_train, costs = comparison.protocol["train_sizes"][0], comparison.costs
    training = costs[costs["stage"] != "predict"].groupby("pipeline")["seconds_per_image"].sum() * n_train
    kinds: dict[str, list[str]] = {}
    for name in found.index:
        kinds.setdefault(name.split("#")[0], []).append(name)
    order = sorted(kinds, key=lambda name: -found[kinds[name]].mean())
    lines = [f"{'pipeline':<20} {'accuracy, %':>14} {'training, s':>12}"]
    for name in order:
        values = [100 * found[one] for one in kinds[name]]
        spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
        lines.append(f"{name:<20} {statistics.mean(values):>9.1f}{spread:<6} {training[kinds[name]].mean():>11.0f}")
    best = [next((name for name in order if (name in HAND_CRAFTED) == hand), None) for hand in (False, True)]
    return [*lines, *([_duel(comparison, *best)] if all(best) else []), *comparison.errors["error"]]


def _duel(comparison: Comparison, ours: Any, theirs: Any) -> str:
    answers = comparison.predictions.set_index(["pipeline", "index"])
    right = answers["label"] == answers["predicted"]
    one, other = right[ours], right[theirs]
    only_ours, only_theirs = int((one & ~other).sum()), int((other & ~one).sum())
    chance = mcnemar(only_ours, only_theirs)
    return (
        f"{ours} alone is right on {only_ours} of {len(one)} test images, {theirs} alone on {only_theirs}: p = "
        f"{chance:.2g} (McNemar)"
    )


def main() -> None:
    """Measure what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--data", type=Path, default=HERE / "tiny-imagenet-250.zip")
    parser.add_argument("--inner", action="store_true", help="split the training part instead")
    parser.add_argument("--only", nargs="+", choices=(*HAND_CRAFTED, *EPOCHS), help="these rows alone")
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each network")
    parser.add_argument("--epochs", type=int, help="of every network, instead of its own number")
    parser.add_argument("--augment", help="of every network, instead of its own")
    parser.add_argument("--precision", default="float32", help="bfloat16 saves time where the processor has AMX")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, help="threads that extract features")
    parser.add_argument("--threads", type=int, help="of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    dataset = read(options.data, options.classes, inner=options.inner)
    comparison = compare(rows(options), dataset, cv="official", out=options.out)
    print("\n".join(summary(comparison)))


if __name__ == "__main__":
    main()
