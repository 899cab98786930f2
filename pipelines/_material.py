"""What is compared on: images, labels and their description, checked before any work."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.multiclass import type_of_target

from eyecraft.data import Dataset, ImageReadError, check_images, image_key, read_image

_SMALL = 64  # pixels; below this a recipe's settings for small images are used


@dataclass(frozen=True)
class Material:
    """Images with labels, as a comparison uses them.

    Parameters
    ----------
    images : ndarray
        Paths, an image stack, or an object array of images; indexed by the splits.
    labels : ndarray, shape (n_images,)
        As the pipelines see them.
    names : ndarray of str, shape (n_images,)
        The labels as text, for the frames.
    description : dict
        `Comparison.dataset`.
    key : str
        Fingerprint of images and labels.
    official : list of (train, test) or None
        The data set's own splits.
    """

    images: np.ndarray
    labels: np.ndarray
    names: np.ndarray
    description: dict[str, Any]
    key: str
    official: list[tuple[np.ndarray, np.ndarray]] | None

    def is_small(self) -> bool:
        """Tell whether the images are so small that recipes use their settings for small images."""
        for image in self.images[:20]:
            try:
                return min(read_image(image).shape[:2]) < _SMALL
            except ImageReadError:
                continue  # said properly by the pipeline that needs it
        return False


def gather(X: Any, y: Any, about: "Dataset | Mapping[str, Any] | str | None") -> Material:
    """Check images and labels and describe them; raises ``ValueError`` or ``TypeError`` for what cannot be compared."""
    if isinstance(X, Dataset):
        about = X if about is None else about
        y = X.labels if y is None else y
        X = X.images
    if y is None:
        raise ValueError("`y` must hold one label per image; got None. Only a Dataset brings its own labels")
    images = indexable(X)
    labels = check_labels(y, len(images))
    names = np.array([str(label) for label in labels.tolist()], dtype=str)
    source = about if isinstance(about, Dataset) and len(about.labels) == len(images) else None
    whole = source is not None and images is source.images and np.array_equal(names, source.labels)
    key = source.fingerprint if source is not None and whole else _fingerprint(images, names)
    return Material(
        images=images,
        labels=labels,
        names=names,
        description={**_describe(images, names, about, source), "fingerprint": key},
        key=key,
        official=None if source is None or source.splits is None else list(source.splits),
    )


def indexable(X: Any) -> np.ndarray:
    """Return images as an array that index arrays can take from: nothing is decoded or copied that need not be."""
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] > 1 and X.dtype.kind in "fiub":
        return X  # a table of features: any scikit-learn pipeline may be compared on one
    images = check_images(X)
    if isinstance(images, np.ndarray) and images.dtype != object:
        return images
    if all(isinstance(image, (str, os.PathLike)) for image in images):
        return np.array([os.fspath(image) for image in images], dtype=str)
    boxed = np.empty(len(images), dtype=object)
    for position in range(len(images)):
        boxed[position] = images[position]
    return boxed


def check_labels(y: Any, n_images: int) -> np.ndarray:
    """Return labels as an array of shape ``(n_images,)`` with at least two classes and none missing."""
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"`y` must hold one label per image, shape (n_images,); got shape {labels.shape}")
    if len(labels) != n_images:
        raise ValueError(f"`X` and `y` must be equally long; got {n_images} images and {len(labels)} labels")
    missing = np.flatnonzero(pd.isna(labels))
    if len(missing):
        raise ValueError(
            f"`y` must hold a label for every image; {len(missing)} of {n_images} are missing (NaN or None), the first "
            f"at position {missing[0]}. Leave those images out"
        )
    if labels.dtype == object:
        kinds = {type(label) for label in labels}
        if len(kinds) > 1 or not issubclass(next(iter(kinds), str), (str, int, np.generic)):
            found = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(f"`y` must hold labels of one kind, text or whole numbers; got {found}")
        labels = np.array(labels.tolist())
    if len(labels) and type_of_target(labels) not in ("binary", "multiclass"):
        raise ValueError(
            f"`y` must hold class labels; got {type_of_target(labels)} values such as {labels[:1].tolist()[0]!r}"
        )
    if len(np.unique(labels)) < 2:
        only = f"all {n_images} images are {labels.tolist()[0]!r}" if len(labels) else "there are no images"
        raise ValueError(f"`y` must hold at least two classes to tell apart; {only}")
    return labels


def _describe(
    images: np.ndarray, names: np.ndarray, about: "Dataset | Mapping[str, Any] | str | None", source: Dataset | None
) -> dict[str, Any]:
    """Return `Comparison.dataset`, less the fingerprint, from the images and what is known about them."""
    present, counts = np.unique(names, return_counts=True)
    known: dict[str, Any] = {"name": "images", "licence": "", "citation": "", "source": ""}
    left_out: dict[str, Any] = {"skipped": [], "n_ignored": 0, "empty_classes": []}
    if isinstance(about, str):
        known["name"] = about
    elif isinstance(about, Mapping):
        known |= {key: value for key, value in about.items() if key not in left_out}
        left_out |= {key: about[key] for key in left_out if key in about}
    elif about is not None:
        known |= {key: getattr(about, key) for key in ("name", "licence", "citation", "source")}
        skipped = [[str(path), str(reason)] for path, reason in about.skipped]
        left_out = {"skipped": skipped, "n_ignored": about.n_ignored, "empty_classes": list(about.empty_classes)}
    order = list(map(str, source.class_names)) if source is not None else []
    class_names = [name for name in order if name in set(present)]  # a subset may have lost some
    return {
        **{key: str(value) for key, value in known.items()},
        **left_out,
        "n_images": len(images),
        "class_names": class_names if len(class_names) == len(present) else present.tolist(),
        "class_counts": dict(zip(present.tolist(), counts.tolist(), strict=True)),
    }


def _fingerprint(images: np.ndarray, names: np.ndarray) -> str:
    digest = hashlib.blake2b(digest_size=16)
    if images.ndim == 2:
        digest.update(repr((images.shape, images.dtype)).encode() + np.ascontiguousarray(images).tobytes())
    else:
        for image in images:
            digest.update(image_key(image).encode() + b"\0")
    digest.update("\0".join(names.tolist()).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
