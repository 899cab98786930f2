"""Read the published data sets through `torchvision.datasets`: images, labels and official split from each.

torch is imported only when a reader runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .dataset import Split
from .folder import load_folder


@dataclass(frozen=True)
class Contents:
    """What a reader found: images, one label each, the classes in the authors' order, the official splits."""

    images: NDArray[Any]
    labels: NDArray[np.str_]
    class_names: tuple[str, ...]
    splits: list[Split] | None


def _two_parts(train: ArrayLike, test: ArrayLike, labels: Sequence[Any], names: Sequence[str]) -> Contents:
    """Join training and test part; *labels* are class numbers of both, in that order."""
    train, test = np.asarray(train), np.asarray(test)
    order = np.arange(len(train) + len(test), dtype=np.intp)
    return Contents(
        images=np.concatenate([train, test]),
        labels=np.array([names[int(label)] for label in labels]),
        class_names=tuple(names),
        splits=[(order[: len(train)], order[len(train) :])],
    )


def _read_mnist(kind: Any, root: Path, download: bool) -> Contents:
    train, test = (kind(root, train=part, download=download) for part in (True, False))
    names = [name.split(" - ")[0] for name in train.classes]  # "7 - seven" to "7"
    labels = [*train.targets.tolist(), *test.targets.tolist()]
    return _two_parts(train.data.numpy(), test.data.numpy(), labels, names)


def _read_cifar(kind: Any, root: Path, download: bool) -> Contents:
    train, test = (kind(root, train=part, download=download) for part in (True, False))
    return _two_parts(train.data, test.data, [*train.targets, *test.targets], train.classes)


def _read_stl10(kind: Any, root: Path, download: bool) -> Contents:
    train, test = (kind(root, split=part, download=download) for part in ("train", "test"))
    stacks = [np.ascontiguousarray(part.data.transpose(0, 2, 3, 1)) for part in (train, test)]
    return _two_parts(stacks[0], stacks[1], [*train.labels, *test.labels], train.classes)


def _read_flowers(kind: Any, root: Path, download: bool) -> Contents:
    train, val, test = (kind(root, split=part, download=download) for part in ("train", "val", "test"))
    files = [[str(file) for file in part._image_files] for part in (train, val, test)]
    return _two_parts(files[0] + files[1], files[2], train._labels + val._labels + test._labels, kind.classes)


def _read_pets(kind: Any, root: Path, download: bool) -> Contents:
    train, test = (kind(root, split=part, download=download) for part in ("trainval", "test"))
    files = [[str(file) for file in part._images] for part in (train, test)]
    return _two_parts(files[0], files[1], train._labels + test._labels, train.classes)


def _read_dtd(kind: Any, root: Path, download: bool) -> Contents:
    kind(root, download=download)  # fetches and unpacks; one partition of ten is read, so the lists are read here
    base = root / "dtd" / "dtd"
    lists = [
        [
            [line for part in parts for line in (base / "labels" / f"{part}{number}.txt").read_text("utf-8").split()]
            for parts in (("train", "val"), ("test",))
        ]
        for number in range(1, 11)
    ]
    names = sorted(lists[0][0] + lists[0][1])
    position = {name: i for i, name in enumerate(names)}
    labels = np.array([name.split("/")[0] for name in names])
    splits = [
        (np.array([position[name] for name in train], np.intp), np.array([position[name] for name in test], np.intp))
        for train, test in lists
    ]
    images = np.array([str(base / "images" / name) for name in names])
    return Contents(images, labels, tuple(np.unique(labels).tolist()), splits)


def _folder_reader(*below: str) -> Callable[[Any, Path, bool], Contents]:
    """Make a reader for a data set that is unpacked to one folder per class, without an official split."""

    def read(kind: Any, root: Path, download: bool) -> Contents:
        kind(root, download=download)
        found = load_folder(root.joinpath(*below))
        return Contents(found.images, found.labels, found.class_names, None)

    return read


READERS: dict[str, Callable[[Any, Path, bool], Contents]] = {
    "mnist": _read_mnist,
    "fashion-mnist": _read_mnist,
    "cifar10": _read_cifar,
    "cifar100": _read_cifar,
    "caltech101": _folder_reader("caltech101", "101_ObjectCategories"),
    "flowers102": _read_flowers,
    "dtd": _read_dtd,
    "stl10": _read_stl10,
    "eurosat": _folder_reader("eurosat", "2750"),
    "oxford-pets": _read_pets,
}
